"""The ranking of one task: candidates for each user, block by block, or some users in one process and others in another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from .data.tasks import ItemKind, RankingTask
from .errors import DataError
from .ids import Rows
from .metrics import METRICS, Hits, intra_list_diversity, novelty, recall_at
from .retrieval.topk import UNSCORABLE, Best, Scores, best_of, chance_above, score_blocks
from .retrieval.vectors import JoinedVectors, Vectors, norms


class Ranking:
    """Per-user figures and exposure of one task, gathered block by block; nothing here is users x items.

    Parameters
    ----------
    task : RankingTask
        The task.
    cuts : list of int
        Cut-offs M.
    block : int, optional
        Users scored at a time.
    """

    def __init__(self, task: RankingTask, cuts: list[int], block: int | None) -> None:
        self.task, self.cuts, self.block = task, cuts, block
        truth = csr_array(task.truth[:, task.candidates])
        self.user_rows = np.flatnonzero(np.diff(truth.indptr))
        self.n_users = len(self.user_rows)
        self.truth = csr_array(truth[self.user_rows])
        self.seen = csr_array(csr_array(task.seen + task.history)[self.user_rows][:, task.candidates])
        if self.seen.multiply(self.truth).nnz:
            raise DataError(f"task {task.name}: a held-out pair is marked as seen, so it could never be found; check the split")
        self.depth = min(max(cuts), len(task.candidates))
        self.breakdown = min(breakdown_cut(cuts), self.depth)
        self.per_user: dict[str, NDArray[np.float64]] = {}
        self.exposure = {cut: np.zeros(len(task.candidates), np.int64) for cut in cuts}
        self.found = np.zeros(self.truth.nnz)  # chance of each held-out pair to be in the first `breakdown` places
        self.variety: _Variety | None = None  # made by `start`
        self.makeup = None if task.kinds is None else _Makeup(task.kinds[task.candidates], self.n_users, cuts)

    def measure(
        self,
        users: Vectors,
        items: Vectors,
        *,
        scorable: NDArray[np.bool_] | None = None,
        metrics: Iterable[str] | None = None,
    ) -> Ranking:
        """Rank candidates by the vectors of all the task's users and of the candidates."""
        self.start(metrics)
        chosen = users if self.n_users == users.shape[0] else users[self.user_rows]
        return self.measure_some(chosen, items, slice(0, self.n_users), scorable)

    def start(self, metrics: Iterable[str] | None = None) -> None:
        """Begin with figures of nobody; all metrics by default, else those of hits that are named."""
        names = METRICS if metrics is None else metrics
        self.per_user = {f"{name}@{cut}": np.zeros(self.n_users) for name in names for cut in self.cuts}
        if metrics is None:
            history = self.task.history
            counts = np.bincount(history.indices, minlength=history.shape[1])[self.task.candidates]
            self.variety = _Variety(self.n_users, self.cuts, counts, history.shape[0])

    def measure_some(self, users: Vectors, items: Vectors, rows: slice, scorable: NDArray[np.bool_] | None) -> Ranking:
        """Rank candidates by the vectors of some of the users who have something to find, and of the candidates."""
        if self.variety is not None:
            self.variety.use(items)
        for part, scores in score_blocks(users, items, exclude=self.seen[rows], scorable=scorable, block=self.block):
            self._add(slice(rows.start + part.start, rows.start + part.stop), scores)
        return self

    def gathered(self, rows: slice) -> RankedPart:
        """Return what was measured, if only some rows were."""
        found = self.found[self.truth.indptr[rows.start] : self.truth.indptr[rows.stop]]
        makeup = {} if self.makeup is None else {**self.makeup.shares, **self.makeup.recalls}
        variety = {} if self.variety is None else self.variety.figures
        figures = {name: values[rows] for name, values in {**self.per_user, **makeup, **variety}.items()}
        return RankedPart(rows.start, rows.stop, figures, dict(self.exposure), found)

    def take(self, part: RankedPart) -> None:
        """Add what was measured of some rows elsewhere."""
        makeup = {} if self.makeup is None else {**self.makeup.shares, **self.makeup.recalls}
        variety = {} if self.variety is None else self.variety.figures
        for name, values in {**self.per_user, **makeup, **variety}.items():
            values[part.start : part.stop] = part.figures[name]
        for cut, exposure in self.exposure.items():
            exposure += part.exposure[cut]
        self.found[self.truth.indptr[part.start] : self.truth.indptr[part.stop]] = part.found

    def _add(self, part: slice, scores: Scores) -> None:
        truth = csr_array(self.truth[part])
        rows = np.repeat(np.arange(len(scores)), np.diff(truth.indptr))
        truth_scores = scores[rows, truth.indices]
        relevant = np.zeros(scores.shape, bool)
        relevant[rows, truth.indices] = True
        best = best_of(scores, self.depth)
        hits = _expected_hits(best, np.take_along_axis(relevant, best.columns, axis=1), rows, truth_scores)
        positives = np.diff(truth.indptr).astype(np.float64)
        for name, values in self.per_user.items():
            metric, _, places = name.partition("@")
            values[part] = METRICS[metric](hits, positives, int(places))
        listed = best.scores > UNSCORABLE
        for cut, exposure in self.exposure.items():
            exposure += np.bincount(best.columns[:, :cut][listed[:, :cut]], minlength=len(exposure))
        at = slice(self.truth.indptr[part.start], self.truth.indptr[part.stop])
        self.found[at] = chance_above(best, self.breakdown, rows, truth_scores)
        if self.variety is not None:
            self.variety.add(part, best, listed)
        if self.makeup is not None:
            self.makeup.add(part, best, listed, truth, truth_scores)


