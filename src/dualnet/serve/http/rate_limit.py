"""Rate limit for each API key (a token bucket)."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimit:
    """One bucket for each name; who is above the rate is told how long to wait.

    Parameters
    ----------
    rate : float
        Requests a second in the long run.
    burst : float
        Requests at once after a pause; twice the rate by default, at least one.
    clock : callable
        Seconds, for tests.
    """

    def __init__(self, rate: float, burst: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, 2 * rate if burst is None else burst)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # as many as keys, so bounded

    def wait(self, name: str) -> float:
        """Take a token; return 0 if there was one, else the seconds until there is."""
        now = self._clock()
        tokens, then = self._buckets.get(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        if tokens < 1:
            self._buckets[name] = (tokens, now)
            return (1 - tokens) / self._rate
        self._buckets[name] = (tokens - 1, now)
        return 0.0
