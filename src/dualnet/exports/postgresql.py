"""Export of vectors to PostgreSQL with pgvector: one table, replaced as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, LiteralString

from .. import __version__
from ..errors import DataError, ResourceError, UsageError, optional_package
from .postgresql_connection import connect
from .source import Layout, VectorBlock, VectorSource

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

Index = Literal["hnsw", "none"]

LONGEST_VECTOR = 16_000  # numbers of a `vector`, and non-zeros of a `sparsevec`
LONGEST_INDEXED = 2_000  # numbers of a `vector` that an HNSW index takes
LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names without a word
MARK = "Vectors written by dualnet"  # the comment of our tables: no other table is ever replaced


def write_postgresql(
    source: VectorSource,
    table: str,
    *,
    url_variable: str = "DATABASE_URL",
    overwrite: bool = False,
    index: Index = "none",
    environment: Mapping[str, str] = os.environ,
) -> int:
    """Write vectors to a table of a PostgreSQL database in one transaction; return the number of rows.

    Columns: ``id`` (primary key), ``title`` (items), ``embedding`` (``vector``), and ``content`` (``sparsevec``) where content
    is matched as it is. Readers see the old table until the new one is whole. The exact score is the sum of two inner
    products; `nearest_query` writes the question.

    Parameters
    ----------
    source : VectorSource
        From `items_of` or `users_of`.
    table : str
        ``name`` or ``schema.name``, taken letter by letter.
    url_variable : str
        Environment variable that holds the URL; the URL itself is never shown.
    overwrite : bool
        Replace a table that an earlier export wrote; any other table is left alone.
    index : {"hnsw", "none"}
        ``"hnsw"`` indexes the embedding for approximate search by inner product.
    environment : mapping
        Where the variable is looked up.

    Raises
    ------
    UsageError
        If the variable is missing, the table exists, or the vectors are too long for the index.
    DataError
        If the database refuses a value; nothing is written.
    ResourceError
        If the database cannot be reached or lacks pgvector; nothing is written.
    """
    purpose = "writing to PostgreSQL"
    with optional_package("psycopg", "export", purpose), optional_package("pgvector", "export", purpose):
        import pgvector.psycopg  # noqa: F401
        import psycopg
    name = _parts(table)
    _check_lengths(source.layout, index)
    with connect(url_variable, environment) as connection:
        try:
            with connection.transaction():
                _write(connection, source, name, overwrite, index)
        except psycopg.Error as error:
            raise _translated(error, table) from None
    return len(source)


def _write(connection: psycopg.Connection, source: VectorSource, name: tuple[str, ...], overwrite: bool, index: Index) -> None:
    from pgvector.psycopg import register_vector
    from psycopg import sql

    layout, table = source.layout, sql.Identifier(*name)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"dualnet {'.'.join(name)}"])
    schema = _schema_of_ours(connection, table, name, overwrite)
    if schema is not None:  # the new one goes where the old one is, whatever comes first in the search path
        name = (schema, name[-1])
        table = sql.Identifier(*name)
    _require_pgvector(connection, layout)
    register_vector(connection)
    fresh = sql.Identifier(*name[:-1], f"dualnet_{secrets.token_hex(8)}")
    columns = _columns(source)
    declared = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(column), kind) for column, kind in columns)
    connection.execute(sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY (id))").format(fresh, declared))
    comment = f"{MARK} {__version__}: {source.what} of a model '{source.model.name}'"
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(fresh, sql.Literal(comment)))
    names = sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns)
    types = ["int8" if source.ids.is_integer else "text", *(["text"] if source.what == "items" else [])]
    types += ["vector"] * bool(layout.width) + ["sparsevec"] * bool(layout.sparse_width)
    with connection.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(fresh, names)) as copy:
        copy.set_types(types)
        for block in source.blocks():
            for row in zip(*_values(block), strict=True):
                copy.write_row(row)
    if index == "hnsw":
        operators: LiteralString = "vector_ip_ops" if layout.width else "sparsevec_ip_ops"
        connection.execute(sql.SQL("CREATE INDEX ON {} USING hnsw (embedding {})").format(fresh, sql.SQL(operators)))
    if schema is not None:
        connection.execute(sql.SQL("DROP TABLE {}").format(table))
    connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(fresh, sql.Identifier(name[-1])))


def _columns(source: VectorSource) -> list[tuple[str, sql.Composable]]:
    from psycopg import sql

    layout = source.layout
    columns: list[tuple[str, sql.Composable]] = [("id", sql.SQL("bigint" if source.ids.is_integer else "text"))]
    if source.what == "items":
        columns.append(("title", sql.SQL("text")))
    if layout.width:
        columns.append(("embedding", sql.SQL("vector({})").format(sql.Literal(layout.width))))
    if layout.sparse_width:
        columns.append((layout.sparse_name, sql.SQL("sparsevec({})").format(sql.Literal(layout.sparse_width))))
    return columns


def _values(block: VectorBlock) -> list[list[Any]]:
    """Return the columns of a block as values that psycopg writes, in the order of `_columns`."""
    columns: list[list[Any]] = [list(block.ids)]
    if block.titles is not None:
        columns.append(list(block.titles))
    if block.dense is not None:
        columns.append(list(block.dense))
    if block.sparse is not None:
        columns.append(sparse_values(block))
    return columns


def sparse_values(block: VectorBlock) -> list[Any]:
    """Return the rows of a sparse piece as pgvector's ``SparseVector``.

    Raises
    ------
    DataError
        If a row has more non-zeros than pgvector stores.
    """
    from pgvector import SparseVector

    matrix, rows = block.sparse, []
    if matrix is None:
        return []
    for place, key in enumerate(block.ids):
        part = slice(int(matrix.indptr[place]), int(matrix.indptr[place + 1]))
        if part.stop - part.start > LONGEST_VECTOR:
            raise DataError(
                f"the vector of {key!r} has {part.stop - part.start:,} non-zeros, and pgvector stores {LONGEST_VECTOR:,};"
                " export as Parquet"
            )
        elements = dict(zip(matrix.indices[part].tolist(), matrix.data[part].tolist(), strict=True))
        rows.append(SparseVector(elements, matrix.shape[1]))
    return rows


def _schema_of_ours(
    connection: psycopg.Connection, table: sql.Identifier, name: tuple[str, ...], overwrite: bool
) -> str | None:
    """Return the schema of the table to replace, if there is one; raises if there is one that must not be."""
    found = connection.execute(
        "SELECT nspname, relkind, obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE c.oid = to_regclass(%s)",
        [table.as_string(connection)],
    ).fetchone()
    if found is None:
        return None
    shown = ".".join(name)
    if found[1] != "r" or not (found[2] or "").startswith(MARK):
        raise UsageError(f"'{shown}' is in the database already and was not written by dualnet export; choose another --table")
    if not overwrite:
        raise UsageError(f"table '{shown}' exists; replace it with --overwrite or choose another --table")
    return str(found[0])


def _require_pgvector(connection: psycopg.Connection, layout: Layout) -> None:
    import psycopg

    need = "0.7" if layout.sparse_width else "0.5"
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.Error as error:
        raise ResourceError(
            f"the database has no extension 'vector' ({error.diag.message_primary}); install pgvector {need} or newer and run"
            " CREATE EXTENSION vector as its owner"
        ) from None
    if layout.sparse_width and connection.execute("SELECT to_regtype('sparsevec')").fetchone() == (None,):
        raise ResourceError(
            "the database's pgvector has no type 'sparsevec', which content needs; install 0.7 or newer and run"
            " ALTER EXTENSION vector UPDATE"
        )


def _parts(table: str) -> tuple[str, ...]:
    parts = tuple(table.split("."))
    if len(parts) > 2 or not all(parts) or "\0" in table:
        raise UsageError(f"--table {table!r} is not a table; write name or schema.name")
    for part in parts:
        if len(part.encode()) > LONGEST_NAME:
            raise UsageError(
                f"--table {part[:20]!r}... is longer than PostgreSQL's {LONGEST_NAME} bytes; choose a shorter name"
            )
    return parts


def _check_lengths(layout: Layout, index: Index) -> None:
    if layout.width > LONGEST_VECTOR:
        raise UsageError(
            f"vectors of {layout.width:,} numbers are longer than pgvector's {LONGEST_VECTOR:,}; export as Parquet or npz"
        )
    if index == "hnsw" and layout.width > LONGEST_INDEXED:
        raise UsageError(
            f"an HNSW index takes vectors of {LONGEST_INDEXED:,} numbers, these have {layout.width:,}; use --index none"
        )


def _translated(error: psycopg.Error, table: str) -> DataError | ResourceError:
    import psycopg

    said = error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError) or (error.sqlstate or "").startswith("54"):  # 54: too long
        return DataError(f"the database refuses a value of table '{table}': {said}; nothing was written")
    return ResourceError(f"cannot write table '{table}': {said}; nothing was written")
