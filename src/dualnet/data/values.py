"""One value of a table as its kind of column requires: text, a label, a number, a date, a vector, a picture.

The same thing looks different in every type of table: 1, 1.0 and "1", True and "true", a date and its text. Here it becomes
one value, or an `UnfitError` says why it cannot and what to do.
"""

from __future__ import annotations

import html
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from html.entities import html5
from typing import Any

import numpy as np

from .dates import NUMBER, moment_of_number, moment_of_text
from .list_text import as_list, is_list_text, list_of_text

EXACT = 2**53  # whole numbers up to here are exact as floats

_WHOLE_FLOAT = re.compile(r"([+-]?)(0|[1-9]\d*)\.0*")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
_ADDRESS = re.compile(r"https?://[^\s/\"<>\\\\][^\s\"<>\\\\]{0,2000}", re.IGNORECASE)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_BRACED = re.compile(  # from a capital or a letter with an accent on, perhaps behind a command such as \emph
    r"(\\(?:[A-Za-z]+|[\"'`^~=.]))?\{\s*((?!\s)(?:[A-Z]|[^\W\d_a-z]|[^\x00-\x7f])[^{}]*)\}"
)
_ESCAPED = re.compile(r"(?<![^\w\s({\[\"'])\\([&%$#_])")  # behind a sign it is a face or a path, as in "C:\_old"
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
CURRENCY = "$€£¥₹₽₩"
MISSING_NUMBERS = frozenset(["", "na", "n/a", "nan", "null", "none", "nil", "<na>", "nat", "\\n"])
_FLAGS = {"true": True, "false": False}


class UnfitError(ValueError):
    """A value that its column's kind cannot take; the text says what it is not, and the remedy."""


def unboxed(value: object) -> object:
    """Return a NumPy scalar as Python has it, any other value as it is."""
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]").item()
    return value.item() if isinstance(value, np.generic) else value


