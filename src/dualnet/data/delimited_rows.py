"""The row-by-row reader of text tables: for comments, irregular quotes, and faults that need a line number."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .text_files import each_line

LONGEST_CELL = 2**20  # characters
UNQUOTED_TAB = "\t unquoted"
BLANKS = r"\s+"  # stands for one blank or tab, or more
BATCH = 2**16  # rows that are held as Python strings

Lines = Sequence[int] | NDArray[np.int64]  # the line of each row
Row = tuple[int, list[str]]  # the line that it ends on, and its cells


@dataclass(frozen=True)
class Dialect:
    """Rules by which lines are divided into cells.

    Parameters
    ----------
    separator : str
        One or more characters, `UNQUOTED_TAB` or `BLANKS`; quotes count where it is one character.
    comment : str, optional
        Lines that begin so are left out.
    escape : str, optional
        What stands before a quote within a quoted cell.
    """

    separator: str
    comment: str | None = None
    escape: str | None = None


class QuoteError(Exception):
    """Quotes that do not match; the cause says how."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def rows_of(text: str, dialect: Dialect) -> Iterator[Row]:
    """Yield the rows of a text; lines without any cell are left out.

    Raises
    ------
    QuoteError
        For quotes that do not match, or a cell that is too long.
    """
    if len(dialect.separator) > 1:
        yield from _split_lines(text, dialect)
        return
    csv.field_size_limit(LONGEST_CELL)
    source = each_line(text)
    numbers: array[int] | None = None
    rows_read = [0]
    if dialect.comment:
        numbers = array("q")
        source = _without_comments(source, dialect.comment, numbers, rows_read)
    reader = csv.reader(
        source, delimiter=dialect.separator, strict=True, escapechar=dialect.escape,
        skipinitialspace=has_blank_quotes(text, dialect.separator),
    )  # fmt: skip
    try:
        for row in reader:
            rows_read[0] += 1
            if row:
                yield (reader.line_num if numbers is None else numbers[reader.line_num - 1]), row
    except csv.Error as error:
        raise QuoteError(reader.line_num) from error


def _split_lines(text: str, dialect: Dialect) -> Iterator[Row]:
    separator = "\t" if dialect.separator == UNQUOTED_TAB else dialect.separator
    for number, line in enumerate(each_line(text), 1):
        if line.strip() and not (dialect.comment and line.startswith(dialect.comment)):
            yield number, cells_between_blanks(line) if separator == BLANKS else line.rstrip("\r\n").split(separator)


def cells_between_blanks(line: str) -> list[str]:
    """Return the cells of a line whose columns are aligned."""
    return re.split("[ \t]+", line.strip(" \t\r\n"))


def _without_comments(lines: Iterator[str], comment: str, numbers: array[int], rows_read: list[int]) -> Iterator[str]:
    """Yield the lines that are no comments, and note the number of each.

    A line that the reader asks for before it has made a row of the one before goes on in a quoted field: it is no comment.
    """
    begun = -1
    for number, line in enumerate(lines, 1):
        if begun == rows_read[0] or not line.startswith(comment):
            begun = rows_read[0]
            numbers.append(number)
            yield line


def has_blank_quotes(text: str, separator: str) -> bool:
    """Return whether blanks stand before quotes, as in ``a, "b, c"``: such blanks are not part of the field."""
    return f'{separator} "' in text and not separator.isspace()


def batches_of(
    sample: Sequence[Row], rows: Iterable[Row], header: Sequence[str]
) -> tuple[pa.Table, NDArray[np.int64], tuple[int, int] | None]:
    """Return rows as a table of text, the line of each, and the line and number of cells of the first row that does not fit.

    All rows are read, also after one that does not fit, for quotes may be wrong further down.

    Parameters
    ----------
    sample, rows : sequence and iterable of rows
        Those that were read before, and those to come.
    header : sequence of str
        Names of the columns.
    """
    schema = pa.schema([(name, pa.string()) for name in header])
    batches, lines, kept = [], array("q"), list[list[str]]()
    odd: tuple[int, int] | None = None
    for line, row in chain(sample, rows):
        if odd is not None:
            continue
        if len(row) != len(header):
            odd = (line, len(row))
            continue
        lines.append(line)
        kept.append(row)
        if len(kept) == BATCH:
            batches.append(_batch(kept, schema))
            kept = []
    batches.append(_batch(kept, schema))
    return pa.Table.from_batches(batches, schema), np.frombuffer(lines, np.int64) if lines else np.empty(0, np.int64), odd


def _batch(rows: Sequence[Sequence[str]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=schema)
