"""Fusion: the score of a factor model plus a weighted share of the content profile's. Every hybrid has to beat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import RankingTask, Validation
from ..ids import Rows
from ..retrieval.vectors import Vectors, join
from ..rng import RandomState
from ..train.best_figure import best_place
from ..train.options import RunOptions
from .als import KeptGram, contributions, half_step
from .base import Capabilities, Prepared, Recommender
from .choosing import Phase, Scorer, choose_then_refit, mean_recalls, sample_users
from .content_cosine import unit_profile, unit_vectors
from .explain.reasons import Reasons, linear, of_profile
from .limits import NOT_NEGATIVE, Limit
from .saved_arrays import saved_array, saved_number
from .wmf import FACTOR_LIMITS, check_factors, factorise


class Fusion(Recommender):
    """WMF plus a weighted content profile; new items have the profile's score alone.

    It joins two simple models by one weight. It is the baseline that a hybrid model has to beat.

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
    limits: ClassVar[Mapping[str, Limit]] = {**FACTOR_LIMITS, "weight": NOT_NEGATIVE}
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
        """Capabilities of the model: known and new items for known and new users."""
        return Capabilities.all_quadrants()

    def _check(self) -> None:
        check_factors(self)

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
        return half_step(self.item_factors_, known, self.zero_weight, self.regularization, kept=self._cached("_gram", KeptGram))

    def _encode_items(self, space: ItemSpace, rows: Rows) -> Vectors:
        return items_with_content(space.known_rows(self.item_factors_, rows), space, rows)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> Vectors:
        return users_with_content(self._fold_in(history, space), space, history, self.weight_)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        taken = space.known_rows(self.item_factors_, history.indices)
        shares = contributions(
            taken, self.zero_weight, self.regularization, of_all=self.item_factors_, kept=self._cached("_gram", KeptGram)
        )
        factors = linear("factors", shares, space.known_rows(self.item_factors_, rows))
        return of_profile(history, space, rows, self.weight_) + factors

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {"weight": self.weight_}, {"item_factors": self.item_factors_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.weight_ = saved_number(config, "weight")
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)


DEFAULT_WEIGHT = 0.5  # without a validation to choose on
USERS = 10_000  # of a task that the choice is made on
LEAST = 1e-6  # orders what the embeddings leave equal, as new items are to factors, and nothing else
WEIGHTS = (LEAST, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)

Embedded = tuple[ItemSpace, NDArray[np.float32], NDArray[np.float32]]


def items_with_content(embeddings: NDArray[np.float32], space: ItemSpace, rows: Rows) -> Vectors:
    """Return item vectors with their content at unit length beside them, shape (len(rows), width + n_features)."""
    return join(embeddings, unit_vectors(space, rows))


def users_with_content(embeddings: NDArray[np.float32], space: ItemSpace, history: csr_array, weight: float) -> Vectors:
    """Return user vectors with the mean content of their histories beside them, at length `weight`.

    The inner product with `items_with_content` is that of the embeddings plus `weight` times the cosine of the contents.
    """
    return join(embeddings, unit_profile(space, history) * np.float32(weight))


def best_content_weight(tasks: Sequence[RankingTask], embed: Callable[[RankingTask], Embedded], seed: int) -> float:
    """Return the weight of `WEIGHTS` with the best mean recall over validation tasks; of equal ones the nearest to the default.

    It is never 0: where no task asks for new items, 0 may be the best, and would leave all new items equal.

    Parameters
    ----------
    tasks : sequence of RankingTask
        Validation tasks.
    embed : callable
        From a task to its space, the embeddings of its users, shape (n_users, width), and of its candidates.
    seed : int
        Decides who is asked where a task has more than 10,000 users.

    Returns
    -------
    float
        Recall at the cut-off of `choosing.auto_cut` decides.
    """
    asked = [sample_users(task, USERS, seed) for task in tasks]
    parts = [_scorers(task, *embed(task)) for task in asked]
    found = mean_recalls(asked, parts, lambda scores: (scores[0] + np.float32(w) * scores[1] for w in WEIGHTS), len(WEIGHTS))
    return WEIGHTS[best_place(found.tolist(), [abs(weight - DEFAULT_WEIGHT) for weight in WEIGHTS])]


def _scorers(
    task: RankingTask, space: ItemSpace, users: NDArray[np.float32], items: NDArray[np.float32]
) -> tuple[Scorer, Scorer]:
    content = Scorer(unit_profile(space, task.history), unit_vectors(space, task.candidates))
    return Scorer(users, items), content
