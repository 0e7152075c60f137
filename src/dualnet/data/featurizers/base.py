"""`Block`: the interface of the features of one column."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ...ids import Rows
from ..content import Content, Matrix
from ..values import UnfitError, label_of


class Block(Protocol):
    """Features of one content column.

    A block is fitted once, saved as JSON and arrays, and then turns the same column of any `Content` into a matrix.
    """

    column: str

    def transform(self, content: Content) -> Matrix:
        """Return float32 features, shape (len(content), width)."""

    def names(self) -> list[str]:
        """Return the name of each feature, for explanations."""

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-ready description and arrays."""


def unit_rows(matrix: Any) -> Any:
    """Scale each row of a matrix to unit length; empty rows and rows of zeros stay as they are.

    Parameters
    ----------
    matrix : csr_array or ndarray, shape (n, width)

    Returns
    -------
    csr_array or ndarray of float32, same shape
    """
    if not issparse(matrix):
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        return (matrix / np.where(norms > 0, norms, 1)).astype(np.float32)
    matrix = csr_array(matrix)
    counts = np.diff(matrix.indptr)
    squares = np.add.reduceat(np.append(matrix.data.astype(np.float64) ** 2, 0.0), matrix.indptr[:-1])
    squares[counts == 0] = 1.0
    values = matrix.data.astype(np.float64) / np.repeat(np.sqrt(np.where(squares > 0, squares, 1.0)), counts)
    return csr_array((values.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def inverse_document_frequency(counts: NDArray[np.int64], n_documents: int) -> NDArray[np.float32]:
    """Return the smoothed IDF ln((1 + n) / (1 + df)) + 1 of each term.

    Parameters
    ----------
    counts : ndarray of int64, shape (width,)
        In how many fitted documents each term occurs.
    n_documents : int
        How many were fitted.
    """
    return (np.log((1.0 + n_documents) / (1.0 + counts)) + 1.0).astype(np.float32)


def places_of(labels: Sequence[str]) -> dict[str, int]:
    """Return the place of each label, and of its canonical form: models of earlier versions have ``1.0`` and ``True``."""
    places = {label: place for place, label in enumerate(labels)}
    for place, label in enumerate(labels):
        with contextlib.suppress(UnfitError):
            if (plain := label_of(label)) is not None:
                places.setdefault(plain, place)
    return places


def column_values(content: Content, column: str, rows: Rows | None = None) -> list[Any]:
    """Return a raw column as Python values, all rows or some."""
    values = content.table.column(column)
    return (values if rows is None else values.take(rows)).to_pylist()
