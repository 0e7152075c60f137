"""Export of vectors to LanceDB: a table in a folder, searched by embedding and scored exactly afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..data.arrow_check import checked_table
from ..data.open_input import reading
from ..errors import CapabilityError, DataError, ResourceError, UsageError, optional_package
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

    Raises
    ------
    CapabilityError
        If the query has no dense piece.
    DataError
        If the table was not written by an export, or was altered.
    """
    if query.dense is None:
        raise CapabilityError("this vector has no dense piece to search by; ask a store that knows sparse vectors")
    search = (
        table.search(query.dense[0], vector_column_name="vector").distance_type("dot").limit(max(candidates, k) + len(seen))
    )
    with reading("the LanceDB table", DataError, "export it again"):
        found = checked_table(search.to_arrow(), "the LanceDB table")
        scores = 1.0 - found.column("_distance").to_numpy()  # LanceDB's distance is 1 - the inner product
        if query.sparse is not None:
            scores = scores + _sparse_scores(found, query.sparse)
        if found.column("id").null_count:
            raise ValueError("a row has no id")
        hidden, ids = set(seen), found.column("id").to_pylist()
    if not np.isfinite(scores).all():
        raise DataError("the LanceDB table holds numbers that are not finite; export it again")
    order = [place for place in np.argsort(-scores, kind="stable").tolist() if ids[place] not in hidden]
    return [(ids[place], float(scores[place])) for place in order[:k]]


def _sparse_scores(found: pa.Table, query: Any) -> Any:
    """Return the products of the sparse pieces of some rows with that of a query, shape (n,)."""
    asked = np.zeros(query.shape[1], np.float32)
    asked[query.indices] = query.data
    places, values = (found.column(name).combine_chunks() for name in ("content_index", "content_value"))
    counts = places.value_lengths().to_numpy(zero_copy_only=False)
    if not np.array_equal(counts, values.value_lengths().to_numpy(zero_copy_only=False)):
        raise ValueError("a row has another number of content values than of indices")
    at = places.flatten().to_numpy(zero_copy_only=False)
    if len(at) and not 0 <= at.min() <= at.max() < len(asked):
        raise ValueError("an index of the content is out of range")
    products = asked[at] * values.flatten().to_numpy(zero_copy_only=False)
    sums = np.concatenate([[0.0], np.cumsum(products, dtype=np.float64)])
    bounds = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return sums[bounds[1:]] - sums[bounds[:-1]]


def describe(table: Any) -> dict[str, Any]:
    """Return what an export noted in a table's metadata: version, model, what the rows are, widths.

    Raises
    ------
    DataError
        If the table was not written by an export.
    """
    with reading("the metadata of the table", DataError, "export it again"):
        return dict(json.loads(table.schema.metadata[b"dualnet"]))


def _existing(database: lancedb.DBConnection, table: str) -> Any | None:
    """Return a table that is there, None if there is none; a link would be written through, and what is damaged is left alone."""
    place = Path(str(database.uri)) / f"{table}.lance"
    if place.is_symlink():
        raise UsageError(f"{place} is a link to another place; remove it, or choose another --table")
    try:
        return database.open_table(table)
    except (ValueError, OSError, RuntimeError) as error:  # which of them, depends on the version
        if place.exists():
            raise ResourceError(
                f"LanceDB cannot read {place} ({str(error).splitlines()[0][:200]}); choose another --table"
            ) from error
        return None
