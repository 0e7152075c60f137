"""ONNX nodes for the networks of a DualNet, the same operations as in the NumPy runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..models.numpy_tower import EPSILON, NumpyTower
from ..models.runtime import DualRuntime
from ..nn.spec import ACTIVATIONS, walk
from .onnx_nodes import FLOAT, Graph


def item_network(graph: Graph, runtime: DualRuntime, features: str, residuals: tuple[NDArray[np.float32], str] | None) -> str:
    """Add the item network and return its embeddings, (n, runtime.width).

    Parameters
    ----------
    graph : Graph
    runtime : DualRuntime
    features : str
        Features of the items, empty without; read where the network reads content.
    residuals : (ndarray, str), optional
        A residual for each row of the catalogue, and the rows of the items, where the network has residuals.
    """
    firsts = []
    if "item.content" in runtime.tensors:
        firsts.append(graph.add("MatMul", features, graph.keep(runtime.tensors["item.content"])))
    if residuals is not None:
        firsts.append(graph.rows_or(*residuals))
    return _tower(graph, runtime.towers["item"], graph.sum(firsts))


def user_network(graph: Graph, runtime: DualRuntime, table: NDArray[np.float32], rows: str, columns: str) -> str:
    """Add the user network and return its embeddings, (n, runtime.width).

    Parameters
    ----------
    graph : Graph
    runtime : DualRuntime
    table : ndarray of float32, shape (n_items, levels[0])
        What each item of the catalogue adds to a history, from `DualRuntime.history_table`.
    rows : str
        Rows of the histories, each once, others below 0.
    columns : str
        Features of the users, where the network reads them, else empty.
    """
    total = graph.add("ReduceSum", graph.rows_or(table, rows), graph.axes(1), keepdims=0)
    present = graph.cast(graph.add("GreaterOrEqual", rows, graph.keep(np.int64(0))), FLOAT)
    counts = graph.add("ReduceSum", present, graph.axes(1), keepdims=1)
    firsts = [graph.add("Div", total, graph.add("Sqrt", graph.add("Max", counts, graph.keep(np.float32(1)))))]
    if columns:
        firsts.append(graph.add("MatMul", columns, graph.keep(runtime.tensors["user.columns"])))
    return _tower(graph, runtime.towers["user"], graph.sum(firsts))


def _tower(graph: Graph, tower: NumpyTower, first: str) -> str:
    """Add the levels of one side and return the name of the joined embeddings."""
    return walk(tower.spec, _Nodes(graph, tower), first)


class _Nodes:
    """The steps of a tower as nodes of a graph; what flows is the name of a result."""

    def __init__(self, graph: Graph, tower: NumpyTower) -> None:
        self.graph, self.tower = graph, tower

    def mapped(self, level: int, below: str) -> str:
        layer = self.tower.layers[level]
        sums = below if layer.weight is None else self.graph.add("MatMul", below, self.graph.keep(layer.weight))
        return self.graph.add("Add", sums, self.graph.keep(layer.bias))

    def normed(self, level: int, sums: str) -> str:
        norm = self.tower.layers[level].norm
        if norm is None:
            return sums
        scale, shift = (self.graph.keep(array) for array in norm)
        return self.graph.add("LayerNormalization", sums, scale, shift, axis=-1, epsilon=float(EPSILON))

    def activated(self, level: int, sums: str) -> str:
        return self.graph.add(ACTIVATIONS[self.tower.spec.activation].onnx, sums)

    def matched(self, level: int, output: str) -> str:
        branch = self.tower.layers[level].branch
        if branch is None:
            return output
        return self.graph.add("Add", self.graph.add("MatMul", output, self.graph.keep(branch[0])), self.graph.keep(branch[1]))

    def joined(self, embeddings: Sequence[str]) -> str:
        return self.graph.add("Mul", self.graph.add("Concat", *embeddings, axis=1), self.graph.keep(self.tower.scale))
