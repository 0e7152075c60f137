"""Ridge regression from content to factors, without a matrix of items x items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ...distributed.collectives import ALONE, Collectives, row_range
from ...rng import generator
from .content import WordsAndVectors

Array = NDArray[np.float32]

DIRECT = 2_000  # features up to which the normal equations are solved directly
TOLERANCE = 1e-3  # of the right side; the factors themselves move more from one alternation to the next
STEPS = 40
ROUNDS = 4  # of subspace iteration
OVERSAMPLING = 30
SMALLEST_KEPT = 1e-12  # of the largest squared length of an axis: below it lies the rounding of float32


class ContentRidge:
    """The map M that minimises |V - X M|^2 + penalty |M|^2 for content rows X of unit length and given factors V.

    Few features are solved for directly. Many sparse ones are solved for by conjugate gradients on X'X, preconditioned with
    its leading axes, so that neither an items x items nor a features x features matrix is made. A second call starts from
    the map of the first one.

    Parameters
    ----------
    content : csr_array, ndarray of float32 or WordsAndVectors, shape (n_items, n_features)
        Rows of unit length, or zero.
    penalty : float
        The strength of the ridge, above 0.
    axes : ContentAxes, optional
        Leading axes of the content; needed for more than 2,000 features.
    group : Collectives
        The ranks that the items are divided among: each has the content and the factors of its own; the map is the same on all.
    """

    def __init__(self, content: Any, penalty: float, axes: ContentAxes | None = None, group: Collectives = ALONE) -> None:
        self.content, self.penalty, self.axes, self.group = content, penalty, axes, group
        self.map: Array | None = None
        self._inverse: Array | None = None
        if content.shape[1] <= DIRECT or axes is None:
            rows = content.to_csr() if isinstance(content, WordsAndVectors) else content
            gram = rows.T @ rows
            dense = group.all_reduce((gram.toarray() if issparse(gram) else gram).astype(np.float64))
            dense[np.diag_indices_from(dense)] += penalty
            self._inverse = group.broadcast(np.linalg.inv(dense).astype(np.float32))
        else:
            self._transposed = csr_array(content.T) if issparse(content) else content.T

    def fit(self, factors: Array) -> Array:
        """Return the map from content to factors, shape (n_features, width).

        Parameters
        ----------
        factors : ndarray of float32, shape (n_items, width)
        """
        right = self.group.all_reduce(np.asarray(self.content.T @ factors, np.float32))
        if self._inverse is not None:
            self.map = self._inverse @ right
        else:
            self.map = self._descend(right, np.zeros_like(right) if self.map is None else self.map)
        return self.map

    def predict(self, content: Any) -> Array:
        """Return the factors that content predicts, shape (n, width); `fit` comes first."""
        assert self.map is not None
        return np.asarray(content @ self.map, np.float32)

    def _descend(self, right: Array, start: Array) -> Array:
        """Solve (X'X + penalty) M = right by preconditioned conjugate gradients, all columns at once."""
        found = start.copy()
        residual = right - self._times(found)
        enough = TOLERANCE * float(np.linalg.norm(right))
        direction = image = np.zeros_like(right)
        size = np.ones(right.shape[1], np.float32)
        for step in range(STEPS):
            if float(np.linalg.norm(residual)) <= enough:
                break
            image = self._precondition(residual)
            before, size = size, np.einsum("ij,ij->j", residual, image)
            direction = image if step == 0 else image + direction * (size / np.maximum(before, 1e-30))
            product = self._times(direction)
            length = size / np.maximum(np.einsum("ij,ij->j", direction, product), 1e-30)
            found += direction * length
            residual -= product * length
        return found

    def _times(self, vectors: Array) -> Array:
        product = self.group.all_reduce(
            np.asarray(self._transposed @ np.asarray(self.content @ vectors, np.float32), np.float32)
        )
        product += np.float32(self.penalty) * vectors
        return product

    def _precondition(self, residual: Array) -> Array:
        assert self.axes is not None
        inside = self.axes.directions.T @ residual
        weakest = self.axes.strengths[-1] if len(self.axes.strengths) else 0.0  # none where all content is empty
        rest = np.float32(1 / (weakest / 2 + self.penalty))
        weights = (1 / (self.axes.strengths + self.penalty) - rest).astype(np.float32)
        return residual * rest + self.axes.directions @ (inside * weights[:, None])


class ContentAxes:
    """The leading eigenvectors of X'X for content rows X, and their eigenvalues.

    Parameters
    ----------
    directions : ndarray of float32, shape (n_features, count)
        Orthonormal columns, the strongest first.
    strengths : ndarray of float64, shape (count,)
        Eigenvalues.
    """

    def __init__(self, directions: Array, strengths: NDArray[np.float64]) -> None:
        self.directions, self.strengths = directions, strengths

    @classmethod
    def of(cls, content: Any, count: int, seed: int, group: Collectives = ALONE) -> ContentAxes:
        """Return the leading axes by randomised subspace iteration (Halko, Martinsson & Tropp 2011).

        Parameters
        ----------
        content : csr_array or ndarray of float32, shape (n_items, n_features)
        count : int
            How many are wanted; fewer come back where the content has fewer.
        seed : int
            Of the random start.
        group : Collectives
            The ranks that the items are divided among, by `row_range`: each has the content of its own.
        """
        n_items, n_features = int(group.all_reduce(np.array([content.shape[0]], np.int64))[0]), content.shape[1]
        count = min(count, n_items, n_features)
        transposed = csr_array(content.T) if issparse(content) else content.T
        basis = generator(seed, "content-axes").standard_normal((n_items, min(count + OVERSAMPLING, n_items)), np.float32)
        own = row_range(n_items, group.rank, group.size)
        basis = basis[own.start : own.stop]
        for _ in range(ROUNDS):
            across = group.all_reduce(np.asarray(transposed @ basis))
            basis = _principal_axes(np.asarray(content @ across), SMALLEST_KEPT, group)[0]
        columns = group.reduce_scatter(np.asarray(transposed @ basis, np.float32))
        directions, strengths = _principal_axes(columns, 1e-6, group)
        directions = group.all_gather(directions)
        return cls(np.ascontiguousarray(directions[:, :count]), strengths[:count])


def _principal_axes(columns: Array, smallest: float, group: Collectives = ALONE) -> tuple[Array, NDArray[np.float64]]:
    """Return an orthonormal basis of the columns, the strongest axis first, and the squared length along each.

    The Gram matrix is as small as the number of columns, so that this costs a fraction of a QR decomposition. Axes whose squared
    length is at most `smallest` of the largest are left out. Each rank of a group has a part of the rows.
    """
    gram = group.all_reduce(columns.T.astype(np.float64) @ columns)
    strengths, rotation = (group.broadcast(part) for part in np.linalg.eigh(gram))
    strengths, rotation = strengths[::-1], rotation[:, ::-1]
    kept = strengths > smallest * max(float(strengths[0]), 1e-30) if len(strengths) else np.zeros(0, bool)
    return columns @ (rotation[:, kept] / np.sqrt(strengths[kept])).astype(np.float32), strengths[kept]
