"""Error answers: the status of each kind of error, and one sentence, under 1 kB, without the input at length."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from ...errors import ArtifactError, CapabilityError, DataError, ResourceError, UnknownIdError, UsageError
from ..service_errors import BusyError, ClosedError, ConflictError, QuotaError, RefusedModelError

LONGEST_VALUE = 80
LONGEST_MESSAGE = 500  # bytes; with code, request id and escapes the whole answer stays under 1 kB
_QUOTED = re.compile(r"'((?:[^'\\]|\\.){0,80})((?:[^'\\]|\\.)*)('?)")  # matches at every quote, so that no text is read twice
_PATH = re.compile(r"(^|[\s(])(?:/[^/\s'\"]+)+/([^/\s'\"]+)")  # a path in a text of ours; quoted ids stay as they are
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")

STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
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


class Refusal(Exception):  # noqa: N818  it is an answer, not a defect
    """A request is answered with an error status.

    Parameters
    ----------
    status : int
        HTTP status, 400 to 503.
    code : str
        Stable short name, such as ``unknown-id``.
    message : str
        One sentence for a person.
    headers : tuple of (bytes, bytes)
        Further headers, such as ``retry-after``.
    """

    def __init__(self, status: int, code: str, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers

    def body(self, request_id: str) -> bytes:
        """Return the JSON body."""
        return error_body(self.code, _without_paths(self.message), request_id)


def refusal_of(error: Exception, *, in_path: bool) -> Refusal | None:
    """Return how an error of the service is told, or None if it is a defect.

    Parameters
    ----------
    error : Exception
        From the service.
    in_path : bool
        Whether ids came in the path: what is unknown there is not found.
    """
    for kind, status, code in STATUSES:
        if isinstance(error, kind):
            if kind is UnknownIdError and in_path:
                status = 404
            wait = getattr(error, "retry_after", 1.0)
            return Refusal(status, code, str(error), retry_after(wait) if status == 503 else ())
    return None


def _without_paths(text: str) -> str:
    """Return a text without the folders of this server; the log has them under the request id."""
    return _PATH.sub(lambda found: f"{found[1]}{found[2]}", text)


def retry_after(seconds: float) -> tuple[tuple[bytes, bytes], ...]:
    """Return a ``Retry-After`` header of whole seconds, at least one."""
    return ((b"retry-after", b"%d" % max(1, round(seconds + 0.499))),)


def error_body(code: str, message: str, request_id: str) -> bytes:
    """Return ``{"error": {"code", "message"}, "request_id"}`` as bytes, always under 1 kB."""
    text = short(message)
    body = to_json({"error": {"code": code, "message": text}, "request_id": request_id})
    if len(body) > 1000:  # a text made of quotes doubles when it is escaped
        body = to_json({"error": {"code": code, "message": text[:100]}, "request_id": request_id[:64]})
    return body


def short(text: str) -> str:
    """Return a text with long quoted values cut to 80 characters, without control characters, at most 500 bytes."""
    text = _CONTROL.sub("?", _QUOTED.sub(_cut, text[:20_000]))
    if len(text) * 4 <= LONGEST_MESSAGE:
        return text
    data = text.encode()
    return text if len(data) <= LONGEST_MESSAGE else data[:LONGEST_MESSAGE].decode(errors="ignore") + "…"


def _cut(quoted: re.Match[str]) -> str:
    """Return a quoted value of at most 80 characters; what no quote ends, such as an apostrophe, stays."""
    start, rest, end = quoted.groups()
    return f"'{start}…'" if rest and end else quoted[0]


def schema_refusal(error: ValidationError, where: str) -> Refusal:
    """Return one fault of a schema check as a 422: an unknown field, else the first.

    Parameters
    ----------
    error : ValidationError
        From pydantic; only one fault is told, without the input.
    where : str
        ``body`` or ``query``.
    """
    faults: list[Any] = list(error.errors(include_url=False, include_context=False, include_input=False))
    # a misspelt field explains what is missing, so it comes first
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    parts = [where, *(str(part)[:LONGEST_VALUE] for part in first["loc"])]
    more = error.error_count() - 1
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = f"unknown field '{parts.pop()}'"
        lacking = [
            str(fault["loc"][-1]) for fault in faults if fault["type"] == "missing" and fault["loc"][:-1] == first["loc"][:-1]
        ]
        if lacking:
            text, more = f"{text}; missing: {', '.join(lacking)}", more - len(lacking)
    place = ".".join(parts)
    return Refusal(
        422, "bad-request", f"{place}: {text}" + (f" (and {more} more fault{'s' if more > 1 else ''})" if more else "")
    )
