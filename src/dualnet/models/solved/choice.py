"""Choice on validation of the open parameters of the solved levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ...computed_once import computed_once
from ...data.space import ItemSpace
from ...data.tasks import RankingTask
from ...distributed.collectives import ALONE, Collectives
from ...distributed.divided_matrix import DividedMatrix, own_rows
from ...train.best_figure import above, best_place
from ..choosing import Scorer, mean_recalls, own_users
from ..known_zeros import with_known_zeros
from ..wmf import start_factors
from .content import AS_IT_IS, ContentReader, words_of
from .factors import FactorSettings, ItemFactors, Told, factors_with_prior, plain_factors
from .joint import JointSolution
from .levels import SolvedChoice, SolvedLevels
from .ridge import ContentAxes, ContentRidge

Array = NDArray[np.float32]
Asked = tuple[RankingTask, ItemSpace]

DENSITIES = (2.0, 4.0, 8.0)  # zero weights tried, as multiples of the density of the matrix
REGULARIZATION = 2.0  # where the search begins
STEP = 2**0.5  # between two penalties tried
HEAVIEST = 0.5  # zero weight tried, as a share of the lightest positive
SEARCH_FACTORS = 64  # wide enough to compare penalties
SEARCH_ITERATIONS = 5
SEARCH_PAIRS = 1_000_000  # more are thinned out, by users
# weight of content as rows, and penalty of the prior from content; the first was best on papers, the others where content says less
READINGS: tuple[tuple[float, float | None], ...] = ((0.5, None), (0.25, None), (0.0, 1.0), (0.0, 4.0), (0.0, None))
READING_FACTORS = 100  # wide enough to compare those
CONTENT_SCALES = (0.0, 0.3, 0.5, 1.0, 1.5, 2.0)
FEW_PAIRS = 1_000_000  # from twice as many on, factors are first solved for from a part of the users
RUNG = 4  # times as many users as before
FIRST_RUNG, NEXT_RUNG = 4, 2  # alternations on the smallest part, and on each after it; on all users half as many as otherwise
UPDATE_ITERATIONS = 2  # alternations of an update, without a prior, before those with one
NEW_PENALTY = 1.0  # of the map that predicts new items' factors, where the others have no prior
UNTRIED = -np.inf  # recall of a trial that is not made
SAME = 0.001  # gains of recall below this do not count while the search goes on


@dataclass(frozen=True, eq=False)
class Training:
    """Data from which the solved levels are solved; in a group of ranks each has the rows of its own users, and of its own items.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Weights of the positives.
    content : csr_array, ndarray of float32 or WordsAndVectors, shape (n_items, n_features), optional
        Rows of unit length.
    axes : ContentAxes, optional
        Leading axes of the content, where it has many features; of its words alone, where vectors are beside them.
    settings : FactorSettings
        Width, iterations and seed; weight and penalty come from the choice.
    reader : ContentReader
        How the content was read.
    ridge_axes : ContentAxes, optional
        Leading axes of all of the content, where they are not those of its words.
    known_zeros : csr_array, shape (n_users, n_items), optional
        What dislikes weigh beyond other zeros.
    group : Collectives
        The ranks that users and items are divided among, by `row_range`.
    told : callable, optional
        Is told of each alternation, as in `plain_factors`.
    """

    matrix: csr_array
    content: Any | None
    axes: ContentAxes | None
    settings: FactorSettings
    reader: ContentReader = AS_IT_IS
    ridge_axes: ContentAxes | None = None
    known_zeros: csr_array | None = None
    group: Collectives = ALONE
    told: Told | None = None
    _last_plain: dict[tuple[float, float, float], Array] = field(default_factory=dict, init=False, repr=False)

    def zero_weight(self, multiple: float) -> float:
        """Return a weight of zeros: a multiple of the density of the matrix, at most half of the lightest positive."""
        n_pairs, n_users = (int(total) for total in self.group.all_reduce(np.array([self.matrix.nnz, self.matrix.shape[0]])))
        density = n_pairs / (n_users * self.matrix.shape[1])
        return min(multiple * density, HEAVIEST * self.lightest)

    @computed_once
    def lightest(self) -> float:
        """The least weight of a positive; a history that is folded in has weight 1."""
        own = min(float(self.matrix.data.min(initial=1.0)), 1.0)
        return float(self.group.all_gather(np.array([own]), [1] * self.group.size).min())

    def lighter(self, choice: SolvedChoice) -> SolvedChoice:
        """Return a choice made on a part of the data, whose positives may all be heavier, with zeros below all of these."""
        return replace(choice, zero_weight=min(choice.zero_weight, HEAVIEST * self.lightest))

    def solve(self, choice: SolvedChoice, start: Array | None = None) -> SolvedLevels:
        """Return the solved levels for a choice, from the start or from factors of a former fit, in fewer alternations."""
        return self.join(self.factors(choice, start), choice)

    def factors(self, choice: SolvedChoice, start: Array | None = None) -> ItemFactors:
        """Return the item factors for a choice; `start` as for `solve`."""
        settings = replace(self.settings, zero_weight=choice.zero_weight, regularization=choice.regularization)
        if start is not None:  # from zero, a new user who took only new items would stay there with them
            settings = replace(settings, iterations=UPDATE_ITERATIONS)
            random = start_factors(len(start), start.shape[1], settings.random_state)
            start = np.where(start.any(axis=1, keepdims=True), start, random)
        matrix = self._with_rows(choice)
        group, axes = self.group, self.ridge_axes or self.axes
        if start is None:
            plain = self._plain(choice, matrix, settings)
        else:
            plain = plain_factors(matrix, settings, start, group, self.told)
        if self.content is not None and choice.prior is not None:
            return factors_with_prior(matrix, self.content, axes, choice.prior, plain, settings, group, self.told)
        ridge = None if self.content is None else ContentRidge(self.content, NEW_PENALTY, axes, group)
        return ItemFactors(group.all_gather(plain), ridge=ridge)

    def _plain(self, choice: SolvedChoice, matrix: csr_array, settings: FactorSettings) -> Array:
        """Return factors without a prior; a search asks for the same ones with several priors, one after the other."""
        key = (choice.zero_weight, choice.regularization, choice.relation)
        if key not in self._last_plain:
            self._last_plain.clear()
            start = self._from_fewer_users(settings)
            if start is not None:
                settings = replace(settings, iterations=max(1, settings.iterations // 2), from_zero=True)
            self._last_plain[key] = plain_factors(matrix, settings, start, self.group, self.told)
        return self._last_plain[key]

    def _from_fewer_users(self, settings: FactorSettings) -> Array | None:
        """Return factors from a part of the users, then from four times as many, up to a quarter; None where pairs are few.

        An alternation from a random start learns little, and learns as much of it from a few users as from all. So most of the way
        costs a fraction of what it would.
        """
        pairs = int(self.group.all_reduce(np.array([self.matrix.nnz]))[0])
        parts = []
        while pairs >= 2 * FEW_PAIRS:
            pairs = -(-pairs // RUNG)
            parts.append(pairs)
        items = None
        for number, pairs in enumerate(reversed(parts)):
            matrix = thinned(self.matrix, pairs, group=self.group)
            zeros = None if self.known_zeros is None else thinned(self.known_zeros, pairs, self.matrix, self.group)
            share = 1 / RUNG ** (len(parts) - number)
            some = replace(settings, iterations=NEXT_RUNG if number else FIRST_RUNG, item_share=share, from_zero=True)
            items = plain_factors(with_known_zeros(matrix, zeros), some, items, self.group, self.told)
            if self.group.size > 1 and items is not None:
                items = self.group.all_gather(items)
        return items

    def _with_rows(self, choice: SolvedChoice) -> csr_array:
        """Return the matrix with a row for each feature of the content, which weighs more than a zero where an item has it."""
        matrix, words = with_known_zeros(self.matrix, self.known_zeros), words_of(self.content)
        if choice.relation == 0 or words is None:
            return matrix
        features = DividedMatrix.of(words, self.group).T.own if self.group.size > 1 else csr_array(words.T)
        weights = np.full(features.nnz, choice.zero_weight + choice.relation, np.float32)
        rows = csr_array((weights, features.indices, features.indptr), shape=features.shape)
        return csr_array(vstack([matrix, rows], format="csr"))

    def join(self, items: ItemFactors, choice: SolvedChoice) -> SolvedLevels:
        """Return solved levels with the user's side of some factors."""
        joint = JointSolution.of(
            own_rows(items.items, self.group), self.content, self.axes,
            choice.content_scale, choice.zero_weight, choice.regularization, self.group,
        )  # fmt: skip
        return SolvedLevels(items, joint, choice, self.reader)


