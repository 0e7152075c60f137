"""Download of one file over HTTP(S): checksum, progress, resume, bounded size."""

from __future__ import annotations

import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

from ...errors import ResourceError, UsageError
from ...files import sync

CHUNK = 256 * 1024
LARGEST_DOWNLOAD = 2 * 2**30
TIMEOUT = 30.0


def fetch_file(url: str, target: Path, *, sha256: str, limit: int = LARGEST_DOWNLOAD, progress: bool | None = None) -> Path:
    """Fetch a file, going on where an earlier try stopped, and keep it only if its SHA-256 is right.

    Parameters
    ----------
    url : str
        http or https address.
    target : Path
        Where the file goes; appears there only when whole and verified.
    sha256 : str
        What its bytes must hash to.
    limit : int
        Most bytes to accept.
    progress : bool, optional
        Show a bar on standard error; by default only on a terminal.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    UsageError
        If the address is not http or https.
    ResourceError
        If the server cannot be reached, sends too much, or sends something else; the text says what to do.
    """
    if urlparse(url).scheme not in ("http", "https"):
        raise UsageError(f"only http and https addresses can be fetched, got {url!r}")
    partial = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, partial, limit, sys.stderr.isatty() if progress is None else progress)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise ResourceError(
            f"cannot fetch {url} ({reason}); go online and try again (it goes on where it stopped), or put the file at {target}"
        ) from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {partial}: {error.strerror or error}; free space or choose another folder"
        ) from error
    found = _hash(partial)
    if found != sha256:
        partial.unlink()
        raise ResourceError(
            f"{url} sent a file with SHA-256 {found[:16]}..., expected {sha256[:16]}...; it is not the published file and was thrown away"
        )
    sync(partial)
    replaced = partial.replace(target)
    sync(target.parent)
    return replaced


def _download(url: str, partial: Path, limit: int, progress: bool) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - scheme checked above
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send
            return
        raise
    with response:
        resumed = response.status == 206
        if not resumed:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        if total is not None and total > limit:
            raise ResourceError(f"{url} wants to send {total:,} bytes, more than the {limit:,} allowed")
        with partial.open("ab" if resumed else "wb") as handle, _bar(progress, partial.name, total, have) as advance:
            while chunk := response.read(CHUNK):
                have += len(chunk)
                if have > limit:
                    raise ResourceError(f"{url} sends more than the {limit:,} bytes allowed; stopped")
                handle.write(chunk)
                advance(len(chunk))
    if total is not None and have < total:
        raise ConnectionError(f"the connection broke after {have:,} of {total:,} bytes")


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class _bar:  # noqa: N801 - used as a function
    """A download bar, or nothing."""

    def __init__(self, show: bool, name: str, total: int | None, done: int) -> None:
        self._bar = None
        if show:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._task = self._bar.add_task(name.removesuffix(".part"), total=total, completed=done)

    def __enter__(self):  # type: ignore[no-untyped-def]
        if self._bar is None:
            return lambda count: None
        self._bar.start()
        return lambda count: self._bar.advance(self._task, count)

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()
