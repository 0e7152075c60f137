"""Alternating least squares with weights: the half-step that all factorisations share (Hu, Koren & Volinsky 2008)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_info, threadpool_limits

from ..distributed.collectives import ALONE, Collectives
from ..errors import TrainingError
from ..ids import Rows

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
    """Linear systems of all rows, in the basis in which the part that they share is diagonal.

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

    @classmethod
    def of(
        cls,
        factors: Array,
        gram: Gram,
        rows: SortedRows,
        zero_weight: float,
        regularization: float,
        *,
        power: float = 0.0,
        n_zeros: int,
        is_new: NDArray[np.bool_] | None = None,
        prior: Array | None = None,
    ) -> Self:
        """Return the systems of some rows, from factors in the basis of their Gram matrix; otherwise arguments as in `half_step`.

        Parameters
        ----------
        factors : ndarray of float32, shape (n_columns, width)
        gram : Gram
            Of the factors that zeros are summed over.
        n_zeros : int
            How many those are.
        """
        total = rows.totals() if power else np.zeros(rows.n_rows)
        return cls(
            factors,
            (zero_weight * gram.values).astype(np.float32),
            np.asarray(row_penalty(total, zero_weight, regularization, power, n_zeros), np.float32),
            zero_weight,
            is_new,
            None if prior is None else prior @ gram.basis,
        )

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

    Raises
    ------
    TrainingError
        If a system has no solution.
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

    try:
        if workers <= 1:
            work()
        else:
            with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, range(workers)))
    except np.linalg.LinAlgError as error:
        raise TrainingError(TOO_LARGE) from error
    return found


