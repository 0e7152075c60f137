"""Events that are not likes: items that users saw or disliked, which are not listed to them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import DataError, UsageError, listing
from ..ids import Rows
from .csr import check_matrix, checked_rows, csr_positions, keep_entries
from .event_weights import DISLIKE, EVENT_TYPES, SEEN

EventType = Literal["like", "seen", "dislike"]


@dataclass(frozen=True, eq=False)
class OtherEvents:
    """User-item pairs that are known and are not likes: what somebody saw, dismissed or rated low.

    They are never listed to the same user again (unless asked), and they tell that an item was seen and not liked, which is
    something else than an item that nobody ever saw.

    Parameters
    ----------
    kinds : csr_array of uint8, shape (n_users, n_items)
        A stored entry is a pair; its value is `SEEN` (1) or `DISLIKE` (2). Indices are sorted and distinct.
    times : ndarray of int64, shape (kinds.nnz,), optional
        When each happened (seconds since 1970), in the order of `kinds.data`.

    Raises
    ------
    DataError
        If a value is no kind, indices are unsorted or repeated, or there is not one time a pair.
    """

    kinds: csr_array
    times: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        check_matrix(self.kinds, (None, None), "the matrix of other events")
        wrong = ~np.isin(self.kinds.data, (SEEN, DISLIKE))
        if self.kinds.dtype != np.uint8 or wrong.any():
            raise DataError(
                f"other events are {SEEN} (seen) or {DISLIKE} (dislike) as uint8, got {listing(self.kinds.data[wrong].tolist())}"
                f" as {self.kinds.dtype}"
            )
        if self.times is not None and np.shape(self.times) != (self.kinds.nnz,):
            raise DataError(f"{len(self.times)} times for {self.kinds.nnz} other events")

    @classmethod
    def from_rows(
        cls, shape: tuple[int, int], user_rows: Rows, item_rows: Rows, kinds: NDArray[np.uint8], times: NDArray[np.int64] | None
    ) -> OtherEvents:
        """Build from row numbers; of several events of one pair a dislike counts before a view, then the earliest.

        Parameters
        ----------
        shape : tuple of int
            Numbers of users and of items.
        user_rows, item_rows : ndarray of int64, shape (n_events,)
            Positions.
        kinds : ndarray of uint8, shape (n_events,)
            `SEEN` or `DISLIKE`.
        times : ndarray of int64, shape (n_events,), optional
            Seconds since 1970.
        """
        user_rows = checked_rows(user_rows, shape[0], "user rows of other events")
        item_rows = checked_rows(item_rows, shape[1], "item rows of other events")
        if not len(user_rows) == len(item_rows) == len(kinds) == (len(kinds) if times is None else len(times)):
            raise DataError("other events need one user, one item, one kind and at most one time each")
        pair = user_rows * np.int64(max(shape[1], 1)) + item_rows
        strength = -kinds.astype(np.int64)
        order = np.lexsort((strength, pair) if times is None else (times, strength, pair))
        order = order[np.diff(pair[order], prepend=-1) != 0]
        counts = np.bincount(user_rows[order], minlength=shape[0])
        indptr = np.concatenate([[0], np.cumsum(counts)])
        index_type = np.int32 if len(order) < 2**31 and shape[1] < 2**31 else np.int64
        matrix = csr_array((kinds[order], item_rows[order].astype(index_type), indptr.astype(index_type)), shape=shape)
        return cls(matrix, None if times is None else times[order])

    def __len__(self) -> int:
        return int(self.kinds.nnz)

    @property
    def n_seen(self) -> int:
        """Number of pairs that were seen, with no more known."""
        return int((self.kinds.data == SEEN).sum())

    @property
    def n_disliked(self) -> int:
        """Number of pairs that were disliked: dismissed, or rated below the threshold."""
        return len(self) - self.n_seen

    def pairs(self) -> tuple[Rows, Rows]:
        """Return user rows and item rows, each an int64 array of shape (n_events,), in matrix order."""
        users = np.repeat(np.arange(self.kinds.shape[0], dtype=np.int64), np.diff(self.kinds.indptr))
        return users, self.kinds.indices.astype(np.int64)

    def pattern(self) -> csr_array:
        """Return the pairs as a csr_array of float32 ones, shape (n_users, n_items)."""
        return csr_array((np.ones(len(self), np.float32), self.kinds.indices, self.kinds.indptr), shape=self.kinds.shape)

    def keep(self, mask: NDArray[np.bool_]) -> OtherEvents:
        """Return only some events of the same users and items; `mask` has one value an event, in matrix order."""
        return OtherEvents(keep_entries(self.kinds, mask), None if self.times is None else self.times[mask])

    def select(self, *, users: Rows | None = None, items: Rows | None = None) -> OtherEvents:
        """Return the events of some users and items, renumbered in the order given."""
        source = csr_positions(self.kinds, users=users, items=items)
        kinds = csr_array((self.kinds.data[source.data], source.indices, source.indptr), shape=source.shape)
        return OtherEvents(kinds, None if self.times is None else self.times[source.data])

    def over(self, users: Rows, items: Rows, shape: tuple[int, int]) -> OtherEvents:
        """Return the events over other users and items.

        Parameters
        ----------
        users, items : ndarray of int64
            New row of each present user and item, -1 for those that are left out.
        shape : tuple of int
            New numbers of users and items.
        """
        own_users, own_items = self.pairs()
        rows, columns = users[own_users], items[own_items]
        left = (rows >= 0) & (columns >= 0)
        times = None if self.times is None else self.times[left]
        return OtherEvents.from_rows(shape, rows[left], columns[left], self.kinds.data[left], times)


def event_codes(types: Sequence[str] | NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the codes of event types, shape (n_events,); codes (uint8) are returned as they are.

    Raises
    ------
    UsageError
        If one is none of ``like``, ``seen`` and ``dislike``.
    """
    if isinstance(types, np.ndarray) and types.dtype == np.uint8:
        return types.astype(np.uint8, copy=False)
    wrong = [value for value in dict.fromkeys(types) if value not in EVENT_TYPES]
    if wrong:
        raise UsageError(f"event type {listing(wrong)} is not known; an event is one of {', '.join(EVENT_TYPES)}")
    return np.array([EVENT_TYPES[str(value)] for value in types], np.uint8)


def count_kinds(kinds: csr_array | None) -> dict[str, int]:
    """Return how many pairs of `OtherEvents.kinds` are dislikes and views, by name; nothing where there are none."""
    return {} if kinds is None else {"disliked": int((kinds.data == DISLIKE).sum()), "seen": int((kinds.data == SEEN).sum())}