class RankedPart(NamedTuple):
    """What `Ranking` measured of some rows: figures by name, exposure by cut-off, chances of the held-out pairs."""

    start: int
    stop: int
    figures: dict[str, NDArray[np.float64]]
    exposure: dict[int, NDArray[np.int64]]
    found: NDArray[np.float64]


class _Variety:
    """How unlike the first items of each list are, and how many people know them."""

    def __init__(self, n_users: int, cuts: list[int], counts: NDArray[np.int64], among: int) -> None:
        self.cut, self.cuts = min(cuts), cuts if counts.any() else []
        self.surprise = novelty(counts, among)
        self.figures = {f"diversity@{self.cut}": np.zeros(n_users)}
        self.figures |= {f"novelty@{cut}": np.zeros(n_users) for cut in self.cuts}
        self._items: Vectors | None = None
        self._parts: list[Vectors] = []

    def use(self, items: Vectors) -> None:
        """Take the vectors of the candidates, shape (n, width); their lengths are made once."""
        if self._items is not items:
            self._items = items
            self._parts = [items.dense, items.sparse] if isinstance(items, JoinedVectors) else [items]
            self._inverse = 1 / np.maximum(norms(items), 1e-12)

    def add(self, part: slice, best: Best, listed: NDArray[np.bool_]) -> None:
        there = listed[:, : self.cut]
        n = there.sum(axis=1)
        rows, columns = np.repeat(np.arange(len(there)), n), best.columns[:, : self.cut][there]
        chosen = csr_array((self._inverse[columns].astype(np.float32), (rows, columns)), shape=(len(there), len(self._inverse)))
        squares = np.zeros(len(there))
        for vectors in self._parts:
            sums = chosen @ vectors
            squares += np.asarray((sums.multiply(sums) if issparse(sums) else sums * sums).sum(axis=1), np.float64).ravel()
        self.figures[f"diversity@{self.cut}"][part] = intra_list_diversity(squares, n)
        for cut in self.cuts:
            there = listed[:, :cut]
            bits = self.surprise[best.columns[:, :cut]] * there
            self.figures[f"novelty@{cut}"][part] = bits.sum(axis=1) / np.maximum(there.sum(axis=1), 1)


class _Makeup:
    """Shares of the kinds of items in served lists, and the recall of known and of new items."""

    def __init__(self, kinds: NDArray[np.int8], n_users: int, cuts: list[int]) -> None:
        self.kinds, self.cuts = kinds, cuts
        self.shares: dict[str, NDArray[np.float64]] = {}
        if (kinds != ItemKind.KNOWN).any():
            self.shares |= {f"new_share@{cut}": np.zeros(n_users) for cut in cuts}
        if (kinds == ItemKind.UNLIKED).any():
            self.shares |= {f"unliked_share@{cut}": np.zeros(n_users) for cut in cuts}
        self.recalls = {f"{side}_recall@{cut}": np.full(n_users, np.nan) for side in ("known", "new") for cut in cuts}

    def add(self, part: slice, best: Best, listed: NDArray[np.bool_], truth: csr_array, truth_scores: Scores) -> None:
        kinds = self.kinds[best.columns]
        for name, shares in self.shares.items():
            metric, _, places = name.partition("@")
            meant = kinds != ItemKind.KNOWN if metric == "new_share" else kinds == ItemKind.UNLIKED
            there = listed[:, : int(places)]
            shares[part] = (meant[:, : int(places)] & there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        rows = np.repeat(np.arange(len(kinds)), np.diff(truth.indptr))
        for side in ("known", "new"):
            of_side = (self.kinds[truth.indices] == ItemKind.KNOWN) == (side == "known")
            relevant = np.zeros((len(kinds), len(self.kinds)), bool)
            relevant[rows[of_side], truth.indices[of_side]] = True
            hit = np.take_along_axis(relevant, best.columns, axis=1)
            hits = _expected_hits(best, hit, rows[of_side], truth_scores[of_side])
            positives = np.bincount(rows[of_side], minlength=len(kinds)).astype(np.float64)
            positives[positives == 0] = np.nan  # who has none of this kind to find does not count
            for cut in self.cuts:
                self.recalls[f"{side}_recall@{cut}"][part] = recall_at(hits, positives, cut)

    def means(self) -> dict[str, float]:
        """Return recall of known and of new items, each over the users who have any to find."""
        return {name: float(np.nanmean(values)) for name, values in self.recalls.items() if not np.isnan(values).all()}


def _expected_hits(best: Best, hit: NDArray[np.bool_], rows: Rows, truth_scores: Scores) -> Hits:
    """Return hits at the places of the lists; the last tie group of a list may reach beyond it."""
    scores = best.scores
    starts_group = np.ones(scores.shape, bool)
    starts_group[:, 1:] = scores[:, 1:] != scores[:, :-1]
    if starts_group.all() and (best.cut_group == 1).all():
        return Hits.plain(hit)
    starts = np.flatnonzero(starts_group)
    group = np.cumsum(starts_group).reshape(scores.shape) - 1
    size = np.diff(np.append(starts, scores.size))
    positives = np.add.reduceat(hit.ravel().astype(np.int64), starts)
    last = group[:, -1]
    size[last] = best.cut_group
    positives[last] = np.bincount(rows[truth_scores == scores[rows, -1]], minlength=len(scores))
    offset = np.arange(scores.size).reshape(scores.shape) - starts[group]
    return Hits.tied(size[group], offset, positives[group])


def breakdown_cut(cuts: list[int]) -> int:
    """Return the cut-off of the breakdowns by history and popularity."""
    return 50 if 50 in cuts else cuts[0]
