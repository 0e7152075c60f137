"""Vectors into LanceDB: a table in a folder, searched by embedding and scored exactly afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import CapabilityError, ResourceError, UsageError, optional_package
from ..ids import Key
from .parquet import vector_schema, vector_tables
from .source import VectorBlock, VectorSource
from .store_names import check_store_name

if TYPE_CHECKING:
    import lancedb


def open_lancedb(folder: str | Path) -> lancedb.DBConnection:
    """Open a LanceDB folder, which is made if need be.

    Raises
    ------
    ResourceError
        If it cannot be opened.
    """
    with optional_package("lancedb", "export", "writing to LanceDB"):
        import lancedb
    try:
        return lancedb.connect(str(folder))
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(f"cannot open LanceDB in {folder}: {error}; choose another place") from error


def write_lancedb(source: VectorSource, database: lancedb.DBConnection, table: str, *, overwrite: bool = False) -> int:
    """Write vectors as a LanceDB table with the columns of `write_parquet`, streamed; return the number of rows.

    LanceDB adds the table, or its new version, when all rows are there.

    Parameters
    ----------
    source : VectorSource
        From `items_of` or `users_of`.
    database : lancedb.DBConnection
        From `open_lancedb`, or any other.
    table : str
        Name of the table.
    overwrite : bool
        Replace a table that an earlier export wrote; any other is left alone.

    Raises
    ------
    CapabilityError
        If the model has no dense vectors to search by.
    UsageError
        If the table exists.
    ResourceError
        If it cannot be written; an older table stays.
    """
    if not source.layout.width:
        raise CapabilityError(
            f"vectors of model '{source.model.name}' are sparse, and LanceDB searches dense ones; export to pgvector or Qdrant"
        )
    check_store_name(table, "--table")
    present = _existing(database, table)
    if present is not None:
        if b"dualnet" not in (present.schema.metadata or {}):
            raise UsageError(f"table '{table}' is there already and was not written by dualnet export; choose another --table")
        if not overwrite:
            raise UsageError(f"table '{table}' exists; replace it with --overwrite or choose another --table")
    schema = vector_schema(source)
    batches = (batch for part in vector_tables(source) for batch in part.to_batches())
    try:
        database.create_table(
            table, pa.RecordBatchReader.from_batches(schema, batches), mode="overwrite" if overwrite else "create"
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(f"LanceDB did not take table '{table}': {error}; nothing was changed") from error
    return len(source)


def lancedb_best(
    table: Any, query: VectorBlock, *, k: int = 10, seen: Sequence[Key] = (), candidates: int = 1_000
) -> list[tuple[Key, float]]:
    """Return ids and exact scores of the best rows among those nearest by embedding, best first.

    LanceDB searches one dense vector; the sparse piece is read with the candidates and added here. With `candidates` of at
    least the size of the table the list is the library's own.

    Parameters
    ----------
    table : lancedb.table.Table
        Written by `write_lancedb`.
    query : VectorBlock
        From `query_vectors`; the first row is asked for.
    k : int
        Length of the list.
    seen : sequence of str or int
        Ids not to list, such as those of the history.
    candidates : int
        Rows to fetch by the embedding alone.
    """
    if query.dense is None:
        raise CapabilityError("this vector has no dense piece to search by; ask a store that knows sparse vectors")
    search = (
        table.search(query.dense[0], vector_column_name="vector").distance_type("dot").limit(max(candidates, k) + len(seen))
    )
    found = search.to_arrow()
    scores = 1.0 - found.column("_distance").to_numpy()  # LanceDB's distance is 1 - the inner product
    if query.sparse is not None:
        asked = np.zeros(query.sparse.shape[1], np.float32)
        asked[query.sparse.indices] = query.sparse.data
        places = found.column("content_index").combine_chunks()
        products = asked[places.values.to_numpy()] * found.column("content_value").combine_chunks().values.to_numpy()
        sums = np.concatenate([[0.0], np.cumsum(products, dtype=np.float64)])
        bounds = places.offsets.to_numpy()
        scores = scores + sums[bounds[1:]] - sums[bounds[:-1]]
    hidden, ids = set(seen), found.column("id").to_pylist()
    order = [place for place in np.argsort(-scores, kind="stable").tolist() if ids[place] not in hidden]
    return [(ids[place], float(scores[place])) for place in order[:k]]


def describe(table: Any) -> dict[str, Any]:
    """Return what an export noted in a table's metadata: version, model, what the rows are, widths."""
    return dict(json.loads(table.schema.metadata[b"dualnet"]))


def _existing(database: lancedb.DBConnection, table: str) -> Any | None:
    try:
        return database.open_table(table)
    except (ValueError, FileNotFoundError):  # depends on the version
        return None
