"""The ranking criterion of BPR on sampled negatives, its gradient, and the users it gives when items are fixed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..ids import Rows

Array = NDArray[np.float32]

BLOCK_FLOATS = 4_000_000  # margins, and inverse matrices, at a time


class PairwiseError(NamedTuple):
    """Value and gradient of the criterion on one batch; gradients are of the value's negative, the way to go.

    Parameters
    ----------
    value : float
        Sum over the pairs of the mean over their negatives of -ln sigmoid(x_ui - x_uj).
    users, positives : ndarray of float32, shape (n_pairs, width)
    negatives : ndarray of float32, shape (n_negatives, width)
    """

    value: float
    users: Array
    positives: Array
    negatives: Array


def pairwise_error(users: Array, positives: Array, negatives: Array, taken: NDArray[np.bool_]) -> PairwiseError:
    """Return the criterion of BPR on a batch of positive pairs that share a sample of negatives.

    Every pair meets every negative of the sample but those that its user has taken. In the mean over samples this is the
    criterion over all triples, as with one negative a pair, and a product of matrices instead of a loop.

    Parameters
    ----------
    users, positives : ndarray of float32, shape (n_pairs, width)
        Factors of the user and of the item of each pair.
    negatives : ndarray of float32, shape (n_negatives, width)
        Factors of the sampled items.
    taken : ndarray of bool, shape (n_pairs, n_negatives)
        Where the user of a pair has taken the item, which then is no negative.

    Returns
    -------
    PairwiseError
        Source: Rendle et al. 2009, section 4.1; the penalty is left to the caller.
    """
    margins = np.einsum("nk,nk->n", users, positives)[:, None] - users @ negatives.T
    share = (~taken / np.maximum((~taken).sum(axis=1), 1)[:, None]).astype(np.float32)
    pull = _pull(margins) * share
    total = pull.sum(axis=1)[:, None]
    value = float((np.logaddexp(0, -margins) * share).sum(dtype=np.float64))
    return PairwiseError(value, total * positives - pull @ negatives, total * users, -(pull.T @ users))


def fold_in(items: Array, histories: csr_array, sample: Rows, regularization: float, steps: int) -> Array:
    """Return the users that minimise the criterion with the items fixed, from their histories alone.

    The sample of negatives is fixed, so the same history always gives the same vector. Each step minimises a quadratic that
    touches the criterion at the present user and lies above it everywhere (the second derivative of -ln sigmoid is at most
    1/4): the criterion never rises, there is no rate to choose, and the first step, from zero, is a least-squares fit.

    Parameters
    ----------
    items : ndarray of float32, shape (n_items, width)
        Item factors V.
    histories : csr_array, shape (n_users, n_items)
        What each user took.
    sample : ndarray of int64
        Items that serve as negatives for everyone, but for those who took them.
    regularization : float
        Penalty of half the squared length, for each pair of the history as in training.
    steps : int
        Quadratics minimised.

    Returns
    -------
    ndarray of float32, shape (n_users, width)
        Users without a history, or who took the whole sample, are zero.
    """
    width = items.shape[1]
    users = np.zeros((histories.shape[0], width), np.float32)
    counts = np.diff(histories.indptr)
    ends = np.cumsum(np.maximum(counts * len(sample), width * width))
    bound = _Bound(items[sample], regularization)
    start = 0
    while start < len(counts):
        limit = (ends[start - 1] if start else 0) + BLOCK_FLOATS
        stop = max(start + 1, int(np.searchsorted(ends, limit, side="right")))
        users[start:stop] = _folded(items, csr_array(histories[start:stop]), sample, bound, steps)
        start = stop
    return users


def fold_in_shares(items: Array, taken: Rows, sample: Rows, regularization: float, steps: int) -> NDArray[np.float64]:
    """Return what each positive of one history adds to the user that `fold_in` finds.

    A step moves the user by a fixed matrix times a sum over the positives, each with its pull away from the negatives. The
    pulls and the matrix are held fixed where the user is; then the steps of each positive can be told apart, and the penalty
    shrinks each as it shrinks the whole.

    Parameters
    ----------
    items, sample, regularization, steps
        As in `fold_in`.
    taken : ndarray of int64, shape (n,)
        The history, distinct.

    Returns
    -------
    ndarray of float64, shape (n, width)
        The rows add up to the user.
    """
    positives, negatives = items[taken].astype(np.float64), items[sample].astype(np.float64)
    shares = np.zeros_like(positives)
    left = ~np.isin(sample, taken)
    if not len(taken) or not left.any():
        return shares
    bound = _Bound(items[sample], regularization)
    inverse = bound.inverted(items[taken], len(sample) / left.sum()).astype(np.float64)
    for _ in range(steps):
        user = shares.sum(axis=0)
        pull = _pull((positives @ user)[:, None] - negatives @ user) * left / left.sum()
        down = pull.sum(axis=1)[:, None] * positives - pull @ negatives - float(bound.penalty) * len(taken) * shares
        shares += down @ inverse.T
    return shares


def taken_of(histories: csr_array, sample: Rows) -> NDArray[np.bool_]:
    """Return which items of a sample each history holds, shape (n_users, len(sample)); the sample's rows are distinct."""
    place = np.full(histories.shape[1], -1)
    place[sample] = np.arange(len(sample))
    found = place[histories.indices]
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    taken = np.zeros((histories.shape[0], len(sample)), bool)
    taken[rows[found >= 0], found[found >= 0]] = True
    return taken


