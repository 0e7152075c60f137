"""Learning-rate schedules as plain functions of the share of the run that is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Schedule = Literal["constant", "one-cycle", "cosine", "linear"]

WARM_UP = 0.3  # share of a one-cycle run in which the rate rises


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


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "one-cycle": one_cycle,
    "cosine": cosine,
    "linear": linear,
}
