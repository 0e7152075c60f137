"""Parser of the tags of one cell."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import warn
from .list_text import as_list, list_of_text, quoted_text, separator_of
from .values import UnfitError, is_missing, label_of

NAMES = ("name", "label", "title", "tag", "term", "text", "value", "description")  # fields of an object that name it
_ARRAY = re.compile(r"array\((\[.*\])(,\s*dtype=[^)]*)?\)", re.DOTALL)
_BROKEN = re.compile(r"[\[({]\s*[\"'\[{]")
_ANGLES = re.compile(r"(?:<[^<>]+>){2,}|<[^<>/ ]+>")


@dataclass(frozen=True)
class KnownTags:
    """Known tags of a column, as they were fitted.

    Parameters
    ----------
    labels : collection of str
        The tags; text that is one of them is not divided.
    separators : str
        What divides text, empty where nothing did or where that is not known.
    """

    labels: Collection[str] = ()
    separators: str = ""


def separators_for(values: Sequence[object], name: str, known: KnownTags) -> str:
    """Return the characters that divide the texts of a column: those that did when it was fitted, else those found in it.

    Parameters
    ----------
    values : sequence
        Values of the column.
    name : str
        The column, for warnings.
    known : KnownTags
        From the fit; by default nothing is known.

    Warns
    -----
    DualNetWarning
        Where a guess divides, or where text is not divided that another separator would divide into known tags.
    """
    texts = [cell for cell in values if isinstance(cell, str) and cell.strip() not in known.labels]
    if known.separators:
        _warn_of_others(texts, name, known)
        return known.separators
    found = separator_of(texts)
    if found and found[0] not in "|\n\t":
        warn(
            f"tags of column '{name}' are text with {found[0]!r} in it, and were divided there; write them as lists, or"
            " with '|' between them, where that is wrong"
        )  # fmt: skip
    return found


def _warn_of_others(texts: Sequence[str], name: str, known: KnownTags) -> None:
    other = separator_of(texts)
    if other in ("", known.separators) or any(character in text for text in texts for character in known.separators):
        return
    parts = {part.strip() for text in texts for part in re.split(f"[{re.escape(other)}]", text)}
    if parts & set(known.labels):
        warn(
            f"tags of column '{name}' are divided at {known.separators[0]!r} as when the model was fitted, and the new ones have"
            f" {other[0]!r} instead; write them as lists, or with {known.separators[0]!r} between them"
        )  # fmt: skip


def tags_of(value: object, separators: str = "|", known: Collection[str] = ()) -> list[str] | None:
    """Return the tags of one cell, None for a missing one.

    Parameters
    ----------
    value : object
        A list of labels or of objects with a name, or text: a list as JSON, Python, NumPy, Java or PostgreSQL writes it, or
        labels with separators between them.
    separators : str
        Characters that divide text, from `separators_for`.
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
    found = quoted_text(text) if found is None else found
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
