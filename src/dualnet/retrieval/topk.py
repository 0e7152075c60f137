"""Exact top-k by inner product: blocked, bounded in memory, ties broken by catalogue order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from threadpoolctl import threadpool_limits

from ..errors import DataError, UsageError
from ..ids import Rows
from .vectors import JoinedVectors, Vectors, largest

Scores: TypeAlias = NDArray[np.float32]

BLOCK_BYTES = 48 * 2**20  # scores held at a time by one worker
TILE = 512  # users a matrix product; smaller ones spend their time on preparing the items anew
WORKERS = 4  # blocks worked on at a time
FEW = 64  # sparse users that are cheaper to score as dense ones: sparse products transpose all items first
LONG = 200  # numbers in a sparse row, on average, above which a dense block of users is faster
GROUP = 32  # columns whose maximum stands for them in a first pass

EXCLUDED = np.float32(-np.inf)  # may not be listed
UNSCORABLE = np.finfo(np.float32).min  # may be listed, after everything that has a score


@dataclass(frozen=True, eq=False)
class TopK:
    """Lists of the best items.

    Parameters
    ----------
    rows : ndarray of int64, shape (n_users, k)
        Item rows, best first; -1 where fewer than k items may be listed.
    scores : ndarray of float32, shape (n_users, k)
        Their scores; -inf where `rows` is -1.
    """

    rows: Rows
    scores: Scores


def inner_products(users: Vectors, items: Vectors) -> Scores:
    """Return all scores of a block, shape (n_users, n_items), for dense, sparse or joined vectors.

    Dense products go through tiles of a fixed number of users, so that a user's scores do not depend, not even by rounding,
    on who else is in the block beyond the tile.
    """
    if isinstance(users, JoinedVectors) and isinstance(items, JoinedVectors):
        scores = inner_products(users.dense, items.dense)
        scores += inner_products(users.sparse, items.sparse)
        return scores
    if issparse(users) or issparse(items):
        if issparse(items) and issparse(users) and (users.shape[0] <= FEW or items.nnz > LONG * items.shape[0]):
            blocks = (users[start : start + TILE].T.toarray() for start in range(0, max(users.shape[0], 1), TILE))
            return np.ascontiguousarray(np.vstack([(items @ block).T for block in blocks]), dtype=np.float32)
        product = (items @ users.T).T if issparse(items) and not issparse(users) else users @ items.T
        return np.ascontiguousarray(product.toarray() if issparse(product) else product, dtype=np.float32)
    step = _tile(len(items))
    if len(users) <= step:
        return np.asarray(users @ items.T, dtype=np.float32)
    scores = np.empty((len(users), len(items)), np.float32)
    for start in range(0, len(users), step):
        scores[start : start + step] = users[start : start + step] @ items.T
    return scores


def block_rows(n_items: int, block: int | None = None) -> int:
    """Return how many users to score at a time, in whole tiles: what was asked for, or what fits the memory budget."""
    step = _tile(n_items)
    if block is not None:
        return -(-block // step) * step
    return max(BLOCK_BYTES // (4 * max(n_items, 1)) // step, 1) * step


def _tile(n_items: int) -> int:
    """Return the users of one matrix product; a function of the number of items alone."""
    return max(1, min(TILE, BLOCK_BYTES // (4 * max(n_items, 1))))


def score_blocks(
    users: Vectors,
    items: Vectors,
    *,
    exclude: csr_array | None = None,
    scorable: NDArray[np.bool_] | None = None,
    block: int | None = None,
) -> Iterator[tuple[slice, Scores]]:
    """Yield scores for one block of users after another.

    Parameters
    ----------
    users, items : Vectors of float32, shape (n_users, width), (n_items, width)
        Dense, sparse or joined, both of one kind or dense with sparse.
    exclude : csr_array, shape (n_users, n_items), optional
        Stored entries get -inf: they may not be listed.
    scorable : ndarray of bool, shape (n_items,), optional
        Items without a score get the lowest finite number: they come last.
    block : int, optional
        Users a block, rounded up to whole tiles; by default what fits 48 MiB of scores. Has no effect on the result.

    Yields
    ------
    rows : slice
        Which users.
    scores : ndarray of float32, shape (rows, n_items)

    Raises
    ------
    UsageError
        If the block is not a positive number.
    DataError
        If a score is not a number.
    """
    score = _BlockScores(users, items, exclude, scorable)
    for part in _blocks(users.shape[0], items.shape[0], block):
        yield part, score(part)


def _blocks(n_users: int, n_items: int, block: int | None) -> list[slice]:
    if block is not None and block < 1:
        raise UsageError(f"block={block} must be at least 1")
    step = block_rows(n_items, block)
    return [slice(start, min(start + step, n_users)) for start in range(0, n_users, step)]


class _BlockScores:
    """Scores of one block of users at a time, with exclusions; safe to call from several threads."""

    def __init__(self, users: Vectors, items: Vectors, exclude: csr_array | None, scorable: NDArray[np.bool_] | None) -> None:
        self._users, self._items, self._exclude = users, items, exclude
        self._silent = None if scorable is None or scorable.all() else ~scorable
        self._suspicious = _may_overflow(users, items)

    def __call__(self, part: slice) -> Scores:
        scores = inner_products(self._users[part], self._items)
        if self._suspicious and np.isnan(scores).any():
            raise DataError("the model returned scores that are not numbers; its weights are damaged or diverged")
        if self._silent is not None:
            scores[:, self._silent] = UNSCORABLE
        if self._exclude is not None:
            indptr = self._exclude.indptr
            rows = np.repeat(np.arange(len(scores)), np.diff(indptr[part.start : part.stop + 1]))
            scores[rows, self._exclude.indices[indptr[part.start] : indptr[part.stop]]] = EXCLUDED
        return scores


def _may_overflow(users: Vectors, items: Vectors) -> bool:
    """Whether a score could be NaN: not if all vectors are finite and no sum of products can leave the range of float32."""
    return not largest(users) * largest(items) * users.shape[1] < float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Best:
    """The k best columns of each row, and how far the tie group at the cut reaches beyond them.

    Parameters
    ----------
    columns : ndarray of int64, shape (n, k)
        By score, then by column: the same as a full stable sort would give.
    scores : ndarray of float32, shape (n, k)
        Their scores, descending.
    cut_group : ndarray of int64, shape (n,)
        How many columns of the whole row have the score of the last place.
    """

    columns: Rows
    scores: Scores
    cut_group: NDArray[np.int64]


def best_of(scores: Scores, k: int) -> Best:
    """Return the k largest scores of each row without sorting the rest.

    Parameters
    ----------
    scores : ndarray of float32, shape (n, m)
        No NaN.
    k : int
        From 1 to m.
    """
    n, m = scores.shape
    at = np.flatnonzero(scores >= _lower_bound(scores, k)[:, None])
    rows, values = at // m, scores.ravel()[at]
    cut = _cut(rows, values, n, k)
    above = values >= cut[rows]
    at, rows, values = at[above], rows[above], values[above]
    tied = values == cut[rows]
    cut_group = np.bincount(rows[tied], minlength=n)
    if len(at) > n * k:  # the group at the cut is larger than its places: its first columns are taken
        place = np.cumsum(tied) - tied
        group_start = np.concatenate([[0], np.cumsum(cut_group)[:-1]])
        places = k - (np.bincount(rows, minlength=n) - cut_group)
        keep = ~tied | (place - group_start[rows] < places[rows])
        at, values = at[keep], values[keep]
    columns, values = (at % m).reshape(n, k), values.reshape(n, k)
    order = np.argsort(-values, axis=1, kind="stable")
    return Best(np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1), cut_group)


def chance_above(best: Best, cut: int, rows: Rows, truth_scores: Scores) -> NDArray[np.float64]:
    """Return the chance of each held-out pair to be in the first `cut` places, shape (n_pairs,); equal scores are drawn from.

    Parameters
    ----------
    best : Best
        Lists of at least `cut` places, one for each user of a block.
    cut : int
    rows, truth_scores : ndarray, shape (n_pairs,)
        The user, as a row of the block, and the score of each held-out pair.
    """
    score = best.scores[:, cut - 1]
    above = (best.scores > score[:, None]).sum(axis=1)
    tied = np.where(score == best.scores[:, -1], best.cut_group, (best.scores == score[:, None]).sum(axis=1))
    share = (cut - above) / tied
    return np.where(truth_scores > score[rows], 1.0, np.where(truth_scores == score[rows], share[rows], 0.0))


def _lower_bound(scores: Scores, k: int) -> Scores:
    """Return for each row a number that at least k entries reach, close below the k-th largest, shape (n,).

    The columns are dealt into groups; the k-th largest of the groups' maxima is reached in k groups at least. Maxima take
    one vectorised pass, where a partition of the whole row takes several that branch.
    """
    n, m = scores.shape
    groups = m // GROUP
    if groups < max(2 * k, GROUP):
        return np.partition(scores, m - k, axis=1)[:, m - k]
    dealt = groups * GROUP
    maxima = scores[:, :dealt].reshape(n, GROUP, groups).max(axis=1)
    np.maximum(maxima[:, : m - dealt], scores[:, dealt:], out=maxima[:, : m - dealt])
    return np.partition(maxima, groups - k, axis=1)[:, groups - k]


def _cut(rows: Rows, values: Scores, n: int, k: int) -> Scores:
    """Return the k-th largest of each row's values, shape (n,); `rows` is ascending and has each row k times at least."""
    counts = np.bincount(rows, minlength=n)
    starts = np.cumsum(counts) - counts
    table = np.full((n, counts.max()), EXCLUDED, np.float32)
    table[rows, np.arange(len(rows)) - starts[rows]] = values
    return np.partition(table, -k, axis=1)[:, -k]


