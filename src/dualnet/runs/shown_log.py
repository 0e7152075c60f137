"""The log of what a server showed and what was taken of it: written line by line, and read for an estimate off line."""

from __future__ import annotations

import json
import os
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
        What was taken of it, and the type of the event.
    """

    request: str
    user: str
    question: Mapping[str, Any]
    items: list[Key]
    probabilities: list[float] | None
    variant: str = ""
    taken: dict[Key, str] = field(default_factory=dict)


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

    def __init__(self, path: Path, descriptor: int, key: str) -> None:
        self.path, self._descriptor, self._key = path, descriptor, key

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
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(os.dup(descriptor), "rb") as handle:
                first = handle.readline(LONGEST_LINE)
            key = _key_of(first, path) if first else new_key()
            if not first:
                os.write(descriptor, _line({"format": FORMAT, "key": key}))
        except OSError as error:
            raise ResourceError(
                f"the log {path} cannot be written ({error.strerror}); choose another with --shown-log"
            ) from error
        return cls(path, descriptor, key)

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

    def taken(self, request: str, item: Key, kind: str) -> None:
        """Write that an item of an answer was taken, by an event of a type."""
        self._write({"taken": {"request": request, "time": int(time.time()), "item": item, "type": kind}})

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, record: Mapping[str, Any]) -> None:
        line = _line(record)
        try:
            written = os.write(self._descriptor, line)
        except OSError:  # a full disk: the answers go on, and a list without its line counts for nothing
            return
        if written < len(line):
            os.write(self._descriptor, b"\n")  # the rest of the line is lost: it is no JSON, and is left out


def read_log(path: Path) -> Log:
    """Read a log; a line that a stopped server left unfinished is left out.

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
                    if not line.endswith(b"\n") or not line.strip():
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
                        of = lists.get(str(told["request"]))
                        if of is None or told["item"] not in of.items:
                            stray += 1
                        else:
                            of.taken[told["item"]] = str(told["type"])
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
    return ShownList(
        str(told["request"]),
        str(told.get("user", "")),
        dict(told.get("question", {})),
        items,
        odds,
        str(told.get("variant", "")),
    )


def _key_of(line: bytes, path: Path) -> str:
    record = _parsed(line)
    if record is None or "format" not in record or "key" not in record:
        raise DataError(f"{path} is no log of what a server showed; give the file of dualnet serve --shown-log")
    if record["format"] != FORMAT:
        raise DataError(f"{path} has format {record['format']!r:.20}, this version reads {FORMAT}; upgrade dualnet")
    return bytes.fromhex(str(record["key"])).hex()


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
