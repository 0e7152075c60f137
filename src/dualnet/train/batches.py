"""Dual mini-batches: blocks of the matching matrix, each visited once an epoch in shuffled order (section 4)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ..errors import DualNetWarning, UsageError
from ..ids import Rows
from ..rng import generator


@dataclass(frozen=True, eq=False)
class DualBatch:
    """One block of R: some users and some items.

    Parameters
    ----------
    user_rows, item_rows : ndarray of int64
        Rows and columns of R in this block.
    epoch, step : int
        Where in the run this block comes; with the seed they decide all its noise.
    """

    user_rows: Rows
    item_rows: Rows
    epoch: int
    step: int


class DualBatches:
    """All blocks of R for every epoch, as a function of (seed, epoch, step): a run can go on anywhere.

    Parameters
    ----------
    matrix : csr_array of float32, shape (n_users, n_items)
        The matching matrix with weights.
    user_batch, item_batch : int
        Users and items in a block; the blocks of an epoch differ by at most one row or column. An `item_batch` of
        n_items keeps the items in order and costs no slicing.
    seed : int
        Seed of the shuffles.

    Raises
    ------
    UsageError
        If a batch size is below 1 or larger than the data.
    """

    def __init__(self, matrix: csr_array, *, user_batch: int, item_batch: int, seed: int) -> None:
        for what, size, limit in (("user_batch", user_batch, matrix.shape[0]), ("item_batch", item_batch, matrix.shape[1])):
            if not 1 <= size <= limit:
                raise UsageError(
                    f"{what}={size} does not fit the {limit:,} {what[:4]}s of the training data; choose 1 to {limit}"
                )
        self.matrix = matrix
        self.user_batch, self.item_batch, self.seed = user_batch, item_batch, seed
        self.user_blocks = -(-matrix.shape[0] // user_batch)
        self.item_blocks = -(-matrix.shape[1] // item_batch)
        expected = matrix.nnz / (matrix.shape[0] * matrix.shape[1]) * user_batch * item_batch
        if expected < 1:
            warnings.warn(
                f"a block of {user_batch} users x {item_batch} items is expected to hold {expected:.2f} positives, so many"
                " blocks hold none; choose larger batches (section 4 of the paper)",
                DualNetWarning,
                stacklevel=2,
            )
        self._order: tuple[int, list[Rows], list[Rows], Rows] | None = None

    def __len__(self) -> int:
        """Return the number of blocks in an epoch."""
        return self.user_blocks * self.item_blocks

    def batch(self, epoch: int, step: int) -> DualBatch:
        """Return one block.

        Parameters
        ----------
        epoch, step : int
            Epoch from 0 and step in [0, len(self)).
        """
        users, items, order = self._epoch(epoch)
        block = int(order[step])
        user_rows, item_rows = users[block // self.item_blocks], items[block % self.item_blocks]
        return DualBatch(user_rows, item_rows, epoch, step)

    def _epoch(self, epoch: int) -> tuple[list[Rows], list[Rows], Rows]:
        if self._order is None or self._order[0] != epoch:
            rng = generator(self.seed, "blocks", epoch)
            users = _chunks(rng.permutation(self.matrix.shape[0]), self.user_blocks)
            whole = np.arange(self.matrix.shape[1])
            items = _chunks(whole if self.item_blocks == 1 else rng.permutation(whole), self.item_blocks)
            self._order = (epoch, users, items, rng.permutation(len(self)))
        return self._order[1:]


def _chunks(rows: Rows, count: int) -> list[Rows]:
    # of equal size, so that no step is taken on a remainder; sorted inside: slicing is faster, and order there has no effect
    return [np.sort(part) for part in np.array_split(rows, count)]
