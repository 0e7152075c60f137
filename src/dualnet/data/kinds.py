"""Kinds of columns: every column is stored as its kind requires, and later values are cast to that kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import pyarrow as pa

from ..errors import DataError, shown, warn
from .frames import Column, column_at, whole_text
from .picture_files import as_data_uri
from .tag_values import KnownTags, separators_for, tags_of
from .values import (
    EXACT,
    ISO_DATE,
    UnfitError,
    date_of,
    flag_of,
    is_date_text,
    label_of,
    number_of,
    picture_of,
    plain_text_of,
    text_of,
    vector_of,
)

Kind: TypeAlias = Literal["text", "category", "tags", "number", "date", "vector", "picture", "flag"]
Read: TypeAlias = Callable[[Any], Any]

NOTE = b"dualnet.kind"  # of a column that is stored as its kind has it
SEPARATORS = b"dualnet.separators"  # of a column of tags that were text: what divided them
DATE = pa.timestamp("us")  # in UTC
TYPES: Mapping[Kind, tuple[pa.DataType, ...]] = {
    "text": (pa.string(),), "category": (pa.string(),), "tags": (pa.list_(pa.string()),), "number": (pa.int64(), pa.float64()),
    "date": (DATE,), "vector": (pa.list_(pa.float64()),), "picture": (pa.string(), pa.binary()), "flag": (pa.bool_(),),
}  # fmt: skip

_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d+)?")


@dataclass(frozen=True)
class RowNames:
    """Names of cells of a table in error texts.

    Parameters
    ----------
    key : callable, optional
        From a row to its id.
    place : callable, optional
        From a row to where it came from, such as ``items.csv, line 3``.
    what : str
        What the columns are.
    """

    key: Callable[[int], Any] | None = None
    place: Callable[[int], str] | None = None
    what: str = "column"

    def cell(self, row: int, column: str) -> str:
        """Return the name of a cell, the subject of a sentence."""
        before = "" if self.place is None else f"{self.place(row)}: "
        return f"{before}{self.what} '{column}'{self.of(row)}"

    def of(self, row: int) -> str:
        """Return whose row it is, with a blank before it."""
        return "" if self.key is None else f" of {self.key(row)!r}"


def noted_kind(field: pa.Field) -> Kind | None:
    """Return the kind that a column is stored as, None where it was not cast to any."""
    found = (field.metadata or {}).get(NOTE, b"").decode("utf-8", "replace")
    return cast(Kind, found) if field.type in TYPES.get(cast(Kind, found), ()) else None


def noted_separators(field: pa.Field) -> str:
    """Return what divided the tags of a column when they were text, empty where they were lists or nothing did."""
    return (field.metadata or {}).get(SEPARATORS, b"").decode("utf-8", "replace") if noted_kind(field) == "tags" else ""


def cast_table(
    table: pa.Table, kinds: Mapping[str, Kind], rows: RowNames, known: Mapping[str, KnownTags] | None = None
) -> pa.Table:
    """Return a table whose columns of the given names are stored as their kinds have them.

    Parameters
    ----------
    table : pyarrow.Table
        Its other columns stay as they are.
    kinds : mapping of str to str
        Kind of each column. A column of numbers whose values are all dates becomes one of dates.
    rows : RowNames
        For error texts.
    known : mapping of str to KnownTags, optional
        Of columns of tags that were fitted; the others note what divides them, for `noted_separators`.

    Raises
    ------
    DataError
        For a value that its kind cannot take; the text names row, column, value and remedy.
    """
    for name, kind in kinds.items():
        if name not in table.column_names or noted_kind(table.schema.field(name)) in (
            kind,
            "date" if kind == "number" else kind,
        ):
            continue
        column, tags = column_at(table, name), (known or {}).get(name, KnownTags())
        try:
            cells, separators = _tags(column, name, tags) if kind == "tags" else (_cast(column, kind), "")
        except _UnfitCell as error:
            raise DataError(f"{rows.cell(error.row, name)} is {shown(error.value)}, {error.why}") from None
        table = _with(table, name, cells, kind, separators)
    return table


def shown_table(table: pa.Table, kinds: Collection[str], titles: Collection[str] = (), *, untyped: bool = False) -> pa.Table:
    """Return a table whose columns that are no content are values to show and to filter on; nothing fails.

    Parameters
    ----------
    table : pyarrow.Table
    kinds : collection of str
        Columns that are content; they stay as they are.
    titles : collection of str
        Columns that are text, whatever is in them.
    untyped : bool
        All is text, as in a CSV file: a column of numbers, of ISO dates or of flags alone becomes one of those.
    """
    for field in table.schema:
        name = field.name
        if name in kinds or noted_kind(field) is not None:
            continue
        column = column_at(table, name)
        kind = "text" if column.mixed or name in titles else shown_kind(column.cells.type) or "text"
        if untyped and kind == "text" and name not in titles:
            kind = _inferred(column)
        if not pa.types.is_null(column.cells.type):
            table = _with(table, name, _leniently(column, kind)[0], kind)
    return table


def like_table(table: pa.Table, fitted: pa.Table, kinds: Collection[str], rows: RowNames) -> pa.Table:
    """Return new rows with the columns of a fitted table, those that are no content cast to what they are there.

    A value of a column that is no content is left empty where it does not fit, with a warning that counts. A column that the
    new rows lack is empty, and one that the fitted table lacks is left out.
    """
    columns, fields = [], []
    for field in fitted.schema:
        name = field.name
        if name in kinds and name in table.column_names:
            columns.append(table.column(name))
            fields.append(table.schema.field(name))
            continue
        if name not in table.column_names:
            if name not in kinds:
                columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
                fields.append(field)
            continue
        kind = noted_kind(field) or shown_kind(field.type) or "text"
        cells, unfit = _leniently(column_at(table, name), kind)
        if unfit:
            warn(
                f"column '{name}' is no content and has {len(unfit):,} values that are no {kind}, such as"
                f" {shown(unfit[0].value)}{rows.of(unfit[0].row)}; they are left empty"
            )  # fmt: skip
        columns.append(cells)
        fields.append(pa.field(name, cells.type, metadata=field.metadata))
    return pa.table(columns, schema=pa.schema(fields))


def joined_tables(upper: pa.Table, lower: pa.Table) -> pa.Table:
    """Return the rows of two tables of the same columns, one after the other; types of one kind meet in the wider one."""
    columns, fields = [], []
    for field in upper.schema:
        parts = (upper.column(field.name), lower.column(field.name))
        wanted = _wider(parts[0].type, parts[1].type)
        columns.append(pa.chunked_array([chunk for part in parts for chunk in _as_type(part, wanted).chunks], wanted))
        fields.append(pa.field(field.name, wanted, metadata=field.metadata))
    return pa.table(columns, schema=pa.schema(fields))


def shown_kind(kind: pa.DataType) -> Kind | None:
    """Return the kind of a column that is no content by its type, None for types that are shown as JSON."""
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind):
        return "text"
    if types.is_boolean(kind):
        return "flag"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_timestamp(kind) or types.is_date(kind):
        return "date"
    if types.is_binary(kind):
        return "picture"
    inner = shown_kind(kind.value_type) if types.is_list(kind) else None
    return "tags" if inner == "text" else "vector" if inner == "number" else None


def shown_kinds(table: pa.Table | None) -> dict[str, Kind]:
    """Return the kind of each column of a table but those of mere text, by what it was cast to, else by its type."""
    found = {} if table is None else {field.name: noted_kind(field) or shown_kind(field.type) for field in table.schema}
    return {name: kind for name, kind in found.items() if kind not in (None, "text")}


def comparable(cells: pa.ChunkedArray, asked: Sequence[Any], *, ordered: bool) -> tuple[pa.ChunkedArray, pa.Array]:
    """Return a column and the values of a filter as one type, so that they can be compared.

    Numbers may be asked for as text, dates as ISO text or seconds since 1970, text that holds numbers alone as numbers, and
    labels in any form that they have in a table.

    Parameters
    ----------
    cells : pyarrow.ChunkedArray
        Values of the column.
    asked : sequence
        Values of the filter.
    ordered : bool
        They bound a range; else one of them is looked for, and a label may stand there twice, as it came and as it is kept.

    Raises
    ------
    UnfitError
        For a value that the column's kind cannot take.
    """
    kind = shown_kind(cells.type) or "text"
    if any(value is None or isinstance(value, list | dict) for value in asked):
        raise UnfitError("not one value")
    if kind not in ("flag", "text") and any(isinstance(value, bool) for value in asked):
        raise UnfitError("true or false, which this column has not")
    if kind == "text" and not any(isinstance(value, str | bool) for value in asked):
        try:
            cells = _cast(Column(cells), "number")
            kind = "date" if cells.type == DATE else "number"
        except _UnfitCell as error:
            if ordered:
                raise UnfitError(error.why) from None
    if kind == "text":
        labels = [] if ordered else [label_of(value) for value in asked]
        return cells, pa.array([value for value in asked if isinstance(value, str)] + labels, pa.string())
    wanted = _ARRAYS[kind]([_READ[kind](value) for value in asked]).combine_chunks()
    if wanted.null_count:
        raise UnfitError(f"no {kind}")
    if kind == "number":
        exact = pa.types.is_integer(cells.type) and pa.types.is_integer(wanted.type)
        both = pa.int64() if exact else pa.float64()
        return cells.cast(both), wanted.cast(both)
    return cells.cast(wanted.type), wanted


class _UnfitCell(Exception):  # noqa: N818  # becomes an error with a name where the row has one
    def __init__(self, row: int, value: object, why: str) -> None:
        self.row, self.value, self.why = row, value, why


def _cast(column: Column, kind: Kind) -> pa.ChunkedArray:
    if not column.mixed and kind in ("text", "flag") and column.cells.type in TYPES[kind]:
        return column.cells
    if kind == "number":
        return _numbers(column)
    return _read(column, _READ[kind], _ARRAYS[kind])


def _read(column: Column, read: Read, arrange: Callable[[list[Any]], pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return each value of a column as `read` has it; what occurs often is read once."""
    cells = column.cells
    if column.mixed or pa.types.is_nested(cells.type) or pa.types.is_null(cells.type) or not cells.num_chunks:
        return arrange(_each(column.values(), read))
    coded = cells.dictionary_encode().unify_dictionaries()
    codes = [chunk.indices for chunk in coded.chunks]
    try:
        made = arrange(_each(Column(pa.chunked_array([coded.chunk(0).dictionary])).values(), read)).combine_chunks()
    except _UnfitCell as error:
        first = int(np.flatnonzero(pa.chunked_array(codes).to_numpy() == error.row)[0])
        raise _UnfitCell(first, error.value, error.why) from None
    return pa.chunked_array([made.take(part) for part in codes], made.type)


