"""Full-ranking evaluation of anything with user and item vectors, one quadrant at a time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .data.content import Content
from .data.space import ItemSpace
from .data.tasks import ItemKind, RankingTask, Split
from .errors import UsageError, shown
from .ids import IdMap, Rows
from .metrics import coverage, coverage_interval, gini, popular_share
from .ranking import Ranking, breakdown_cut
from .report import FIRST, Comparison, Report, TaskResult
from .retrieval.vectors import Vectors
from .rng import generator
from .typed_values import named

DEFAULT_CUTS = (10, 50, 100, 200, 300)
HISTORY_BINS = (0, 1, 5, 10, 20, 50)
POPULARITY_BINS = (0, 1, 3, 6, 11, 21, 51)
SERVED_BINS = (0, 1, 11, 51, 101, 201)  # lengths of history, for what the first places of a served list hold


class Encoder(Protocol):
    """Methods that `evaluate` needs of a model."""

    def space(self, ids: IdMap, content: Content | None) -> ItemSpace:
        """Translate items to the model's own rows and features."""

    def scorable(self, space: ItemSpace) -> NDArray[np.bool_]:
        """Return which items the model can score, shape (len(space),)."""

    def encode_items(self, space: ItemSpace, rows: Rows | None = None) -> Vectors:
        """Return item vectors."""

    def encode_users(self, history: csr_array, space: ItemSpace, user_content: Content | None = None) -> Vectors:
        """Return user vectors."""


@named
def evaluate(
    model: Encoder,
    tasks: Split | RankingTask | Iterable[RankingTask],
    *,
    at: Sequence[int] | int = DEFAULT_CUTS,
    bootstrap: int = 1000,
    seed: int = 0,
    block: int | None = None,
    against: Sequence[Encoder] | Mapping[str, Encoder] = (),
) -> Report:
    """Rank every candidate for every user of each task, and measure against the hidden truth.

    Parameters
    ----------
    model : Recommender
        A fitted model; it sees the visible histories and the content of the items, never the truth.
    tasks : Split, RankingTask or iterable of RankingTask
        Tasks to rank. A split means its test tasks, followed by the lists that are served.
    at : sequence of int, or int
        Cut-offs M.
    bootstrap : int
        Resamples of users for the 95 % intervals; 0 for none.
    seed : int
        Seed of the resampling.
    block : int, optional
        Users scored at a time; changes memory, never a figure.
    against : sequence or mapping of Recommender
        Other fitted models, or other models by name. They are measured on the same tasks, and the report compares them with `model` in pairs:
        user by user, with 95 % intervals.

    Returns
    -------
    Report
        Means, intervals, per-user values and breakdowns of each task. A task whose candidates the model cannot score at
        all is reported as not available, never with a made-up figure. Served lists are also measured at 10, whatever `at`
        says, with their shares of new items and of items that nobody likes.

    Raises
    ------
    UsageError
        If a cut-off is not a positive whole number.
    DataError
        If the model returns scores that are not numbers.

    Examples
    --------
    >>> import dualnet
    >>> split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
    >>> recall = {}
    >>> for model in (dualnet.Popularity(), dualnet.WMF(factors=4, iterations=5)):
    ...     report = dualnet.evaluate(model.fit(split.train), split, at=(12,), bootstrap=10)
    ...     recall[str(model)] = report.results[0].mean("recall@12")
    >>> max(recall, key=recall.get)
    'WMF(factors=4, iterations=5)'
    """
    chosen, at = _tasks_of(tasks), _cut_offs(at)
    report, *others = (
        (name, evaluate_ranked(each, chosen, None, at=at, bootstrap=bootstrap, seed=seed, block=block))
        for name, each in [("", model), *_named(against, _name_of(model))]
    )
    compared = [Comparison(name, other, paired_differences(report[1], other, bootstrap, seed)) for name, other in others]
    return replace(report[1], against=tuple(compared))


