"""WMF, weighted matrix factorisation by alternating least squares: the first rival in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..errors import UsageError
from ..ids import Rows
from ..rng import RandomState, generator
from ..train.options import RunOptions
from .als import KeptGram, SortedRows, blas_threads, contributions, half_step, row_penalty
from .base import Capabilities, Prepared, Recommender
from .explain.reasons import Reasons, linear
from .known_zeros import check_dislike_weight, known_zeros, with_known_zeros
from .limits import COUNT, POSITIVE, ZERO_WEIGHT, Limit
from .saved_arrays import saved_array

START = 0.01  # scale of the random item factors
UPDATE_ITERATIONS = 3  # alternations of an update
PAPER_FACTORS = (450, 300)  # section 5.2: "300 on CDL and 450 on other datasets"; no dataset is called CDL

FACTOR_LIMITS: dict[str, Limit] = {
    "factors": COUNT,
    "iterations": COUNT,
    "regularization": POSITIVE,
    "zero_weight": ZERO_WEIGHT,
}


class WMF(Recommender):
    """Factors of users and items that minimise the weighted squared error over all cells (equation 1; Hu et al. 2008).

    It is strong and fast for known items. It does not read content, so it cannot score new items. Users, known or new, are
    folded in by one exact half-step.

    Parameters
    ----------
    factors : int
        Width.
    zero_weight : float
        Weight b of zeros against the weight of positives (1 unless the data say otherwise).
    regularization : float
        Penalty l of the squared lengths, the same for users and items. Two penalties as in equation 1 add nothing: scaling
        users up and items down keeps every score, and turns l_u and l_v into sqrt(l_u l_v) on both sides.
    regularization_power : float
        How the penalty of a user or an item grows with its data: l (sum of weights of the positives + b n)^v, with the weight b of
        the n zeros. 0 is the same penalty for all; 1 one in proportion to the data, with a `regularization` that is smaller by about
        that sum (Rendle et al. 2021).
    dislike_weight : float
        Extra weight of a dislike beside other zeros (b + dislike_weight in all) when the factors are learned. With 0 it counts as any
        zero. An answer is the half-step of the likes, with it or without.
    iterations : int
        Alternations; each brings all users, then all items, nearer to their minimisers by three steps of conjugate gradients from
        where the last one left them, which ranks as exact steps do at a third of their time.
    random_state : int, RandomState, Generator or None
        Seed of the first item factors.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.WMF(factors=4, iterations=5).fit(data)
    >>> [item[:2] for item in model.recommend("u2-0", k=3).ids]
    ['i2', 'i2', 'i2']
    """

    name: ClassVar[str] = "wmf"
    limits: ClassVar[Mapping[str, Limit]] = FACTOR_LIMITS

    def __init__(
        self,
        *,
        factors: int = 200,
        zero_weight: float = 0.01,
        regularization: float = 1.0,
        regularization_power: float = 0.0,
        dislike_weight: float = 0.0,
        iterations: int = 15,
        random_state: RandomState = 0,
    ) -> None:
        self.factors = factors
        self.zero_weight = zero_weight
        self.regularization = regularization
        self.regularization_power = regularization_power
        self.dislike_weight = dislike_weight
        self.iterations = iterations
        self.random_state = random_state

    @classmethod
    def paper(cls, **overrides: Any) -> Self:
        """Return a model as wide as the paper's: the first of `PAPER_FACTORS`, or the second by ``factors=``.

        Parameters
        ----------
        **overrides
            Constructor arguments that differ from the preset.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.WMF.paper().factors
        450
        """
        return cls(**{"factors": PAPER_FACTORS[0], **overrides})

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known items, for any history."""
        return Capabilities.known_items(updates=True)

    def _check(self) -> None:
        check_factors(self, self.regularization_power)
        check_dislike_weight(self)

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        self.item_factors_ = factorise(
            self, known.data.interactions.matrix, regularization_power=self.regularization_power, threads=run.threads,
            zeros=known_zeros(known.data.interactions, self.dislike_weight),
        )  # fmt: skip

    def _update(
        self, known: Prepared, number: int, n_old: int, *, epochs: int | None, learning_rate: float | None, run: RunOptions
    ) -> dict[str, Any]:
        rounds = UPDATE_ITERATIONS if epochs is None else epochs
        self.item_factors_ = factorise_further(
            self, known.data.interactions.matrix, self.item_factors_, rounds,
            regularization_power=self.regularization_power, threads=run.threads,
            zeros=known_zeros(known.data.interactions, self.dislike_weight),
        )  # fmt: skip
        return {"epochs": rounds}

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        return space.known_rows(self.item_factors_, rows)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        known = space.to_known(history, len(self.items_))
        return half_step(
            self.item_factors_,
            known,
            self.zero_weight,
            self.regularization,
            regularization_power=self.regularization_power,
            kept=self._cached("_gram", KeptGram),
        )

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        taken = space.known_rows(self.item_factors_, history.indices)
        n = len(self.item_factors_)
        total = float(np.count_nonzero(space.is_known[history.indices]))
        penalty = row_penalty(total, self.zero_weight, self.regularization, self.regularization_power, n)
        shares = contributions(
            taken, self.zero_weight, float(penalty), of_all=self.item_factors_, kept=self._cached("_gram", KeptGram)
        )
        return linear("factors", shares, self._encode_items(space, rows))

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"item_factors": self.item_factors_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.item_factors_ = saved_array(tensors, "item_factors", len(self.items_), None)


