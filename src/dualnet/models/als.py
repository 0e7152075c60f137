"""The exact half-step of weighted least squares that WMF and CDL share (Hu, Koren & Volinsky 2008)."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..ids import Rows

Array = NDArray[np.float32]

BATCH_FLOATS = 4_000_000  # gathered factors at a time
FEW_POSITIVES = 20_000  # of a matrix that is a question, not a step of training


def half_step(
    other: Array,
    matrix: csr_array,
    zero_weight: float,
    regularization: float,
    *,
    of_all: Array | None = None,
    is_new: NDArray[np.bool_] | None = None,
    prior: Array | None = None,
) -> Array:
    """Return the exact minimiser of one side, given the factors of the other.

    Row i is (V'C_iV + l I)^-1 (V'C_i r_i + l p_i), where the prior p_i is zero unless given, with C_i = diag(a_ij on positives, b
    elsewhere). V'C_iV + l I is the same matrix B = b V'V + l I for everyone, plus as many rank-one terms as i has positives; so with
    few positives the system to solve is as small as they are few (Woodbury), and with many it is as wide as the factors. Both are
    exact.

    Parameters
    ----------
    other : ndarray of float32, shape (n_columns, width)
        Factors V of the columns.
    matrix : csr_array of float32, shape (n_rows, n_columns)
        Weights a_ij > b of the positives.
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

    Returns
    -------
    ndarray of float32, shape (n_rows, width)
        Rows without positives are zero or, with a prior, a prior that the zeros have shrunk. Source: equation 2 of the paper,
        with C_i also before r_i.
    """
    width = other.shape[1]
    summed = other if of_all is None else of_all
    taken = np.unique(matrix.indices)
    if 2 * len(taken) < len(other) and matrix.nnz < FEW_POSITIVES:  # someone waits for this: leave the other columns alone
        base, inverse_base = _KEPT.of(summed, zero_weight, regularization)
        matrix = csr_array((matrix.data, np.searchsorted(taken, matrix.indices), matrix.indptr), (matrix.shape[0], len(taken)))
        other, is_new = other[taken], None if is_new is None else is_new[taken]
    else:
        base, inverse_base = _base(summed, zero_weight, regularization)
    prepared = np.ascontiguousarray(other @ inverse_base.astype(np.float32))
    if prior is None:
        found = np.zeros((matrix.shape[0], width), np.float32)
    else:
        found = np.ascontiguousarray(prior @ (regularization * inverse_base).astype(np.float32))
    counts = np.diff(matrix.indptr)
    for rows, longest in _batches(counts, width):
        columns, weights = _padded(matrix, rows, longest)
        factors = other[columns]
        present = weights > 0
        replaced = np.float32(zero_weight) if is_new is None else np.where(is_new[columns], 0, np.float32(zero_weight))
        extra = np.where(present, weights - replaced, 0).astype(np.float32)
        target = np.where(present, weights, 0)
        if prior is not None:
            target -= extra * (factors @ found[rows][:, :, None])[:, :, 0]
        if longest < width:
            image = prepared[columns]
            system = factors @ image.transpose(0, 2, 1)
            # (D^-1 + V B^-1 V') y = D^-1 a; padding is a row of the identity
            system *= (present[:, :, None] & present[:, None, :]).astype(np.float32)
            inverse = np.divide(1, extra, out=np.ones_like(extra), where=present)
            diagonal = np.arange(longest)
            system[:, diagonal, diagonal] += inverse
            solution = np.linalg.solve(system, (target * inverse)[:, :, None])
            found[rows] += (image.transpose(0, 2, 1) @ solution)[:, :, 0]
        else:
            scaled = factors * extra[:, :, None]
            system = factors.transpose(0, 2, 1) @ scaled + base.astype(np.float32)
            right = (factors * target[:, :, None]).sum(axis=1)
            found[rows] += np.linalg.solve(system, right[:, :, None])[:, :, 0]
    return found


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
    base, _ = _KEPT.of(of_all, zero_weight, regularization)
    extra = np.full(len(exact), 1 - zero_weight) if is_new is None else np.where(is_new, 1.0, 1 - zero_weight)
    return np.linalg.solve(base + exact.T @ (extra[:, None] * exact), exact.T).T


def weighted_error(
    users: Array, items: Array, matrix: csr_array, zero_weight: float, user_regularization: float, item_regularization: float
) -> float:
    """Return the whole objective: weighted squared error over all cells, and the penalties (equation 1 of the paper).

    Parameters
    ----------
    users, items : ndarray of float32, shape (n_users, width), (n_items, width)
    matrix : csr_array, shape (n_users, n_items)
        Weights a_ij.
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
    positives = float((matrix.data * (1 - scores) ** 2 - zero_weight * scores**2).sum())
    return zeros + positives + user_regularization * float((u * u).sum()) + item_regularization * float((v * v).sum())


class _KeptBase:
    """B and its inverse for the factors that are asked about again and again; forgotten when the factors are."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[weakref.ref[Array], tuple[float, float], tuple[Any, Any]]] = {}

    def of(self, factors: Array, zero_weight: float, regularization: float) -> tuple[Any, Any]:
        """Return `_base`, computed once while the array lives and is not written to."""
        place, settings = id(factors), (zero_weight, regularization)
        kept = self._found.get(place)
        if kept is None or kept[0]() is not factors or kept[1] != settings:
            kept = (
                weakref.ref(factors, lambda _: self._found.pop(place, None) and None),
                settings,
                _base(factors, zero_weight, regularization),
            )
            self._found[place] = kept
        return kept[2]


_KEPT = _KeptBase()


def _base(factors: Array, zero_weight: float, regularization: float) -> tuple[Any, Any]:
    """Return B = b V'V + l I and its inverse, in float64."""
    exact = factors.astype(np.float64)
    base = zero_weight * (exact.T @ exact) + regularization * np.eye(factors.shape[1])
    return base, np.linalg.inv(base)


def _batches(counts: NDArray[np.integer], width: int) -> Iterator[tuple[Rows, int]]:
    """Yield rows of similar numbers of positives, with the largest of them; rows without any are left out."""
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    ordered = counts[order]
    start = 0
    while start < len(order):
        shortest = int(ordered[start])
        limit = max(shortest + 2, int(1.15 * shortest))
        size = max(1, BATCH_FLOATS // (limit * max(limit, width)))
        stop = min(start + size, int(np.searchsorted(ordered, limit, side="right")))
        yield order[start:stop], int(ordered[stop - 1])
        start = stop


def _padded(matrix: csr_array, rows: Rows, longest: int) -> tuple[Rows, Array]:
    """Return columns and weights of some rows as arrays of shape (len(rows), longest); weight 0 is padding."""
    starts, counts = matrix.indptr[rows], np.diff(matrix.indptr)[rows]
    place = np.arange(longest)
    present = place < counts[:, None]
    at = np.where(present, starts[:, None] + place, 0)
    return matrix.indices[at].astype(np.int64), np.where(present, matrix.data[at], 0).astype(np.float32)
