"""Reader of text tables with a separator (CSV and its relatives): separators, encodings, comments, missing headers."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from ..errors import DataError, UsageError, warn
from .delimited_arrow import rows_by_arrow
from .delimited_rows import (
    BLANKS,
    UNQUOTED_TAB,
    Dialect,
    Lines,
    QuoteError,
    batches_of,
    cells_between_blanks,
    has_blank_quotes,
    rows_of,
)
from .text_files import head_of, lines_of, refuse_grouped

SAMPLE = 20  # lines that tell the separator
ALIKE = 0.7  # share of them that must have as many fields as the first
NAMED = {
    "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "blank": " ", "space": " ",
    "blanks": BLANKS, "spaces": BLANKS, "whitespace": BLANKS,
}  # fmt: skip
DECIMALS = {"comma": "comma", ",": "comma", "point": "point", "dot": "point", ".": "point"}
BY_SUFFIX = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_LINE = re.compile(rb"[^\r\n]+")
TEXT_SUFFIXES = (*BY_SUFFIX, ".txt", ".dat", ".data", ".psv")


@dataclass(frozen=True)
class TableForm:
    """Form of text tables, where the file itself does not show it.

    Parameters
    ----------
    separator : str, optional
        Between the fields: one or more characters, or ``"tab"``, ``"semicolon"``, ``"bar"``, ``"blank"``, or ``"blanks"`` for
        columns that any number of blanks and tabs align. By default told by the suffix and the first lines.
    encoding : str, optional
        Such as ``"latin-1"``; by default UTF-8, or UTF-16 after its mark.
    comment : str, optional
        Lines that begin so are left out; by default only such lines before the header that begin with ``#``.
    columns : sequence of str
        Names of the columns of a file without a header; its first line is a row then.
    decimal : {"comma", "point"}, optional
        What begins the decimals of numbers, 3,5 or 3.5; the other sign may divide thousands. By default a point, and a comma in a
        column where nothing else can be meant.
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
    decimal: str | None = None

    def __post_init__(self) -> None:
        for name in ("separator", "encoding", "comment"):
            if not isinstance(getattr(self, name), str | None):
                raise UsageError(f"{name} must be text, got {getattr(self, name)!r}")
        if self.decimal is not None:
            if self.decimal not in DECIMALS:
                raise UsageError(f"decimal={self.decimal!r} is not known; say 'comma' (3,5) or 'point' (3.5)")
            object.__setattr__(self, "decimal", DECIMALS[self.decimal])
        if self.separator is not None:
            object.__setattr__(self, "separator", NAMED.get(self.separator.lower(), self.separator.replace("\\t", "\t")))
            if not self.separator or "\n" in self.separator or "\r" in self.separator or '"' in self.separator:
                raise UsageError(f"separator {self.separator!r} cannot stand between fields; use one such as ';' or 'tab'")
        if self.encoding is not None:
            try:
                if not codecs.lookup(self.encoding)._is_text_encoding:
                    raise LookupError(self.encoding)
            except (LookupError, ValueError):
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


@dataclass(frozen=True)
class _File:
    """A text table, where its header or its first row begins, and how its rows are written."""

    data: bytes
    path: Path
    form: TableForm
    start: int  # bytes before the header
    skipped: int  # lines before the header
    separator: str

    def dialect(self, separator: str | None = None, escape: str | None = None) -> Dialect:
        """Return how rows are divided; other separators and escapes are for another try."""
        return Dialect(separator or self.separator, self.form.comment, escape)


