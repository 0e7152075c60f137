"""ONNX nodes for the content of items, as the solved levels and the cosine read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ids import Rows
from ..models.solved.content import ContentReader
from .onnx_nodes import DOUBLE, FLOAT, Graph


@dataclass(frozen=True)
class ReadContent:
    """Content of items as a `ContentReader` reads it.

    Parameters
    ----------
    rows : str
        Words, or all content, at unit length; along axes, where it is read along some.
    vectors : str
        Vectors beside the words at unit length; empty where there are none.
    columns : ndarray of int64
        Which features the vectors are.
    """

    rows: str
    vectors: str
    columns: Rows


def read_content(graph: Graph, reader: ContentReader, features: str, width: int) -> ReadContent:
    """Add the nodes that read content.

    Parameters
    ----------
    graph : Graph
    reader : ContentReader
    features : str
        Features of the items, (n, width).
    width : int
        How many.
    """
    if reader.vectors is None:
        rows = at_unit_length(graph, features)
        return ReadContent(
            rows if reader.axes is None else graph.add("MatMul", rows, graph.keep(reader.axes)), "", np.zeros(0, np.int64)
        )
    is_word = np.ones(width, bool)
    is_word[reader.vectors] = False
    words = graph.add("Where", graph.keep(is_word), features, graph.keep(np.float32(0)))
    vectors = graph.add("Gather", features, graph.keep(reader.vectors.astype(np.int64)), axis=1)
    return ReadContent(at_unit_length(graph, words), at_unit_length(graph, vectors), reader.vectors)


def at_unit_length(graph: Graph, name: str) -> str:
    """Return rows at unit length, in single precision; rows of zeros stay."""
    wide = graph.cast(name, DOUBLE)
    squares = graph.add("ReduceSum", graph.add("Mul", wide, wide), graph.axes(1), keepdims=1)
    least = graph.keep(np.float64(np.finfo(np.float64).tiny))
    return graph.cast(graph.add("Div", wide, graph.add("Sqrt", graph.add("Max", squares, least))), FLOAT)
