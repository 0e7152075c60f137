"""The trained dual networks in NumPy: what serves, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Matrix
from ..ids import Rows
from ..nn.spec import TowerSpec
from .numpy_tower import DifferentiableTower, NumpyTower

Array = NDArray[np.float32]

BLOCK = 8192  # rows encoded at a time, to bound memory


class DualRuntime:
    """Encodes items and users with exported weights; agrees with the torch network to 1e-5.

    Parameters
    ----------
    config : mapping
        ``levels``, ``matched``, ``widths`` and ``activation``, as `dualnet.nn.export.export_network` gives them.
    tensors : mapping of str to ndarray
        The exported arrays.

    Attributes
    ----------
    towers : dict of str to NumpyTower
        The tower of each side, ``"item"`` and ``"user"``.

    Raises
    ------
    ArtifactError
        If the activation is unknown, or an array is missing or has the wrong shape.
    """

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.config, self.tensors = dict(config), {name: np.asarray(value) for name, value in tensors.items()}
        specs = {side: TowerSpec.of_arrays(self.config, self.tensors, side) for side in ("item", "user")}
        self.towers = {side: NumpyTower(spec, self.tensors, side) for side, spec in specs.items()}
        self.levels, self.widths = specs["item"].levels, specs["item"].widths  # both sides have the same
        self._differentiable: dict[str, DifferentiableTower] = {}

    @property
    def width(self) -> int:
        """Length of an embedding: the widths of all matched levels together."""
        return sum(self.widths)

    def differentiable(self, side: str) -> DifferentiableTower:
        """Return the tower of one side in double precision, made when first asked for and kept."""
        if side not in self._differentiable:
            self._differentiable[side] = DifferentiableTower(self.towers[side].spec, self.tensors, side)
        return self._differentiable[side]

    def item_vectors(self, features: Matrix | None, known: Rows) -> Array:
        """Encode items.

        Parameters
        ----------
        features : csr_array or ndarray, shape (n, n_features), optional
            Content.
        known : ndarray of int64, shape (n,)
            Training row of each item, -1 for new ones; known items add their residual, if the model has residuals.

        Returns
        -------
        ndarray of float32, shape (n, width)
        """
        out = np.empty((len(known), self.width), np.float32)
        for start in range(0, len(known), BLOCK):
            part = slice(start, start + BLOCK)
            content = None if features is None else features[part]
            out[part] = self.towers["item"].forward(self.item_table(content, known[part]))
        return out

    def item_table(self, features: Matrix | None, known: Rows) -> Array:
        """Return what enters the item network, shape (n, levels[0]); arguments as in `item_vectors`."""
        return self._first(features, "item.content", "item.residual", known)

    def history_table(self, features: Matrix | None, known: Rows) -> Array:
        """Return what each item adds to a history, shape (n, levels[0]); arguments as in `item_vectors`."""
        return self._first(features, "user.content", "user.table", known)

    def user_vectors(self, history: csr_array, table: Array, columns: Matrix | None = None) -> Array:
        """Encode users from their histories.

        Parameters
        ----------
        history : csr_array, shape (m, n)
            Visible items of each user, stored values ignored.
        table : ndarray, shape (n, levels[0])
            From `history_table`.
        columns : csr_array or ndarray, shape (m, n_user_features), optional
            User columns.

        Returns
        -------
        ndarray of float32, shape (m, width)
        """
        if history.shape[0] == 1:  # one person waits for this: a sparse product costs more than the sum
            first = table.take(history.indices, axis=0).sum(axis=0, keepdims=True) / math.sqrt(max(history.nnz, 1))
            return self.towers["user"].forward(self._with_columns(first, columns))
        counts = np.diff(history.indptr)
        scale = (1 / np.sqrt(np.maximum(counts, 1))).astype(np.float32)
        values = np.repeat(scale, counts)
        first = csr_array((values, history.indices, history.indptr), shape=history.shape) @ table
        first = self._with_columns(first, columns)
        out = np.empty((len(counts), self.width), np.float32)
        for start in range(0, len(out), BLOCK):
            out[start : start + BLOCK] = self.towers["user"].forward(first[start : start + BLOCK])
        return out

    def _with_columns(self, first: Array, columns: Matrix | None) -> Array:
        if columns is None or "user.columns" not in self.tensors:
            return first
        return np.asarray(first + columns @ self.tensors["user.columns"])

    def _first(self, features: Matrix | None, content: str, residual: str, known: Rows) -> Array:
        first = np.zeros((len(known), self.levels[0]), np.float32)
        if features is not None and content in self.tensors:
            product = features @ self.tensors[content]
            first += product.toarray() if issparse(product) else product
        if residual in self.tensors:
            rows = np.flatnonzero(known >= 0)
            first[rows] += self.tensors[residual][known[rows]]
        return first
