"""Arrays to which rows are appended: one more costs that row alone, and whoever reads an earlier length never sees a change."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..retrieval.principal import PrincipalAxes
from ..retrieval.vectors import JoinedVectors, Vectors

GROWTH = 1.25  # of the room when it is used up: the cost of copying is spread over many rows


class GrowingArray:
    """An array with room behind its last row.

    One writer writes behind the rows that anyone reads; when the room is used up a larger array takes over, and readers
    keep the one they have.

    Parameters
    ----------
    rows : ndarray, shape (n, ...)
        The first rows; not copied until the first write, but for another order.
    order : {"C", "F"}
        How they lie in memory: row by row, or column by column, which makes the product of a few vectors with all rows faster.
    """

    def __init__(self, rows: NDArray[Any], order: Literal["C", "F"] = "C") -> None:
        self._room, self._order = np.asarray(rows, order=order), order

    def write(self, start: int, rows: NDArray[Any]) -> None:
        """Put rows at `start` and after; what is before stays."""
        stop = start + len(rows)
        if stop > len(self._room):
            larger = np.empty((max(int(stop * GROWTH), stop + 16), *self._room.shape[1:]), self._room.dtype, self._order)
            larger[:start] = self._room[:start]
            self._room = larger
        self._room[start:stop] = rows

    def view(self, stop: int) -> NDArray[Any]:
        """Return the first rows, without copying."""
        return self._room[:stop]


class GrowingSparse:
    """The same for a CSR matrix.

    Parameters
    ----------
    rows : csr_array of float32, shape (n, width)
    """

    def __init__(self, rows: csr_array) -> None:
        self._width = rows.shape[1]
        self._data, self._indices = GrowingArray(rows.data), GrowingArray(rows.indices)
        self._indptr = GrowingArray(rows.indptr)

    def write(self, start: int, rows: csr_array) -> None:
        """Put rows at `start` and after; what is before stays."""
        used = int(self._indptr.view(start + 1)[-1])
        self._data.write(used, rows.data)
        self._indices.write(used, rows.indices)
        self._indptr.write(start + 1, rows.indptr[1:] + used)

    def view(self, stop: int) -> csr_array:
        """Return the first rows, without copying."""
        indptr = self._indptr.view(stop + 1)
        used = int(indptr[-1])
        return csr_array((self._data.view(used), self._indices.view(used), indptr), shape=(stop, self._width), copy=False)


class GrowingVectors:
    """The same for vectors of any kind: dense, sparse, or joined.

    Parameters
    ----------
    rows : Vectors
    order : {"C", "F"}
        Of the dense part, as in `GrowingArray`.
    """

    def __init__(self, rows: Vectors, order: Literal["C", "F"] = "C") -> None:
        dense, sparse = _pieces(rows)
        self._dense = None if dense is None else GrowingArray(dense, order)
        self._sparse = None if sparse is None else GrowingSparse(sparse)

    def write(self, start: int, rows: Vectors) -> None:
        """Put rows at `start` and after; what is before stays."""
        dense, sparse = _pieces(rows)
        if self._dense is not None:
            self._dense.write(start, dense)
        if self._sparse is not None:
            self._sparse.write(start, sparse)

    def view(self, stop: int) -> Vectors:
        """Return the first rows, without copying."""
        dense = None if self._dense is None else self._dense.view(stop)
        if self._sparse is None:
            return dense
        sparse = self._sparse.view(stop)
        return sparse if dense is None else JoinedVectors(dense, sparse)


class GrowingHeads:
    """Heads of growing vectors, as `PrincipalAxes.heads` returns them.

    Parameters
    ----------
    axes : PrincipalAxes
        Of the first rows; those that come later are bounded by them too, only less closely.
    rows : ndarray of float32, shape (n, axes.count + 1)
        Heads of the first rows.
    """

    def __init__(self, axes: PrincipalAxes, rows: NDArray[np.float32]) -> None:
        self.axes, self._rows = axes, GrowingArray(rows, "F")

    def write(self, start: int, vectors: Vectors) -> None:
        """Put the heads of vectors at `start` and after; what is before stays."""
        self._rows.write(start, self.axes.heads(_pieces(vectors)[0]))

    def view(self, stop: int) -> NDArray[np.float32]:
        """Return the first heads, without copying."""
        return self._rows.view(stop)


def growing(rows: Vectors) -> tuple[GrowingVectors, GrowingHeads | None]:
    """Return vectors that grow, and their heads where a search through those is faster.

    A product of a few queries with everything is fastest column by column; picking the few rows that need an exact score is
    fastest row by row.
    """
    dense, _ = _pieces(rows)
    axes = None if dense is None else PrincipalAxes.of(dense)
    if axes is None:
        return GrowingVectors(rows, "F"), None
    return GrowingVectors(rows, "C"), GrowingHeads(axes, axes.heads(dense))


def _pieces(rows: Vectors) -> tuple[Any, Any]:
    if isinstance(rows, JoinedVectors):
        return rows.dense, rows.sparse
    return (None, csr_array(rows)) if issparse(rows) else (np.asarray(rows, np.float32), None)
