"""Writing of a run: one writer at a time; a new run takes the place of the old one as a whole; a refused fit leaves nothing."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DualNetError, ResourceError, TrainingError, TrainingInterruptedError, UsageError
from ..files import exchange, lock, sweep, sync, sync_tree, writing
from .folder import NAME, EventColumns, read_model_name, write_run_file

if TYPE_CHECKING:
    from ..models.base import Recommender

# of a run; whatever else lies in its folder is not ours to remove
OURS = {"checkpoints", "log.jsonl", "mlflow.db", "model", NAME, "tensorboard"}
STAGED = ".staged"  # folder in a run where its next version is prepared


@contextmanager
def alone(target: Path, busy: Exception) -> Iterator[None]:
    """Hold a run that will be written: of two writers of one run, the later would undo the earlier.

    The lock is on the folder itself, so it ends with the process and leaves nothing behind. Where folders cannot be locked
    (Windows, some network file systems) the work goes on without.

    Parameters
    ----------
    target : Path
        Folder of the run; without a lock where it is not there yet.
    busy : Exception
        Raised where another process holds the run.
    """
    descriptor = locked(target, busy) if target.is_dir() else None
    try:
        mend(target)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def locked(target: Path, busy: Exception) -> int | None:
    """Return the descriptor of a folder that is locked as long as it is open, None where there are no such locks."""
    while True:
        try:
            descriptor = os.open(target, os.O_RDONLY)
        except PermissionError:  # Windows opens no folder
            return None
        try:
            ours = lock(descriptor)
            # replaced between opening and locking: what is locked is no longer the run
            if ours and os.path.samestat(os.fstat(descriptor), target.stat()):
                return descriptor
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)
        if not ours:
            raise busy


def mend(target: Path) -> None:
    """Remove what a writer that was killed left, and bring back what an earlier version had moved away.

    Earlier versions put a whole run in the place of another, in several steps: one that was killed between them left the run, or
    what others keep in it such as the state of a server, under ``.RUN.PID.old``.
    """
    shutil.rmtree(target / STAGED, ignore_errors=True)
    for former in sorted(target.parent.glob(f".{target.name}.*.old")):
        if not former.is_dir() or not (former / NAME).is_file():
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


@contextmanager
def run_of_fit(out: Path, columns: EventColumns, model: str, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Hold the folder of a run while it is fitted; a fit that is refused before it trains leaves nothing.

    Parameters
    ----------
    out : Path
        The folder; made if need be.
    columns : EventColumns
        How its events are read.
    model : str
        Name of the model.
    resume, overwrite : bool
        Go on from a run's checkpoints; replace a run.

    Raises
    ------
    UsageError
        If the folder is something else, or holds a run that is finished, unfinished, or of another model, and nobody said what to
        do with it.
    ResourceError
        If it cannot be written, or another process writes it.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose another out=")
    made = not out.exists()
    with writing(f"the run to {out}", "choose another out="):
        out.mkdir(parents=True, exist_ok=True)
        before = {entry.name for entry in out.iterdir()}
    busy = ResourceError(f"another run is writing checkpoints in {out}; wait for it or choose another folder")
    with alone(out, busy):
        try:
            _check_fit(out, model, resume=resume, overwrite=overwrite)
            if not (out / "model").exists():  # the file of one that is to be replaced stays right until it is
                write_run_file(out, columns, model=model)
            yield
        except DualNetError as error:
            if not isinstance(error, TrainingError | TrainingInterruptedError) and not _has_begun(out, error):
                _leave_nothing(out, before, made)
            raise


def _check_fit(out: Path, model: str, *, resume: bool, overwrite: bool) -> None:
    from ..train.checkpoint import last_stop

    if any(out.iterdir()) and not (out / NAME).exists():
        raise UsageError(f"{out} exists and is not a run folder; choose another out=")
    if (out / "model").exists() and not (resume or overwrite):
        raise UsageError(f"{out} holds a fitted model already; choose another out=, or replace it with overwrite=True")
    stop = last_stop(out / "checkpoints")
    if stop is not None and not (resume or overwrite):
        raise UsageError(
            f"{out} holds an unfinished run (at {stop}); go on with resume=True, start afresh with overwrite=True, or choose another"
            " out="
        )
    fitted = read_model_name(out)
    if resume and fitted not in (None, model):
        raise UsageError(
            f"{out} is a run of the model '{fitted}', not '{model}'; give --model {fitted}, or choose another out="
        )


def _has_begun(out: Path, error: DualNetError) -> bool:
    """Return whether a fit that failed had trained: there is something to go on from, or a log that tells what was done."""
    from ..train.checkpoint import last_stop

    if last_stop(out / "checkpoints") is not None or (out / "model").exists():
        return True
    log = out / "log.jsonl"
    return isinstance(error, ResourceError) and log.is_file() and log.stat().st_size > 0


def _leave_nothing(out: Path, before: set[str], made: bool) -> None:
    for name in OURS - before:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if made and not any(out.iterdir()):
        out.rmdir()


@contextmanager
def staged_run(target: Path) -> Iterator[Path]:
    """Give the path of a folder where the next version of a run is prepared, and leave nothing of it behind.

    It lies in the run that it replaces, so that no other file system comes between, and has a name of its own each time: MLflow
    keeps a database open under the name it first had.
    """
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    staged = target / STAGED / token if target.is_dir() else target.with_name(f".{target.name}.{token}.tmp")
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if staged.parent.name == STAGED:
            shutil.rmtree(staged.parent, ignore_errors=True)


def begin_next(run: Path, staged: Path, columns: EventColumns, *, replaced: bool) -> Path:
    """Make the folder that will become the run, with the log of the old one; return the path of the log.

    Parameters
    ----------
    run : Path
        The old run.
    staged : Path
        From `staged_run`.
    columns : EventColumns
        How the fit read its events.
    replaced : bool
        Whether the new run takes the place of the old one: what trackers have written in that goes along then.

    Raises
    ------
    ResourceError
        If it cannot be written.
    """
    log = staged / "log.jsonl"
    with writing(f"beside {run}", "choose another out="):
        staged.mkdir(parents=True, exist_ok=True)
        if (run / "log.jsonl").is_file():
            shutil.copyfile(run / "log.jsonl", log)
        if replaced and (run / "mlflow.db").is_file():
            shutil.copyfile(run / "mlflow.db", staged / "mlflow.db")
        if replaced and (run / "tensorboard").is_dir():
            shutil.copytree(run / "tensorboard", staged / "tensorboard")
        write_run_file(staged, columns, model=read_model_name(run))
    return log


def put_in_place(model: Recommender, staged: Path, target: Path, metrics: dict[str, Any]) -> None:
    """Save the model, and put the new run in its place; what others keep in the old one is never touched.

    The model is exchanged in one step. What follows may be cut off: `run.json` says of which model its test is, so that a test is
    never asked of a model that trained on it.

    Raises
    ------
    ResourceError
        If it cannot be written.
    """
    with writing(f"the run to {target}", "choose another out="):
        if not target.exists():
            model.save(staged / "model", metrics=metrics)
            sync_tree(staged)
            staged.rename(target)
            sync(target.parent)
            return
        model.save(target / "model", metrics=metrics)
        sync_tree(staged)
        for entry in sorted(staged.iterdir()):
            if (target / entry.name).is_dir():
                exchange(entry, target / entry.name)
            else:
                entry.replace(target / entry.name)
        shutil.rmtree(target / "checkpoints", ignore_errors=True)  # of the model that is no more
        sync(target)
