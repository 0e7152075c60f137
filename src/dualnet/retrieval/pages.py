"""Pages of a list: a token that says which items were shown, so that what follows does not repeat them.

It holds ids, not places, so that a page is right also where the catalogue, the history or the model have changed since the one
before. Nothing in it is secret or trusted: it says what a client could as well say by `exclude`.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from ..errors import UsageError, shown
from ..ids import Key

MOST_SHOWN = 10_000  # items of all pages
MOST_BYTES = 4 * 2**20  # of their ids
LONGEST = 2**19  # characters of a token, so that it fits into the body of a request
VERSION = "1."
REMEDY = "give what the answer before has as next_page, or an empty text for the first page"


def page_token(ids: Sequence[Key]) -> str | None:
    """Return the token that goes on after some items, None where they are so many that no page follows."""
    data = json.dumps([key if isinstance(key, str) else int(key) for key in ids], separators=(",", ":")).encode()
    if len(ids) > MOST_SHOWN or len(data) > MOST_BYTES:
        return None
    token = VERSION + urlsafe_b64encode(zlib.compress(data, 6)).decode("ascii").rstrip("=")
    return token if len(token) <= LONGEST else None


def shown_before(token: str) -> list[Key]:
    """Return the items of the pages before; none for an empty token.

    Raises
    ------
    UsageError
        If it is not a token of this version.
    """
    if not isinstance(token, str):
        raise UsageError(f"page must be a text, got {shown(token)}; {REMEDY}")
    if not token:
        return []
    try:
        if not token.startswith(VERSION) or len(token) > 2 * MOST_BYTES:
            raise ValueError
        text = token.removeprefix(VERSION)
        opened = zlib.decompressobj()
        data = opened.decompress(urlsafe_b64decode(text + "=" * (-len(text) % 4)), MOST_BYTES)
        if not opened.eof or opened.unused_data:
            raise ValueError
        found = json.loads(data)
    except (ValueError, zlib.error, RecursionError):
        raise UsageError(f"{shown(token[:40])} is no page of a list; {REMEDY}") from None
    right = isinstance(found, list) and len(found) <= MOST_SHOWN
    if not right or any(isinstance(key, bool) or not isinstance(key, str | int) for key in found):
        raise UsageError(f"{shown(token[:40])} is no page of a list; {REMEDY}")
    return list(found)
