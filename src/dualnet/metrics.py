"""Ranking metrics: pure functions of hit matrices.

A hit matrix has one row for each user and one column for each place of the list, best first. An entry is 1 where the item
at that place is one of the user's held-out positives. Where items tie, every place of the tie group carries the group's
share of positives, so that sums are expected values over all orders of the group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def recall_at(hits: Array, positives: Array, cut: int) -> Array:
    """Return the share of each user's held-out positives among the first `cut` places.

    The denominator is *all* held-out positives among the candidates, not min(cut, positives): the paper's definition
    (section 5.1).

    Parameters
    ----------
    hits : ndarray, shape (n_users, places)
        Hit matrix; places >= cut, or all there are.
    positives : ndarray, shape (n_users,)
        Number of held-out positives of each user, at least 1.
    cut : int
        M of Recall@M.

    Returns
    -------
    ndarray of float64, shape (n_users,)
    """
    return hits[:, :cut].sum(axis=1) / positives


def precision_at(hits: Array, positives: Array, cut: int) -> Array:
    """Return hits in the first `cut` places divided by `cut`; shapes as in `recall_at`."""
    return hits[:, :cut].sum(axis=1) / cut


def ndcg_at(hits: Array, positives: Array, cut: int) -> Array:
    """Return the discounted gain sum hit_k / log2(k + 1) over the best possible one; shapes as in `recall_at`.

    The best possible list has min(cut, positives) hits at the top.
    """
    discount = 1 / np.log2(np.arange(2, cut + 2))
    gain = hits[:, :cut] @ discount[: hits[:, :cut].shape[1]]
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(positives, cut).astype(np.int64)]
    return np.asarray(gain / ideal)


def map_at(hits: Array, positives: Array, cut: int) -> Array:
    """Return average precision: sum of hit_k x precision@k, divided by min(cut, positives); shapes as in `recall_at`."""
    top = hits[:, :cut]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    return np.asarray((top * precision).sum(axis=1) / np.minimum(positives, cut))


def mrr_at(hits: Array, positives: Array, cut: int) -> Array:
    """Return 1 / place of the first hit, 0 without one in the first `cut` places; shapes as in `recall_at`."""
    top = hits[:, :cut]
    none_before = np.concatenate([np.ones((len(top), 1)), np.cumprod(1 - top, axis=1)[:, :-1]], axis=1)
    return np.asarray((top * none_before / np.arange(1, top.shape[1] + 1)).sum(axis=1))


def hit_rate_at(hits: Array, positives: Array, cut: int) -> Array:
    """Return 1 for a user with a hit in the first `cut` places, else 0; shapes as in `recall_at`."""
    return np.asarray(1 - np.prod(1 - hits[:, :cut], axis=1))


METRICS = {
    "recall": recall_at,
    "precision": precision_at,
    "ndcg": ndcg_at,
    "map": map_at,
    "mrr": mrr_at,
    "hit_rate": hit_rate_at,
}


def coverage(exposure: NDArray[np.int64]) -> float:
    """Return the share of candidates that occur in at least one list.

    Parameters
    ----------
    exposure : ndarray of int64, shape (n_candidates,)
        In how many users' lists each candidate occurs.
    """
    return float((exposure > 0).mean()) if len(exposure) else 0.0


def gini(exposure: NDArray[np.int64]) -> float:
    """Return the Gini index of exposure: 0 when all candidates are shown alike, near 1 when a few take all places.

    Parameters
    ----------
    exposure : ndarray of int64, shape (n_candidates,)
        In how many users' lists each candidate occurs.
    """
    ordered = np.sort(exposure).astype(np.float64)
    total = ordered.sum()
    if total == 0:
        return 0.0
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))
