"""The encoder half of an autoencoder in NumPy: what encodes new items, without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..data.content import Matrix
from ..errors import ArtifactError
from .runtime import ACTIVATIONS, BLOCK

Array = NDArray[np.float32]


class ContentEncoder:
    """Layers of products and activations; the code, the output of the last layer, is linear.

    Parameters
    ----------
    activation : {"tanh", "relu", "sigmoid", "identity"}
        After each layer but the last.
    weights, biases : sequence of ndarray of float32, each (inputs, outputs), (outputs,)
        The layers, bottom to top.

    Raises
    ------
    ArtifactError
        If the shapes do not fit each other.
    """

    def __init__(self, activation: str, weights: Sequence[Array], biases: Sequence[Array]) -> None:
        self.activation, self.weights, self.biases = activation, list(weights), list(biases)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            fits = layer == 0 or weight.shape[0] == self.weights[layer - 1].shape[1]
            if not fits or weight.shape[1:] != bias.shape:
                raise ArtifactError(f"encoder layer {layer} does not fit the layer below; the model folder is damaged")

    def encode(self, features: Matrix) -> Array:
        """Return codes of clean content, shape (n, width).

        Parameters
        ----------
        features : csr_array or ndarray, shape (n, n_features)
        """
        found = np.empty((features.shape[0], len(self.biases[-1])), np.float32)
        for start in range(0, len(found), BLOCK):
            found[start : start + BLOCK] = self._block(features[start : start + BLOCK])
        return found

    def _block(self, rows: Matrix) -> Array:
        product = rows @ self.weights[0]
        hidden = np.asarray(product.toarray() if issparse(product) else product, np.float32) + self.biases[0]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            hidden = ACTIVATIONS[self.activation](hidden) @ weight + bias
        return hidden
