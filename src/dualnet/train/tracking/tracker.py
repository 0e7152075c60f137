"""What a tracker is, and a guard that keeps its failures away from the training."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ...errors import DualNetWarning, TrainingInterruptedError, UsageError

if TYPE_CHECKING:
    from ..options import RunOptions

Status = Literal["finished", "failed", "interrupted"]

TRACKERS = ("mlflow", "tensorboard")

SECRET = re.compile(r"://\S*@")  # user and password of a URI, which errors of HTTP clients repeat
LONGEST = 200  # characters of an error that a warning repeats


class Tracker(Protocol):
    """Anything that wants to know of a fit: once what is fitted, then figures as they come, then how it ended."""

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Open a run; parameters are the constructor's arguments, the model's name and the data's name and fingerprint."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take figures, named such as ``train/optimise/loss``, of one epoch of one phase."""

    def finish(self, status: Status) -> None:
        """Close the run."""


def make_tracker(name: str, place: str | None, run: Path, called: str | None = None) -> Tracker:
    """Return a tracker by name.

    Parameters
    ----------
    name : {"mlflow", "tensorboard"}
        Which.
    place : str, optional
        URI of an MLflow store, or a folder for TensorBoard; by default within `run`.
    run : Path
        Folder of the run.
    called : str, optional
        Name of the run; by default that of its folder.

    Raises
    ------
    UsageError
        If there is no such tracker.
    MissingExtraError
        Without its package.
    """
    if name == "mlflow":
        from .mlflow_tracker import MlflowTracker

        return MlflowTracker(place or f"sqlite:///{run.resolve() / 'mlflow.db'}", called or run.resolve().name)
    if name == "tensorboard":
        from .tensorboard_tracker import TensorBoardTracker

        return TensorBoardTracker(run / "tensorboard" if place is None else Path(place) / (called or run.resolve().name))
    raise UsageError(f"there is no tracker '{name}'; known: {', '.join(TRACKERS)}")


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


def as_text(value: object) -> str:
    """Return a parameter as one line of text, the same in every tracker."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


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
            warnings.warn(
                f"{name} failed and is left out from here on; training goes on ({first})", DualNetWarning, stacklevel=4
            )
