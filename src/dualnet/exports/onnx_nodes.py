"""An ONNX graph under construction: nodes and constants, each result known by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .source import Layout

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

OPSET = 17  # the first with LayerNormalization; read by ONNX Runtime from 1.12
IR_VERSION = 8  # of the file format, the one that came with opset 17
FLOAT, INT64, DOUBLE = 1, 7, 11  # element types, as TensorProto numbers them
FOREVER = np.iinfo(np.int64).max


class Graph:
    """A graph that grows node by node; every result gets a name of its own.

    Attributes
    ----------
    inputs : list of ValueInfoProto
        What the graph asks for, in order.
    """

    def __init__(self) -> None:
        self.inputs: list[ValueInfoProto] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._count = 0

    def ask(self, name: str, kind: int, *shape: int | str) -> str:
        """Add an input and return its name."""
        self.inputs.append(_value(name, kind, shape))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its result."""
        from onnx import helper

        name = f"{operator.lower()}{self._count}"
        self._count += 1
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def first_of(self, operator: str, *inputs: str, results: int, **attributes: Any) -> str:
        """Add a node that has several results and return the name of the first."""
        name = self.add(operator, *inputs, **attributes)
        self._nodes[-1].output.extend(f"{name}.{place}" for place in range(1, results))
        return name

    def keep(self, array: NDArray[Any] | np.generic) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def axes(self, *places: int) -> str:
        """Add a constant list of whole numbers, as axes and lengths are told, and return its name."""
        return self.keep(np.array(places, np.int64))

    def cast(self, name: str, kind: int) -> str:
        """Return a result in another type."""
        return self.add("Cast", name, to=kind)

    def sum(self, names: Sequence[str]) -> str:
        """Return the sum of one or two results."""
        return names[0] if len(names) == 1 else self.add("Add", *names)

    def beside(self, names: Sequence[str]) -> str:
        """Return results side by side, as columns."""
        return names[0] if len(names) == 1 else self.add("Concat", *names, axis=1)

    def times(self, name: str, factor: float) -> str:
        """Return a result of single precision times a number."""
        return name if factor == 1 else self.add("Mul", name, self.keep(np.float32(factor)))

    def rows_or(self, table: NDArray[Any], rows: str, otherwise: float = 0) -> str:
        """Look up rows of a table for row numbers of any shape; a number below 0 finds a row that is `otherwise` throughout."""
        fallback = np.full((1, *table.shape[1:]), otherwise, table.dtype)
        further = self.add("Add", self.add("Max", rows, self.keep(np.int64(-1))), self.keep(np.int64(1)))
        return self.add("Gather", self.keep(np.concatenate([fallback, table])), further, axis=0)

    def lengths(self, name: str, *places: int) -> str:
        """Return how long a result is along some axes, as a list."""
        return self.add("Gather", self.add("Shape", name), self.axes(*places), axis=0)

    def zeros(self, kind: type[np.floating[Any]], *lengths: str) -> str:
        """Return zeros of a shape that is told by lists of lengths, one behind the other."""
        from onnx import numpy_helper

        shape = self.add("Concat", *lengths, axis=0)
        return self.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.zeros(1, kind)))

    def loop(
        self, steps: int, going: str, state: Sequence[str], body: Callable[[Sequence[str]], tuple[str, Sequence[str]]]
    ) -> str:
        """Repeat a body while it says so, at most so many times, and return the first part of the state afterwards.

        Parameters
        ----------
        steps : int
            How often at most.
        going : str
            Whether to begin, a single truth value.
        state : sequence of str
            Numbers in double precision that go through the body; their shapes stay.
        body : callable
            Adds the nodes of one step: from the state to whether to go on, and the next state.
        """
        from onnx import TensorProto, helper

        before, self._nodes = self._nodes, []
        tag = f"loop{self._count}"
        self._count += 1
        entering = [f"{tag}.state{place}" for place in range(len(state))]
        more, leaving = body(entering)
        inputs = [_value(f"{tag}.step", INT64, ()), _value(f"{tag}.going", TensorProto.BOOL, ())]
        inputs += [_value(name, DOUBLE, None) for name in entering]
        outputs = [_value(more, TensorProto.BOOL, ()), *(_value(name, DOUBLE, None) for name in leaving)]
        inner = helper.make_graph(self._nodes, tag, inputs, outputs)
        self._nodes = before
        return self.first_of("Loop", self.keep(np.int64(steps)), going, *state, results=len(state), body=inner)

    def model(self, name: str, outputs: Mapping[str, str], layout: Layout) -> ModelProto:
        """Return the whole as a model.

        Parameters
        ----------
        name : str
        outputs : mapping of str to str
            Results by the name of the output, ``vectors`` first.
        layout : Layout
            Their widths.
        """
        from onnx import helper

        for output, result in outputs.items():
            self._nodes.append(helper.make_node("Identity", [result], [output], name=output))
        widths = {"vectors": layout.width, "content": layout.sparse_width}
        told = [_value(output, FLOAT, ("n", widths[output])) for output in outputs]
        graph = helper.make_graph(self._nodes, name, self.inputs, told, initializer=self._constants)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="dualnet"
        )


def _value(name: str, kind: int, shape: Sequence[int | str] | None) -> ValueInfoProto:
    from onnx import helper

    return helper.make_tensor_value_info(name, kind, shape)
