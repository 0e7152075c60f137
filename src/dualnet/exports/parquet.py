"""Export of vectors to a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from .. import __version__
from ..data.write_table import write_tables
from ..errors import UsageError
from ..typed_values import path_of
from .source import VectorBlock, VectorSource


def write_parquet(source: VectorSource, path: str | Path) -> int:
    """Write ids, titles and vectors as Parquet, streamed, whole or not at all; return the number of rows.

    Columns: ``id``; ``title`` (items); ``vector``, the dense piece, as a list of fixed size; ``content_index`` and
    ``content_value``, the non-zeros of the sparse piece, where content is matched as it is (``embedding_index`` and
    ``embedding_value`` for models whose vectors are sparse altogether). The file's metadata holds the widths.

    Parameters
    ----------
    source : VectorSource
        From `items_of` or `users_of`.
    path : str or Path
        Ends in .parquet.

    Raises
    ------
    UsageError
        For another suffix.
    ResourceError
        If the file cannot be written; nothing is left behind.
    """
    if path_of(path, "path").suffix.lower() != ".parquet":
        raise UsageError(f"{path} does not end in .parquet; vectors are written as Parquet")
    return write_tables(vector_tables(source), path)


def vector_tables(source: VectorSource, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield the vectors, or those of some rows, as Arrow tables with the columns of `write_parquet`, all of one schema."""
    schema = vector_schema(source)
    for block in source.blocks(start=start, stop=stop):
        yield pa.table(_columns(block, source.layout.sparse_name), schema=schema)


def vector_schema(source: VectorSource) -> pa.Schema:
    """Return the columns of `vector_tables`, with widths and origin as metadata under the key ``dualnet``."""
    layout = source.layout
    fields = [pa.field("id", pa.int64() if source.ids.is_integer else pa.string())]
    if source.what == "items":
        fields.append(pa.field("title", pa.string()))
    if layout.width:
        fields.append(pa.field("vector", pa.list_(pa.float32(), layout.width)))
    if layout.sparse_width:
        fields.append(pa.field(f"{layout.sparse_name}_index", pa.list_(pa.int32())))
        fields.append(pa.field(f"{layout.sparse_name}_value", pa.list_(pa.float32())))
    origin = {
        "dualnet": __version__,
        "model": source.model.name,
        "what": source.what,
        "width": layout.width,
        "sparse_width": layout.sparse_width,
    }
    return pa.schema(fields, metadata={"dualnet": json.dumps(origin)})


def _columns(block: VectorBlock, sparse_name: str) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {"id": pa.array(block.ids, None if block.ids else pa.string())}
    if block.titles is not None:
        columns["title"] = pa.array(block.titles, pa.string())
    if block.dense is not None:
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(block.dense.ravel()), block.dense.shape[1])
    if block.sparse is not None:
        columns[f"{sparse_name}_index"] = _lists(block.sparse, block.sparse.indices.astype(np.int32))
        columns[f"{sparse_name}_value"] = _lists(block.sparse, block.sparse.data)
    return columns


def _lists(matrix: csr_array, values: np.ndarray) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(matrix.indptr.astype(np.int32)), pa.array(values))
