"""Runs of a benchmark: one model on one split, one JSON record for each task; finished runs are not repeated."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data.dataset import Dataset
from ..data.tasks import Split
from ..errors import CapabilityError
from ..evaluation import evaluate
from ..models.base import Recommender
from ..report import Report, TaskResult
from ..train.options import RunOptions
from .result_lines import add_run, by_key, read_lines


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
    run : RunOptions
        Progress and logs.
    tables : str
        What tells the content, and how it is read, from others: a finished run of other tables is another run. Empty for
        named data, which are always the same.
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
    tables: str = ""

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
        finished = {} if lines is None else by_key(read_lines(lines))
        for seed in self.seeds:
            for fold in self.folds:
                split: Split | None = None
                for name, build in self.models:
                    if split is None:
                        split = self.divide(seed, fold)
                        fingerprint = split.fingerprint()
                    model = build(seed)
                    changed = self.run.changed_choices
                    told = (
                        self.content,
                        self.protocol,
                        fold,
                        seed,
                        fingerprint,
                        list(self.at),
                        *filter(None, [self.tables, changed]),
                    )
                    key = _key(name, model._in_one_line(), *told)
                    if key in finished:
                        yield from finished[key]
                        continue
                    where = f"{self.data.name}, {self.protocol}, seed {seed}" + ("" if fold is None else f", fold {fold}")
                    say(f"{name}: {where}")
                    fitted = fit_model(model, name, split, self.run)
                    fresh = [{**r, "key": key} for r, _ in measure_on_test(fitted, split, fingerprint, self.content, self.at)]
                    if lines is not None:
                        add_run(lines, fresh)
                    yield from fresh


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model after `fit_model`.

    Parameters
    ----------
    model : Recommender
        Fitted, unless there is a reason why not.
    name : str
        What records call it.
    seconds : float
        Of fitting.
    reason : str, optional
        Why it could not be fitted (n/a).
    """

    model: Recommender
    name: str
    seconds: float
    reason: str | None = None


def fit_model(model: Recommender, name: str, split: Split, run: RunOptions) -> Fitted:
    """Fit a model on a split; a model that cannot (such as one that needs content) says why.

    Parameters
    ----------
    model : Recommender
        Unfitted.
    name : str
        What records call it.
    split : Split
        Training set and validation.
    run : RunOptions
        Progress and logs.
    """
    started = time.perf_counter()
    try:
        model.fit(split.train, split.validation, run=run)
    except CapabilityError as error:
        return Fitted(model, name, 0.0, str(error))
    return Fitted(model, name, time.perf_counter() - started)


def measure_on_test(
    fitted: Fitted, split: Split, fingerprint: str, content: str, at: Sequence[int]
) -> list[tuple[dict[str, Any], TaskResult]]:
    """Evaluate a fitted model on the test tasks and served lists; return a record with the fields of the JSON contract, and the result, of each.

    Parameters
    ----------
    fitted : Fitted
        The model.
    split : Split
        Test tasks; the training set is that of the fit.
    fingerprint : str
        Of the split.
    content : str
        Content columns in use.
    at : sequence of int
        Cut-offs.
    """
    if fitted.reason is None:
        report = evaluate(fitted.model, split, at=at)
    else:
        every = (*split.tasks, *split.served)
        report = Report(
            [TaskResult(t.name, t.candidate_set, len(t.candidates), reason=fitted.reason) for t in every], tuple(at)
        )
    peak = peak_rss_mb()
    return [
        (
            {
                "model": fitted.name,
                "dataset": split.train.name,
                "content": content,
                "protocol": split.protocol,
                "task": result.name,
                "fold": split.fold,
                "seed": split.seed,
                "fit_on": split.fit_on,
                "candidates": result.candidate_set,
                "n_candidates": result.n_candidates,
                "split": fingerprint,
                "metrics": result.metrics() if result.reason is None else {},
                "users": result.n_users,
                "fit_seconds": round(fitted.seconds, 3),
                "score_seconds": round(result.seconds, 3),
                "peak_rss_mb": None if peak is None else round(peak, 1),
                "params": fitted.model.n_parameters if fitted.reason is None else None,
                "reason": result.reason,
                **({"first_ten": result.first_ten} if result.is_served else {}),
            },
            result,
        )
        for result in report.results
    ]


def peak_rss_mb() -> float | None:
    """Return the largest resident size of this process so far, in MB (2^20 bytes), None where the system does not tell (Windows)."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux also counts what the parent used in ru_maxrss
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _key(*parts: object) -> str:
    return json.dumps(parts, default=str)
