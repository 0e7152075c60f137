"""A route of one operation: it reads strict JSON, asks the service, and answers bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.routing import Route

from ...retrieval.questions import RecommendQuestion
from ...runs.shown_log import ShownLog
from ..replies import Picture, Reply
from . import body
from .body import Receive
from .http_errors import Refusal, schema_refusal
from .id_types import path_id, with_text_ids
from .listing_schemas import Request
from .meters import Meters
from .operations import Operation
from .request_schemas import Query, RecommendManyRequest, RecommendRequest
from .sending import RAW_HEADERS, Send, send_bytes
from .strict_json import decode

Scope = Any
Failure = Callable[[Exception, bool], Refusal | None]  # from an exception of the service; None for a defect


class JsonRoute(Route):
    """The route of an operation: read, decode, check, call, count, send.

    Parameters
    ----------
    operation : Operation
        What is asked for.
    call : coroutine function
        Takes the arguments by name; returns a `Reply`, a `Picture` or a dictionary.
    meters : Meters
        Count what is answered.
    body : type of Request, optional
        Schema of the body, for the kind of ids of this server.
    whole : mapping of str to bool
        Whether ids of ``item`` and ``user`` are whole numbers, some of which JavaScript cannot hold.
    largest : int
        Bytes of a body.
    failure : callable
        Turns an exception of the service into a `Refusal`.
    shown : ShownLog, optional
        Takes down what is shown and taken.
    """

    def __init__(
        self,
        operation: Operation,
        call: Callable[..., Awaitable[Any]],
        *,
        meters: Meters,
        body: type[Request] | None,
        whole: Mapping[str, bool],
        largest: int,
        failure: Failure,
        shown: ShownLog | None = None,
    ) -> None:
        super().__init__(operation.path, call, methods=[operation.method])
        self.methods = {operation.method}  # HEAD is none of them
        self.path_regex = operation.pattern
        self.app = self.respond
        self.operation, self.body = operation, body
        self._call, self._meters, self._largest, self._failure = call, meters, largest, failure
        self._id, self._whole, self._shown = operation.id_in_path, whole, shown

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as an ASGI application."""
        scope["route"] = self
        operation = self.operation
        arguments, sent = await self._arguments(scope, receive)
        try:
            found = await self._call(**arguments)
        except Refusal:
            raise
        except Exception as error:
            refusal = self._failure(error, bool(self._id))
            if refusal is None:
                raise
            raise refusal from None
        if operation.raw:
            await _send_picture(send, found, operation.raw)
            return
        answer = _answer_of(found)
        status = 201 if operation.created and answer["state"] == operation.created else 200
        answer["request_id"] = scope["request_id"]
        if "lists" in answer:  # each can be named in an event
            answer["lists"] = [{**found, "request_id": f"{scope['request_id']}.{n}"} for n, found in enumerate(answer["lists"])]
        if operation.meter is not None:
            operation.meter(self._meters, answer)
        if operation.records:
            self._record(sent, answer, found.told)
        if any(self._whole.values()):
            answer = with_text_ids(answer, b"ids=text" in scope["query_string"].split(b"&"))
        await send_bytes(send, status, to_json(answer, inf_nan_mode="null"))

    def _record(self, sent: Any, answer: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        """Take down a list that was shown, or what somebody did with an entry; only what was liked was taken."""
        if isinstance(sent, RecommendRequest):
            if self._shown is not None:
                self._shown.shown(answer["request_id"], sent.user, _asked(sent, told), answer)
            return
        if isinstance(sent, RecommendManyRequest):
            if self._shown is not None:
                question, models = _asked(sent, told), told.get("models") or [answer["model"]] * len(sent.users)
                for user, found, model in zip(sent.users, answer["lists"], models, strict=True):
                    self._shown.shown(found["request_id"], user, question, {**found, "model": model})
            return
        for event, means in zip(sent.events, told["means"], strict=True):
            if event.request is not None:
                if means == "like":
                    self._meters.taken(event.request, event.item, event.type)
                if self._shown is not None:
                    self._shown.taken(event.request, event.item, event.type, means)

    async def _arguments(self, scope: Scope, receive: Receive) -> tuple[dict[str, Any], Any]:
        """Return the arguments of the service's method, from path, query, body and the key that asks, and the body as it is checked."""
        arguments: dict[str, Any] = {}
        sent = None
        if self._id:
            arguments["key"] = path_id(scope["path_params"][self._id], self._whole.get(self._id, False))
        if self.operation.query is not None:
            arguments |= _query(scope["query_string"], self.operation.query).arguments()
        if self.body is not None:
            body.check_headers(scope["headers"], self._largest)
            value = decode(await body.read(receive, self._largest))
            try:
                sent = checked = self.body.__pydantic_validator__.validate_python(value)
            except ValidationError as error:
                raise schema_refusal(error, "body") from None
            arguments |= checked.arguments()
            question = arguments.get("question")
            if isinstance(question, RecommendQuestion) and question.explore:
                arguments["question"] = replace(question, draw=scope["request_id"])
        if self.operation.keyed:
            arguments["by"] = scope.get("holder") or ""
        return arguments, sent


def _asked(sent: Request, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question for the log: in place of a preset the rules that it stood for, with those beside it."""
    question = sent.model_dump(by_alias=True, exclude_unset=True)
    if "rules" in told:
        del question["preset"]
        question["rules"] = told["rules"]
    return question


def _answer_of(found: Any) -> dict[str, Any]:
    """Return the body of an answer with the model and the variant that made it: a copy, as the service may keep its own."""
    if not isinstance(found, Reply):
        return dict(found)
    named = {"variant": found.variant} if found.variant else {}
    return {**found.body, "model": found.model.to_json(), **named}


async def _send_picture(send: Send, found: Picture | None, kinds: tuple[str, ...]) -> None:
    if found is None or found.media_type not in kinds:
        raise Refusal(404, "no-picture", "this item has no picture")
    await send_bytes(send, 200, found.data, ((b"content-type", found.media_type.encode()), *RAW_HEADERS))


def _query(text: bytes, schema: type[Query]) -> Query:
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


def for_ids(generic: type[BaseModel], kinds: Mapping[Any, Any]) -> Any:
    """Return a schema for the ids of a server.

    Parameters
    ----------
    generic : type of BaseModel
        With type variables for ids, or without.
    kinds : mapping of type variable to type
        What each is on this server.
    """
    variables = generic.__pydantic_generic_metadata__["parameters"]
    return generic[tuple(kinds[variable] for variable in variables)] if variables else generic  # type: ignore[index]