def _each(values: list[Any], read: Read) -> list[Any]:
    made = []
    for row, value in enumerate(values):
        try:
            made.append(read(value))
        except UnfitError as error:
            raise _UnfitCell(row, value, str(error)) from None
    return made


def _tags(column: Column, name: str, known: KnownTags) -> tuple[pa.ChunkedArray, str]:
    separators = separators_for(column.values(), name, known)
    return _read(column, lambda value: tags_of(value, separators, known.labels), _ARRAYS["tags"]), separators


def _numbers(column: Column) -> pa.ChunkedArray:
    kind = column.cells.type
    if pa.types.is_temporal(kind) and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return _read(column, date_of, _ARRAYS["date"])
    if pa.types.is_signed_integer(kind):
        return column.cells.cast(pa.int64())
    try:
        return _read(column, number_of, _number_array)
    except _UnfitCell as error:
        if not (isinstance(error.value, str) and is_date_text(error.value)):
            raise
        try:
            return _read(column, date_of, _ARRAYS["date"])
        except _UnfitCell:
            raise error from None


def _number_array(values: list[Any]) -> pa.ChunkedArray:
    """Return numbers as integers where all are whole, else as floats."""
    if all(value is None or isinstance(value, int) or (value.is_integer() and abs(value) <= EXACT) for value in values):
        return _chunked([None if value is None else int(value) for value in values], pa.int64())
    return _chunked([None if value is None else float(value) for value in values], pa.float64())


