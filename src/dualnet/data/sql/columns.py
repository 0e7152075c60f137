"""Batches of rows to Arrow columns of one type, and Arrow types that the rest of the house knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from ...errors import DataError
from .query import Query


def table_of_rows(
    query: Query, names: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]], types: Sequence[pa.DataType | None]
) -> pa.Table:
    """Return rows as a table; only one batch at a time is held as Python objects.

    Parameters
    ----------
    query : Query
        For error texts.
    names : sequence of str
        Column names.
    batches : iterable of sequences of rows
        As they arrive.
    types : sequence of DataType or None
        Arrow type of each column; None to follow the values.

    Raises
    ------
    DataError
        If a column mixes kinds of values.
    """
    check_names(query, names)
    chunks: list[list[pa.Array]] = [[] for _ in names]
    done = 0
    for rows in batches:
        for place, (cells, values, wanted) in enumerate(zip(chunks, zip(*rows, strict=True), types, strict=True)):
            try:
                cells.append(pa.array(values, wanted))
            except (pa.ArrowException, OverflowError, TypeError) as error:
                raise DataError(
                    f"{query.place}: column '{names[place]}' mixes kinds of values or holds one that is no plain value, within rows"
                    f" {done + 1:,} to {done + len(rows):,} ({str(error).splitlines()[0]}); CAST it to one type in the query"
                ) from error
        done += len(rows)
    columns = [_joined(query, name, cells, wanted) for name, cells, wanted in zip(names, chunks, types, strict=True)]
    return pa.table(columns, names=list(names))


def check_names(query: Query, names: Sequence[str]) -> None:
    """Refuse two columns of one name, as ``SELECT *`` over a join gives them.

    Raises
    ------
    DataError
        The text names the column.
    """
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(f"{query.place} returns column '{name}' more than once; name the columns, or rename one with AS")


def plain_types(table: pa.Table) -> pa.Table:
    """Return the table with dictionaries, views, large and fixed-size lists and nanoseconds as their plain types."""
    for place, column in enumerate(table.schema):
        wanted = _plain(column.type)
        if wanted != column.type:
            cells = table.column(place)
            if pa.types.is_dictionary(column.type):
                cells = cells.cast(column.type.value_type)
            table = table.set_column(place, column.name, cells.cast(wanted, safe=False))
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind


def _joined(query: Query, name: str, cells: list[pa.Array], wanted: pa.DataType | None) -> pa.ChunkedArray:
    if not cells:
        return pa.chunked_array([], wanted or pa.null())
    kinds = {chunk.type for chunk in cells if not pa.types.is_null(chunk.type)}
    if kinds == {pa.int64(), pa.float64()}:
        kinds = {pa.float64()}
    if len(kinds) > 1:
        raise DataError(
            f"{query.place}: column '{name}' mixes kinds of values ({', '.join(sorted(map(str, kinds)))}); CAST it to one type in"
            " the query"
        )
    kind = kinds.pop() if kinds else pa.null()
    return pa.chunked_array([chunk.cast(kind) for chunk in cells], kind)
