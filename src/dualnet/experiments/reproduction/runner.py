"""The runner of a study: one cell after another, the cheapest and most telling first, shared with other processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...errors import DataError, ResourceError, TrainingError, TrainingInterruptedError, UsageError
from ...train.options import RunOptions
from ..bench import Fitted, fit_model, measure_on_test
from ..machine import describe_machine, package_versions
from ..result_lines import Record, claimed
from ..studies.cells import CURVE, Cell, Row, Study
from ..studies.costs import estimate_seconds, measured_seconds
from .data import Loader
from .results import Results, compact, plain_parameters

Say = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """A cell that has no result yet.

    Parameters
    ----------
    row : Row
        The first row that asks for it.
    cell : Cell
        The cell.
    seconds : float
        Estimate.
    rank : float
        Estimate times place among the row's repeats: the first division of all rows comes early, dear ones late.
    """

    row: Row
    cell: Cell
    seconds: float
    rank: float


def outstanding(study: Study, results: Results) -> list[Work]:
    """Return what is left to run, in the order of running.

    Parameters
    ----------
    study : Study
        The plan.
    results : Results
        What is done.
    """
    measured = measured_seconds(results.records)
    left = []
    for place, row, cell in study.cells():
        if not results.of(cell):
            seconds = estimate_seconds(cell, measured)
            left.append(Work(row, cell, seconds, seconds * (1 + place)))
    return sorted(left, key=lambda work: work.rank)


def why_not(cell: Cell) -> str | None:
    """Return why a cell cannot run in this version of the package, None if it can."""
    from ..studies.scope import known_names

    if cell.dataset not in known_names():
        return f"data set '{cell.dataset}' is not in this version"
    try:
        cell.build()
    except UsageError as error:
        return str(error)
    return None


def run_study(
    study: Study,
    results: Results,
    *,
    command: str,
    hours: float | None = None,
    say: Say = lambda text: None,
    run: RunOptions | None = None,
) -> dict[str, str]:
    """Run what is left of a study; a cell that another process is running is left to it, one of another study is taken over.

    Parameters
    ----------
    study : Study
        The plan.
    results : Results
        Where results are kept; each cell is kept as soon as it is done.
    command : str
        For the records.
    hours : float, optional
        A cell whose estimate does not fit what is left of so many hours is not started.
    say : callable
        Told what runs, for people.
    run : RunOptions, optional
        Progress and threads.

    Returns
    -------
    dict of str to str
        Why cells, by key, are still pending, where more is to be said than "not run yet".

    Raises
    ------
    ResourceError
        If results cannot be written.
    TrainingInterruptedError
        If a signal asked to stop.
    """
    started, loader = time.perf_counter(), Loader()
    for other in results.siblings():
        for work in outstanding(study, results):
            results.adopt(other, work.cell, study.name, work.row.label)
    blocked = {work.cell.key: why_not(work.cell) for work in outstanding(study, results)}
    reasons = {key: reason for key, reason in blocked.items() if reason is not None}
    tried = set(reasons)
    while True:
        left = [work for work in outstanding(study, results) if work.cell.key not in tried]
        if not left:
            return reasons
        work = left[0]
        tried.add(work.cell.key)
        if hours is not None and time.perf_counter() - started + work.seconds > hours * 3600:
            reasons[work.cell.key] = f"not started: about {duration(work.seconds)} do not fit the {hours:g} hours"
            continue
        with claimed(results.folder / ".claims", work.cell.key) as ours:
            results.reload()
            if not ours:
                reasons[work.cell.key] = "another process is running it"
            if not ours or results.of(work.cell):
                continue
            rest = sum(other.seconds for other in left)
            say(f"{work.row.label}: {work.cell}; about {duration(work.seconds)}, {len(left)} cells and {duration(rest)} left")
            try:
                run_cell(study.name, work.row, work.cell, results, loader, command, run or RunOptions())
            except TrainingInterruptedError:
                raise
            except (UsageError, DataError, ResourceError) as error:
                reasons[work.cell.key] = str(error)
                say(f"  pending: {error}")


def run_cell(study: str, row: Row, cell: Cell, results: Results, loader: Loader, command: str, run: RunOptions) -> list[Record]:
    """Fit one cell once, measure it on all its tasks, and keep the records.

    Parameters
    ----------
    study : str
        For the records.
    row : Row
        For the records.
    cell : Cell
        What to run.
    results : Results
        Where to keep it.
    loader : Loader
        Of data.
    command : str
        For the records.
    run : RunOptions
        Progress and threads.

    Raises
    ------
    UsageError, DataError, ResourceError
        If model or data cannot be had.
    """
    model = cell.build()
    parameters = plain_parameters(model.get_params())
    divisions = loader.divisions(cell)
    started = time.perf_counter()
    with TemporaryDirectory() as scratch:
        log = Path(scratch) / "log.jsonl"
        try:
            fitted = fit_model(model, cell.model, divisions[0], replace(run, log=log))
        except TrainingError as error:
            fitted = Fitted(model, cell.model, time.perf_counter() - started, f"training failed: {error}")
        history = read_history(log)
    measured = [
        pair
        for split in divisions
        for pair in measure_on_test(fitted, split, split.fingerprint(), cell.content_label, CURVE)
    ]  # fmt: skip
    seconds = round(time.perf_counter() - started, 3)
    records: list[Record] = []
    for record, result in measured:
        name = f"{cell.key}-{record['task']}-{record['candidates']}"
        if result.reason is None:
            results.save_users(name, result)
        records.append(
            {
                "key": cell.key,
                "study": study,
                "label": row.label,
                **record,
                "dataset": cell.dataset,
                "metrics": compact(record["metrics"]),
                "options": dict(cell.options),
                "part": cell.users,
                "preset": cell.preset,
                "row_parameters": plain_parameters(cell.parameters),
                "parameters": parameters,
                "seconds": seconds,
                "history": history if not records else [],
                "per_user": name,
                "command": command,
                "machine": describe_machine(),
                "versions": package_versions(),
                "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            }
        )
    results.add(records)
    return records


def read_history(log: Path) -> list[dict[str, Any]]:
    """Return the figures of each epoch that a fit logged, none if it logged none."""
    if not log.exists():
        return []
    epochs = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [{name: float(f"{v:.5g}") if isinstance(v, float) else v for name, v in epoch.items()} for epoch in epochs]


def duration(seconds: float) -> str:
    """Return a span of time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
