"""The server: a socket bound first, uvicorn with patience, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from ...errors import ResourceError
from .gate import App, Draining
from .slow_clients import Patience, PatientProtocol

if TYPE_CHECKING:
    from ..variants import AnyService

SWEEP_SECONDS = 1.0
LAST = 4.0  # seconds for what is computed to end; with the grace and the drain before, a supervisor that waits 30 sees its end


@dataclass(frozen=True)
class ServerOptions:
    """Options for connections of the server.

    Parameters
    ----------
    patience : Patience
        Deadlines and the number of connections.
    keep_alive : int
        Seconds an idle connection is kept.
    grace : float
        Seconds between saying "not ready" and closing the door, so that a proxy stops sending.
    drain : int
        Longest seconds to finish what was asked.
    last : float, optional
        Seconds after that for what is still computed in this process, for nobody; then the process is ended. None waits for it.
    """

    patience: Patience = field(default_factory=Patience)
    keep_alive: int = 5
    grace: float = 5.0
    drain: int = 20
    last: float | None = None


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Parameters
    ----------
    host : str
        Address or name.
    port : int
        0 for any free one.

    Raises
    ------
    ResourceError
        If the port is taken or may not be used, or the host is not one of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ResourceError(f"the address {host} cannot be used: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ResourceError(
                f"port {port} of {host} is taken by another program; choose another with --port, or --port 0 for a free one"
            ) from None
        raise ResourceError(f"port {port} of {host} cannot be opened: {error.strerror}; choose another with --port") from None
    return listener


def address(listener: socket.socket) -> str:
    """Return the URL of a listening socket, with the port it really has."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  only shown: everywhere includes here
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn's server that sweeps late connections and leaves in good order.

    On the first signal it says "not ready" and ``Connection: close``, goes on answering for the grace, then closes the
    door, finishes what was asked, and ends with exit code 0. A second signal skips the grace.
    """

    def __init__(self, app: App, draining: Draining, options: ServerOptions | None = None) -> None:
        options = options or ServerOptions()
        config = uvicorn.Config(
            app,
            http=type("Protocol", (PatientProtocol,), {"patience": options.patience}),
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=options.keep_alive,
            timeout_graceful_shutdown=options.drain,
        )
        super().__init__(config)
        self._draining, self._options = draining, options
        self._sweeper: asyncio.Task[None] | None = None
        self._end: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door, and start to sweep."""
        _allow_many_files(self._options.patience.connections)
        await super().startup(sockets)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door, finish what was asked."""
        self._draining.now = True
        self._end_within(0.0 if self.force_exit else self._options.drain)
        await super().shutdown(sockets)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave; uvicorn would close at once, and die of the signal afterwards."""
        if self._draining.now or not self.started:
            self.should_exit = True
            self.force_exit = self._draining.now and sig == signal.SIGINT
            if self.force_exit:
                self._end_within(0.0)
            return
        self._draining.now = True
        grace = 0.0 if sig == signal.SIGINT else self._options.grace  # a person does not wait for a proxy
        loop = self.patient_loop
        loop.call_soon_threadsafe(loop.call_later, grace, self.leave)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until told to stop."""
        self.patient_loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def leave(self) -> None:
        """Close the door now; what was asked is finished."""
        self.should_exit = True

    def ended(self) -> None:
        """Note that nothing is computed any more, so that the process need not be ended."""
        if self._end is not None:
            self._end.cancel()

    def _end_within(self, drain: float) -> None:
        """End the process some seconds after the drain, unless it is `ended` by then: Python itself waits for every thread."""
        if self._options.last is None:
            return
        self.ended()
        self._end = threading.Timer(drain + self._options.last, _give_up)
        self._end.daemon = True
        self._end.start()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(SWEEP_SECONDS, self._options.patience.header / 4, self._options.patience.body / 4)
        while True:
            await asyncio.sleep(pause)
            now = loop.time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, PatientProtocol):
                    connection.close_if_late(now)


def _give_up() -> None:
    """End the process, whatever is still computed in it; what was confirmed to anybody is on the disk."""
    sys.stderr.write("dualnet: stopped; what was still computed for nobody was given up\n")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


def _allow_many_files(connections: int) -> None:
    """Raise the soft limit of open files where it is below what the connections need; each connection is a file."""
    try:
        import resource
    except ImportError:  # not on Windows, where there is no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def run(
    app: App,
    listener: socket.socket,
    draining: Draining,
    options: ServerOptions | None = None,
    service: AnyService | None = None,
) -> Any:
    """Serve on a bound socket until a signal, or until the service ends by itself, then return.

    Raises
    ------
    ResourceError
        If the service behind it could not start.
    """
    server = Server(app, draining, options)
    if service is not None:
        service.on_end = server.leave
    server.run(sockets=[listener])
    server.ended()
    if not server.started:
        raise ResourceError("the service could not start; free memory or threads and try again")
