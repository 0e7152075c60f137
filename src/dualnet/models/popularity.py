"""Popularity: every user gets the items that most users took. It is the least that a model must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..ids import Rows
from ..train.options import RunOptions
from .base import Capabilities, Prepared, Recommender
from .explain.reasons import Cut, Reasons


class Popularity(Recommender):
    """A model that ranks items by their number of training events, the same for everyone.

    Its figures have no randomness, so that it also checks the evaluator.

    Examples
    --------
    >>> import dualnet
    >>> likes = dualnet.Interactions.from_pairs(["ann", "bob", "bob"], ["tea", "tea", "jam"])
    >>> model = dualnet.Popularity().fit(dualnet.Dataset(likes))
    >>> model.recommend("ann", k=1).ids
    ['jam']
    """

    name: ClassVar[str] = "popularity"
    counts_age = False

    def __init__(self) -> None:
        pass

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known items, for any user."""
        return Capabilities.known_items(updates=True)

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        pass  # `popularity_` is counted for every model

    def _update(
        self, known: Prepared, number: int, n_old: int, *, epochs: int | None, learning_rate: float | None, run: RunOptions
    ) -> dict[str, Any]:
        return {}  # `popularity_` is counted again for every model

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        known = space.known[rows]
        return np.where(known >= 0, self.popularity_[np.maximum(known, 0)], 0).astype(np.float32)[:, None]

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        return np.ones((history.shape[0], 1), np.float32)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        scores = self._encode_items(space, rows)[:, 0].astype(np.float64)
        return Reasons((("popularity", scores),), Cut(scores, np.zeros((len(rows), history.nnz))), None)

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        pass