class Search:
    """The search for what is best on validation tasks: weight and penalty first, then prior and content.

    Of equal choices the one that is tried first is taken, in the order of `DENSITIES`, `READINGS` and `CONTENT_SCALES`.

    Parameters
    ----------
    training : Training
        Of the fit that chooses.
    asked : sequence of (RankingTask, ItemSpace)
        Validation tasks.
    told : callable
        Is told each trial with its recall, and how many there were.
    limit : int, optional
        Most trials; those beyond are not made, and the best before them is taken.
    """

    def __init__(
        self,
        training: Training,
        asked: Sequence[Asked],
        told: Callable[[dict[str, float], int], None],
        limit: int | None = None,
    ) -> None:
        self._training, self._asked, self._told, self._limit, self._trials = training, asked, told, limit, 0

    def __call__(
        self,
        zero_weight: float | None,
        regularization: float | None,
        relation: float | None,
        prior: float | None,
        content_scale: float | None,
    ) -> tuple[SolvedChoice, SolvedLevels]:
        """Return the best choice, and the levels solved with it; what is given is not searched, a prior of infinity is none."""
        weight, penalty = self._weights(zero_weight, regularization)
        choice = SolvedChoice(weight, penalty, 0.0, None, 0.0)
        if self._training.content is None:
            return choice, self._training.solve(choice)
        scale = CONTENT_SCALES[len(CONTENT_SCALES) // 2] if content_scale is None else content_scale
        tried = [replace(choice, relation=rows, prior=mu, content_scale=scale) for rows, mu in self._readings(relation, prior)]
        if len(tried) > 1 or zero_weight is None or regularization is None:
            settings = replace(self._training.settings, factors=min(READING_FACTORS, self._training.settings.factors))
            narrow = replace(self._training, settings=settings, told=None)
            recalls = [self._try(narrow, each) for each in tried]
            best = best_place(recalls)
            choice = self._beside_content(narrow, tried[best], recalls[best], zero_weight is None, regularization is None)
        else:
            choice = tried[0]
        _, choice, levels = self._content(self._training.factors(choice), choice, content_scale is None)
        return choice, levels

    def _beside_content(
        self, narrow: Training, choice: SolvedChoice, recall: float, search_weight: bool, search_penalty: bool
    ) -> SolvedChoice:
        """Return a choice whose weight of zeros and penalty are best beside the content: factors alone need other ones."""
        for name, search in (("regularization", search_penalty), ("zero_weight", search_weight)):
            if not search:
                continue
            for factor in (1 / STEP**2, STEP**2):
                before = recall
                while True:
                    tried = replace(choice, **{name: getattr(choice, name) * factor})
                    if tried.zero_weight > HEAVIEST * narrow.lightest:
                        break
                    found = self._try(narrow, tried)
                    if found <= recall + SAME:
                        break
                    choice, recall = tried, found
                if recall > before:
                    break
        return choice

    def _readings(self, relation: float | None, prior: float | None) -> list[tuple[float, float | None]]:
        """Return the ways to read content that are tried: those of `READINGS` that agree with what is given."""
        if words_of(self._training.content) is None:
            relation = 0.0  # dense content has no words to be rows
        rows = list(dict.fromkeys(rows for rows, _ in READINGS)) if relation is None else [relation]
        mus = list(dict.fromkeys(mu for _, mu in READINGS)) if prior is None else [None if np.isinf(prior) else prior]
        return [(r, mu) for r, mu in READINGS if r in rows and mu in mus] or [(r, mu) for r in rows for mu in mus]

    def _content(self, items: ItemFactors, choice: SolvedChoice, search: bool) -> tuple[float, SolvedChoice, SolvedLevels]:
        """Return the best weight of the content for some factors, by going up and down from the one that is given."""
        levels = self._training.join(items, choice)
        if not search or self._is_spent:
            return UNTRIED, choice, levels
        best = (self._recall(levels, choice), choice, levels)
        place = CONTENT_SCALES.index(choice.content_scale)
        for scales in (CONTENT_SCALES[place + 1 :], CONTENT_SCALES[:place][::-1]):
            before = best[0]
            for scale in scales:
                if self._is_spent:
                    return best
                tried = replace(choice, content_scale=scale)
                levels = self._training.join(items, tried)
                recall = self._recall(levels, tried)
                if not above(recall, best[0]):
                    break
                best = (recall, tried, levels)
            if best[0] > before:
                break
        return best

    @property
    def _is_spent(self) -> bool:
        return self._limit is not None and self._trials >= self._limit

    def _try(self, training: Training, choice: SolvedChoice) -> float:
        """Return the recall of a solution, `UNTRIED` if no trial is left for it."""
        return UNTRIED if self._is_spent else self._recall(training.solve(choice), choice)

    def _recall(self, levels: SolvedLevels, choice: SolvedChoice) -> float:
        recall = recall_of(levels, self._asked, self._training.group)
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
        zeros = None if whole.known_zeros is None else thinned(whole.known_zeros, SEARCH_PAIRS, whole.matrix, whole.group)
        matrix = thinned(whole.matrix, SEARCH_PAIRS, group=whole.group)
        narrow = Training(matrix, None, None, small, known_zeros=zeros, group=whole.group)
        found: dict[tuple[float, float], float] = {}

        def recall(weight: float, penalty: float) -> float:
            place = (weight, round(penalty, 6))
            if place not in found and self._is_spent:
                return UNTRIED
            if place not in found:
                choice = SolvedChoice(weight, penalty, 0.0, None, 0.0)
                found[place] = recall_of(narrow.solve(choice), known, whole.group)
                self._tell({"zero_weight": weight, "regularization": penalty}, found[place])
            return found[place]

        penalty = REGULARIZATION if regularization is None else regularization
        weights = [whole.zero_weight(share) for share in DENSITIES] if zero_weight is None else [zero_weight]
        for weight in weights:
            if regularization is None:
                penalty = _climb(partial(recall, weight), penalty)
            else:
                recall(weight, penalty)
        return list(found)[best_place(list(found.values()))]


def recall_of(levels: SolvedLevels, asked: Sequence[Asked], group: Collectives = ALONE) -> float:
    """Return the mean recall of solved levels over tasks, whose users are divided among the ranks of a group."""
    tasks, parts = [], []
    for task, space in asked:
        if group.size > 1 and not space.is_known.all():
            levels.items.solve_map()  # all ranks together; one may have no user who asks for it
        task = own_users(task, group)
        tasks.append(task)
        parts.append((Scorer(levels.user_vectors(task.history, space), levels.item_vectors(space, task.candidates)),))
    return float(mean_recalls(tasks, parts, lambda scores: scores, 1, group)[0])


def _climb(value: Callable[[float], float], start: float) -> float:
    """Return the place of a maximum of a function with one peak, in steps of `STEP`, twice as long at first."""
    place = start
    for step in (STEP**2, STEP):
        for factor in (step, 1 / step):
            while value(place * factor) > value(place) + SAME:
                place *= factor
    return place


def thinned(matrix: csr_array, pairs: int, likes: csr_array | None = None, group: Collectives = ALONE) -> csr_array:
    """Return every k-th user of a matrix, so that about so many pairs are left of it, or of the likes of the same users.

    In a group each rank gives the rows of its users, and gets those of them that are among every k-th of all.
    """
    counts = group.all_gather(np.array([[matrix.shape[0], (matrix if likes is None else likes).nnz]]), [1] * group.size)
    before, total = int(counts[: group.rank, 0].sum()), int(counts[:, 1].sum())
    every = -(-total // pairs)
    return matrix if every <= 1 else csr_array(matrix[-before % every :: every])
