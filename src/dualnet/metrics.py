"""Ranking metrics: pure functions of hits at places, exact in expectation where scores tie.

A list has one place for each rank, best first. Items with equal scores form a tie group, and every order of a group is
equally likely; each metric below is the mean over all those orders. Without ties that is the plain metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hits:
    """Hits at the first places of each user's list.

    Parameters
    ----------
    share : ndarray of float64, shape (n_users, places)
        Chance that the item at a place is a held-out positive: 0 or 1 without ties, else the group's share of positives.
    first : ndarray of float64, shape (n_users, places)
        The same chance, given that no earlier place of the tie group was a hit.
    before : ndarray of float64, shape (n_users, places)
        Expected number of hits at earlier places, given a hit at this one.
    """

    share: Array
    first: Array
    before: Array

    @classmethod
    def plain(cls, hits: NDArray[np.generic]) -> Hits:
        """Return the hits of lists without ties.

        Parameters
        ----------
        hits : ndarray of bool or number, shape (n_users, places)
            1 where the item at a place is a held-out positive.
        """
        share = np.asarray(hits, np.float64)
        return cls(share, share, np.cumsum(share, axis=1) - share)

    @classmethod
    def tied(cls, size: NDArray[np.int64], offset: NDArray[np.int64], positives: NDArray[np.int64]) -> Hits:
        """Return the hits of lists with tie groups.

        Parameters
        ----------
        size, offset, positives : ndarray of int64, shape (n_users, places)
            For the group at each place: how many items it has (also beyond the list), how many of them stand before
            this place, and how many are held-out positives.
        """
        share = positives / size
        first = np.minimum(positives / (size - offset), 1)
        inside = offset * np.maximum(positives - 1, 0) / np.maximum(size - 1, 1)
        return cls(share, first, np.cumsum(share, axis=1) - share * (offset + 1) + inside)


def recall_at(hits: Hits, positives: Array, cut: int) -> Array:
    """Return the share of each user's held-out positives among the first `cut` places.

    The denominator is *all* held-out positives among the candidates, not min(cut, positives): the paper's definition
    (section 5.1). Users without any are not for this function: the evaluator skips and counts them.

    Parameters
    ----------
    hits : Hits
        At least `cut` places, or all there are.
    positives : ndarray, shape (n_users,)
        Number of held-out positives of each user, at least 1.
    cut : int
        M of Recall@M.

    Returns
    -------
    ndarray of float64, shape (n_users,)
    """
    return hits.share[:, :cut].sum(axis=1) / positives


def precision_at(hits: Hits, positives: Array, cut: int) -> Array:
    """Return hits in the first `cut` places divided by `cut`, also where there are fewer candidates; see `recall_at`."""
    return hits.share[:, :cut].sum(axis=1) / cut


def ndcg_at(hits: Hits, positives: Array, cut: int) -> Array:
    """Return the discounted gain sum hit_k / log2(k + 1) over the best possible one; arguments as in `recall_at`.

    The best possible list has min(cut, positives) hits at the top.
    """
    discount = 1 / np.log2(np.arange(2, cut + 2))
    top = hits.share[:, :cut]
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(positives, cut).astype(np.int64)]
    return np.asarray(top @ discount[: top.shape[1]] / ideal)


def map_at(hits: Hits, positives: Array, cut: int) -> Array:
    """Return average precision: sum of hit_k x precision@k, divided by min(cut, positives); arguments as in `recall_at`."""
    top = hits.share[:, :cut]
    precision = (hits.before[:, :cut] + 1) / np.arange(1, top.shape[1] + 1)
    return np.asarray((top * precision).sum(axis=1) / np.minimum(positives, cut))


def mrr_at(hits: Hits, positives: Array, cut: int) -> Array:
    """Return 1 / place of the first hit, 0 without one in the first `cut` places; arguments as in `recall_at`."""
    first = hits.first[:, :cut]
    none_before = np.cumprod(np.concatenate([np.ones((len(first), 1)), 1 - first[:, :-1]], axis=1), axis=1)[:, : first.shape[1]]
    return np.asarray((first * none_before / np.arange(1, first.shape[1] + 1)).sum(axis=1))


def hit_rate_at(hits: Hits, positives: Array, cut: int) -> Array:
    """Return 1 for a user with a hit in the first `cut` places, else 0; arguments as in `recall_at`."""
    return np.asarray(1 - np.prod(1 - hits.first[:, :cut], axis=1))


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
        In how many users' lists each candidate occurs; ties broken as in printed lists.
    """
    return float((exposure > 0).mean()) if len(exposure) else 0.0


def coverage_interval(exposure: NDArray[np.int64], n_lists: int) -> tuple[float, float]:
    """Return a 95 % interval of `coverage`: what as many other users would be shown of the candidates.

    Users who are drawn again see fewer different items than there are lists, so that resampling would miss the figure itself.
    The variance is that of the number of kinds in a sample of lists (Colwell, Mao and Chang 2004), from how many candidates are
    in one list only and in two.

    Parameters
    ----------
    exposure : ndarray of int64, shape (n_candidates,)
        In how many users' lists each candidate occurs.
    n_lists : int
        Lists.

    Returns
    -------
    low, high : float
    """
    n, shown = len(exposure), int((exposure > 0).sum())
    if not shown or n_lists < 2:
        share = coverage(exposure)
        return share, share
    once, twice = int((exposure == 1).sum()), int((exposure == 2).sum())
    unseen = (n_lists - 1) / n_lists * once * (once - 1) / (2 * (twice + 1))  # Chao's estimate of how many more there are
    most = min(shown + unseen, float(n))
    spread = 1.96 * float(np.sqrt(max(shown * (1 - shown / most), 0.0)))
    return max(shown - spread, 0.0) / n, min(shown + spread, float(n)) / n


def intra_list_diversity(cosines: Array, n: NDArray[np.int64]) -> Array:
    """Return one less the mean cosine of all pairs of items of a list; 0 for a list of one item.

    Parameters
    ----------
    cosines : ndarray of float64, shape (n_users,)
        Squared length of the sum of the unit vectors of each list: the sum of the cosines of all pairs, both ways, and `n`.
    n : ndarray of int64, shape (n_users,)
        Items of each list.
    """
    pairs = n * (n - 1.0)
    return np.where(n > 1, 1 - (cosines - n) / np.maximum(pairs, 1.0), 0.0)


def novelty(counts: NDArray[np.int64], n_users: int) -> Array:
    """Return how surprising each item is, in bits: -log2 of the share of users who took it.

    Parameters
    ----------
    counts : ndarray of int64
        Visible events of each item; one more is counted of each, and one more user, so that an item that nobody took has a
        figure too.
    n_users : int
        Users.
    """
    return np.asarray(-np.log2((counts + 1.0) / (n_users + 1.0)), np.float64)


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


def popular_share(exposure: NDArray[np.int64], popularity: NDArray[np.int64]) -> float:
    """Return the share of all list places that the most popular tenth of the candidates takes.

    Parameters
    ----------
    exposure : ndarray of int64, shape (n_candidates,)
        In how many users' lists each candidate occurs.
    popularity : ndarray of int64, shape (n_candidates,)
        Visible events of each candidate; equal ones in catalogue order.
    """
    total = exposure.sum()
    tenth = np.argsort(-popularity, kind="stable")[: -(-len(popularity) // 10)]
    return float(exposure[tenth].sum() / total) if total else 0.0
