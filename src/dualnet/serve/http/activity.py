"""What a server did lately, for whoever operates it: minute by minute for an hour, and since midnight (UTC)."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MINUTES = 60  # that are shown
BOUNDS = tuple(0.001 * 1.25**step for step in range(48))  # seconds; the last is 36
MOST_VERSIONS = 50  # of models that are remembered
MOST_TAKEN = 20_000  # requests whose list was taken up, remembered so that each counts once

AnswerKind = Literal["known", "new", "fallback"]
_KINDS: dict[str, AnswerKind] = {"known": "known", "history": "new", "columns": "new", "fallback": "fallback"}


@dataclass
class _Minute:
    """Counts of one minute."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)  # answers by the place of their time among the bounds


class Activity:
    """Counts of one server in memory; they begin anew with the server, and hold no id of a user or an item.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._started = clock, clock()
        self._minutes: OrderedDict[int, _Minute] = OrderedDict()
        self._day, self._today = int(self._started // 86400), Counter[str]()
        self._versions: list[dict[str, Any]] = []
        self._taken: OrderedDict[str, None] = OrderedDict()

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer of the interface and how long it took."""
        self._count("answers" if status < 500 else "errors")
        self._now().seconds[bisect_left(BOUNDS, seconds)] += 1

    def listed(self, answer: Mapping[str, Any]) -> None:
        """Count a recommended list by whom it was for, and its new items."""
        self._count("lists")
        self._count(_KINDS.get(answer["resolved"], "known"))
        self._count("entries", len(answer["items"]))
        self._count("new_entries", sum(entry["path"] == "content" for entry in answer["items"]))

    def events(self, number: int) -> None:
        """Count events that were told."""
        self._count("events", number)

    def items_put(self, number: int) -> None:
        """Count items that were added."""
        self._count("items_added", number)

    def taken_up(self, request: str) -> None:
        """Count a list of which something was taken, once, by the request that asked for it."""
        if request not in self._taken:
            self._taken[request] = None
            while len(self._taken) > MOST_TAKEN:
                self._taken.popitem(last=False)
            self._count("taken_up")

    def serves(self, name: str, version: str) -> None:
        """Note which model answers now, and when it was seen first, each time it changes."""
        if not self._versions or self._versions[-1]["version"] != version:
            self._versions = [
                *self._versions[-(MOST_VERSIONS - 1) :],
                {"name": name, "version": version, "loaded": self._clock()},
            ]

    def report(self) -> dict[str, Any]:
        """Return the hour and the day as JSON: a number for each minute, the last of which is not over."""
        self._now()
        last = int(self._clock() // 60)
        minutes = [self._minutes.get(minute, _Minute()) for minute in range(last - MINUTES + 1, last + 1)]
        names = ("answers", "errors", "known", "new", "fallback", "events")
        return {
            "since": self._started,
            "minute": 60 * last,
            **{name: [minute.counts[name] for minute in minutes] for name in names},
            "p50": [_quantile(minute.seconds, 0.5) for minute in minutes],
            "p95": [_quantile(minute.seconds, 0.95) for minute in minutes],
            "today": {
                name: self._today[name]
                for name in ("answers", "errors", "lists", "entries", "new_entries", "events", "items_added", "taken_up")
            },
            "versions": list(reversed(self._versions)),
        }

    def _count(self, name: str, number: int = 1) -> None:
        self._now().counts[name] += number
        self._today[name] += number

    def _now(self) -> _Minute:
        """Return the present minute; what is older than an hour goes, and a new day begins with zeros."""
        now = self._clock()
        minute, day = int(now // 60), int(now // 86400)
        if day != self._day:
            self._day, self._today = day, Counter()
        found = self._minutes.get(minute)
        if found is None:
            found = self._minutes[minute] = _Minute()
            while next(iter(self._minutes)) <= minute - MINUTES:
                self._minutes.popitem(last=False)
        return found


def _quantile(seconds: Counter[int], share: float) -> float | None:
    """Return a quantile of times in milliseconds, at most a quarter too high; None where nothing was answered."""
    left = share * seconds.total()
    if left == 0:
        return None
    for place in sorted(seconds):
        left -= seconds[place]
        if left <= 0:
            break
    return round(1000 * BOUNDS[min(place, len(BOUNDS) - 1)], 2)
