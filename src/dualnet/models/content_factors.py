"""ContentFactors: factors of known items by matrix factorisation, predicted from content for new items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..errors import CapabilityError, optional_package
from ..ids import Rows
from ..rng import RandomState
from ..train.options import RunOptions
from .als import KeptGram, contributions, half_step
from .base import Capabilities, Prepared, Recommender
from .content_cosine import features_of
from .explain.reasons import Cut, Reasons, linear, only_new, weigh
from .limits import POSITIVE, Limit
from .saved_arrays import saved_array
from .wmf import FACTOR_LIMITS, check_factors, factorise


class ContentFactors(Recommender):
    """WMF with a ridge regression from content to its item factors, which gives factors to items without training events.

    Parameters
    ----------
    factors, zero_weight, regularization, iterations, random_state
        As in `WMF`.
    ridge : float
        Penalty of the regression; content rows have unit length or so.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.ContentFactors(factors=4, iterations=5).fit(data)
    >>> model.capabilities.new_items
    True
    """

    name: ClassVar[str] = "content-factors"
    limits: ClassVar[Mapping[str, Limit]] = {**FACTOR_LIMITS, "ridge": POSITIVE}
    uses_content: ClassVar[bool] = True

    def __init__(
        self,
        *,
        factors: int = 200,
        zero_weight: float = 0.01,
        regularization: float = 1.0,
        iterations: int = 15,
        ridge: float = 1.0,
        random_state: RandomState = 0,
    ) -> None:
        self.factors = factors
        self.zero_weight = zero_weight
        self.regularization = regularization
        self.iterations = iterations
        self.ridge = ridge
        self.random_state = random_state

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known and new items for known and new users."""
        return Capabilities.all_quadrants()

    def _check(self) -> None:
        check_factors(self)

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        features = known.content(self.name)
        with optional_package("scikit-learn", "train", "fitting content-factors", module="sklearn"):
            from sklearn.linear_model import Ridge
        self.item_factors_ = factorise(self, known.data.interactions.matrix, threads=run.threads)
        regression = Ridge(alpha=self.ridge, fit_intercept=False, solver="sparse_cg" if issparse(features) else "auto")
        self.content_map_ = np.ascontiguousarray(regression.fit(features, self.item_factors_).coef_.T, np.float32)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        if space.features is None:
            raise CapabilityError("these items come without content, which content-factors needs for new items; give content=")
        product = space.features[rows] @ self.content_map_
        vectors = np.asarray(product.toarray() if issparse(product) else product, np.float32)
        known = space.known[rows]
        vectors[known >= 0] = self.item_factors_[known[known >= 0]]
        return vectors

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        items = self._encode_items(space, np.arange(len(space)))
        # the Gram matrix of fold-in stays that of the trained items, whatever list they are part of
        return half_step(
            items,
            history,
            self.zero_weight,
            self.regularization,
            of_all=self.item_factors_,
            is_new=~space.is_known,
            kept=self._cached("_gram", KeptGram),
        )

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        is_new = ~space.is_known
        taken = self._encode_items(space, history.indices)
        shares = contributions(
            taken,
            self.zero_weight,
            self.regularization,
            of_all=self.item_factors_,
            is_new=is_new[history.indices],
            kept=self._cached("_gram", KeptGram),
        )
        found = linear("factors", shares, self._encode_items(space, rows))
        by_feature = weigh(csr_array(features_of(space)[rows]), self.content_map_ @ shares.sum(axis=0))
        return Reasons(found.levels, found.history, only_new(Cut(np.zeros(len(rows)), by_feature), is_new[rows], found.scores))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"item_factors": self.item_factors_, "content_map": self.content_map_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)
        self.content_map_ = saved_array(tensors, "content_map", self._n_features(), self.item_factors_.shape[1])
