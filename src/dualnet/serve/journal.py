"""The write-ahead log of a state folder: a change is on the disk before anyone is told that it was made.

One line is one group of changes, written and synchronised together: ``{"crc":"8 hex","record":{"seq":n,...}}``. A line that
was not finished when the machine stopped was never acknowledged; only the last can be such.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from ..errors import DataError, ResourceError, UsageError
from ..files import NoLocksError, lock, make_folder, sync
from .live_state import LiveState
from .store import NOTHING, News, Record

FILE = "journal.jsonl"
LOCK = "lock"
FORMAT = 1
HEAD, MIDDLE, TAIL = b'{"crc":"', b'","record":', b"}\n"
OPENING = len(HEAD) + 8 + len(MIDDLE)


class Journal:
    """Appends groups of changes durably; one writer a folder.

    Use `open`. Not for several threads: the service's writer thread gathers what came meanwhile into one group, so that
    many callers share one synchronisation.

    Attributes
    ----------
    is_new : bool
        Whether there was no journal: the state is empty because nothing was ever kept here.
    dropped : int
        Bytes of an unfinished last line that were cut off when the journal was opened.
    model : str or None
        Manifest hash of the model that served last.
    lines : int
        Lines in the file.
    settled : int
        Bytes that the file had when it was opened or last compacted.
    away : str
        Empty: a folder is always there.
    """

    away: Final = ""

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        self._folder, self._lock, self._path = folder, lock, folder / FILE
        self._file: IO[bytes] | None = None
        self._sequence = self.lines = self.settled = self.dropped = 0
        self.model: str | None = None
        self.is_new = False
        self._size = 0
        self._broken: str | None = None

    @classmethod
    def open(cls, folder: Path) -> tuple[Journal, list[Record]]:
        """Take a state folder and read what it holds.

        Parameters
        ----------
        folder : Path
            Made if it is not there.

        Returns
        -------
        journal : Journal
        changes : list of mapping
            All changes in order.

        Raises
        ------
        UsageError
            If another process has the folder.
        DataError
            If a line before the last is damaged or missing; the text names file and line.
        ResourceError
            If the folder cannot be read or written.
        """
        try:
            make_folder(folder)
            lock = _locked(folder)
        except OSError as error:
            raise ResourceError(
                f"state folder {folder} cannot be used ({error.strerror}); choose another with --state"
            ) from error
        journal = cls(folder, lock)
        try:
            return journal, journal._recover()
        except OSError as error:
            journal.close()
            raise ResourceError(f"{journal._path} cannot be read or written ({error.strerror})") from error
        except BaseException:
            journal.close()
            raise

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def notes(self) -> list[str]:
        """Return what whoever starts the server should know, a sentence each."""
        notes = []
        if self.is_new:
            notes.append("the state folder is new: there are no added items and events yet")
        if self.dropped:
            notes.append(f"the journal ended in {self.dropped:,} bytes of a change that was never confirmed; they were cut off")
        return notes

    def new_state(self) -> LiveState:
        """Return an empty state."""
        return LiveState()

    @contextlib.contextmanager
    def turn(self) -> Iterator[News]:
        """Say that there is no news: no other server has the folder."""
        yield NOTHING

    news = turn

    def lose_track(self) -> None:
        """Do nothing: what is told here comes from this server."""

    def erase(self, changes: Iterable[Record]) -> None:
        """Write the file anew, so that no line holds the id of who was forgotten; errors as in `compact`."""
        self.compact(changes)

    def settle(self, state: LiveState) -> None:
        """Compact the file where it is much longer than it need be, or has what was deleted or who was forgotten."""
        if state.unerased or state.left_behind or self.lines > 100 + 2 * state.n_changes:
            self.compact(state.changes())
            state.unerased = state.left_behind = False

    def release(self, hashes: Sequence[str]) -> bool:
        """Keep hashes of forgotten users no longer."""
        self.append([{"released": list(hashes)}])
        return True

    def append(self, changes: Sequence[Record]) -> None:
        """Write a group of changes; when this returns they survive a crash, and if it raises none of them was made.

        Raises
        ------
        ResourceError
            If they cannot be written. After a failed synchronisation nobody knows what is on the disk: the journal then takes
            no more until it is opened anew.
        """
        self._write({"changes": list(changes)})

    def note_model(self, version: str) -> None:
        """Remember which model serves; nothing is written if it is the one remembered."""
        if version != self.model:
            self._write({"model": version})
            self.model = version

    def compact(self, changes: Iterable[Record]) -> None:
        """Replace the file by the shortest list of changes that gives the same state; whole or not at all.

        Raises
        ------
        ResourceError
            If it cannot be written; the old file stays and goes on. If the folder cannot be synchronised, the journal takes
            no more until it is opened anew.
        """
        temporary = self._folder / f".{FILE}.tmp"
        sequence, lines, size = self._sequence, 0, 0
        try:
            with temporary.open("wb") as handle:
                first: Record = {"format": FORMAT, "model": self.model}
                for record in chain([first], ({"changes": [change]} for change in changes)):
                    sequence += 1
                    lines += 1
                    size += handle.write(_line({"seq": sequence, **record}))
                handle.flush()
                os.fsync(handle.fileno())
            replaced = temporary.open("ab", buffering=0)  # before it has the name: after that nothing may fail
            try:
                temporary.replace(self._path)
            except OSError:
                replaced.close()
                raise
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise ResourceError(f"{self._path} cannot be compacted ({error.strerror}); the old file goes on") from error
        if self._file is not None:
            self._file.close()
        self._file, self._sequence, self.lines, self._size, self._broken = replaced, sequence, lines, size, None
        self.settled = size
        try:
            sync(self._folder)
        except OSError as error:  # after a crash the old file may have the name again, without what would be written now
            self._broken = f"synchronising the folder failed: {error.strerror}"
            raise ResourceError(f"{self._path} could not be synchronised ({error.strerror}); restart the server") from error

    def close(self) -> None:
        """Let go of the folder; nothing waits to be written."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.close()

    def _write(self, record: Record) -> None:
        if self._broken or self._file is None:
            raise ResourceError(f"{self._path} takes no more changes ({self._broken or 'closed'}); restart the server")
        line = _line({"seq": self._sequence + 1, **record})
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError as error:
            self._cut_back(error)
            raise ResourceError(f"{self._path} cannot be written ({error.strerror}); free some space and try again") from error
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self._broken = f"synchronising failed: {error.strerror}"
            self._cut_back(error)
            raise ResourceError(f"{self._path} could not be synchronised ({error.strerror}); restart the server") from error
        self._sequence += 1
        self.lines += 1
        self._size += len(line)

    def _cut_back(self, cause: OSError) -> None:
        """Take away what a failed write left, so that the next line does not follow half of one."""
        try:
            assert self._file is not None
            self._file.truncate(self._size)
        except OSError:
            self._broken = self._broken or f"a failed write could not be undone: {cause.strerror}"

    def _recover(self) -> list[Record]:
        changes: list[Record] = []
        self.is_new = not self._path.exists()
        if not self.is_new:
            for record in self._records():
                if "model" in record:
                    self.model = record["model"]
                changes += record.get("changes", [])
        (self._folder / f".{FILE}.tmp").unlink(missing_ok=True)
        self._file = self._path.open("ab", buffering=0)
        if self.dropped:
            self._file.truncate(self._size)
            os.fsync(self._file.fileno())
        if not self.lines:
            self._write({"format": FORMAT, "model": None})
        self.settled = self._size
        sync(self._folder)  # also of a file that is there: its maker may have stopped before this
        return changes

    def _records(self) -> Iterator[dict[str, Any]]:
        total = self._path.stat().st_size
        with self._path.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                record = _parse(line)
                last = self._size + len(line) == total
                if record is None and last and not _is_whole(line):
                    self.dropped = len(line)
                    return
                if record is None or (self.lines and record.get("seq") != self._sequence + 1):
                    raise DataError(
                        f"{self._path}, line {number} is {'damaged' if record is None else 'out of sequence'}; put back a copy of the"
                        " file, or move it away to start without these changes"
                    )
                if record.get("format", FORMAT) != FORMAT:
                    raise DataError(f"{self._path} has format {record['format']}, this version reads {FORMAT}; upgrade dualnet")
                self._sequence, self.lines, self._size = record["seq"], number, self._size + len(line)
                yield record


