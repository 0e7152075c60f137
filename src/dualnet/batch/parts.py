"""A folder of Parquet parts and its record: which parts are finished, and with what they are checked when a job goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError, ResourceError, UsageError
from ..files import NoLocksError, lock, make_folder, sweep, write_text
from ..typed_values import path_of

RECORD = "_job.json"  # readers of Parquet folders pass by what begins with an underscore
LOCK = ".job.lock"
MOST_PARTS = 500
SEEN_WITHIN = 60.0  # seconds after which a shared folder shows what another machine wrote there
LARGEST_RECORD = 16 * 2**20  # bytes


class Part(NamedTuple):
    """Rows that one file holds the work of."""

    number: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"part-{self.number:05d}.parquet"


class Finished(NamedTuple):
    """What is known of a part that is written: its rows in the file, and the SHA-256 of the file."""

    rows: int
    sha256: str


def parts_of(rows: int, step: int) -> list[Part]:
    """Return the parts of some rows, whatever the number of workers: each of whole steps, at most `MOST_PARTS`, at least one.

    Parameters
    ----------
    rows : int
        Rows in all.
    step : int
        Rows that one process takes at a time: in whole steps the numbers of a part are those of one process.
    """
    size = step * max(1, -(-rows // (step * MOST_PARTS)))
    return [Part(number, start, min(start + size, rows)) for number, start in enumerate(range(0, max(rows, 1), size))]


@dataclass
class PartsFolder:
    """The output of a job: one Parquet file a part, and a record of the job and of the parts that are finished.

    A part is written whole or not at all, then recorded. A job that was killed goes on in the same folder with any number of
    workers; a recorded part whose file is gone or altered is made again.

    Parameters
    ----------
    path : Path
        The folder.
    job : mapping
        What tells the job from others: its model, its options, its rows; JSON.
    parts : sequence of Part
        All of it.
    finished : dict of int to Finished
        By number.
    """

    path: Path
    job: Mapping[str, Any]
    parts: Sequence[Part]
    finished: dict[int, Finished] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def claimed(
        cls, path: str | Path, job: Mapping[str, Any], parts: Sequence[Part], *, overwrite: bool
    ) -> Iterator[PartsFolder]:
        """Claim a folder for a job as long as a block runs, with what an earlier run of the same job finished.

        Parameters
        ----------
        path, job, parts
            As of the class.
        overwrite : bool
            Whether the parts of another job may be replaced.

        Raises
        ------
        UsageError
            If there is a file, or a folder of something else, or of another job.
        ResourceError
            If another process works there, or the folder cannot be written.
        DataError
            If its record cannot be read.
        """
        folder = path_of(path, "out")
        _check_place(folder)
        try:
            make_folder(folder)
            handle = (folder / LOCK).open("w")
        except OSError as error:
            raise ResourceError(f"cannot write {folder}: {error.strerror or error}; choose another out=") from error
        with handle:
            try:
                ours = lock(handle.fileno())
            except NoLocksError:
                ours = True
            except OSError as error:
                raise ResourceError(f"cannot lock {folder}: {error.strerror or error}; choose another out=") from error
            if not ours:
                raise ResourceError(f"another job is writing to {folder}; wait for it to end, or choose another out=")
            made = cls(folder, json.loads(json.dumps(job)), parts)
            try:
                made._go_on(overwrite=overwrite)
            except OSError as error:
                raise ResourceError(
                    f"cannot go on in {folder}: {error.strerror or error} ({error.filename}); choose another out="
                ) from error
            yield made

    @property
    def left(self) -> list[Part]:
        """Parts that are still to be made."""
        return [part for part in self.parts if part.number not in self.finished]

    @property
    def rows(self) -> int:
        """Rows of the finished files."""
        return sum(done.rows for done in self.finished.values())

    def record(self, part: int, done: Finished) -> None:
        """Note that a part is written.

        Raises
        ------
        ResourceError
            If its file is not to be seen here: the worker wrote it to a disk of its own.
        """
        path = self.path / self.parts[part].name
        last = time.monotonic() + SEEN_WITHIN
        while not path.is_file():
            if time.monotonic() > last:
                raise ResourceError(
                    f"a worker wrote {path} on its own machine, and it is not to be seen here; choose another out=, a folder that all"
                    " machines of the cluster share"
                )
            time.sleep(0.1)
        self.finished[part] = done
        self._write()

    def tidy(self) -> None:
        """Remove what writers that were killed left beside the parts."""
        for name in {f"{path.name[1:].partition('.parquet.')[0]}.parquet" for path in self.path.glob(".part-*")}:
            sweep(self.path / name)

    def _go_on(self, *, overwrite: bool) -> None:
        """Take over what is recorded of the same job; remove the parts of another one where that is wanted."""
        found = _read_record(self.path)
        if found is None:
            strange = sorted(path.name for path in self.path.iterdir() if path.name != LOCK)
            if strange:
                raise UsageError(f"{self.path} holds {strange[0]}, which is no part of a job; choose another out=")
        elif dict(found["job"]) == self.job:
            known = {part.number: part for part in self.parts}
            for number, rows, digest in found["finished"]:
                file = self.path / known[number].name if number in known else None
                if file is not None and file.is_file() and file_digest(file) == digest:
                    self.finished[number] = Finished(rows, digest)
        elif found["finished"] and not overwrite:
            there, changed = dict(found["job"]), []
            for name in sorted({*there, *self.job}):
                if there.get(name) != self.job.get(name):
                    changed.append(f"{name}: {there.get(name)} there, {self.job.get(name)} now")
            raise UsageError(
                f"{self.path} holds the parts of another job ({'; '.join(changed[:3])}); replace them with overwrite=True, or choose"
                " another out="
            )
        for file in self.path.glob("part-*.parquet"):  # of another job, altered, or written and not recorded
            if file.name not in {self.parts[number].name for number in self.finished}:
                file.unlink()
        self._write()

    def _write(self) -> None:
        finished = [[number, *self.finished[number]] for number in sorted(self.finished)]
        told = {"job": self.job, "parts": len(self.parts), "complete": not self.left, "rows": self.rows, "finished": finished}
        write_text(self.path / RECORD, json.dumps(told, ensure_ascii=False) + "\n", "choose another out=")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _check_place(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, and several workers write a folder of parts; choose another out=")


def _read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a folder, None without one."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise ValueError(f"it has more than {LARGEST_RECORD:,} bytes")
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told["job"], dict):
            raise TypeError("it names no job")
        finished = [(number, rows, digest) for number, rows, digest in told["finished"]]
        if any(
            type(number) is not int or type(rows) is not int or not isinstance(digest, str) for number, rows, digest in finished
        ):
            raise TypeError("its parts are not as we write them")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is not the record of a job ({error}); remove the folder, or choose another out=") from error
    return {"job": told["job"], "finished": finished}
