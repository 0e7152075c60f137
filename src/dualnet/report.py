"""Results of an evaluation: figures, intervals and breakdowns, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .ids import Key

PROTOCOL_TEXT = (
    "Recall@M per user: hits in the top M / all held-out positives of the user among the candidates; averaged over users with"
    " at least one. Items visible to the model are not candidates. A group of equal scores counts at its expected value."
)

SERVED_TEXT = (
    "known-all, new-all: one list of all items, known and new together, as it is served; the held-out pairs of both kinds are to"
    " be found in it."
)
FIRST = 10  # places of a served list that people see first


@dataclass(frozen=True, eq=False)
class TaskResult:
    """Figures of one task.

    Parameters
    ----------
    name : str
        Quadrant, such as ``known-new``; ``known-all`` or ``new-all`` for one list of all items.
    candidate_set : str
        ``task``, ``all`` or ``given``.
    n_candidates : int
        Items ranked for each user.
    user_ids : list
        Users with at least one held-out positive, in the order of `per_user`.
    per_user : dict of str to ndarray, shape (len(user_ids),)
        Each metric of each user, such as ``recall@50``; of served lists also ``new_share@M`` and ``unliked_share@M``.
    overall : dict
        Figures of the lists as a whole: ``coverage@M``, ``gini@M`` and, where some candidates have visible events,
        ``popular_share@M``; see `dualnet.metrics`. Of served lists ``known_recall@M`` and ``new_recall@M``: the recall of
        known and of new items among all, each over the users who have any to find.
    intervals : dict
        95 % bootstrap interval of each mean.
    skipped_users : int
        Users without a held-out positive among the candidates.
    unscorable_items : int
        Candidates that the model cannot score; they were put last.
    breakdown_cut : int
        M of the two breakdowns.
    by_history, by_popularity : list of dict
        Mean recall by length of the visible history, and share of held-out pairs found by popularity of the item.
    first_ten : list of dict
        Of served lists, by length of the visible history: precision of the first 10 and their shares of new items and of
        items that nobody likes.
    reason : str, optional
        Why there are no figures (n/a).
    seconds : float
        Time to encode, rank and measure.
    """

    name: str
    candidate_set: str
    n_candidates: int
    user_ids: list[Key] = field(default_factory=list)
    per_user: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    overall: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    skipped_users: int = 0
    unscorable_items: int = 0
    breakdown_cut: int = 50
    by_history: list[dict[str, float | int | str]] = field(default_factory=list)
    by_popularity: list[dict[str, float | int | str]] = field(default_factory=list)
    first_ten: list[dict[str, float | int | str]] = field(default_factory=list)
    reason: str | None = None
    seconds: float = 0.0

    @property
    def n_users(self) -> int:
        """Users that the means are over."""
        return len(self.user_ids)

    @property
    def is_served(self) -> bool:
        """Whether it is about one list of all items, as it is served."""
        return self.name.endswith("-all")

    def mean(self, metric: str) -> float:
        """Return the mean of one metric, such as ``recall@50``.

        Raises
        ------
        UsageError
            If the metric was not measured.
        """
        if metric in self.per_user:
            return float(self.per_user[metric].mean())
        if metric in self.overall:
            return self.overall[metric]
        raise UsageError(f"task {self.name} has no figure '{metric}'" + (f": {self.reason}" if self.reason else ""))

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return ``{"recall@50": {"mean": ..., "ci95": [low, high]}, ...}``."""
        figures: dict[str, dict[str, Any]] = {}
        for name in self.per_user:
            figures[name] = {"mean": self.mean(name)}
            if name in self.intervals:
                figures[name]["ci95"] = list(self.intervals[name])
        return figures | {name: {"mean": value} for name, value in self.overall.items()}

    def first_places(self) -> str:
        """Return what the first 10 places of served lists hold, as a sentence; empty for another task."""
        if not self.is_served or self.reason is not None:
            return ""
        return f"of the first {FIRST} places " + ", ".join(served_shares(self.metrics()))

    def by_length(self) -> str:
        """Return the first 10 places of served lists by length of the history, as a line; empty where there is one length."""
        if len(self.first_ten) < 2:
            return ""
        parts = [
            f"{row['bin']} {row['precision']:.3f}"
            + (f" ({100 * float(row['new_share']):.0f} % new)" if "new_share" in row else "")
            for row in self.first_ten
        ]
        return f"{self.name}, precision@{FIRST} by likes shown: {', '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, without per-user values."""
        return {
            "task": self.name,
            "candidates": self.candidate_set,
            "n_candidates": self.n_candidates,
            "users": self.n_users,
            "skipped_users": self.skipped_users,
            "unscorable_items": self.unscorable_items,
            "metrics": self.metrics(),
            "breakdown_cut": self.breakdown_cut,
            "by_history": self.by_history,
            "by_popularity": self.by_popularity,
            **({"first_ten": self.first_ten, "question": SERVED_TEXT} if self.is_served else {}),
            "reason": self.reason,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class Report:
    """Figures of all tasks of an evaluation.

    Parameters
    ----------
    results : list of TaskResult
        One for each task.
    cuts : tuple of int
        The cut-offs.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
    >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(5, 10), bootstrap=10)
    >>> report.results[0].name
    'known-known'
    """

    results: list[TaskResult]
    cuts: tuple[int, ...]

    def __getitem__(self, name: str) -> TaskResult:
        for result in self.results:
            if result.name == name:
                return result
        raise UsageError(f"the report has no task '{name}'; it has {', '.join(result.name for result in self.results)}")

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
        >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(5, 10), bootstrap=10)
        >>> report.to_json()["cuts"]
        [5, 10]
        """
        return {"protocol": PROTOCOL_TEXT, "cuts": list(self.cuts), "tasks": [result.to_json() for result in self.results]}

    def shown_cuts(self) -> tuple[int, ...]:
        """Return the informative cut-offs: those that are not above the number of candidates of every task; at least the smallest.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())  # 48 items
        >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(5, 10, 100), bootstrap=10)
        >>> report.shown_cuts()
        (5, 10)
        """
        return sensible_cuts(self.cuts, [result.n_candidates for result in self.results])

    def table(self, metrics: Sequence[str] = ("recall",)) -> str:
        """Return a plain-text table, one row a task and metric, with 95 % intervals.

        Cut-offs above the number of candidates of every task are left out, those above the candidates of one task are ``-``:
        such a list holds everything, whatever the model.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
        >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(5, 10), bootstrap=10)
        >>> print(report.table())
        task          metric                       @5                 @10
        known-known   recall      ...
        known-all     recall      ...
        """
        cuts = self.shown_cuts()
        lines = ["task".ljust(14) + "metric".ljust(11) + "".join(f"@{cut}".rjust(20) for cut in cuts)]
        for result in self.results:
            if result.reason is not None:
                lines.append(f"{result.name.ljust(14)}n/a: {result.reason}")
                continue
            for metric in metrics:
                cells = []
                for cut in cuts:
                    if cut > result.n_candidates and cut != cuts[0]:
                        cells.append("-".rjust(20))
                        continue
                    name = f"{metric}@{cut}"
                    cell = f"{result.mean(name):.3f}"
                    if name in result.intervals:
                        low, high = result.intervals[name]
                        cell += f" [{low:.3f} {high:.3f}]"
                    cells.append(cell.rjust(20))
                lines.append(result.name.ljust(14) + metric.ljust(11) + "".join(cells))
        return "\n".join(lines)

    def __str__(self) -> str:
        notes = [
            f"{r.name}: {r.n_users:,} users, {r.n_candidates:,} candidates"
            + (f", {r.skipped_users:,} users skipped (nothing held out)" if r.skipped_users else "")
            + (f", {r.unscorable_items:,} candidates without a score put last" if r.unscorable_items else "")
            + (f"; {first}" if (first := r.first_places()) else "")
            for r in self.results
        ]
        left_out = cut_notes(self.cuts, [r.n_candidates for r in self.results])
        served = [SERVED_TEXT] if any(r.is_served for r in self.results) else []
        served += [line for r in self.results if (line := r.by_length())]
        return "\n".join([self.table(), *notes, *left_out, *served, PROTOCOL_TEXT])


def served_shares(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is known of the first 10 places of a served list, a clause each, from `TaskResult.metrics`."""
    clauses = (
        ("precision", "hold a held-out like"),
        ("new_share", "an item that nobody liked in training"),
        ("unliked_share", "one that nobody likes in the whole data"),
    )
    present = [(metrics[f"{name}@{FIRST}"]["mean"], text) for name, text in clauses if f"{name}@{FIRST}" in metrics]
    return [f"{100 * mean:.1f} % {text}" for mean, text in present]


def sensible_cuts(cuts: Sequence[int], candidates: Sequence[int]) -> tuple[int, ...]:
    """Return the cut-offs that are not above the number of candidates of every task; at least the smallest."""
    most = max(candidates, default=0)
    return tuple(cut for cut in cuts if cut <= most) or (min(cuts),)


def cut_notes(cuts: Sequence[int], candidates: Sequence[int]) -> list[str]:
    """Return what a person has to know of cut-offs that are not shown, a sentence a line."""
    shown = sensible_cuts(cuts, candidates)
    left_out = [str(cut) for cut in cuts if cut not in shown]
    notes = []
    if any(cut > count for cut in shown[1:] for count in candidates):
        notes.append("-: the task has fewer candidates than the list is long")
    if left_out:
        notes.append(f"left out: @{', @'.join(left_out)}, above the number of candidates ({max(candidates, default=0):,})")
    return notes
