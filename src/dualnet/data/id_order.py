"""Detection of divisions that are called random but are ordered by id, such as a widely shared one of CiteULike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import warn
from ..ids import IdMap, whole_number
from .tasks import RankingTask, Split

FEWEST = 10  # users who can tell
SHARE = 0.5  # of them who are ordered
BY_CHANCE = 1 / 3  # who would be ordered with a greater chance at random tells nothing


class IdOrder(NamedTuple):
    """Number of users whose training items all come before, or after, their test items by id, and of all users that count."""

    ordered: int
    told: int

    def __str__(self) -> str:
        return (
            f"{self.ordered:,} of {self.told:,} users have all training items before (or after) all test items by id: the division"
            " is ordered, not random"
        )


def order_of(split: Split) -> IdOrder | None:
    """Return how far a division is ordered by id; None for one that may be random, or that is ordered by time on purpose.

    Ids that are whole numbers are in the order of the numbers, also where they are text. What counts are known users and all
    that is hidden from them, where some of it are known items: that new items come last by id is no fault.

    Parameters
    ----------
    split : Split
    """
    tasks = [task for task in split.tasks if task.name in ("known-known", "known-new")]
    if split.protocol == "temporal" or not tasks or tasks[0].name != "known-known":
        return None
    asked = tasks[0].users
    least, most, shown = _bounds(tasks[0].history, tasks[0])
    first, last, hidden = _bounds(tasks[0].truth, tasks[0])
    for task in tasks[1:]:
        rows = task.users.find(asked)
        more = _bounds(task.truth, task)
        there = rows >= 0
        first[there] = np.minimum(first[there], more[0][rows[there]])
        last[there] = np.maximum(last[there], more[1][rows[there]])
        hidden[there] += more[2][rows[there]]
    # chance that all of the shown ones come first, or last: two of the ways to place them
    steps = np.minimum(shown, hidden)
    ways = np.where(steps > 1, (shown + hidden) * (shown + hidden - 1) / 2, shown + hidden)
    chance = 2 / np.maximum(ways, 1)
    told = (shown > 0) & (hidden > 0) & (chance <= BY_CHANCE)
    ordered = told & ((most < first) | (last < least))
    found = IdOrder(int(ordered.sum()), int(told.sum()))
    return found if found.told >= FEWEST and found.ordered > SHARE * found.told else None


def warn_of_order(split: Split) -> None:
    """Warn with `DualNetWarning` of a division that is ordered by id.

    Parameters
    ----------
    split : Split
    """
    found = order_of(split)
    if found is not None:
        warn(f"{split.train.name}: {found}")


def _bounds(matrix: csr_array, task: RankingTask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last place of each user's items by id, and how many there are."""
    counts = np.diff(matrix.indptr).astype(np.int64)
    first, last = np.full(len(counts), len(task.items), np.int64), np.full(len(counts), -1, np.int64)
    filled = counts > 0
    if filled.any():
        places = _places(task.items)[matrix.indices]
        starts = matrix.indptr[:-1][filled]
        first[filled], last[filled] = np.minimum.reduceat(places, starts), np.maximum.reduceat(places, starts)
    return first, last, counts


def _places(ids: IdMap) -> NDArray[np.int64]:
    """Return the place of each item by id."""
    numbers = None if ids.is_integer else [whole_number(str(key)) for key in ids]
    keys: list[object] = list(ids) if numbers is None or None in numbers else list(numbers)
    order = np.array(sorted(range(len(keys)), key=lambda row: keys[row]), np.int64)  # type: ignore[arg-type, return-value]
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places
