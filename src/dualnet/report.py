"""Results of an evaluation: figures, intervals and breakdowns, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError, counted
from .ids import Key
from .representations import represented
from .tabular import NOTHING, Tabular, html_table, wrapped

PROTOCOL_TEXT = (
    "Recall@M per user: hits in the top M / all held-out positives of the user among the candidates; averaged over users with"
    " at least one. Items visible to the model are not candidates. A group of equal scores counts at its expected value."
)

SERVED_TEXT = (
    "known-all, new-all: one list of all items, known and new together, as it is served; the held-out pairs of both kinds are to"
    " be found in it."
)
TASK, METRIC, CELL = 14, 11, 20  # characters of the columns of the table
FIRST = 10  # places of a served list that people see first


@dataclass(frozen=True, eq=False, repr=False)
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
        Each metric of each user, such as ``recall@50``, also ``diversity@M`` of the smallest M, and ``novelty@M`` where some
        candidates have visible events; of served lists also ``new_share@M`` and ``unliked_share@M``.
    overall : dict
        Figures of the lists as a whole: ``coverage@M``, ``gini@M`` and, where some candidates have visible events,
        ``popular_share@M``; see `dualnet.metrics`. Of served lists ``known_recall@M`` and ``new_recall@M``: the recall of
        known and of new items among all, each over the users who have any to find.
    intervals : dict
        95 % bootstrap interval of each mean, and that of ``coverage@M`` (`metrics.coverage_interval`).
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
    new_to_find : float, optional
        Of served lists: share of the held-out pairs whose item nobody liked in training, beside which `new_share@M` is to be seen.
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
    new_to_find: float | None = None
    reason: str | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        figures = [] if self.reason else [f"{name} {self.mean(name):.3f}" for name in self.per_user]
        told = self.reason or counted(len(self.user_ids), "{user|users}")
        return represented("TaskResult", [told, *figures], f"{self.name}:")

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
        for name, value in self.overall.items():
            figures[name] = {"mean": value} | ({"ci95": list(self.intervals[name])} if name in self.intervals else {})
        return figures

    def first_places(self) -> list[str]:
        """Return what the first 10 places of served lists hold, a line each; none for another task."""
        if not self.is_served or self.reason is not None:
            return []
        to_find = "" if self.new_to_find is None else f" (of the held-out likes {100 * self.new_to_find:.1f} % are)"
        clauses = {
            f"precision@{FIRST}": "hold a held-out like (the more the better)",
            f"new_share@{FIRST}": f"an item that nobody liked in training{to_find}",
            f"unliked_share@{FIRST}": "one that nobody likes in the whole data (the fewer the better)",
        }
        told = [f"{100 * self.mean(name):.1f} % {text}" for name, text in clauses.items() if name in self.per_user]
        return [f"of the first {FIRST} places {told[0]}", *told[1:]]

    def variety(self) -> str:
        """Return how unlike the first items of the lists are, how little known, and how many are shown to anyone, as a clause."""
        cut = next((name.partition("@")[2] for name in self.per_user if name.startswith("diversity@")), None)
        if cut is None or self.reason is not None:
            return ""
        parts = [f"diversity {_figure(self, f'diversity@{cut}')}"]
        if f"novelty@{cut}" in self.per_user:
            parts.append(f"novelty {_figure(self, f'novelty@{cut}')} bits")
        parts.append(f"coverage {_figure(self, f'coverage@{cut}')}")
        return f"of the first {cut} places: {', '.join(parts)}"

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
            **(
                {"first_ten": self.first_ten, "new_to_find": self.new_to_find, "question": SERVED_TEXT}
                if self.is_served
                else {}
            ),
            "reason": self.reason,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Figures of another model on the tasks of a report, and the paired differences from it.

    Parameters
    ----------
    model : str
        Name of the other model.
    report : Report
        Its figures.
    differences : dict
        By task and metric: mean over users of the figure of the report's model less that of the other, and the ends of the 95 % interval.
    """

    model: str
    report: Report
    differences: dict[str, dict[str, tuple[float, float, float]]]

    def __repr__(self) -> str:
        return represented("Comparison", [repr(self.report)], f"with {self.model}:")

    def verdict(self, task: str, metric: str, ours: str) -> str:
        """Return who is better on a task, as a sentence; empty where one of the two has no figures."""
        if metric not in self.differences.get(task, {}):
            return ""
        mean, low, high = self.differences[task][metric]
        if low <= 0 <= high:
            return f"{task}, {metric}: {ours} and {self.model} are level ({mean:+.3f}, 95 % interval {low:+.3f} to {high:+.3f})"
        better, worse = (ours, self.model) if mean > 0 else (self.model, ours)
        low, high = sorted((abs(low), abs(high)))
        return f"{task}, {metric}: {better} is ahead of {worse} by {abs(mean):.3f} (95 % interval {low:.3f} to {high:.3f})"


