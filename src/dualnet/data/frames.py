"""Tables in memory as Arrow tables of plain types: pandas, Polars, Arrow, lazy frames, relations, readers, rows."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import DataError, warn
from .list_text import as_list
from .values import is_missing, unboxed

MIXED = {b"dualnet.cells": b"json"}  # of a column whose values are of several kinds: each cell is its JSON
HALVED = {b"dualnet.characters": b"halved"}  # of a column in whose cells U+FFFD stands for half a character
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
PART = 2**30  # bytes of text that surely fit the offsets of one Arrow array
FOR_ARROW = 32  # levels of lists and objects; Arrow writes no file with more than 64
FOR_JSON = 200
ENDLESS = {"nested without end": True}  # stands for a value that holds itself; no kind of content takes an object like it

_FLAT = (str, bytes, bytearray, memoryview)


def to_arrow(frame: Any) -> pa.Table:
    """Return a table in memory as an Arrow table whose columns have plain types.

    Views, dictionaries, run-ends and large types become plain ones, nanoseconds become microseconds. A column that mixes
    kinds of values is kept whatever it holds (`cells_of`), so that it troubles nobody who does not name it.

    Parameters
    ----------
    frame : data frame, table, relation, reader, mapping of columns, or sequence of rows
        pandas, Polars (lazy frames too), Arrow tables, batches and readers, DuckDB relations, whatever narwhals knows or
        exports an Arrow stream (``__arrow_c_stream__``), ``{column: values}``, ``[{column: value}, ...]``.

    Raises
    ------
    DataError
        If it is none of these, or two of its columns have one name.
    """
    table = _table(frame)
    if table is None:
        raise DataError(f"expected a pandas, Polars or Arrow table or a file path, got {type(frame).__name__}")
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(f"the table has more than one column '{name}'; rename or drop one of them")
    return plain_table(table.select(names) if len(names) < table.num_columns else table)


class Column(NamedTuple):
    """A column of plain type; where it mixes kinds of values, each cell is the JSON of its value.

    A `halved` column had half a character (a lone surrogate) in some cells, where U+FFFD stands now: no id may be like that.
    """

    cells: pa.ChunkedArray
    mixed: bool = False
    halved: bool = False

    def values(self) -> list[Any]:
        """Return the values as Python has them; those of a mixed column as they came."""
        try:
            found: list[Any] = self.cells.to_pylist()
        except (OverflowError, ValueError):
            if not pa.types.is_temporal(self.cells.type):
                raise
            found = self.cells.cast(pa.string()).to_pylist()  # years that Python has not, as text
        return [None if cell is None else json.loads(cell) for cell in found] if self.mixed else found


def table_of(columns: Mapping[Any, Sequence[Any]]) -> pa.Table:
    """Return Python values by column as an Arrow table; a column may mix kinds of values."""
    return _joined([(str(name), column_of_values(values)) for name, values in columns.items()])


def column_of_values(values: Sequence[Any]) -> Column:
    """Return Python values as a column: of one Arrow type where they have one, else as JSON."""
    if (made := _of_one_type(values)) is not None:
        return made
    cells = [None if is_missing(value) else json_of(value, _for_json) for value in values]
    halves = sum(cell is not None and HALF_CHARACTER.search(cell) is not None for cell in cells)
    if halves:
        warn(
            f"{halves:,} values hold half a character (a lone surrogate, as text that was cut has it), which became U+FFFD"
        )  # fmt: skip
        whole = [None if cell is None else json.loads(whole_text(cell)) for cell in cells]
        return column_of_values(whole)._replace(halved=True)
    return Column(pa.chunked_array([pa.array(cells, pa.string())]), mixed=True)


def whole_text(text: str) -> str:
    """Return a text with U+FFFD in place of each half of a character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _of_one_type(values: Any) -> Column | None:
    """Return values, or a series of pandas, as a column of the one Arrow type that they have; None where they have none."""
    if str(getattr(values, "dtype", "object")) == "object" and is_deep(values):
        return None
    try:
        made = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError):
        return None
    if plain_type(made.type) is None:
        return None
    return Column(made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made]))


def _for_json(value: Any) -> Any:
    """Return a value that JSON has not as one that it has."""
    plain = unboxed(value)
    if plain is not value:
        return plain
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    listed = as_list(value)
    return str(value) if listed is None else listed


def column_at(table: pa.Table, name: str) -> Column:
    """Return a column of a table as a plain type."""
    plain, field = plain_column(table.column(name)), table.schema.field(name)
    return Column(plain.cells, plain.mixed or is_mixed(field), plain.halved or is_halved(field))