class _Bound:
    """Bounds on the second derivative of each user's criterion, inverted.

    It is at most a quarter of the sum over positives i of the mean over negatives j of (v_i - v_j)(v_i - v_j)', and the
    penalty. The spread of the whole sample stands in for that of a user's own negatives, times its size over theirs, which
    bounds it; so all users share one matrix, and each adds as many rank-one terms as it has positives (Woodbury).
    """

    def __init__(self, negatives: Array, regularization: float) -> None:
        self.penalty = np.float32(regularization)
        self.centre = negatives.mean(axis=0)
        around = negatives - self.centre
        self.shared = around.T @ around / np.float32(4 * len(negatives)) + self.penalty * np.eye(
            len(self.centre), dtype=np.float32
        )
        self.inverse = np.linalg.inv(self.shared)

    def inverted(self, positives: Array, stretch: float) -> Array:
        """Return the inverse for one user with these positives, shape (width, width); `stretch` is sample over negatives."""
        own = positives - self.centre
        count = len(own)
        if count >= own.shape[1]:
            whole: Array = count * self.shared + own.T @ own / 4
            return np.linalg.inv(whole) / np.float32(stretch)
        image = own @ self.inverse
        small = image @ own.T + 4 * count * np.eye(count, dtype=np.float32)
        return (self.inverse - image.T @ np.linalg.solve(small, image)) / np.float32(count * stretch)


def _folded(items: Array, histories: csr_array, sample: Rows, bound: _Bound, steps: int) -> Array:
    starts, counts = histories.indptr, np.diff(histories.indptr)
    rows = np.repeat(np.arange(len(counts)), counts)
    positives, negatives = items[histories.indices], items[sample]
    taken = taken_of(histories, sample)
    n_left = (~taken).sum(axis=1)
    inverse = np.zeros((len(counts), items.shape[1], items.shape[1]), np.float32)
    for row in np.flatnonzero((counts > 0) & (n_left > 0)):
        inverse[row] = bound.inverted(positives[starts[row] : starts[row + 1]], len(sample) / n_left[row])
    sums = csr_array((np.ones(len(rows), np.float32), np.arange(len(rows)), starts), shape=(len(counts), len(rows)))
    share = (~taken / np.maximum(n_left, 1)[:, None]).astype(np.float32)[rows]
    penalty = (bound.penalty * counts).astype(np.float32)[:, None]
    users = np.zeros((len(counts), items.shape[1]), np.float32)
    # small products of some BLAS builds compute on lanes that are not used, and raise the flag for them
    with np.errstate(invalid="ignore"):
        for _ in range(steps):
            margins = np.einsum("nk,nk->n", users[rows], positives)[:, None] - (users @ negatives.T)[rows]
            pull = _pull(margins) * share
            down = sums @ (pull.sum(axis=1)[:, None] * positives) - (sums @ pull) @ negatives - penalty * users
            users += (inverse @ down[:, :, None])[:, :, 0]
    return users


def _pull(margins: Array) -> Array:
    """Return sigmoid(-x), the derivative of ln sigmoid(x), without overflow."""
    small = np.exp(-np.abs(margins))
    return np.where(margins > 0, small, np.float32(1)) / (1 + small)