@dataclass(frozen=True, eq=False, repr=False)
class Report(Tabular):
    """Figures of all tasks of an evaluation: print it for a table and the verdicts; `to_pandas` has every figure.

    Parameters
    ----------
    results : list of TaskResult
        One for each task.
    cuts : tuple of int
        The cut-offs.
    model : str
        Name of the model.
    against : tuple of Comparison
        Other models on the same tasks.

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
    model: str = "model"
    against: tuple[Comparison, ...] = ()

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
        told = {"protocol": PROTOCOL_TEXT, "cuts": list(self.cuts), "tasks": [result.to_json() for result in self.results]}
        if not self.against:
            return told
        return told | {
            "against": [
                {
                    "model": other.model,
                    "tasks": [result.to_json() for result in other.report.results],
                    "differences": {
                        task: {name: {"mean": mean, "ci95": [low, high]} for name, (mean, low, high) in figures.items()}
                        for task, figures in other.differences.items()
                    },
                }
                for other in self.against
            ]
        }

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table with columns task, model, metric, cut, mean, low, high, users: a row for each figure.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
        >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(5, 10), bootstrap=10)
        >>> report.to_arrow().column_names
        ['task', 'model', 'metric', 'cut', 'mean', 'low', 'high', 'users']
        """
        import pyarrow as pa

        rows: dict[str, list[Any]] = {name: [] for name in ("task", "model", "metric", "cut", "mean", "low", "high", "users")}
        for model, report in self._measured():
            for result in report.results:
                for figure in (*result.per_user, *result.overall):
                    metric, _, cut = figure.partition("@")
                    low, high = result.intervals.get(figure, (None, None))
                    entry = (result.name, model, metric, int(cut), result.mean(figure), low, high, result.n_users)
                    for name, value in zip(rows, entry, strict=True):
                        rows[name].append(value)
        ends = {name: pa.array(rows[name], pa.float64()) for name in ("mean", "low", "high")}
        return pa.table(rows | ends)

    def plot(self) -> Any:
        """Return a matplotlib figure: recall against the length of the list, a panel for each task and a line for each model.

        Raises
        ------
        MissingExtraError
            Without matplotlib.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
        >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(5, 10), bootstrap=10)
        >>> len(report.plot().axes)
        2
        """
        from .figures import recall_curves

        curves = {
            result.name: {
                model: [(cut, report[result.name].mean(f"recall@{cut}")) for cut in self.shown_cuts()]
                for model, report in self._measured()
                if report[result.name].reason is None
            }
            for result in self.results
        }
        return recall_curves({task: lines for task, lines in curves.items() if lines})

    def _measured(self) -> list[tuple[str, Report]]:
        """Return all models of the report with their figures, its own first."""
        return [(self.model, self), *((other.model, other.report) for other in self.against)]

    def __repr__(self) -> str:
        cut = self.shown_cuts()[-1]
        figures = [f"{r.name} {r.mean(f'recall@{cut}'):.3f}" for r in self.results if r.reason is None]
        others = [f"against {other.model}" for other in self.against]
        return represented("Report", [*(figures or ["none"]), *others], f"{self.model}, recall@{cut}:")

    def _repr_html_(self) -> str:
        models = self._measured()
        rows: list[list[object]] = []
        bold: list[tuple[int, int]] = []
        for task, metric in ((result.name, f"recall@{cut}") for result in self.results for cut in self.shown_cuts()):
            figures = [report[task] for _, report in models]
            means = [-1.0 if of.reason else of.mean(metric) for of in figures]
            bold += [(len(rows), 2 + at) for at, mean in enumerate(means) if 0 <= mean == max(means) and len(means) > 1]
            rows.append([task, metric, *(_figure(of, metric) for of in figures)])
        lines = [f"{line}." for line in self._verdicts()]
        if any(NOTHING in row for row in rows):
            lines.append("A dash: the model cannot rank such items or users.")
        note = "\n".join(lines)
        return html_table(("task", "metric", *(name for name, _ in models)), rows, self._what(), note=note, bold=bold)

    def _what(self) -> str:
        best = "; the best of each task is bold" if self.against else ""
        return f"Recall on the held-out pairs, mean over users with 95 % intervals; a task is users-items{best}"

    def _verdicts(self) -> list[str]:
        """Return who is ahead on each task at the largest cut-off that informs, a sentence for each other model."""
        metric = f"recall@{self.shown_cuts()[-1]}"
        told = [other.verdict(r.name, metric, self.model) for other in self.against for r in self.results]
        return [sentence for sentence in told if sentence]

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

    def table(self, metrics: Sequence[str] = ("recall",), width: int | None = None) -> str:
        """Return a plain-text table, one row a task and metric, with 95 % intervals; where it is wider than `width`, in blocks of cut-offs.

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
        names = (TASK, METRIC)
        if width is None or sum(names) + CELL * len(cuts) <= width:
            return self._block(metrics, cuts, names)
        names = (1 + max(len(result.name) for result in self.results), 2 + max(map(len, ("metric", *metrics))))
        most = max(1, (width - sum(names)) // CELL)
        blocks = [cuts[start : start + most] for start in range(0, len(cuts), most)]
        return "\n\n".join(self._block(metrics, block, names) for block in blocks)

    def _block(self, metrics: Sequence[str], cuts: Sequence[int], names: tuple[int, int]) -> str:
        """Return the part of the table for some cut-offs, with so many characters for the names of tasks and of metrics."""
        task, metric_width = names
        least = self.shown_cuts()[0]
        lines = ["task".ljust(task) + "metric".ljust(metric_width) + "".join(f"@{cut}".rjust(CELL) for cut in cuts)]
        for result in self.results:
            if result.reason is not None:
                lines.append(f"{result.name.ljust(task)}n/a: {result.reason}")
                continue
            for metric in metrics:
                cells = []
                for cut in cuts:
                    if cut > result.n_candidates and cut != least:
                        cells.append("-".rjust(CELL))
                        continue
                    name = f"{metric}@{cut}"
                    cell = f"{result.mean(name):.3f}"
                    if name in result.intervals:
                        low, high = result.intervals[name]
                        cell += f" [{low:.3f} {high:.3f}]"
                    cells.append(cell.rjust(CELL))
                lines.append(result.name.ljust(task) + metric.ljust(metric_width) + "".join(cells))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = None) -> str:
        """Return the table, what else was measured, and what the figures mean; lines of at most `width` characters where that is given.

        Examples
        --------
        >>> import dualnet
        >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
        >>> report = dualnet.evaluate(dualnet.Popularity().fit(split.train), split, at=(2, 5, 10), bootstrap=10)
        >>> max(map(len, report.text(60).splitlines())) <= 60
        True
        """
        notes = [
            f"{r.name}: {counted(r.n_users, '{user|users}')}, {counted(r.n_candidates, '{candidate|candidates}')}"
            + (f", {counted(r.skipped_users, '{user|users}')} skipped (nothing held out)" if r.skipped_users else "")
            + (
                f", {counted(r.unscorable_items, '{candidate|candidates}')} without a score put last"
                if r.unscorable_items
                else ""
            )
            + "".join(f"\n  {line}" for line in (*r.first_places(), r.variety()) if line)
            for r in self.results
        ]
        compared = [
            line for other in self.against for line in (f"{other.model}:", other.report.table(width=width))
        ] + self._verdicts()
        left_out = cut_notes(self.cuts, [r.n_candidates for r in self.results])
        served = [SERVED_TEXT] if any(r.is_served for r in self.results) else []
        served += [line for r in self.results if (line := r.by_length())]
        below = [*notes, *left_out, *served, PROTOCOL_TEXT]
        if width is not None:
            below = [wrapped(line, width) for part in below for line in part.splitlines()]
        return "\n".join([self.table(width=width), *compared, *below])


def _figure(result: TaskResult, metric: str) -> str:
    """Return a figure with its interval for a cell; a dash where there is none."""
    if result.reason is not None:
        return NOTHING
    low_high = result.intervals.get(metric)
    return f"{result.mean(metric):.3f}" + ("" if low_high is None else f" ({low_high[0]:.3f} to {low_high[1]:.3f})")


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
