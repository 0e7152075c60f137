"""ONNX nodes for histories: sums over a history, and products with each of its rows."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from .onnx_nodes import DOUBLE, FOREVER, Graph


class Rows(Protocol):
    """The rows that histories have in a table, (n, length, width); padding has a row of zeros. All in double precision."""

    def total(self, weights: str) -> str:
        """Return the weighted sum over each history, (n, width), for weights (n, length)."""

    def products(self, vectors: str) -> str:
        """Return the inner product of each row and the vector of its history, (n, length), for vectors (n, width)."""


def each_once(graph: Graph, rows: str) -> str:
    """Return histories, (n, length), in which every item stands once: descending, one column longer, filled up with -1."""
    first = graph.add("Pad", rows, graph.axes(0, 1, 0, 0), graph.keep(np.int64(FOREVER)))
    padded = graph.add("Pad", first, graph.axes(0, 0, 0, 1), graph.keep(np.int64(-1)))  # never empty
    length = graph.lengths(padded, 1)
    ordered = graph.first_of("TopK", padded, length, results=2, axis=1)
    before = graph.add("Slice", ordered, graph.axes(0), graph.axes(-1), graph.axes(1))
    own = graph.add("Slice", ordered, graph.axes(1), graph.axes(FOREVER), graph.axes(1))
    return graph.add("Where", graph.add("Equal", own, before), graph.keep(np.int64(-1)), own)


def rows_of(graph: Graph, table: Any, rows: str) -> Rows:
    """Return the rows of histories in a table, dense or CSR, of the whole catalogue."""
    return SparseRows(graph, csr_array(table), rows) if issparse(table) else DenseRows(graph, table, rows)


class DenseRows:
    """`Rows` of a dense table.

    Parameters
    ----------
    graph : Graph
    table : ndarray of float32, shape (n_items, width)
    rows : str
        From `each_once`.
    """

    def __init__(self, graph: Graph, table: NDArray[np.float32], rows: str) -> None:
        self._graph = graph
        self._taken = graph.cast(graph.rows_or(table, rows), DOUBLE)

    def total(self, weights: str) -> str:
        """Return the weighted sums, (n, width)."""
        row = self._graph.add("Unsqueeze", weights, self._graph.axes(1))
        return self._graph.add("Squeeze", self._graph.add("MatMul", row, self._taken), self._graph.axes(1))

    def products(self, vectors: str) -> str:
        """Return the inner products, (n, length)."""
        column = self._graph.add("Unsqueeze", vectors, self._graph.axes(2))
        return self._graph.add("Squeeze", self._graph.add("MatMul", self._taken, column), self._graph.axes(2))


class SparseRows:
    """`Rows` of a sparse table: the entries of each item, as many columns of them as the longest row of a history has.

    Parameters
    ----------
    graph : Graph
    table : csr_array of float32, shape (n_items, width)
    rows : str
        From `each_once`.
    """

    def __init__(self, graph: Graph, table: csr_array, rows: str) -> None:
        self._graph, self._width = graph, table.shape[1]
        ends = table.indptr.astype(np.int64)
        starts, counts = graph.rows_or(ends[:-1], rows), graph.rows_or(np.diff(ends), rows)  # (n, length)
        flat = graph.add("Reshape", counts, graph.axes(-1))
        longest = graph.add("ReduceMax", graph.add("Concat", flat, graph.axes(1), axis=0), keepdims=0)
        steps = graph.add("Range", graph.keep(np.int64(0)), longest, graph.keep(np.int64(1)))
        inside = graph.add("Less", steps, graph.add("Unsqueeze", counts, graph.axes(2)))
        place = graph.add("Add", graph.add("Unsqueeze", starts, graph.axes(2)), steps)
        place = graph.add("Where", inside, place, graph.keep(np.int64(table.nnz)))  # the last entry is no entry: feature 0, 0
        entries, values = np.append(table.indices.astype(np.int64), 0), np.append(table.data.astype(np.float32), np.float32(0))
        self._values = graph.cast(graph.add("Gather", graph.keep(values), place, axis=0), DOUBLE)  # (n, length, longest)
        self._shape = graph.add("Shape", self._values)
        number = graph.add("ReduceProd", graph.lengths(self._values, 1, 2), keepdims=1)
        self._flat = graph.add("Concat", graph.lengths(self._values, 0), number, axis=0)
        self._features = self._reshaped(graph.add("Gather", graph.keep(entries), place, axis=0), self._flat)
        self._zeros = graph.zeros(np.float64, graph.lengths(self._values, 0), graph.axes(self._width))

    def total(self, weights: str) -> str:
        """Return the weighted sums, (n, width)."""
        column = self._graph.add("Unsqueeze", weights, self._graph.axes(2))
        shares = self._reshaped(self._graph.add("Mul", self._values, column), self._flat)
        return self._graph.add("ScatterElements", self._zeros, self._features, shares, axis=1, reduction="add")

    def products(self, vectors: str) -> str:
        """Return the inner products, (n, length)."""
        taken = self._reshaped(self._graph.add("GatherElements", vectors, self._features, axis=1), self._shape)
        return self._graph.add("ReduceSum", self._graph.add("Mul", self._values, taken), self._graph.axes(2), keepdims=0)

    def _reshaped(self, name: str, shape: str) -> str:
        return self._graph.add("Reshape", name, shape, allowzero=1)
