"""Routes of the server itself: alive, ready, meters, documentation, page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from ..service_errors import BusyError, ClosedError
from .body import Receive
from .docs_page import STYLE, docs_page
from .gate import App, Draining
from .http_errors import Refusal
from .meters import CONTENT_TYPE, Meters
from .operations import ACTIVITY, ALIVE, READY
from .page_files import PageFile, PageFiles, read_files
from .routes import RouteTable
from .sending import JSON_HEADERS, NO_SNIFF, Send, send_bytes

if TYPE_CHECKING:
    from ..variants import AnyService

WAIT = ((b"retry-after", b"1"),)


class _Fixed(Route):
    """A route to an ASGI application, outside the OpenAPI document."""

    def __init__(self, path: str, app: App) -> None:
        super().__init__(path, app, methods=["GET"], include_in_schema=False)
        self.app = self._named(app)

    def _named(self, app: App) -> App:
        async def named(scope: Any, receive: Receive, send: Send) -> None:
            scope["route"] = self
            await app(scope, receive, send)

        return named


def add_routes(
    table: RouteTable,
    service: AnyService,
    meters: Meters,
    draining: Draining,
    document: Callable[[], bytes],
    picture_hosts: Sequence[str] = (),
) -> None:
    """Add the routes of the server itself.

    Parameters
    ----------
    table : RouteTable
        Takes them.
    service : Service or RemoteService
        Is asked whether it is ready, and for its numbers.
    meters : Meters
        Are shown.
    draining : Draining
        A server about to stop is not ready.
    document : callable
        Returns the OpenAPI document as JSON; asked once, when all routes are there.
    picture_hosts : sequence of str
        Other hosts of which the page may show pictures.
    """

    async def livez() -> dict[str, Any]:
        return {"status": "alive"}

    async def activity() -> dict[str, Any]:
        return meters.report()

    async def metrics(scope: Any, receive: Receive, send: Send) -> None:
        try:
            numbers = await service.gauges()
        except BusyError:  # it hangs: what is counted here is told all the same
            numbers = {}
        except ClosedError as error:  # the process with the model has gone, or is told to
            raise Refusal(503, "not-ready", str(error), WAIT) from None
        await send_bytes(send, 200, meters.text(numbers), ((b"content-type", CONTENT_TYPE), NO_SNIFF))

    written: dict[str, PageFile] = {}

    async def openapi(scope: Any, receive: Receive, send: Send) -> None:
        if "document" not in written:
            written["document"] = PageFile.of(document(), JSON_HEADERS[0][1])
        await written["document"].send(scope["headers"], send)

    async def docs(scope: Any, receive: Receive, send: Send) -> None:
        if "docs" not in written:
            written["docs"] = PageFile.of(docs_page(document()), b"text/html; charset=utf-8")
        await written["docs"].send(scope["headers"], send)

    table.add(ALIVE, livez)
    table.add(ACTIVITY, activity)
    table.add(READY, lambda: _ready(service, draining))
    for path, app in (("/metrics", metrics), ("/openapi.json", openapi), ("/docs", docs), *_files(picture_hosts)):
        table.add_route(_Fixed(path, app), "GET")


async def _ready(service: AnyService, draining: Draining) -> dict[str, Any]:
    """Say that questions are taken, or refuse."""
    responds = not draining.now and service.ready and await service.responds()  # first, for meanwhile it may have to stop
    if draining.now:
        raise Refusal(503, "stopping", "the server is about to stop", WAIT)
    if not service.ready:
        raise Refusal(503, "not-ready", "the model is not loaded yet", WAIT)
    if not responds:
        raise Refusal(503, "not-ready", "the process with the model does not answer", WAIT)
    return {"status": "ready", "writes": service.away} if service.away else {"status": "ready"}


def _files(picture_hosts: Sequence[str]) -> list[tuple[str, App]]:
    """Return the path and the application of each file that never changes."""
    files = read_files(picture_hosts=picture_hosts)
    style = PageFile.of(STYLE.encode(), b"text/css; charset=utf-8")
    fixed: list[tuple[str, App]] = [("/docs.css", _file(style)), ("/web/{name:path}", PageFiles(files))]
    for path, name in (("/", "index.html"), ("/operate", "operate.html"), ("/favicon.ico", "favicon.ico")):
        if name in files:
            fixed.append((path, _file(files[name])))
    return fixed


def _file(file: PageFile) -> App:
    async def send_file(scope: Any, receive: Receive, send: Send) -> None:
        await file.send(scope["headers"], send)

    return send_file