def read_delimited(data: bytes, path: Path, suffix: str, form: TableForm = STANDARD) -> tuple[pa.Table, Lines]:
    """Return a text table, all of whose columns are text, and the line of each row.

    Arrow reads the file, unless it is written in a way that Arrow does not know, or in which it would miss a fault: then
    its rows are read one by one. Neither way holds the whole file as Python strings of its cells.

    Parameters
    ----------
    data : bytes
        The file, as UTF-8.
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
    file = _described(data, path, suffix, form)
    found = _by_arrow(file)
    table, lines, names = _row_by_row(file) if found is None else found
    if names:
        warn(
            f"{path.name}: its first line ({', '.join(names)[:80]}) names columns, and was left out, as names were given; if it is a"
            " row, write the names as the first line of the file instead"
        )
    return table, lines


_Found = tuple[pa.Table, Lines, list[str]]  # with the names of a header that was left out


def _described(data: bytes, path: Path, suffix: str, form: TableForm) -> _File:
    start, skipped, told = _preface(head_of(data)[0], form)
    head = head_of(data, start)[0]
    if form.separator is None or form.separator.strip() != ":":
        refuse_grouped(head, path)
    separator = form.separator or told or _separator(head_of(data, _first_row(data, start, form))[0], path, suffix, form)
    return _File(data, path, form, start, skipped, separator)


def _first_row(data: bytes, start: int, form: TableForm) -> int:
    """Return where the first line begins that is neither blank nor a comment, however many stand before it."""
    for found in _LINE.finditer(data, start):
        line = found[0].decode()
        if line.strip() and not (form.comment and line.startswith(form.comment)):
            return found.start()
    return len(data)


def _by_arrow(file: _File) -> _Found | None:
    """Return what Arrow reads of the rows below the header, None where it cannot be left to it."""
    if file.data.count(b"\r", file.start) != file.data.count(b"\r\n", file.start):  # a return alone ends a line too
        return None
    head, whole = head_of(file.data, file.start)
    if not whole and "\n" not in head:  # the first line is longer
        return None
    wanted = SAMPLE if file.form.columns else 1
    try:
        sample = list(islice(rows_of(head, file.dialect()), wanted))
    except QuoteError:
        return None
    if not sample or (len(sample) < wanted and not whole):
        return None
    header, names, used = _header([row for _, row in sample], file)
    line = sample[0][0] if used else 0  # the last one that is no row
    start = file.start
    for _ in range(line):
        start = file.data.find(b"\n", start) + 1 or len(file.data)
    if has_blank_quotes(file.data[file.start : start].decode(), file.separator):  # cells below lose their blanks as well
        return None
    found = rows_by_arrow(file.data, start, header, file.dialect(), file.skipped + line + 1)
    return None if found is None else (*found, names)


def _row_by_row(file: _File) -> _Found:
    text = file.data[file.start :].decode()
    try:
        return _gathered(text, file, file.dialect())
    except QuoteError as error:
        if file.separator == "\t":  # programs that write tabs rarely quote: a quote is a character then
            return _gathered(text, file, file.dialect(UNQUOTED_TAB))
        refusal = DataError(f"{file.path}, line {error.line + file.skipped}: {error.__cause__}; mend the quotes or the line")
        if '\\"' not in text:
            raise refusal from error
        try:
            return _gathered(text, file, file.dialect(escape="\\"))  # quotes inside of fields may be written as \\"
        except QuoteError:
            raise refusal from error


def _gathered(text: str, file: _File, dialect: Dialect) -> _Found:
    """Return the rows of a text that are read one by one; a wrong quote is told before a wrong number of fields."""
    rows = rows_of(text, dialect)
    sample = list(islice(rows, SAMPLE))
    header, names, used = _header([row for _, row in sample], file)
    table, lines, odd = batches_of(sample[used:], rows, header)
    if odd is not None:
        named = f"the header has {len(header)}" if not file.form.columns else f"{len(header)} columns are named"
        raise DataError(
            f"{file.path}, line {odd[0] + file.skipped}: {odd[1]} fields where {named}; quote fields that hold the separator"
            f" {_said(file.separator)}, say which separates with separator= (--separator), or mend the line"
        )
    if not len(lines):
        raise DataError(f"{file.path} has a header but no rows")
    return table, lines + file.skipped, names


def _header(rows: Sequence[Sequence[str]], file: _File) -> tuple[list[str], list[str], int]:
    """Return the names of the columns, those of a first row that was left out, and how many rows are no events."""
    if file.form.columns:
        names = list(rows[0]) if _is_header(rows, file.form.columns) else []
        return list(file.form.columns), names, int(bool(names))
    if not rows:
        raise DataError(f"{file.path} has comments alone")
    header = [name.strip().lstrip("\ufeff") for name in rows[0]]
    if file.separator == " " and header.count("") > 1:
        raise DataError(
            f"{file.path}: several blanks stand between fields; say so with separator='blanks' (--separator blanks)"
        )
    _check_header(header, file.path)
    return header, [], 1


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


def _said(separator: str) -> str:
    """Return a separator as an error shows it; one blank with what reads several."""
    return (
        "blanks"
        if separator == BLANKS
        else "' ' (where columns are aligned: --separator blanks)"
        if separator == " "
        else repr(separator)
    )


def _check_header(header: Sequence[str], path: Path) -> None:
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise DataError(
            f"{path}: the header names column '{twice[0]}' more than once; rename one of them, or, if the first line is no header,"
            " give the names with column_names= (--column-names)"
        )


def _preface(text: str, form: TableForm) -> tuple[int, int, str | None]:
    """Return how many bytes and lines stand before the header, and the separator of a line ``sep=;``."""
    start, skipped, told = 0, 0, None
    first = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if first:
        start, skipped, told = first.end(), 1, first[1]
    if form.comment is None and not form.columns and text.startswith("#", start):
        lines = text[start : start + 2**16].split("\n")
        count = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
        if count:
            named = _names_columns(lines[count - 1], lines[count])
            keep = count - 1 if named else count  # the last of them may name the columns
            start, skipped = start + sum(len(line) + 1 for line in lines[:keep]), skipped + keep
            if named:
                after = text[start:]
                start += len(after) - len(after.lstrip("#").lstrip(" "))
    return len(text[:start].encode()), skipped, told


def _names_columns(remark: str, row: str) -> bool:
    """Return whether a line that begins with ``#`` is the header of the row after it."""
    for mark in ("\t", ",", ";", "|"):
        names = remark.lstrip("#").strip().split(mark)
        if len(names) > 1 and len(names) == row.count(mark) + 1:
            return all(re.fullmatch(r"\s*[\w.-]+\s*", name) for name in names)
    return False


def _separator(text: str, path: Path, suffix: str, form: TableForm) -> str:
    """Return the separator of a file by its suffix, or by its first lines where that separates nothing."""
    usual = BY_SUFFIX.get(suffix)
    lines = [line for line in lines_of(text[: 2**16]) if line.strip() and not (form.comment and line.startswith(form.comment))]
    sample = lines[:SAMPLE]
    if not sample:
        raise DataError(f"{path} has comments alone")
    fits = _width(sample[0], usual or ",") in ((len(form.columns),) if form.columns else range(2, 2**31))
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
    aligned = {_width(line, BLANKS) for line in sample}
    if len(aligned) == 1 and max(aligned) > 1 and re.search("[ \t]{2}", "\n".join(sample)):
        return BLANKS
    if usual is not None:
        return usual
    raise DataError(
        f"{path}: it is not clear what separates the fields of its first line {sample[0][:60]!r}; say it with separator= (such as"
        " --separator tab, or --separator blanks where columns are aligned)"
    )


def _width(line: str, separator: str) -> int:
    if separator == BLANKS:
        return len(cells_between_blanks(line))
    if len(separator) > 1:
        return line.count(separator) + 1
    try:
        return len(next(csv.reader([line], delimiter=separator, escapechar="\\" if '\\"' in line else None), []))
    except csv.Error:
        return 1