def _line(record: Record) -> bytes:
    body = json.dumps(record, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()
    return HEAD + b"%08x" % zlib.crc32(body) + MIDDLE + body + TAIL


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the record of a whole line, None for anything else."""
    body = line[OPENING : -len(TAIL)]
    whole = line.startswith(HEAD) and line.endswith(TAIL) and line[len(HEAD) + 8 : OPENING] == MIDDLE
    if not whole or line[len(HEAD) : len(HEAD) + 8] != b"%08x" % zlib.crc32(body):
        return None
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("seq"), int) else None


def _is_whole(line: bytes) -> bool:
    """Return whether a last line that is no record was written to its end, and so is damaged and not merely unfinished.

    What a stopped machine leaves of a line is its beginning, or has zeros where pages did not reach the disk; a line that ends as
    lines end, or that is right but for its last byte, was whole and confirmed.
    """
    if b"\0" in line:
        return False
    return line.endswith(b"\n") or (len(line) > OPENING and _parse(line[:-1] + b"\n") is not None)


def _locked(folder: Path) -> IO[bytes]:
    handle = (folder / LOCK).open("ab")
    try:
        alone = lock(handle.fileno())
    except NoLocksError as error:  # no way to be alone there
        handle.close()
        raise UsageError("a state folder needs a system with file locks (Linux, macOS); serve without --state") from error
    if not alone:
        handle.close()
        raise UsageError(f"state folder {folder} is in use by another server; give each its own with --state")
    return handle
