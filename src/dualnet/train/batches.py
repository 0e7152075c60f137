"""Dual mini-batches: blocks of the matching matrix, each visited once an epoch in shuffled order (section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import UsageError, warn
from ..ids import Rows
from ..rng import generator

BLOCKS = 25  # an epoch: see docs/explanation/speed.md for the measured time-to-recall
SMALLEST = 32


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
    skip_empty : float
        Share of an epoch's blocks without a positive that are left out of it (section 5.3, a tactic that did not work).

    Raises
    ------
    UsageError
        If a batch size is below 1 or larger than the data.
    """

    def __init__(self, matrix: csr_array, *, user_batch: int, item_batch: int, seed: int, skip_empty: float = 0.0) -> None:
        for what, size, limit in (("user_batch", user_batch, matrix.shape[0]), ("item_batch", item_batch, matrix.shape[1])):
            if not 1 <= size <= limit:
                raise UsageError(
                    f"{what}={size} does not fit the {limit:,} {what[:4]}s of the training data; choose 1 to {limit}"
                )
        self.matrix = matrix
        self.user_batch, self.item_batch, self.seed, self.skip_empty = user_batch, item_batch, seed, skip_empty
        self.user_blocks = -(-matrix.shape[0] // user_batch)
        self.item_blocks = -(-matrix.shape[1] // item_batch)
        expected = matrix.nnz / (matrix.shape[0] * matrix.shape[1]) * user_batch * item_batch
        if expected < 1 and not skip_empty:
            warn(
                f"a block of {user_batch} users x {item_batch} items is expected to hold {expected:.2f} positives, so many"
                " blocks hold none; choose larger batches (section 4 of the paper)"
            )
        self._order: tuple[int, list[Rows], list[Rows], Rows] | None = None
        self._skipped: tuple[int, NDArray[np.bool_]] | None = None
        if skip_empty and not self._empty(0).any():
            warn(
                f"skip_empty={skip_empty:g} has nothing to skip: each of the {len(self)} blocks of {user_batch} users x"
                f" {item_batch} items holds a positive; choose smaller user_batch and item_batch"
            )

    def __len__(self) -> int:
        """Return the number of blocks in an epoch, skipped ones included."""
        return self.user_blocks * self.item_blocks

    def skips(self, epoch: int, step: int) -> bool:
        """Return whether the block of a step is left out; steps keep their numbers, whatever is skipped."""
        if not self.skip_empty:
            return False
        if self._skipped is None or self._skipped[0] != epoch:
            empty = np.flatnonzero(self._empty(epoch))
            skipped = np.zeros(len(self), bool)
            rng = generator(self.seed, "skipped-blocks", epoch)
            skipped[rng.permutation(empty)[: round(self.skip_empty * len(empty))]] = True
            self._skipped = epoch, skipped
        return bool(self._skipped[1][step])

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

    def _empty(self, epoch: int) -> NDArray[np.bool_]:
        """Return for each step of an epoch whether its block holds no positive."""
        users, items, order = self._epoch(epoch)
        user_block, item_block = (
            _block_of(chunks, count) for chunks, count in zip((users, items), self.matrix.shape, strict=True)
        )
        block = np.repeat(user_block, np.diff(self.matrix.indptr)) * self.item_blocks + item_block[self.matrix.indices]
        return np.asarray(np.bincount(block, minlength=len(self))[order] == 0)

    def _epoch(self, epoch: int) -> tuple[list[Rows], list[Rows], Rows]:
        if self._order is None or self._order[0] != epoch:
            rng = generator(self.seed, "blocks", epoch)
            users = _chunks(rng.permutation(self.matrix.shape[0]), self.user_blocks)
            whole = np.arange(self.matrix.shape[1])
            items = _chunks(whole if self.item_blocks == 1 else rng.permutation(whole), self.item_blocks)
            self._order = (epoch, users, items, rng.permutation(len(self)))
        return self._order[1:]


def _block_of(chunks: list[Rows], count: int) -> Rows:
    """Return the number of the chunk that each of `count` rows is in."""
    number = np.empty(count, np.int64)
    for place, rows in enumerate(chunks):
        number[rows] = place
    return number


def _chunks(rows: Rows, count: int) -> list[Rows]:
    # of equal size, so that no step is taken on a remainder; sorted inside: slicing is faster, and order there has no effect
    return [np.sort(part) for part in np.array_split(rows, count)]


def choose_blocks(n_users: int, n_items: int, user_batch: int | None, item_batch: int | None) -> tuple[int, int]:
    """Return users and items of a dual mini-batch; sizes that are given are kept.

    The towers cost users x (blocks along the items) + items x (blocks along the users), which for a given number of blocks
    is least for square ones. About 25 steps an epoch reached a recall soonest: fewer are starved of steps, more encode every
    row again and again.

    Parameters
    ----------
    n_users, n_items : int
        Of the training data.
    user_batch, item_batch : int, optional
        What the caller insists on.

    Returns
    -------
    tuple of int
        Users and items of a block.
    """
    side = max(SMALLEST, round(math.sqrt(n_users * n_items / BLOCKS)))
    users, items = (round(count / side) for count in (n_users, n_items))
    rounded = min(users, items) > 0 and side > SMALLEST
    if rounded and not 0.8 <= users * items / BLOCKS <= 1.2:  # the longer side makes up for it
        longer = round(BLOCKS / min(users, items))
        users, items = (longer, items) if n_users >= n_items else (users, longer)
    users, items = max(1, users), max(1, items)
    return (
        -(-n_users // users) if user_batch is None else user_batch,
        -(-n_items // items) if item_batch is None else item_batch,
    )
