"""What the solved levels leave open, chosen on validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...data.space import ItemSpace
from ...data.tasks import RankingTask
from ..choosing import Scorer, mean_recalls
from ..wmf import start_factors
from .factors import FactorSettings, ItemFactors, factors_with_prior, plain_factors
from .joint import JointSolution
from .levels import SolvedChoice, SolvedLevels
from .ridge import ContentAxes

Array = NDArray[np.float32]
Asked = tuple[RankingTask, ItemSpace]

DENSITIES = (2.0, 4.0, 8.0)  # zero weights tried, as multiples of the density of the matrix
REGULARIZATION = 2.0  # where the search begins
STEP = 2**0.5  # between two penalties tried
SEARCH_FACTORS = 64  # wide enough to compare penalties
SEARCH_ITERATIONS = 5
SEARCH_PAIRS = 1_000_000  # more are thinned out, by users
PRIORS: tuple[float | None, ...] = (
    1.0,
    4.0,
    None,
)  # in the order they are tried; 0.5 was never better than 1 by more than noise
CONTENT_SCALES = (0.0, 0.3, 0.5, 1.0, 1.5, 2.0)
UPDATE_ITERATIONS = 2  # alternations of an update, without a prior, before those with one
SAME = 0.001  # gains of recall below this do not count while the search goes on


@dataclass(frozen=True, eq=False)
class Training:
    """What the solved levels are solved from.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Weights of the positives.
    content : csr_array or ndarray of float32, shape (n_items, n_features), optional
        Rows of unit length.
    axes : ContentAxes, optional
        Leading axes of the content, where it has many features.
    settings : FactorSettings
        Width, iterations and seed; weight and penalty come from the choice.
    """

    matrix: csr_array
    content: Any | None
    axes: ContentAxes | None
    settings: FactorSettings

    @property
    def density(self) -> float:
        """Share of the cells that are positive."""
        return float(self.matrix.nnz / (self.matrix.shape[0] * self.matrix.shape[1]))

    def solve(self, choice: SolvedChoice, start: Array | None = None) -> SolvedLevels:
        """Return the solved levels for a choice, from the start or from factors of a former fit, in fewer alternations."""
        settings = replace(self.settings, zero_weight=choice.zero_weight, regularization=choice.regularization)
        settings = settings if start is None else replace(settings, iterations=UPDATE_ITERATIONS)
        if start is not None:  # from zero, a new user who took only new items would stay there with them
            random = start_factors(*start.shape, settings.random_state)
            start = np.where(start.any(axis=1, keepdims=True), start, random)
        plain = plain_factors(self.matrix, settings, start)
        if choice.prior is None or self.content is None:
            items = ItemFactors(plain, None)
        else:
            items = factors_with_prior(self.matrix, self.content, self.axes, choice.prior, plain, settings)
        return self.join(items, choice)

    def join(self, items: ItemFactors, choice: SolvedChoice) -> SolvedLevels:
        """Return solved levels with the user's side of some factors."""
        joint = JointSolution.of(
            items.items, self.content, self.axes, choice.content_scale, choice.zero_weight, choice.regularization
        )
        return SolvedLevels(items, joint, choice)


