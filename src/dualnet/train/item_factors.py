"""Item factors of a linear model: the leading singular vectors of histories and content together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor

from ..nn.sparse import SparseMatrix

# chosen on citeulike-a's validation pairs (titles and tags); see docs/decisions.md
POPULARITY_POWER = 0.25
CONTENT_SHARE = 0.75
CONTENT_RIDGE = 0.006  # for each item
RIDGE_STEPS = 10
ROUNDS = 4
OVERSAMPLING = 10
TINY = 1e-12  # a row that is no longer is empty
HISTORIES_AT_MOST = 200_000  # a sample of users fixes the leading directions


@dataclass(frozen=True, eq=False)
class ItemFactors:
    """Factors of the training items, and what content says of them.

    Parameters
    ----------
    items : Tensor, shape (n_items, rank)
        Right singular vectors, orthonormal columns, the strongest first.
    content : Tensor, shape (n_features, rank), optional
        Linear map from raw content to its share of the factors.
    """

    items: Tensor
    content: Tensor | None


@torch.no_grad()
def item_factors(
    matrix: csr_array, features: csr_array | NDArray[np.float32] | None, rank: int, generator: Generator
) -> ItemFactors:
    """Return the leading right singular vectors of [histories; content], by randomised subspace iteration.

    Histories have unit length, and popular items count for less (popularity to the power -1/4). Content rows have unit
    length too; as a whole content weighs three quarters of the histories. Seconds where training takes minutes (Halko,
    Martinsson & Tropp 2011).

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Training pairs; values do not count.
    features : csr_array or ndarray, shape (n_items, n_features), optional
        Content.
    rank : int
        Wanted directions; fewer come back where the data has fewer.
    generator : torch.Generator
        For the random start.

    Returns
    -------
    ItemFactors
    """
    histories = SparseMatrix(_histories(matrix))
    content, lengths = (None, 1.0) if features is None else _unit_rows(features)
    share = 0.0
    if content is not None:
        size = float(torch.linalg.vector_norm(content.values if isinstance(content, SparseMatrix) else content))
        share = (CONTENT_SHARE * float(torch.linalg.vector_norm(histories.values)) / max(size, 1e-12)) ** 2

    def gram_times(basis: Tensor) -> Tensor:
        product = histories.transposed_times(histories.times(basis))
        if content is None:
            return product
        return product.add_(_times(content, _transposed_times(content, basis)), alpha=share)

    n_items = matrix.shape[1]
    basis = torch.empty(n_items, min(rank + OVERSAMPLING, n_items)).normal_(generator=generator)
    for _ in range(ROUNDS):
        basis = _orthonormal(gram_times(basis))
    strength, rotation = torch.linalg.eigh(basis.T @ gram_times(basis))
    kept = strength.flip(0)[:rank] > 1e-6 * strength[-1]
    basis = basis @ rotation.flip(1)[:, :rank][:, kept]
    if content is None:
        return ItemFactors(basis, None)
    return ItemFactors(basis, _ridge(content, basis) / lengths)


def _histories(matrix: csr_array) -> csr_array:
    if matrix.shape[0] > HISTORIES_AT_MOST:
        matrix = csr_array(matrix[np.linspace(0, matrix.shape[0] - 1, HISTORIES_AT_MOST).astype(np.int64)])
    lengths = np.diff(matrix.indptr)
    popularity = np.bincount(matrix.indices, minlength=matrix.shape[1]).clip(min=1)
    values = popularity[matrix.indices] ** -POPULARITY_POWER / np.repeat(np.sqrt(lengths), lengths)
    return csr_array((values.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _unit_rows(features: csr_array | NDArray[np.float32]) -> tuple[SparseMatrix | Tensor, float]:
    """Return content with rows of unit length, and the typical length that they had; rows without content have none."""
    if not issparse(features):
        dense = torch.from_numpy(np.ascontiguousarray(features, np.float32))
        lengths = torch.linalg.vector_norm(dense, dim=1)
        return dense / lengths.clamp(min=TINY)[:, None], _typical(lengths.numpy())
    sparse = csr_array(features)
    rows = np.repeat(np.arange(sparse.shape[0]), np.diff(sparse.indptr))
    squares = np.bincount(rows, sparse.data.astype(np.float64) ** 2, minlength=sparse.shape[0])
    norms = np.sqrt(squares)
    unit = csr_array((sparse.data / norms.clip(min=TINY)[rows], sparse.indices, sparse.indptr), shape=sparse.shape)
    return SparseMatrix(unit), _typical(norms)


def _typical(lengths: NDArray[Any]) -> float:
    """Return the median length of the rows that have content; 1 where none has."""
    filled = lengths[lengths > TINY]
    return float(np.median(filled)) if len(filled) else 1.0


def _ridge(content: SparseMatrix | Tensor, targets: Tensor) -> Tensor:
    """Return the ridge regression of targets on content by conjugate gradients, shape (n_features, width).

    A strong ridge: what few items share is left to training, which sees it with noise.
    """
    ridge = CONTENT_RIDGE * len(targets)
    residual = _transposed_times(content, targets)
    weight, direction = torch.zeros_like(residual), residual.clone()
    size = first = residual.square().sum(0)
    for _ in range(RIDGE_STEPS):
        image = _transposed_times(content, _times(content, direction)).add_(direction, alpha=ridge)
        step = size / (direction * image).sum(0).clamp(min=1e-30)
        weight.addcmul_(direction, step)
        residual.addcmul_(image, step, value=-1)
        size, before = residual.square().sum(0), size
        if bool((size < 1e-6 * first).all()):
            break
        direction = torch.addcmul(residual, direction, size / before.clamp(min=1e-30))
    return weight


def _times(content: SparseMatrix | Tensor, dense: Tensor) -> Tensor:
    return content.times(dense) if isinstance(content, SparseMatrix) else content @ dense


def _transposed_times(content: SparseMatrix | Tensor, dense: Tensor) -> Tensor:
    return content.transposed_times(dense) if isinstance(content, SparseMatrix) else content.T @ dense


def _orthonormal(vectors: Tensor) -> Tensor:
    """Return an orthonormal basis of the columns' span, through the Gram matrix: all work is in matrix products."""
    vectors = vectors / torch.linalg.vector_norm(vectors, dim=0).clamp(min=1e-30)
    for _ in range(2):  # once leaves the square of the condition number in rounding error
        strength, rotation = torch.linalg.eigh((vectors.T @ vectors).double())
        kept = strength > 1e-10 * strength[-1]
        vectors = vectors @ (rotation[:, kept] * strength[kept].rsqrt()).to(vectors.dtype)
    return vectors
