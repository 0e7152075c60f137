"""How ids look in requests: text or whole numbers, as the served model has them; nothing is converted."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field, FiniteFloat, StringConstraints
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

TextId: TypeAlias = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_ID_BYTES, pattern=PRINTABLE)]
WholeId: TypeAlias = Annotated[int, Field(strict=True, ge=SMALLEST, le=LARGEST)]


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
