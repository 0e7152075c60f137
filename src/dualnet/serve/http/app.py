"""The HTTP application: guards, routes, documentation and the life of the service, as one ASGI application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from ... import __version__
from . import routes_items, routes_model, routes_recommend, routes_server, routes_users
from .access_log import AccessLog
from .answer import Send
from .body import LARGEST, Receive
from .gate import Gate, Guards
from .http_errors import Refusal
from .meters import Meters
from .route_table import RouteTable

if TYPE_CHECKING:
    from ..model_process.remote import AnyService

DESCRIPTION = (
    "Recommend anything to anyone, the first time you see either. All bodies are strict JSON; ids keep their kind; every"
    " error says in one sentence what to do."
)


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
    """

    largest_body: int = LARGEST
    quiet: bool = False
    log: TextIO | None = None


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
    service.on_batch = meters.batch
    table = RouteTable(service, meters, options.largest_body)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.close()
            log.flush()

    web = FastAPI(lifespan=life, redirect_slashes=False, openapi_url=None, docs_url=None, redoc_url=None)

    def document() -> bytes:
        return to_json(_document(table, keyed=guards.keys is not None))

    routes_recommend.add_routes(table)
    routes_items.add_routes(table)
    routes_users.add_routes(table)
    routes_model.add_routes(table)
    routes_server.add_routes(table, guards.draining, document)
    web.router.routes.extend(table.routes)

    async def by_pattern(scope: Any, receive: Receive, send: Send) -> None:
        scope["app"] = web  # so that the router raises what is not found instead of answering in its own words
        try:
            await web.router(scope, receive, send)
        except HTTPException as error:
            if error.status_code == 405:
                allow = ((b"allow", table.allowed(scope["path"]).encode()),)
                raise Refusal(405, "method", "this path does not take this method; see the header Allow", allow) from None
            raise Refusal(404, "not-found", "there is nothing at this path; see /docs") from None

    return Gate(by_pattern, table.exact, guards, meters, log)


def _document(table: RouteTable, *, keyed: bool) -> dict[str, Any]:
    """Return the OpenAPI document."""
    made = get_openapi(title="dualnet", version=__version__, description=DESCRIPTION, routes=table.routes)
    # schemas made for one kind of ids carry that kind in their names; a server has one kind, so the plain name does
    text = json.dumps(made)
    for name in made["components"]["schemas"]:
        text = text.replace(f'"{name}":', f'"{name.split("_")[0]}":').replace(f'/{name}"', f'/{name.split("_")[0]}"')
    made = json.loads(text)
    if keyed:
        made.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"key": []}]
    return made
