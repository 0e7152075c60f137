"""Randomness as a function of (seed, stream, counters), never of what was drawn before."""

from __future__ import annotations

import hashlib
import secrets
from typing import TypeAlias

import numpy as np

from .errors import UsageError

RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None

LARGEST_SEED = 2**63 - 1


def draw_seed(random_state: RandomState) -> int:
    """Return the seed that a `random_state` stands for, as scikit-learn takes it.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        A whole number is the seed itself; of a RandomState or Generator a seed is drawn, another one each time; None draws a
        fresh one from the system.

    Raises
    ------
    UsageError
        For anything else, or a number below 0 or above 2^63 - 1.
    """
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        if not 0 <= random_state <= LARGEST_SEED:
            raise UsageError(f"random_state={random_state!r} must be at least 0 and at most 2^63 - 1")
        return int(random_state)
    if random_state is None:
        return secrets.randbits(31)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    raise UsageError(
        f"random_state={random_state!r} must be a whole number, a numpy RandomState or Generator, or None for a fresh seed"
    )


def derive_seed(seed: int, stream: str, *counters: int) -> int:
    """Return a 63-bit seed for one named purpose at one place of a run.

    A run that stops and goes on asks for the same (seed, stream, epoch, step) and so draws the same numbers; no generator
    state has to be saved.

    Parameters
    ----------
    seed : int
        The run's seed.
    stream : str
        What the numbers are for, such as ``"item-noise"``.
    *counters : int
        Where in the run: epoch, step.

    Returns
    -------
    int
        A seed in [0, 2^63).
    """
    text = f"{seed}/{stream}/" + "/".join(str(counter) for counter in counters)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, stream: str, *counters: int) -> np.random.Generator:
    """Return a NumPy generator seeded by `derive_seed`; the global generator is never touched."""
    return np.random.Generator(np.random.Philox(derive_seed(seed, stream, *counters)))
