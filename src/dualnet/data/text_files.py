"""Text files: decoding to UTF-8, lines, and a clear refusal of texts that are no tables."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import DataError

LONGEST_LINE = 2**24  # bytes
HEAD = 2**18  # bytes that tell how a file is written
START = 2**16  # characters that tell whether a text is a table
FEWEST = 3  # fields of a record
REMEDY = "write one row for each {what} first (see 'Public data sets as they are shipped' in the documentation)"
UTF_8 = ("utf-8", "utf8", "utf-8-sig")
BOM = "\ufeff"

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def decoded(data: bytes, path: Path, encoding: str | None = None) -> str:
    """Return the text of a file.

    Parameters
    ----------
    data : bytes
        The file.
    path : Path
        For error texts.
    encoding : str, optional
        By default UTF-8, or UTF-16 after its mark.

    Raises
    ------
    DataError
        If it is empty, holds NUL bytes, or is not in its encoding.
    """
    found = _encoding(data, path, encoding)
    try:
        text = data.decode("utf-8-sig" if found == "utf-8" else found)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        remedy = (
            "save the file as UTF-8, or say what it is, such as encoding='latin-1' (--encoding latin-1)"
            if encoding is None
            else "say another encoding"
        )
        raise DataError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} at offset {error.start} is not"
            f" {'UTF-8' if encoding is None else encoding}; {remedy}"
        ) from error
    except UnicodeError as error:
        raise DataError(f"{path} is not {found} ({error}); say another encoding") from error
    if "\0" in text:
        _refuse_nul(data, path)
    text = text.removeprefix(BOM)
    _refuse_empty(text, path)
    return text


def as_utf8(data: bytes, path: Path, encoding: str | None = None) -> bytes:
    """Return the bytes of a file as UTF-8 without a mark; a file that is UTF-8 never becomes a Python string.

    Parameters and errors are those of `decoded`.
    """
    if _encoding(data, path, encoding) != "utf-8" or not _is_utf8(data):
        text = decoded(data, path, encoding)
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            line = text[: error.start].count("\n") + 1
            raise DataError(
                f"{path}, line {line}: half a character (a lone surrogate) in {encoding}, which no text can hold; correct it, or say"
                " another encoding"
            ) from error
    if b"\0" in data:
        _refuse_nul(data, path)
    marks = next(count for count in range(3) if count == 2 or not data.startswith(BOM.encode(), 3 * count))
    data = data[3 * marks :] if marks else data
    _refuse_empty(data, path)
    return data


def _encoding(data: bytes, path: Path, said: str | None) -> str:
    """Return the encoding of a file that is not empty; ``utf-8`` stands for all of its names."""
    _refuse_empty(data, path)
    if said is not None:
        return "utf-8" if said.lower().replace("_", "-") in UTF_8 else said
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and b"\0" in data:
        return "utf-16"
    _refuse_nul(data, path)
    return "utf-8"


def _is_utf8(data: bytes) -> bool:
    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_empty(text: str | bytes, path: Path) -> None:
    if not text or text.isspace():
        raise DataError(f"{path} is empty")


def _refuse_nul(data: bytes, path: Path) -> None:
    if b"\0" in data:
        raise DataError(
            f"{path} holds NUL bytes at offset {data.index(0)}, so it is not a text table; check the file or its suffix, or say"
            " its encoding if it is UTF-16"
        )


def head_of(data: bytes, start: int = 0) -> tuple[str, bool]:
    """Return the first whole lines of UTF-8 bytes from `start` on, and whether they are all that there is."""
    text = codecs.getincrementaldecoder("utf-8")().decode(data[start : start + HEAD])
    whole = len(data) - start <= HEAD
    return (text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text), whole


def lines_of(text: str) -> list[str]:
    """Return the lines of a text; only CR, LF and CRLF end a line, so U+2028, U+0085 and form feeds may stand in one."""
    lines = re.split(r"\r\n|\n|\r", text)
    return lines[:-1] if lines[-1] == "" else lines


def each_line(text: str) -> Iterator[str]:
    """Yield the lines of a text with their ends, one at a time."""
    return (found[0] for found in _LINE.finditer(text))


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


def refuse_grouped(text: str, path: Path) -> None:
    """Refuse a text whose lines are no rows, whatever separates their fields.

    Such are the ratings of the Netflix prize, where a line ``1:`` names the film of those below, and the reviews of BeerAdvocate,
    where a record is a line ``beer/name: Sausa Weizen`` for each field, and an empty one.

    Parameters
    ----------
    text : str
        The file, or its beginning.
    path : Path
        For the text of the error.

    Raises
    ------
    DataError
    """
    lines = text[:START].replace("\r", "").split("\n")
    if re.fullmatch(r"\w+:", lines[0].strip()):
        raise DataError(
            f"{path}: its first line {lines[0].strip()!r} is the heading of the lines below it, which are no rows without it;"
            f" {REMEDY.format(what='event')}"
        )
    end = next((place for place, line in enumerate(lines) if not line.strip()), 0)
    named = [re.match(r"([\w./-]+): ", f"{line} ") for line in lines[:end]]
    keys = [found[1] for found in named if found]
    if end >= FEWEST and len(keys) == end == len(set(keys)):
        raise DataError(
            f"{path} has one field a line, such as {lines[0][:60]!r}, and is no table; {REMEDY.format(what='record')}"
        )
