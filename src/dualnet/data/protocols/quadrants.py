"""The four quadrants (known and new users and items), by random choice or by a cut in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, UsageError
from ...ids import Rows
from ...rng import generator
from ...typed_values import typed
from ..dataset import Dataset
from ..tasks import RankingTask, Split, Validation
from .parts import (
    Mask,
    as_trained,
    draw_share,
    items_of,
    listed_items,
    make_task,
    row_mask,
    served_task,
    three_one_one,
    training_set,
    users_of,
    visible_share,
)
from .serving import NEW_SHARE


@typed
def four_quadrants(data: Dataset, *, seed: int = 0, new_items: float = 0.2, new_users: float = 0.1) -> Split:
    """Make a share of the items and of the users new; within the rest divide pairs 3 : 1 : 1.

    New users show 3/5 of their history of known items. Candidates are the known items for ``*-known`` and the new items
    for ``*-new``.

    Parameters
    ----------
    data : Dataset
        Everything, with item content.
    seed : int
        Seed of the division.
    new_items, new_users : float
        Shares that training never sees.

    Returns
    -------
    Split
        With four tasks, and ``known-all`` and ``new-all`` served; validation plays the same game inside the training part,
        then refit.

    Raises
    ------
    DataError
        If there is no content.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.four_quadrants(dualnet.synthetic.blocks_world(), new_items=0.25)
    >>> len(split.task("known-new").candidates)  # a quarter of 48 items
    12
    """
    if data.items is None:
        raise DataError(f"data set '{data.name}' has no item content, so nothing is known of new items; add content columns")
    rng = generator(seed, "four-quadrants")
    everything = np.ones(data.interactions.n_pairs, bool)
    train, held, tasks, served = _divide(data, everything, everything & False, rng, new_items, new_users)
    inner, _, choose, choose_served = _divide(data, train, held, rng, new_items, new_users)
    options: dict[str, object] = {"new_items": new_items, "new_users": new_users}
    validation = Validation(training_set(data, inner), choose, choose_served)
    return Split("four-quadrants", training_set(data, train), tasks, validation, seed=seed, options=options, served=served)


@typed
def temporal(data: Dataset, *, test: float = 0.2) -> Split:
    """Train on the past, test on the future: the latest share of the pairs is hidden.

    Users and items that first occur after the cut are new; each pair of the future belongs to one quadrant. Known users
    show their past; new users have no past to show and are left out, counted in the options.

    Parameters
    ----------
    data : Dataset
        Everything, with times.
    test : float
        Share of pairs after the cut; the same share of the past validates. Where the future has new items and that share
        of the past has none, the tenth of the items that came last play new ones in the validation.

    Returns
    -------
    Split
        With the tasks that have anything to find, and ``known-all`` served.

    Raises
    ------
    DataError
        If the data has no times, or all times are equal.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.library(n_readers=60, n_papers=80)
    >>> split = dualnet.splits.temporal(data, test=0.2)
    >>> split.protocol
    'temporal'
    """
    times = data.interactions.times
    if times is None:
        raise DataError(f"data set '{data.name}' has no times; name the time column with time=, or choose another protocol")
    if not 0 < test < 1:
        raise UsageError(f"test must be a share above 0 and below 1, got {test}")
    cut = np.quantile(times, 1 - test, method="higher")
    past = times < cut
    if not past.any():
        raise DataError(f"data set '{data.name}': no pair is older than the cut at {int(cut)}; its times are all alike")
    inner_cut = np.quantile(times[past], 1 - test, method="higher")
    inner = times < inner_cut
    if not inner.any():
        raise DataError(f"data set '{data.name}': too few different times to validate in the past")
    others = data.interactions.others
    when = None if others is None else others.times
    before, inner_before = (None, None) if when is None else (when < cut, when < inner_cut)
    tasks, served = _future(data, past, ~past, before)
    if not tasks:
        raise DataError(f"data set '{data.name}': nobody known before the cut at {int(cut)} did anything after it")
    if any(task.name == "known-new" for task in tasks):
        inner = _with_new_items(data, times, past, inner)
    validation = Validation(training_set(data, inner, inner_before), *_future(data, inner, past & ~inner, inner_before))
    strangers = len(np.setdiff1d(users_of(data, ~past), users_of(data, past)))
    options: dict[str, object] = {"test": test, "cut": int(cut), "users_without_past": strangers}
    choose = validation if validation.tasks else None
    return Split("temporal", training_set(data, past, before), tasks, choose, options=options, served=served)


def _with_new_items(data: Dataset, times: NDArray[np.int64], past: Mask, inner: Mask) -> Mask:
    """Return the pairs that train for the validation, without those of the items that came last where no item is new otherwise."""
    (users, items), n_items = data.interactions.pairs(), data.interactions.n_items
    before, asked = items_of(data, inner), row_mask(users_of(data, inner), data.interactions.n_users)[users]
    if (past & ~inner & asked & ~row_mask(before, n_items)[items]).any():
        return inner
    came = np.full(n_items, np.iinfo(np.int64).max)
    np.minimum.at(came, items[inner], times[inner])
    last = before[np.argsort(came[before], kind="stable")][-max(1, round(NEW_SHARE * len(before))) :]
    rest = inner & ~row_mask(last, n_items)[items]
    return rest if rest.any() else inner


def _future(
    data: Dataset, past: Mask, future: Mask, others: Mask | None
) -> tuple[tuple[RankingTask, ...], tuple[RankingTask, ...]]:
    """Return the known-known and known-new tasks of the pairs after a cut, and the list of all items of both sides.

    `others` are the other events before the cut.
    """
    users, items = data.interactions.pairs()
    known_users = row_mask(users_of(data, past), data.interactions.n_users)[users]
    known_items = items_of(data, past)
    known = row_mask(known_items, data.interactions.n_items)[items]
    view = as_trained(data, past, others)
    tasks = []
    for name, chosen, candidates in (
        ("known-known", future & known_users & known, known_items),
        ("known-new", future & known_users & ~known, items_of(data, future & ~known)),
    ):
        if chosen.any():
            rows = users_of(data, chosen)
            tasks.append(make_task(name, view, users=rows, visible=past, seen=past, hidden=chosen, candidates=candidates))
    asked = future & known_users
    return tuple(tasks), served_task(
        "known-all", view, train=past, users=users_of(data, asked), visible=past, seen=past, hidden=asked,
        candidates=listed_items(data, past | future),
    )  # fmt: skip


def _divide(
    data: Dataset, pairs: Mask, held: Mask, rng: np.random.Generator, new_items: float, new_users: float
) -> tuple[Mask, Mask, tuple[RankingTask, ...], tuple[RankingTask, ...]]:
    """Divide some pairs into a training part, four tasks and the lists that are served.

    `held` are pairs that an outer division keeps for validation; if there are any, they are what known users have to find
    among known items, otherwise pairs are divided 3 : 1 : 1 here. Returns training pairs, pairs kept for validation, tasks and
    lists.
    """
    users, items = data.interactions.pairs()
    n_users, n_items = data.interactions.n_users, data.interactions.n_items
    new_item_rows = draw_share(items_of(data, pairs), new_items, rng, "items")
    new_item = row_mask(new_item_rows, n_items)[items]
    new_user = row_mask(draw_share(users_of(data, pairs), new_users, rng, "users"), n_users)[users]
    core = pairs & ~new_item & ~new_user
    if held.any():
        train, kept, found = core, np.zeros_like(core), held & ~new_item & ~new_user
    else:
        part = np.full(len(core), -1)
        part[core] = three_one_one(int(core.sum()), rng)
        train, kept, found = part == 0, part == 1, part == 2
    known_items = items_of(data, train)
    known = row_mask(known_items, n_items)[items]
    known_users = row_mask(users_of(data, train), n_users)[users]
    shown, asked = visible_share(data, pairs & new_user & known, rng, (0.6,))
    strangers = row_mask(users_of(data, shown), n_users)[users]
    quadrants: tuple[tuple[str, Mask, Mask, Mask, Rows], ...] = (
        ("known-known", train, kept, found & known & known_users, known_items),
        ("known-new", train, kept, pairs & known_users & ~new_user & new_item, new_item_rows),
        ("new-known", shown, shown, asked, known_items),
        ("new-new", shown, shown, pairs & strangers & new_user & new_item, new_item_rows),
    )
    view = as_trained(data, train)
    tasks = tuple(
        make_task(name, view, users=users_of(data, visible), visible=visible, seen=seen, hidden=hidden, candidates=candidates)
        for name, visible, seen, hidden, candidates in quadrants
    )
    lists: tuple[tuple[str, Mask, Mask, Mask], ...] = (
        ("known-all", train, kept, found | pairs & ~new_user & new_item),
        ("new-all", shown, shown, asked | pairs & new_user & ~known),
    )
    listed = listed_items(data, pairs)
    served = tuple(
        task
        for name, visible, seen, hidden in lists
        for task in served_task(
            name, view, train=train, users=users_of(data, visible), visible=visible, seen=seen, hidden=hidden, candidates=listed
        )
    )
    return train, kept, tasks, served