def _picture_array(values: list[Any]) -> pa.ChunkedArray:
    if any(isinstance(value, str) for value in values):
        return _chunked([as_data_uri(value) if isinstance(value, bytes) else value for value in values], pa.string())
    return _chunked(values, pa.binary())


def _chunked(values: list[Any], kind: pa.DataType) -> pa.ChunkedArray:
    try:
        made = pa.array(values, kind)
    except UnicodeEncodeError:  # half a character, as an escape in the text of a list may write it
        made = pa.array(list(map(_whole, values)), kind)
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made], kind)


def _whole(value: Any) -> Any:
    """Return a text, or a list of texts, with U+FFFD in place of half a character."""
    return whole_text(value) if isinstance(value, str) else list(map(_whole, value)) if isinstance(value, list) else value


_READ: Mapping[Kind, Read] = {
    "text": text_of, "category": label_of, "tags": tags_of, "number": number_of, "date": date_of, "vector": vector_of,
    "picture": picture_of, "flag": flag_of,
}  # fmt: skip
_ARRAYS: Mapping[Kind, Callable[[list[Any]], pa.ChunkedArray]] = {
    kind: (lambda values, types=types: _chunked(values, types[0])) for kind, types in TYPES.items()
} | {"number": _number_array, "picture": _picture_array}


