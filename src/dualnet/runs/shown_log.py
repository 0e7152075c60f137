"""The log of what a server showed and what was taken of it: written line by line, and read for an estimate off line."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from ..errors import DataError, ResourceError
from ..ids import Key
from .forgotten_record import digest, new_key

FORMAT: Final = 1
LONGEST_LINE: Final = 2**22
LEFT_OUT: Final = ("user", "users", "user_columns", "new_items")  # of a question: who asked, and what is long
LONGEST_KEY: Final = 64  # bytes
BEGINNINGS: Final = (b'{"shown":', b'{"taken":')  # of lines: by them one that was cut off is known
MEANINGS: Final = ("like", "seen", "dislike", "none")


@dataclass(frozen=True)
class ShownList:
    """One answer: who asked what, and what was shown with which probability.

    Parameters
    ----------
    request : str
        Id of the request.
    user : str
        Keyed hash of the user; empty for a question of a history.
    question : mapping
        Fields of the question, as they were sent; without the user, columns of the user, and new items.
    items : list of str or int
        What was shown, in order.
    probabilities : list of float, optional
        With which each was to be shown; None in a log that does not say.
    variant : str
        Of the server that answered; empty where it had one.
    taken : dict of item to str
        What was done with its entries, by what it meant to the model: ``like`` (what was liked stays liked), ``seen``, ``dislike`` or
        ``none``.
    time : int
        When it was shown, in seconds since 1970.
    """

    request: str
    user: str
    question: Mapping[str, Any]
    items: list[Key]
    probabilities: list[float] | None
    variant: str = ""
    taken: dict[Key, str] = field(default_factory=dict)
    time: int = 0


@dataclass(frozen=True)
class Log:
    """A log that was read.

    Parameters
    ----------
    key : str
        Of the hashes of users.
    lists : list of ShownList
        In order.
    n_stray : int
        Events that name a request or an item that the log does not have.
    """

    key: str
    lists: list[ShownList]
    n_stray: int


class ShownLog:
    """Writes what is shown and taken, a JSON line each, at once; users stand in it as keyed hashes.

    Use `open`. The first line has the key, so that a log can be joined with the users of a model.
    """

    def __init__(self, path: Path, descriptor: int, key: str, *, torn: bool = False) -> None:
        self.path, self._descriptor, self._key, self._torn = path, descriptor, key, torn

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a log, or begin one that only its owner may read.

        Raises
        ------
        ResourceError
            If it cannot be written.
        DataError
            If the file is something else.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # not waiting for whoever might read a pipe: it is refused below
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            descriptor = os.open(path, flags, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise DataError(f"the log {path} is no file; choose another with --shown-log")
                if not _first_line(descriptor):
                    os.write(descriptor, _line({"format": FORMAT, "key": new_key()}))
                key = _key_of(_first_line(descriptor), path)  # of whoever was first, if two servers begin it at once
                return cls(path, descriptor, key, torn=_is_torn(descriptor))
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise ResourceError(
                f"the log {path} cannot be written ({error.strerror}); choose another with --shown-log"
            ) from error

    def shown(self, request: str, user: Key | None, question: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Write one answer.

        Parameters
        ----------
        request : str
        user : str or int, optional
        question : mapping
            As it was sent; user, user columns and new items are left out.
        answer : mapping
            Body of the answer.
        """
        kept = {name: value for name, value in question.items() if name not in LEFT_OUT}
        self._write({
            "shown": {
                "request": request, "time": int(time.time()), "variant": answer.get("variant", ""),
                "model": answer["model"], "user": "" if user is None else digest(self._key, user), "question": kept,
                "items": [entry["item"] for entry in answer["items"]],
                "probabilities": [entry.get("probability", 1.0) for entry in answer["items"]],
            }
        })  # fmt: skip

    def taken(self, request: str, item: Key, kind: str, means: str) -> None:
        """Write what was done with an item of an answer: the type of the event, and what it means to the model (`MEANINGS`)."""
        self._write({"taken": {"request": request, "time": int(time.time()), "item": item, "type": kind, "means": means}})

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = (b"\n" if self._torn else b"") + _line(record)  # a line that was cut off stays alone, and is left out
        try:
            self._torn = os.write(self._descriptor, line) < len(line)
        except OSError:  # a full disk: the answers go on, and a list without its line counts for nothing
            return