def cells_of(table: pa.Table, name: str) -> list[Any]:
    """Return the values of a column as Python has them; those of a mixed column as they came."""
    return column_at(table, name).values()


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries of Python values."""
    columns = {name: cells_of(table, name) for name in table.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def is_mixed(field: pa.Field) -> bool:
    """Return whether the cells of a column are the JSON of values of several kinds."""
    return bool(field.metadata) and field.metadata.get(b"dualnet.cells") == b"json"


def is_halved(field: pa.Field) -> bool:
    """Return whether U+FFFD stands for half a character in cells of a column."""
    return bool(field.metadata) and field.metadata.get(b"dualnet.characters") == b"halved"


def as_halved(table: pa.Table, names: Collection[str]) -> pa.Table:
    """Return a table with the note that U+FFFD stands for half a character in some columns."""
    fields = [
        field.with_metadata({**(field.metadata or {}), **HALVED}) if field.name in names else field for field in table.schema
    ]
    return table.cast(pa.schema(fields, table.schema.metadata)) if names else table


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries, views, run-ends, large and extension types, and without notes of its library."""
    return _joined([(name, column_at(table, name)) for name in table.column_names])


def plain_column(cells: pa.ChunkedArray) -> Column:
    """Return a column as a plain type."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        return plain_column(_by_chunk(cells, lambda chunk: chunk.dictionary_decode(), kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return plain_column(_by_chunk(cells, pc.run_end_decode, kind.value_type))
    wanted = plain_type(kind)
    if wanted == kind:
        return Column(cells)
    if wanted is None:
        return column_of_values(cells.to_pylist())
    if pa.types.is_string(wanted) or pa.types.is_binary(wanted):
        return Column(_by_chunk(cells, lambda chunk: _in_parts(chunk).cast(wanted), wanted))
    if _casts(kind):
        return Column(cells.cast(wanted, safe=False))
    try:
        return Column(pa.chunked_array([pa.array(cells.to_pylist(), wanted)]))
    except (pa.ArrowException, TypeError, ValueError):  # lists of what Arrow has no plain type for
        return column_of_values(cells.to_pylist())


def _casts(kind: pa.DataType) -> bool:
    """Return whether Arrow itself casts a type rightly: it does not for views and dictionaries inside of lists."""
    if not pa.types.is_nested(kind):
        return True
    lists = pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return lists and plain_type(kind.value_type) == kind.value_type and not pa.types.is_nested(kind.value_type)


def _by_chunk(cells: pa.ChunkedArray, change: Callable[[pa.Array], Any], kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column with each of its chunks changed."""
    chunks: list[pa.Array] = []
    for chunk in cells.chunks:
        made = change(chunk)
        chunks += made.chunks if isinstance(made, pa.ChunkedArray) else [made]
    return pa.chunked_array(chunks, kind)


def _in_parts(chunk: pa.Array) -> pa.ChunkedArray:
    """Return an array in parts whose text surely fits the offsets of a plain type."""
    step = max(1, len(chunk) * PART // max(PART, chunk.get_total_buffer_size()))  # `nbytes` of views needs PyArrow 24
    return pa.chunked_array([chunk.slice(start, step) for start in range(0, len(chunk), step)], chunk.type)


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the plain type of an Arrow type, None for extension types and unions, whose values say what they are."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType) or types.is_union(kind):
        return None
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind) or types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)
    if any(test(kind) for test in lists):
        inner = plain_type(kind.value_type)
        return kind if types.is_list(kind) and inner == kind.value_type else pa.list_(inner or pa.string())
    if types.is_struct(kind):
        fields = [(field.name, plain_type(field.type) or pa.string()) for field in kind]
        return kind if all(wanted == field.type for (_, wanted), field in zip(fields, kind, strict=True)) else pa.struct(fields)
    return kind


def _table(frame: Any) -> pa.Table | None:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if isinstance(frame, pa.RecordBatchReader):
        return frame.read_all()
    if isinstance(frame, Mapping):
        return _columns_or_none(frame)
    if isinstance(frame, list | tuple):
        return _table_of_rows(frame)
    if type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "columns"):
        return _table_of_pandas(frame)
    import narwhals as nw

    try:
        known = nw.from_native(frame)
        eager = known.collect(backend="pyarrow") if isinstance(known, nw.LazyFrame) and not _is_polars(frame) else known
        eager = eager.collect() if isinstance(eager, nw.LazyFrame) else eager
    except TypeError:
        return _table_of_stream(frame)
    if nw.Object not in eager.schema.values():
        with contextlib.suppress(Exception):  # what Arrow lacks, each library refuses with an error of its own
            return eager.to_arrow()
    return table_of({name: eager[name].to_list() for name in eager.columns})


