"""The rows of a half-step in padded batches: each solved exactly, or brought nearer by a few conjugate gradients."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_info, threadpool_limits

from ..ids import Rows

Array = NDArray[np.float32]

BATCH_FLOATS = 2**19  # gathered factors at a time: 2 MB stay in a core's cache while a batch is worked on
STEPS = 3  # of conjugate gradients, as implicit takes
TINY = np.float32(1e-30)


@dataclass(frozen=True)
class SortedRows:
    """The rows of a matrix in order of their lengths, which a fit sorts once for all its half-steps.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Which rows have entries, the shortest first.
    bounds, columns, weights : ndarray
        Those rows in that order, as a CSR matrix has them. Positives weigh above 0; an entry below 0 is a known zero, which
        weighs so much more than the others.
    n_rows : int
        Of the whole matrix.
    """

    order: Rows
    bounds: NDArray[np.integer]
    columns: NDArray[np.integer]
    weights: Array
    n_rows: int

    @classmethod
    def of(cls, matrix: csr_array) -> Self:
        """Sort the rows of a matrix."""
        counts = np.diff(matrix.indptr)
        order = np.argsort(counts, kind="stable")
        order = order[counts[order] > 0]
        rows = matrix if np.array_equal(order, np.arange(len(counts))) else matrix[order]
        return cls(order, rows.indptr, rows.indices, rows.data.astype(np.float32, copy=False), len(counts))

    def totals(self) -> NDArray[np.float64]:
        """Return the sum of the weights of the positives of every row of the whole matrix."""
        found = np.zeros(self.n_rows)
        if len(self.order):
            found[self.order] = np.add.reduceat(targets(self.weights), self.bounds[:-1], dtype=np.float64)
        return found

    def batches(self, width: int, *, square: bool) -> list[slice]:
        """Return places in the order, cut where lengths differ or a batch of factors of this width is full.

        Parameters
        ----------
        width : int
            Factors.
        square : bool
            Whether each row also needs a system of its length.
        """
        counts = np.diff(self.bounds)
        found, start = [], 0
        while start < len(counts):
            shortest = int(counts[start])
            limit = max(shortest + 2, int(1.15 * shortest))
            size = max(1, BATCH_FLOATS // (limit * (max(limit, width) if square else width)))
            stop = min(start + size, int(np.searchsorted(counts, limit, side="right")))
            found.append(slice(start, stop))
            start = stop
        return found

    def padded(self, places: slice) -> tuple[Rows, Array]:
        """Return columns and weights of some rows, shape (n, longest of them); weight 0 is padding."""
        bounds = self.bounds[places.start : places.stop + 1]
        taken, counts = slice(int(bounds[0]), int(bounds[-1])), np.diff(bounds)
        columns, weights = self.columns[taken], self.weights[taken]
        shape = (len(counts), int(counts[-1]))
        if counts[0] == counts[-1]:
            return columns.reshape(shape).astype(np.int64), weights.reshape(shape)
        present = np.arange(shape[1]) < counts[:, None]
        all_columns, all_weights = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        all_columns[present], all_weights[present] = columns, weights
        return all_columns, all_weights


@dataclass(frozen=True)
class Systems:
    """What the systems of all rows share, in the basis in which the part that is the same for everyone is diagonal.

    Row i minimises x'M_i x - 2 l_i p_i'x plus its positives' terms, where M_i = b S + l_i I, with S the eigenvalues of V'V.

    Parameters
    ----------
    factors : ndarray of float32, shape (n_columns, width)
        Of the columns, in that basis.
    zeros : ndarray of float32, shape (width,)
        b S.
    penalties : ndarray of float32, shape (n_rows,)
        l_i.
    zero_weight : float
        b.
    is_new : ndarray of bool, shape (n_columns,), optional
        Columns whose positives replace no zero.
    prior : ndarray of float32, shape (n_rows, width), optional
        p_i, in that basis.
    """

    factors: Array
    zeros: Array
    penalties: Array
    zero_weight: float
    is_new: NDArray[np.bool_] | None
    prior: Array | None

    def without_positives(self, rows: Rows) -> Array:
        """Return what rows would be if they had no positives: zero, or a prior that the zeros have shrunk."""
        penalty = self.penalties[rows, None]
        if self.prior is None:
            return np.zeros((len(rows), len(self.zeros)), np.float32)
        return np.asarray(self.prior[rows] * (penalty / (self.zeros + penalty)))

    def above_zero(self, columns: Rows, weights: Array) -> Array:
        """Return by how much positives, and known zeros, weigh more than the zeros they replace; 0 where there is padding."""
        replaced = np.float32(self.zero_weight) if self.is_new is None else np.where(self.is_new[columns], 0, self.zero_weight)
        return np.where(weights > 0, weights - replaced, -weights).astype(np.float32)

    def exact(self, rows: Rows, columns: Rows, weights: Array) -> Array:
        """Return the minimisers of a batch.

        With fewer positives than factors the system is as small as they are few (Woodbury); else it is as wide as the factors.
        """
        factors = np.take(self.factors, columns, axis=0)
        extra, target = self.above_zero(columns, weights), targets(weights)
        diagonal = self.zeros + self.penalties[rows, None]
        found = self.without_positives(rows)
        if self.prior is not None:
            target = target - extra * _times(factors, found)
        longest = columns.shape[1]
        if longest < len(self.zeros):  # (D^-1 + V M^-1 V') y = D^-1 a; padding is a row of the identity
            factors *= (1 / np.sqrt(diagonal))[:, None, :]
            present = weights != 0
            if not present.all():
                factors *= present[:, :, None]
            inverse = np.divide(1, extra, out=np.ones_like(extra), where=present)
            system = factors @ factors.transpose(0, 2, 1)
            system[:, np.arange(longest), np.arange(longest)] += inverse
            solution = np.linalg.solve(system, (target * inverse)[:, :, None])[:, :, 0]
            found += _sum(solution, factors) / np.sqrt(diagonal)
            return found
        right = _sum(target, factors)
        factors *= np.sqrt(extra)[:, :, None]
        system = factors.transpose(0, 2, 1) @ factors
        system[:, np.arange(len(self.zeros)), np.arange(len(self.zeros))] += diagonal
        found += np.linalg.solve(system, right[:, :, None])[:, :, 0]
        return found

    def nearer(self, rows: Rows, columns: Rows, weights: Array, start: Array, steps: int) -> Array:
        """Return a batch after some steps of conjugate gradients from a start, preconditioned by M (Takacs et al. 2011)."""
        factors = np.take(self.factors, columns, axis=0)
        extra = self.above_zero(columns, weights)
        diagonal = self.zeros + self.penalties[rows, None]
        found = start.copy()
        residual = _sum(targets(weights) - extra * _times(factors, found), factors) - diagonal * found
        if self.prior is not None:
            residual += self.penalties[rows, None] * self.prior[rows]
        inverse = np.reciprocal(diagonal)
        scaled = inverse * residual
        direction, square = scaled, _dots(residual, scaled)
        for step in range(steps):
            image = _sum(extra * _times(factors, direction), factors) + diagonal * direction
            length = (square / np.maximum(_dots(direction, image), TINY))[:, None]
            found += length * direction
            if step + 1 < steps:
                residual -= length * image
                scaled = inverse * residual
                last, square = square, _dots(residual, scaled)
                direction = scaled + (square / np.maximum(last, TINY))[:, None] * direction
        return found


def targets(weights: Array) -> Array:
    """Return weight times what is aimed at, 1 for positives and 0 for known zeros and padding."""
    return np.maximum(weights, 0)


def _times(factors: Array, vectors: Array) -> Array:
    """Return the products of factors (n, longest, width) with a vector of each row (n, width)."""
    return np.asarray((factors @ vectors[:, :, None])[:, :, 0])


def _sum(weights: Array, factors: Array) -> Array:
    """Return the sums of factors (n, longest, width) with the weights of each row (n, longest)."""
    return np.asarray((weights[:, None, :] @ factors)[:, 0, :])


def _dots(left: Array, right: Array) -> Array:
    """Return the inner product of each row of two arrays (n, width)."""
    return np.asarray(np.vecdot(left, right))


def solve_rows(systems: Systems, rows: SortedRows, start: Array | None, steps: int, threads: int) -> Array:
    """Return the solution of every row, in the basis of the systems, shape (n_rows, width).

    Parameters
    ----------
    systems : Systems
        What they share.
    rows : SortedRows
        Their positives.
    start : ndarray of float32, shape (n_rows, width), optional
        Where conjugate gradients start; without it rows are solved exactly.
    steps : int
        Steps of conjugate gradients.
    threads : int
        Batches at a time. The result does not depend on it.
    """
    found = np.zeros((rows.n_rows, len(systems.zeros)), np.float32)
    if systems.prior is not None and len(rows.order) < len(found):
        empty = np.setdiff1d(np.arange(len(found)), rows.order)
        found[empty] = systems.without_positives(empty)
    batches = rows.batches(len(systems.zeros), square=start is None)
    waiting: Iterator[slice] = iter(batches[::-1])  # the longest first
    workers = min(threads, len(batches))

    def work(_: int = 0) -> None:
        for places in waiting:  # one list is shared: who is done takes the next
            columns, weights = rows.padded(places)
            taken = rows.order[places]
            if start is None:
                found[taken] = systems.exact(taken, columns, weights)
            else:
                found[taken] = systems.nearer(taken, columns, weights, start[taken], steps)

    if workers <= 1:
        work()
    else:
        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    return found


def blas_threads() -> int:
    """Return with how many threads matrix products run here: what the machine offers, or OMP_NUM_THREADS and the like allow."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
