"""`Interactions`: a users x items matrix in CSR form with the ids of both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..errors import DataError, UsageError, counted, listing, warn
from ..ids import IdMap, Key, Rows
from ..typed_values import named
from .csr import check_matrix, checked_numbers, checked_rows, csr_positions, keep_entries, selected
from .event_weights import DISLIKE, LIKE
from .other_events import OtherEvents, event_codes

Duplicates = Literal["error", "first", "last", "max", "sum"]

AT_ONCE = 2**22  # numbers that are hashed together


@dataclass(frozen=True, eq=False)
class Interactions:
    """Positive user-item pairs ("likes"), the matching matrix R of the paper (section 3), and other events beside them.

    Parameters
    ----------
    users, items : IdMap
        Ids of the rows and of the columns. Shapes come from here, never from the largest id.
    matrix : csr_array of float32, shape (len(users), len(items))
        A stored entry is a positive pair; its value is the pair's weight (confidence a_ij, 1 unless given), always
        finite and > 0. Indices are sorted and distinct.
    times : ndarray of int64, shape (matrix.nnz,), optional
        When each pair happened (seconds since 1970), in the order of `matrix.data`.
    others : OtherEvents, optional
        Events of items that the same users saw or disliked; no pair of them is a like. None if there are none.

    Raises
    ------
    DataError
        If shapes disagree, a weight is not finite and positive, or another event is of a pair that is a like.

    Examples
    --------
    >>> import dualnet
    >>> from scipy.sparse import csr_array
    >>> matrix = csr_array([[1.0, 1.0], [0.0, 1.0]], dtype="float32")
    >>> likes = dualnet.Interactions(dualnet.IdMap(["ann", "bob"]), dualnet.IdMap(["tea", "jam"]), matrix)
    >>> likes.n_pairs
    3
    """

    users: IdMap
    items: IdMap
    matrix: csr_array
    times: NDArray[np.int64] | None = None
    others: OtherEvents | None = None

    def __post_init__(self) -> None:
        if getattr(self.matrix, "shape", None) != (len(self.users), len(self.items)):
            raise DataError(
                f"the matrix has shape {getattr(self.matrix, 'shape', None)}, but there are {len(self.users)} users and"
                f" {len(self.items)} items"
            )
        check_matrix(self.matrix, (len(self.users), len(self.items)), "the matrix")
        data = self.matrix.data
        if data.dtype.kind not in "fiub":
            raise DataError(f"weights are of kind {data.dtype}; give numbers")
        if not (np.isfinite(data).all() and (data > 0).all()):
            bad = data[~(np.isfinite(data) & (data > 0))]
            raise DataError(
                f"weights must be finite and above 0, got {listing(bad.tolist())}; drop those pairs or set a threshold"
            )
        if self.times is not None and np.shape(self.times) != (self.matrix.nnz,):
            raise DataError(f"{np.shape(self.times)} times for {self.matrix.nnz} pairs; give one for each")
        if self.others is not None and not len(self.others):
            object.__setattr__(self, "others", None)
        elif self.others is not None:
            if self.others.kinds.shape != self.matrix.shape:
                raise DataError(
                    f"other events have shape {self.others.kinds.shape}, but the matrix of likes has {self.matrix.shape}"
                )
            if self.others.pattern().multiply(self.matrix).nnz:
                raise DataError("a pair is both a like and another event; build them with Interactions.from_pairs")

    @classmethod
    @named
    def from_pairs(
        cls,
        users: Sequence[Key] | NDArray[np.generic],
        items: Sequence[Key] | NDArray[np.generic],
        *,
        weights: ArrayLike | None = None,
        times: ArrayLike | None = None,
        user_ids: IdMap | None = None,
        item_ids: IdMap | None = None,
        types: Sequence[str] | NDArray[np.generic] | None = None,
        duplicates: Duplicates = "error",
    ) -> Interactions:
        """Build interactions from one (user, item) pair for each event.

        Parameters
        ----------
        users, items : sequence of str or int, equal length
            External ids of each pair.
        weights : array of float, optional
            Confidence of each like, > 0; those of other events are not used.
        times : array of int, optional
            Seconds since 1970.
        user_ids, item_ids : IdMap, optional
            The full id maps when more users or items exist than occur in the pairs.
        types : sequence of {"like", "seen", "dislike"} or of their codes (uint8), optional
            Type of each event; likes when left out. Of several events of one pair a like counts before a dislike, and a
            dislike before a view.
        duplicates : {"error", "first", "last", "max", "sum"}
            Treatment of a pair that occurs with *different* weights. Pairs that repeat with one weight are always
            collapsed to one, with a warning that counts them; the earliest time is kept.

        Returns
        -------
        Interactions

        Raises
        ------
        DataError
            If lengths differ, there are no likes, weights are not finite and positive, or weights conflict.
        UnknownIdError
            If a pair's id is not in the map that was given.

        Examples
        --------
        >>> import dualnet
        >>> likes = dualnet.Interactions.from_pairs(["ann", "ann", "bob"], ["tea", "jam", "tea"])
        >>> print(likes)
        Interactions(2 users, 2 items, 3 pairs, density 75.0000%)
        """
        if len(users) != len(items):
            raise DataError(f"{len(users)} users but {len(items)} items; each pair needs both")
        if len(users) == 0:
            raise DataError("there are no pairs; an empty table cannot be used")
        if user_ids is None:
            user_ids, user_rows = IdMap.from_values(users)
        else:
            user_rows = user_ids.rows(users, "user")
        if item_ids is None:
            item_ids, item_rows = IdMap.from_values(items)
        else:
            item_rows = item_ids.rows(items, "item")
        kinds = None if types is None else event_codes(types)
        return cls.from_rows(
            user_ids, item_ids, user_rows, item_rows, weights=weights, times=times, kinds=kinds, duplicates=duplicates
        )

    @classmethod
    @named
    def from_rows(
        cls,
        users: IdMap,
        items: IdMap,
        user_rows: Rows,
        item_rows: Rows,
        *,
        weights: ArrayLike | None = None,
        times: ArrayLike | None = None,
        kinds: NDArray[np.uint8] | None = None,
        duplicates: Duplicates = "error",
    ) -> Interactions:
        """Build interactions from row numbers; see `from_pairs` for the rules on repeated pairs.

        Parameters
        ----------
        users, items : IdMap
            Ids of the rows and columns.
        user_rows, item_rows : ndarray of int64, shape (n_pairs,)
            Positions in `users` and `items`.
        weights, times, duplicates
            As in `from_pairs`.
        kinds : ndarray of uint8, shape (n_pairs,), optional
            `LIKE`, `SEEN` or `DISLIKE` of `dualnet.data.other_events`; likes when left out.

        Raises
        ------
        DataError
            As in `from_pairs`, and if a row number is out of range.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> users, items = dualnet.IdMap(["ann", "bob"]), dualnet.IdMap(["tea", "jam"])
        >>> dualnet.Interactions.from_rows(users, items, np.array([0, 1]), np.array([1, 1])).n_pairs
        2
        """
        if duplicates not in ("error", "first", "last", "max", "sum"):
            raise UsageError(f"duplicates must be 'error', 'first', 'last', 'max' or 'sum', got {duplicates!r}")
        user_rows = checked_rows(user_rows, len(users), "user rows")
        item_rows = checked_rows(item_rows, len(items), "item rows")
        value = np.ones(len(user_rows), np.float32) if weights is None else checked_numbers(weights, np.float32, "weights")
        when = None if times is None else checked_numbers(times, np.int64, "times")
        for what, given in (("item rows", item_rows), ("weights", value), ("times", when), ("kinds", kinds)):
            if given is not None and np.shape(given) != user_rows.shape:
                raise DataError(f"{what} have shape {np.shape(given)} for {len(user_rows)} user rows; give one for each pair")
        others: OtherEvents | None = None
        if kinds is not None and (kinds != LIKE).any():
            others = _other_events((len(users), len(items)), user_rows, item_rows, kinds, when)
            liked = kinds == LIKE
            user_rows, item_rows, value = user_rows[liked], item_rows[liked], value[liked]
            when = None if when is None else when[liked]
        bad = ~(np.isfinite(value) & (value > 0))
        if bad.any():
            raise DataError(
                f"pair {int(np.flatnonzero(bad)[0]) + 1} has weight {value[bad][0]}; weights must be finite and above 0"
                f" ({int(bad.sum())} such pairs); drop them or turn ratings into positives with a threshold"
            )
        # one key for a pair: a stable sort of it takes half the time and memory of a lexical one
        order = np.argsort(user_rows * np.int64(max(len(items), 1)) + item_rows, kind="stable")
        user_sorted, item_sorted, value = user_rows[order], item_rows[order], value[order]
        when = None if when is None else when[order]
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(user_sorted) != 0) | (np.diff(item_sorted) != 0)
        starts = np.flatnonzero(first)
        if len(starts) < len(order):
            value, when = _collapse(users, items, user_sorted, item_sorted, value, when, starts, duplicates)
        counts = np.bincount(user_sorted[starts], minlength=len(users))
        indptr = np.concatenate([[0], np.cumsum(counts)])
        index_type = np.int32 if len(starts) < 2**31 and len(items) < 2**31 else np.int64
        matrix = csr_array(
            (value, item_sorted[starts].astype(index_type), indptr.astype(index_type)), shape=(len(users), len(items))
        )
        return cls(users, items, matrix, when, others)

    @property
    def n_users(self) -> int:
        """Number of users (rows), with or without pairs."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items (columns), with or without pairs."""
        return len(self.items)

    @property
    def n_pairs(self) -> int:
        """Number of distinct positive pairs."""
        return int(self.matrix.nnz)

    @property
    def density(self) -> float:
        """Share of the users x items cells that are positive."""
        cells = self.n_users * self.n_items
        return self.n_pairs / cells if cells else 0.0

    def __repr__(self) -> str:
        others = f", {len(self.others):,} other events" if self.others is not None else ""
        return (
            f"Interactions({counted(self.n_users, '{user|users}')}, {counted(self.n_items, '{item|items}')},"
            f" {counted(self.n_pairs, '{pair|pairs}')}, density"
            f" {self.density:.4%}{others})"
        )

    def pairs(self) -> tuple[Rows, Rows]:
        """Return user rows and item rows of all pairs, each an int64 array of shape (n_pairs,), in matrix order.

        Examples
        --------
        >>> import dualnet
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "jam"])
        >>> users, items = likes.pairs()
        >>> users.tolist(), items.tolist()
        ([0, 1], [1, 0])
        """
        users = np.repeat(np.arange(self.n_users, dtype=np.int64), np.diff(self.matrix.indptr))
        return users, self.matrix.indices.astype(np.int64)

    def pattern(self) -> csr_array:
        """Return the matrix with every stored value 1 (float32): the histories, without weights.

        Examples
        --------
        >>> import dualnet
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "tea"], weights=[3.0, 0.5])
        >>> likes.pattern().toarray().tolist()
        [[1.0], [1.0]]
        """
        return csr_array((np.ones(self.n_pairs, np.float32), self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape)

    def keep(self, mask: NDArray[np.bool_], others: NDArray[np.bool_] | None = None) -> Interactions:
        """Return the same users and items with only some pairs.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_pairs,)
            True for the pairs to keep, in matrix order.
        others : ndarray of bool, shape (len(others),), optional
            True for the other events to keep, in their order; all when left out.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "tea"])
        >>> print(likes.keep(np.array([True, False])))
        Interactions(2 users, 1 item, 1 pair, density 50.0000%)
        """
        if np.shape(mask) != (self.n_pairs,):
            raise DataError(f"the mask has shape {np.shape(mask)} for {self.n_pairs:,} pairs; give one value for each")
        kept = self.others if self.others is None or others is None else self.others.keep(others)
        times = None if self.times is None else self.times[mask]
        return Interactions(self.users, self.items, keep_entries(self.matrix, mask), times, kept)

    def select(self, *, users: Rows | None = None, items: Rows | None = None) -> Interactions:
        """Return the sub-matrix of some users and items, with id maps renumbered in the order given.

        Parameters
        ----------
        users, items : ndarray of int64, optional
            Rows to keep; all when left out.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "tea"])
        >>> likes.select(users=np.array([1])).users.keys
        ['bob']
        """
        if self.times is None:  # without positions, which would be numbers of 8 bytes
            values, times = selected(self.matrix, users=users, items=items), None
        else:
            source = self.positions(users=users, items=items)
            values = csr_array((self.matrix.data[source.data], source.indices, source.indptr), shape=source.shape)
            times = self.times[source.data]
        return Interactions(
            self.users if users is None else self.users.subset(users),
            self.items if items is None else self.items.subset(items),
            values,
            times,
            None if self.others is None else self.others.select(users=users, items=items),
        )

    def positions(self, *, users: Rows | None = None, items: Rows | None = None) -> csr_array:
        """Return the positions in this matrix of the pairs of `select`, as a sub-matrix whose values are positions.

        Parameters
        ----------
        users, items : ndarray of int64, optional
            Rows to keep; all when left out.

        Returns
        -------
        csr_array of int64, shape (len(users), len(items))

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "tea"])
        >>> likes.positions(users=np.array([1])).toarray().tolist()
        [[1]]
        """
        return csr_positions(self.matrix, users=users, items=items)

    def seen_over(self, users: IdMap, items: IdMap) -> csr_array | None:
        """Return the events that users saw or disliked, over other users and items.

        Parameters
        ----------
        users, items : IdMap
            Ids of the rows and columns; events of others are left out.

        Returns
        -------
        csr_array of uint8, shape (len(users), len(items)), or None
            Codes of `OtherEvents.kinds`; None if nothing is left.

        Examples
        --------
        >>> import dualnet
        >>> events = dualnet.Interactions.from_pairs(["ann", "ann"], ["tea", "jam"], types=["like", "dislike"])
        >>> events.seen_over(events.users, events.items).toarray().tolist()
        [[2, 0]]
        """
        if self.others is None:
            return None
        found = self.others.over(users.find(self.users), items.find(self.items), (len(users), len(items)))
        return found.kinds if len(found) else None

    def fingerprint(self) -> str:
        """Return a SHA-256 over ids, pairs, weights, times and other events, as hexadecimal text.

        Examples
        --------
        >>> import dualnet
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "jam"])
        >>> likes.fingerprint() == dualnet.Interactions.from_pairs(["bob", "ann"], ["jam", "tea"]).fingerprint()
        True
        """
        digest = hashlib.sha256()
        digest.update(self.users.fingerprint().encode() + self.items.fingerprint().encode())
        parts = [(self.matrix.indptr, "<i8"), (self.matrix.indices, "<i8"), (self.matrix.data, "<f4")]
        parts += [] if self.times is None else [(self.times, "<i8")]
        for array, kind in parts:  # some at a time: 10^8 pairs would need 1.6 GB more
            for start in range(0, len(array), AT_ONCE):
                digest.update(array[start : start + AT_ONCE].astype(kind).tobytes())
        if self.others is not None:
            kinds = self.others.kinds
            digest.update(b"other events")
            for array in (kinds.indptr.astype("<i8"), kinds.indices.astype("<i8"), kinds.data):
                digest.update(np.ascontiguousarray(array).tobytes())
            if self.others.times is not None:
                digest.update(self.others.times.astype("<i8").tobytes())
        return digest.hexdigest()


def _other_events(
    shape: tuple[int, int],
    user_rows: Rows,
    item_rows: Rows,
    kinds: NDArray[np.uint8],
    when: NDArray[np.int64] | None,
) -> OtherEvents:
    """Return the events that are not likes, without those of pairs that are."""
    pair = user_rows * np.int64(max(shape[1], 1)) + item_rows
    other = kinds != LIKE
    both = other & np.isin(pair, pair[~other])
    disliked = len(np.unique(pair[both & (kinds == DISLIKE)]))
    if disliked:
        warn(counted(disliked, "{pair is|pairs are} liked and disliked; {it counts as a like|they count as likes}"))
    left = other & ~both
    return OtherEvents.from_rows(shape, user_rows[left], item_rows[left], kinds[left], None if when is None else when[left])


def _collapse(
    users: IdMap,
    items: IdMap,
    user_rows: Rows,
    item_rows: Rows,
    value: NDArray[np.float32],
    when: NDArray[np.int64] | None,
    starts: NDArray[np.int64],
    duplicates: Duplicates,
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Reduce sorted pairs with repetitions to one weight and one time a pair."""
    lowest, highest = np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)
    conflict = np.flatnonzero(lowest != highest)
    if len(conflict) and duplicates == "error":
        at = starts[conflict[0]]
        raise DataError(
            f"{len(conflict)} pairs occur with different weights, such as user {users.key(int(user_rows[at]))!r} and item"
            f" {items.key(int(item_rows[at]))!r} with {lowest[conflict[0]]:g} and {highest[conflict[0]]:g};"
            " say which counts with duplicates='last', 'first', 'max' or 'sum'"
        )
    repeated = len(value) - len(starts)
    warn(
        f"{repeated:,} repeated user-item pairs were collapsed to one each"
        + (f" ({len(conflict):,} with different weights, by duplicates='{duplicates}')" if len(conflict) else "")
    )
    ends = np.append(starts[1:], len(value)) - 1
    if duplicates == "sum":
        merged = np.add.reduceat(value, starts)
    else:
        merged = {"error": value[starts], "first": value[starts], "last": value[ends], "max": highest}[duplicates]
    return merged.astype(np.float32), None if when is None else np.minimum.reduceat(when, starts)
