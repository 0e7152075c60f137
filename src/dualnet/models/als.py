"""The half-step of weighted least squares that all factorisations share (Hu, Koren & Volinsky 2008)."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import TrainingError
from .als_rows import STEPS, Array, SortedRows, Systems, solve_rows

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
        gram = _KEPT.of(summed)  # someone waits for this: leave the other columns alone
        rows = SortedRows.of(matrix)
        rows = replace(rows, columns=np.searchsorted(taken, rows.columns))
        other, is_new = other[taken], None if is_new is None else is_new[taken]
    else:
        rows, gram = SortedRows.of(matrix), Gram.of(summed)
    total = rows.totals() if regularization_power else np.zeros(rows.n_rows)
    systems = Systems(
        other @ gram.basis,
        (zero_weight * gram.values).astype(np.float32),
        np.asarray(row_penalty(total, zero_weight, regularization, regularization_power, len(summed)), np.float32),
        zero_weight,
        is_new,
        None if prior is None else prior @ gram.basis,
    )
    try:
        found = solve_rows(systems, rows, None if start is None else start @ gram.basis, steps, threads)
    except np.linalg.LinAlgError as error:
        raise TrainingError(TOO_LARGE) from error
    solution = np.asarray(found @ gram.basis.T)
    if not np.isfinite(solution).all():
        raise TrainingError(TOO_LARGE)
    return solution


def row_penalty(
    total: float | NDArray[Any], zero_weight: float, regularization: float, power: float, n: int
) -> float | NDArray[Any]:
    """Return the penalty l (total + b n)^v of rows whose positives weigh so much in total, with n columns of zeros."""
    return regularization * (total + zero_weight * n) ** power


def contributions(
    factors: Array, zero_weight: float, regularization: float, *, of_all: Array, is_new: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return what each positive of one row adds to its solution in `half_step`, shape (n, width): they sum to it.

    The solution is (V'CV + l I)^-1 times a sum over the positives; with the matrix as it is, each has a share (Hu, Koren &
    Volinsky 2008, section 5).

    Parameters
    ----------
    factors : ndarray of float32, shape (n, width)
        Of the positives, each of weight 1.
    zero_weight, regularization, of_all
        As in `half_step`.
    is_new : ndarray of bool, shape (n,), optional
        Positives beyond `of_all`.
    """
    exact = factors.astype(np.float64)
    base = zero_weight * _KEPT.of(of_all).product + regularization * np.eye(exact.shape[1])
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
    def of(cls, factors: Array) -> Self:
        """Compute it."""
        exact = factors.astype(np.float64)
        product = exact.T @ exact
        values, vectors = np.linalg.eigh(product)
        return cls(product, np.maximum(values, 0), vectors.astype(np.float32))


class _Kept:
    """The Gram matrices of factors that are asked about again and again; forgotten when the factors are."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[weakref.ref[Array], Gram]] = {}

    def of(self, factors: Array) -> Gram:
        """Return it, computed once while the array lives and is not written to."""
        place = id(factors)
        kept = self._found.get(place)
        if kept is None or kept[0]() is not factors:
            kept = (weakref.ref(factors, lambda _: self._found.pop(place, None) and None), Gram.of(factors))
            self._found[place] = kept
        return kept[1]


_KEPT = _Kept()
