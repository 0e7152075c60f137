"""Arrow columns from batches of rows, in the plain types that the other readers use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from ...errors import DataError
from ..read_table import LoadedTable
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


def with_lists(loaded: LoadedTable, tags: tuple[str, ...], vectors: tuple[str, ...]) -> LoadedTable:
    """Return the table with text cells of some columns as lists.

    Parameters
    ----------
    loaded : LoadedTable
        What a query returned.
    tags : tuple of str
        A cell ``["a", "b"]`` becomes two tags; any other text stays as it is (tags separated by ``|``).
    vectors : tuple of str
        A cell must be ``[0.1, 0.2]``.

    Raises
    ------
    DataError
        For a cell of a vector column that is no list of numbers, or a tag that is a list or an object.
    """
    table = loaded.table
    for name in (*tags, *vectors):
        if name not in table.column_names or not pa.types.is_string(table.schema.field(name).type):
            continue
        cells = table.column(name).to_pylist()
        read, kind = (_tags, pa.string()) if name in tags else (_numbers, pa.float32())
        if name in tags and not any(_is_array(cell) for cell in cells):
            continue
        values = [None if cell is None else read(cell, loaded, name, row) for row, cell in enumerate(cells)]
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.list_(kind)))
    return LoadedTable(table, loaded.name, loaded.lines)


def _is_array(cell: str | None) -> bool:
    return cell is not None and cell.lstrip().startswith("[")


def _tags(cell: str, loaded: LoadedTable, name: str, row: int) -> list[str]:
    values = _array(cell) if _is_array(cell) else None
    if values is None:
        return [part.strip() for part in cell.split("|") if part.strip()]
    for value in values:
        if isinstance(value, list | dict):
            raise DataError(f"{loaded.place(row)}: a tag in column '{name}' is {value!r}; tags are texts or numbers")
    return [str(value) for value in values if value is not None]


def _numbers(cell: str, loaded: LoadedTable, name: str, row: int) -> list[float]:
    values = _array(cell)
    if values is None or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        shown = cell if len(cell) <= 40 else f"{cell[:40]}..."
        raise DataError(f"{loaded.place(row)}: {shown!r} in column '{name}' is not a vector; write [0.1, 0.2, ...]")
    return values


def _array(cell: str) -> list[Any] | None:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
