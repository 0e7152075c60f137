"""Late fusion: the score of a factor model plus a share of the content profile's, the bar for every hybrid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import RankingTask, Validation
from ..errors import UsageError
from ..ids import Rows
from ..retrieval.vectors import Vectors
from ..rng import RandomState
from ..train.options import RunOptions
from .als import contributions, half_step
from .base import Capabilities, Prepared, Recommender
from .choosing import Phase, choose_then_refit
from .content_level import DEFAULT_WEIGHT, Embedded, best_content_weight, items_with_content, users_with_content
from .reasons import Reasons, linear, of_profile
from .saved_arrays import saved_array, saved_number
from .wmf import check_factors, factorise


class Fusion(Recommender):
    """WMF plus a weighted content profile; new items have the profile's score alone.

    Two simple models and one number between them. It is what a hybrid has to beat.

    Parameters
    ----------
    factors, zero_weight, regularization, iterations, random_state
        As in `WMF`.
    weight : float, optional
        Of the profile's cosine; by default the best of ten on the validation tasks, or 0.5 without any.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.Fusion(factors=4, iterations=5, weight=0.5).fit(data)
    >>> [item[:2] for item in model.recommend("u0-0", k=3).ids]
    ['i0', 'i0', 'i0']
    """

    name: ClassVar[str] = "fusion"
    uses_content: ClassVar[bool] = True

    def __init__(
        self,
        *,
        factors: int = 200,
        zero_weight: float = 0.01,
        regularization: float = 1.0,
        iterations: int = 15,
        weight: float | None = None,
        random_state: RandomState = 0,
    ) -> None:
        self.factors = factors
        self.zero_weight = zero_weight
        self.regularization = regularization
        self.iterations = iterations
        self.weight = weight
        self.random_state = random_state

    @property
    def capabilities(self) -> Capabilities:
        """All four quadrants."""
        return Capabilities.all_quadrants()

    def _check(self) -> None:
        check_factors(self)
        if self.weight is not None and not self.weight >= 0:
            raise UsageError(f"weight={self.weight!r} must be at least 0")

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        known.content(self.name)
        choose_then_refit(self, known, validation if self.weight is None else None, run, type(self)._learn)

    def _learn(self, known: Prepared, phase: Phase[float]) -> float:
        self.item_factors_ = factorise(self, known.data.interactions.matrix, threads=phase.run.threads)
        if phase.chosen is not None:
            self.weight_ = phase.chosen
        elif phase.tasks:
            self.weight_ = best_content_weight((*phase.tasks, *phase.served), self._embed, self.seed_)
        else:
            self.weight_ = DEFAULT_WEIGHT if self.weight is None else self.weight
        return self.weight_

    def _embed(self, task: RankingTask) -> Embedded:
        space = self.space(task.items, task.content)
        return space, self._fold_in(task.history, space), space.known_rows(self.item_factors_, task.candidates)

    def _fold_in(self, history: csr_array, space: ItemSpace) -> NDArray[np.float32]:
        known = space.to_known(history, len(self.items_))
        return half_step(self.item_factors_, known, self.zero_weight, self.regularization)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> Vectors:
        return items_with_content(space.known_rows(self.item_factors_, rows), space, rows)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> Vectors:
        return users_with_content(self._fold_in(history, space), space, history, self.weight_)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        taken = space.known_rows(self.item_factors_, history.indices)
        shares = contributions(taken, self.zero_weight, self.regularization, of_all=self.item_factors_)
        factors = linear("factors", shares, space.known_rows(self.item_factors_, rows))
        return of_profile(history, space, rows, self.weight_) + factors

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"weight": self.weight_}, {"item_factors": self.item_factors_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.weight_ = saved_number(config, "weight")
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)