def read_log(path: Path) -> Log:
    """Read a log; lines that a stopped server or a full disk left unfinished are left out.

    Raises
    ------
    DataError
        If it is no log, or of a later version; the text names the line.
    """
    lists: dict[str, ShownList] = {}
    stray, key = 0, ""
    try:
        with path.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                if number == 1:
                    key = _key_of(line, path)
                    continue
                record = _parsed(line)
                if record is None:
                    if not line.endswith(b"\n") or _is_cut_off(line):
                        continue
                    raise DataError(
                        f"{path}, line {number} is no line of a log of a server; leave it out or copy the file again"
                    )
                try:
                    if "shown" in record:
                        told = record["shown"]
                        lists[str(told["request"])] = _shown(told)
                    elif "taken" in record:
                        told = record["taken"]
                        means, of = _meaning(told), lists.get(str(told["request"]))
                        if of is None or told["item"] not in of.items:
                            stray += 1
                        elif of.taken.get(told["item"]) != "like":
                            of.taken[told["item"]] = means
                except (KeyError, TypeError, ValueError):
                    raise DataError(f"{path}, line {number} lacks what a log has; copy the file again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); give the file of dualnet serve --shown-log") from None
    if not lists:
        raise DataError(f"{path} has no answers yet; let the server answer some questions with --shown-log {path.name}")
    return Log(key, list(lists.values()), stray)


def _shown(told: Mapping[str, Any]) -> ShownList:
    items, odds = list(told["items"]), told.get("probabilities")
    if odds is not None:
        odds = [float(one) for one in odds]
        if len(odds) != len(items) or not all(0 < one <= 1 for one in odds):
            raise ValueError("probabilities")
    if any(isinstance(item, bool) or not isinstance(item, str | int) for item in items):
        raise ValueError("items")
    return ShownList(
        str(told["request"]),
        str(told.get("user", "")),
        dict(told.get("question", {})),
        items,
        odds,
        str(told.get("variant", "")),
        time=int(told.get("time", 0)),
    )


def _meaning(told: Mapping[str, Any]) -> str:
    """Return what an event means; one of the types that every model knows is what it says."""
    means = str(told.get("means", told["type"]))
    if means not in MEANINGS:
        raise ValueError("means")
    return means


def _first_line(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as handle:
        handle.seek(0)
        return handle.readline(LONGEST_LINE)


def _is_torn(descriptor: int) -> bool:
    """Return whether the last line was not finished."""
    with os.fdopen(os.dup(descriptor), "rb") as handle:
        handle.seek(-1, os.SEEK_END)
        return handle.read(1) != b"\n"


def _is_cut_off(line: bytes) -> bool:
    """Return whether a line that is no JSON may be the beginning of one of a log, or nothing."""
    told = line.rstrip()
    return any(told.startswith(begin) or begin.startswith(told) for begin in BEGINNINGS)


def _key_of(line: bytes, path: Path) -> str:
    record = _parsed(line)
    if record is None or "format" not in record or "key" not in record:
        raise DataError(f"{path} is no log of what a server showed; give the file of dualnet serve --shown-log")
    if record["format"] != FORMAT:
        raise DataError(f"{path} has format {record['format']!r:.20}, this version reads {FORMAT}; upgrade dualnet")
    try:
        key = bytes.fromhex(str(record["key"]))
    except ValueError:
        key = b""
    if not 0 < len(key) <= LONGEST_KEY:
        raise DataError(f"{path} has no key of its users in the first line; copy the file again")
    return key.hex()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), default=_plain).encode() + b"\n"


def _plain(value: object) -> object:
    """Return what a question holds beside JSON: records and sequences."""
    if isinstance(value, Sequence):
        return list(value)
    return vars(value)