def _is_polars(frame: Any) -> bool:
    return type(frame).__module__.split(".")[0] == "polars"


def _table_of_stream(frame: Any) -> pa.Table | None:
    if hasattr(frame, "__arrow_c_stream__"):
        try:
            return pa.RecordBatchReader.from_stream(frame).read_all()
        except pa.ArrowException:  # a stream of values, not of rows
            return None
    for name in ("to_arrow", "to_arrow_table", "fetch_arrow_table", "to_pyarrow_table", "arrow"):
        if callable(convert := getattr(frame, name, None)):
            found = convert()
            return found if isinstance(found, pa.Table) else found.read_all() if hasattr(found, "read_all") else None
    return None


def _columns_or_none(columns: Mapping[Any, Any]) -> pa.Table | None:
    lists: dict[Any, Any] = {name: v.tolist() if hasattr(v, "tolist") else v for name, v in columns.items()}
    if not all(isinstance(value, Sequence) and not isinstance(value, str | bytes) for value in lists.values()):
        return None
    lengths = {name: len(value) for name, value in lists.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns of the table have different lengths ({lengths}); give each row a value, or None")
    return table_of(lists)


def _table_of_rows(rows: Sequence[Any]) -> pa.Table | None:
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        return None
    names = dict.fromkeys(name for row in rows for name in row)
    return table_of({name: [row.get(name) for row in rows] for name in names})


def _table_of_pandas(frame: Any) -> pa.Table:
    """Return a pandas frame with its named index; what Arrow refuses as a whole is tried column by column."""
    names = [str(name) for name in frame.columns]
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(f"the table has more than one column '{name}'; rename or drop one of them")
    indexed = [name for name in frame.index.names if name is not None and str(name) not in names]
    if indexed:
        frame = frame.reset_index(level=indexed)
    return _joined([(str(name), _column_of_pandas(frame[name])) for name in frame.columns])


def _column_of_pandas(series: Any) -> Column:
    made = _of_one_type(series)
    return column_of_values(series.tolist()) if made is None else made


def _joined(columns: Sequence[tuple[str, Column]]) -> pa.Table:
    """Return named columns as a table; mixed ones carry a note that says so."""
    for name, _ in columns:
        if HALF_CHARACTER.search(name):
            raise DataError(f"the name {name!r} of a column holds half a character (a lone surrogate); rename the column")
    fields = [
        pa.field(name, cells.type, metadata=(MIXED if mixed else {}) | (HALVED if halved else {}) or None)
        for name, (cells, mixed, halved) in columns
    ]
    return pa.table([column.cells for _, column in columns], schema=pa.schema(fields))


def is_deep(values: Iterable[Any], most: int = FOR_ARROW) -> bool:
    """Return whether lists and objects of some values are nested more than `most` deep, as one that holds itself is.

    Parameters
    ----------
    values : iterable
        Values of a column.
    most : int
        Levels that are taken.
    """
    for _ in range(most + 1):
        nested = _containers(values)
        if not nested:
            return False
        values = (part for value in nested for part in (value.values() if isinstance(value, Mapping) else value))
    return True


def _containers(values: Iterable[Any]) -> list[Any]:
    """Return what among some values holds others, each object once."""
    values = values if isinstance(values, list | tuple) else list(values)
    kinds = {kind for kind in set(map(type, values)) if issubclass(kind, Collection) and not issubclass(kind, _FLAT)}
    if not kinds:
        return []
    found = {id(value): value for value in values if type(value) in kinds and _holds_objects(value)}
    return list(found.values())


def _holds_objects(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return (not isinstance(dtype, np.dtype) or dtype.kind == "O") and getattr(value, "ndim", 1) > 0


def json_of(value: Any, default: Callable[[Any], Any]) -> str:
    """Return a value as JSON; one without end as `ENDLESS`, and an object whose names are no text as its text."""
    if is_deep([value], FOR_JSON):
        return json.dumps(ENDLESS)
    try:
        return json.dumps(value, default=default, ensure_ascii=False)
    except (TypeError, ValueError):
        return json.dumps(str(value), ensure_ascii=False)
