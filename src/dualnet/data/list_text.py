"""Lists that somebody wrote as text: JSON, Python, NumPy, PostgreSQL, and labels with separators between them."""

from __future__ import annotations

import ast
import html
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .values import UnfitError, as_list, is_missing, label_of

SEPARATORS = (
    "|\uff5c",
    "\n",
    "\t",
    ";\uff1b",
    ",\uff0c\u3001\u060c",
)  # wide and Arabic ones too; the first of these groups that occurs in a column divides its cells
NAMES = ("name", "label", "title", "tag", "term", "text", "value", "description")  # fields of an object that name it

_CLOSING = {"[": "]", "(": ")", "{": "}"}
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_ARRAY = re.compile(r"array\((\[.*\])(,\s*dtype=[^)]*)?\)", re.DOTALL)
_BROKEN = re.compile(r"[\[({]\s*[\"'\[{]")
_ANGLES = re.compile(r"(?:<[^<>]+>){2,}|<[^<>/ ]+>")


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


def _quoted_text(text: str) -> list[str] | None:
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
            if list_of_text(text, bare=True) is None and _quoted_text(text) is None:
                text = html.unescape(text)
                found |= {group for group in SEPARATORS if any(character in text for character in group)}
    return next((group for group in SEPARATORS if group in found), "")


def tags_of(value: object, separators: str = "|", known: Collection[str] = ()) -> list[str] | None:
    """Return the tags of one cell, None for a missing one.

    Parameters
    ----------
    value : object
        A list of labels or of objects with a name, or text: a list as JSON, Python, NumPy, Java or PostgreSQL writes it, or
        labels with separators between them.
    separators : str
        Characters that divide text, from `separator_of`.
    known : collection of str
        Tags that are known: text that is one of them is not divided.

    Raises
    ------
    UnfitError
        For an object without a name, or a list in a list.
    """
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        entries = _entries(value.strip(), separators, known)
    elif isinstance(value, Mapping):
        entries = [value]
    else:
        listed = as_list(value)
        entries = [value] if listed is None else listed
    tags = [_tag(entry) for entry in entries]
    return [tag for tag in tags if tag]


def _entries(text: str, separators: str, known: Collection[str]) -> list[Any]:
    if unicodedata.normalize("NFC", text) in known:
        return [text]
    if (array := _ARRAY.fullmatch(text)) is not None:
        text = array[1]
    found = list_of_text(text, bare=True)
    found = _quoted_text(text) if found is None else found
    if found is not None:
        return found
    if _BROKEN.match(text):
        raise UnfitError("a list that is cut short or not written as JSON or Python write one; mend the cell")
    if _ANGLES.fullmatch(text):  # <python><pandas>
        return text[1:-1].split("><")
    text = html.unescape(text)
    return re.split(f"[{re.escape(separators)}]", text) if separators else [text]


def _tag(entry: object) -> str | None:
    if isinstance(entry, Mapping):
        named = [entry[name] for name in NAMES if isinstance(entry.get(name), str) and entry[name].strip()]
        texts = named or [one for one in entry.values() if isinstance(one, str)]
        if not named and len(texts) != 1:
            raise UnfitError("an object without a name; give tags as texts, or as objects with a field 'name'")
        return label_of(texts[0])
    if as_list(entry) is not None:
        raise UnfitError("a list in a list; give each row one list of tags")
    return label_of(entry)