def blas_threads() -> int:
    """Return with how many threads matrix products run here: what the machine offers, or OMP_NUM_THREADS and the like allow."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


TOO_LARGE = (
    "the factors are no longer finite numbers; look for very large weights of pairs, a weight of zeros close to that of"
    " positives, or a penalty close to 0"
)
FEW_POSITIVES = 20_000  # of a matrix that is a question, not a step of training


def half_step(
    other: Array,
    matrix: csr_array | SortedRows,
    zero_weight: float,
    regularization: float,
    *,
    of_all: Array | None = None,
    is_new: NDArray[np.bool_] | None = None,
    prior: Array | None = None,
    regularization_power: float = 0.0,
    start: Array | None = None,
    steps: int = STEPS,
    threads: int = 1,
    kept: KeptGram | None = None,
) -> Array:
    """Return the minimiser of one side, given the factors of the other: exact, or a few steps from a start.

    Row i is (V'C_iV + l_i I)^-1 (V'C_i r_i + l_i p_i), where the prior p_i is zero unless given, with C_i = diag(a_ij on
    positives, b elsewhere); of zeros that are known C_i has b + c_ij. The part b V'V + l_i I is diagonal in the basis of the eigenvectors of V'V; to it come as many rank-one
    terms as i has positives. With few positives the system to solve is as small as they are few (Woodbury), and with many it is as
    wide as the factors; both are exact. An alternation, which solves the same rows again and again, gives `start`: then conjugate
    gradients, preconditioned by that diagonal, go some steps towards the minimiser, at a fraction of the cost.

    Parameters
    ----------
    other : ndarray of float32, shape (n_columns, width)
        Factors V of the columns.
    matrix : csr_array of float32, shape (n_rows, n_columns), or SortedRows
        Weights a_ij > b of the positives, and -c_ij where a zero is known (`known_zeros.with_known_zeros`); sorted once by
        whoever calls this more than once.
    zero_weight : float
        Weight b of everything else.
    regularization : float
        l > 0.
    of_all : ndarray of float32, shape (n, width), optional
        The factors that zeros are summed over, if they are not those of the columns.
    is_new : ndarray of bool, shape (n_columns,), optional
        Columns beyond `of_all`: a positive there replaces no zero.
    prior : ndarray of float32, shape (n_rows, width), optional
        What each row is drawn to instead of zero (CDL: the codes of the items).
    regularization_power : float
        v in l_i = l (sum of a_ij over the positives + b n)^v, where n counts the factors that zeros are summed over. 0 gives
        every row the same penalty, 1 one in proportion to its data (Rendle et al. 2021, "Revisiting the performance of iALS on
        item recommendation benchmarks").
    start : ndarray of float32, shape (n_rows, width), optional
        Rows near the minimiser, such as those of the last alternation. Without it the result is exact.
    steps : int
        Steps from the start.
    threads : int
        Batches of rows at a time; no result depends on it.
    kept : KeptGram, optional
        Where the Gram matrix of the factors that zeros are summed over is kept for the next call.

    Returns
    -------
    ndarray of float32, shape (n_rows, width)
        Rows without positives are zero or, with a prior, a prior that the zeros have shrunk. Source: equation 2 of the paper,
        with C_i also before r_i.

    Raises
    ------
    TrainingError
        If a factor is not a finite number.
    """
    summed = other if of_all is None else of_all
    if isinstance(matrix, SortedRows):
        rows, gram = matrix, Gram.of(summed)
    elif matrix.nnz < FEW_POSITIVES and 2 * len(taken := np.unique(matrix.indices)) < len(other):
        gram = (kept or KeptGram()).of(summed)  # someone waits for this: leave the other columns alone
        rows = SortedRows.of(matrix)
        rows = replace(rows, columns=np.searchsorted(taken, rows.columns))
        other, is_new = other[taken], None if is_new is None else is_new[taken]
    else:
        rows, gram = SortedRows.of(matrix), Gram.of(summed)
    systems = Systems.of(
        other @ gram.basis, gram, rows, zero_weight, regularization,
        power=regularization_power, n_zeros=len(summed), is_new=is_new, prior=prior,
    )  # fmt: skip
    solution = solve_rows(systems, rows, None if start is None else start @ gram.basis, steps, threads) @ gram.basis.T
    if not np.isfinite(solution).all():
        raise TrainingError(TOO_LARGE)
    return np.asarray(solution)


def row_penalty(
    total: float | NDArray[Any], zero_weight: float, regularization: float, power: float, n: int
) -> float | NDArray[Any]:
    """Return the penalty l (total + b n)^v of rows whose positives weigh so much in total, with n columns of zeros."""
    return regularization * (total + zero_weight * n) ** power


def contributions(
    factors: Array,
    zero_weight: float,
    regularization: float,
    *,
    of_all: Array,
    is_new: NDArray[np.bool_] | None = None,
    kept: KeptGram | None = None,
) -> NDArray[np.float64]:
    """Return what each positive of one row adds to its solution in `half_step`, shape (n, width): they sum to it.

    The solution is (V'CV + l I)^-1 times a sum over the positives; with the matrix as it is, each has a share (Hu, Koren &
    Volinsky 2008, section 5).

    Parameters
    ----------
    factors : ndarray of float32, shape (n, width)
        Of the positives, each of weight 1.
    zero_weight, regularization, of_all, kept
        As in `half_step`.
    is_new : ndarray of bool, shape (n,), optional
        Positives beyond `of_all`.
    """
    exact = factors.astype(np.float64)
    base = zero_weight * (kept or KeptGram()).of(of_all).product + regularization * np.eye(exact.shape[1])
    extra = np.full(len(exact), 1 - zero_weight) if is_new is None else np.where(is_new, 1.0, 1 - zero_weight)
    return np.asarray(np.linalg.solve(base + exact.T @ (extra[:, None] * exact), exact.T).T)


def weighted_error(
    users: Array, items: Array, matrix: csr_array, zero_weight: float, user_regularization: float, item_regularization: float
) -> float:
    """Return the whole objective: weighted squared error over all cells, and the penalties (equation 1 of the paper).

    Parameters
    ----------
    users, items : ndarray of float32, shape (n_users, width), (n_items, width)
    matrix : csr_array, shape (n_users, n_items)
        As in `half_step`.
    zero_weight : float
        Weight b.
    user_regularization, item_regularization : float
        Factors of the squared lengths.
    """
    u, v = users.astype(np.float64), items.astype(np.float64)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    scores = np.empty(matrix.nnz)
    for start in range(0, matrix.nnz, 2**17):
        part = slice(start, start + 2**17)
        scores[part] = np.einsum("nk,nk->n", u[rows[part]], v[matrix.indices[part]])
    zeros = zero_weight * float(np.sum((u.T @ u) * (v.T @ v)))
    data = matrix.data.astype(np.float64)
    positives = float(np.where(data > 0, data * (1 - scores) ** 2 - zero_weight * scores**2, -data * scores**2).sum())
    return zeros + positives + user_regularization * float((u * u).sum()) + item_regularization * float((v * v).sum())


@dataclass(frozen=True)
class Gram:
    """V'V of some factors in float64, with its eigenvalues and, as columns of `basis`, its eigenvectors in float32."""

    product: NDArray[np.float64]
    values: NDArray[np.float64]
    basis: Array

    @classmethod
    def of(cls, factors: Array, group: Collectives = ALONE) -> Self:
        """Compute it; of factors that are divided among ranks, the sum of theirs."""
        exact = factors.astype(np.float64)
        product = group.all_reduce(exact.T @ exact)
        values, *vectors = group.broadcast(np.vstack(np.linalg.eigh(product)))  # which may differ between machines
        return cls(product, np.maximum(values, 0), np.asarray(vectors, np.float32).reshape(product.shape))


class KeptGram:
    """Gram matrix of the factors of one model, computed once while somebody asks about the same array."""

    def __init__(self) -> None:
        self._last: tuple[Array, Gram] | None = None

    def of(self, factors: Array) -> Gram:
        """Return it; another array, as after an update, replaces what was kept."""
        last = self._last
        if last is None or last[0] is not factors:
            last = self._last = factors, Gram.of(factors)
        return last[1]


Array = NDArray[np.float32]
