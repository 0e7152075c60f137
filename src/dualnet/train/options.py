"""How a fit is run, apart from what is fitted: progress, logs, checkpoints, threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import forks  # noqa: F401  # it has to be there when a process forks
from .tracking.tracker import Tracker


@dataclass(frozen=True)
class RunOptions:
    """Run-time choices; none of them changes the result of a fit that comes to its end.

    Parameters
    ----------
    progress : bool, optional
        Show a progress bar on standard error. By default only when standard error is a terminal; elsewhere a long training
        writes a line every half minute.
    log : Path, optional
        File that gets one JSON line for every epoch.
    checkpoint : Path, optional
        Folder for checkpoints; without it a killed run starts again from nothing.
    resume : bool
        Go on from the newest verified checkpoint in `checkpoint`, if there is one.
    threads : int, optional
        Threads for matrix products; by default what the machine offers, and one in a process that was forked from one with
        torch (`train.forks`).
    checkpoint_every : int
        Epochs between two checkpoints.
    trackers : tuple of Tracker
        Others who get the figures of every epoch, such as MLflow (`dualnet.train.tracking`). One that fails is left out with
        a warning.
    after_epoch : callable, optional
        Called with the figures of each epoch (of a fit in stages: of the last one), once they are logged and saved; what
        it raises ends the fit. Models that do not train by epochs never call it.
    """

    progress: bool | None = None
    log: Path | None = None
    checkpoint: Path | None = None
    resume: bool = False
    threads: int | None = None
    checkpoint_every: int = 1
    trackers: tuple[Tracker, ...] = ()
    after_epoch: Callable[[Mapping[str, float]], None] | None = None
