"""Text tables with a separator: CSV as programs write it, in their separators, encodings, with comments or without a header."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import DataError, DualNetWarning, UsageError
from .grouped_lines import refuse_grouped

Columns: TypeAlias = "tuple[dict[str, list[Any]], list[int]]"  # values by name, and the line of each row

LINE_LIMIT = 2**20
LONGEST_LINE = 2**24  # bytes
UNQUOTED_TAB = "\t unquoted"
SAMPLE = 20  # lines that tell the separator
ALIKE = 0.7  # share of them that must have as many fields as the first
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "blank": " ", "space": " "}
BY_SUFFIX = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
TEXT_SUFFIXES = (*BY_SUFFIX, ".txt", ".dat", ".data", ".psv")


@dataclass(frozen=True)
class TableForm:
    """How text tables are written, where that does not show.

    Parameters
    ----------
    separator : str, optional
        Between the fields: one or more characters, or ``"tab"``, ``"semicolon"``, ``"bar"``, ``"blank"``. By default told by
        the suffix and the first lines.
    encoding : str, optional
        Such as ``"latin-1"``; by default UTF-8, or UTF-16 after its mark.
    comment : str, optional
        Lines that begin so are left out; by default only such lines before the header that begin with ``#``.
    columns : sequence of str
        Names of the columns of a file without a header; its first line is a row then.
    hinted : bool
        Whether this is how an earlier table was written: of a table of another kind it says nothing.

    Raises
    ------
    UsageError
        For an encoding that is not known, or an empty or repeated name.
    """

    separator: str | None = None
    encoding: str | None = None
    comment: str | None = None
    columns: tuple[str, ...] = ()
    hinted: bool = False

    def __post_init__(self) -> None:
        for name in ("separator", "encoding", "comment"):
            if not isinstance(getattr(self, name), str | None):
                raise UsageError(f"{name} must be text, got {getattr(self, name)!r}")
        if self.separator is not None:
            object.__setattr__(self, "separator", NAMED.get(self.separator.lower(), self.separator.replace("\\t", "\t")))
            if not self.separator or "\n" in self.separator or "\r" in self.separator or '"' in self.separator:
                raise UsageError(f"separator {self.separator!r} cannot stand between fields; use one such as ';' or 'tab'")
        if self.encoding is not None:
            try:
                if not codecs.lookup(self.encoding)._is_text_encoding:
                    raise LookupError(self.encoding)
            except LookupError:
                raise UsageError(
                    f"encoding {self.encoding!r} is not known; use one such as 'utf-8', 'latin-1', 'cp1252', 'utf-16', 'gb18030'"
                ) from None
        if self.comment == "":
            raise UsageError("comment must be what comment lines begin with, such as '#'")
        if "" in self.columns or len(set(self.columns)) < len(self.columns):
            raise UsageError(f"columns must be distinct names, got {list(self.columns)}")

    @property
    def is_said(self) -> bool:
        """Whether it is said that the file is a text table, whatever its suffix."""
        return self.separator is not None or bool(self.columns)


STANDARD = TableForm()


def decoded(data: bytes, path: Path, form: TableForm = STANDARD) -> str:
    """Return the text of a file.

    Raises
    ------
    DataError
        If it is empty, holds NUL bytes, or is not in its encoding.
    """
    if not data.strip():
        raise DataError(f"{path} is empty")
    encoding = form.encoding
    if encoding is None:
        marked = data[:2] in (b"\xff\xfe", b"\xfe\xff") and b"\0" in data
        encoding = "utf-16" if marked else "utf-8-sig"
        if not marked:
            _refuse_nul(data, path)
    elif encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        remedy = (
            "save the file as UTF-8, or say what it is, such as encoding='latin-1' (--encoding latin-1)"
            if form.encoding is None
            else "say another encoding"
        )
        raise DataError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} at offset {error.start} is not"
            f" {'UTF-8' if form.encoding is None else form.encoding}; {remedy}"
        ) from error
    except UnicodeError as error:
        raise DataError(f"{path} is not {encoding} ({error}); say another encoding") from error
    if "\0" in text:
        _refuse_nul(data, path)
    return text.removeprefix("\ufeff")


def _refuse_nul(data: bytes, path: Path) -> None:
    if b"\0" in data:
        raise DataError(
            f"{path} holds NUL bytes at offset {data.index(0)}, so it is not a text table; check the file or its suffix, or say"
            " its encoding if it is UTF-16"
        )


def refuse_long_line(data: bytes, path: Path) -> None:
    """Refuse a text table with a line that no table has, before memory is spent on it.

    Raises
    ------
    DataError
        If a line is longer than 16 MiB.
    """
    start = 0
    while len(data) - start > LONGEST_LINE:
        end = max(data.rfind(mark, start, start + LONGEST_LINE) for mark in (b"\n", b"\r"))
        if end < 0:
            line = data[:start].count(b"\n") + 1
            raise DataError(f"{path}, line {line} is longer than 16 MiB, so this is no table with separators; check the file")
        start = end + 1


def lines_of(text: str) -> list[str]:
    """Return the lines of a text; only CR, LF and CRLF end a line, so U+2028, U+0085 and form feeds may stand in one."""
    lines = re.split(r"\r\n|\n|\r", text)
    return lines[:-1] if lines[-1] == "" else lines


def read_delimited(text: str, path: Path, suffix: str, form: TableForm = STANDARD) -> Columns:
    """Return the columns of a text table and the line of each row.

    Parameters
    ----------
    text : str
        The file.
    path : Path
        For error texts.
    suffix : str
        Tells the separator where nothing else does.
    form : TableForm
        What is said of the file.

    Raises
    ------
    DataError
        For a header or line that cannot be used.
    """
    text, skipped, told = _without_preface(text, form)
    if form.separator is None or form.separator.strip() != ":":
        refuse_grouped(text, path)
    separator = form.separator or told or _separator(text, path, suffix, form)
    try:
        rows = _rows(text, path, separator, form, None)
    except _QuoteError as error:
        if separator == "\t":  # programs that write tabs rarely quote: a quote is a character then
            rows = _rows(text, path, UNQUOTED_TAB, form, None)
        elif '\\"' not in text:
            raise DataError(str(error)) from error
        else:
            try:
                rows = _rows(text, path, separator, form, "\\")  # quotes inside of fields may be written as \\"
            except _QuoteError:
                raise DataError(str(error)) from error
    header = list(form.columns)
    if header and _is_header([row for _, row in rows[:SAMPLE]], form.columns):
        names = rows.pop(0)[1]
        warnings.warn(
            f"{path.name}: its first line ({', '.join(names)[:80]}) names columns, and was left out, as names were given; if it is a"
            " row, write the names as the first line of the file instead",
            DualNetWarning,
            stacklevel=2,
        )
    if not header:
        if not rows:
            raise DataError(f"{path} has comments alone")
        header = [name.strip().lstrip("\ufeff") for name in rows.pop(0)[1]]
        _check_header(header, path)
    width = len(header)
    for line, row in rows:
        if len(row) != width:
            named = f"the header has {width}" if not form.columns else f"{width} columns are named"
            raise DataError(
                f"{path}, line {line + skipped}: {len(row)} fields where {named}; quote fields that hold the separator"
                f" {separator!r}, say which separates with separator= (--separator), or mend the line"
            )
    if not rows:
        raise DataError(f"{path} has a header but no rows")
    values = {name: [row[place] for _, row in rows] for place, name in enumerate(header)}
    return values, [line + skipped for line, _ in rows]


def _is_header(rows: Sequence[Sequence[str]], given: Sequence[str]) -> bool:
    """Return whether the first row names columns although names are given: words alone, one of them above numbers."""
    if len(rows) < 2 or len(rows[0]) != len(given):
        return False
    first = [cell.strip() for cell in rows[0]]
    if first == list(given):
        return True
    words = all(re.fullmatch(r"[^\W\d][\w .:/-]*", cell) for cell in first) and len(set(first)) == len(first)
    return words and any(all(_is_number(cell) for cell in column) for column in zip(*rows[1:], strict=False))


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[0-9]+(\.[0-9]*)?\s*", cell) is not None


class _QuoteError(Exception):
    """Quotes that do not match."""


def _without_preface(text: str, form: TableForm) -> tuple[str, int, str | None]:
    """Return the text from its header on, how many lines were left out, and the separator of a line ``sep=;``."""
    skipped, told = 0, None
    first = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if first:
        text, skipped, told = text[first.end() :], 1, first[1]
    if form.comment is None and not form.columns and text.startswith("#"):
        lines = text[: 2**16].split("\n")
        count = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
        if count:
            named = _names_columns(lines[count - 1], lines[count])
            keep = count - 1 if named else count  # the last of them may name the columns
            text, skipped = "\n".join(text.split("\n")[keep:]), skipped + keep
            text = text.lstrip("#").lstrip(" ") if named else text
    return text, skipped, told


def _names_columns(remark: str, row: str) -> bool:
    """Return whether a line that begins with ``#`` is the header of the row after it."""
    for mark in ("\t", ",", ";", "|"):
        names = remark.lstrip("#").strip().split(mark)
        if len(names) > 1 and len(names) == row.count(mark) + 1:
            return all(re.fullmatch(r"\s*[\w.-]+\s*", name) for name in names)
    return False


