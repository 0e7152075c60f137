"""Reading a request body: announced or streamed, never more than the limit, never compressed, only JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from .http_errors import Refusal

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

LARGEST = 2**20


class ClientGoneError(Exception):
    """The client closed the connection before its body was whole: nobody is left to answer."""


def check_headers(headers: Iterable[tuple[bytes, bytes]], largest: int = LARGEST) -> None:
    """Refuse a body by what its headers say, before a byte of it is read.

    Raises
    ------
    Refusal
        413 for an announced length above `largest`, 415 for another content type than JSON in UTF-8 or any encoding.
    """
    kind = b""
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                raise Refusal(400, "bad-length", "the header Content-Length is not a number")
            if len(value) > 18 or int(value) > largest:
                raise too_large(largest)
        elif name == b"content-type":
            kind = value
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise Refusal(415, "compressed-body", "compressed bodies are not taken; send the JSON as it is")
    if kind != b"application/json" and not _is_json(kind):
        raise Refusal(415, "content-type", "the body must be JSON: send the header Content-Type: application/json")


async def read(receive: Receive, largest: int = LARGEST) -> bytes:
    """Return the whole body, counting while it streams in.

    Raises
    ------
    Refusal
        413 as soon as more than `largest` bytes have come.
    ClientGoneError
        If the client hung up.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):  # the usual case: one piece
        whole: bytes = message.get("body", b"")
        if len(whole) > largest:
            raise too_large(largest)
        return whole
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGoneError
        piece = message.get("body", b"")
        size += len(piece)
        if size > largest:
            raise too_large(largest)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)
        message = await receive()


def too_large(largest: int) -> Refusal:
    """Return the 413."""
    return Refusal(413, "too-large", f"the body is larger than {largest:,} bytes; send less at a time")


def _is_json(kind: bytes) -> bool:
    parts = [part.strip().lower() for part in kind.split(b";")]
    return parts[0] == b"application/json" and all(part in (b"charset=utf-8", b'charset="utf-8"') for part in parts[1:])
