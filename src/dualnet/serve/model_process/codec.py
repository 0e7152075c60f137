"""Arguments, replies and errors as JSON and back, for the two processes of a server."""

from __future__ import annotations

import traceback
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...errors import ArtifactError, CapabilityError, DataError, DualNetError, ResourceError, UnknownIdError, UsageError
from ...retrieval.questions import (
    Asker,
    EncodeItemQuestion,
    EncodeUserQuestion,
    NewItem,
    Question,
    RecommendQuestion,
    ScoreQuestion,
    SimilarQuestion,
    UsersQuestion,
)
from ..replies import ModelLabel, Picture, Reply
from ..service_errors import BusyError, ClosedError, ConflictError, QuotaError, RefusedModelError

_RECORDS: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (
        Asker, RecommendQuestion, ScoreQuestion, SimilarQuestion, UsersQuestion, EncodeUserQuestion, EncodeItemQuestion,
    )
}  # fmt: skip
_ERRORS: Final[dict[str, type[Exception]]] = {
    kind.__name__: kind
    for kind in (
        BusyError, ClosedError, ConflictError, QuotaError, RefusedModelError, ArtifactError, UnknownIdError, CapabilityError, UsageError,
        DataError, ResourceError, DualNetError,
    )
}  # fmt: skip


class DefectError(Exception):
    """Something broke in the other process.

    Parameters
    ----------
    kind : str
        Name of the exception there; its text stays there, for it may quote a request.
    places : list of str
        Where it arose, ``file:line``.
    """

    def __init__(self, kind: str, places: list[str]) -> None:
        super().__init__(f"{kind} in the process of the model")
        self.kind, self.places = kind, places


def arguments_to_json(given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return each argument of a call as what it is and its JSON; ids and content are JSON as they are."""
    return {name: _argument_to_json(value) for name, value in given.items()}


def arguments_from_json(plain: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Return the arguments of such a dictionary."""
    return {name: _argument_from_json(*argument) for name, argument in plain.items()}


def _argument_to_json(value: Any) -> list[Any]:
    if type(value).__name__ in _RECORDS:
        return question_to_json(value)
    if isinstance(value, list | tuple) and value and isinstance(value[0], NewItem):
        return ["items", _items_to_json(value)]
    if isinstance(value, list | tuple) and value and isinstance(value[0], tuple):
        return ["tuples", value]
    return ["plain", value]


def _argument_from_json(kind: str, value: Any) -> Any:
    if kind in _RECORDS:
        return question_from_json((kind, value))
    if kind == "items":
        return _items_from_json(value)
    return [tuple(entry) for entry in value] if kind == "tuples" else value


def question_to_json(question: Question | Asker) -> list[Any]:
    """Return the kind of a question, or of an asker, and its fields."""
    fields = dict(vars(question))
    if fields.get("new_items"):
        fields["new_items"] = _items_to_json(fields["new_items"])
    return [type(question).__name__, fields]


def question_from_json(plain: Sequence[Any]) -> Any:
    """Return the question, or the asker, of such a pair."""
    kind, fields = plain
    if fields.get("new_items"):
        fields = {**fields, "new_items": _items_from_json(fields["new_items"])}
    return _RECORDS[kind](**fields)


def _items_to_json(items: Sequence[NewItem]) -> list[Any]:
    return [[item.id, item.content] for item in items]


def _items_from_json(plain: Sequence[Any]) -> list[NewItem]:
    return [NewItem(key, content) for key, content in plain]


def result_to_json(found: Any) -> dict[str, Any]:
    """Return what a method of the service returned, under the name of what it is."""
    if isinstance(found, Reply):
        return {"reply": reply_to_json(found)}
    if isinstance(found, Picture):
        return {"picture": [b64encode(found.data).decode("ascii"), found.media_type]}
    return {"value": found}


def result_from_json(plain: Mapping[str, Any]) -> Any:
    """Return what the method returned."""
    if "reply" in plain:
        return reply_from_json(plain["reply"])
    if "picture" in plain:
        data, kind = plain["picture"]
        return Picture(b64decode(data), kind)
    return plain["value"]


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """Return a reply ready for JSON."""
    return {"model": reply.model.to_json(), "body": reply.body, **({"told": reply.told} if reply.told else {})}


def reply_from_json(plain: dict[str, Any]) -> Reply:
    """Return the reply of such a dictionary."""
    return Reply(ModelLabel(**plain["model"]), plain["body"], told=plain.get("told", {}))


def error_to_json(error: BaseException, *, quoting: bool = False) -> list[Any]:
    """Return the nearest kind of an error that the other side knows, and what it says; of a defect only where it arose.

    Parameters
    ----------
    error : BaseException
        What happened.
    quoting : bool
        Give the text of a defect too, which may quote a request.
    """
    text = str(error).encode("utf-8", "backslashreplace").decode()  # half a surrogate pair is no JSON
    for kind in type(error).__mro__:
        if kind.__name__ in _ERRORS:
            return [kind.__name__, text, getattr(error, "retry_after", None)]
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
    return ["", f"{type(error).__name__}: {text}" if quoting else type(error).__name__, places]


def error_from_json(plain: Sequence[Any]) -> Exception:
    """Return the error of such a list."""
    kind, text, more = plain
    if not kind:
        return DefectError(text, more)
    if kind == BusyError.__name__:
        return BusyError(text, more)
    return _ERRORS[kind](text)
