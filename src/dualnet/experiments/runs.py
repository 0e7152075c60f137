"""One run = one model on one split = one JSON record for each task; resumable line by line."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data.dataset import Dataset
from ..data.tasks import Split
from ..errors import CapabilityError, DataError, ResourceError
from ..evaluation import evaluate
from ..models.base import Recommender
from ..report import Report, TaskResult
from ..train.options import RunOptions


@dataclass(frozen=True)
class Bench:
    """A table of runs: every model on every split.

    Parameters
    ----------
    data : Dataset
        With the chosen content.
    content : str
        The content columns in use, for the record.
    protocol : str
        Name of the protocol.
    divide : callable
        From (seed, fold) to a split.
    models : sequence of (name, callable)
        From a seed to an unfitted model.
    seeds : sequence of int
        Seeds of split and model.
    folds : sequence of int or None
        Folds to run; ``(None,)`` without folds.
    at : sequence of int
        Cut-offs.
    """

    data: Dataset
    content: str
    protocol: str
    divide: Callable[[int, int | None], Split]
    models: Sequence[tuple[str, Callable[[int], Recommender]]]
    seeds: Sequence[int]
    folds: Sequence[int | None]
    at: Sequence[int]
    run: RunOptions = field(default_factory=RunOptions)

    def records(self, out: Path | None = None, say: Callable[[str], None] = lambda text: None) -> Iterator[dict[str, Any]]:
        """Yield one record a model, task, fold and seed.

        Parameters
        ----------
        out : Path, optional
            Folder with ``results.jsonl``: finished runs found there are yielded from it, new ones are appended.
        say : callable
            Told what runs, for people.

        Raises
        ------
        ResourceError
            If the results file cannot be written.
        """
        lines = None if out is None else out / "results.jsonl"
        finished = _finished(lines)
        for seed in self.seeds:
            for fold in self.folds:
                split: Split | None = None
                for name, build in self.models:
                    if split is None:
                        split = self.divide(seed, fold)
                        fingerprint = split.fingerprint()
                    model = build(seed)
                    key = _key(name, repr(model), self.content, self.protocol, fold, seed, fingerprint, list(self.at))
                    if key in finished:
                        yield from finished[key]
                        continue
                    where = f"{self.data.name}, {self.protocol}, seed {seed}" + ("" if fold is None else f", fold {fold}")
                    say(f"{name}: {where}")
                    fresh = [
                        {**r, "key": key} for r in run_model(model, name, split, fingerprint, self.content, self.at, self.run)
                    ]
                    if lines is not None:
                        _append(lines, fresh)
                    yield from fresh


def run_model(
    model: Recommender, name: str, split: Split, fingerprint: str, content: str, at: Sequence[int], run: RunOptions
) -> list[dict[str, Any]]:
    """Fit a model on a split and return one record a task, with the fields of the JSON contract.

    Parameters
    ----------
    model : Recommender
        Unfitted.
    name : str
        What the record calls it.
    split : Split
        Training set, validation, tasks.
    fingerprint : str
        Of the split.
    content : str
        Content columns in use.
    at : sequence of int
        Cut-offs.
    run : RunOptions
        Progress and logs.
    """
    started = time.perf_counter()
    try:
        model.fit(split.train, split.validation, run=run)
        fit_seconds = time.perf_counter() - started
        report = evaluate(model, split, at=at)
        size: int | None = model.n_parameters
    except CapabilityError as error:
        fit_seconds, size = 0.0, None
        report = Report(
            [TaskResult(t.name, t.candidate_set, len(t.candidates), reason=str(error)) for t in split.tasks], tuple(at)
        )
    return [
        {
            "model": name,
            "dataset": split.train.name,
            "content": content,
            "protocol": split.protocol,
            "task": result.name,
            "fold": split.fold,
            "seed": split.seed,
            "fit_on": split.fit_on,
            "candidates": result.candidate_set,
            "split": fingerprint,
            "metrics": result.metrics() if result.reason is None else {},
            "users": result.n_users,
            "fit_seconds": round(fit_seconds, 3),
            "score_seconds": round(result.seconds, 3),
            "peak_rss_mb": round(peak_rss_mb(), 1),
            "params": size,
            "reason": result.reason,
        }
        for result in report.results
    ]


def peak_rss_mb() -> float:
    """Return the largest resident size of this process so far, in MB (2^20 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux also counts what the parent used in ru_maxrss
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _key(*parts: object) -> str:
    return json.dumps(parts, default=str)


def _finished(lines: Path | None) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if lines is None or not lines.exists():
        return found
    for number, line in enumerate(lines.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record = json.loads(line)
            found.setdefault(record["key"], []).append(record)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{lines}, line {number} is not a result record ({error}); remove the line or choose another --out"
            ) from error
    return found


def _append(lines: Path, records: list[dict[str, Any]]) -> None:
    try:
        lines.parent.mkdir(parents=True, exist_ok=True)
        before = lines.read_bytes() if lines.exists() else b""
        text = "".join(json.dumps(record, allow_nan=False) + "\n" for record in records)
        temporary = lines.with_name(f".{lines.name}.tmp")
        temporary.write_bytes(before + text.encode())
        temporary.replace(lines)  # all records of a run, or none
    except OSError as error:
        raise ResourceError(f"cannot write {lines}: {error.strerror or error}; choose another --out") from error
