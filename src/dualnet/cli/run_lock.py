"""One writer of a run at a time, and what earlier writers that were killed left in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# of a run; whatever else lies in its folder is not ours to remove
OURS = {"checkpoints", "log.jsonl", "mlflow.db", "model", "run.json", "tensorboard"}
STAGED = ".staged"  # folder in a run where its next version is prepared


@contextmanager
def alone(target: Path, lock: Callable[[Path], int | None]) -> Iterator[None]:
    """Hold a run that will be written: of two writers of one run, the later would undo the earlier.

    The lock is on the folder itself, so it ends with the process and leaves nothing behind. Where folders cannot be locked
    (Windows, some network file systems) the work goes on without.

    Parameters
    ----------
    target : Path
        Folder of the run; without a lock where it is not there yet.
    lock : callable
        `locked`, with the error for a run that somebody else holds.
    """
    descriptor = lock(target) if target.is_dir() else None
    try:
        mend(target)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def locked(target: Path, error: Exception) -> int | None:
    """Return the descriptor of a folder that is locked as long as it is open, None where there are no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        descriptor = os.open(target, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # replaced between opening and locking: what is locked is no longer the run
            if os.path.samestat(os.fstat(descriptor), target.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise error from None
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def mend(target: Path) -> None:
    """Remove what a writer that was killed left, and bring back what an earlier version had moved away.

    Earlier versions put a whole run in the place of another, in several steps: one that was killed between them left the run, or
    what others keep in it such as the state of a server, under ``.RUN.PID.old``.
    """
    from ..data.durable import sweep

    shutil.rmtree(target / STAGED, ignore_errors=True)
    for former in sorted(target.parent.glob(f".{target.name}.*.old")):
        if not former.is_dir() or not (former / "run.json").is_file():
            continue
        if not target.exists():
            former.rename(target)
            continue
        for entry in former.iterdir():
            if (entry.name not in OURS or entry.name == "model") and not (target / entry.name).exists():
                entry.rename(target / entry.name)
        if any(entry.name not in OURS for entry in former.iterdir()):
            former.rename(former.with_name(f"{target.name}-kept-{former.name.split('.')[-2]}"))  # it is somebody's: not removed
    sweep(target)
    for name in OURS:
        sweep(target / name)
