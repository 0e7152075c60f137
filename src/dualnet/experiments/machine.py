"""What this machine reaches at plain work: the yardstick of plans and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ..train.plan import Machine

PRODUCT_SIDE = 1536
COPY_FLOATS = 2**24


def measure_machine(repeats: int = 5) -> Machine:
    """Measure a large float32 matrix product and a large copy; takes about a second.

    Parameters
    ----------
    repeats : int
        The median of so many counts.

    Returns
    -------
    Machine
        A copy counts each byte twice: it is read and written.
    """
    left = np.ones((PRODUCT_SIDE, PRODUCT_SIDE), np.float32)
    out = np.empty_like(left)
    product = median_seconds(lambda: np.matmul(left, left, out=out), repeats)
    source = np.ones(COPY_FLOATS, np.float32)
    target = np.empty_like(source)
    copy = median_seconds(lambda: np.copyto(target, source), repeats)
    return Machine(2.0 * PRODUCT_SIDE**3 / product, 2.0 * source.nbytes / copy)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of some work over several calls, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
