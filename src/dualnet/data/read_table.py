"""Reader of tables from files and from memory, with errors that name the file and the line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import DataError, UsageError
from ..typed_values import path_of
from .arrow_files import feather_of, parquet_of, read_parquet
from .compression import PACKED, format_of, unpacked
from .delimited import STANDARD, TEXT_SUFFIXES, TableForm, read_delimited
from .delimited_rows import Lines
from .frames import as_halved, cells_of, is_halved, is_mixed, table_of, to_arrow
from .json_lines import SUFFIXES as JSON_SUFFIXES
from .json_lines import read_json
from .open_input import read_regular
from .table_files import Part, are_numbered, find_parts
from .text_files import HEAD, as_utf8, decoded, refuse_long_line

PARQUET = (".parquet", ".pq", ".parq")
FEATHER = (".feather", ".arrow", ".ipc")
FORMATS = (".csv", ".tsv", ".tab", ".psv", *JSON_SUFFIXES, *PARQUET, *FEATHER)
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")


@dataclass(frozen=True, eq=False)
class LoadedTable:
    """A table and where each of its rows came from.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; columns of text files are text.
    name : str
        File name, or ``the events table``.
    lines : sequence of int, optional
        Line of each row in its file.
    parts : sequence of LoadedTable
        The tables that this one was put together from, in order.
    has_fields : bool
        Whether it was read from lines of fields with separators.
    decimal : str, optional
        What begins the decimals of numbers that are text, "comma" or "point"; None where nobody said.
    """

    table: pa.Table
    name: str
    lines: Lines | None = None
    parts: tuple[LoadedTable, ...] = ()
    has_fields: bool = False
    decimal: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether it, or a part of it, was read from lines of text."""
        return self.lines is not None or any(part.is_text for part in self.parts)

    @property
    def is_delimited(self) -> bool:
        """Whether it, or a part of it, was read from fields with separators."""
        return self.has_fields or any(part.is_delimited for part in self.parts)

    def place(self, row: int) -> str:
        """Return where a row came from, for error texts."""
        for part in self.parts:
            if row < part.table.num_rows:
                return part.place(row)
            row -= part.table.num_rows
        return f"{self.name}, line {self.lines[row]}" if self.lines is not None else f"{self.name}, row {row + 1}"


def read_table(path: str | Path, *, strings: tuple[str, ...] = ()) -> pa.Table:
    """Read a table; the format follows the suffix, and where that says nothing the content.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.tsv``, ``.jsonl``, ``.json`` and their like, plain or packed (``.gz``, ``.zip``, ``.zst``, ``.bz2``,
        ``.xz``), ``.parquet`` or ``.feather``; a folder of such parts, or a pattern such as ``events-*.csv``.
    strings : tuple of str
        Columns to turn into text, such as ids; columns of CSV and TSV are text anyway, so that ``007`` stays ``007``.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    DataError
        For a file that cannot be used; one sentence with file, line, value and remedy.
    """
    table = load_table(path).table
    for name in strings:
        if name in table.column_names and not pa.types.is_string(table.schema.field(name).type):
            place = table.column_names.index(name)
            table = table.set_column(
                place, name, pa.array([None if v is None else str(v) for v in table.column(name).to_pylist()])
            )
    return table


def load_table(source: str | Path, form: TableForm = STANDARD) -> LoadedTable:
    """Read a table and keep the line of each row; see `read_table`.

    Parameters
    ----------
    source : str or Path
        A file, a folder of parts, or a pattern such as ``events-*.csv``.
    form : TableForm
        How text tables are written, where that does not show.
    """
    parts = find_parts(source)
    tables = [_with_keys(_load_file(part.path, form), part) for part in parts]
    whole = tables[0] if len(tables) == 1 else joined_tables(tables, str(source), numbered=are_numbered(list(parts)))
    return replace(whole, decimal=form.decimal)


def load_source(source: Any, name: str, form: TableForm = STANDARD) -> LoadedTable:
    """Return a table from a file or from memory.

    Parameters
    ----------
    source : path, LoadedTable, or table in memory
        As `frames.to_arrow` takes it.
    name : str
        What a table in memory is called in error texts.
    form : TableForm
        How a text table is written, where that does not show.

    Raises
    ------
    DataError
        If there is no such file or table, or it has no rows.
    """
    if isinstance(source, str | os.PathLike):
        return load_table(path_of(source, name), form) if isinstance(source, os.PathLike) else load_table(source, form)
    if form.columns and not form.hinted:
        raise UsageError(f"{name} carries the names of its columns, so that names given would change nothing; leave them out")
    if isinstance(source, LoadedTable):
        return source
    table = to_arrow(source)
    if table.num_rows == 0:
        raise DataError(f"{name} has no rows")
    return LoadedTable(table, name)


