"""Vectors that an encoder returns: dense, sparse, or both side by side; a score is an inner product of any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, issparse, vstack

Vectors: TypeAlias = Any  # ndarray or csr_array of float32, or JoinedVectors; SciPy has no types to say so
Matrix: TypeAlias = Any  # ndarray or csr_array of float32


@dataclass(frozen=True, eq=False)
class JoinedVectors:
    """A few hundred dense numbers and a long sparse part a row: one vector, kept in two pieces because that is faster.

    The inner product of two such vectors is the sum of those of the pieces.

    Parameters
    ----------
    dense : ndarray of float32, shape (n, width)
        Such as embeddings.
    sparse : csr_array of float32, shape (n, n_features)
        Such as content.
    """

    dense: NDArray[np.float32]
    sparse: csr_array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers of both pieces together."""
        return len(self.dense), self.dense.shape[1] + self.sparse.shape[1]

    def __len__(self) -> int:
        return len(self.dense)

    def __getitem__(self, rows: Any) -> JoinedVectors:
        return JoinedVectors(self.dense[rows], csr_array(self.sparse[rows]))


def join(dense: NDArray[np.float32], content: Vectors) -> Vectors:
    """Return vectors with other vectors beside them, row by row.

    Parameters
    ----------
    dense : ndarray of float32, shape (n, width)
    content : csr_array or ndarray of float32, shape (n, n_features)

    Returns
    -------
    JoinedVectors or ndarray, shape (n, width + n_features)
        Dense only if both are.
    """
    if issparse(content):
        return JoinedVectors(dense, csr_array(content))
    return np.hstack([dense, content]).astype(np.float32, copy=False)


def subtract(vectors: Vectors, factors: NDArray[np.float32], vector: Vectors) -> Vectors:
    """Return vectors less a multiple of one vector each.

    Parameters
    ----------
    vectors : Vectors, shape (n, width)
    factors : ndarray of float32, shape (n,)
    vector : Vectors, shape (1, width)
        Of the same kind.
    """
    if isinstance(vectors, JoinedVectors):
        return JoinedVectors(subtract(vectors.dense, factors, vector.dense), subtract(vectors.sparse, factors, vector.sparse))
    if issparse(vectors):
        return csr_array(vectors - csr_array(factors[:, None]) @ vector)
    return vectors - factors[:, None] * vector


def mean_vector(vectors: Vectors) -> Vectors:
    """Return the mean of some vectors, shape (1, width), of the same kind."""
    if isinstance(vectors, JoinedVectors):
        return JoinedVectors(mean_vector(vectors.dense), mean_vector(vectors.sparse))
    if issparse(vectors):
        return csr_array(np.full((1, vectors.shape[0]), 1 / vectors.shape[0], np.float32) @ vectors)
    return np.asarray(vectors, np.float32).mean(axis=0, keepdims=True)


def stack_vectors(*parts: Vectors) -> Vectors:
    """Return vectors (or features) of one kind, one set below the other; parts that are None are left out."""
    parts = tuple(part for part in parts if part is not None)
    if len(parts) < 2:
        return parts[0] if parts else None
    if isinstance(parts[0], JoinedVectors):
        return JoinedVectors(np.concatenate([part.dense for part in parts]), stack_vectors(*(part.sparse for part in parts)))
    return csr_array(vstack(parts, format="csr")) if issparse(parts[0]) else np.concatenate(parts)


def to_dense(vectors: Vectors) -> NDArray[np.float32]:
    """Return vectors of any kind as one array, shape (n, width): for files and indexes that know nothing else."""
    if isinstance(vectors, JoinedVectors):
        return np.hstack([vectors.dense, vectors.sparse.toarray()])
    return np.asarray(vectors.toarray() if issparse(vectors) else vectors, np.float32)


def to_sparse(vectors: Vectors) -> csr_array:
    """Return vectors of any kind as one sparse matrix, shape (n, width)."""
    if isinstance(vectors, JoinedVectors):
        return csr_array(hstack([csr_array(vectors.dense), vectors.sparse], format="csr"))
    return csr_array(vectors)


def norms(vectors: Vectors) -> NDArray[np.float64]:
    """Return the Euclidean length of each vector, shape (n,)."""
    if isinstance(vectors, JoinedVectors):
        return np.hypot(norms(vectors.dense), norms(vectors.sparse))
    squares = vectors.multiply(vectors).sum(axis=1) if issparse(vectors) else np.einsum("ij,ij->i", vectors, vectors)
    return np.sqrt(np.asarray(squares, dtype=np.float64)).ravel()


def row_products(vectors: Vectors, others: Vectors) -> NDArray[np.float64]:
    """Return the inner product of each vector with the other one of its row, shape (n,)."""
    if isinstance(vectors, JoinedVectors):
        return row_products(vectors.dense, others.dense) + row_products(vectors.sparse, others.sparse)
    if issparse(vectors):
        return np.asarray(vectors.astype(np.float64).multiply(others).sum(axis=1), np.float64).ravel()
    return np.einsum("ij,ij->i", vectors, others, dtype=np.float64)


def largest(vectors: Vectors) -> float:
    """Return the largest absolute number in any of the vectors; 0 for none, NaN if one is NaN."""
    if isinstance(vectors, JoinedVectors):
        return float(np.maximum(largest(vectors.dense), largest(vectors.sparse)))
    return float(np.abs(vectors.data if issparse(vectors) else vectors).max(initial=0))
