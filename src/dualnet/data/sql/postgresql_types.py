"""Arrow types of PostgreSQL columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...errors import DataError
from .query import Query

if TYPE_CHECKING:
    import psycopg

SCALARS: dict[str, pa.DataType] = {
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "numeric": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "name": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
}
LISTS = ("int2", "int4", "int8", "float4", "float8", "numeric", "bool", "text", "varchar", "bpchar", "name", "uuid")


def column_types(cursor: psycopg.RawCursor[Any], query: Query) -> tuple[list[str], list[pa.DataType | None]]:
    """Return name and Arrow type of each column, and tell the cursor how to load it.

    Numbers with a fixed number of decimals become floats. What has no Arrow type here (uuid, json, enumerations, pgvector's
    vectors, ...) becomes text as PostgreSQL prints it.

    Parameters
    ----------
    cursor : psycopg.RawCursor
        With a result, so that columns are known; no row of it is loaded yet.
    query : Query
        For error texts.

    Raises
    ------
    DataError
        For arrays of a type that psycopg does not know, such as an enumeration.
    """
    from psycopg.types.numeric import FloatLoader
    from psycopg.types.string import TextLoader

    names, types = [], []
    known = cursor.adapters.types
    cursor.adapters.register_loader("numeric", FloatLoader)
    cursor.adapters.register_loader("uuid", TextLoader)
    unknown: dict[int, str] = {}
    for column in cursor.description or ():
        info = known.get(column.type_code)
        names.append(column.name)
        if info is None:
            unknown[column.type_code] = column.name
        is_list = info is not None and column.type_code == info.array_oid
        if info is not None and is_list and info.name in LISTS:
            types.append(pa.list_(SCALARS.get(info.name, pa.string())))
        elif info is not None and not is_list and info.name in SCALARS:
            types.append(SCALARS[info.name])
        else:
            types.append(pa.string())
            cursor.adapters.register_loader(column.type_code, TextLoader)
    if unknown:
        _refuse_arrays(cursor, query, unknown)
    return names, types


def _refuse_arrays(cursor: psycopg.RawCursor[Any], query: Query, unknown: dict[int, str]) -> None:
    """An array of an unknown type would arrive as one text in braces, and be taken for a single tag."""
    rows = cursor.connection.execute(
        "SELECT oid::int8, format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = ANY(%s) AND typcategory = 'A'",
        (list(unknown),),
    )
    for oid, name in rows:
        raise DataError(f"{query.place}: column '{unknown[oid]}' is of type {name}; cast it to text[] in the query")
