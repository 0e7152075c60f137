"""In-matrix protocols: known users and known items (the CiteULike1 and CiteULike2 of the paper)."""

from __future__ import annotations

import numpy as np

from ...errors import UsageError
from ...rng import generator
from ...typed_values import typed
from ..dataset import Dataset
from ..tasks import FitOn, RankingTask, Split, Validation
from .parts import (
    Mask,
    as_trained,
    items_of,
    listed_items,
    make_task,
    per_user_rank,
    row_mask,
    served_task,
    three_one_one,
    training_set,
    users_left_out,
    users_of,
)

Tasks = tuple[tuple[RankingTask, ...], tuple[RankingTask, ...]]  # of the protocol, and as they are served


@typed
def citeulike2(data: Dataset, *, seed: int = 0, fit_on: FitOn = "train") -> Split:
    """Divide pairs 3 : 1 : 1 at random; every validation and test item occurs in training (Wang & Blei; section 5.1).

    Parameters
    ----------
    data : Dataset
        Everything.
    seed : int
        Seed of the division.
    fit_on : {"train", "train+validation"}
        Fit on the training pairs alone (the paper: validation pairs are then neither input nor candidates), or refit on
        both for the chosen number of steps.

    Returns
    -------
    Split
        With one ``known-known`` task, whose candidates are the items of the training part, and ``known-all`` served: the
        same over all items. Users without a training pair are left out, counted in the options.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
    >>> [task.name for task in (*split.tasks, *split.served)]
    ['known-known', 'known-all']
    """
    if fit_on not in ("train", "train+validation"):
        raise UsageError(f"fit_on must be 'train' or 'train+validation', got {fit_on!r}")
    rng = generator(seed, "citeulike2")
    part = three_one_one(data.interactions.n_pairs, rng)
    items = data.interactions.pairs()[1]
    orphan = ~row_mask(items[part == 0], data.interactions.n_items)
    # one random pair of an item that no training pair mentions moves to training
    order = rng.permutation(len(items))
    rescued = order[np.unique(items[order], return_index=True)[1]]
    part[rescued[orphan[items[rescued]]]] = 0
    train, validation, test = (part == k for k in range(3))
    inner = training_set(data, train)
    choose = Validation(inner, *_tasks(as_trained(data, train), train, train, validation))
    both = train | validation
    outer, shown = (inner, train) if fit_on == "train" else (training_set(data, both), both)
    tasks, served = _tasks(as_trained(data, shown), shown, both, test)
    options: dict[str, object] = {"users_without_training_pairs": users_left_out(data, train)}
    return Split("citeulike2", outer, tasks, choose, seed=seed, fit_on=fit_on, options=options, served=served)


@typed
def citeulike1(data: Dataset, *, seed: int = 0, per_user: int = 10) -> Split:
    """Train on a fixed number of random positives of each user, test on the rest (Wang, Wang & Yeung).

    Every item is a candidate, also those absent from training: a model that cannot score them puts them last.

    Parameters
    ----------
    data : Dataset
        Everything.
    seed : int
        Seed of the division.
    per_user : int
        Training positives P of each user; one of them validates while choosing.

    Returns
    -------
    Split
        With one ``known-known`` task over all items; ``known-all`` served asks the same.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.citeulike1(dualnet.synthetic.blocks_world(density=0.9), per_user=5)
    >>> split.train.interactions.n_pairs  # 40 users
    200
    """
    if per_user < 2:
        raise UsageError(f"per_user must be at least 2, so that one pair can validate; got {per_user}")
    rank = per_user_rank(data, np.ones(data.interactions.n_pairs, bool), generator(seed, "citeulike1"))
    train, test = rank < per_user, rank >= per_user
    users = data.interactions.pairs()[0]
    last = np.minimum(np.bincount(users, minlength=data.interactions.n_users), per_user)[users] - 1
    held = train & (rank == last) & (last > 0)
    everything = np.arange(data.interactions.n_items)

    def tasks(visible: Mask, hidden: Mask) -> Tasks:
        view, users = as_trained(data, visible), users_of(data, visible)
        task = make_task(
            "known-known", view, users=users, visible=visible, seen=visible, hidden=hidden, candidates=everything,
            candidate_set="all",
        )  # fmt: skip
        return (task,), served_task(
            "known-all", view, train=visible, users=users, visible=visible, seen=visible, hidden=hidden, candidates=everything
        )

    choose = Validation(training_set(data, train & ~held), *tasks(train & ~held, held))
    final, served = tasks(train, test)
    options: dict[str, object] = {"per_user": per_user}
    return Split("citeulike1", training_set(data, train), final, choose, seed=seed, options=options, served=served)


def _tasks(data: Dataset, visible: Mask, seen: Mask, hidden: Mask) -> Tasks:
    known = items_of(data, visible)
    reachable = hidden & row_mask(known, data.interactions.n_items)[data.interactions.pairs()[1]]
    users = users_of(data, visible)
    task = make_task("known-known", data, users=users, visible=visible, seen=seen, hidden=reachable, candidates=known)
    everything = listed_items(data, np.ones_like(hidden))
    return (task,), served_task(
        "known-all", data, train=visible, users=users, visible=visible, seen=seen, hidden=hidden, candidates=everything
    )
