"""Sending bytes that are ready: two ASGI messages, no response object."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from ...errors import UsageError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

NO_SNIFF: Header = (b"x-content-type-options", b"nosniff")
JSON_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/json"), NO_SNIFF)
RAW_HEADERS: tuple[Header, ...] = (NO_SNIFF, (b"content-security-policy", b"default-src 'none'; sandbox"))
_PICTURE_HOST = re.compile(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")


def page_headers(picture_hosts: Sequence[str] = ()) -> tuple[Header, ...]:
    """Return the headers of a page: it may run its own scripts only, and show pictures of its own and of some hosts.

    Parameters
    ----------
    picture_hosts : sequence of str
        Such as ``images.example.org`` or ``*.example.org``; by HTTPS alone.

    Raises
    ------
    UsageError
        For a host of another form, which could say more to a browser than a host.
    """
    for host in picture_hosts:
        if not _PICTURE_HOST.fullmatch(host):
            raise UsageError(f"{host!r:.80} is not a host of pictures; write its name alone, such as images.example.org")
    images = " ".join(["'self' blob:", *(f"https://{host}" for host in picture_hosts)])
    policy = (
        f"default-src 'self'; img-src {images}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    return (
        NO_SNIFF,
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        (b"cross-origin-opener-policy", b"same-origin"),
    )


PAGE_HEADERS: Final = page_headers()


async def send_bytes(send: Send, status: int, body: bytes, headers: tuple[Header, ...] = JSON_HEADERS) -> None:
    """Send a whole answer.

    Parameters
    ----------
    send : callable
        ASGI's.
    status : int
        HTTP status.
    body : bytes
        All of it.
    headers : tuple of (bytes, bytes)
        Content type and others; the length is added.
    """
    start = {"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", b"%d" % len(body))]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
