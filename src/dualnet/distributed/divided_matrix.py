"""A sparse matrix divided by rows among the ranks: its transpose, divided too, and the rows of others that a rank touches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from ..ids import Rows
from .collectives import Collectives, row_counts, row_range


@dataclass(frozen=True, eq=False)
class DividedMatrix:
    """A matrix of which each rank has a range of rows, in rank order; its columns are those of rows that are divided likewise.

    Parameters
    ----------
    own : csr_array, shape (own rows, all columns)
        The rows of this rank.
    row_starts, column_starts : ndarray of int64, shape (size + 1,)
        Where the rows of each rank begin, and the columns; last their number.
    group : Collectives
        The ranks.
    """

    own: csr_array
    row_starts: Rows
    column_starts: Rows
    group: Collectives

    @classmethod
    def of(cls, own: csr_array, group: Collectives) -> Self:
        """Return the matrix of which this rank has so many rows; columns are divided by `row_range`.

        Parameters
        ----------
        own : csr_array, shape (own rows, all columns)
            The number of rows may differ from rank to rank.
        group : Collectives
        """
        counts = group.all_gather(np.array([own.shape[0]], np.int64), [1] * group.size)
        return cls(own, _starts(counts), _starts(row_counts(own.shape[1], group.size)), group)

    @property
    def T(self) -> DividedMatrix:  # noqa: N802 - the name that arrays have
        """The transposed matrix: each rank sends the others the pairs in their columns, and keeps its own."""
        turned = csr_array(self.own.T)
        heights = np.diff(self.row_starts)
        narrow = np.int32 if heights.max() <= np.iinfo(np.int32).max else np.int64  # the same on every rank, whatever it holds
        bounds, data, rows = turned.indptr[self.column_starts], turned.data, turned.indices.astype(narrow)
        lengths = np.diff(turned.indptr).astype(np.int64)
        counts = self.group.all_to_all([lengths[start:stop] for start, stop in pairwise(self.column_starts)])
        values = self.group.all_to_all([data[start:stop] for start, stop in pairwise(bounds)])
        places = self.group.all_to_all([rows[start:stop] for start, stop in pairwise(bounds)])
        parts = [
            csr_array((value, place, np.concatenate([[0], np.cumsum(count)])), shape=(len(count), int(height)))
            for count, value, place, height in zip(counts, values, places, heights, strict=True)
        ]
        own = csr_array(hstack(parts, format="csr", dtype=self.own.dtype))
        return DividedMatrix(own, self.column_starts, self.row_starts, self.group)


@dataclass(frozen=True, eq=False)
class Reach:
    """The rows that a rank touches of a table that is divided among the ranks, and the exchange that brings them.

    The pattern of a matrix says which; so they are asked for once, each only once, and sent as often as their values change.

    Parameters
    ----------
    wanted : list of ndarray of int64
        For each rank, which of this rank's rows it touches.
    group : Collectives
        The ranks.
    """

    wanted: list[Rows]
    group: Collectives

    @classmethod
    def of(cls, touched: Rows, starts: Rows, group: Collectives) -> Self:
        """Tell the others which of their rows this rank touches.

        Parameters
        ----------
        touched : ndarray of int64, shape (n,)
            Ascending, each once.
        starts : ndarray of int64, shape (size + 1,)
            Where the rows of each rank begin.
        group : Collectives
        """
        bounds = np.searchsorted(touched, starts)
        asked = [touched[start:stop] - first for (start, stop), first in zip(pairwise(bounds), starts, strict=False)]
        return cls(group.all_to_all(asked), group)

    def __call__(self, own: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows that are touched, in the order in which they were asked for, shape (n, width).

        Parameters
        ----------
        own : ndarray of float32, shape (own rows, width)
            The rows of this rank.
        """
        return np.concatenate(self.group.all_to_all([own[rows] for rows in self.wanted]))


def own_rows(table: Any, group: Collectives) -> Any:
    """Return the rows of this rank by `row_range`, of a matrix of any kind that every rank has whole."""
    own = row_range(table.shape[0], group.rank, group.size)
    return table if group.size == 1 else table[own.start : own.stop]


def _starts(counts: NDArray[np.int64] | list[int]) -> Rows:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
