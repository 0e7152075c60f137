"""Exact search in fewer dimensions: an upper bound from the leading principal axes, and exact scores for the items that reach it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ids import Rows

Array = NDArray[np.float32]

ENERGY = 0.98  # of the squared lengths that the leading axes must hold
WORTH_IT = 0.6  # of the width; more axes than that save nothing
STEP = 16  # axes are taken in whole registers
FEWEST = 4_096  # vectors; fewer are searched as they are
SLACK = 1e-5  # of the largest product of lengths: what rounding can do to a bound


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """A rotation in which a few coordinates hold nearly all of the item vectors' length.

    The levels of the dual networks say much of the same thing: 200 + 200 + 50 numbers lie near 200 axes. With u and v
    rotated and cut behind the first `count` coordinates, u.v is at most head(u).head(v) + |tail(u)| |tail(v)|, and that bound
    is itself an inner product of `count` + 1 numbers.

    Parameters
    ----------
    rotation : ndarray of float32, shape (width, width)
        Principal axes as columns, the longest first.
    count : int
        How many are kept.
    """

    rotation: Array
    count: int

    @classmethod
    def of(cls, items: Array) -> PrincipalAxes | None:
        """Return the axes of some vectors, shape (n, width), or None where they would save nothing."""
        if len(items) < FEWEST:
            return None
        squares = items.T.astype(np.float64) @ items
        lengths, axes = np.linalg.eigh(squares)
        held = np.cumsum(lengths[::-1]) / max(float(lengths.sum()), 1e-300)
        count = -(-int(np.searchsorted(held, ENERGY) + 1) // STEP) * STEP
        if count > WORTH_IT * items.shape[1]:
            return None
        return cls(np.ascontiguousarray(axes[:, ::-1], np.float32), count)

    def heads(self, vectors: Array) -> Array:
        """Return the leading coordinates of vectors and the length of the rest, shape (n, count + 1).

        The inner product of two of them is at least that of the vectors, but for rounding.
        """
        rotated = vectors @ self.rotation
        rest = np.sqrt(np.einsum("ij,ij->i", rotated[:, self.count :], rotated[:, self.count :]))
        return np.column_stack([rotated[:, : self.count], rest]).astype(np.float32)


def slack(queries: Array, longest: float) -> Array:
    """Return by how much rounding may lower the bounds of some queries, shape (n,), if no item vector is longer than that."""
    return np.asarray(SLACK * longest * np.linalg.norm(queries, axis=1), np.float32)


def exact_scores(queries: Array, items: Array, rows: Rows) -> Array:
    """Return the inner products of each query with some items of its own, shape (n, m).

    Parameters
    ----------
    queries : ndarray of float32, shape (n, width)
    items : ndarray of float32, shape (n_items, width)
    rows : ndarray of int64, shape (n, m)
        Items of each query.
    """
    return np.matmul(items[rows], queries[:, :, None])[:, :, 0]
