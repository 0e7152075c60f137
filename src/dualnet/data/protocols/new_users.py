"""The protocol for unknown users: they have no training pairs and are ranked from the items that they show."""

from __future__ import annotations

import numpy as np

from ...ids import Rows
from ...rng import generator
from ...typed_values import typed
from ..dataset import Dataset
from ..tasks import RankingTask, Split, Validation
from .parts import (
    Mask,
    as_trained,
    draw_fold,
    draw_share,
    items_of,
    listed_items,
    make_task,
    row_mask,
    served_task,
    training_set,
    users_of,
    visible_share,
)

VALIDATION_SHARE = 0.1  # of the training users play the new ones while choosing


@typed
def unknown_users(data: Dataset, *, seed: int = 0, folds: int = 10, fold: int = 0, trained: bool = False) -> Split:
    """Keep a tenth of the users out of training; show 3/5 of their history, hide 1/5, leave 1/5 unused.

    Parameters
    ----------
    data : Dataset
        Everything.
    seed : int
        Seed of the division.
    folds, fold : int
        Which of the disjoint parts of the users is unknown.
    trained : bool
        Let the visible pairs of these users train after all: the other half of the paired comparison, with the same
        users, the same visible pairs, the same hidden ones and the same candidates.

    Returns
    -------
    Split
        With one ``new-known`` task (``known-known`` if `trained`), whose candidates are the items of the other users, and
        ``new-all`` (``known-all``) served: the same over all items.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.unknown_users(dualnet.synthetic.blocks_world(), folds=10)
    >>> len(split.task("new-known").users)  # a tenth of 40 users
    4
    """
    rng = generator(seed, "unknown-users")
    users = data.interactions.pairs()[0]
    n_users = data.interactions.n_users
    new = row_mask(draw_fold(users_of(data, users >= 0), folds, fold, rng, "users"), n_users)[users]
    visible, hidden, _ = visible_share(data, new, rng, (0.6, 0.8))
    train = ~new | visible if trained else ~new
    playing = row_mask(draw_share(users_of(data, ~new), VALIDATION_SHARE, rng, "users"), n_users)[users]
    shown, asked, _ = visible_share(data, playing, rng, (0.6, 0.8))
    inner = train & ~playing
    view, listed = as_trained(data, inner), listed_items(data, ~new)
    choose = Validation(training_set(data, inner), *_tasks("new", view, inner & ~new, shown, asked, listed))
    kind, everything = "known" if trained else "new", listed_items(data, np.ones_like(new))
    tasks, served = _tasks(kind, as_trained(data, train), ~new, visible, hidden, everything)
    options: dict[str, object] = {"folds": folds, "trained": trained}
    return Split(
        "unknown-users", training_set(data, train), tasks, choose, seed=seed, fold=fold, options=options, served=served
    )


def _tasks(
    kind: str, data: Dataset, others: Mask, visible: Mask, hidden: Mask, listed: Rows
) -> tuple[tuple[RankingTask, ...], tuple[RankingTask, ...]]:
    """Return the task over the items of other users, and the one over all listed items."""
    known = items_of(data, others)
    reachable = hidden & row_mask(known, data.interactions.n_items)[data.interactions.pairs()[1]]
    users = users_of(data, visible)
    task = make_task(f"{kind}-known", data, users=users, visible=visible, seen=visible, hidden=reachable, candidates=known)
    return (task,), served_task(
        f"{kind}-all", data, train=others, users=users, visible=visible, seen=visible, hidden=hidden, candidates=listed
    )
