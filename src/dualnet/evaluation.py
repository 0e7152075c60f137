"""Full-ranking evaluation of anything with user and item vectors, one quadrant at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .data.content import Content
from .data.space import ItemSpace
from .data.tasks import RankingTask, Split
from .errors import DataError, UsageError
from .ids import IdMap, Rows
from .metrics import METRICS, coverage, gini
from .report import Report, TaskResult
from .retrieval.topk import Vectors, best_of, score_blocks

DEFAULT_CUTS = (10, 50, 100, 200, 300)
HISTORY_BINS = (0, 1, 5, 10, 20, 50)
POPULARITY_BINS = (0, 1, 3, 6, 11, 21, 51)


class Encoder(Protocol):
    """What `evaluate` needs of a model."""

    def space(self, ids: IdMap, content: Content | None) -> ItemSpace:
        """Translate items to the model's own rows and features."""

    def scorable(self, space: ItemSpace) -> NDArray[np.bool_]:
        """Return which items the model can score, shape (len(space),)."""

    def encode_items(self, space: ItemSpace, rows: Rows | None = None) -> Vectors:
        """Return item vectors."""

    def encode_users(self, history: csr_array, space: ItemSpace, user_content: Content | None = None) -> Vectors:
        """Return user vectors."""


def evaluate(
    model: Encoder,
    tasks: Split | RankingTask | Iterable[RankingTask],
    *,
    at: Sequence[int] = DEFAULT_CUTS,
    bootstrap: int = 1000,
    seed: int = 0,
    block: int | None = None,
) -> Report:
    """Rank every candidate for every user of each task, and measure against the hidden truth.

    Parameters
    ----------
    model : Recommender
        A fitted model; it sees the visible histories and the content of the items, never the truth.
    tasks : Split, RankingTask or iterable of RankingTask
        What to rank. A split stands for its test tasks.
    at : sequence of int
        Cut-offs M.
    bootstrap : int
        Resamples of users for the 95 % intervals; 0 for none.
    seed : int
        Seed of the resampling.
    block : int, optional
        Users scored at a time; changes memory, never a figure by more than rounding.

    Returns
    -------
    Report
        Means, intervals, per-user values and breakdowns of each task. A task whose candidates the model cannot score at
        all is reported as not available, never with a made-up figure.

    Raises
    ------
    UsageError
        If a cut-off is not a positive whole number.
    DataError
        If the model returns scores that are not numbers.
    """
    cuts = sorted({int(cut) for cut in at})
    if not cuts or cuts[0] < 1 or any(cut != int(cut) for cut in at):
        raise UsageError(f"cut-offs must be whole numbers of at least 1, got {list(at)}")
    chosen = tasks.tasks if isinstance(tasks, Split) else (tasks,) if isinstance(tasks, RankingTask) else tuple(tasks)
    return Report([_evaluate_task(model, task, cuts, bootstrap, seed, block) for task in chosen], tuple(cuts))


def quick_recall(users: Vectors, items: Vectors, task: RankingTask, at: Sequence[int]) -> dict[int, float]:
    """Return mean Recall@M of given vectors on a task: the figure for early stopping, without intervals.

    Parameters
    ----------
    users : csr_array or ndarray, shape (len(task.users), width)
        User vectors.
    items : csr_array or ndarray, shape (len(task.items), width)
        Item vectors of every item of the task.
    task : RankingTask
        The task.
    at : sequence of int
        Cut-offs.
    """
    ranked = _Ranking(users, items[task.candidates], task, np.ones(len(task.candidates), bool), list(at), None)
    return (
        {cut: float(METRICS["recall"](ranked.hits, ranked.positives, cut).mean()) for cut in at}
        if len(ranked.positives)
        else dict.fromkeys(at, 0.0)
    )