def _rows(text: str, path: Path, separator: str, form: TableForm, escape: str | None) -> list[tuple[int, list[str]]]:
    rows: list[tuple[int, list[str]]] = []
    if len(separator) > 1:
        separator = "\t" if separator == UNQUOTED_TAB else separator
        for number, line in enumerate(lines_of(text), 1):
            if line.strip() and not (form.comment and line.startswith(form.comment)):
                rows.append((number, line.split(separator)))
        return rows
    csv.field_size_limit(LINE_LIMIT)
    source: Iterator[str] = io.StringIO(text, newline="")
    offsets: list[int] = []
    rows_read = [0]
    if form.comment:
        source = _kept(source, form.comment, offsets, rows_read)
    reader = csv.reader(
        source, delimiter=separator, strict=True, escapechar=escape, skipinitialspace=_blank_quotes(text, separator)
    )
    try:
        for row in reader:
            rows_read[0] += 1
            if row:
                number = reader.line_num
                rows.append((offsets[number - 1] if offsets else number, row))
    except csv.Error as error:
        raise _QuoteError(f"{path}, line {reader.line_num}: {error}; mend the quotes or the line") from error
    return rows


def _kept(source: Iterator[str], comment: str, offsets: list[int], rows_read: list[int]) -> Iterator[str]:
    """Yield the lines that are no comments, and note the number of each.

    A line that the reader asks for before it has made a row of the one before goes on in a quoted field: it is no comment.
    """
    begun = -1
    for number, line in enumerate(source, 1):
        if begun == rows_read[0] or not line.startswith(comment):
            begun = rows_read[0]
            offsets.append(number)
            yield line


