"""Limits of a connection: time to send a header, a body, or to read an answer; requests and bytes that wait for their turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .http_errors import error_body

LONGEST_HEADER = 64 * 1024
MOST_QUEUED = 4  # requests of a connection that wait behind the one that is answered; a client may send more ahead
MOST_HELD = 2**20  # bytes of a connection that are not looked at yet
END_OF_HEADER = b"\r\n\r\n"
REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


@dataclass(frozen=True)
class Patience:
    """Time limits for clients, and the number of connections that may wait.

    Parameters
    ----------
    header, body : float
        Seconds from the first moment to the whole header, and from there to the whole body.
    reading : float
        Seconds for a client to take up an answer that no longer fits into the buffers.
    connections : int
        Open connections at once; one more is answered with 503.
    """

    header: float = 10.0
    body: float = 10.0
    reading: float = 30.0
    connections: int = 1000


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines and a bounded queue; uvicorn itself waits for ever, and parses all that has arrived.

    What is sent ahead is parsed a request at a time, and only while few of them wait: the rest stays as bytes, and reading is
    paused.

    A connection only notes its deadline; one sweep over all connections each second, run by the server, closes what is
    late. So a request pays for two assignments and no timer.
    """

    patience = Patience()

    def __init__(
        self,
        config: Any,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        self.deadline: float | None = None
        self._reading_since: float | None = None
        self._header_bytes = 0
        self._in_header = True
        self._in_body = False
        self._held, self._at = b"", 0  # bytes that wait, and how many of them are done

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a header; refuse one connection too many."""
        super().connection_made(transport)
        if len(self.connections) > self.patience.connections:
            self._refuse(503, "too-many-connections", "too many connections are open; try again soon")
            return
        self.deadline = self.loop.time() + self.patience.header

    def data_received(self, data: bytes) -> None:
        """Count header bytes: the parser itself would take any number."""
        if self.transport.is_closing():
            return
        if self.deadline is None and not self._in_body and (self.cycle is None or self.cycle.response_complete):
            self.deadline = self.loop.time() + self.patience.header  # also for blank lines, which begin no message
        if self._at < len(self._held):  # what was under way when reading was paused
            self._held, self._at = self._held[self._at :] + data, 0
            self.flow.pause_reading()
            if len(self._held) > MOST_HELD:
                self.transport.abort()
            return
        self._held, self._at = data, 0
        self._take()

    def _take(self) -> None:
        """Parse what has arrived, at most one further header at a time, as long as the queue has room."""
        while self._at < len(self._held) and not self.transport.is_closing():
            if len(self.pipeline) >= MOST_QUEUED:
                self.flow.pause_reading()
                return
            end = self._held.find(END_OF_HEADER, self._at)
            end = len(self._held) if end < 0 else end + len(END_OF_HEADER)
            data, self._at = self._held[self._at : end], end
            self._parse(data)
        self._held, self._at = b"", 0

    def on_response_complete(self) -> None:
        """Go on with what waits."""
        super().on_response_complete()
        if self._at < len(self._held):
            self._take()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body is none: a trailer could otherwise be taken for a key or a Host."""
        if not self._in_body:
            super().on_header(name, value)

    def _parse(self, data: bytes) -> None:
        if self._in_header:
            self._header_bytes += len(data)
            if self._header_bytes > LONGEST_HEADER:
                # the data may already hold a body; only a header that is not over is too long
                head = data.find(b"\r\n\r\n")
                if head < 0 or self._header_bytes - len(data) + head > LONGEST_HEADER:
                    self._refuse(431, "header-too-large", f"the header is larger than {LONGEST_HEADER:,} bytes")
                    return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start waiting for the rest of a header."""
        super().on_message_begin()
        self._in_header, self._in_body = True, False
        self._header_bytes = self._header_bytes or 1  # a request was begun in the tail of what came
        if self.deadline is None:
            self.deadline = self.loop.time() + self.patience.header

    def on_headers_complete(self) -> None:
        """Start waiting for the body."""
        self._in_header, self._in_body = False, True
        self.deadline = self.loop.time() + self.patience.body
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait no longer: it is our turn, and between requests uvicorn's keep-alive limit holds."""
        self._in_header, self._in_body, self._header_bytes = True, False, 0
        self.deadline = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start waiting for the client to read."""
        self._reading_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads."""
        self._reading_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the form of all our errors."""
        self._refuse(400, "bad-http", "this is not a valid HTTP request")

    def close_if_late(self, now: float) -> bool:
        """Close the connection if its deadline has passed; return whether it did.

        Parameters
        ----------
        now : float
            The loop's time.
        """
        if self._reading_since is not None and now > self._reading_since + self.patience.reading:
            self.transport.abort()
            return True
        if self.deadline is None or now <= self.deadline:
            return False
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or self.flow.read_paused or (self._in_header and answering):
            self.deadline = now + 1  # an earlier request is still being answered: the delay is ours
            return False
        self.deadline = None
        if self.transport.is_closing():
            self.transport.abort()
        elif self._in_body and self.cycle is not None and self.cycle.response_started:
            self.transport.close()  # answered already, and the rest of the body does not come
        elif self._in_header and self._header_bytes == 0:
            self.transport.close()  # never asked anything
        else:
            what = "body" if self._in_body else "header"
            self._refuse(408, "too-slow", f"the {what} of the request took too long")
        return True

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Write a whole answer and close."""
        body = error_body(code, message, "none")
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n%s"
            % (status, REASONS[status], len(body), b"retry-after: 1\r\n" if status == 503 else b"", body)
        )
        self.transport.close()
