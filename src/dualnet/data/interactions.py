"""Who did what: a users x items matrix in CSR form with the ids of both sides."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from ..errors import DataError, DualNetWarning, UsageError, listing
from ..ids import IdMap, Key, Rows

Duplicates = Literal["error", "first", "last", "max", "sum"]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Positive user-item pairs, the matching matrix R of the paper (section 3).

    Parameters
    ----------
    users, items : IdMap
        Ids of the rows and of the columns. Shapes come from here, never from the largest id.
    matrix : csr_array of float32, shape (len(users), len(items))
        A stored entry is a positive pair; its value is the pair's weight (confidence a_ij, 1 unless given), always
        finite and > 0. Indices are sorted and distinct.
    times : ndarray of int64, shape (matrix.nnz,), optional
        When each pair happened (seconds since 1970), in the order of `matrix.data`.

    Raises
    ------
    DataError
        If shapes disagree, or a weight is not finite and positive.
    """

    users: IdMap
    items: IdMap
    matrix: csr_array
    times: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (len(self.users), len(self.items)):
            raise DataError(
                f"the matrix has shape {self.matrix.shape}, but there are {len(self.users)} users and {len(self.items)} items"
            )
        if not self.matrix.has_canonical_format:
            raise DataError("the matrix has unsorted or repeated column indices; build it with Interactions.from_pairs")
        data = self.matrix.data
        if not (np.isfinite(data).all() and (data > 0).all()):
            bad = data[~(np.isfinite(data) & (data > 0))]
            raise DataError(
                f"weights must be finite and above 0, got {listing(bad.tolist())}; drop those pairs or set a threshold"
            )
        if self.times is not None and len(self.times) != self.matrix.nnz:
            raise DataError(f"{len(self.times)} times for {self.matrix.nnz} pairs")

    @classmethod
    def from_pairs(
        cls,
        users: Sequence[Key] | NDArray[np.generic],
        items: Sequence[Key] | NDArray[np.generic],
        *,
        weights: ArrayLike | None = None,
        times: ArrayLike | None = None,
        user_ids: IdMap | None = None,
        item_ids: IdMap | None = None,
        duplicates: Duplicates = "error",
    ) -> Interactions:
        """Build from one (user, item) pair per event.

        Parameters
        ----------
        users, items : sequence of str or int, equal length
            External ids of each pair.
        weights : array of float, optional
            Confidence of each pair, > 0.
        times : array of int, optional
            Seconds since 1970.
        user_ids, item_ids : IdMap, optional
            The full id maps when more users or items exist than occur in the pairs.
        duplicates : {"error", "first", "last", "max", "sum"}
            What to do when a pair occurs with *different* weights. Pairs that repeat with one weight are always
            collapsed to one, with a warning that counts them; the earliest time is kept.

        Returns
        -------
        Interactions

        Raises
        ------
        DataError
            If lengths differ, there are no pairs, weights are not finite and positive, or weights conflict.
        UnknownIdError
            If a pair's id is not in the map that was given.
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
        return cls.from_rows(user_ids, item_ids, user_rows, item_rows, weights=weights, times=times, duplicates=duplicates)

    @classmethod
    def from_rows(
        cls,
        users: IdMap,
        items: IdMap,
        user_rows: Rows,
        item_rows: Rows,
        *,
        weights: ArrayLike | None = None,
        times: ArrayLike | None = None,
        duplicates: Duplicates = "error",
    ) -> Interactions:
        """Build from row numbers; see `from_pairs` for the rules on repeated pairs.

        Parameters
        ----------
        users, items : IdMap
            Ids of the rows and columns.
        user_rows, item_rows : ndarray of int64, shape (n_pairs,)
            Positions in `users` and `items`.
        weights, times, duplicates
            As in `from_pairs`.
        """
        if duplicates not in ("error", "first", "last", "max", "sum"):
            raise UsageError(f"duplicates must be 'error', 'first', 'last', 'max' or 'sum', got {duplicates!r}")
        value = np.ones(len(user_rows), np.float32) if weights is None else np.asarray(weights, np.float32)
        bad = ~(np.isfinite(value) & (value > 0))
        if bad.any():
            raise DataError(
                f"pair {int(np.flatnonzero(bad)[0]) + 1} has weight {value[bad][0]}; weights must be finite and above 0"
                f" ({int(bad.sum())} such pairs); drop them or turn ratings into positives with a threshold"
            )
        when = None if times is None else np.asarray(times, np.int64)
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
        return cls(users, items, matrix, when)

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
        return (
            f"Interactions({self.n_users:,} users, {self.n_items:,} items, {self.n_pairs:,} pairs, density {self.density:.4%})"
        )

    def pairs(self) -> tuple[Rows, Rows]:
        """Return user rows and item rows of all pairs, each an int64 array of shape (n_pairs,), in matrix order."""
        users = np.repeat(np.arange(self.n_users, dtype=np.int64), np.diff(self.matrix.indptr))
        return users, self.matrix.indices.astype(np.int64)

    def pattern(self) -> csr_array:
        """Return the matrix with every stored value 1 (float32): the histories, without weights."""
        return csr_array((np.ones(self.n_pairs, np.float32), self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape)

    def keep(self, mask: NDArray[np.bool_]) -> Interactions:
        """Return the same users and items with only some pairs.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_pairs,)
            True for the pairs to keep, in matrix order.
        """
        counts = (
            np.add.reduceat(np.append(mask, False).astype(np.int64), self.matrix.indptr[:-1])
            if self.n_users
            else np.empty(0, int)
        )
        counts[np.diff(self.matrix.indptr) == 0] = 0
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(self.matrix.indptr.dtype)
        matrix = csr_array((self.matrix.data[mask], self.matrix.indices[mask], indptr), shape=self.matrix.shape)
        return Interactions(self.users, self.items, matrix, None if self.times is None else self.times[mask])

    def select(self, *, users: Rows | None = None, items: Rows | None = None) -> Interactions:
        """Return the sub-matrix of some users and items, with id maps renumbered in the order given.

        Parameters
        ----------
        users, items : ndarray of int64, optional
            Rows to keep; all when left out.
        """
        source = self.positions(users=users, items=items)
        values = csr_array((self.matrix.data[source.data], source.indices, source.indptr), shape=source.shape)
        return Interactions(
            self.users if users is None else self.users.subset(users),
            self.items if items is None else self.items.subset(items),
            values,
            None if self.times is None else self.times[source.data],
        )

    def positions(self, *, users: Rows | None = None, items: Rows | None = None) -> csr_array:
        """Return where the pairs of `select` stand in this matrix: its sub-matrix with positions for values.

        Parameters
        ----------
        users, items : ndarray of int64, optional
            Rows to keep; all when left out.

        Returns
        -------
        csr_array of int64, shape (len(users), len(items))
        """
        matrix = csr_array(
            (np.arange(1, self.n_pairs + 1, dtype=np.int64), self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape
        )  # from 1, as a stored 0 may be dropped
        if users is not None:
            matrix = csr_array(matrix[users])
        if items is not None:
            matrix = csr_array(matrix[:, items])
        matrix.sort_indices()
        return csr_array((matrix.data - 1, matrix.indices, matrix.indptr), shape=matrix.shape)

    def fingerprint(self) -> str:
        """Return a SHA-256 over ids, pairs, weights and times, as hexadecimal text."""
        digest = hashlib.sha256()
        digest.update(self.users.fingerprint().encode() + self.items.fingerprint().encode())
        for array in (self.matrix.indptr.astype("<i8"), self.matrix.indices.astype("<i8"), self.matrix.data.astype("<f4")):
            digest.update(np.ascontiguousarray(array).tobytes())
        if self.times is not None:
            digest.update(self.times.astype("<i8").tobytes())
        return digest.hexdigest()


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
    warnings.warn(
        f"{repeated:,} repeated user-item pairs were collapsed to one each"
        + (f" ({len(conflict):,} with different weights, by duplicates='{duplicates}')" if len(conflict) else ""),
        DualNetWarning,
        stacklevel=4,
    )
    ends = np.append(starts[1:], len(value)) - 1
    if duplicates == "sum":
        merged = np.add.reduceat(value, starts)
    else:
        merged = {"error": value[starts], "first": value[starts], "last": value[ends], "max": highest}[duplicates]
    return merged.astype(np.float32), None if when is None else np.minimum.reduceat(when, starts)