def is_missing(value: object) -> bool:
    """Return whether a cell has no value: None, NaN, or one of the markers of pandas."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    return type(value).__name__ in ("NAType", "NaTType")


def text_of(value: object) -> str | None:
    """Return running text; numbers are written out and lists of texts are joined.

    Raises
    ------
    UnfitError
        For flags, dates, objects and bytes that are no text.
    """
    value = unboxed(value)
    if is_missing(value) or isinstance(value, str):
        return value if isinstance(value, str) else None
    if isinstance(value, bytes):
        return _decoded(value, "text")
    if isinstance(value, bool | Mapping | date | time | timedelta):
        raise UnfitError("not text; turn the column into text, or name it as another kind of content")
    if isinstance(value, int | float | Decimal | Fraction):
        return number_text(value)
    if (parts := as_list(value)) is not None:
        return " ".join(part for part in map(text_of, parts) if part)
    return str(value)


def label_of(value: object) -> str | None:
    """Return the one label that a category has in every type of table.

    Whole floats are integers, flags are ``true`` and ``false``, dates are ISO text, blanks around text are none, and empty
    text is a missing value.

    Raises
    ------
    UnfitError
        For lists and objects, also where they are written as text.
    """
    value = unboxed(value)
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        value = _decoded(value, "a label")
    if isinstance(value, str):
        return _label_of_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return date_text(value)
    if isinstance(value, int | float | Decimal | Fraction):
        return number_text(value)
    if isinstance(value, Mapping) or as_list(value) is not None:
        raise UnfitError("a list or an object, not one label; name the column as tags, or give each row one label")
    return _label_of_text(str(value))


def _label_of_text(value: str) -> str | None:
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        return None
    if text[0] in "[{(" and is_list_text(text):
        raise UnfitError("a list written as text, not one label; name the column as tags")
    if (whole := _WHOLE_FLOAT.fullmatch(text)) is not None:
        return f"{'-' if whole[1] == '-' and whole[2] != '0' else ''}{whole[2]}"
    if text.casefold() in _FLAGS:
        return text.casefold()
    if ISO_DATE.fullmatch(text):
        try:
            return date_text(datetime.fromisoformat(text))
        except ValueError:
            return text
    return text


def number_text(value: Any) -> str:
    """Return a number as text, the same for 1, 1.0 and Decimal("1.00")."""
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return str(value)
    if value == int(value):
        return str(int(value))
    return repr(value) if isinstance(value, float) else repr(float(value))


def number_of(value: object) -> float | int | None:
    """Return a number, None for a missing one.

    Text may have blanks around it and a sign of a currency before or after it; a flag is 1 or 0.

    Raises
    ------
    UnfitError
        For anything else, and for numbers that are not finite.
    """
    value = unboxed(value)
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return _number_of_text(value)
    if isinstance(value, int | float | Decimal | Fraction):
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return value
        try:
            return _finite(float(value))
        except OverflowError:  # whole numbers and fractions beyond every float
            return _finite(math.inf)
    raise UnfitError("not a number; leave the cell empty where there is none")


def _number_of_text(value: str) -> float | int | None:
    text = value.strip()
    if text.casefold() in MISSING_NUMBERS:
        return None
    if text.casefold() in _FLAGS:
        return int(_FLAGS[text.casefold()])
    text = text.strip(CURRENCY).strip().replace("\u2212", "-")
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    try:
        if "_" in text:
            raise ValueError
        if text.lstrip("+-").isdecimal() and -(2**63) <= (whole := int(text)) < 2**63:
            return whole
        return _finite(float(text))
    except UnfitError:
        raise
    except ValueError:
        hint = (
            "; write decimals with a point, and nothing between thousands"
            if "," in text
            else "; leave the cell empty where there is none"
        )
        raise UnfitError(f"not a number{hint}") from None


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise UnfitError("not a finite number; numbers must be finite, or empty if missing")
    return value


def date_of(value: object) -> datetime | None:
    """Return a point in time as a date without a zone, in UTC; None for a missing one.

    Numbers are as `dates.moment_of_number` reads them, text as `dates.moment_of_text` does, or such a number.

    Raises
    ------
    UnfitError
        For anything else.
    """
    value = unboxed(value)
    if is_missing(value):
        return None
    if isinstance(value, datetime):
        try:
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        except OverflowError:  # the first or last day that there is, in another zone
            raise UnfitError(NO_DATE) from None
        return datetime(*naive.timetuple()[:6], naive.microsecond)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in MISSING_NUMBERS:
            return None
        try:
            if re.fullmatch(NUMBER, text):
                return moment_of_number(int(text) if text.isdecimal() else float(text))
            return date_of(moment_of_text(text))
        except ValueError:
            raise UnfitError(NO_DATE) from None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            return moment_of_number(value)
        except ValueError:
            pass
    raise UnfitError(NO_DATE)


NO_DATE = "not a date; write an ISO date such as 2005-01-31, or seconds since 1970"


def is_date_text(text: str) -> bool:
    """Return whether a text names a point in time in other ways than by a number."""
    try:
        return bool(moment_of_text(text))
    except ValueError:
        return False


def date_text(value: date) -> str:
    """Return a date or time as ISO text; midnight and the zone UTC are left out."""
    if not isinstance(value, datetime):
        return value.isoformat()
    naive = date_of(value)
    assert naive is not None
    if naive.time() == time():
        return naive.date().isoformat()
    return naive.isoformat()


def vector_of(value: object) -> list[float] | None:
    """Return a vector of numbers; text may be a list written as JSON or Python does.

    Raises
    ------
    UnfitError
        For anything else, such as one number or a list with text in it.
    """
    if is_missing(value):
        return None
    parts = as_list(value)
    if isinstance(value, str):
        if not value.strip():
            return None
        text = value.strip()
        parts = list_of_text(text, bare=True)
        if parts is None and len(plain := [part for part in re.split(r"[,;|\s]+", text) if part]) > 1:
            parts = plain
    try:
        if parts is not None and not any(isinstance(part, bool) or is_missing(part) for part in parts):
            return [float(part) for part in parts] or None
    except (TypeError, ValueError, OverflowError):
        pass
    raise UnfitError("not a vector; write a list of numbers such as [0.1, 0.2], the same count in every row")


def picture_of(value: object) -> str | bytes | None:
    """Return the path of a picture or its bytes.

    Raises
    ------
    UnfitError
        For anything else.
    """
    if is_missing(value) or value in ("", b""):
        return None
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, Mapping) and {"bytes", "path"} & set(value):  # as data sets of pictures have it
        return picture_of(value.get("bytes") or value.get("path"))
    raise UnfitError("not a picture; give the path of a file, or its bytes")


def flag_of(value: object) -> bool | None:
    """Return a flag, also where it is written as 1 or 0, or as text; raises `UnfitError` for anything else."""
    number = number_of(value)
    if number not in (None, 0, 1):
        raise UnfitError("neither true nor false")
    return None if number is None else bool(number)


def plain_text_of(value: object) -> str | None:
    """Return any value as text to show; nothing fails, for nothing is learned from it."""
    if is_missing(value) or isinstance(value, str):
        return value if isinstance(value, str) else None
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, date):
        return date_text(value)
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def readable(title: str) -> str:
    r"""Return a title to show. What a model reads is not changed by it.

    BibTeX keeps capitals by braces, around a letter, a word or the whole title; braces around anything else stay, as in ``Hello {name}`` and
    ``\emph{Drosophila}``.

    Examples
    --------
    >>> from dualnet.data.values import readable
    >>> readable("{P}ic{H}unter: the {B}ayesian way"), readable("{Exploring R\\&amp;D of m{RNA}s}")
    ('PicHunter: the Bayesian way', 'Exploring R&D of mRNAs')
    """
    if "&" in title:
        title = _ENTITY.sub(_character, title)
    if "{" in title:
        for _ in range(3):  # braces within braces
            before, title = title, _BRACED.sub(lambda found: found[0] if found[1] else found[2], _whole(title))
            if title == before:
                break
    return _ESCAPED.sub(r"\1", title) if "\\" in title else title


def _character(entity: re.Match[str]) -> str:
    """Return the character that an entity stands for, a blank for any space; one that cannot be printed stays as it is written."""
    text = entity[0]
    found = html.unescape(text) if text[1] == "#" else html5.get(text[1:], text)
    return " " if found.isspace() else found if found and found.isprintable() else text


def _whole(title: str) -> str:
    """Return what one pair of braces holds, where it holds the whole title."""
    text = title.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return title
    depth = 0
    for place, mark in enumerate(text):
        depth += (mark == "{") - (mark == "}")
        if depth == 0 and place < len(text) - 1:
            return title
    return text[1:-1] if depth == 0 else title


def is_address(value: object) -> bool:
    """Return whether a value is the address of a page or picture on the web, which a page may link to."""
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _decoded(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise UnfitError(f"bytes that are not UTF-8, so not {what}; decode the column first") from None
