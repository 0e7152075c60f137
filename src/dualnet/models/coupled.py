"""Coupled factorisation: WMF with the content of items as further rows of its matrix; the strongest rival without a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ..data.content import Matrix
from ..data.features import Featurizer
from ..data.featurizers.images import ImageBlock
from ..data.featurizers.numeric import NumberBlock, VectorBlock
from ..data.featurizers.sentences import SentenceBlock
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..errors import UsageError, nearest
from ..ids import Rows
from ..rng import RandomState
from ..train.options import RunOptions
from .als import Array, Gram, KeptGram, SortedRows, blas_threads, contributions, half_step, row_penalty
from .base import Capabilities, Prepared, Recommender
from .content_cosine import features_of
from .explain.reasons import Cut, Reasons, linear, only_new
from .limits import Limit
from .saved_arrays import saved_array
from .wmf import FACTOR_LIMITS, check_factorisation, check_factors, start_factors

KINDS = ("text", "tags", "categories", "numbers", "vectors", "bags", "images")  # fields of `ContentSpec`
MEASURED = (
    NumberBlock,
    VectorBlock,
    SentenceBlock,
    ImageBlock,
)  # a value for every item, instead of words that it has or lacks


class Coupled(Recommender):
    """WMF whose matrix has a row for each word, tag and label beside the rows of the users (collective factorisation).

    A row of content has weight `content_weight` where an item has the word and `zero_weight` where it lacks it, and is solved
    for as a user is. Columns of numbers and vectors are rows of values, all of the same weight. So the factors of an item
    explain both its users and its content; those of a new item are one half-step from its content alone.

    Parameters
    ----------
    factors, zero_weight, regularization, regularization_power
        As in `WMF`; the weights of the content count as data of an item.
    content_weight : float or mapping of str to float
        Weight of the rows of content against a user's positive. A mapping names content columns, or kinds of them (``text``,
        ``tags``, ``categories``, ``numbers``, ``vectors``, ``bags``, ``images``) for those that are not named; the rest is left out.
    iterations : int
        Alternations, as in `WMF`.
    random_state : int, RandomState, Generator or None
        Seed of the first item factors.

    References
    ----------
    Singh & Gordon 2008, "Relational learning via collective matrix factorization"; Rendle et al. 2021 for the penalty.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.Coupled(factors=4, iterations=5).fit(data)
    >>> [item[:2] for item in model.recommend("u0-0", k=3).ids]
    ['i0', 'i0', 'i0']
    """

    name: ClassVar[str] = "coupled"
    limits: ClassVar[Mapping[str, Limit]] = FACTOR_LIMITS
    uses_content: ClassVar[bool] = True

    def __init__(
        self,
        *,
        factors: int = 300,
        zero_weight: float = 0.01,
        regularization: float = 1.0,
        regularization_power: float = 0.0,
        content_weight: float | Mapping[str, float] = 0.5,
        iterations: int = 15,
        random_state: RandomState = 0,
    ) -> None:
        self.factors = factors
        self.zero_weight = zero_weight
        self.regularization = regularization
        self.regularization_power = regularization_power
        self.content_weight = content_weight
        self.iterations = iterations
        self.random_state = random_state

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known and new items for known and new users."""
        return Capabilities.all_quadrants()

    def _check(self) -> None:
        check_factors(self, self.regularization_power)

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        features = known.content(self.name)
        assert self.featurizer_ is not None  # there is content
        self.feature_weights_ = self._weights(self.featurizer_)
        self.is_measured_ = _is_measured(self.featurizer_) & (self.feature_weights_ > 0)
        has, values = self._parts(features)
        matrix = csr_array(vstack([known.data.interactions.matrix, has.T], format="csr"))
        check_factorisation(self, matrix, self.regularization_power)
        rows, columns, threads = SortedRows.of(matrix), SortedRows.of(csr_array(matrix.T)), run.threads or blas_threads()
        items = start_factors(matrix.shape[1], self.factors, self.seed_)
        owners = np.zeros((matrix.shape[0], self.factors), np.float32)  # users and words
        for _ in range(self.iterations):
            owners = half_step(
                items, rows, self.zero_weight, self.regularization,
                regularization_power=self.regularization_power, start=owners, threads=threads,
            )  # fmt: skip
            measured = self._measured(items, values)
            items = self._items(owners, measured, self._every(owners, measured), columns, values, start=items, threads=threads)
        self.item_factors_ = items
        self.word_factors_, self.measured_factors_ = owners[len(self.users_) :].copy(), measured
        self.content_factors_ = self._every(self.word_factors_, self.measured_factors_)

    def _weights(self, featurizer: Featurizer) -> Array:
        """Return the weight of each feature."""
        spec = featurizer.spec
        kinds = {column: kind for kind in KINDS for column in getattr(spec, kind)}
        given = self.content_weight if isinstance(self.content_weight, Mapping) else dict.fromkeys(KINDS, self.content_weight)
        for name, weight in given.items():
            if name not in (*spec.columns, *KINDS):
                raise UsageError(
                    f"content_weight names '{name}', which is no content column and no kind of one ({', '.join(KINDS)})."
                    f"{nearest(name, spec.columns)}"
                )
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < np.inf:
                raise UsageError(f"content_weight={weight!r} of '{name}' must be a number of at least 0 (0 leaves it out)")
        by_column = {column: given.get(column, given.get(kind, 0)) for column, kind in kinds.items()}
        return np.array([by_column[block.column] for block in featurizer.blocks for _ in block.names()], np.float32)

    def _parts(self, features: Matrix) -> tuple[csr_array, Array]:
        """Return which items have which words, with their weights, and the values of measured features; items x features."""
        sparse = csr_array(features)
        has, values = csr_array(sparse[:, ~self.is_measured_]), sparse[:, self.is_measured_].toarray()
        has.data = np.where(has.data != 0, self.feature_weights_[~self.is_measured_][has.indices], 0).astype(np.float32)
        has.eliminate_zeros()
        return has, np.asarray(values, np.float32)

    def _measured(self, items: Array, values: Array) -> Array:
        """Return the factors of measured features: of each a ridge regression from item factors to its values."""
        weights = self.feature_weights_[self.is_measured_][:, None]
        gram = Gram.of(items)
        penalty = row_penalty(weights * len(items), 0.0, self.regularization, self.regularization_power, 0)
        turned = weights * (values.T @ items @ gram.basis) / (weights * gram.values + penalty)
        return np.asarray(turned @ gram.basis.T, np.float32)

    def _every(self, owners: Array, measured: Array) -> Array:
        """Return the factors that zeros are summed over: a measured feature weighs the same for all items, as zeros do."""
        weights = self.feature_weights_[self.is_measured_]
        scaled = np.sqrt(weights / np.float32(self.zero_weight))[:, None] * measured
        return np.concatenate([owners, scaled]) if len(measured) else owners

    def _items(
        self,
        owners: Array,
        measured: Array,
        every: Array,
        rows: SortedRows,
        values: Array,
        *,
        start: Array | None = None,
        threads: int = 1,
    ) -> Array:
        """Return item factors from those of users and words, or of words alone, and of measured features.

        The values say where an item is drawn to: l_i p_i is the sum of the factors of measured features times their values.
        """
        drawn = None
        if len(measured):
            total, power = rows.totals(), self.regularization_power
            penalty = np.asarray(row_penalty(total, self.zero_weight, self.regularization, power, len(every)))
            drawn = np.asarray((values * self.feature_weights_[self.is_measured_]) @ measured / penalty[:, None], np.float32)
        return half_step(
            owners, rows, self.zero_weight, self.regularization,
            of_all=every, prior=drawn, regularization_power=self.regularization_power, start=start, threads=threads,
        )  # fmt: skip

    def _encode_items(self, space: ItemSpace, rows: Rows) -> Array:
        found = space.known_rows(self.item_factors_, rows)
        new = ~space.is_known[rows]
        if new.any():
            has, values = self._parts(features_of(space)[rows[new]])
            content = (self.word_factors_, self.measured_factors_, self.content_factors_)
            found[new] = self._items(*content, SortedRows.of(has), values)
        return found

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> Array:
        items = self._encode_items(space, np.arange(len(space)))
        # the Gram matrix of fold-in stays that of the trained items, whatever list they are part of
        return half_step(
            items, history, self.zero_weight, self.regularization,
            of_all=self.item_factors_, is_new=~space.is_known, regularization_power=self.regularization_power,
            kept=self._cached("_gram", KeptGram),
        )  # fmt: skip

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        is_new, n, power = ~space.is_known, len(self.item_factors_), self.regularization_power
        penalty = float(row_penalty(float(history.nnz), self.zero_weight, self.regularization, power, n))
        taken = self._encode_items(space, history.indices)
        shares = contributions(
            taken,
            self.zero_weight,
            penalty,
            of_all=self.item_factors_,
            is_new=is_new[history.indices],
            kept=self._cached("_gram", KeptGram),
        )
        found = linear("factors", shares, self._encode_items(space, rows))
        by_feature = csr_array(np.stack([self._by_feature(features_of(space)[[row]], shares.sum(axis=0)) for row in rows]))
        return Reasons(found.levels, found.history, only_new(Cut(np.zeros(len(rows)), by_feature), is_new[rows], found.scores))

    def _by_feature(self, features: Matrix, user: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each feature of a new item adds to its score: its factors are a sum over them, as a user's over a history."""
        has, values = self._parts(features)
        words, every = self.word_factors_[has.indices].astype(np.float64), self.content_factors_.astype(np.float64)
        penalty = row_penalty(float(has.sum()), self.zero_weight, self.regularization, self.regularization_power, len(every))
        system = self.zero_weight * (every.T @ every) + penalty * np.eye(self.factors)
        solved = np.linalg.solve(system + words.T @ ((has.data - self.zero_weight)[:, None] * words), user)
        found = np.zeros(len(self.is_measured_))
        found[np.flatnonzero(~self.is_measured_)[has.indices]] = has.data * (words @ solved)
        found[self.is_measured_] = self.feature_weights_[self.is_measured_] * values[0] * (self.measured_factors_ @ solved)
        return found

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {
            "item_factors": self.item_factors_,
            "word_factors": self.word_factors_,
            "measured_factors": self.measured_factors_,
            "feature_weights": self.feature_weights_,
            "is_measured": self.is_measured_.astype(np.uint8),
        }

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        n = self._n_features()
        self.is_measured_ = saved_array(tensors, "is_measured", n, integers=True).astype(bool)
        self.feature_weights_ = saved_array(tensors, "feature_weights", n)
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)
        measured, width = int(self.is_measured_.sum()), self.item_factors_.shape[1]
        self.word_factors_ = saved_array(tensors, "word_factors", n - measured, width)
        self.measured_factors_ = saved_array(tensors, "measured_factors", measured, width)
        self.content_factors_ = self._every(self.word_factors_, self.measured_factors_)


def _is_measured(featurizer: Featurizer) -> NDArray[np.bool_]:
    """Return which features have a value for every item."""
    return np.array([isinstance(block, MEASURED) for block in featurizer.blocks for _ in block.names()], bool)
