"""A fitted model beside simple ones: figures that cost little, and a verdict in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..data.tasks import Split
from ..errors import DualNetError, warn
from ..models.base import Recommender
from ..models.registry import create
from ..report import FIRST, Comparison, Report, TaskResult
from ..train.options import RunOptions

POPULARITY = "popularity"
SIMPLE = (POPULARITY, "item-knn", "content-profile")
MOST_PAIRS = 2_000_000  # above, popularity alone is fitted: neighbours of many items take minutes


def simple_rivals(model: Recommender, split: Split, *, say: Callable[[str], None] = warn) -> dict[str, Recommender]:
    """Return simple models that were fitted on the training part of a division; what is left out is told.

    Parameters
    ----------
    model : Recommender
        The model that they are to stand beside; one of its kind is not among them.
    split : Split
        What it was fitted on.
    say : callable
        Gets a sentence, with the reason, for what is not compared. A content profile without content goes without saying.
    """
    names = [name for name in SIMPLE if name != model.name]
    if split.train.items is None:
        names = [name for name in names if name != "content-profile"]
    if split.train.interactions.n_pairs > MOST_PAIRS and (slow := [name for name in names if name != POPULARITY]):
        names = [name for name in names if name == POPULARITY]
        say(
            f"{' and '.join(slow)} {'is' if len(slow) == 1 else 'are'} not compared, for above {MOST_PAIRS:,} likes"
            f" {'it takes' if len(slow) == 1 else 'they take'} minutes; dualnet bench DATA --models {','.join(slow)} measures {'it' if len(slow) == 1 else 'them'}"
        )
    fitted: dict[str, Recommender] = {}
    for name in names:
        try:
            fitted[name] = create(name).fit(split.train, split.validation, run=RunOptions())
        except DualNetError as error:
            say(f"{name} is not compared, for it cannot be fitted on these data: {error}")
    return fitted


def metric_of(report: Report) -> str:
    """Return the figure that is shown: recall at 10, or at the smallest cut-off where that was not measured."""
    return f"recall@{FIRST if FIRST in report.cuts else report.cuts[0]}"


def rival_rows(report: Report) -> list[list[str]]:
    """Return a row for each task: its name and the figure of each model; the best is marked with a star."""
    metric = metric_of(report)
    rows = []
    for result in _served_first(report):
        means = [_mean(each[result.name], metric) for each in (report, *(other.report for other in report.against))]
        best = max((mean for mean in means if mean is not None), default=None)
        rows.append(
            [result.name, *("n/a" if m is None else f"{m:.3f}{'*' if m == best and len(means) > 1 else ''}" for m in means)]
        )
    return rows


def verdicts(report: Report, name: str) -> list[str]:
    """Return a sentence for each list that is served (or each task where none is): ahead of, level with, or behind the others.

    Parameters
    ----------
    report : Report
        With simple models in `against`.
    name : str
        Of its own model.
    """
    metric = metric_of(report)
    results = [result for result in report.results if result.is_served] or report.results
    return [sentence for result in results if (sentence := _verdict(report, result, metric, name))]


def _verdict(report: Report, result: TaskResult, metric: str, name: str) -> str:
    """Return who is ahead on a task, of popularity and of the best other simple model."""
    measured = [other for other in report.against if metric in other.differences.get(result.name, {})]
    others = [other for other in measured if other.model != POPULARITY]
    chosen = [other for other in measured if other.model == POPULARITY]
    if others:
        chosen.append(max(others, key=lambda other: other.report[result.name].mean(metric)))
    if not chosen:
        return ""
    parts = [_placed(other, result.name, metric) for other in chosen]
    users = "people of the training data" if result.name.startswith("known") else "new people"
    what = "one list of all items" if result.is_served else result.name
    return f"For {users}, {what}: {name} is {' and '.join(parts)} ({metric})."


def _placed(other: Comparison, task: str, metric: str) -> str:
    mean, low, high = other.differences[task][metric]
    if low <= 0 <= high:
        return f"level with {other.model} ({mean:+.3f}, 95 % interval {low:+.3f} to {high:+.3f})"
    return f"{'ahead of' if mean > 0 else 'behind'} {other.model} by {abs(mean):.3f}"


def _served_first(report: Report) -> Iterator[TaskResult]:
    yield from (result for result in report.results if result.is_served)
    yield from (result for result in report.results if not result.is_served)


def _mean(result: TaskResult, metric: str) -> float | None:
    return None if result.reason is not None or metric not in result.per_user else result.mean(metric)
