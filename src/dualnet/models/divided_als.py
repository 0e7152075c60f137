"""The half-step of rows that are divided among ranks: each solves its own, and is sent the factors that they touch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from ..distributed.collectives import Collectives
from ..distributed.divided_matrix import DividedMatrix, Reach
from ..errors import TrainingError
from .als import STEPS, TOO_LARGE, Array, Gram, SortedRows, Systems, solve_rows

MOST_ENTRIES = 2**28  # of a table of touched factors, about: 1 GB


@dataclass(frozen=True)
class Block:
    """Some rows of a rank, over the columns that they touch alone.

    Parameters
    ----------
    places : slice
        Which of the rank's rows.
    rows : SortedRows
        Those rows.
    reach : Reach
        What brings the factors of their columns.
    """

    places: slice
    rows: SortedRows
    reach: Reach


@dataclass(frozen=True)
class DividedRows:
    """The rows of a rank, sorted once for all half-steps of a fit, in blocks whose factors fit in memory.

    A half-step sends a rank the factors of the columns that its rows touch, each once a block: at most
    ``4 width min(columns, pairs) (W - 1) / W`` bytes for W ranks. A gathering of all columns would be ``4 width columns (W - 1) / W``
    whatever is touched, and would need the memory for all of them. Where nearly all are touched both are the same.

    Parameters
    ----------
    blocks : list of Block
        As many on each rank.
    n_columns : int
        Of the whole matrix.
    group : Collectives
        The ranks.
    """

    blocks: list[Block]
    n_columns: int
    group: Collectives

    @property
    def n_rows(self) -> int:
        """Rows of this rank."""
        return self.blocks[-1].places.stop

    @classmethod
    def of(cls, matrix: DividedMatrix, width: int, most: int = MOST_ENTRIES) -> Self:
        """Sort the rows of this rank, and agree with the others on what each sends.

        Parameters
        ----------
        matrix : DividedMatrix
            Weights as in `half_step`.
        width : int
            Of the factors.
        most : int
            Numbers in a table of touched factors.
        """
        own, group = matrix.own, matrix.group
        cuts = _cuts(own, max(1, most // max(width, 1)))
        count = int(group.all_gather(np.array([len(cuts) - 1], np.int64), [1] * group.size).max())
        cuts += [own.shape[0]] * (count + 1 - len(cuts))  # a rank with fewer takes part with none of its rows
        blocks = []
        for start, stop in pairwise(cuts):
            part = csr_array(own[start:stop])
            touched, places = np.unique(part.indices, return_inverse=True)
            compact = csr_array((part.data, places, part.indptr), shape=(stop - start, len(touched)))
            reach = Reach.of(touched.astype(np.int64), matrix.column_starts, group)
            blocks.append(Block(slice(start, stop), SortedRows.of(compact), reach))
        return cls(blocks, own.shape[1], group)

    def half_step(
        self,
        other: Array,
        zero_weight: float,
        regularization: float,
        *,
        prior: Array | None = None,
        start: Array | None = None,
        regularization_power: float = 0.0,
        steps: int = STEPS,
        threads: int = 1,
    ) -> Array:
        """Return the minimiser of this rank's rows as `als.half_step` does, shape (own rows, width).

        Parameters
        ----------
        other : ndarray of float32, shape (own columns, width)
            Factors of the columns that this rank holds.
        zero_weight, regularization, regularization_power, steps, threads
            As in `als.half_step`.
        prior, start : ndarray of float32, shape (own rows, width), optional
            Of this rank's rows.

        Raises
        ------
        TrainingError
            On every rank, if a factor of any is not a finite number.
        """
        gram = Gram.of(other, self.group)
        turned = other @ gram.basis
        found, failed = [np.zeros((0, other.shape[1]), np.float32)], False
        for block in self.blocks:
            systems = Systems.of(
                block.reach(turned), gram, block.rows, zero_weight, regularization,
                power=regularization_power, n_zeros=self.n_columns, prior=None if prior is None else prior[block.places],
            )  # fmt: skip
            near = None if start is None else start[block.places] @ gram.basis
            try:
                found.append(solve_rows(systems, block.rows, near, steps, threads) @ gram.basis.T)
            except TrainingError:  # the others go on to the end, where all are told
                failed = True
        solution = np.concatenate(found)
        failed = failed or not np.isfinite(solution).all()
        if self.group.all_reduce(np.array([float(failed)]))[0]:
            raise TrainingError(TOO_LARGE)
        return solution


def _cuts(matrix: csr_array, most: int) -> list[int]:
    """Return where blocks of rows begin and the last one ends, so that each touches about so many columns at most."""
    if matrix.shape[1] <= most or not matrix.shape[0]:
        return [0, matrix.shape[0]]
    cuts = [0]
    while cuts[-1] < matrix.shape[0]:
        stop = int(np.searchsorted(matrix.indptr, matrix.indptr[cuts[-1]] + most, side="right")) - 1
        cuts.append(max(stop, cuts[-1] + 1))
    return cuts
