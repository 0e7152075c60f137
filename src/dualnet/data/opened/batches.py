"""Rows of Parquet parts, some at a time, checked as whole tables are; what a part lacks is said before anything is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import DataError
from ..arrow_files import LARGEST_RATIO, SMALLEST_BOMB, checked_table, decoded_size, refuse_claims
from ..frames import plain_table
from ..open_input import reading
from ..read_table import LoadedTable, joined_tables
from .layout import Part

ROWS = 2**20  # of a batch


@dataclass(frozen=True, eq=False)
class Batch(LoadedTable):
    """Some rows of a part, which know where they stand in it."""

    start: int = 0

    def place(self, row: int) -> str:
        """Return where a row came from, for error texts."""
        return f"{self.name}, row {self.start + row + 1}"


@contextmanager
def opened(part: Part) -> Iterator[pq.ParquetFile]:
    """Open a part; errors name it.

    Raises
    ------
    DataError
        If it is no whole Parquet file, or claims far more rows than it can hold.
    ResourceError
        If a store no longer answers.
    """
    with part.place.asking(part.file):
        source = part.place.system.open_input_file(part.file.path)
    whole = reading(part.name, DataError, "write or copy it again", "is not a whole Parquet file")
    with source, whole, part.place.fetching(part.file):
        with pq.ParquetFile(source, pre_buffer=False) as found:
            refuse_claims(part.name, part.file.size, found.metadata)
            texts = [
                field.name for field in found.schema_arrow if pa.types.is_string(field.type) or pa.types.is_binary(field.type)
            ]
        with pq.ParquetFile(source, read_dictionary=texts, pre_buffer=False, page_checksum_verification=True) as found:
            yield found


def batches(part: Part, columns: Sequence[str], groups: Sequence[int] | None = None, start: int = 0) -> Iterator[Batch]:
    """Yield the rows of a part in order.

    Parameters
    ----------
    part : Part
        A file.
    columns : sequence of str
        Those that are read, where the part has them; keys of its folders are columns too.
    groups : sequence of int, optional
        Row groups to read; all by default.
    start : int
        Rows of the part before them.

    Raises
    ------
    DataError
        If it is damaged, or decodes to far more than it holds.
    """
    limit = max(part.file.size * LARGEST_RATIO, SMALLEST_BOMB)
    with opened(part) as found:
        own = [name for name in found.schema_arrow.names if name in columns]
        for rows in found.iter_batches(ROWS, columns=own, row_groups=groups):
            table = pa.Table.from_batches([rows])
            size = sum(decoded_size(chunk) for column in table.columns for chunk in column.chunks)
            if size > limit:
                raise DataError(
                    f"{part.name} has texts of more than {limit:,} bytes, unpacked, in {part.file.size:,}: far more than it holds; if that is"
                    " right, write it again in parts of a plain size"
                )
            table = plain_table(checked_table(table, part.name))
            for name, value in part.keys.items():
                if name in columns and name not in table.column_names:
                    table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
            yield Batch(table, part.name, start=start)
            start += table.num_rows


def whole(parts: Sequence[Part]) -> LoadedTable:
    """Return all rows of the parts of a table that fits memory, such as one of items.

    Raises
    ------
    DataError
        As `batches`; if it has no rows, or parts have different columns.
    """
    tables: list[LoadedTable] = []
    for part in parts:
        with opened(part) as found:
            names = [*found.schema_arrow.names, *part.keys]
        tables += batches(part, names)
    if not tables:
        raise DataError(f"{parts[0].name} has no rows")
    return tables[0] if len(tables) == 1 else joined_tables(tables, parts[0].place.name)


def columns_of(part: Part) -> dict[str, pa.DataType]:
    """Return the columns of a part with their types; those that its folders carry are text."""
    with opened(part) as found:
        schema = found.schema_arrow
    return {**dict.fromkeys(part.keys, pa.string()), **{field.name: _plain(field.type) for field in schema}}


def _plain(kind: pa.DataType) -> pa.DataType:
    return _plain(kind.value_type) if pa.types.is_dictionary(kind) else kind


def refuse_other_schemas(parts: Sequence[Part], columns: Sequence[str], what: str) -> None:
    """Refuse parts that lack a column which the first part has, or hold it as another kind of value.

    Parameters
    ----------
    parts : sequence of Part
        Of one table.
    columns : sequence of str
        Those that are read.
    what : str
        ``events``, ``items`` or ``users``.
    """
    first = columns_of(parts[0])
    for part in parts[1:]:
        own = columns_of(part)
        for name in columns:
            if (name in first) != (name in own):
                there, lacks = (parts[0], part) if name in first else (part, parts[0])
                raise DataError(
                    f"{lacks.name} has no column '{name}', which {there.name} has; all parts of {what} need the same columns: write it again"
                )
            if name in first and _kind(first[name]) != _kind(own[name]):
                raise DataError(
                    f"{part.name} has column '{name}' as {own[name]}, and {parts[0].name} as {first[name]}; write all parts of {what} with one type"
                )


def _kind(kind: pa.DataType) -> str:
    """Return which values of different types may stand for each other."""
    for name, holds in (
        ("whole number", pa.types.is_integer), ("number", pa.types.is_floating), ("number", pa.types.is_decimal),
        ("text", pa.types.is_string), ("text", pa.types.is_large_string), ("time", pa.types.is_timestamp),
        ("time", pa.types.is_date), ("none", pa.types.is_null),
    ):  # fmt: skip
        if holds(kind):
            return name
    return str(kind)
