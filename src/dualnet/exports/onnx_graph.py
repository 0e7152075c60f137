"""The two encoders of a model made of levels as ONNX graphs; the inner product of their results is the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import issparse

from ..data.featurizers.base import unit_rows
from ..data.space import ItemSpace
from ..models.levels import Levels
from ..models.solved.content import words_of
from .onnx_content import at_unit_length, read_content
from .onnx_nodes import DOUBLE, FLOAT, INT64, Graph
from .onnx_rows import each_once, rows_of
from .onnx_solved import history_weights, solved_items, solved_users
from .onnx_tower import item_network, user_network
from .source import Layout

if TYPE_CHECKING:
    from onnx import ModelProto


def graph_layout(levels: Levels, space: ItemSpace) -> Layout:
    """Return the widths of the outputs ``vectors`` and ``content``; 0 where there is no ``content``."""
    return Layout.of(levels.item_vectors(space, np.arange(min(1, len(space)))))


def item_graph(levels: Levels, space: ItemSpace) -> ModelProto:
    """Return the item encoder.

    Inputs: ``features`` (float32, (n, n_features)), if any level reads content; ``item_row`` (int64, (n,)), if the model has
    numbers of single items: the row of an item of the catalogue, -1 for any other, which counts as new. Outputs: ``vectors``
    (float32, (n, width)), and ``content`` (float32, (n, n_features)) where sparse content is part of the score as it is.

    Parameters
    ----------
    levels : Levels
        Of a fitted model.
    space : ItemSpace
        Its catalogue.
    """
    graph, layout = Graph(), graph_layout(levels, space)
    scale, every = levels.scale(space, np.arange(len(space))), np.arange(len(space))
    networks = [network for network, _ in levels.networks]
    has_residuals = any("item.residual" in network.tensors for network in networks)
    stands = scale is not None or levels.weights.new != 1  # otherwise no item is multiplied by anything
    features, rows, content = "", "", None
    if space.features is not None and levels.reads_content:
        features = graph.ask("features", FLOAT, "n", space.features.shape[1])
        if levels.solved is not None and levels.solved.reads_content:
            content = read_content(graph, levels.solved.reader, features, space.features.shape[1])
    if levels.solved is not None or has_residuals or stands:
        rows = graph.ask("item_row", INT64, "n")
    parts = []
    if levels.solved is not None:
        parts.append(solved_items(graph, levels.solved, space, rows, content))
    for network in networks:
        residuals = (space.known_rows(network.tensors["item.residual"], every), rows) if has_residuals else None
        parts.append(item_network(graph, network, features, residuals))
    outputs = {}
    if content is not None and _are_joined(levels, space):
        outputs = {"content": content.rows}
    elif levels.weights.content:
        unit = at_unit_length(graph, features)
        outputs, parts = ({"content": unit}, parts) if layout.sparse_width else ({}, [*parts, unit])
    outputs = {"vectors": graph.beside(parts), **outputs}
    if stands:
        factors = np.ones(len(space), np.float32) if scale is None else scale
        factor = graph.rows_or(factors[:, None], rows, otherwise=levels.weights.new)
        outputs = {name: graph.add("Mul", result, factor) for name, result in outputs.items()}
    return graph.model("item-encoder", outputs, layout)


def user_graph(levels: Levels, space: ItemSpace) -> ModelProto:
    """Return the user encoder.

    Inputs: ``item_rows`` (int64, (n, length)), the rows of the items of each history in any order, filled up with -1; an item
    that stands there twice counts once. ``columns`` (float32, (n, n_user_features)), if the model reads user columns (zeros
    if nothing is known). Outputs as in `item_graph`.

    Parameters
    ----------
    levels, space
        As in `item_graph`.
    """
    graph, layout = Graph(), graph_layout(levels, space)
    rows = each_once(graph, graph.ask("item_rows", INT64, "n", "length"))
    solved = levels.solved
    *of_networks, of_solved = np.split(levels.history_table(space), np.cumsum(levels.first_widths), axis=1)
    beside = None
    if solved is not None and _are_joined(levels, space):
        beside = rows_of(graph, words_of(solved.reader(space.features)), rows)
    parts, pieces = [], []
    if solved is not None:
        dense = rows_of(graph, of_solved, rows)
        weights = history_weights(graph, solved, space, rows, dense, beside)
        parts.append(solved_users(graph, solved, dense, weights))
        if beside is not None:
            pieces.append(graph.times(graph.cast(beside.total(weights), FLOAT), solved.beside))
    columns = ""
    for (network, weight), own in zip(levels.networks, of_networks, strict=True):
        if "user.columns" in network.tensors and not columns:
            columns = graph.ask("columns", FLOAT, "n", network.tensors["user.columns"].shape[0])
        parts.append(graph.times(user_network(graph, network, own, rows, columns), weight))
    if levels.weights.content:
        all_beside = beside if solved is not None and solved.reader.vectors is None else None  # not the words alone
        every = rows_of(graph, unit_rows(space.features), rows) if all_beside is None else all_beside
        present = graph.cast(graph.add("GreaterOrEqual", rows, graph.keep(np.int64(0))), DOUBLE)
        pieces.append(graph.times(at_unit_length(graph, every.total(present)), levels.weights.content))
    outputs = {"content": graph.sum(pieces)} if layout.sparse_width else {}
    if pieces and not outputs:
        parts.append(graph.sum(pieces))
    return graph.model("user-encoder", {"vectors": graph.beside(parts), **outputs}, layout)


def _are_joined(levels: Levels, space: ItemSpace) -> bool:
    """Return whether the solved vectors have sparse content beside their dense part."""
    return levels.solved is not None and levels.solved.beside > 0 and issparse(space.features)
