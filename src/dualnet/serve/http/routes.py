"""All routes of a server, found by exact path or by pattern."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Match, Route

from ...errors import UnknownIdError
from . import operations
from .gate import App
from .http_errors import Refusal, refusal_of
from .id_types import AskedWholeId, NewItemTextId, NewTextId, TextId
from .json_route import JsonRoute, for_ids
from .listing_schemas import ItemId, NewItemId, NewUserId, UserId
from .meters import Meters
from .operations import Operation

if TYPE_CHECKING:
    from ...runs.shown_log import ShownLog
    from ..variants import AnyService


class RouteTable:
    """The routes of a server: those of its operations, and those that are added.

    Parameters
    ----------
    service : Service or RemoteService
        Answers.
    meters : Meters
        Count what is answered, and unknown ids.
    largest : int
        Bytes of a body.
    shown : ShownLog, optional
        Takes down what is shown and taken.
    """

    def __init__(self, service: AnyService, meters: Meters, largest: int, shown: ShownLog | None = None) -> None:
        self._meters, self._largest, self._shown = meters, largest, shown
        # a served model has one kind of ids; a later version with another kind is refused by the service
        self.whole = {"item": service.whole_items, "user": service.whole_users}
        self.kinds: Mapping[Any, Any] = {
            ItemId: AskedWholeId if self.whole["item"] else TextId,
            NewItemId: AskedWholeId if self.whole["item"] else NewItemTextId,
            UserId: AskedWholeId if self.whole["user"] else TextId,
            NewUserId: AskedWholeId if self.whole["user"] else NewTextId,
        }
        self.routes: list[BaseRoute] = []
        self.exact: dict[tuple[str, str], App] = {}
        for operation in operations.OPERATIONS:
            self.add(operation, partial(service.call, operation.service))

    def add(self, operation: Operation, call: Callable[..., Awaitable[Any]]) -> None:
        """Add the route of an operation.

        Parameters
        ----------
        operation : Operation
            The row.
        call : coroutine function
            Answers; takes the arguments by name.
        """
        route = JsonRoute(
            operation,
            call,
            meters=self._meters,
            body=None if operation.body is None else for_ids(operation.body, self.kinds),
            whole=self.whole,
            largest=self._largest,
            failure=self.refusal,
            shown=self._shown,
        )
        self.add_route(route, operation.method)

    def add_route(self, route: Route, method: str) -> None:
        """Add a ready route; one without a parameter in its path is found at once."""
        # a pattern that ends in $ also takes a line feed behind it
        route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$").removesuffix(r"\Z") + r"\Z")
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
        """Return how an error of the service is told, and count it where it names an unknown id; see `refusal_of`."""
        if isinstance(error, UnknownIdError):
            self._meters.unknown_id()
        return refusal_of(error, in_path=in_path)
