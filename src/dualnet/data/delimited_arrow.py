"""The Arrow reader of text tables: fast, small in memory, and used where it reads the same as `delimited_rows`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .delimited_rows import BLANKS, LONGEST_CELL, Dialect, Lines
from .text_files import BOM

BLOCK = 2**22  # bytes that Arrow reads at a time; no row may be longer
STEP = 2**22  # bytes whose quotes are looked at together
STAND_IN = b"\x01"  # for a separator of several bytes, which Arrow does not know
QUOTE, NEWLINE, RETURN = b'"\n\r'


def rows_by_arrow(data: bytes, start: int, header: Sequence[str], dialect: Dialect, line: int) -> tuple[pa.Table, Lines] | None:
    """Return rows as a table of text and the line of each, None where Arrow might read them in another way, or fails.

    Parameters
    ----------
    data : bytes
        A text table, as UTF-8.
    start : int
        Where its first row begins.
    header : sequence of str
        Names of the columns.
    dialect : Dialect
        How lines are divided.
    line : int
        Number of the line at `start`.
    """
    if dialect.comment and _begins_a_line(data, start, dialect.comment.encode()):
        return None
    if data.startswith(BOM.encode(), start):  # Arrow would take it for the mark of a file
        return None
    separator = dialect.separator.encode()
    if len(separator) > 1:
        if STAND_IN in data or len(header) < 2:  # of one column, lines of blanks alone would be rows
            return None
        data, start, separator = _with_stand_in(data[start:], separator), 0, STAND_IN
    quoted = False if len(dialect.separator) > 1 else _is_quoted(data, start, separator[0])
    if quoted is None or (quoted and separator == STAND_IN):  # a quoted cell may hold what was replaced
        return None
    table = _read(data, start, header, separator.decode(), quoted)
    lines = None if table is None else _lines(data, start, table.num_rows, line, quoted)
    return None if table is None or lines is None else (table, lines)


def _with_stand_in(data: bytes, separator: bytes) -> bytes:
    if separator != BLANKS.encode():
        return data.replace(separator, STAND_IN)
    lines = re.sub(rb"[ \t]*(\r?\n)[ \t]*", rb"\1", data.strip(b" \t"))
    return re.sub(rb"[ \t]+", STAND_IN, lines)


def _begins_a_line(data: bytes, start: int, mark: bytes) -> bool:
    return data.startswith(mark, start) or data.find(b"\n" + mark, start) >= 0


def _read(data: bytes, start: int, header: Sequence[str], separator: str, quoted: bool) -> pa.Table | None:
    from pyarrow import csv

    try:
        table = csv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(start)),
            csv.ReadOptions(column_names=list(header), block_size=BLOCK),
            csv.ParseOptions(delimiter=separator, quote_char='"' if quoted else False, newlines_in_values=quoted),
            csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), check_utf8=False),
        )
    except pa.ArrowException:  # rows of other widths, no rows: whoever reads row by row says what is wrong
        return None
    longest = (pc.max(pc.binary_length(column)).as_py() or 0 for column in table.columns)
    return None if not table.num_rows or any(length > LONGEST_CELL for length in longest) else table


def _is_quoted(data: bytes, start: int, separator: int) -> bool | None:
    """Return whether cells are quoted, as strict CSV quotes them; None where some are and others only hold a quote.

    In strict CSV every second quote ends a cell or stands before a quote, and the others begin a cell or stand after one.
    """
    if data.find(b'"', start) < 0:
        return False
    blank = bytes([separator, ord(" "), QUOTE])
    if separator not in b" \t" and data.find(blank, start) >= 0:
        return None
    count, strict, begun = 0, True, False
    for marks, before, after in _quotes(data, start):
        begins = (before == separator) | (before == NEWLINE)
        begun |= bool(begins.any())
        even = (np.arange(count, count + len(marks)) % 2) == 0
        ends = (after == separator) | (after == NEWLINE) | (after == RETURN) | (after == QUOTE)
        strict &= bool(np.where(even, begins | (before == QUOTE), ends).all())
        count += len(marks)
    if strict and count % 2 == 0:
        return True
    return None if begun else False


def _quotes(data: bytes, start: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield the places of quotes and the bytes before and after each, step by step."""
    body = np.frombuffer(data, np.uint8)[start:]
    for step in range(0, len(body), STEP):
        marks = np.flatnonzero(body[step : step + STEP] == QUOTE) + step
        before = np.where(marks > 0, body[marks - 1], NEWLINE)
        after = np.where(marks + 1 < len(body), body[np.minimum(marks + 1, len(body) - 1)], NEWLINE)
        yield marks, before.astype(np.uint8), after.astype(np.uint8)


def _lines(data: bytes, start: int, n_rows: int, line: int, quoted: bool) -> Lines | None:
    """Return the line on which each row ends, None where they are not as many as the rows."""
    n_lines = data.count(b"\n", start) + (not data.endswith(b"\n"))
    if n_lines == n_rows:
        return range(line, line + n_rows)
    body = np.frombuffer(data, np.uint8)[start:]
    odd, found, done, last_end = 0, [], 0, -1
    for step in range(0, len(body), STEP):
        part = body[step : step + STEP]
        ends = np.flatnonzero(part == NEWLINE)
        numbers = np.arange(done, done + len(ends)) + line
        done += len(ends)
        if quoted:
            marks = np.flatnonzero(part == QUOTE)
            within = (np.searchsorted(marks, ends) + odd) % 2 == 1
            ends, numbers, odd = ends[~within], numbers[~within], (odd + len(marks)) % 2
        if not len(ends):
            continue
        ends = ends + step
        lengths = np.diff(ends, prepend=last_end) - 1
        empty = (lengths == 0) | ((lengths == 1) & (body[ends - 1] == RETURN))
        last_end = int(ends[-1])
        found.append(numbers[~empty])
    if last_end + 1 < len(body) and body[last_end + 1 :].tobytes() != b"\r":
        found.append(np.array([done + line]))
    lines = np.concatenate(found) if found else np.empty(0, np.int64)
    return lines if len(lines) == n_rows else None