def evaluate_ranked(
    model: Encoder,
    tasks: Split | RankingTask | Iterable[RankingTask],
    rank: Callable[[Ranking], None] | None,
    *,
    at: Sequence[int] | int,
    bootstrap: int,
    seed: int,
    block: int | None = None,
) -> Report:
    """Evaluate as `evaluate` does, with users that are ranked elsewhere, such as in several processes.

    Parameters
    ----------
    model, tasks, at, bootstrap, seed, block
        As in `evaluate`.
    rank : callable, optional
        Fills a `Ranking` of a task that has been started; by default this process does.
    """
    cuts = _cut_offs(at)
    measured: list[tuple[RankingTask, TaskResult]] = []
    for task in _tasks_of(tasks):
        twin = next((result for other, result in measured if _asks_the_same(task, other) and FIRST in cuts), None)
        if twin is None:
            ranked = Ranking(task, sorted({FIRST, *cuts}) if task.is_served else cuts, block)
            twin = _evaluate_task(model, ranked, bootstrap, seed, rank)
        result = replace(twin, name=task.name, candidate_set=task.candidate_set)
        measured.append((task, replace(result, first_ten=_first_places(task, result)) if task.is_served else result))
    return Report([result for _, result in measured], tuple(cuts), model=_name_of(model))


def _cut_offs(at: Iterable[int] | int) -> list[int]:
    """Return cut-offs in ascending order, each once; raises `UsageError` for what is no positive whole number."""
    given: list[Any] = list(at) if isinstance(at, Iterable) and not isinstance(at, str | bytes) else [at]
    if not given or not all(_is_cut_off(cut) for cut in given):
        told = shown(given[0] if len(given) == 1 else given)
        raise UsageError(f"cut-offs must be whole numbers of at least 1, such as at=(10, 50), got {told}")
    return sorted({int(cut) for cut in given})


def _is_cut_off(cut: Any) -> bool:
    return (
        isinstance(cut, int | float | np.integer | np.floating)
        and not isinstance(cut, bool)
        and bool(cut >= 1 and cut % 1 == 0)
    )


def _tasks_of(tasks: Split | RankingTask | Iterable[RankingTask]) -> tuple[RankingTask, ...]:
    """Return the tasks to rank; of a split its test, followed by the lists that are served."""
    if isinstance(tasks, Split):
        return (*tasks.tasks, *tasks.served)
    return (tasks,) if isinstance(tasks, RankingTask) else tuple(tasks)


def _name_of(model: Encoder) -> str:
    return str(getattr(model, "name", type(model).__name__))


def _named(models: Sequence[Encoder] | Mapping[str, Encoder], own: str) -> list[tuple[str, Encoder]]:
    """Return other models with their names; each differs from `own` and the others, of two of one kind the second has a number."""
    given = isinstance(models, Mapping)
    if not isinstance(models, Mapping | Sequence) or isinstance(models, str):
        raise UsageError(f"against must be a list of fitted models or a dictionary of them by name, got {shown(models)}")
    found: list[tuple[str, Encoder]] = []
    taken = {own}
    pairs: Iterable[tuple[str, Encoder]]
    pairs = models.items() if isinstance(models, Mapping) else [(_name_of(model), model) for model in models]
    for name, other in pairs:
        if not hasattr(other, "encode_users"):
            raise UsageError(f"against must hold fitted models, got {shown(other)} in it; create and fit it first")
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"against must name each model by a text, got {shown(name)}")
        if given and name == own:
            raise UsageError(
                f"against names a model '{own}', as the model that it is compared with is called; give it another name"
            )
        names = itertools.chain([name], (f"{name} {number}" for number in itertools.count(2)))
        found.append((next(one for one in names if one not in taken), other))
        taken.add(found[-1][0])
    return found


