"""ONNX nodes for the solved levels: vectors of items, and the exact solution for users, as in `JointSolution`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.space import ItemSpace
from ..models.solved.levels import SolvedLevels
from .onnx_content import ReadContent
from .onnx_nodes import DOUBLE, FLOAT, Graph
from .onnx_rows import Rows

TOLERANCE = 1e-8  # of the right side
STEPS = 1_000  # a few dozen are usual


def solved_items(graph: Graph, solved: SolvedLevels, space: ItemSpace, rows: str, content: ReadContent | None) -> str:
    """Add the dense part of the solved vectors of items, (n, dense width).

    Parameters
    ----------
    graph : Graph
    solved : SolvedLevels
    space : ItemSpace
        The catalogue.
    rows : str
        Rows of the items in it, below 0 for others.
    content : ReadContent, optional
        Of the items, where the solved levels read it.
    """
    joint = solved.joint
    factors = graph.rows_or(space.known_rows(solved.items.items, np.arange(len(space))), rows)
    if content is None:
        return graph.add("MatMul", factors, graph.keep(joint.rotation))
    if solved.items.content_map is not None:
        predicted = [graph.add("MatMul", content.rows, graph.keep(solved.items.content_map))]
        if content.vectors:
            predicted.append(graph.add("MatMul", content.vectors, graph.keep(solved.items.content_map[content.columns])))
        learned = graph.rows_or(space.is_known[:, None], rows)
        factors = graph.add("Where", learned, factors, graph.sum(predicted))
    parts = [factors]
    if joint.reads_content:
        along = content.rows if joint.axes is None else graph.add("MatMul", content.rows, graph.keep(joint.axes))
        parts += [graph.times(part, joint.content_scale) for part in (along, content.vectors) if part]
    return graph.add("MatMul", graph.beside(parts), graph.keep(joint.rotation))


def history_weights(graph: Graph, solved: SolvedLevels, space: ItemSpace, rows: str, dense: Rows, content: Rows | None) -> str:
    """Add the solution y of (D^-1 + K) y = D^-1 a for each history, (n, length) in double precision (`JointSolution.weights`).

    Conjugate gradients solve it for all histories at once, each until it is solved, so that none depends on the others.

    Parameters
    ----------
    graph : Graph
    solved : SolvedLevels
    space : ItemSpace
        The catalogue.
    rows : str
        Histories, from `each_once`.
    dense : Rows
        Dense parts of the vectors of their items.
    content : Rows, optional
        Sparse parts.
    """
    joint = solved.joint
    noise = joint.noise(~space.is_known).astype(np.float64)
    own, right = graph.rows_or(noise, rows, otherwise=1), graph.rows_or(noise, rows)
    signs = graph.keep(joint.signs.astype(np.float64))

    def times(direction: str) -> str:
        across = dense.products(graph.add("Mul", dense.total(direction), signs))
        product = graph.add("Add", graph.add("Mul", own, direction), across)
        if content is None:
            return product
        beside = graph.add("Mul", content.products(content.total(direction)), graph.keep(np.float64(solved.beside)))
        return graph.add("Add", product, beside)

    size = _square(graph, right)
    enough = graph.add("Mul", size, graph.keep(np.float64(TOLERANCE**2)))
    least = graph.keep(np.float64(np.finfo(np.float64).tiny))

    def step(state: Sequence[str]) -> tuple[str, Sequence[str]]:
        found, residual, direction, size = state
        image = times(direction)
        bend = graph.add("ReduceSum", graph.add("Mul", direction, image), graph.axes(1), keepdims=1)
        length = graph.add("Div", size, graph.add("Max", bend, least))
        length = graph.add("Mul", length, graph.cast(graph.add("Greater", size, enough), DOUBLE))  # 0 where it is solved
        found = graph.add("Add", found, graph.add("Mul", length, direction))
        residual = graph.add("Sub", residual, graph.add("Mul", length, image))
        smaller = _square(graph, residual)
        turned = graph.add("Div", smaller, graph.add("Max", size, least))
        direction = graph.add("Add", residual, graph.add("Mul", turned, direction))
        return _any_above(graph, smaller, enough), (found, residual, direction, smaller)

    start = graph.add("Mul", right, graph.keep(np.float64(0)))
    return graph.loop(STEPS, _any_above(graph, size, enough), (start, right, right, size), step)


def solved_users(graph: Graph, solved: SolvedLevels, dense: Rows, weights: str) -> str:
    """Add the dense part of the solved vectors of users, (n, dense width), from the weights of their histories."""
    signs = graph.keep(solved.joint.signs.astype(np.float64))
    return graph.cast(graph.add("Mul", dense.total(weights), signs), FLOAT)


def _square(graph: Graph, name: str) -> str:
    return graph.add("ReduceSum", graph.add("Mul", name, name), graph.axes(1), keepdims=1)


def _any_above(graph: Graph, sizes: str, enough: str) -> str:
    """Return whether any number is above its bound; of no numbers none is."""
    above = graph.cast(graph.add("Greater", sizes, enough), FLOAT)
    return graph.add("Greater", graph.add("ReduceSum", above, keepdims=0), graph.keep(np.float32(0)))
