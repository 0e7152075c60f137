"""Integrated gradients along a straight line into one tower of the dual networks, in NumPy and float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from .content_encoder import ContentEncoder
from .reasons import Cut
from .runtime import EPSILON, DualRuntime

Numbers = NDArray[np.float64]

NODES = (16, 32, 64, 128, 256, 512)  # of the quadrature, until the sum is right
COMPLETE = 1e-8  # of a score; what the sum may miss


class Tower:
    """Layers from the input of the first to the embeddings, in float64, with their gradient.

    Parameters
    ----------
    weights : mapping of str to ndarray
        Named as in a `DualRuntime`, without the side: ``level0.bias``, ``level1.weight``, ``branch0.weight``, ``scale`` ...
    activation : str
        After each level.
    depth : int
        Number of levels.
    matched, widths : sequence of int
        Levels that end in an embedding, and how wide each of those is.
    """

    def __init__(
        self, weights: Mapping[str, Any], activation: str, depth: int, matched: Sequence[int], widths: Sequence[int]
    ) -> None:
        self.weights = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        self.activation, self.depth, self.matched, self.widths = activation, depth, list(matched), list(widths)

    @classmethod
    def of(cls, runtime: DualRuntime, side: str) -> Tower:
        """Return the tower of the items (``item``) or of the users (``user``) of dual networks."""
        kinds = tuple(f"{side}.{kind}" for kind in ("level", "branch", "scale"))
        weights = {name[len(side) + 1 :]: value for name, value in runtime.tensors.items() if name.startswith(kinds)}
        return cls(weights, str(runtime.config["activation"]), len(runtime.levels), runtime.matched, runtime.widths)

    @classmethod
    def of_encoder(cls, encoder: ContentEncoder) -> Tower:
        """Return the encoder of CDL, whose last layer has no activation, as a tower: that layer is a branch."""
        hidden, width = encoder.biases[:-1], len(encoder.biases[-1])
        weights: dict[str, Any] = {"scale": np.ones(width)}
        for level, bias in enumerate(hidden or encoder.biases):
            weights[f"level{level}.bias"] = bias
            if level:
                weights[f"level{level}.weight"] = encoder.weights[level]
        if not hidden:
            return cls(weights, "identity", 1, [0], [width])
        top = len(hidden) - 1
        weights |= {f"branch{top}.weight": encoder.weights[-1], f"branch{top}.bias": encoder.biases[-1]}
        return cls(weights, encoder.activation, len(hidden), [top], [width])

    def forward(self, first: Numbers) -> tuple[Numbers, list[dict[str, Any]]]:
        """Return embeddings, shape (n, width), of inputs of the first level, shape (n, levels[0]), and what `gradient` needs."""
        weights, below, kept, embeddings = self.weights, first, [], []
        for level in range(self.depth):
            above = (below @ weights[f"level{level}.weight"] if level else below) + weights[f"level{level}.bias"]
            seen: dict[str, Any] = {}
            if f"level{level}.norm_scale" in weights:
                centred = above - above.mean(axis=1, keepdims=True)
                spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + float(EPSILON))
                seen |= {"centred": centred, "spread": spread}
                above = centred / spread * weights[f"level{level}.norm_scale"] + weights[f"level{level}.norm_shift"]
            below, seen["slope"] = _activate(self.activation, above)
            kept.append(seen)
            if level in self.matched:
                branched = f"branch{level}.weight" in weights
                embeddings.append(
                    below @ weights[f"branch{level}.weight"] + weights[f"branch{level}.bias"] if branched else below
                )
        return np.concatenate(embeddings, axis=1) * weights["scale"], kept

    def gradient(self, kept: list[dict[str, Any]], directions: Numbers) -> Numbers:
        """Return the gradient of the inner product with each direction by the first level's input.

        Parameters
        ----------
        kept : list
            From `forward`, for n inputs.
        directions : ndarray, shape (m, width)
            Vectors of the other side.

        Returns
        -------
        ndarray of float64, shape (m, n, levels[0])
        """
        weights = self.weights
        pieces = np.split(directions * weights["scale"], np.cumsum(self.widths)[:-1], axis=1)
        arriving: Numbers | None = None
        for level in reversed(range(self.depth)):
            if level in self.matched:
                piece = pieces[self.matched.index(level)]
                if f"branch{level}.weight" in weights:
                    piece = piece @ weights[f"branch{level}.weight"].T
                arriving = piece[:, None, :] + (0 if arriving is None else arriving)
            seen = kept[level]
            # levels above the highest matched one give nothing
            above = np.zeros((len(directions), *seen["slope"].shape)) if arriving is None else arriving * seen["slope"]
            if "spread" in seen:
                above = above * weights[f"level{level}.norm_scale"]
                centred, spread = seen["centred"], seen["spread"]
                above = above / spread - centred * (above * centred).mean(axis=2, keepdims=True) / spread**3
                above = above - above.mean(axis=2, keepdims=True)
            if level == 0:
                return np.asarray(above)
            arriving = above @ weights[f"level{level}.weight"].T
        raise ValueError("a tower has at least one level")

    def integrate(self, start: Numbers, step: Numbers, directions: Numbers) -> tuple[Numbers, Numbers]:
        """Return what the line from `start` to `start + step` adds to the inner product with each direction, as a gradient.

        Parameters
        ----------
        start, step : ndarray of float64, shape (levels[0],)
            The line, in the input of the first level.
        directions : ndarray of float64, shape (m, width)
            Vectors of the other side.

        Returns
        -------
        base : ndarray of float64, shape (m,)
            Inner products at the start.
        mean_gradient : ndarray of float64, shape (m, levels[0])
            Its product with a piece of the step is what that piece adds (Sundararajan, Taly & Yan 2017); with the whole step
            it is the difference of the inner products at both ends, but for an error that is made small by more nodes.
        """
        ends = self.forward(np.stack([start, start + step]))[0] @ directions.T
        for nodes in NODES:
            at, shares = np.polynomial.legendre.leggauss(nodes)
            _, kept = self.forward(start + (at[:, None] + 1) / 2 * step)
            mean = np.einsum("q,mqk->mk", shares / 2, self.gradient(kept, directions))
            missing = np.abs(mean @ step - (ends[1] - ends[0]))
            if (missing <= COMPLETE * np.maximum(1, np.abs(ends[1]))).all():
                break
        return ends[0], mean


def _activate(name: str, x: Numbers) -> tuple[Numbers, Numbers]:
    """Return an activation and its derivative."""
    if name == "tanh":
        y = np.tanh(x)
        return y, 1 - y * y
    if name == "sigmoid":
        y = 0.5 * (1 + np.tanh(0.5 * x))
        return y, y * (1 - y)
    if name == "relu":
        return np.maximum(x, 0), (x > 0).astype(np.float64)
    return x, np.ones_like(x)


def content_cut(tower: Tower, table: Any, content: Any, start: Numbers, user: Numbers) -> Cut:
    """Return what each content feature adds to the inner products of some items with one user.

    Parameters
    ----------
    tower : Tower
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
    base, parts = np.empty(len(start)), []
    for row in range(len(start)):
        own = csr_array(content[[row]])
        pieces = own.data[:, None] * table[own.indices].astype(np.float64)
        at, gradient = tower.integrate(start[row], pieces.sum(axis=0), user)
        base[row] = at[0]
        parts.append(csr_array((pieces @ gradient[0], own.indices, own.indptr), shape=own.shape))
    return Cut(base, csr_array(vstack(parts, format="csr")) if parts else csr_array(content))
