"""Exact top-k by inner product: blocked, bounded in memory, ties broken by catalogue order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..ids import Rows

Vectors: TypeAlias = Any  # csr_array or ndarray of float32; SciPy has no types to say so

Scores: TypeAlias = NDArray[np.float32]

BLOCK_BYTES = 64 * 2**20  # scores held at a time

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
    """Return all scores of a block, shape (n_users, n_items), for any mix of dense and sparse vectors."""
    product = (items @ users.T).T if issparse(items) and not issparse(users) else users @ items.T
    return np.ascontiguousarray(product.toarray() if issparse(product) else product, dtype=np.float32)


def block_rows(n_items: int, block: int | None = None) -> int:
    """Return how many users to score at a time so that their scores stay within the memory budget."""
    return block or max(1, BLOCK_BYTES // (4 * max(n_items, 1)))


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
    users, items : csr_array or ndarray of float32, shape (n_users, width), (n_items, width)
        Vectors.
    exclude : csr_array, shape (n_users, n_items), optional
        Stored entries get -inf: they may not be listed.
    scorable : ndarray of bool, shape (n_items,), optional
        Items without a score get the lowest finite number: they come last.
    block : int, optional
        Users a block; by default what fits 64 MiB of scores. Has no effect on the result beyond rounding.

    Yields
    ------
    rows : slice
        Which users.
    scores : ndarray of float32, shape (rows, n_items)
    """
    step = block_rows(items.shape[0], block)
    for start in range(0, users.shape[0], step):
        part = slice(start, min(start + step, users.shape[0]))
        scores = inner_products(users[part], items)
        if scorable is not None:
            scores[:, ~scorable] = UNSCORABLE
        if exclude is not None:
            at = csr_array(exclude[part]).tocoo()
            scores[at.coords] = EXCLUDED
        yield part, scores


def best_of(scores: Scores, k: int) -> Rows:
    """Return the columns of the k largest scores of each row, ordered by score and then by column.

    Parameters
    ----------
    scores : ndarray of float32, shape (n, m)
    k : int
        At most m.

    Returns
    -------
    ndarray of int64, shape (n, k)
        The same as a full stable sort would give.
    """
    m = scores.shape[1]
    if k >= m:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    chosen = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.lexsort((chosen, -values), axis=1)
    chosen = np.take_along_axis(chosen, order, axis=1)
    last = values.min(axis=1, keepdims=True)
    # argpartition takes any of several equal scores at the cut: there the first columns are taken instead
    ambiguous = np.flatnonzero((scores == last).sum(axis=1) > (values == last).sum(axis=1))
    if len(ambiguous):
        rest, cut = scores[ambiguous], last[ambiguous]
        tied = rest == cut
        taken = (rest > cut) | (tied & (np.cumsum(tied, axis=1) <= k - (rest > cut).sum(axis=1, keepdims=True)))
        first = np.nonzero(taken)[1].reshape(len(ambiguous), k)
        order = np.argsort(-np.take_along_axis(rest, first, axis=1), axis=1, kind="stable")
        chosen[ambiguous] = np.take_along_axis(first, order, axis=1)
    return chosen


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
    users, items : csr_array or ndarray of float32
        Vectors, as in `score_blocks`.
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
    for part, scores in score_blocks(users, items, exclude=exclude, scorable=scorable, block=block):
        best = best_of(scores, k)
        found = np.take_along_axis(scores, best, axis=1)
        listed = found > UNSCORABLE
        rows[part] = np.where(listed, best, -1)
        values[part] = np.where(listed, found, EXCLUDED)
    return TopK(rows, values)
