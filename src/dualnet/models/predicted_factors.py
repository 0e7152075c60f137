"""The base class of models whose item factors are predicted from content where an item is new: CDL and ContentFactors."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..errors import CapabilityError
from ..ids import Rows
from .als import KeptGram, contributions, half_step
from .base import Capabilities, Recommender
from .explain.reasons import Cut, Reasons, linear, only_new


class PredictedFactors(Recommender):
    """Base of models with learned factors for training items and predicted factors for new ones; users are folded in (equation 2).

    A subclass learns ``item_factors_``, predicts factors in `_predict` and attributes them to content in `_content_cut`.
    """

    item_factors_: NDArray[np.float32]
    zero_weight: float

    @property
    @abstractmethod
    def _fold_in_penalty(self) -> float:
        """Penalty of the squared length of a user's factors."""

    @abstractmethod
    def _predict(self, features: Matrix) -> NDArray[np.float32]:
        """Return the factors that content predicts, shape (n, width)."""

    @abstractmethod
    def _content_cut(self, features: Matrix, user: NDArray[np.float64]) -> Cut:
        """Return the scores of predicted factors for one user, by content feature."""

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known and new items for known and new users."""
        return Capabilities.all_quadrants()

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        if space.features is None:
            raise CapabilityError(f"these items come without content, which {self.name} needs for new items; give content=")
        known = space.known[rows]
        vectors = np.empty((len(rows), self.item_factors_.shape[1]), np.float32)
        vectors[known >= 0] = self.item_factors_[known[known >= 0]]
        vectors[known < 0] = self._predict(space.features[rows[known < 0]])
        return vectors

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        items = self._encode_items(space, np.arange(len(space)))
        # the zeros of fold-in stay those of the trained items, whatever list they are part of
        return half_step(
            items,
            history,
            self.zero_weight,
            self._fold_in_penalty,
            of_all=self.item_factors_,
            is_new=~space.is_known,
            kept=self._cached("_gram", KeptGram),
        )

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        assert space.features is not None
        is_new = ~space.is_known
        shares = contributions(
            self._encode_items(space, history.indices),
            self.zero_weight,
            self._fold_in_penalty,
            of_all=self.item_factors_,
            is_new=is_new[history.indices],
            kept=self._cached("_gram", KeptGram),
        )
        found = linear("factors", shares, self._encode_items(space, rows))
        cut = self._content_cut(space.features[rows], shares.sum(axis=0))
        return Reasons(found.levels, found.history, only_new(cut, is_new[rows], found.scores))
