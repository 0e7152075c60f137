"""One JSON line on standard error for each answer but the files of the page: no body, no history, no query, no id but the request's."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import traceback
from typing import TextIO

from pydantic_core import to_json

from ..model_process.codec import DefectError

FILES = frozenset({"/web/{name}", "/docs.css"})  # patterns of what a page is made of: a view asks for thirty
HELD_LINES = 200
HELD_SECONDS = 0.2


class AccessLog:
    """Writes lines in small bunches, so that a busy server does not pay a system call for each answer.

    Parameters
    ----------
    stream : text file, optional
        Standard error by default.
    quiet : bool
        Write errors only.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._lines: list[str] = []

    def answered(
        self, request_id: str, client: str, method: str, route: str, status: int, seconds: float, key: str | None
    ) -> None:
        """Note one answer; `route` is the template of the path: a path may hold somebody's id.

        A file of the page goes without a line, unless it could not be sent.
        """
        if self._quiet or (route in FILES and status < 400):
            return
        # every value is ours or checked, except the client's address, which the socket made: no escapes needed
        holder = f',"key":"{key}"' if key else ""
        self._add(
            f'{{"time":{time.time():.3f},"request_id":"{request_id}","client":"{client}","method":"{method}",'
            f'"route":"{route}","status":{status},"ms":{seconds * 1000:.2f}{holder}}}\n'
        )

    def failed(self, request_id: str, route: str, error: BaseException) -> None:
        """Note a defect of ours: its kind and where it arose, but not its text, which may quote the request."""
        if isinstance(error, DefectError):
            kind, places = error.kind, error.places
        else:
            kind = type(error).__name__
            places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
        line = {"time": round(time.time(), 3), "request_id": request_id, "route": route, "error": kind}
        self._add((to_json({**line, "at": places}) + b"\n").decode())
        self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._lines:
            text, self._lines = "".join(self._lines), []
            stream = self._stream or sys.stderr
            with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more: answers go on
                stream.write(text)
                stream.flush()

    def _add(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) >= HELD_LINES:
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_later(HELD_SECONDS, self.flush)
