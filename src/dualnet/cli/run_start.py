"""The folder of a fit: checked, locked and marked as a run before anything is learned; a fit that is refused leaves nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .run_folder import NAME, EventColumns, read_model_name, write_run_file
from .run_lock import OURS, alone, locked


@contextmanager
def run_of_fit(out: Path, columns: EventColumns, model: str, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Hold the folder of a run while it is fitted.

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
    from ..errors import DataError, ResourceError, TrainingInterruptedError, UsageError
    from ..train.checkpoint import last_stop

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose another --out")
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = {entry.name for entry in out.iterdir()}
    except OSError as error:
        raise ResourceError(f"cannot write the run to {out}: {error.strerror or error}; choose another --out") from error
    busy = ResourceError(f"another run is writing checkpoints in {out}; wait for it or choose another folder")
    try:
        with alone(out, lambda place: locked(place, busy)):
            _check(out, model, resume=resume, overwrite=overwrite)
            if not (out / "model").exists():  # the file of one that is to be replaced stays right until it is
                write_run_file(out, columns, model=model)
            yield
    except (UsageError, DataError) as error:
        started = last_stop(out / "checkpoints") is not None or (out / "model").exists()
        if not started and not isinstance(error, TrainingInterruptedError):
            _leave_nothing(out, before, made)
        raise


def _check(out: Path, model: str, *, resume: bool, overwrite: bool) -> None:
    from ..errors import UsageError
    from ..train.checkpoint import last_stop

    if any(out.iterdir()) and not (out / NAME).exists():
        raise UsageError(f"{out} exists and is not a run folder; choose another --out")
    if (out / "model").exists() and not (resume or overwrite):
        raise UsageError(f"{out} holds a fitted model already; choose another --out, or replace it with --overwrite")
    stop = last_stop(out / "checkpoints")
    if stop is not None and not (resume or overwrite):
        raise UsageError(
            f"{out} holds an unfinished run (at {stop}); go on with --resume, start afresh with --overwrite, or choose another --out"
        )
    fitted = read_model_name(out)
    if resume and fitted not in (None, model):
        raise UsageError(
            f"{out} is a run of the model '{fitted}', not '{model}'; give --model {fitted}, or choose another --out"
        )


def _leave_nothing(out: Path, before: set[str], made: bool) -> None:
    for name in OURS - before:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if made and not any(out.iterdir()):
        out.rmdir()