def read_text(path: Path) -> str:
    """Read a text file in UTF-8 (or in UTF-16 after its mark), plain or packed.

    Raises
    ------
    DataError
        If it is empty, cut short, not text or not UTF-8.
    """
    return decoded(unpacked(_read_bytes(path), path)[0], path)


def _load_file(path: Path, form: TableForm) -> LoadedTable:
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        raise DataError(
            f"{path} is a pickle, which could run code when opened, so it is never opened; export the table to Parquet or CSV"
        )
    if suffix in PARQUET:
        _refuse_names(path, form)
        return LoadedTable(_filled(read_parquet(path), path), path.name)
    kind = format_of(path)
    if kind in SPREADSHEETS:
        raise DataError(f"{path} is a workbook of a spreadsheet; save the sheet as CSV")
    known = kind in FORMATS or kind in TEXT_SUFFIXES or kind in PACKED or kind == "" or form.is_said
    if not known:
        raise DataError(
            f"{path}: unknown table format '{kind}'; use .csv, .tsv, .jsonl, .json (plain or packed), .parquet or .feather, or say"
            " what separates the fields with separator= (--separator)"
        )
    data, kind = unpacked(_read_bytes(path), path)
    if kind in (*FEATHER, *PARQUET, *JSON_SUFFIXES) or data.startswith((b"ARROW1", b"PAR1")):
        _refuse_names(path, form)
    if kind in FEATHER or data.startswith(b"ARROW1"):
        return LoadedTable(_filled(feather_of(data, path), path), path.name)
    if kind in PARQUET or data.startswith(b"PAR1"):
        return LoadedTable(_filled(parquet_of(data, path), path), path.name)
    if kind not in JSON_SUFFIXES and data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        refuse_long_line(data, path)
    if kind in JSON_SUFFIXES:
        return _of_json(decoded(data, path, form.encoding), path)
    data = as_utf8(data, path, form.encoding)
    if kind not in TEXT_SUFFIXES and not form.is_said and data[:HEAD].lstrip()[:1] in (b"{", b"["):
        return _of_json(data.decode(), path)
    table, lines = read_delimited(data, path, kind, form)
    return LoadedTable(table, path.name, lines, has_fields=True)


def _of_json(text: str, path: Path) -> LoadedTable:
    columns, lines = read_json(text, path)
    return LoadedTable(table_of(columns), path.name, lines)


def _refuse_names(path: Path, form: TableForm) -> None:
    if form.columns and not form.hinted:
        raise UsageError(
            f"{path} carries the names of its columns, so that names given ({', '.join(form.columns[:6])}) would change nothing; leave"
            " them out"
        )


def _filled(table: pa.Table, path: Path) -> pa.Table:
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows")
    return table


def _read_bytes(path: Path) -> bytes:
    return read_regular(path)


def _with_keys(loaded: LoadedTable, part: Part) -> LoadedTable:
    """Return the rows of a part with the values that its folders carry as columns."""
    table = loaded.table
    for name, value in part.keys.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    return replace(loaded, table=table)


def joined_tables(tables: Sequence[LoadedTable], name: str, *, numbered: bool = False) -> LoadedTable:
    """Return the rows of several tables as one.

    Parameters
    ----------
    tables : sequence of LoadedTable
        In order.
    name : str
        Of the whole.
    numbered : bool
        Whether their names say that they are parts of one table, so that some may lack a column.

    Raises
    ------
    DataError
        If they have different columns, and nothing says that they are parts of one table.
    """
    columns = {tuple(sorted(loaded.table.column_names)) for loaded in tables}
    if len(columns) > 1 and not numbered:
        odd = next(loaded for loaded in tables if set(loaded.table.column_names) != set(tables[0].table.column_names))
        raise DataError(
            f"{name} holds tables with different columns, such as {tables[0].name} ({', '.join(tables[0].table.column_names[:6])})"
            f" and {odd.name} ({', '.join(odd.table.column_names[:6])}); name the file that is the table"
        )
    try:
        if any(is_mixed(field) for loaded in tables for field in loaded.table.schema):
            raise pa.ArrowInvalid("a part notes a column as one of several kinds of values")
        table = pa.concat_tables([loaded.table for loaded in tables], promote_options="permissive")
    except pa.ArrowException:  # parts of other types: of each column the values together
        names = dict.fromkeys(column for loaded in tables for column in loaded.table.column_names)
        table = table_of({column: [cell for loaded in tables for cell in _cells(loaded, column)] for column in names})
    halved = {field.name for loaded in tables for field in loaded.table.schema if is_halved(field)}
    return LoadedTable(as_halved(table, halved), name, None, tuple(tables))


def _cells(loaded: LoadedTable, column: str) -> list[Any]:
    if column not in loaded.table.column_names:
        return [None] * loaded.table.num_rows
    return cells_of(loaded.table, column)