def top_k(
    users: Vectors,
    items: Vectors,
    k: int,
    *,
    exclude: csr_array | None = None,
    scorable: NDArray[np.bool_] | None = None,
    block: int | None = None,
) -> TopK:
    """Return the k best items of each user.

    Parameters
    ----------
    users, items : Vectors of float32
        As in `score_blocks`.
    k : int
        Length of the lists; clipped to the number of items.
    exclude, scorable, block
        As in `score_blocks`; items without a score are never listed here.

    Returns
    -------
    TopK
    """
    k = min(k, items.shape[0])
    rows = np.full((users.shape[0], k), -1, np.int64)
    values = np.full((users.shape[0], k), EXCLUDED, np.float32)
    if k == 0:
        return TopK(rows, values)
    score = _BlockScores(users, items, exclude, scorable)

    def select(part: slice) -> None:
        best = best_of(score(part), k)
        listed = best.scores > UNSCORABLE
        rows[part] = np.where(listed, best.columns, -1)
        values[part] = np.where(listed, best.scores, EXCLUDED)

    parts = _blocks(users.shape[0], items.shape[0], block)
    workers = min(WORKERS, len(parts), cores())
    if workers < 2:
        for part in parts:
            select(part)
        return TopK(rows, values)
    # each worker multiplies and searches blocks of its own: a product on all cores would leave the search to one of them
    with threadpool_limits(limits=cores() // workers, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        list(pool.map(select, parts))
    return TopK(rows, values)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
