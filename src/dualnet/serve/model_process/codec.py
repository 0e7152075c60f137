"""Questions, replies and errors as JSON and back, so that the two processes of a server mean the same."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
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
from ..refusals import BusyError, ClosedError, ConflictError, QuotaError, RefusedModelError
from ..replies import ModelLabel, Reply

_QUESTIONS: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (RecommendQuestion, ScoreQuestion, SimilarQuestion, UsersQuestion, EncodeUserQuestion, EncodeItemQuestion)
}
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


def asker_to_json(asker: Any) -> dict[str, Any]:
    """Return the fields of an asker, or of a question, ready for JSON."""
    fields = dict(vars(asker))
    if fields.get("new_items"):
        fields["new_items"] = items_to_json(fields["new_items"])
    return fields


def asker_from_json(fields: dict[str, Any]) -> Asker:
    """Return the asker of such fields."""
    return Asker(**_with_items(fields))


def question_to_json(question: Question) -> list[Any]:
    """Return the kind of a question and its fields."""
    return [type(question).__name__, asker_to_json(question)]


def question_from_json(plain: Sequence[Any]) -> Question:
    """Return the question of such a pair."""
    kind, fields = plain
    found: Question = _QUESTIONS[kind](**_with_items(fields))
    return found


def items_to_json(items: Sequence[NewItem]) -> list[Any]:
    """Return new items as pairs of id and content."""
    return [[item.id, item.content] for item in items]


def items_from_json(plain: Sequence[Any]) -> list[NewItem]:
    """Return the new items of such pairs."""
    return [NewItem(key, content) for key, content in plain]


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """Return a reply ready for JSON."""
    return {"model": reply.model.to_json(), "body": reply.body}


def reply_from_json(plain: dict[str, Any]) -> Reply:
    """Return the reply of such a dictionary."""
    return Reply(ModelLabel(**plain["model"]), plain["body"])


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


def _with_items(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("new_items"):
        return {**fields, "new_items": items_from_json(fields["new_items"])}
    return fields
