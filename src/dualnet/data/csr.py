"""Sparse matrices in CSR form: their stored entries by position, and whether indices and numbers stay inside.

Compiled code believes the indices that it reads, so whatever somebody else made is checked first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse

from ..errors import DataError, listing
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
    part = selected(part, users=users, items=items)
    return csr_array((part.data - 1, part.indices, part.indptr), shape=part.shape)


def selected(matrix: csr_array, *, users: Rows | None = None, items: Rows | None = None) -> csr_array:
    """Return the sub-matrix of some rows and columns, in the order given, with sorted indices and arrays of its own.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        The whole.
    users, items : ndarray of int64, optional
        Rows and columns to keep; all when left out.
    """
    part = matrix.copy() if users is None and items is None else matrix
    if users is not None:
        part = csr_array(part[users])
    if items is not None:
        part = csr_array(part[:, items])
    part.sort_indices()
    return part


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


def check_matrix(matrix: Any, shape: tuple[int | None, int | None], what: str, *, canonical: bool = True) -> None:
    """Refuse a CSR matrix whose parts do not fit each other, before anything reads by its indices.

    Flags that SciPy keeps of a matrix say how it was made, not what it holds now, so nothing is taken from them.

    Parameters
    ----------
    matrix : csr_array or csr_matrix
        Made by somebody else.
    shape : tuple of int or None
        What it must have; None where any number does.
    what : str
        For the text of an error, such as ``the matrix``.
    canonical : bool
        Whether the indices of a row must be ascending and distinct.

    Raises
    ------
    DataError
        If it is none, its shape is another, row pointers or indices lead outside, or rows are unsorted or repeat.
    """
    if not issparse(matrix) or matrix.format != "csr" or matrix.ndim != 2:
        raise DataError(
            f"{what} is a {type(matrix).__name__}, expected a scipy.sparse.csr_array; convert it with csr_array(...)"
        )
    if any(want not in (None, have) for want, have in zip(shape, matrix.shape, strict=True)):
        raise DataError(f"{what} has shape {tuple(matrix.shape)}, expected {shape}")
    indptr, indices, (rows, columns) = matrix.indptr, matrix.indices, matrix.shape
    if indptr.dtype.kind not in "iu" or indices.dtype.kind not in "iu":
        raise DataError(f"{what} has indices of kind {indices.dtype}, expected whole numbers")
    if len(indptr) != rows + 1 or indptr[0] != 0 or indptr[-1] != len(indices) or len(indices) != len(matrix.data):
        raise DataError(f"{what} has row pointers that do not fit {rows:,} rows and {len(matrix.data):,} values; build it anew")
    if (np.diff(indptr) < 0).any():
        raise DataError(f"{what} has row pointers that go back; build it anew")
    if len(indices):
        least, largest = int(indices.min()), int(indices.max())
        if least < 0 or largest >= columns:
            bad = least if least < 0 else largest
            raise DataError(f"{what} has column index {bad}, and there are {columns:,} columns; number them from 0")
    if canonical and len(indices) > 1:
        rising = indices[1:] > indices[:-1]
        starts = indptr[1:-1]
        starts = starts[(starts > 0) & (starts < len(indices))]
        rising[starts - 1] = True  # a new row may begin anywhere
        if not rising.all():
            raise DataError(f"{what} has unsorted or repeated column indices; build it with Interactions.from_pairs")


def checked_rows(rows: ArrayLike, size: int, what: str) -> Rows:
    """Return row numbers as int64, each at least 0 and below a size.

    Parameters
    ----------
    rows : array of int
        One-dimensional.
    size : int
        How many there are to choose from.
    what : str
        For the text of an error, such as ``user rows``.

    Raises
    ------
    DataError
        If they are no whole numbers, have more than one dimension, or one is out of range.
    """
    found = np.asarray(rows)
    if found.ndim != 1 or (found.dtype.kind not in "iu" and len(found)):
        raise DataError(f"{what} have {found.ndim} dimensions and kind {found.dtype}; give a list of whole numbers")
    if len(found):
        wrong = (found < 0) | (found >= size)
        if wrong.any():
            raise DataError(f"{what} {listing(found[wrong].tolist())} are out of range: there are {size:,}, numbered from 0")
    return found.astype(np.int64, copy=False)


def checked_numbers(values: ArrayLike, kind: type[np.generic], what: str) -> NDArray[Any]:
    """Return weights or times as numbers of a kind.

    Parameters
    ----------
    values : array-like
        As given.
    kind : NumPy type
        Of the result.
    what : str
        What they are, for error texts.

    Raises
    ------
    DataError
        For what is no number, or none of that kind, such as a missing time; dates are none, for their unit is not said.
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind in "mMc":
            raise DataError(f"{what} are of kind {given.dtype}; give numbers, times as whole seconds since 1970")
        with np.errstate(invalid="ignore"):
            found = given.astype(kind, copy=False)
        if np.issubdtype(kind, np.integer) and given.dtype.kind in "fuO":
            numbers = given.astype(np.float64)
            lost = ~(np.abs(numbers) < 2.0**63)  # also where it is missing
            if lost.any():
                raise DataError(
                    f"{what} {listing(numbers[lost].tolist())} are no whole seconds since 1970; fill or remove those pairs"
                )
        return found
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{what} are no numbers ({error}); give numbers") from error
