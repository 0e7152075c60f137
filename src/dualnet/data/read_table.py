"""Tables from files: CSV, TSV, JSON lines (plain or gzip) and Parquet, with errors that name file, line and column."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import DataError
from .frames import table_of
from .open_input import check_regular, read_regular, reading
from .parquet_files import read_parquet

LINE_LIMIT = 2**20
LARGEST_RATIO = 100  # unpacked / packed size of a gzip file; more is a bomb
SMALLEST_BOMB = 64 * 2**20
FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True, eq=False)
class LoadedTable:
    """A table and where each of its rows came from.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; columns of text files are text.
    name : str
        File name, or ``the events table``.
    lines : list of int, optional
        Line of each row in its file.
    """

    table: pa.Table
    name: str
    lines: list[int] | None = None

    def place(self, row: int) -> str:
        """Return where a row came from, for error texts."""
        return f"{self.name}, line {self.lines[row]}" if self.lines is not None else f"{self.name}, row {row + 1}"


def read_table(path: str | Path, *, strings: tuple[str, ...] = ()) -> pa.Table:
    """Read a table; the format follows the suffix.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``, each also with ``.gz``, or ``.parquet``.
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
    table = load_table(Path(path)).table
    for name in strings:
        if name in table.column_names and not pa.types.is_string(table.schema.field(name).type):
            place = table.column_names.index(name)
            table = table.set_column(
                place, name, pa.array([None if v is None else str(v) for v in table.column(name).to_pylist()])
            )
    return table


def load_table(path: Path) -> LoadedTable:
    """Read a table and keep the line of each row; see `read_table`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes[-1] if suffixes else "")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it")
    if kind in (".pkl", ".pickle", ".pt", ".pth"):
        raise DataError(
            f"{path} is a pickle, which could run code when opened, so it is never opened; export the table to Parquet or CSV"
        )
    if kind not in FORMATS:
        raise DataError(f"{path}: unknown table format '{kind}'; use .csv, .tsv, .jsonl (plain or .gz) or .parquet")
    if kind == ".parquet":
        return LoadedTable(_read_parquet(path), path.name)
    text = read_text(path)
    reader: Callable[[str, Path], tuple[dict[str, list[Any]], list[int]]] = (
        _read_lines if kind in (".jsonl", ".ndjson") else _read_delimited
    )
    columns, lines = reader(text, path)
    return LoadedTable(table_of(columns), path.name, lines)


def read_text(path: Path) -> str:
    """Read a UTF-8 text file, plain or gzip.

    Raises
    ------
    DataError
        If it is empty, cut short, not text or not UTF-8.
    """
    return _decode(_read_bytes(path), path)


def _read_parquet(path: Path) -> pa.Table:
    table = read_parquet(path)
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows")
    return table


def _read_bytes(path: Path) -> bytes:
    if path.suffix.lower() != ".gz":
        return read_regular(path)
    limit = max(check_regular(path) * LARGEST_RATIO, SMALLEST_BOMB)
    with reading(path, DataError, "copy it again", "is cut short or damaged"), gzip.open(path, "rb") as handle:
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise DataError(f"{path} unpacks to more than {LARGEST_RATIO} times its size; unpack it yourself if that is right")
    return data


def _decode(data: bytes, path: Path) -> str:
    if not data.strip():
        raise DataError(f"{path} is empty")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} looks like UTF-16; save it as UTF-8")
    if b"\0" in data[:LINE_LIMIT]:
        raise DataError(
            f"{path} holds NUL bytes at offset {data.index(0)}, so it is not a text table; check the file or its suffix"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8; save the file as UTF-8"
        ) from error


def _read_delimited(text: str, path: Path) -> tuple[dict[str, list[Any]], list[int]]:
    delimiter = "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ","
    csv.field_size_limit(LINE_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        header = [name.strip() for name in next(reader)]
        _check_header(header, text, delimiter, path)
        width = len(header)
        for row in reader:
            if len(row) != width:
                if not row:
                    continue
                raise DataError(
                    f"{path}, line {reader.line_num}: {len(row)} fields where the header has {width}; quote fields that hold the"
                    f" separator {delimiter!r}, or mend the line"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}; mend the quotes or the line") from error
    if not rows:
        raise DataError(f"{path} has a header but no rows")
    return {name: [row[place] for row in rows] for place, name in enumerate(header)}, lines


def _check_header(header: list[str], text: str, delimiter: str, path: Path) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the header names column '{twice[0]}' more than once; rename one of them")
    if len(header) == 1:
        first = text.split("\n", 1)[0]
        guess = max((";", "\t", ",", "|"), key=first.count)
        if guess != delimiter and first.count(guess):
            name = {"\t": "tabs (name it .tsv)", ";": "semicolons", ",": "commas (name it .csv)", "|": "bars"}[guess]
            raise DataError(
                f"{path} has a single column '{header[0][:60]}' and looks separated by {name}; this suffix means {delimiter!r}"
            )


def _read_lines(text: str, path: Path) -> tuple[dict[str, list[Any]], list[int]]:
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if len(line) > LINE_LIMIT:
            raise DataError(f"{path}, line {number} is longer than 1 MiB; is this a JSON-lines file?")
        try:
            record = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number} is not valid JSON ({error}); write one object a line") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number} is not a JSON object; write one object a line")
        names.update(dict.fromkeys(record))
        records.append(record)
        lines.append(number)
    if not records:
        raise DataError(f"{path} has no rows")
    return {name: [record.get(name) for record in records] for name in names}, lines


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")
