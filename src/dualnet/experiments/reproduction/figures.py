"""Figures of a table row from its records: means, intervals, and what is pending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..result_lines import Record
from ..significance import Interval, interval_over_runs
from ..studies.cells import CURVE, Block, Row
from .results import Results
from .runner import why_not


@dataclass(frozen=True, eq=False)
class RowResult:
    """One row as far as it is done.

    Parameters
    ----------
    row : Row
        The row.
    figures : dict of int to Interval
        Recall by cut-off of `CURVE`: mean over runs with a t-interval, or of one run with an interval over its users.
    over : str
        ``runs`` or ``users``: what the interval is over.
    done, planned : int
        Runs; of a row with figures, those behind them.
    reason : str, optional
        Why there are no figures, or not of all runs: not available, failed, or pending.
    records : list of Record
        One a run, for this candidate set.
    """

    row: Row
    figures: dict[int, Interval]
    over: str
    done: int
    planned: int
    reason: str | None
    records: list[Record]

    @property
    def is_pending(self) -> bool:
        """Whether nothing of the row ran yet."""
        return self.done == 0

    def over_users(self, cut: int) -> Interval:
        """Return the mean with the interval over users, whose bounds are means over the runs."""
        entries = [record["metrics"][f"recall@{cut}"] for record in self.records]
        low, high = np.mean([entry["ci95"] for entry in entries], axis=0).tolist()
        return Interval(self.figures[cut].mean, low, high, self.records[0]["users"])


def row_result(results: Results, block: Block, row: Row, candidates: str | None, pending: Mapping[str, str]) -> RowResult:
    """Gather one row of a block.

    Parameters
    ----------
    results : Results
        What is done.
    block : Block
        The table.
    row : Row
        The row.
    candidates : str, optional
        Candidate set, where the block has several, or one of `SERVED`; see `Results.asked`.
    pending : mapping of key to str
        What is known of why a cell did not run.
    """
    cells = block.cells(row)
    records, why = [], []
    for cell in cells:
        found = results.asked(cell, candidates)
        records += found
        if not found:
            changed = results.outdated(cell)
            why.append(
                pending.get(cell.key)
                or why_not(cell)
                or (f"parameters changed since it ran: {changed}" if changed else "not run yet")
            )
    with_figures = [record for record in records if record["metrics"]]
    if not with_figures:
        reason = f"n/a: {records[0]['reason']}" if records else f"pending: {why[0]}"
        return RowResult(row, {}, "", len(records), len(cells), reason, [])
    figures = {}
    for cut in CURVE:
        entries = [record["metrics"][f"recall@{cut}"] for record in with_figures]
        over_runs = interval_over_runs([entry["mean"] for entry in entries])
        low, high = entries[0]["ci95"]
        figures[cut] = over_runs or Interval(entries[0]["mean"], low, high, with_figures[0]["users"])
    over = "runs" if len(with_figures) > 1 else "users"
    reasons = [f"{len(why)} pending: {why[0]}"] if why else []
    if failed := [record["reason"] for record in records if not record["metrics"]]:
        reasons.append(f"{len(failed)} n/a: {failed[0]}")
    return RowResult(row, figures, over, len(with_figures), len(cells), "; ".join(reasons) or None, with_figures)


def ordering(block: Block, rows: Mapping[str, RowResult]) -> list[str]:
    """Return, for each cut-off, whether the order that the paper claims was found, in words.

    Parameters
    ----------
    block : Block
        With the claimed order.
    rows : mapping of label to RowResult
        What was found.
    """
    named = [rows[label] for label in block.order if label in rows]
    if len(named) < 2 or any(not row.figures for row in named):
        return []
    claim = " < ".join(row.row.label for row in named)
    over = {"runs": lambda row, cut: row.figures[cut], "users": lambda row, cut: row.over_users(cut)}
    if any(row.over == "users" for row in named):
        del over["runs"]
    lines = []
    for cut in block.cuts:
        found = sorted(named, key=lambda row: row.figures[cut].mean)
        text = f"R@{cut}: the paper's order ({claim}) is "
        if found == named:
            text += "found"
        else:
            text += f"not found; ours is {' < '.join(row.row.label for row in found)}"
        for what, interval in over.items():
            touching = [
                f"{lower.row.label} and {upper.row.label}"
                for lower, upper in pairwise(found)
                if interval(lower, cut).overlaps(interval(upper, cut))
            ]
            text += (
                f"; the intervals over {what} of {', '.join(touching)} overlap"
                if touching
                else f"; no intervals over {what} overlap"
            )
        lines.append(text + ".")
    return lines


@dataclass(frozen=True)
class Race:
    """Time that one row took to reach a validation recall that all rows reach.

    Parameters
    ----------
    label : str
        The row.
    target : float
        Mean target over the runs.
    epochs, seconds, epoch_seconds : float
        Means over the runs: to the target, and of one epoch.
    runs : int
        Runs in the means.
    """

    label: str
    target: float
    epochs: float
    seconds: float
    epoch_seconds: float
    runs: int


def race(rows: Mapping[str, RowResult], monitor: str = "recall@auto") -> list[Race]:
    """Return epochs and seconds to the same validation recall, from runs on the same seed.

    The target of a seed is 99 % of the best that the weakest row reaches, so that every row reaches it.

    Parameters
    ----------
    rows : mapping of label to RowResult
        Rows with the history of their training.
    monitor : str
        Validation figure.
    """
    histories = {
        label: {(record["seed"], record["fold"]): validated(record) for record in row.records} for label, row in rows.items()
    }
    shared = [place for place in next(iter(histories.values()), {}) if all(runs.get(place) for runs in histories.values())]
    if not shared or len(histories) < 2:
        return []
    targets = {
        place: 0.99 * min(max(epoch[monitor] for epoch in runs[place]) for runs in histories.values()) for place in shared
    }
    found = []
    for label, runs in histories.items():
        reached = []
        for place in shared:
            epochs = runs[place]
            stop = next(k for k, epoch in enumerate(epochs, 1) if epoch[monitor] >= targets[place])
            spent = [epoch["seconds"] for epoch in epochs]
            reached.append((stop, sum(spent[:stop]), sum(spent) / len(spent)))
        steps, seconds, each = np.mean(reached, axis=0).tolist()
        found.append(Race(label, float(np.mean([*targets.values()])), steps, seconds, each, len(shared)))
    return found


def validated(record: Record) -> list[Record]:
    """Return the epochs of the fit that chose: those with validation figures."""
    return [epoch for epoch in record["history"] if any(name.startswith("recall@") for name in epoch)]
