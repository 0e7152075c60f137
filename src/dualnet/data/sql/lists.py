"""Tags and vectors that a database hands over as text: JSON arrays, and pgvector's form, which is the same."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from ...errors import DataError
from ..read_table import LoadedTable


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
