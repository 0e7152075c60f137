"""JSON as the standard has it: UTF-8, every key once, finite numbers, shallow. What Python's reader lets pass is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from .http_errors import Refusal

DEEPEST = 32


def decode(data: bytes, deepest: int = DEEPEST) -> Any:
    """Return the value of a JSON text.

    One pass of the C reader; the depth is only walked where the text has enough brackets to be too deep at all.

    Parameters
    ----------
    data : bytes
        The whole text.
    deepest : int
        Arrays and objects inside each other.

    Raises
    ------
    Refusal
        400: not UTF-8, not JSON, half a surrogate pair, a key twice, NaN, Infinity, a number that overflows, or too deep.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(f"the body is not UTF-8: byte {error.start}") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _bad(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep(deepest) from None
    except ValueError:  # Python refuses whole numbers of more than 4,300 digits
        raise _bad("a whole number in the body has too many digits") from None
    if _HALF_PAIR.search(data) and _holds_half_pair(value):
        raise _bad("the body has half of a surrogate pair (\\ud800 to \\udfff), which is no character")
    if data.count(b"[") + data.count(b"{") > deepest and _depth_exceeds(value, deepest):
        raise _too_deep(deepest)
    return value


def _bad(message: str) -> Refusal:
    return Refusal(400, "bad-json", message)


def _too_deep(deepest: int) -> Refusal:
    return Refusal(400, "bad-json", f"the body is nested more than {deepest} levels deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _bad(f"the key '{twice[:80]}' occurs twice in one object")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _bad(f"the number {text[:40]} is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _bad(f"{name} is not a JSON number")


def _holds_half_pair(value: Any) -> bool:
    """Return whether a text in the value cannot be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except RecursionError:  # too deep, which is told next
        return False
    return False


def _depth_exceeds(value: Any, deepest: int) -> bool:
    """Return whether containers lie more than `deepest` inside each other; level by level, so never by recursion."""
    layer = [value]
    for _ in range(deepest):
        inner: list[Any] = []
        for holder in layer:
            if isinstance(holder, dict):
                inner.extend(v for v in holder.values() if isinstance(v, dict | list))
            elif isinstance(holder, list):
                inner.extend(v for v in holder if isinstance(v, dict | list))
        if not inner:
            return False
        layer = inner
    return True


_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")  # or a whole one; few bodies have either
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
