"""How deep the values of a table are nested: a list that holds itself must never reach Arrow, which would follow it for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

FOR_ARROW = 32  # levels of lists and objects; Arrow writes no file with more than 64
FOR_JSON = 200
ENDLESS = {"nested without end": True}  # stands for a value that holds itself; no kind of content takes an object like it

_FLAT = (str, bytes, bytearray, memoryview)


def is_deep(values: Iterable[Any], most: int = FOR_ARROW) -> bool:
    """Return whether lists and objects of some values are nested more than `most` deep, as one that holds itself is.

    Parameters
    ----------
    values : iterable
        Values of a column.
    most : int
        Levels that are taken.
    """
    for _ in range(most + 1):
        nested = _containers(values)
        if not nested:
            return False
        values = (part for value in nested for part in (value.values() if isinstance(value, Mapping) else value))
    return True


def _containers(values: Iterable[Any]) -> list[Any]:
    """Return what among some values holds others, each object once."""
    values = values if isinstance(values, list | tuple) else list(values)
    kinds = {kind for kind in set(map(type, values)) if issubclass(kind, Collection) and not issubclass(kind, _FLAT)}
    if not kinds:
        return []
    found = {id(value): value for value in values if type(value) in kinds and _holds_objects(value)}
    return list(found.values())


def _holds_objects(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return (not isinstance(dtype, np.dtype) or dtype.kind == "O") and getattr(value, "ndim", 1) > 0


def json_of(value: Any, default: Callable[[Any], Any]) -> str:
    """Return a value as JSON; one without end as `ENDLESS`, and an object whose names are no text as its text."""
    if is_deep([value], FOR_JSON):
        return json.dumps(ENDLESS)
    try:
        return json.dumps(value, default=default, ensure_ascii=False)
    except (TypeError, ValueError):
        return json.dumps(str(value), ensure_ascii=False)
