"""Types of ids in requests: text or whole numbers, as the served model has them; whole numbers may come as text too."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, StringConstraints, WithJsonSchema
from starlette.convertors import Convertor, register_url_convertor

from ...ids import MAX_ID_BYTES, Key
from .http_errors import Refusal


class _IdInPath(Convertor[str]):
    """Any text, slashes too: ids such as ``10.1000/182`` are common; but not what ends as a path below an item does."""

    regex = "(?s:.+)(?<!/picture)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", _IdInPath())

SMALLEST, LARGEST = -(2**63), 2**63 - 1
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


def _no_number(key: Any) -> Any:
    if type(key) in (int, float):
        raise ValueError(f'{key} is a number, and the ids here are text; write "{key}"')
    return key


TextId: TypeAlias = Annotated[
    str, BeforeValidator(_no_number), StringConstraints(strict=True, min_length=1, max_length=MAX_ID_BYTES, pattern=PRINTABLE)
]
WholeId: TypeAlias = Annotated[int, Field(strict=True, ge=SMALLEST, le=LARGEST)]

EXACT = 2**53 - 1  # the largest whole number that JavaScript surely keeps
PLAIN = r"^(0|-?[1-9][0-9]{0,17}|-?[1-8][0-9]{18})$"


def _whole(key: Any) -> Any:
    """Return an id that came as text as the number it is; refuse numbers that a client may have rounded."""
    if type(key) is str and re.fullmatch(r"0|-?[1-9][0-9]{0,18}", key):
        return int(key)
    if type(key) is int and not -EXACT <= key <= EXACT and key == int(Decimal(repr(float(key)))):
        raise ValueError(
            "a whole number beyond 2^53 may have lost digits on its way (in JavaScript it does); send the id as text"
        )
    return key


AskedWholeId: TypeAlias = Annotated[
    WholeId,
    BeforeValidator(_whole),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": -EXACT, "maximum": EXACT}, {"type": "string", "pattern": PLAIN}],
            "description": "A whole number, or its digits as text; in answers text beyond 2^53, or always with ?ids=text.",
        }
    ),
]


def _no_dot_segments(key: str) -> str:
    if ".." in re.split(r"[/\\]", key):
        raise ValueError("an id must not have '..' as a part of a path")
    return key


def _no_picture(key: str) -> str:
    if key.endswith("/picture"):  # its path would be that of a picture: nobody could show or delete it
        raise ValueError("the id of an item must not end in '/picture'")
    return key


NewTextId: TypeAlias = Annotated[TextId, AfterValidator(_no_dot_segments)]
NewItemTextId: TypeAlias = Annotated[NewTextId, AfterValidator(_no_picture)]

Number: TypeAlias = WholeId | FiniteFloat  # a whole number stays one
Text: TypeAlias = Annotated[str, StringConstraints(strict=True, max_length=500_000)]


def path_id(text: str, whole: bool) -> Key:
    """Return the id in a path.

    Parameters
    ----------
    text : str
        Decoded part of the path.
    whole : bool
        Whether ids are whole numbers; then only their plain form is one (``7``, not ``007`` or ``7.0``).

    Raises
    ------
    Refusal
        422 for text that is no id of this kind.
    """
    if whole:
        if re.fullmatch(r"-?[0-9]{1,19}", text) and str(int(text)) == text and SMALLEST <= int(text) <= LARGEST:
            return int(text)
        raise Refusal(422, "bad-request", "path: ids are whole numbers here, written plainly, such as 7")
    if not 1 <= len(text) <= MAX_ID_BYTES or not re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff\ufffd]+", text):
        raise Refusal(422, "bad-request", f"path: an id has 1 to {MAX_ID_BYTES} printable characters")
    try:
        return _no_dot_segments(text)
    except ValueError as error:
        raise Refusal(422, "bad-request", f"path: {error}") from None


def path_schema(whole: bool) -> Any:
    """Return the type that documents an id in a path."""
    return WholeId if whole else TextId


_ID_FIELDS = frozenset(["item", "user", "ignored", "not_understood"])


def with_text_ids(answer: Any, every: bool, named: bool = False) -> Any:
    """Return an answer whose whole numbers beyond 2^53 are text, so that JavaScript keeps them.

    Parameters
    ----------
    answer : JSON-ready value
        What is answered.
    every : bool
        Make all ids text, whatever their size.
    named : bool
        Whether this value stands in a field of ids.
    """
    if isinstance(answer, dict):
        return {
            name: with_text_ids(
                value, every and name != "content", name in _ID_FIELDS or (name == "items" and type(value) is list)
            )
            for name, value in answer.items()
        }
    if isinstance(answer, list | tuple):
        return [with_text_ids(value, every, named) for value in answer]
    if type(answer) is int and (not -EXACT <= answer <= EXACT or (every and named)):
        return str(answer)
    return answer
