"""ContentFactors: factors of known items by matrix factorisation, predicted from content for new items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Matrix
from ..data.tasks import Validation
from ..errors import optional_package
from ..rng import RandomState
from ..train.options import RunOptions
from .base import Prepared
from .explain.reasons import Cut, weigh
from .limits import POSITIVE, Limit
from .predicted_factors import PredictedFactors
from .saved_arrays import saved_array
from .wmf import FACTOR_LIMITS, check_factors, factorise


class ContentFactors(PredictedFactors):
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

    def _check(self) -> None:
        check_factors(self)

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        features = known.content(self.name)
        with optional_package("scikit-learn", "train", "fitting content-factors", module="sklearn"):
            from sklearn.linear_model import Ridge
        self.item_factors_ = factorise(self, known.data.interactions.matrix, threads=run.threads)
        regression = Ridge(alpha=self.ridge, fit_intercept=False, solver="sparse_cg" if issparse(features) else "auto")
        self.content_map_ = np.ascontiguousarray(regression.fit(features, self.item_factors_).coef_.T, np.float32)

    @property
    def _fold_in_penalty(self) -> float:
        return self.regularization

    def _predict(self, features: Matrix) -> NDArray[np.float32]:
        product = features @ self.content_map_
        return np.asarray(product.toarray() if issparse(product) else product, np.float32)

    def _content_cut(self, features: Matrix, user: NDArray[np.float64]) -> Cut:
        return Cut(np.zeros(features.shape[0]), weigh(csr_array(features), self.content_map_ @ user))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"item_factors": self.item_factors_, "content_map": self.content_map_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)
        self.content_map_ = saved_array(tensors, "content_map", self._n_features(), self.item_factors_.shape[1])
