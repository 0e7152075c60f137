"""Late fusion: the score of a factor model plus a share of the content profile's, the bar for every hybrid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import RankingTask, Validation
from ..errors import UsageError
from ..ids import Rows
from ..retrieval.topk import EXCLUDED, best_of, inner_products
from ..train.options import RunOptions
from .als import half_step
from .base import Capabilities, Prepared, Recommender
from .profile import unit_profile, unit_vectors
from .validation import auto_cut, sample_users
from .wmf import factorise

BLOCK = 512  # users scored at a time while the weight is chosen
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)


class Fusion(Recommender):
    """WMF plus a weighted content profile; new items have the profile's score alone.

    Two simple models and one number between them. It is what a hybrid has to beat.

    Parameters
    ----------
    factors, zero_weight, regularization, iterations, random_state
        As in `WMF`.
    weight : float, optional
        Of the profile's cosine; by default the best of ten on the validation tasks, or 0.5 without any.
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
        random_state: int = 0,
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

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        if self.weight is not None and not self.weight >= 0:
            raise UsageError(f"weight={self.weight!r} must be at least 0")
        known.content(self.name)
        self.item_factors_ = factorise(self, known.data.interactions.matrix)
        self.weight_ = 0.5 if self.weight is None else self.weight
        if self.weight is not None or validation is None:
            return
        chooser = self
        if validation.train.interactions.n_pairs != known.data.interactions.n_pairs:
            chooser = type(self)(**{**self.get_params(), "weight": self.weight_}).fit(validation.train)
        self.weight_ = chooser._best_weight(validation.tasks)

    def _best_weight(self, tasks: Sequence[RankingTask]) -> float:
        """Return the weight with the best mean recall over the tasks; of equal ones the smallest."""
        recalls = np.zeros(len(WEIGHTS))
        for task in tasks:
            recalls += self._recalls(sample_users(task, 2000, self.random_state))
        return WEIGHTS[int(np.argmax(recalls))]

    def _recalls(self, task: RankingTask) -> NDArray[np.float64]:
        """Return the mean recall of each weight, from scores that are computed once."""
        space = self.space(task.items, task.content)
        known = space.to_known(task.history, len(self.items_))
        users = half_step(self.item_factors_, known, self.zero_weight, self.regularization)
        profiles = unit_profile(space, task.history)
        items, contents = (
            space.known_rows(self.item_factors_, task.candidates),
            unit_vectors(space, task.candidates),
        )
        seen, truth = (csr_array(side[:, task.candidates]) for side in (csr_array(task.seen + task.history), task.truth))
        found = np.zeros(len(WEIGHTS))
        for start in range(0, len(users), BLOCK):
            part = slice(start, start + BLOCK)
            factor_scores = inner_products(users[part], items)
            factor_scores[seen[part].nonzero()] = EXCLUDED
            content_scores = inner_products(profiles[part], contents)
            wanted = truth[part].toarray() > 0
            counts = np.maximum(wanted.sum(axis=1), 1)
            for place, weight in enumerate(WEIGHTS):
                best = best_of(factor_scores + np.float32(weight) * content_scores, auto_cut(task)).columns
                found[place] += (np.take_along_axis(wanted, best, axis=1).sum(axis=1) / counts).sum()
        return found / max(int((np.diff(truth.indptr) > 0).sum()), 1)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> csr_array:
        factors = space.known_rows(self.item_factors_, rows)
        return csr_array(hstack([csr_array(factors), csr_array(unit_vectors(space, rows))], format="csr"))

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> csr_array:
        known = space.to_known(history, len(self.items_))
        factors = half_step(self.item_factors_, known, self.zero_weight, self.regularization)
        profile = csr_array(unit_profile(space, history)) * np.float32(self.weight_)
        return csr_array(hstack([csr_array(factors), profile], format="csr"))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"weight": self.weight_}, {"item_factors": self.item_factors_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.weight_ = float(config["weight"])
        self.item_factors_ = np.asarray(tensors["item_factors"])
