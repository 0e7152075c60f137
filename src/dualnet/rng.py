"""Randomness as a function of (seed, stream, counters), never of what was drawn before."""

from __future__ import annotations

import hashlib

import numpy as np


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
