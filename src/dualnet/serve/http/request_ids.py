"""An id for every request: the caller's if it is sane, else a new one."""

from __future__ import annotations

import itertools
import re
import secrets

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PREFIX = secrets.token_hex(5)
_COUNT = itertools.count(1)


def request_id(header: bytes | None = None) -> str:
    """Return an id of at most 64 letters, digits, dots, dashes and underscores.

    Parameters
    ----------
    header : bytes, optional
        What the caller sent as ``X-Request-Id``; anything else than a plain short word is replaced.
    """
    if header is not None and _SANE.fullmatch(header):
        return header.decode("ascii")
    return f"{_PREFIX}-{next(_COUNT):x}"
