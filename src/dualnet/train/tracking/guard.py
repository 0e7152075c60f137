"""Trackers of a run, opened and closed, with a guard that keeps their failures away from the training."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...errors import TrainingInterruptedError, warn
from ..options import RunOptions
from .tracker import Status, Tracker

SECRET = re.compile(r"://\S*@")  # user and password of a URI, which errors of HTTP clients repeat
LONGEST = 200  # characters of an error that a warning repeats


@contextmanager
def tracked(run: RunOptions, parameters: Mapping[str, Any]) -> Iterator[RunOptions]:
    """Open the trackers of a run, and close them however it ends; yields options whose trackers can fail without harm.

    A fit within a fit belongs to the outer one.
    """
    if not run.trackers or any(isinstance(tracker, _Guard) for tracker in run.trackers):
        yield run
        return
    guards = tuple(_Guard(tracker) for tracker in run.trackers)
    for guard in guards:
        guard.start(parameters)
    status: Status = "failed"
    try:
        yield replace(run, trackers=guards)
        status = "finished"
    except (KeyboardInterrupt, SystemExit, TrainingInterruptedError):
        status = "interrupted"
        raise
    finally:
        for guard in guards:
            guard.finish(status)


class _Guard:
    """A tracker that is left out after its first failure, with one warning: a dead server must not cost a night's training."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker: Tracker | None = tracker

    def start(self, parameters: Mapping[str, Any]) -> None:
        self._try(lambda tracker: tracker.start(parameters))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self._try(lambda tracker: tracker.log(figures, step))

    def finish(self, status: Status) -> None:
        self._try(lambda tracker: tracker.finish(status))

    def _try(self, call: Callable[[Tracker], None]) -> None:
        if self._tracker is None:
            return
        try:
            call(self._tracker)
        except Exception as error:
            name, self._tracker = type(self._tracker).__name__, None
            said = str(error).strip() or type(error).__name__
            first = SECRET.sub("://***@", said.splitlines()[0])[:LONGEST]
            warn(f"{name} failed and is left out from here on; training goes on ({first})")