def factorise(
    model: Any,
    matrix: csr_array,
    *,
    regularization_power: float = 0.0,
    threads: int | None = None,
    zeros: csr_array | None = None,
) -> NDArray[np.float32]:
    """Return item factors of a training matrix, shape (n_items, factors).

    Parameters
    ----------
    model : WMF or another model with its parameters
        Width, weights, penalty, iterations and seed.
    matrix : csr_array, shape (n_users, n_items)
        Weights of the positives.
    regularization_power : float
        How the penalty of a row grows with its data, as in `half_step`.
    threads : int, optional
        Threads; by default as many as matrix products use.
    zeros : csr_array, shape (n_users, n_items), optional
        What known zeros weigh beyond others.

    Raises
    ------
    UsageError
        If a parameter is outside its range.
    """
    check_factorisation(model, matrix, regularization_power)
    items = start_factors(matrix.shape[1], model.factors, model.seed_)
    users = np.zeros((matrix.shape[0], model.factors), np.float32)
    return alternate(model, with_known_zeros(matrix, zeros), users, items, model.iterations, regularization_power, threads)


def factorise_further(
    model: Any,
    matrix: csr_array,
    items: NDArray[np.float32],
    iterations: int,
    *,
    regularization_power: float = 0.0,
    threads: int | None = None,
    zeros: csr_array | None = None,
) -> NDArray[np.float32]:
    """Return item factors after more alternations, new items included, shape (n_items, factors).

    Parameters
    ----------
    model : WMF or another model with its parameters
        Weights and penalty.
    matrix : csr_array, shape (n_users, n_items)
        Weights of old and new positives.
    items : ndarray of float32, shape (n_old_items, factors)
        Where to start; items beyond them start at random, as in a fit: from zero, new users who took only new items would
        stay zero with them.
    iterations : int
        Alternations.
    regularization_power, threads, zeros
        As in `factorise`.

    Raises
    ------
    UsageError
        If a new pair weighs no more than a zero.
    """
    check_factorisation(model, matrix, regularization_power)
    factors = start_factors(matrix.shape[1], items.shape[1], model.seed_)
    factors[: len(items)] = items
    return alternate(model, with_known_zeros(matrix, zeros), None, factors, iterations, regularization_power, threads)


def alternate(
    model: Any,
    matrix: csr_array,
    users: NDArray[np.float32] | None,
    items: NDArray[np.float32],
    iterations: int,
    regularization_power: float,
    threads: int | None,
) -> NDArray[np.float32]:
    """Return item factors after alternations; each brings users, then items, nearer to their minimisers, from where they are.

    Without users the first step over them is exact.
    """
    rows, columns = SortedRows.of(matrix), SortedRows.of(csr_array(matrix.T))
    weights = (model.zero_weight, model.regularization)
    workers = threads or blas_threads()
    for _ in range(iterations):
        users = half_step(items, rows, *weights, regularization_power=regularization_power, start=users, threads=workers)
        items = half_step(users, columns, *weights, regularization_power=regularization_power, start=items, threads=workers)
    return items


def start_factors(n_items: int, width: int, seed: int) -> NDArray[np.float32]:
    """Return the random item factors that the alternation starts from, shape (n_items, width).

    Users need no start, for they are solved for first. Another implementation that is given these factors can be compared
    number by number.
    """
    return generator(seed, "wmf").random((n_items, width), dtype=np.float32) * np.float32(START)


def check_factors(model: Any, regularization_power: float = 0.0) -> None:
    """Check what the limits of the parameters that `factorise` reads (`FACTOR_LIMITS`) cannot tell.

    Raises
    ------
    UsageError
        Naming the value and what it may be.
    """
    if not 0 <= regularization_power <= 1:
        raise UsageError(
            f"regularization_power={regularization_power!r} must be between 0 (one penalty for all) and 1 (in proportion to the data)"
        )
    _check_zero_weight(model.zero_weight, 1.0)


def check_factorisation(model: Any, matrix: csr_array, regularization_power: float = 0.0) -> None:
    """Check the parameters that `factorise` reads, and the weight of zeros against those of the pairs; errors as `check_factors`."""
    check_factors(model, regularization_power)
    _check_zero_weight(model.zero_weight, min(float(matrix.data.min()), 1.0))  # new users are folded in with weight 1


def _check_zero_weight(weight: float, lightest: float) -> None:
    if not 0 < weight < lightest:
        raise UsageError(
            f"zero_weight={weight!r} must be above 0 and below the lightest positive ({lightest:g}): zeros cannot be as"
            " sure as positives"
        )
