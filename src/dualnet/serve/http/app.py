"""The HTTP application: guards, routes, documentation and the life of the service, as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Router

from ...runs.shown_log import ShownLog
from ..variants import Variants
from . import server_routes
from .access_log import AccessLog
from .body import LARGEST, Receive
from .gate import Gate, Guards
from .http_errors import Refusal
from .meters import Meters
from .openapi import document
from .routes import RouteTable
from .sending import Send

if TYPE_CHECKING:
    from ..variants import AnyService


@dataclass(frozen=True)
class HttpOptions:
    """Limits and log of the HTTP application.

    Parameters
    ----------
    largest_body : int
        Bytes.
    quiet : bool
        No access log.
    log : text file, optional
        Where the access log goes; standard error by default.
    picture_hosts : tuple of str
        Other hosts of which the page may show pictures, by HTTPS.
    shown_log : Path, optional
        File that takes down what is shown and taken.
    """

    largest_body: int = LARGEST
    quiet: bool = False
    log: TextIO | None = None
    picture_hosts: tuple[str, ...] = ()
    shown_log: Path | None = None


def build_app(service: AnyService, guards: Guards | None = None, options: HttpOptions | None = None) -> Gate:
    """Return the ASGI application that serves a service.

    Parameters
    ----------
    service : Service or RemoteService
        Opened; the application starts and closes it with its own life.
    guards : Guards, optional
        Host check, keys, rate; none by default, for tests.
    options : HttpOptions, optional
        Limits and log.
    """
    guards, options = guards or Guards(), options or HttpOptions()
    meters, log = Meters(), AccessLog(options.log, quiet=options.quiet)
    meters.watch_model(lambda: (service.label.name, service.label.version))
    if isinstance(service, Variants):
        several = service
        meters.watch_variants(lambda: {(name, told.name, told.version): several.shares[name] for name, told in several.labels})
    service.on_batch = meters.batch
    shown = None if options.shown_log is None else ShownLog.open(options.shown_log)
    table = RouteTable(service, meters, options.largest_body, shown)

    @asynccontextmanager
    async def life(_: object) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.close()
            log.flush()
            if shown is not None:
                shown.close()

    server_routes.add_routes(
        table,
        service,
        meters,
        guards.draining,
        lambda: to_json(document(table, keyed=guards.keys is not None)),
        options.picture_hosts,
    )
    router = Router(table.routes, redirect_slashes=False, lifespan=life)

    async def by_pattern(scope: Any, receive: Receive, send: Send) -> None:
        scope["app"] = router  # so that the router raises what is not found instead of answering in its own words
        try:
            await router(scope, receive, send)
        except HTTPException as error:
            if error.status_code == 405:
                allow = ((b"allow", table.allowed(scope["path"]).encode()),)
                raise Refusal(405, "method", "this path does not take this method; see the header Allow", allow) from None
            raise Refusal(404, "not-found", "there is nothing at this path; see /docs") from None

    return Gate(by_pattern, table.exact, guards, meters, log)
