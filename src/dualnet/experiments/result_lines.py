"""A file of results, one JSON record a line, which several processes may write at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import DataError, ResourceError
from ..files import NoLocksError, lock, write_text, writing

Record = dict[str, Any]


def read_lines(path: Path) -> list[Record]:
    """Return the records of a file, none if there is no file.

    Raises
    ------
    DataError
        If a line is not a record with a key; the text names it.
    """
    if not path.exists():
        return []
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record = json.loads(line)
            record["key"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number} is not a result record ({error}); remove the line or choose another --out"
            ) from error
        records.append(record)
    return records


def by_key(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return records by their key, in the order of the file."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record["key"], []).append(record)
    return found


def add_run(path: Path, records: Sequence[Record]) -> None:
    """Add the records of one run; older ones of the same key go, all others stay.

    The file is replaced as a whole under a lock, so that a reader or a killed writer never meets half a run.

    Raises
    ------
    ResourceError
        If the file cannot be written.
    """
    with locked(path):
        keys = {record["key"] for record in records}
        kept = [record for record in read_lines(path) if record["key"] not in keys]
        write_lines(path, [*kept, *records])


def write_lines(path: Path, records: Sequence[Record]) -> None:
    """Replace a file of records, whole or not at all.

    Raises
    ------
    ResourceError
        If it cannot be written.
    """
    text = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)
    write_text(path, text, "choose another --out")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for and hold the lock of a file, ``.NAME.lock`` beside it.

    Raises
    ------
    ResourceError
        If the lock cannot be made.
    """
    with writing(path, "choose another --out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_name(f".{path.name}.lock").open("w")
    with handle:
        _lock(handle, path, wait=True)
        yield


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[bool]:
    """Claim a piece of work for this process; yields whether it is ours.

    The claim is a lock that ends with the process, however it ends: nothing has to be cleaned up after a kill.

    Parameters
    ----------
    folder : Path
        Where claims lie.
    name : str
        Of the piece of work, fit for a file name.

    Raises
    ------
    ResourceError
        If the folder cannot be written.
    """
    with writing(folder, "choose another --out"):
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / f"{name}.lock").open("w")
    with handle:
        yield _lock(handle, folder, wait=False)


def _lock(handle: IO[str], path: Path, *, wait: bool) -> bool:
    try:
        return lock(handle.fileno(), wait=wait)
    except NoLocksError as error:
        raise ResourceError("a file of results needs a system with file locks (Linux, macOS)") from error
    except OSError as error:
        raise ResourceError(f"cannot lock {path}: {error.strerror or error}; choose another --out") from error
