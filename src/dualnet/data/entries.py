"""Stored entries of a sparse matrix: where those of a part stand in the whole, and the matrix with only some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..ids import Rows


def csr_positions(matrix: csr_array, *, users: Rows | None = None, items: Rows | None = None) -> csr_array:
    """Return the sub-matrix of some rows and columns, with positions in `matrix.data` for values.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        The whole.
    users, items : ndarray of int64, optional
        Rows and columns to keep, in this order; all when left out.

    Returns
    -------
    csr_array of int64, shape (len(users), len(items))
        With sorted indices.
    """
    # from 1, as a stored 0 may be dropped
    part = csr_array((np.arange(1, matrix.nnz + 1, dtype=np.int64), matrix.indices, matrix.indptr), shape=matrix.shape)
    if users is not None:
        part = csr_array(part[users])
    if items is not None:
        part = csr_array(part[:, items])
    part.sort_indices()
    return csr_array((part.data - 1, part.indices, part.indptr), shape=part.shape)


def keep_entries(matrix: csr_array, mask: NDArray[np.bool_]) -> csr_array:
    """Return a matrix of the same shape with only some of its stored entries.

    Parameters
    ----------
    matrix : csr_array
        The whole.
    mask : ndarray of bool, shape (nnz,)
        True for the entries to keep, in the order of `matrix.data`.
    """
    before = np.concatenate([[0], np.cumsum(mask)])
    indptr = before[matrix.indptr].astype(matrix.indptr.dtype)
    return csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)


def values_at(matrix: csr_array, rows: Rows, columns: Rows) -> NDArray[Any]:
    """Return the values of some cells, 0 where nothing is stored; of no cells none, for which SciPy has no array.

    Parameters
    ----------
    matrix : csr_array
        Where the cells are.
    rows, columns : ndarray of int64
        One of each a cell.
    """
    if not len(rows):
        return np.zeros(0, matrix.dtype)
    return np.asarray(matrix[rows, columns]).ravel()
