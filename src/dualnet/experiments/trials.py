"""The trials of a search, kept as one JSON line each, and read back when the search goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, ResourceError, UsageError
from ..files import writing
from ..train.best_figure import best_place

STATES = ("complete", "pruned", "failed")
START = b'{"trial": '  # of every line; what else a file ends with is not ours to remove


def read_trials(path: Path, search: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trials of a search so far; a last line that was cut short by a kill is removed from the file.

    Parameters
    ----------
    path : Path
        ``trials.jsonl``; it need not exist.
    search : mapping
        What all trials of the search share.

    Raises
    ------
    DataError
        If another line cannot be read.
    UsageError
        If a trial is of another search; the text names what differs.
    ResourceError
        If the file cannot be read or mended.
    """
    if not path.exists():
        return []
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResourceError(f"cannot read {path}: {error.strerror or error}; choose another --out") from error
    whole = content[: content.rfind(b"\n") + 1]
    torn = content[len(whole) :]
    if not torn.startswith(START[: len(torn)]):
        raise DataError(f"{path} does not end with a trial; remove its last line or choose another --out")
    trials: list[dict[str, Any]] = []
    for number, line in enumerate(whole.decode("utf-8", "replace").splitlines(), 1):
        try:
            trial = json.loads(line)
            theirs, sound = trial["search"], trial["state"] in STATES and isinstance(trial["params"], dict)
        except (ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise DataError(f"{path}, line {number} is not a trial; remove the line or choose another --out")
        shared = {*search, *theirs} - ({"tables"} if "tables" not in theirs else set())  # earlier versions did not say
        different = sorted(key for key in shared if search.get(key) != theirs.get(key))
        if different:
            changes = ", ".join(f"{key}: {theirs.get(key)} there, {search.get(key)} now" for key in different[:3])
            raise UsageError(f"{path} is of another search ({changes}); choose another --out")
        trials.append(trial)
    if torn:
        try:
            os.truncate(path, len(whole))
        except OSError as error:
            raise ResourceError(f"cannot mend {path}: {error.strerror or error}; choose another --out") from error
    return trials


def append_trial(path: Path, trial: Mapping[str, Any]) -> None:
    """Write one trial at the end of the file, and to the disk.

    Raises
    ------
    ResourceError
        If it cannot be written.
    """
    with writing(path, "choose another --out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(trial, allow_nan=False) + "\n")
            handle.flush()
            os.fsync(handle.fileno())


def params_key(params: Mapping[str, Any]) -> str:
    """Return a text that is the same for the same parameters, whatever their order."""
    return json.dumps(params, sort_keys=True)


def best_trial(trials: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the complete trial with the largest value, of equal ones the first; none without a complete one.

    Only trials that serve as many validation tasks as any other count: parameters that leave a model without new items would
    else win by what is not asked of them.
    """
    complete = serving_most(trials)
    return complete[best_place([float(trial["value"]) for trial in complete])] if complete else None


def serving_most(trials: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the complete trials that serve the most validation tasks; those of earlier versions do not say, and count as well."""
    complete = [trial for trial in trials if trial["state"] == "complete"]
    most = max((trial.get("tasks", 0) for trial in complete), default=0)
    return [trial for trial in complete if trial.get("tasks", most) == most]
