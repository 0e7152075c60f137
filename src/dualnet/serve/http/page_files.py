"""The page's files, read once: a request finds them by name in a dictionary and never reaches the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .body import Receive
from .http_errors import Refusal
from .sending import PAGE_HEADERS, Header, Send, page_headers, send_bytes

FOLDER = Path(__file__).parent.parent / "web"
NO_PICTURE_HOSTS = b'name="picture-hosts" content=""'
KINDS = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".ico": b"image/x-icon",
    ".woff2": b"font/woff2",
}


@dataclass(frozen=True)
class PageFile:
    """One file.

    Parameters
    ----------
    data : bytes
        Content.
    kind : bytes
        Media type.
    tag : bytes
        Entity tag: a browser that has the file is told so.
    headers : tuple of (bytes, bytes)
        What else is told with it, as `page_headers` makes it.
    """

    data: bytes
    kind: bytes
    tag: bytes
    headers: tuple[Header, ...] = PAGE_HEADERS

    @classmethod
    def of(cls, data: bytes, kind: bytes, headers: tuple[Header, ...] = PAGE_HEADERS) -> PageFile:
        """Build from content."""
        return cls(data, kind, b'"%s"' % hashlib.sha256(data).hexdigest()[:16].encode(), headers)

    async def send(self, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        """Answer with the file, or with 304 if the browser has it."""
        known: tuple[Header, ...] = (*self.headers, (b"etag", self.tag), (b"cache-control", b"no-cache"))
        if (b"if-none-match", self.tag) in headers:
            await send({"type": "http.response.start", "status": 304, "headers": list(known)})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send_bytes(send, 200, self.data, ((b"content-type", self.kind), *known))


def read_files(folder: Path = FOLDER, picture_hosts: Sequence[str] = ()) -> dict[str, PageFile]:
    """Return the files of a folder of known kinds, by their path below it with ``/``; none if there is no folder.

    Pages say in their headers, and in ``<meta name="picture-hosts">``, which hosts may give pictures.
    """
    headers = page_headers(picture_hosts)
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in KINDS:
            data = path.read_bytes()
            if path.suffix == ".html":
                data = data.replace(NO_PICTURE_HOSTS, NO_PICTURE_HOSTS[:-1] + " ".join(picture_hosts).encode() + b'"')
            found[path.relative_to(folder).as_posix()] = PageFile.of(data, KINDS[path.suffix], headers)
    return found


class PageFiles:
    """ASGI application for ``/web/...``.

    Parameters
    ----------
    files : dict of str to PageFile
        From `read_files`.
    """

    def __init__(self, files: dict[str, PageFile]) -> None:
        self._files = files

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer with the named file."""
        found = self._files.get(scope["path_params"]["name"])
        if found is None:
            raise Refusal(404, "not-found", "there is no such file")
        await found.send(scope["headers"], send)
