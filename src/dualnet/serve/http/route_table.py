"""All routes of a server: added one by one with their schemas and statuses, found by exact path or by pattern."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Body, Path, Query
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match

from ...errors import ArtifactError, CapabilityError, DataError, ResourceError, UnknownIdError, UsageError
from ..refusals import BusyError, ClosedError, ConflictError, QuotaError, RefusedModelError
from .answer_schemas import ErrorAnswer
from .gate import App
from .http_errors import Refusal, retry_after
from .id_types import AskedWholeId, NewItemTextId, NewTextId, TextId, path_id, path_schema
from .json_route import Endpoint, JsonRoute, Reading
from .meters import Meters

if TYPE_CHECKING:
    from ..model_process.remote import AnyService

MEANINGS = {
    400: "Not JSON, or not readable at all.",
    401: "No valid key.",
    403: "The key may not do this.",
    404: "The id in the path is not known.",
    408: "The request took too long to arrive.",
    409: "What is there forbids it.",
    413: "The body is too large, or the key has added as much as it may.",
    415: "The body is not announced as JSON, or is compressed.",
    422: "The body or the id does not fit the schema, names something unknown, or asks what the model cannot do.",
    429: "The key asks more often than it may.",
    503: "Too busy or not ready; see Retry-After.",
}
ALWAYS = (400, 401, 408, 429, 503)
WITH_BODY = (413, 415, 422)


class RouteTable:
    """Where routes are added and found.

    Parameters
    ----------
    service : Service or RemoteService
        Answers.
    meters : Meters
        Count unknown ids and quadrants.
    largest : int
        Bytes of a body.
    """

    def __init__(self, service: AnyService, meters: Meters, largest: int) -> None:
        self.service, self.meters = service, meters
        self._largest = largest
        # a served model has one kind of ids; a later version with another kind is refused by the service
        self.whole_users, self.whole_items = service.whole_users, service.whole_items
        self.item: Any = AskedWholeId if self.whole_items else TextId
        self.new_item: Any = AskedWholeId if self.whole_items else NewItemTextId
        self.user: Any = AskedWholeId if self.whole_users else TextId
        self.new_user: Any = AskedWholeId if self.whole_users else NewTextId
        self.routes: list[BaseRoute] = []
        self.exact: dict[tuple[str, str], App] = {}

    def add(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        *,
        answer: Any,
        tag: str,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        statuses: Sequence[int] = (),
        example: Mapping[str, Any] | None = None,
        also: Mapping[int, Any] | None = None,
        raw: Sequence[str] = (),
        keyed: bool = False,
    ) -> None:
        """Add a route that speaks JSON.

        Parameters
        ----------
        method, path : str
            In the pattern, ``{item:id}`` and ``{user:id}`` are ids.
        endpoint : coroutine function
            Takes ``body``, ``query``, ``item``, ``user`` as far as they are there.
        answer : type of BaseModel
            Documents the answer.
        tag : str
            Theme in the documentation.
        body, query : type of BaseModel, optional
            Schemas.
        statuses : sequence of int
            Further error statuses than every route has.
        example : mapping, optional
            A body for the documentation.
        also : mapping of int to type of BaseModel, optional
            Further statuses of success.
        raw : sequence of str, optional
            Media types of an answer that is not JSON.
        keyed : bool
            Whether the endpoint takes ``by``, the name of the key that asks.
        """
        named = {
            name: whole for name, whole in (("item", self.whole_items), ("user", self.whole_users)) if f"{{{name}:" in path
        }
        kinds = {name: path_schema(whole) for name, whole in named.items()}
        parameters: list[tuple[str, Any]] = [
            (name, Annotated[kinds[name], Path(description=f"Id of the {name}.")]) for name in named
        ]
        if query is not None:
            parameters.append(("query", Annotated[query, Query()]))
        if body is not None:
            shown = None if example is None else {"example": {"value": dict(example)}}
            parameters.append(("body", Annotated[body, Body(openapi_examples=shown)]))  # type: ignore[arg-type]
        endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in parameters]
        )
        errors = {*ALWAYS, *statuses, *(WITH_BODY if body else ()), *((404, 422) if named else ()), *((422,) if query else ())}
        responses: dict[int | str, dict[str, Any]] = {
            status: {"model": ErrorAnswer, "description": MEANINGS[status]} for status in sorted(errors)
        }
        if raw:
            responses[200] = {"description": "Done.", "content": {kind: {} for kind in raw}}
        responses |= {status: {"model": model, "description": "Done."} for status, model in (also or {}).items()}
        route = JsonRoute(
            path,
            endpoint,
            reading=Reading(
                body,
                query,
                {name: partial(path_id, whole=whole) for name, whole in named.items()},
                self._largest,
                self.refusal,
                whole=self.whole_items or self.whole_users,
                keyed=keyed,
            ),
            methods=[method],
            response_model=answer,
            response_class=Response if raw else JSONResponse,
            responses=responses,
            tags=[tag],
            operation_id=endpoint.__name__,
            response_description="Done.",
        )
        self.add_route(route, method)

    def add_route(self, route: JsonRoute | Any, method: str) -> None:
        """Add a ready route; one without a parameter in its path is found at once."""
        # a pattern that ends in $ also takes a line feed behind it: /v1/model:reload%0A would pass where only its key counts
        route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
        self.routes.append(route)
        if "{" not in route.path:
            self.exact[method, route.path] = route.app

    def allowed(self, path: str) -> str:
        """Return the methods that a path takes, for the ``Allow`` header."""
        methods: set[str] = set()
        for route in self.routes:
            if route.matches({"type": "http", "path": path, "method": "", "root_path": ""})[0] is not Match.NONE:
                methods |= getattr(route, "methods", None) or set()
        return ", ".join(sorted(methods))

    def refusal(self, error: Exception, in_path: bool) -> Refusal | None:
        """Return how an error of the service is told, or None if it is a defect.

        Parameters
        ----------
        error : Exception
            From the service.
        in_path : bool
            Whether ids came in the path: what is unknown there is not found.
        """
        if isinstance(error, UnknownIdError):
            self.meters.unknown_id()
        for kind, status, code in _STATUSES:
            if isinstance(error, kind):
                if kind is UnknownIdError and in_path:
                    status = 404
                wait = getattr(error, "retry_after", 1.0)
                return Refusal(status, code, str(error), retry_after(wait) if status == 503 else ())
        return None


def of(generic: Any, *ids: Any) -> Any:
    """Return a schema for this server's kind of ids."""
    return generic[ids if len(ids) > 1 else ids[0]]


_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (BusyError, 503, "busy"),
    (ClosedError, 503, "not-ready"),
    (ConflictError, 409, "conflict"),
    (QuotaError, 413, "quota"),
    (RefusedModelError, 409, "model-refused"),
    (ArtifactError, 409, "model-refused"),
    (UnknownIdError, 422, "unknown-id"),
    (CapabilityError, 422, "not-possible"),
    (UsageError, 422, "bad-request"),
    (DataError, 422, "bad-request"),
    (ResourceError, 503, "unavailable"),
)
