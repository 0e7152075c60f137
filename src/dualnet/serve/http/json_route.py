"""A route that reads strict JSON and answers bytes: FastAPI writes its documentation, and is not in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from . import body
from .answer import RAW_HEADERS, Send, send_bytes
from .body import Receive
from .http_errors import Refusal, schema_refusal
from .id_types import with_text_ids
from .strict_json import decode

Scope = Any
Endpoint = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Reply:
    """An answer with another status than 200.

    Parameters
    ----------
    status : int
        HTTP status.
    content : dict
        JSON-ready.
    """

    status: int
    content: dict[str, Any]


@dataclass(frozen=True)
class RawReply:
    """An answer that is not JSON.

    Parameters
    ----------
    data : bytes
        All of it.
    media_type : str
        Such as ``image/png``.
    """

    data: bytes
    media_type: str


@dataclass(frozen=True)
class Reading:
    """How a route reads its request.

    Parameters
    ----------
    body, query : type of BaseModel, optional
        Schemas; a route without one takes none.
    path : mapping of str to callable
        From the text of each path parameter to its value.
    largest : int
        Bytes of a body.
    failure : callable
        Turns an exception of the service into a `Refusal`, or returns None for a defect.
    whole : bool
        Whether ids are whole numbers, some of which JavaScript cannot hold.
    keyed : bool
        Whether the endpoint takes ``by``, the name of the key that asks; "" without keys.
    """

    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path: Mapping[str, Callable[[str], Any]]
    largest: int
    failure: Callable[[Exception, bool], Refusal | None]
    whole: bool = False
    keyed: bool = False


class JsonRoute(APIRoute):
    """FastAPI's route with its own way through: read, decode, check, call, send.

    FastAPI sees path, schemas and statuses, and makes the OpenAPI document of them. A request does not pass its solving of
    dependencies and its serialisation, which together cost more than a small answer itself.

    Parameters
    ----------
    path : str
        Pattern.
    endpoint : callable
        Takes ``body``, ``query`` and path parameters by name, as far as the route has them; returns a dictionary or a `Reply`.
    reading : Reading
        How the request is read.
    **documented
        What FastAPI documents.
    """

    def __init__(self, path: str, endpoint: Endpoint, *, reading: Reading, **documented: Any) -> None:
        super().__init__(path, endpoint, **documented)
        self._reading = reading
        self._call = endpoint
        self.app = self.respond

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as an ASGI application."""
        scope["route"] = self
        reading = self._reading
        arguments: dict[str, Any] = {}
        for name, convert in reading.path.items():
            arguments[name] = convert(scope["path_params"][name])
        if reading.query is not None:
            arguments["query"] = _query(scope["query_string"], reading.query)
        if reading.body is not None:
            body.check_headers(scope["headers"], reading.largest)
            value = decode(await body.read(receive, reading.largest))
            try:
                arguments["body"] = reading.body.__pydantic_validator__.validate_python(value)
            except ValidationError as error:
                raise schema_refusal(error, "body") from None
        if reading.keyed:
            arguments["by"] = scope.get("holder") or ""
        try:
            answer = await self._call(**arguments)
        except Refusal:
            raise
        except Exception as error:
            refusal = reading.failure(error, bool(reading.path))
            if refusal is None:
                raise
            raise refusal from None
        status = 200
        if isinstance(answer, RawReply):
            kind = (b"content-type", answer.media_type.encode())
            await send_bytes(send, 200, answer.data, (kind, *RAW_HEADERS))
            return
        if isinstance(answer, Reply):
            status, answer = answer.status, answer.content
        if reading.whole:
            answer = with_text_ids(answer, b"ids=text" in scope["query_string"].split(b"&"))
        answer["request_id"] = scope["request_id"]
        await send_bytes(send, status, to_json(answer, inf_nan_mode="null"))


def _query(text: bytes, schema: type[BaseModel]) -> BaseModel:
    """Return a checked query; a name twice is refused."""
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise Refusal(422, "bad-request", "the query is not readable: name=value pairs in UTF-8, at most 20") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Refusal(422, "bad-request", "a name occurs twice in the query")
    try:
        return schema.model_validate_strings(values)
    except ValidationError as error:
        raise schema_refusal(error, "query") from None
