"""Learning-rate schedules as plain functions of the share of the run that is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Schedule = Literal["constant", "one-cycle", "cosine", "linear", "warm-up"]

WARM_UP = 0.3  # share of a one-cycle run in which the rate rises
SHORT_WARM_UP = 0.1  # share of an update: a fresh optimiser knows no gradient scale in its first steps


def constant(done: float) -> float:
    """Return 1 throughout."""
    return 1.0


def one_cycle(done: float) -> float:
    """Rise from 1/25 to 1 over the first 30 % of the run, then fall along a cosine to near 0 (Smith 2018)."""
    if done < WARM_UP:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * done / WARM_UP))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def cosine(done: float) -> float:
    """Fall from 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * done))


def linear(done: float) -> float:
    """Fall from 1 to 0 in a straight line."""
    return 1.0 - done


def warm_up(done: float) -> float:
    """Rise from near 0 to 1 over the first 10 % of the run, then fall along a cosine: for weights that are trained already."""
    if done < SHORT_WARM_UP:
        return 0.02 + 0.98 * done / SHORT_WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - SHORT_WARM_UP) / (1 - SHORT_WARM_UP)))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "one-cycle": one_cycle,
    "cosine": cosine,
    "linear": linear,
    "warm-up": warm_up,
}