def paired_differences(
    report: Report, other: Report, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Return the paired differences of two reports on the same tasks: by task and metric, mean and ends of the 95 % interval.

    Parameters
    ----------
    report, other : Report
        Of two models; a difference is the figure of `report` less that of `other`, over the same users.
    resamples : int
        Resamples of users for the intervals; with 0 both ends are the mean.
    seed : int
        Seed of the resampling.

    Returns
    -------
    dict of str to dict of str to (mean, low, high)
        Tasks without figures in either report are left out.
    """
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for ours, theirs in zip(report.results, other.results, strict=True):
        if ours.reason is None and theirs.reason is None:
            less = {name: ours.per_user[name] - theirs.per_user[name] for name in ours.per_user if name in theirs.per_user}
            ends = bootstrap_intervals(less, resamples, seed)
            found[ours.name] = {
                name: (mean := float(values.mean()), *ends.get(name, (mean, mean))) for name, values in less.items()
            }
    return found


def _asks_the_same(task: RankingTask, other: RankingTask) -> bool:
    """Whether a served list is what another task ranks: so it is where every item is known and a candidate."""
    if task.kinds is None or (task.kinds[task.candidates] != ItemKind.KNOWN).any():
        return False
    if task.users != other.users or task.items != other.items or not np.array_equal(task.candidates, other.candidates):
        return False
    sides = ((task.history, other.history), (task.seen, other.seen), (task.truth, other.truth))
    return all(np.array_equal(a.indptr, b.indptr) and np.array_equal(a.indices, b.indices) for a, b in sides)


class Estimate(NamedTuple):
    """A mean over users and half the width of its 95 % interval (normal approximation)."""

    mean: float
    half_width: float


def quick_recall(
    users: Vectors, items: Vectors, task: RankingTask, at: Sequence[int], scorable: NDArray[np.bool_] | None = None
) -> dict[int, Estimate]:
    """Return mean Recall@M of given vectors on a task: the figure for early stopping, with a plain interval.

    Parameters
    ----------
    users : Vectors, shape (len(task.users), width)
        User vectors.
    items : Vectors, shape (len(task.items), width)
        Item vectors of every item of the task.
    task : RankingTask
        The task.
    at : sequence of int
        Cut-offs.
    scorable : ndarray of bool, shape (len(task.items),), optional
        Items that the model can score; the others come last, as in `evaluate`.
    """
    cuts = sorted(set(at))
    able = None if scorable is None else scorable[task.candidates]
    ranked = Ranking(task, cuts, None).measure(users, items[task.candidates], scorable=able, metrics=("recall",))
    if not ranked.n_users:
        return {cut: Estimate(0.0, 0.0) for cut in cuts}
    found = {cut: ranked.per_user[f"recall@{cut}"] for cut in cuts}
    return {cut: Estimate(float(v.mean()), float(1.96 * v.std() / np.sqrt(len(v)))) for cut, v in found.items()}


def _evaluate_task(
    model: Encoder, ranked: Ranking, bootstrap: int, seed: int, rank: Callable[[Ranking], None] | None
) -> TaskResult:
    started = time.perf_counter()
    task, cuts = ranked.task, ranked.cuts
    result = TaskResult(
        task.name, task.candidate_set, len(task.candidates), skipped_users=len(task.users) - ranked.n_users,
        breakdown_cut=breakdown_cut(cuts),
    )  # fmt: skip
    if ranked.n_users == 0:
        return replace(result, reason="no user has a held-out positive among the candidates")
    if task.name.startswith("new-") and not _serves_new_users(model):
        return replace(result, reason="the model cannot serve users that it did not see in training")
    space = model.space(task.items, task.content)
    scorable = model.scorable(space)[task.candidates]
    if not scorable[ranked.truth.indices].any():
        return replace(result, reason="the model cannot score items that it did not see in training")
    if rank is None:
        users = model.encode_users(weighed_history(model, task), space, task.user_content)
        ranked.measure(users, model.encode_items(space, task.candidates), scorable=scorable)
    else:
        ranked.start()
        rank(ranked)
    popularity = np.bincount(task.history.indices, minlength=len(task.items))[task.candidates]
    overall = {f"coverage@{cut}": coverage(exposure) for cut, exposure in ranked.exposure.items()}
    overall |= {f"gini@{cut}": gini(exposure) for cut, exposure in ranked.exposure.items()}
    if popularity.any():
        overall |= {f"popular_share@{cut}": popular_share(shown, popularity) for cut, shown in ranked.exposure.items()}
    per_user = ranked.per_user if ranked.variety is None else ranked.per_user | ranked.variety.figures
    if ranked.makeup is not None:
        overall |= ranked.makeup.means()
        per_user = per_user | ranked.makeup.shares
    lengths = np.diff(task.history.indptr)[ranked.user_rows]
    intervals = bootstrap_intervals(per_user, bootstrap, seed)
    if bootstrap:
        intervals |= {
            f"coverage@{cut}": coverage_interval(exposure, ranked.n_users) for cut, exposure in ranked.exposure.items()
        }
    return replace(
        result,
        user_ids=task.users.take(ranked.user_rows),
        per_user=per_user,
        overall=overall,
        intervals=intervals,
        unscorable_items=int((~scorable).sum()),
        by_history=_binned(per_user[f"recall@{result.breakdown_cut}"], lengths, HISTORY_BINS),
        by_popularity=_binned(ranked.found, popularity[ranked.truth.indices], POPULARITY_BINS),
        new_to_find=_new_to_find(ranked),
        seconds=time.perf_counter() - started,
    )


def _new_to_find(ranked: Ranking) -> float | None:
    """Return the share of the held-out pairs whose item nobody liked in training; None where that is not reported of the lists."""
    if ranked.task.kinds is None or ranked.makeup is None or f"new_share@{FIRST}" not in ranked.makeup.shares:
        return None
    kinds = ranked.task.kinds[ranked.task.candidates][ranked.truth.indices]
    return float((kinds != ItemKind.KNOWN).mean())


def weighed_history(model: Encoder, task: RankingTask) -> csr_array:
    """Return the histories of a task with what each pair counts, for a model that does not count all alike, as it serves them."""
    if not getattr(model, "weighs_histories", False):
        return task.history
    stored: Any = model
    weights = stored.weights_ if stored.weights_ is not None else np.ones(stored.histories_.nnz, np.float32)
    kept = csr_array((weights, stored.histories_.indices, stored.histories_.indptr), shape=stored.histories_.shape)
    rows, columns = np.repeat(np.arange(len(task.users)), np.diff(task.history.indptr)), task.history.indices
    users, items = stored.users_.find(task.users)[rows], stored.items_.find(task.items)[columns]
    values, known = np.ones(len(rows), np.float32), np.flatnonzero((users >= 0) & (items >= 0))
    found = np.asarray(kept[users[known], items[known]]).ravel() if len(known) else np.empty(0, np.float32)
    values[known] = np.where(found > 0, found, 1)
    history = csr_array((values, columns, task.history.indptr), shape=task.history.shape)
    scaled: csr_array = stored._stored(history)
    return scaled


def _first_places(task: RankingTask, result: TaskResult) -> list[dict[str, float | int | str]]:
    """Return what the first places of served lists hold, by length of the history."""
    if result.reason is not None:
        return []
    lengths = np.diff(task.history.indptr)[task.users.find(IdMap(result.user_ids))]
    names = ("precision", "new_share", "unliked_share")
    columns = {name: _binned(result.per_user[key], lengths, SERVED_BINS)
               for name in names if (key := f"{name}@{FIRST}") in result.per_user}  # fmt: skip
    rows: list[dict[str, float | int | str]] = [{"bin": row["bin"], "n": row["n"]} for row in columns["precision"]]
    for name, binned in columns.items():
        for row, entry in zip(rows, binned, strict=True):
            row[name] = entry["mean"]
    return rows


def _serves_new_users(model: Encoder) -> bool:
    return bool(getattr(getattr(model, "capabilities", None), "new_users", True))


def bootstrap_intervals(
    per_user: Mapping[str, NDArray[np.float64]], resamples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return 95 % percentile intervals of means over users, who are drawn again with replacement.

    All metrics share the draws, so that intervals of two metrics (or, for the same users, of two models) are paired.

    Parameters
    ----------
    per_user : mapping of str to ndarray, shape (n_users,)
        One value a user, for each metric.
    resamples : int
        How many times to draw; 0 returns nothing.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    dict of str to (low, high)
    """
    if resamples == 0 or not per_user:
        return {}
    means = bootstrap_means(np.stack(list(per_user.values()), axis=1), resamples, seed)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return {name: (float(low[k]), float(high[k])) for k, name in enumerate(per_user)}


def bootstrap_means(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the means over users of many resamples of the users; all columns share the draws.

    Parameters
    ----------
    values : ndarray of float64, shape (n_users, n_columns)
        One value a user, for each metric or model.
    resamples : int
        How many times the users are drawn again with replacement.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    ndarray of float64, shape (resamples, n_columns)
    """
    n = len(values)
    rng = generator(seed, "bootstrap")
    means = np.empty((resamples, values.shape[1]))
    step = max(1, 2**20 // n)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        drawn = rng.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        means[start : start + count] = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n) @ values / n
    return means


def _binned(values: NDArray[np.float64], keys: NDArray[np.int64], edges: Sequence[int]) -> list[dict[str, float | int | str]]:
    """Return mean and count of values by bins of an integer key."""
    place = np.searchsorted(edges, keys, side="right") - 1
    rows: list[dict[str, float | int | str]] = []
    for k, low in enumerate(edges):
        chosen = values[place == k]
        if len(chosen):
            high = edges[k + 1] - 1 if k + 1 < len(edges) else None
            label = f"{low}+" if high is None else str(low) if high == low else f"{low}-{high}"
            rows.append({"bin": label, "n": len(chosen), "mean": float(chosen.mean())})
    return rows
