"""Validation for data without a division: known and new items are mixed as in a list that a server answers."""

from __future__ import annotations

import numpy as np

from ...errors import DataError
from ...ids import Rows
from ...rng import generator
from ...typed_values import typed
from ..dataset import Dataset
from ..tasks import RankingTask, Validation
from .other_share import visible_others
from .parts import (
    Mask,
    as_trained,
    draw_share,
    items_of,
    listed_items,
    make_task,
    per_user_rank,
    row_mask,
    served_task,
    training_set,
    users_of,
)

NEW_SHARE = 0.1  # of the items play the new ones
ASKED_SHARE = 0.2  # of the pairs of a user are to be found
LEAST_PAIRS = 5  # of a user who is asked; 2 where nobody has so many


@typed
def validation(data: Dataset, *, seed: int = 0, users: int = 2000) -> Validation:
    """Return a validation set for data without a division; it imitates the list that is served.

    Where there is item content, a tenth of the items becomes new: none of their pairs trains. Some users are asked for a
    fifth of their pairs, drawn without regard to the item, so that new items have the share of the held-out pairs that they
    have of all pairs. What is drawn is random, also where the data has times (see docs/decisions.md).

    All items of the table but the new ones stay in the training set, also those whose last pair is asked for: to the model they
    are items that were there and that nobody liked, as a catalogue holds them.

    Parameters
    ----------
    data : Dataset
        Everything there is.
    seed : int
        Seed of what is drawn.
    users : int
        How many users are asked at most; all others train on all their pairs of known items.

    Returns
    -------
    Validation
        With ``known-known`` (training items), ``known-new`` (all pairs of new items; with content) and, served,
        ``known-all``: pairs of new items that are not asked for are neither shown nor ranked there.

    Raises
    ------
    DataError
        If nobody has two pairs, or so few items have any that nothing is left to train on or to find.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> choose_on = dualnet.splits.validation(data)
    >>> [task.name for task in choose_on.tasks]
    ['known-known', 'known-new']
    >>> model = dualnet.Fusion(factors=4).fit(choose_on.train, choose_on)
    """
    user_rows, items = data.interactions.pairs()
    n_users, n_items = data.interactions.n_users, data.interactions.n_items
    rng = generator(seed, "serving")
    playing = np.empty(0, np.int64)
    if data.items is not None:
        playing = draw_share(data.known_items(), NEW_SHARE, rng, "items")
    new = row_mask(playing, n_items)[items]
    counts = np.bincount(user_rows, minlength=n_users)
    able = np.flatnonzero(counts >= (LEAST_PAIRS if (counts >= LEAST_PAIRS).any() else 2))
    of_asked = row_mask(rng.permutation(able)[:users], n_users)[user_rows]
    rank = per_user_rank(data, of_asked, rng)
    asked = of_asked & (rank < np.maximum(np.round(ASKED_SHARE * counts), 1)[user_rows])
    train = ~new & ~asked
    known = row_mask(items_of(data, train), n_items)[items]
    of_asked &= row_mask(users_of(data, train), n_users)[user_rows]  # who has nothing left to show is not asked
    if not (of_asked & asked & known).any():
        raise DataError(f"data set '{data.name}' is too small to choose anything on: no pair can be held out of training")
    shown = visible_others(data, ~new, train)  # of all items but those that play the new ones
    view = as_trained(data, train, shown if len(shown) else None)
    stay = None if data.items is None else np.setdiff1d(np.arange(n_items), playing)

    def task(name: str, hidden: Mask, candidates: Rows) -> RankingTask:
        return make_task(
            name, view, users=users_of(data, hidden), visible=train, seen=train, hidden=hidden, candidates=candidates
        )

    tasks = [task("known-known", of_asked & asked & known, items_of(data, train))]
    if (of_asked & new).any():
        tasks.append(task("known-new", of_asked & new, playing))
    hidden = of_asked & asked
    served = served_task(
        "known-all", view, train=train, users=users_of(data, hidden), visible=train, seen=train | new & ~asked, hidden=hidden,
        candidates=listed_items(data, np.ones_like(train)),
    )  # fmt: skip
    return Validation(training_set(data, train, shown, stay), tuple(tasks), served)
