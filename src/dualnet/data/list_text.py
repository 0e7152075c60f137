"""Parser of lists written as text: JSON, Python, NumPy, PostgreSQL, and labels with separators between them."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# the first of these groups of separators (narrow, wide, Arabic) that occurs in a column divides its cells
SEPARATORS = ("|\uff5c", "\n", "\t", ";\uff1b", ",\uff0c\u3001\u060c")

_CLOSING = {"[": "]", "(": ")", "{": "}"}
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


def is_list_text(text: str) -> bool:
    """Return whether text is a whole list or object as JSON or Python writes it."""
    return list_of_text(text.strip()) is not None


def list_of_text(text: str, *, bare: bool = False) -> list[Any] | None:
    """Return the entries of a list written as text, None where it is something else.

    Parameters
    ----------
    text : str
        Without blanks around it.
    bare : bool
        Take ``[a, b]`` and ``{a,b}`` without quotes too, as Java, NumPy and PostgreSQL write lists.
    """
    if len(text) < 2 or _CLOSING.get(text[0]) != text[-1]:
        return None
    quoted = _quoted_list(text)
    found = quoted if quoted is not None else _parsed(text)
    if isinstance(found, Mapping):
        return [found]
    if (parts := as_list(found)) is not None:
        return parts
    if not bare or text[0] == "(":
        return None
    inner = text[1:-1].strip()
    if re.search(r"[\[\]{}]", inner):
        return None
    parts = [part.strip().strip("\"'") for part in (inner.split(",") if "," in inner else inner.split())]
    if "," not in inner and any(_is_word(part) for part in parts):
        return [inner] if inner else []  # [Science Fiction] is one label; [0.1 0.2] is a vector
    return [part for part in parts if part]


def _quoted_list(text: str) -> list[str] | None:
    """Return the entries of a list of quoted texts alone; NumPy writes them with blanks instead of commas."""
    inner = text[1:-1]
    quoted, between = _QUOTED.findall(inner), _QUOTED.sub("", inner)
    if not quoted or between.strip(", \n\t"):
        return None
    if between.count(",") not in (0, len(quoted) - 1, len(quoted)):
        return None
    try:
        return [json.loads(one) if one[0] == '"' else ast.literal_eval(one) for one in quoted]
    except (ValueError, SyntaxError):
        return None


def quoted_text(text: str) -> list[str] | None:
    """Return the entries of quoted texts that stand without brackets, such as ``"a", "b"``."""
    return _quoted_list(f"[{text}]") if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _is_word(part: str) -> bool:
    try:
        float(part)
    except ValueError:
        return True
    return False


def separator_of(cells: Iterable[object]) -> str:
    """Return the separators (any of these characters) that divide the texts of a column, empty if none does."""
    found: set[str] = set()
    for cell in cells:
        cell = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
        if isinstance(cell, str):
            text = cell.strip()
            if list_of_text(text, bare=True) is None and quoted_text(text) is None:
                text = html.unescape(text)
                found |= {group for group in SEPARATORS if any(character in text for character in group)}
    return next((group for group in SEPARATORS if group in found), "")


def as_list(value: object) -> list[Any] | None:
    """Return a list, tuple, set or array as a list, None for anything else."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    found = value.tolist() if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1 else None
    return found if isinstance(found, list) else None
