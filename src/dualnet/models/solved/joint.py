"""The user's side of factors and content, solved jointly and exactly (equation 2 over the concatenated item vectors)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from scipy.sparse.linalg import LinearOperator, cg

from ...distributed.collectives import ALONE, Collectives
from ...errors import TrainingError
from ...ids import Rows
from ...retrieval.vectors import JoinedVectors, Vectors
from .content import FEW_FEATURES, WordsAndVectors, words_of
from .ridge import ContentAxes

Array = NDArray[np.float32]

BATCH_NUMBERS = 4_000_000  # gathered at a time
LONG_HISTORY = 200  # items above which a history is solved for by conjugate gradients
TOLERANCE = 1e-6
FEW_ITEMS = 64
STEPS = 500


@dataclass(frozen=True, eq=False)
class JointSolution:
    """Solves for users over item vectors w = [v | c x]: factors v, and c times the content x at unit length.

    With B = b W'W + l I over the training items, a user with history H solves (W' C W + l I) u = W' C r exactly. Woodbury's
    identity makes the system as small as the history: u = B^-1 W_H' y with (D^-1 + W_H B^-1 W_H') y = D^-1 a, where D holds
    1 - b for training items and 1 for new ones, which no zero counts, and a is 1. So a score is a sum over the history,
    y_i k(i, j) with the kernel k(i, j) = w_i B^-1 w_j, and k is an inner product of the vectors that are kept here.

    Content with many sparse features enters B^-1 exactly along its leading axes Q, crosses with the factors included; across
    them the zeros' share b X'X is small beside l and is left out. So B^-1 = (1/l) (I - QQ') on the content plus the inverse
    of a matrix of factors and axes, and k(i, j) = d_i' diag(signs) d_j + (c^2/l) x_i x_j with dense vectors d.

    Parameters
    ----------
    content_scale : float
        c, at least 0.
    zero_weight, regularization : float
        b and l.
    axes : ndarray of float32, shape (n_features, n_axes), optional
        Q; None where the content is kept whole, or not read at all.
    rotation : ndarray of float32, shape (width + n_axes or n_features, same)
        From [v | c Q'x] to d.
    signs : ndarray of float32, shape (width + n_axes or n_features,)
        +1 or -1.
    width : int
        Of the factors.
    """

    content_scale: float
    zero_weight: float
    regularization: float
    axes: Array | None
    rotation: Array
    signs: Array
    width: int

    @classmethod
    def of(
        cls,
        factors: Array,
        content: Any | None,
        axes: ContentAxes | None,
        scale: float,
        zero_weight: float,
        regularization: float,
        group: Collectives = ALONE,
    ) -> JointSolution:
        """Return the solution for some training items.

        Parameters
        ----------
        factors : ndarray of float32, shape (n_items, width)
        content : csr_array or ndarray of float32, shape (n_items, n_features), optional
            Rows of unit length.
        axes : ContentAxes, optional
            Leading axes of the content; needed for more than 600 features.
        scale, zero_weight, regularization : float
            c, b and l.
        group : Collectives
            The ranks that the items are divided among; the solution is the same on all.

        Raises
        ------
        TrainingError
            If the penalty is so small that nothing can be solved for.
        """
        directions = None
        if content is not None and scale > 0 and content.shape[1] > FEW_FEATURES:
            assert axes is not None
            directions = axes.directions
        blocks = _blocks(factors, content, directions, scale)
        gram = zero_weight * group.all_reduce(blocks.T.astype(np.float64) @ blocks)
        gram[np.diag_indices_from(gram)] += regularization
        inverse = _inverse(gram, scale**2 / regularization)
        if directions is not None and words_of(content) is not None:
            across = factors.shape[1] + np.arange(directions.shape[1])
            inverse[across, across] -= 1 / regularization
        values, vectors = np.linalg.eigh((inverse + inverse.T) / 2)
        rotation = np.ascontiguousarray(vectors * np.sqrt(np.abs(values)), np.float32)
        signs = np.where(values < 0, -1, 1).astype(np.float32)
        rotation, signs = group.broadcast(rotation), group.broadcast(signs)
        return cls(scale, zero_weight, regularization, directions, rotation, signs, factors.shape[1])

    @property
    def reads_content(self) -> bool:
        """Whether content is a level of its own."""
        return self.content_scale > 0

    @property
    def beside(self) -> float:
        """Weight c^2 / l of the products of content across the axes."""
        return self.content_scale**2 / self.regularization

    def noise(self, is_new: NDArray[np.bool_]) -> Array:
        """Return the diagonal of D^-1 for some items: the variance of a like beside that of its score.

        Parameters
        ----------
        is_new : ndarray of bool, shape (n,)
            Items that were not among the training items.
        """
        return np.where(is_new, np.float32(1), np.float32(1 / (1 - self.zero_weight)))

    def item_vectors(self, factors: Array, content: Any | None) -> Vectors:
        """Return the vectors of items, dense with the content beside it where that is sparse and long.

        Parameters
        ----------
        factors : ndarray of float32, shape (n, width)
            Learned, or predicted from content.
        content : csr_array or ndarray of float32, shape (n, n_features), optional
            Rows of unit length.
        """
        dense = _blocks(factors, content, self.axes, self.content_scale) @ self.rotation
        words = words_of(content)
        return dense if self.axes is None or words is None else JoinedVectors(dense, csr_array(words))

    def user_vectors(self, history: csr_array, items: Vectors, is_new: NDArray[np.bool_]) -> Vectors:
        """Return the vectors of users: their inner product with `item_vectors` is the score.

        Parameters
        ----------
        history : csr_array, shape (n_users, n)
            What each user took; values do not count.
        items : Vectors
            From `item_vectors`, of the columns of `history`.
        is_new : ndarray of bool, shape (n,)
            Columns that were not among the training items.
        """
        weights = csr_array((self.weights(history, items, is_new), history.indices, history.indptr), shape=history.shape)
        dense = items.dense if isinstance(items, JoinedVectors) else items
        summed = np.asarray(weights @ dense, np.float32) * self.signs
        if isinstance(items, JoinedVectors):
            return JoinedVectors(summed, csr_array(weights @ items.sparse) * np.float32(self.beside))
        return summed

    def weights(self, history: csr_array, items: Vectors, is_new: NDArray[np.bool_]) -> Array:
        """Return y for each entry of the histories: how much each item counts, shape (history.nnz,).

        What a history repeats counts for less: two like items share what one would have.
        """
        dense = items.dense if isinstance(items, JoinedVectors) else items
        found = np.zeros(history.nnz, np.float32)
        inverse = self.noise(is_new)
        counts = np.diff(history.indptr)
        for row in np.flatnonzero(counts > LONG_HISTORY):
            part = slice(history.indptr[row], history.indptr[row + 1])
            found[part] = self._descend(items[history.indices[part]], inverse[history.indices[part]])
        for rows in _batches(np.where(counts > LONG_HISTORY, 0, counts), dense.shape[1]):
            longest = int(counts[rows[-1]])
            place = history.indptr[rows][:, None] + np.arange(longest)
            present = np.arange(longest) < counts[rows][:, None]
            columns = history.indices[np.where(present, place, 0)]
            taken = dense[columns]
            system = (taken * self.signs) @ taken.transpose(0, 2, 1)
            if isinstance(items, JoinedVectors):
                system += np.float32(self.beside) * _grams(items.sparse, columns)
            system *= present[:, :, None] & present[:, None, :]
            own = np.where(present, inverse[columns], np.float32(1))
            diagonal = np.arange(longest)
            system[:, diagonal, diagonal] += own
            solution = np.linalg.solve(system, own[:, :, None])[:, :, 0]
            found[place[present]] = solution[present]
        return found

    def _descend(self, items: Vectors, own: Array) -> Array:
        """Return y for one long history by conjugate gradients: a system as wide as the history would take its cube.

        Parameters
        ----------
        items : Vectors
            Of the history, n of them.
        own : ndarray of float32, shape (n,)
            The diagonal beside the kernel, and the right side.
        """
        dense = (items.dense if isinstance(items, JoinedVectors) else items).astype(np.float64)
        sparse = items.sparse.astype(np.float64) if isinstance(items, JoinedVectors) else None

        def times(y: NDArray[np.float64]) -> NDArray[np.float64]:
            product = own * y + dense @ (self.signs * (dense.T @ y))
            return product if sparse is None else product + self.beside * (sparse @ (sparse.T @ y))

        system = LinearOperator((len(own), len(own)), matvec=times, dtype=np.float64)
        return np.asarray(cg(system, own.astype(np.float64), rtol=TOLERANCE, maxiter=STEPS)[0], np.float32)

    def split(
        self, history: csr_array, items: Vectors, is_new: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], csr_array | None]:
        """Return what one history adds to each coordinate of [v | c Q'x] and of x, item by item.

        Parameters
        ----------
        history : csr_array, shape (1, n)
        items, is_new
            As for `user_vectors`.

        Returns
        -------
        dense : ndarray of float64, shape (history.nnz, width + n_axes or n_features)
            Its sum over the history, times [v | c Q'x] of an item, is the score but for what sparse content adds.
        sparse : csr_array of float64, shape (history.nnz, n_features), optional
            The same for x.
        """
        weights = self.weights(history, items, is_new).astype(np.float64)
        taken = items[history.indices]
        dense = taken.dense if isinstance(taken, JoinedVectors) else taken
        rotated = (dense.astype(np.float64) * weights[:, None] * self.signs) @ self.rotation.T.astype(np.float64)
        if not isinstance(taken, JoinedVectors):
            return rotated, None
        return rotated, csr_array(taken.sparse.astype(np.float64).multiply(weights[:, None])) * self.beside


def _inverse(gram: NDArray[np.float64], beside: float) -> NDArray[np.float64]:
    """Return the inverse of B; raises `TrainingError` where it, or the weight of content, is beyond single precision."""
    most = float(np.finfo(np.float32).max)
    try:
        inverse = np.asarray(np.linalg.inv(gram), np.float64)
        if beside < most and np.abs(inverse).max(initial=0) < most:
            return inverse
    except np.linalg.LinAlgError:
        pass
    raise TrainingError("the solved levels have no solution: the penalty (regularization) is too close to 0 for these data")


def _blocks(factors: Array, content: Any | None, axes: Array | None, scale: float) -> Array:
    """Return [v | c Q'x | c e], e the vectors beside words x; [v | c x] where there are no axes; v alone without content."""
    if content is None or scale == 0:
        return factors
    words = content.words if isinstance(content, WordsAndVectors) else content
    along = words if axes is None else words @ axes
    blocks = [factors, np.float32(scale) * (along.toarray() if issparse(along) else np.asarray(along))]
    if isinstance(content, WordsAndVectors):
        blocks.append(np.float32(scale) * content.vectors)
    return np.hstack(blocks).astype(np.float32, copy=False)


def _batches(counts: NDArray[np.integer[Any]], width: int) -> Iterator[Rows]:
    """Yield rows with histories of similar length, the longest last; rows without any are left out."""
    order = np.argsort(counts, kind="stable")
    order = order[counts[order] > 0]
    start = 0
    while start < len(order):
        shortest = int(counts[order[start]])
        limit = max(shortest + 2, int(1.15 * shortest))
        size = max(1, BATCH_NUMBERS // (limit * max(limit, width)))
        stop = min(start + size, int(np.searchsorted(counts[order], limit, side="right")))
        yield order[start:stop]
        start = stop


def _grams(content: csr_array, columns: Rows) -> Array:
    """Return the inner products of the content rows within each history, shape (n, longest, longest)."""
    n, longest = columns.shape
    rows = csr_array(content[columns.ravel()])
    if n == 1 and longest <= FEW_ITEMS:  # one person waits for this: the features that occur, densely, cost less here
        used, places = np.unique(rows.indices, return_inverse=True)
        dense = np.zeros((longest, len(used)), np.float32)
        dense[np.repeat(np.arange(longest), np.diff(rows.indptr)), places] = rows.data
        return (dense @ dense.T)[None]
    owner = np.repeat(np.arange(n * longest) // longest, np.diff(rows.indptr)).astype(np.int64)
    # each history has columns of its own, so that one product has the blocks of all and nothing else
    apart = csr_array(
        (rows.data, rows.indices + owner * content.shape[1], rows.indptr), shape=(n * longest, n * content.shape[1])
    )
    used, places = np.unique(apart.indices, return_inverse=True)
    compact = csr_array((apart.data, places, apart.indptr), shape=(n * longest, len(used)))
    product = csr_array(compact @ compact.T).tocoo()
    grams = np.zeros((n, longest, longest), np.float32)
    row, column = product.coords
    grams[row // longest, row % longest, column % longest] = product.data
    return grams
