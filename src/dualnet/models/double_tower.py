"""A tower of the dual networks in float64 with its gradient, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from .content_encoder import ContentEncoder
from .runtime import EPSILON, DualRuntime

Numbers = NDArray[np.float64]
Pulls = list[Numbers | None]

_kept: WeakKeyDictionary[DualRuntime, dict[str, DoubleTower]] = (
    WeakKeyDictionary()
)  # weights in float64, as long as their runtime


class DoubleTower:
    """Layers from the input of the first to the embeddings, in float64, with the gradient of inner products.

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
        self.normalised = "level0.norm_scale" in self.weights

    @classmethod
    def of(cls, runtime: DualRuntime, side: str) -> DoubleTower:
        """Return the tower of the items (``item``) or of the users (``user``) of dual networks."""
        kept = _kept.setdefault(runtime, {})
        if side not in kept:
            kinds = tuple(f"{side}.{kind}" for kind in ("level", "branch", "scale"))
            weights = {name[len(side) + 1 :]: value for name, value in runtime.tensors.items() if name.startswith(kinds)}
            activation = str(runtime.config["activation"])
            kept[side] = cls(weights, activation, len(runtime.levels), runtime.matched, runtime.widths)
        return kept[side]

    @classmethod
    def of_encoder(cls, encoder: ContentEncoder) -> DoubleTower:
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

    def run(self, first: Numbers) -> list[dict[str, Any]]:
        """Return the numbers of each level for inputs of the first level, shape (n, levels[0]): `products` and `gradient` need them.

        Each level has its ``input`` to the activation and its ``output``, shape (n, width).
        """
        weights, below, kept = self.weights, first, []
        for level in range(self.depth):
            above = (below @ weights[f"level{level}.weight"] if level else below) + weights[f"level{level}.bias"]
            seen: dict[str, Any] = {}
            if f"level{level}.norm_scale" in weights:
                centred = above - above.mean(axis=1, keepdims=True)
                spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + float(EPSILON))
                seen |= {"normed": centred / spread, "spread": spread}
                above = seen["normed"] * weights[f"level{level}.norm_scale"] + weights[f"level{level}.norm_shift"]
            below = _activated(self.activation, above)
            kept.append(seen | {"input": above, "output": below})
        return kept

    def forward(self, first: Numbers) -> Numbers:
        """Return embeddings, shape (n, width), of inputs of the first level, shape (n, levels[0])."""
        weights, kept, embeddings = self.weights, self.run(first), []
        for level in self.matched:
            output = kept[level]["output"]
            branched = f"branch{level}.weight" in weights
            embeddings.append(
                output @ weights[f"branch{level}.weight"] + weights[f"branch{level}.bias"] if branched else output
            )
        return np.concatenate(embeddings, axis=1) * weights["scale"]

    def pulls(self, directions: Numbers) -> tuple[Pulls, Numbers]:
        """Return inner products of embeddings with some directions as products with the outputs of the levels.

        Branches and scales are linear: taken to the other side they cost once a direction, not once a point of a line.

        Parameters
        ----------
        directions : ndarray, shape (m, width)
            Vectors of the other side.

        Returns
        -------
        pulls : list of ndarray or None, each of shape (m, width of the level)
            None for a level that is not matched.
        constant : ndarray, shape (m,)
            To be added to the sum over levels of pull times output.
        """
        pulls: Pulls = [None] * self.depth
        constant = np.zeros(len(directions))
        pieces = np.split(directions * self.weights["scale"], np.cumsum(self.widths)[:-1], axis=1)
        for level, piece in zip(self.matched, pieces, strict=True):
            pulls[level] = piece
            if f"branch{level}.weight" in self.weights:
                pulls[level] = piece @ self.weights[f"branch{level}.weight"].T
                constant = constant + piece @ self.weights[f"branch{level}.bias"]
        return pulls, constant

    def products(self, kept: list[dict[str, Any]], pulls: Pulls) -> Numbers:
        """Return the inner products but for their constants, shape (m, n)."""
        found = [pull @ seen["output"].T for pull, seen in zip(pulls, kept, strict=True) if pull is not None]
        return np.asarray(sum(found))

    def gradient(self, kept: list[dict[str, Any]], pulls: Pulls) -> Numbers:
        """Return the gradient of the inner products by the first level's input, shape (m, n, levels[0]).

        Parameters
        ----------
        kept : list
            From `run`, for n inputs.
        pulls : list
            From `pulls`, for m directions.
        """
        arriving: Numbers | None = None
        for level in reversed(range(self.depth)):
            pull, seen = pulls[level], kept[level]
            if pull is not None:
                arriving = pull[:, None, :] if arriving is None else arriving + pull[:, None, :]
            if arriving is None:
                continue  # levels above the highest matched one give nothing
            arriving = arriving * _slope(self.activation, seen["output"])
            if "spread" in seen:
                arriving = arriving * self.weights[f"level{level}.norm_scale"]
                along = seen["normed"] * (arriving * seen["normed"]).mean(axis=2, keepdims=True)
                arriving = (arriving - arriving.mean(axis=2, keepdims=True) - along) / seen["spread"]
            if level:
                arriving = arriving @ self.weights[f"level{level}.weight"].T
        return np.asarray(arriving)


def _activated(name: str, x: Numbers) -> Numbers:
    """Return an activation in float64."""
    if name == "tanh":
        return np.tanh(x)
    if name == "sigmoid":
        return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
    return np.maximum(x, 0) if name == "relu" else x


def _slope(name: str, y: Numbers) -> Numbers:
    """Return the derivative of an activation, from what it gave."""
    if name == "tanh":
        return 1 - y * y
    if name == "sigmoid":
        return y * (1 - y)
    return (y > 0).astype(np.float64) if name == "relu" else np.ones_like(y)
