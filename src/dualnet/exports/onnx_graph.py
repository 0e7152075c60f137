"""The encoders of a DualNet as ONNX graphs, node for node what the NumPy runtime computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..models.numpy_tower import EPSILON, NumpyTower
from ..models.runtime import DualRuntime
from ..nn.spec import ACTIVATIONS, walk

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

OPSET = 17  # the first with LayerNormalization; read by ONNX Runtime from 1.12
IR_VERSION = 8  # of the file format, the one that came with opset 17


def item_graph(runtime: DualRuntime, catalogue: int) -> ModelProto:
    """Return the item encoder.

    Inputs: ``features`` (float32, (n, n_features)), if the model reads content; ``item_row`` (int64, (n,)), if it has
    residuals: the row of an item of the catalogue, -1 for any other. Output: ``vectors`` (float32, (n, width)).

    Parameters
    ----------
    runtime : DualRuntime
        The trained networks.
    catalogue : int
        Items that have a row.
    """
    graph, inputs, firsts = _Graph(), [], []
    if "item.content" in runtime.tensors:
        weight = runtime.tensors["item.content"]
        inputs.append(_value("features", "FLOAT", ["n", weight.shape[0]]))
        firsts.append(graph.add("MatMul", "features", graph.keep(weight)))
    if "item.residual" in runtime.tensors:
        inputs.append(_value("item_row", "INT64", ["n"]))
        residual = runtime.tensors["item.residual"]
        firsts.append(graph.rows_or_zero(_padded(residual, catalogue), "item_row"))
    return graph.model("item-encoder", inputs, _tower(graph, runtime.towers["item"], graph.sum(firsts)), runtime.width)


def user_graph(runtime: DualRuntime, table: NDArray[np.float32]) -> ModelProto:
    """Return the user encoder.

    Inputs: ``item_rows`` (int64, (n, length)), the rows of the different items of each history, filled up with -1;
    ``columns`` (float32, (n, n_user_features)), if the model reads user columns (zeros if nothing is known). Output:
    ``vectors`` (float32, (n, width)).

    Parameters
    ----------
    runtime : DualRuntime
        The trained networks.
    table : ndarray of float32, shape (n_items, levels[0])
        What each item of the catalogue adds to a history, from `DualRuntime.history_table`.
    """
    graph = _Graph()
    inputs = [_value("item_rows", "INT64", ["n", "length"])]
    taken = graph.rows_or_zero(table, "item_rows")  # (n, length, width of the first level)
    total = graph.add("ReduceSum", taken, graph.keep(np.array([1])), keepdims=0)
    present = graph.add("GreaterOrEqual", "item_rows", graph.keep(np.array(0)))
    counts = graph.add("ReduceSum", graph.add("Cast", present, to=1), graph.keep(np.array([1])), keepdims=1)
    length = graph.add("Sqrt", graph.add("Max", counts, graph.keep(np.array(1, np.float32))))
    firsts = [graph.add("Div", total, length)]
    if "user.columns" in runtime.tensors:
        weight = runtime.tensors["user.columns"]
        inputs.append(_value("columns", "FLOAT", ["n", weight.shape[0]]))
        firsts.append(graph.add("MatMul", "columns", graph.keep(weight)))
    return graph.model("user-encoder", inputs, _tower(graph, runtime.towers["user"], graph.sum(firsts)), runtime.width)


def _tower(graph: _Graph, tower: NumpyTower, first: str) -> str:
    """Add the levels of one side and return the name of the joined embeddings."""
    return walk(tower.spec, _Nodes(graph, tower), first)


class _Nodes:
    """The steps of a tower as nodes of a graph; what flows is the name of a result."""

    def __init__(self, graph: _Graph, tower: NumpyTower) -> None:
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


class _Graph:
    """Nodes and constants of one graph; every result gets a name of its own."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its result."""
        from onnx import helper

        name = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def keep(self, array: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def rows_or_zero(self, table: NDArray[np.float32], rows: str) -> str:
        """Look up rows of a table, zeros for -1: a row of zeros stands first, and all rows are one further."""
        behind = np.concatenate([np.zeros((1, table.shape[1]), np.float32), table])
        further = self.add("Add", rows, self.keep(np.array(1)))
        return self.add("Gather", self.keep(behind), further, axis=0)

    def sum(self, names: Sequence[str]) -> str:
        """Return the sum of one or two results."""
        return names[0] if len(names) == 1 else self.add("Add", *names)

    def model(self, name: str, inputs: list[ValueInfoProto], result: str, width: int) -> ModelProto:
        """Return the whole as a model with the output ``vectors``."""
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [result], ["vectors"], name="vectors"))
        output = _value("vectors", "FLOAT", ["n", width])
        graph = helper.make_graph(self._nodes, name, inputs, [output], initializer=self._constants)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="dualnet"
        )


def _value(name: str, kind: str, shape: list[int | str]) -> ValueInfoProto:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)


def _padded(table: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    return np.concatenate([table, np.zeros((rows - len(table), table.shape[1]), np.float32)])
