"""Weights of the types of events, such as ``view=1,save=2,buy=4``: above 0 a like of that weight, 0 seen, below 0 a dislike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, nearest, shown
from .values import UnfitError, label_of, number_text

LIKE, SEEN, DISLIKE = 0, 1, 2
EVENT_TYPES: dict[str, int] = {"like": LIKE, "seen": SEEN, "dislike": DISLIKE}
Given: TypeAlias = Mapping[str, float] | Sequence[str] | str | None
STANDARD: dict[str, float] = {"like": 1.0, "seen": 0.0, "dislike": -1.0}  # known with or without a table
TAKES_BACK = "none"  # over HTTP: no type, but what takes one back
MOST_TYPES = 100
EXAMPLE = "view=1,save=2,buy=4"
LARGEST = 1e6


def event_weights_of(given: Given, what: str = "event_weights") -> dict[str, float]:
    """Return the weight of each type of event, as it was given in Python, on the command line or in a file.

    Parameters
    ----------
    given : mapping, or text such as ``"view=1,buy=4"``, or its parts
        None and the empty text are no weights.
    what : str
        Where it came from, for error texts.

    Raises
    ------
    UsageError
        For a name that cannot be one, a weight that is no number, or weights of which none is above 0.
    """
    if given is None or (isinstance(given, str | Sequence | Mapping) and not len(given)):
        return {}
    pairs = list(given.items()) if isinstance(given, Mapping) else [_pair(part, what) for part in _parts(given, what)]
    found: dict[str, float] = {}
    for name, weight in pairs:
        if not isinstance(name, str) or not (word := _word(name)) or any(sign in word for sign in ",=\n"):
            raise UsageError(f"{what}: {shown(name)} is no type of event; a type is a word without commas and equals signs")
        if word == TAKES_BACK:
            raise UsageError(f"{what}: '{TAKES_BACK}' takes an event back and has no weight; give the type another name")
        if word in found:
            raise UsageError(f"{what}: the type '{word}' has two weights; give it one")
        if isinstance(weight, bool) or not isinstance(weight, Real) or not abs(float(weight)) <= LARGEST:
            raise UsageError(
                f"{what}: the weight of '{word}' is {shown(weight)}; it must be a number: above 0 for what was liked, 0 for seen,"
                " below 0 for a dislike"
            )
        found[word] = float(weight)
    if len(found) > MOST_TYPES:
        raise UsageError(f"{what} has {len(found):,} types of events, and {MOST_TYPES} are the most; group them")
    if not any(weight > 0 for weight in found.values()):
        raise UsageError(f"{what} has no type with a weight above 0, so nothing would be liked; give one, such as {EXAMPLE}")
    return found


def code_of(weight: float) -> int:
    """Return what an event of a weight is: `LIKE`, `SEEN` or `DISLIKE`."""
    return LIKE if weight > 0 else DISLIKE if weight < 0 else SEEN


def as_text(weights: Mapping[str, float]) -> str:
    """Return weights as the command line has them, such as ``view=1,buy=4``."""
    return ",".join(f"{name}={number_text(weight)}" for name, weight in weights.items())


def weights_by_type(
    values: Sequence[Any], weights: Mapping[str, float], column: str, place: Callable[[int], str]
) -> NDArray[np.float64]:
    """Return the weight of each event by its type, shape (n_events,).

    Parameters
    ----------
    values : sequence
        Of the column of types: text, or numbers.
    weights : mapping
        From `event_weights_of`; ``like``, ``seen`` and ``dislike`` are known beside it.
    column : str
        For the text of the error.
    place : callable
        Says where a row stands.

    Raises
    ------
    DataError
        For a type without a weight: it is not guessed at.
    """
    known, seen = {**STANDARD, **weights}, dict[Any, float]()
    found = np.empty(len(values))
    for row, value in enumerate(values):
        key = (type(value), value) if isinstance(value, str | int | float) else None
        if key is None or key not in seen:
            word = _word(value)
            if word not in known:
                raise DataError(
                    f"{place(row)}: {shown(value)} in column '{column}' has no weight; add it to event_weights=,"
                    f" with 0 if such an item was only seen.{nearest(word, known) if word else ''}"
                )
            weight = known[word]
            if key is not None:
                seen[key] = weight
        else:
            weight = seen[key]
        found[row] = weight
    return found


def codes_of_weights(weights: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return what events of some weights are (`code_of`)."""
    return np.where(weights > 0, LIKE, np.where(weights < 0, DISLIKE, SEEN)).astype(np.uint8)


def _parts(given: Any, what: str) -> list[Any]:
    if isinstance(given, str):
        return [part for part in given.split(",") if part.strip()]
    if not isinstance(given, Sequence) or isinstance(given, bytes):
        raise UsageError(
            f"{what} must be a table of types and their weights, such as {{'view': 1, 'buy': 4}}, got {shown(given)}"
        )
    return list(given)


def _pair(part: Any, what: str) -> tuple[str, float]:
    name, sign, weight = part.rpartition("=") if isinstance(part, str) else ("", "", "")
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not sign or math.isnan(number):
        raise UsageError(f"{what} wants TYPE=WEIGHT,TYPE=WEIGHT, such as {EXAMPLE}; got {shown(part)}")
    return name.strip(), number


def _word(value: Any) -> str:
    """Return what a type is called, the same in every type of table: 1, 1.0 and "1" are one word."""
    try:
        return label_of(value) or ""
    except UnfitError:
        return str(value)
