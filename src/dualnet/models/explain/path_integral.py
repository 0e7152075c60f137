"""Integrated gradients: what each piece of a line into a tower adds to an inner product (Sundararajan, Taly & Yan 2017).

The rise between two points of the line is known without an integral, so the error of the quadrature is known too: panels of the
line are halved until it is small. Units of rectified towers switch at points of the line; those are found first.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...ids import Rows
from ..numpy_tower import DifferentiableTower, LevelValues
from .reasons import Cut

Numbers = NDArray[np.float64]

TOLERANCE = 1e-6  # of a score; what the parts of a whole line may miss
NODES = 8  # of a panel of a smooth tower
PIECE_NODES = 4  # between kinks, where normalisation bends the line; without it the line is straight there, and one will do
MOST_NODES = 20_000  # a line, on average; what is then missing is told as a gap
BLOCK = 128  # panels worked on at a time, to bound memory
GRID, ROUNDS = 17, 4  # of the search for kinks where levels are normalised


def integrate(tower: DifferentiableTower, starts: Numbers, steps: Numbers, directions: Numbers) -> tuple[Numbers, Numbers]:
    """Return what lines into a tower add to the inner products with some directions, as gradients.

    Parameters
    ----------
    tower : DifferentiableTower
    starts, steps : ndarray of float64, shape (p, levels[0])
        Each line, in the input of the first level.
    directions : ndarray of float64, shape (m, width)
        Vectors of the other side.

    Returns
    -------
    base : ndarray of float64, shape (m, p)
        Inner products at the starts.
    mean_gradient : ndarray of float64, shape (m, p, levels[0])
        Its product with a piece of the step is what that piece adds; with the whole step it is the difference of the inner
        products at both ends, but for at most `TOLERANCE`, unless `MOST_NODES` were not enough.
    """
    pulls, constant = tower.pulls(directions)
    base = tower.products(tower.run(starts), pulls) + constant[:, None]
    mean = np.zeros((len(steps), len(directions), steps.shape[1]))
    edges = [_edges(tower, start, step) for start, step in zip(starts, steps, strict=True)]
    lines = np.repeat(np.arange(len(edges)), [len(own) - 1 for own in edges])
    left, right = (np.concatenate([own[side] for own in edges]) for side in (slice(-1), slice(1, None)))
    enough = TOLERANCE / (8 * np.bincount(lines))
    at, shares = _rule(NODES if not tower.kinked else PIECE_NODES if tower.normalised else 1)

    def run(line: Rows, where: Numbers) -> list[LevelValues]:
        return tower.run((starts[line, None] + where[:, :, None] * steps[line, None]).reshape(-1, steps.shape[1]))

    used = 0
    while len(lines):
        again = []
        used += len(lines) * len(at)
        for block in range(0, len(lines), BLOCK):
            line, low, high = (values[block : block + BLOCK] for values in (lines, left, right))
            nodes = low[:, None] + (high - low)[:, None] * at
            slopes = tower.gradient(run(line, nodes), pulls).reshape(len(directions), *nodes.shape, -1)
            means = np.einsum("q,mpqk->mpk", shares, slopes) * (high - low)[:, None]
            ends = tower.products(run(line, np.stack([low, high], axis=1)), pulls).reshape(len(directions), -1, 2)
            error = ends[:, :, 1] - ends[:, :, 0] - (means * steps[line]).sum(axis=2)
            good = (np.abs(error).max(axis=0) <= enough[line]) | (used >= MOST_NODES * len(starts))
            np.add.at(mean, line[good], means[:, good].swapaxes(0, 1))
            middle, bad = (low + high) / 2, ~good
            again += [(line[bad], low[bad], middle[bad]), (line[bad], middle[bad], high[bad])]
        lines, left, right = (np.concatenate(values) for values in zip(*again, strict=True))
    return base, mean.swapaxes(0, 1)


@lru_cache
def _rule(count: int) -> tuple[Numbers, Numbers]:
    """Return nodes and weights of the Gauss-Legendre rule on 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _edges(tower: DifferentiableTower, start: Numbers, step: Numbers) -> Numbers:
    """Return both ends of a line and where units of a rectified tower switch between them.

    Between two kinks of the levels below, a level without normalisation is linear, so interpolation finds its kinks exactly. With
    normalisation they are approached in a few rounds.
    """
    if not tower.kinked:
        return np.array([0.0, 1.0])
    edges = np.linspace(0.0, 1.0, GRID if tower.normalised else 2)
    for level in range(max(tower.spec.matched) + 1):
        for _ in range(ROUNDS if tower.normalised else 1):
            values = tower.run(start + edges[:, None] * step)[level].sums
            before, after = values[:-1], values[1:]
            crossing = (before < 0) != (after < 0)
            share = np.divide(before, before - after, out=np.zeros_like(before), where=crossing)
            found = np.unique(np.concatenate([edges, (edges[:-1, None] + np.diff(edges)[:, None] * share)[crossing]]))
            edges = found[np.concatenate([[True], np.diff(found) > 1e-12])]
            edges[-1] = 1.0
    return edges


def content_cut(tower: DifferentiableTower, table: Any, content: Any, start: Numbers, user: Numbers) -> Cut:
    """Return what each content feature adds to the inner products of some items with one user.

    Parameters
    ----------
    tower : DifferentiableTower
        Of the items.
    table : ndarray, shape (n_features, levels[0])
        What a feature adds to the input of the first level.
    content : csr_array or ndarray, shape (M, n_features)
        Features of the items.
    start : ndarray of float64, shape (M, levels[0])
        Input of the first level without content.
    user : ndarray of float64, shape (1, width)
        The user's embedding.
    """
    content = csr_array(content)
    pieces = content.data[:, None] * table[content.indices].astype(np.float64)
    line = np.repeat(np.arange(len(start)), np.diff(content.indptr))
    steps = np.zeros(start.shape)
    np.add.at(steps, line, pieces)
    base, gradient = integrate(tower, start, steps, user)
    parts = np.einsum("ek,ek->e", pieces, gradient[0, line])
    return Cut(base[0], csr_array((parts, content.indices, content.indptr), shape=content.shape))