class Search:
    """The search for what is best on validation tasks: weight and penalty first, then prior and content.

    Parameters
    ----------
    training : Training
        Of the fit that chooses.
    asked : sequence of (RankingTask, ItemSpace)
        Validation tasks.
    told : callable
        Is told each trial with its recall, and how many there were.
    """

    def __init__(self, training: Training, asked: Sequence[Asked], told: Callable[[dict[str, float], int], None]) -> None:
        self._training, self._asked, self._told, self._trials = training, asked, told, 0

    def __call__(
        self, zero_weight: float | None, regularization: float | None, prior: float | None, content_scale: float | None
    ) -> tuple[SolvedChoice, SolvedLevels]:
        """Return the best choice, and the levels solved with it; what is given is not searched, a prior of infinity is none."""
        weight, penalty = self._weights(zero_weight, regularization)
        settings = replace(self._training.settings, zero_weight=weight, regularization=penalty)
        plain = plain_factors(self._training.matrix, settings)
        if self._training.content is None:
            choice = SolvedChoice(weight, penalty, None, 0.0)
            return choice, self._training.join(ItemFactors(plain, None), choice)
        best: tuple[float, SolvedChoice, SolvedLevels] | None = None
        scale = CONTENT_SCALES[len(CONTENT_SCALES) // 2] if content_scale is None else content_scale
        for mu in PRIORS if prior is None else (None if np.isinf(prior) else prior,):
            items = ItemFactors(plain, None)
            if mu is not None:
                items = factors_with_prior(
                    self._training.matrix, self._training.content, self._training.axes, mu, plain, settings
                )
            found = self._content(items, SolvedChoice(weight, penalty, mu, scale), content_scale is None)
            if best is None or found[0] > best[0]:
                best = found
                scale = found[1].content_scale
        assert best is not None
        return best[1], best[2]

    def _content(self, items: ItemFactors, choice: SolvedChoice, search: bool) -> tuple[float, SolvedChoice, SolvedLevels]:
        """Return the best weight of the content for some factors, by going up and down from the one that is given."""
        levels = self._training.join(items, choice)
        best = (self._recall(levels, choice), choice, levels)
        if not search:
            return best
        place = CONTENT_SCALES.index(choice.content_scale)
        for scales in (CONTENT_SCALES[place + 1 :], CONTENT_SCALES[:place][::-1]):
            before = best[0]
            for scale in scales:
                tried = replace(choice, content_scale=scale)
                levels = self._training.join(items, tried)
                recall = self._recall(levels, tried)
                if recall <= best[0]:
                    break
                best = (recall, tried, levels)
            if best[0] > before:
                break
        return best

    def _recall(self, levels: SolvedLevels, choice: SolvedChoice) -> float:
        recall = recall_of(levels, self._asked)
        self._tell({name: value for name, value in vars(choice).items() if value is not None}, recall)
        return recall

    def _tell(self, tried: dict[str, float], recall: float) -> None:
        self._trials += 1
        self._told({**tried, "recall": recall}, self._trials)

    def _weights(self, zero_weight: float | None, regularization: float | None) -> tuple[float, float]:
        """Return the best weight of zeros and penalty for narrow factors without content, by climbing from penalty to penalty."""
        if zero_weight is not None and regularization is not None:
            return zero_weight, regularization
        known = [(task, space) for task, space in self._asked if space.is_known[task.candidates].any()] or self._asked
        whole = self._training
        small = replace(whole.settings, factors=min(SEARCH_FACTORS, whole.settings.factors), iterations=SEARCH_ITERATIONS)
        narrow = Training(thinned(whole.matrix, SEARCH_PAIRS), None, None, small)
        found: dict[tuple[float, float], float] = {}

        def recall(weight: float, penalty: float) -> float:
            place = (weight, round(penalty, 6))
            if place not in found:
                choice = SolvedChoice(weight, penalty, None, 0.0)
                found[place] = recall_of(narrow.solve(choice), known)
                self._tell({"zero_weight": weight, "regularization": penalty}, found[place])
            return found[place]

        penalty = REGULARIZATION if regularization is None else regularization
        weights = [min(share * whole.density, 0.5) for share in DENSITIES] if zero_weight is None else [zero_weight]
        for weight in weights:
            if regularization is None:
                penalty = _climb(partial(recall, weight), penalty)
            else:
                recall(weight, penalty)
        return max(found, key=lambda place: found[place])


def recall_of(levels: SolvedLevels, asked: Sequence[Asked]) -> float:
    """Return the mean recall of solved levels over tasks."""
    parts = [
        (Scorer(levels.user_vectors(task.history, space), levels.item_vectors(space, task.candidates)),)
        for task, space in asked
    ]
    return float(mean_recalls([task for task, _ in asked], parts, lambda scores: scores, 1)[0])


def _climb(value: Callable[[float], float], start: float) -> float:
    """Return the place of a maximum of a function with one peak, in steps of `STEP`, twice as long at first."""
    place = start
    for step in (STEP**2, STEP):
        for factor in (step, 1 / step):
            while value(place * factor) > value(place) + SAME:
                place *= factor
    return place


def thinned(matrix: csr_array, pairs: int) -> csr_array:
    """Return every k-th user of a matrix, so that about so many pairs are left."""
    every = -(-matrix.nnz // pairs)
    return matrix if every <= 1 else csr_array(matrix[::every])