def _blank_quotes(text: str, separator: str) -> bool:
    """Return whether blanks stand before quotes, as in ``a, "b, c"``: such blanks are not part of the field."""
    return f'{separator} "' in text and not separator.isspace()


def _separator(text: str, path: Path, suffix: str, form: TableForm) -> str:
    """Return the separator of a file by its suffix, or by its first lines where that separates nothing."""
    usual = BY_SUFFIX.get(suffix)
    lines = [line for line in lines_of(text[: 2**16]) if line.strip() and not (form.comment and line.startswith(form.comment))]
    sample = lines[:SAMPLE] if len(lines) > SAMPLE else lines
    fits = not sample or (_width(sample[0], usual or ",") in ((len(form.columns),) if form.columns else range(2, 2**31)))
    if usual is not None and fits:
        return usual
    fitting: dict[str, float] = {}
    # of those that separate all lines alike the first: no field holds the long ones, and lists of tags often hold "|"
    for candidate in ("::", "<SEP>", "\t", ";", "|", ",", "\t\t", *(" " if form.columns else "")):
        widths = [_width(line, candidate) for line in sample]
        if form.columns and widths[0] != len(form.columns):
            continue
        share = widths.count(widths[0]) / len(widths)
        if widths[0] > 1 and share >= ALIKE:
            fitting[candidate] = share
    if fitting:
        return max(fitting, key=lambda mark: fitting[mark])
    if usual is not None:
        return usual
    raise DataError(
        f"{path}: it is not clear what separates the fields of its first line {sample[0][:60]!r}; say it with separator= (such as"
        " --separator tab)"
    )


def _width(line: str, separator: str) -> int:
    if len(separator) > 1:
        return line.count(separator) + 1
    try:
        return len(next(csv.reader([line], delimiter=separator, escapechar="\\" if '\\"' in line else None), []))
    except csv.Error:
        return 1


def _check_header(header: Sequence[str], path: Path) -> None:
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise DataError(
            f"{path}: the header names column '{twice[0]}' more than once; rename one of them, or, if the first line is no header,"
            " give the names with column_names= (--column-names)"
        )