class _Ranking:
    """Hit matrix and exposure of one task, gathered block by block."""

    def __init__(
        self, users: Vectors, items: Vectors, task: RankingTask, scorable: NDArray[np.bool_], cuts: list[int], block: int | None
    ) -> None:
        truth = csr_array(task.truth[:, task.candidates])
        self.user_rows = np.flatnonzero(np.diff(truth.indptr))
        truth = csr_array(truth[self.user_rows])
        seen = csr_array(task.seen[self.user_rows][:, task.candidates])
        if seen.multiply(truth).nnz:
            raise DataError(f"task {task.name}: a held-out pair is marked as seen, so it could never be found; check the split")
        self.positives = np.diff(truth.indptr).astype(np.float64)
        self.depth = min(max(cuts), len(task.candidates))
        self.hits = np.zeros((len(self.user_rows), self.depth))
        self.exposure = {cut: np.zeros(len(task.candidates), np.int64) for cut in cuts}
        self.found = np.zeros(truth.nnz)  # expected presence of each held-out pair in the first `breakdown` places
        self.breakdown = min(50 if 50 in cuts else cuts[0], max(self.depth, 1))
        self.truth = truth
        if self.depth == 0:
            return
        for part, scores in score_blocks(users[self.user_rows], items, exclude=seen, scorable=scorable, block=block):
            if np.isnan(scores).any():
                raise DataError(
                    f"task {task.name}: the model returned scores that are not numbers; its weights are damaged or diverged"
                )
            self._add(part, scores)

    def _add(self, part: slice, scores: NDArray[np.float32]) -> None:
        truth = csr_array(self.truth[part])
        relevant = truth.toarray() > 0
        top = best_of(scores, self.depth)
        values = np.take_along_axis(scores, top, axis=1)
        hits = np.take_along_axis(relevant, top, axis=1).astype(np.float64)
        rows = np.repeat(np.arange(len(scores)), np.diff(truth.indptr))
        truth_scores = scores[rows, truth.indices]
        last = values[:, -1]
        tied_in_row = (scores == last[:, None]).sum(axis=1)
        tied_hits = np.bincount(rows[truth_scores == last[rows]], minlength=len(scores))
        _share_ties(hits, values, tied_in_row, tied_hits)
        hits[np.isneginf(values)] = 0  # fewer candidates than places
        self.hits[part] = hits
        for cut, exposure in self.exposure.items():
            shown = top[:, :cut][~np.isneginf(values[:, :cut])]
            exposure += np.bincount(shown, minlength=len(exposure))
        self._found(part, values, tied_in_row, rows, truth_scores)

    def _found(
        self,
        part: slice,
        values: NDArray[np.float32],
        tied_in_row: NDArray[np.int64],
        rows: NDArray[np.int64],
        truth_scores: NDArray[np.float32],
    ) -> None:
        cut = values[:, self.breakdown - 1]
        above = (values > cut[:, None]).sum(axis=1)
        tied = np.where(cut == values[:, -1], tied_in_row, (values == cut[:, None]).sum(axis=1))
        share = (self.breakdown - above) / np.maximum(tied, 1)
        at = self.truth.indptr[part.start], self.truth.indptr[part.stop]
        self.found[at[0] : at[1]] = np.where(
            truth_scores > cut[rows], 1.0, np.where(truth_scores == cut[rows], share[rows], 0.0)
        )


def _share_ties(
    hits: NDArray[np.float64], values: NDArray[np.float32], tied_in_row: NDArray[np.int64], tied_hits: NDArray[np.int64]
) -> None:
    """Give each place of a tie group the group's share of hits, in place; the last group may reach beyond the list."""
    depth = values.shape[1]
    last = values[:, -1:]
    inside = (values == last).sum(axis=1)
    for row in np.flatnonzero((tied_in_row > inside) | (values[:, 1:] == values[:, :-1]).any(axis=1)):
        starts = np.flatnonzero(np.append(True, values[row, 1:] != values[row, :-1]))
        ends = np.append(starts[1:], depth)
        for start, end in zip(starts, ends, strict=True):
            if end == depth:
                hits[row, start:] = tied_hits[row] / tied_in_row[row]
            elif end - start > 1:
                hits[row, start:end] = hits[row, start:end].mean()


def _evaluate_task(
    model: Encoder, task: RankingTask, cuts: list[int], bootstrap: int, seed: int, block: int | None
) -> TaskResult:
    started = time.perf_counter()
    space = model.space(task.items, task.content)
    scorable = model.scorable(space)[task.candidates]
    base: dict[str, Any] = {"name": task.name, "candidate_set": task.candidate_set, "n_candidates": len(task.candidates)}
    if not scorable.any():
        return TaskResult(**base, reason="the model cannot score items that it did not see in training")
    users = model.encode_users(task.history, space, task.user_content)
    items = model.encode_items(space, task.candidates)
    ranked = _Ranking(users, items, task, scorable, cuts, block)
    skipped = len(task.users) - len(ranked.user_rows)
    if len(ranked.user_rows) == 0:
        return TaskResult(**base, skipped_users=skipped, reason="no user has a held-out positive among the candidates")
    per_user = {f"{name}@{cut}": metric(ranked.hits, ranked.positives, cut) for name, metric in METRICS.items() for cut in cuts}
    overall = {f"coverage@{cut}": coverage(exposure) for cut, exposure in ranked.exposure.items()}
    overall |= {f"gini@{cut}": gini(exposure) for cut, exposure in ranked.exposure.items()}
    lengths = np.diff(task.history.indptr)[ranked.user_rows]
    popularity = np.bincount(task.history.indices, minlength=len(task.items))[task.candidates]
    recall = per_user[f"recall@{_breakdown_cut(cuts)}"]
    return TaskResult(
        **base,
        user_ids=task.users.take(ranked.user_rows),
        per_user=per_user,
        overall=overall,
        intervals=_intervals(per_user, bootstrap, seed),
        skipped_users=skipped,
        unscorable_items=int((~scorable).sum()),
        breakdown_cut=_breakdown_cut(cuts),
        by_history=_binned(recall, lengths, HISTORY_BINS),
        by_popularity=_binned(ranked.found, popularity[ranked.truth.indices], POPULARITY_BINS),
        seconds=time.perf_counter() - started,
    )


def _breakdown_cut(cuts: list[int]) -> int:
    return 50 if 50 in cuts else cuts[0]


def _intervals(per_user: dict[str, NDArray[np.float64]], resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of each mean over resampled users."""
    if resamples == 0:
        return {}
    names = list(per_user)
    values = np.stack([per_user[name] for name in names], axis=1)
    n = len(values)
    rng = np.random.Generator(np.random.Philox(seed))
    means = np.empty((resamples, len(names)))
    for at in range(resamples):
        means[at] = np.bincount(rng.integers(n, size=n), minlength=n) @ values / n
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return {name: (float(low[k]), float(high[k])) for k, name in enumerate(names)}


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
