"""The outermost layer: request id, Host, key, rate; then the route; every answer is counted, logged and, if need be, mended."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from .access_log import AccessLog
from .body import ClientGoneError, Receive
from .hosts import HostCheck
from .http_errors import Refusal, retry_after
from .keys import ApiKeys, is_bearer, may
from .meters import Meters
from .operations import role_for
from .rate_limit import RateLimit
from .sending import JSON_HEADERS, Send, send_bytes

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/", "/operate", "/livez", "/readyz", "/docs", "/docs.css", "/openapi.json", "/favicon.ico"})
OPEN_FOLDER = "/web/"
CLIENT_GONE = 499
WRONG_KEYS = 20.0  # a second that are told so
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PREFIX = secrets.token_hex(5)
_COUNT = itertools.count(1)
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})


@dataclass
class Draining:
    """Whether the server is about to stop: answers then say ``Connection: close``, and it is no longer ready."""

    now: bool = False


@dataclass
class Guards:
    """Settings of the checks before the routes.

    Parameters
    ----------
    hosts : HostCheck, optional
        Which Host headers are taken; any without it.
    keys : ApiKeys, optional
        Who may ask; anyone without it.
    rate : RateLimit, optional
        How often each key may ask.
    draining : Draining
        Shared with the server that stops.
    """

    hosts: HostCheck | None = None
    keys: ApiKeys | None = None
    rate: RateLimit | None = None
    draining: Draining = field(default_factory=Draining)


class Gate:
    """The ASGI application that the server runs.

    Plain ASGI, one function deep: a class of middleware for each guard would cost more than the guards.

    Parameters
    ----------
    app : ASGI application
        Routes by pattern, pages, lifespan.
    exact : mapping of (method, path) to ASGI application
        Routes without a parameter in the path, found at once.
    guards, meters, log
        See there.
    """

    def __init__(self, app: App, exact: Mapping[tuple[str, str], App], guards: Guards, meters: Meters, log: AccessLog) -> None:
        self._app, self._exact, self._guards, self._meters, self._log = app, exact, guards, meters, log
        self._strangers = RateLimit(WRONG_KEYS)  # of all together: a right key is never held up by it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        host = authorization = given_id = None
        twice = False
        for name, value in scope["headers"]:
            if name == b"host":
                twice |= host is not None
                host = value
            elif name == b"authorization":
                twice |= authorization is not None
                authorization = value
            elif name == b"x-request-id":
                given_id = value
        scope["request_id"] = name_of_request = request_id(given_id)
        own_headers = [(b"x-request-id", name_of_request.encode())]
        status = 0
        holder: str | None = None
        draining = self._guards.draining

        async def marked(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *own_headers]
                if draining.now:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            if twice:  # a proxy before us may believe the other one
                raise Refusal(400, "bad-http", "the header Host or Authorization comes twice; send each once")
            holder = scope["holder"] = self._admit(scope, host, authorization)
            await self._exact.get((scope["method"], scope["path"]), self._app)(scope, receive, marked)
        except Refusal as refusal:
            if status == 0:
                headers = (*JSON_HEADERS, *refusal.headers)
                await send_bytes(marked, refusal.status, refusal.body(name_of_request), headers)
        except ClientGoneError:
            status = CLIENT_GONE
        except Exception as error:
            self._log.failed(name_of_request, _template(scope), error)
            if status == 0:
                defect = Refusal(500, "internal", "this should not have happened; the log has more under the request id")
                await send_bytes(marked, 500, defect.body(name_of_request))
            else:
                raise
        finally:
            seconds = perf_counter() - started
            route = _template(scope)
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            self._meters.answered(route, method, status, seconds)
            client = scope["client"][0] if scope.get("client") else ""
            self._log.answered(name_of_request, client, method, route, status, seconds, holder)

    def _admit(self, scope: Scope, host: bytes | None, authorization: bytes | None) -> str | None:
        """Check Host, key and rate; return the name of the key."""
        guards = self._guards
        if guards.hosts is not None and not guards.hosts.passes(host):
            raise Refusal(400, "bad-host", "this server takes requests for its own address only; check the Host header")
        if guards.keys is None:
            return None
        path = scope["path"]
        if path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return None
        key = guards.keys.holder(authorization)
        if key is None:
            wait = self._strangers.wait("") if is_bearer(authorization) else 0.0
            if wait > 0:
                raise Refusal(429, "too-many-requests", "too many wrong keys are sent; wait", retry_after(wait))
            raise Refusal(
                401,
                "no-key",
                "this needs a valid key in the header Authorization: Bearer KEY",
                ((b"www-authenticate", b"Bearer"),),
            )
        needed = role_for(scope["method"], path)
        if not may(key.role, needed):
            if needed == "admin":
                raise Refusal(403, "not-admin", "this needs an admin key")
            raise Refusal(
                403, "read-only", "this changes something or tells of users, and the key may only ask; it needs a write key"
            )
        if guards.rate is not None:
            wait = guards.rate.wait(key.name)
            if wait > 0:
                raise Refusal(429, "too-many-requests", "this key asks more often than it may", retry_after(wait))
        return key.name


def _template(scope: Scope) -> str:
    """Return the path's pattern: the path itself may hold an id."""
    return getattr(scope.get("route"), "path_format", "unmatched")


def request_id(header: bytes | None = None) -> str:
    """Return the id of a request, the caller's if it is sane: at most 64 letters, digits, dots, dashes and underscores.

    Parameters
    ----------
    header : bytes, optional
        What the caller sent as ``X-Request-Id``; anything else than a plain short word is replaced.
    """
    if header is not None and _SANE_ID.fullmatch(header):
        return header.decode("ascii")
    return f"{_PREFIX}-{next(_COUNT):x}"