def _leniently(column: Column, kind: Kind) -> tuple[pa.ChunkedArray, list[_UnfitCell]]:
    """Return a column as a kind has it, with nothing where a value does not fit, and those values."""
    if column.cells.type in TYPES[kind] and not column.mixed and kind not in ("number", "category", "tags"):
        return column.cells, []
    if kind == "text":
        return _read(column, plain_text_of, _ARRAYS["text"]), []
    unfit: list[_UnfitCell] = []
    made = []
    for row, value in enumerate(column.values()):
        try:
            made.append(_READ[kind](value))
        except UnfitError as error:
            unfit.append(_UnfitCell(row, value, str(error)))
            made.append(None)
    return _ARRAYS[kind](made), unfit


def _inferred(column: Column) -> Kind:
    """Return the kind of a column of a file in which all is text."""
    texts = {text.strip() for text in column.cells.unique().to_pylist() if text is not None} - {""}
    if not texts:
        return "text"
    if all(_PLAIN_NUMBER.fullmatch(text) for text in texts):
        return "number"
    if all(text.casefold() in ("true", "false") for text in texts):
        return "flag"
    try:
        return "date" if all(ISO_DATE.fullmatch(text) and date_of(text) is not None for text in texts) else "text"
    except UnfitError:
        return "text"


def _with(table: pa.Table, name: str, cells: pa.ChunkedArray, kind: Kind, separators: str = "") -> pa.Table:
    noted = {NOTE: b"date" if kind == "number" and cells.type == DATE else kind.encode()}
    if separators:
        noted[SEPARATORS] = separators.encode()
    return table.set_column(table.column_names.index(name), pa.field(name, cells.type, metadata=noted), cells)


def _wider(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    if first == second or pa.types.is_null(second):
        return first
    kinds = {shown_kind(first), shown_kind(second)}
    if pa.types.is_null(first):
        return second
    return pa.float64() if kinds == {"number"} else DATE if kinds == {"date"} else pa.string()


def _as_type(cells: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if cells.type == wanted:
        return cells
    if pa.types.is_binary(cells.type) and wanted == pa.string():
        return _read(Column(cells), lambda value: None if value is None else as_data_uri(value), _ARRAYS["text"])
    return _read(Column(cells), plain_text_of, _ARRAYS["text"]) if wanted == pa.string() else cells.cast(wanted, safe=False)
