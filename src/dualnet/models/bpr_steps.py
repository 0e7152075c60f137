"""The stochastic descent of BPR: small batches of pairs, shared negatives, gradients that touch only the rows they concern."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import TrainingError
from ..ids import Rows
from ..rng import generator
from ..train.divergence import check_loss
from .pairwise import Array, pairwise_error, taken_of

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
