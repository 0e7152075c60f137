"""The encoder half of an autoencoder in NumPy: what encodes new items, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..computed_once import computed_once
from ..data.content import Matrix
from ..errors import ArtifactError
from ..nn.spec import Activation, LevelNames, TowerSpec, scale_name
from .numpy_tower import DifferentiableTower, NumpyTower
from .runtime import BLOCK

Array = NDArray[np.float32]

SIDE = "item"  # in the names of the arrays; there is no user tower


class ContentEncoder:
    """A linear first layer and a tower above it; the code, the output of the last layer, is linear.

    Parameters
    ----------
    activation : Activation
        After each layer but the last.
    weights, biases : sequence of ndarray of float32, each (inputs, outputs), (outputs,)
        The layers, bottom to top.

    Raises
    ------
    ArtifactError
        If the shapes do not fit each other.
    """

    def __init__(self, activation: Activation, weights: Sequence[Array], biases: Sequence[Array]) -> None:
        self.activation, self.weights, self.biases = activation, list(weights), list(biases)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            fits = layer == 0 or weight.shape[0] == self.weights[layer - 1].shape[1]
            if not fits or weight.shape[1:] != bias.shape:
                raise ArtifactError(f"encoder layer {layer} does not fit the layer below; the model folder is damaged")
        self._spec, self._tensors = self._as_tower()
        self._tower = NumpyTower(self._spec, self._tensors, SIDE)

    @computed_once
    def differentiable(self) -> DifferentiableTower:
        """The layers above the first weight as a tower in double precision."""
        return DifferentiableTower(self._spec, self._tensors, SIDE)

    def encode(self, features: Matrix) -> Array:
        """Return codes of clean content, shape (n, width).

        Parameters
        ----------
        features : csr_array or ndarray, shape (n, n_features)
        """
        found = np.empty((features.shape[0], len(self.biases[-1])), np.float32)
        for start in range(0, len(found), BLOCK):
            product = features[start : start + BLOCK] @ self.weights[0]
            first = np.asarray(product.toarray() if issparse(product) else product, np.float32)
            found[start : start + BLOCK] = self._tower.forward(first)
        return found

    def _as_tower(self) -> tuple[TowerSpec, dict[str, NDArray[Any]]]:
        """Return shape and arrays of a tower with these layers: the last, which has no activation, is a branch of the top level."""
        hidden, width = self.biases[:-1], len(self.biases[-1])
        levels = tuple(len(bias) for bias in hidden or self.biases)
        top = len(levels) - 1
        tensors: dict[str, NDArray[Any]] = {scale_name(SIDE): np.ones(width, np.float32)}
        for level, (weight, bias) in enumerate(zip(self.weights[: top + 1], self.biases[: top + 1], strict=True)):
            names = LevelNames.of(SIDE, level)
            tensors |= {names.bias: bias} | ({names.weight: weight} if level else {})
        if not hidden:
            return TowerSpec(levels, (0,), (width,), (), "none", "identity"), tensors
        names = LevelNames.of(SIDE, top)
        tensors |= {names.branch_weight: self.weights[-1], names.branch_bias: self.biases[-1]}
        return TowerSpec(levels, (top,), (width,), (top,), "none", self.activation), tensors
