"""The pairwise ranking criterion of BPR on sampled negatives: its gradient, its stochastic descent, and users fitted to fixed items."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import TrainingError
from ..ids import Rows
from ..rng import generator
from ..train.divergence import check_loss

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


START = 0.02  # scale of the random factors; what is left of them is noise in the rows of rare items


class PairwiseSteps:
    """Factors of users and items in training.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Who took what.
    factors : int
        Width.
    learning_rate : float
        Size of the first steps.
    regularization : float
        Penalty of half the squared lengths, for each pair a row takes part in.
    negatives, batch : int
        Items drawn and positive pairs visited a step.
    epochs : int
        Over which the learning rate falls linearly to 0.
    seed : int
        Of factors, order and negatives; every epoch has a generator of its own.

    Attributes
    ----------
    users, items : ndarray of float32, shape (n_users, factors), (n_items, factors)
    """

    def __init__(
        self, matrix: csr_array, *, factors: int, learning_rate: float, regularization: float, negatives: int, batch: int,
        epochs: int, seed: int,
    ) -> None:  # fmt: skip
        rng = generator(seed, "bpr-start")
        n_users, n_items = matrix.shape
        self.users, self.items = (rng.normal(0, START, (n, factors)).astype(np.float32) for n in (n_users, n_items))
        self._matrix, self._batch, self._negatives, self._epochs, self._seed = matrix, batch, negatives, epochs, seed
        self._rate, self._penalty = learning_rate, np.float32(regularization)
        self._user_of = np.repeat(np.arange(n_users), np.diff(matrix.indptr))

    def epoch(self, number: int) -> float:
        """Visit every positive pair once, in random order, and return the mean criterion of the pairs on the way.

        Parameters
        ----------
        number : int
            Of the epoch, from 0; together with the seed it decides everything that is drawn.

        Raises
        ------
        TrainingError
            If the criterion is no longer a number, or is far from that of a model that scores nothing.
        """
        rng = generator(self._seed, "bpr-epoch", number)
        order = rng.permutation(self._matrix.nnz)
        total = 0.0
        for start in range(0, len(order), self._batch):
            done = (number + start / len(order)) / self._epochs
            sample = np.unique(rng.integers(self._matrix.shape[1], size=self._negatives))
            total += self._step(order[start : start + self._batch], sample, self._rate * (1 - done))
        if not np.isfinite(total):
            raise TrainingError(
                f"the criterion is {total} in epoch {number + 1}; training has diverged, so lower learning_rate={self._rate:g}"
            )
        check_loss(abs(total) / len(order), math.log(2), (), f"epoch {number + 1}", f"lower learning_rate (now {self._rate:g})")
        return total / len(order)

    def _step(self, pairs: Rows, sample: Rows, rate: float) -> float:
        """Take one step along the gradient of a batch; return the sum of its criterion."""
        user_rows, item_rows = self._user_of[pairs], self._matrix.indices[pairs].astype(np.int64)
        users, positives, negatives = self.users[user_rows], self.items[item_rows], self.items[sample]
        error = pairwise_error(users, positives, negatives, taken_of(csr_array(self._matrix[user_rows]), sample))
        share = np.float32(len(pairs) / len(sample))  # a negative takes part in a share of each pair
        item_gradient = np.concatenate(
            [error.positives - self._penalty * positives, error.negatives - share * self._penalty * negatives]
        )
        _add(self.users, user_rows, error.users - self._penalty * users, rate)
        _add(self.items, np.concatenate([item_rows, sample]), item_gradient, rate)
        return error.value


def _add(table: Array, rows: Rows, gradient: NDArray[np.float32], rate: float) -> None:
    """Add gradients to rows of a table in place; rows that occur more than once get the sum."""
    distinct, place = np.unique(rows, return_inverse=True)
    sums = csr_array((np.ones(len(rows), np.float32), (place, np.arange(len(rows)))), shape=(len(distinct), len(rows)))
    table[distinct] += np.float32(rate) * (sums @ gradient)
