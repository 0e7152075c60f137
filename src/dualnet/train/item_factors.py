"""Item factors of a linear model: the leading singular vectors of histories and content together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor

from ..distributed.collectives import ALONE, Collectives, row_counts, row_range
from ..distributed.divided_matrix import own_rows
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
    matrix: csr_array,
    features: csr_array | NDArray[np.float32] | None,
    rank: int,
    generator: Generator,
    group: Collectives = ALONE,
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
    group : Collectives
        The ranks that share the work: each multiplies by the histories of its users and the content of its items, and has the rows
        of its items of the basis. All have the whole data, and get the same factors.

    Returns
    -------
    ItemFactors
    """
    n_items = matrix.shape[1]
    counts, own = row_counts(n_items, group.size), row_range(n_items, group.rank, group.size)
    histories = SparseMatrix(own_rows(_histories(matrix), group))
    content, lengths = (None, 1.0) if features is None else _unit_rows(own_rows(features, group), group)
    share = 0.0
    if content is not None:
        size = _length(content.values if isinstance(content, SparseMatrix) else content, group)
        share = (CONTENT_SHARE * _length(histories.values, group) / max(size, 1e-12)) ** 2

    def gram_times(basis: Tensor) -> Tensor:
        product = histories.transposed_times(histories.times(group.all_gather(basis, counts)))
        product = group.reduce_scatter(product, counts)
        if content is None:
            return product
        return product.add_(_times(content, group.all_reduce(_transposed_times(content, basis))), alpha=share)

    basis = torch.empty(n_items, min(rank + OVERSAMPLING, n_items)).normal_(generator=generator)[own.start : own.stop]
    for _ in range(ROUNDS):
        basis = _orthonormal(gram_times(basis), group)
    strength, rotation = _eigh(group.all_reduce(basis.T @ gram_times(basis)), group)
    kept = strength.flip(0)[:rank] > 1e-6 * strength[-1]
    basis = basis @ rotation.flip(1)[:, :rank][:, kept]
    basis = basis * _signs(basis, group)
    whole = group.all_gather(basis, counts)
    return ItemFactors(whole, None if content is None else _ridge(content, basis, n_items, group) / lengths)


def _signs(basis: Tensor, group: Collectives) -> Tensor:
    """Return the sign of each direction by which its long side is positive: a solver leaves it to rounding, which the number of ranks changes."""
    skew = group.all_reduce(basis.double().pow(3).sum(0))
    return torch.where(skew < 0, -1.0, 1.0).to(basis.dtype)


def _histories(matrix: csr_array) -> csr_array:
    if matrix.shape[0] > HISTORIES_AT_MOST:
        matrix = csr_array(matrix[np.linspace(0, matrix.shape[0] - 1, HISTORIES_AT_MOST).astype(np.int64)])
    lengths = np.diff(matrix.indptr)
    popularity = np.bincount(matrix.indices, minlength=matrix.shape[1]).clip(min=1)
    values = popularity[matrix.indices] ** -POPULARITY_POWER / np.repeat(np.sqrt(lengths), lengths)
    return csr_array((values.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _unit_rows(features: csr_array | NDArray[np.float32], group: Collectives) -> tuple[SparseMatrix | Tensor, float]:
    """Return content with rows of unit length, and the typical length that they had; rows without content have none."""
    if not issparse(features):
        dense = torch.from_numpy(np.ascontiguousarray(features, np.float32))
        lengths = torch.linalg.vector_norm(dense, dim=1)
        return dense / lengths.clamp(min=TINY)[:, None], _typical(group.all_gather(lengths.numpy()))
    sparse = csr_array(features)
    rows = np.repeat(np.arange(sparse.shape[0]), np.diff(sparse.indptr))
    squares = np.bincount(rows, sparse.data.astype(np.float64) ** 2, minlength=sparse.shape[0])
    norms = np.sqrt(squares)
    unit = csr_array((sparse.data / norms.clip(min=TINY)[rows], sparse.indices, sparse.indptr), shape=sparse.shape)
    return SparseMatrix(unit), _typical(group.all_gather(norms))


def _typical(lengths: NDArray[Any]) -> float:
    """Return the median length of the rows that have content; 1 where none has."""
    filled = lengths[lengths > TINY]
    return float(np.median(filled)) if len(filled) else 1.0


def _ridge(content: SparseMatrix | Tensor, targets: Tensor, n_items: int, group: Collectives) -> Tensor:
    """Return the ridge regression of targets on content by conjugate gradients, shape (n_features, width).

    A strong ridge: what few items share is left to training, which sees it with noise. Each rank has the rows of its items.
    """
    ridge = CONTENT_RIDGE * n_items
    residual = group.all_reduce(_transposed_times(content, targets))
    weight, direction = torch.zeros_like(residual), residual.clone()
    size = first = residual.square().sum(0)
    for _ in range(RIDGE_STEPS):
        image = group.all_reduce(_transposed_times(content, _times(content, direction))).add_(direction, alpha=ridge)
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


def _orthonormal(vectors: Tensor, group: Collectives) -> Tensor:
    """Return an orthonormal basis of the columns' span, through the Gram matrix: all work is in matrix products."""
    squares = group.all_reduce(torch.linalg.vector_norm(vectors, dim=0).square()) if group.size > 1 else None
    lengths = torch.linalg.vector_norm(vectors, dim=0) if squares is None else squares.sqrt()
    vectors = vectors / lengths.clamp(min=1e-30)
    for _ in range(2):  # once leaves the square of the condition number in rounding error
        strength, rotation = _eigh(group.all_reduce(vectors.T @ vectors).double(), group)
        kept = strength > 1e-10 * strength[-1]
        vectors = vectors @ (rotation[:, kept] * strength[kept].rsqrt()).to(vectors.dtype)
    return vectors


def _eigh(gram: Tensor, group: Collectives) -> tuple[Tensor, Tensor]:
    """Return eigenvalues, ascending, and eigenvectors; those of the first rank, for machines may differ in their signs."""
    strength, rotation = torch.linalg.eigh(gram)
    return group.broadcast(strength), group.broadcast(rotation)


def _length(values: Tensor, group: Collectives) -> float:
    """Return the Euclidean norm of what the ranks have."""
    own = float(torch.linalg.vector_norm(values))
    return own if group.size == 1 else float(np.sqrt(group.all_reduce(np.array([own**2]))[0]))
