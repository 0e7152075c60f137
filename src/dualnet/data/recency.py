"""Recency: how much less an event counts the older it is, by a half-life."""

from __future__ import annotations

import re
from datetime import timedelta
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError, shown
from .dataset import Dataset
from .interactions import Interactions

SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
OLDEST: Final = 100.0  # half-lives: what is older counts as what is so old, so that no weight becomes 0
LEAST: Final = (
    1 / 16
)  # of the lightest pair in training, and of the heaviest in a history: or zeros would be as sure as old likes
_GIVEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def half_life_of(given: Any, what: str = "half_life") -> float | None:
    """Return a half-life in seconds.

    Parameters
    ----------
    given : str, number, timedelta or None
        Such as ``"90d"``, ``"12h"``, ``"1.5y"``; a number is of days. None for none.
    what : str
        Where it came from, for the error text.

    Raises
    ------
    UsageError
        If it is none, or not above 0.
    """
    if given is None:
        return None
    seconds = 0.0
    if isinstance(given, timedelta):
        seconds = given.total_seconds()
    elif isinstance(given, Real) and not isinstance(given, bool):
        seconds = float(given) * SECONDS["d"]
    elif isinstance(given, str) and (found := _GIVEN.fullmatch(given.lower())) is not None:
        seconds = float(found[1]) * SECONDS.get(found[2], 0)
    if not 0 < seconds < 1e12:
        raise UsageError(
            f"{what}={shown(given)} is no time; write a number and a unit, such as 90d, 12h or 1y ({', '.join(SECONDS)})"
        )
    return seconds


def fading(times: NDArray[np.int64], newest: int, half_life: float) -> NDArray[np.float64]:
    """Return what events count by their age: 1 at `newest`, half of it a half-life earlier; more where they are later.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Seconds since 1970.
    newest : int
        From where the age counts.
    half_life : float
        In seconds.
    """
    return np.exp2(np.clip((np.asarray(times, np.float64) - newest) / half_life, -OLDEST, OLDEST))


def faded(data: Dataset, half_life: float) -> tuple[Dataset, int]:
    """Return data whose pairs weigh less the older they are, and the time from which the age counts: that of the newest event.

    Raises
    ------
    UsageError
        If the times of the events are not known.
    """
    pairs = data.interactions
    if pairs.times is None:
        raise UsageError(
            "half_life= needs the time of each event, which the data have not; name its column with time= (--time)"
        )
    newest = int(pairs.times.max(initial=0))
    return data.with_interactions(faded_pairs(pairs, newest, half_life)), newest


def faded_pairs(pairs: Interactions, newest: int, half_life: float) -> Interactions:
    """Return interactions with the weights of `fading`; they have times."""
    assert pairs.times is not None
    matrix = pairs.matrix.copy()
    matrix.data = aged(matrix.data, fading(pairs.times, newest, half_life))
    return Interactions(pairs.users, pairs.items, matrix, pairs.times, pairs.others)


def aged(weights: NDArray[Any], shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the shares that are left of weights; above 0, for a pair without a weight would be none."""
    return np.maximum((weights * shares).astype(np.float32), np.finfo(np.float32).tiny)


def at_least(pairs: Interactions, least: float) -> Interactions:
    """Return interactions of which no pair weighs less than so much."""
    matrix = pairs.matrix.copy()
    matrix.data = np.maximum(matrix.data, np.float32(least))
    return Interactions(pairs.users, pairs.items, matrix, pairs.times, pairs.others)


def relative(weights: NDArray[Any], least: float) -> NDArray[np.float32] | None:
    """Return weights of a history with the largest at 1 and none below the least; None where all are alike, as without weights."""
    if not len(weights) or (weights == weights[0]).all():
        return None
    return np.asarray(np.maximum(weights / weights.max(), least), np.float32)
