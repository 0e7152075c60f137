"""Sending bytes that are ready: two ASGI messages, no response object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

NO_SNIFF: Header = (b"x-content-type-options", b"nosniff")
JSON_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/json"), NO_SNIFF)
RAW_HEADERS: tuple[Header, ...] = (NO_SNIFF, (b"content-security-policy", b"default-src 'none'; sandbox"))
PAGE_HEADERS: tuple[Header, ...] = (
    NO_SNIFF,
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


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
