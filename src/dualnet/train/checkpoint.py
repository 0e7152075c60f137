"""Checkpoints that survive a kill at any moment: written aside, synced, renamed, verified on load."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from ..distributed.collectives import Alone, Collectives, agreed
from ..errors import ResourceError, UsageError, warn
from ..files import NoLocksError, lock, new_folder

KEEP_LAST = 2
WAIT_FOR_FORMER = 30.0  # seconds in which a worker that lost its place ends and gives up its lock
LONGEST_WRITE = 600.0  # seconds after which a folder that takes no checkpoint counts as out of reach
TENSORS, STATE, MANIFEST = "tensors.safetensors", "state.json", "manifest.json"


def save_checkpoint(folder: Path, number: int, tensors: Mapping[str, NDArray[Any]], state: Mapping[str, Any]) -> Path:
    """Write one checkpoint so that a kill at any time leaves either it or its predecessor whole.

    Order: files in a temporary folder, each synced; a manifest with the SHA-256 of each; rename; sync the parent; only
    then are older checkpoints removed.

    Parameters
    ----------
    folder : Path
        Where the run's checkpoints live; made if missing.
    number : int
        Steps done; the newest number wins at load.
    tensors : mapping of str to ndarray
        Weights and optimiser state.
    state : mapping
        JSON-ready rest.

    Returns
    -------
    Path
        The checkpoint's folder.

    Raises
    ------
    ResourceError
        If the folder cannot be written; the text names the path and the cause.
    """
    final = folder / f"step-{number:010d}"
    try:
        files = {
            TENSORS: format_tensors({name: np.asarray(value, order="C") for name, value in tensors.items()}),
            STATE: json.dumps(state, sort_keys=True).encode(),
        }
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[MANIFEST] = json.dumps({"number": number, "sha256": sums}, sort_keys=True).encode()
        with new_folder(final) as temporary:
            for name, content in files.items():
                (temporary / name).write_bytes(content)
        _remove_old(folder)
    except OSError as error:
        raise ResourceError(
            f"cannot save a checkpoint in {folder}: {error.strerror or error}; free space or choose another folder"
        ) from error
    return final


Loaded = tuple[dict[str, NDArray[Any]], dict[str, Any]]
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)


def load_checkpoint(folder: Path, group: Collectives | None = None) -> Loaded | None:
    """Return tensors and state of the newest checkpoint that verifies, or None if there is none.

    A damaged checkpoint is passed over with a warning that says what is wrong with it. Of several processes the first looks for
    it, and the others load the same one, whatever they see.

    Parameters
    ----------
    folder : Path
        Where the run's checkpoints live.
    group : Collectives, optional
        The processes that share the run; all call this.

    Raises
    ------
    ResourceError
        If another process than the first cannot read what the first has verified.
    """
    group = Alone() if group is None else group
    found = _newest(folder) if group.rank == 0 else None
    name = agreed(group, None if found is None else found[0])
    if name is None:
        return None
    if found is not None:
        return found[1]
    try:
        return _read(folder / name)
    except _DAMAGE as error:
        raise ResourceError(
            f"worker {group.rank} cannot read the checkpoint {folder / name}, which worker 0 has verified ({error}); give a folder that"
            " all machines see"
        ) from error


def _newest(folder: Path) -> tuple[str, Loaded] | None:
    if not folder.is_dir():
        return None
    for candidate in _checkpoints(folder):
        try:
            return candidate.name, _read(candidate)
        except _DAMAGE as error:
            warn(f"checkpoint {candidate} is damaged ({error}); going back to the one before")
    return None


def _read(checkpoint: Path) -> Loaded:
    manifest = json.loads((checkpoint / MANIFEST).read_bytes())
    content = {}
    for name, expected in manifest["sha256"].items():
        content[name] = (checkpoint / Path(name).name).read_bytes()
        if hashlib.sha256(content[name]).hexdigest() != expected:
            raise ValueError(f"{name} does not match its SHA-256")
    return parse_tensors(content[TENSORS]), json.loads(content[STATE])


def written_by_first(group: Collectives, write: Callable[[], object]) -> None:
    """Let the first process write while the others wait for it, however long within reason it takes; alone it writes at once.

    The others ask every second whether it is still at it, so the time limit of a single call is never that of the writing.

    Parameters
    ----------
    group : Collectives
        The processes that share the run; all call this.
    write : callable
        Called in the first.

    Raises
    ------
    ResourceError
        In the first, if it takes longer than ten minutes.
    Exception
        In the first, whatever the writing raises.
    """
    if group.size == 1:
        write()
        return
    failed: list[BaseException] = []

    def work() -> None:
        try:
            write()
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=work, daemon=True)
    started, pause = time.monotonic(), 0.01
    if group.rank == 0:
        writer.start()
    while agreed(group, writer.is_alive()):
        writer.join(pause) if group.rank == 0 else time.sleep(pause)
        pause = min(2 * pause, 1.0)
        if time.monotonic() - started > LONGEST_WRITE:
            raise ResourceError(f"writing a checkpoint takes longer than {LONGEST_WRITE:g} s; choose a folder that answers")
    if failed:
        raise failed[0]


def refuse_other_run(ours: Mapping[str, Any], theirs: Mapping[str, Any], folder: Path | None) -> None:
    """Refuse to go on with a checkpoint of another run, naming what differs.

    Parameters
    ----------
    ours, theirs : mapping
        What this run is, and what the run of the checkpoint was, both in the words of this version.
    folder : Path, optional
        Of the checkpoint, for the text.

    Raises
    ------
    UsageError
        If parameters or data are not the same.
    """
    different = sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))
    if different:
        changes = ", ".join(f"{key}: {theirs.get(key)} then, {ours.get(key)} now" for key in different[:3])
        raise UsageError(
            f"the checkpoint in {folder} is of another run ({changes}); use the same settings and data, or another folder"
        )


def last_stop(folder: Path) -> str | None:
    """Return where the newest checkpoint under a folder stands, such as ``"train/refine-2, epoch 3"``; None without one."""
    found = sorted(folder.rglob(f"step-*/{STATE}"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        return None
    try:
        state = json.loads(found[-1].read_bytes())
    except (OSError, ValueError):  # damaged: the loader will say so
        return None
    stage = found[-1].parent.parent.relative_to(folder).as_posix()
    if "epoch" not in state:
        return f"{stage}, done"
    return f"{stage}, done" if state["done"] else f"{stage}, epoch {state['epoch'] + 1}"


def discard_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a former run, so that a fresh run can never go on from them."""
    for old in _checkpoints(folder):
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def sole_writer(folder: Path, group: Collectives | None = None) -> Iterator[None]:
    """Hold a lock on a checkpoint folder, so that two runs never write into one; where all goes well, no old checkpoint stays.

    Of several processes that share a run the first holds it. It waits a while for the one whose place it took, which may not have
    ended yet.

    Raises
    ------
    ResourceError
        If another process holds it, the folder cannot be made, or the system has no file locks (Windows).
    """
    if group is not None and group.rank > 0:
        yield
        return
    last = time.monotonic() + (0.0 if group is None or group.size == 1 else WAIT_FOR_FORMER)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("w")
    except OSError as error:
        raise ResourceError(f"cannot use {folder} for checkpoints: {error.strerror or error}; choose another folder") from error
    with handle:
        try:
            while not (alone := lock(handle.fileno())) and time.monotonic() < last:
                time.sleep(0.2)
        except NoLocksError as error:  # no way to be alone there
            raise ResourceError("checkpoints need a system with file locks (Linux, macOS); train without them") from error
        except OSError as error:
            raise ResourceError(
                f"cannot lock {folder} for checkpoints: {error.strerror or error}; choose another folder"
            ) from error
        if not alone:
            raise ResourceError(f"another run is writing checkpoints in {folder}; wait for it or choose another folder")
        for leftover in (*folder.glob(".tmp-*"), *folder.glob(".step-*")):  # of a writer that was killed: we are alone here
            shutil.rmtree(leftover, ignore_errors=True)
        yield
        _remove_old(folder)  # a writer that was killed while it did so may have had nothing else to write


def _remove_old(folder: Path) -> None:
    for old in _checkpoints(folder)[KEEP_LAST:]:
        shutil.rmtree(old, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)
