"""How a fit is run, apart from what is fitted: progress, logs, checkpoints, threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError, shown
from ..typed_values import IN_PYTHON, check_type, path_of, plain
from . import forks  # noqa: F401  # it has to be there when a process forks
from .tracking.tracker import Tracker


@dataclass(frozen=True)
class RunOptions:
    """Run-time options of a fit; none of them changes the result of a fit that comes to its end.

    Parameters
    ----------
    progress : bool, optional
        Show a progress bar on standard error. By default only when standard error is a terminal; elsewhere a long training
        writes a line every half minute.
    log : str or os.PathLike, optional
        File that gets one JSON line for every epoch; ``~`` is the home folder, as for `checkpoint`.
    checkpoint : str or os.PathLike, optional
        Folder for checkpoints; without it a killed run starts again from nothing.
    resume : bool
        Go on from the newest verified checkpoint in `checkpoint`, if there is one.
    threads : int, optional
        Threads for matrix products; by default what the machine offers, and one in a process that was forked from one with
        torch (`train.forks`).
    checkpoint_every : int
        Epochs between two checkpoints.
    trackers : tuple of Tracker
        Trackers that receive the figures of every epoch, such as MLflow (`dualnet.train.tracking`). A tracker that fails is
        left out with a warning.
    after_epoch : callable, optional
        Called with the figures of each epoch (of a fit in stages: of the last one), once they are logged and saved; what
        it raises ends the fit. Models that do not train in epochs never call it.

    Raises
    ------
    UsageError
        For a value of another type or out of its range: nothing is found wrong after minutes of training.

    Examples
    --------
    >>> import dualnet
    >>> run = dualnet.RunOptions(progress=False, log="epochs.jsonl", threads=1)
    >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world(), run=run)
    """

    progress: bool | None = None
    log: str | os.PathLike[str] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    threads: int | None = None
    checkpoint_every: int = 1
    trackers: tuple[Tracker, ...] = ()
    after_epoch: Callable[[Mapping[str, float]], None] | None = None

    def __post_init__(self) -> None:
        for name in ("log", "checkpoint"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, path_of(getattr(self, name), name))
        if self.log_path is not None and self.log_path.is_dir():
            raise UsageError(f"log={str(self.log)!r} is a folder; name a file in it, such as log.jsonl")
        if self.checkpoint_path is not None and self.checkpoint_path.exists() and not self.checkpoint_path.is_dir():
            raise UsageError(f"checkpoint={str(self.checkpoint)!r} is a file; name a folder")
        hints = {"progress": bool | None, "resume": bool, "threads": int | None, "checkpoint_every": int}
        for name, hint in hints.items():
            object.__setattr__(self, name, check_type(plain(getattr(self, name)), hint, name, IN_PYTHON))
        for name in ("threads", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name}={value} must be at least 1")
        if not isinstance(self.trackers, list | tuple):
            raise UsageError(f"trackers must be a tuple of trackers, got {shown(self.trackers)}; write trackers=(one,)")
        object.__setattr__(self, "trackers", tuple(self.trackers))
        if self.after_epoch is not None and not callable(self.after_epoch):
            raise UsageError(f"after_epoch must be a function of the figures of an epoch, got {shown(self.after_epoch)}")

    @property
    def log_path(self) -> Path | None:
        """The file that `log` names, None where there is none."""
        return None if self.log is None else Path(self.log)

    @property
    def checkpoint_path(self) -> Path | None:
        """The folder that `checkpoint` names, None where there is none."""
        return None if self.checkpoint is None else Path(self.checkpoint)
