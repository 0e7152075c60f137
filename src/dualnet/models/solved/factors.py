"""Item factors by alternating least squares with a prior from content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...distributed.collectives import ALONE, Collectives
from ...distributed.divided_matrix import DividedMatrix, own_rows
from ..als import SortedRows, blas_threads, half_step
from ..divided_als import DividedRows
from ..wmf import start_factors
from .ridge import ContentAxes, ContentRidge

Array = NDArray[np.float32]
Told = Callable[[Array, Array], None]


@dataclass(frozen=True)
class FactorSettings:
    """Settings of the solution for the factors.

    Parameters
    ----------
    factors : int
        Width.
    zero_weight : float
        Weight b of zeros against 1 for positives.
    regularization : float
        Penalty l of the squared lengths of users, and of an item's distance from its prior.
    iterations : int
        Alternations without a prior.
    rounds : int
        Alternations with a prior from content.
    random_state : int
        Seed of the first item factors.
    item_share : float
        Penalty of items as a share of that of users: a part of the users alone says so much less of an item.
    from_zero : bool
        Whether the first step over users goes some steps from zero, at half the cost of the exact one that it is by default.
    threads : int, optional
        Rows that are solved for at a time; by default as many as matrix products use. No result depends on it.
    """

    factors: int
    zero_weight: float
    regularization: float
    iterations: int = 8
    rounds: int = 3
    random_state: int = 0
    item_share: float = 1.0
    from_zero: bool = False
    threads: int | None = None


class ItemFactors:
    """Factors of the training items, and the map that predicts those of a new item.

    A search solves for factors many times, and asks for the map only where its tasks have new items: so the map can be left to be
    solved for when it is first asked for.

    Parameters
    ----------
    items : ndarray of float32, shape (n_items, width)
    content_map : ndarray of float32, shape (n_features, width), optional
        From a content row of unit length to factors; None where there is no content.
    ridge : ContentRidge, optional
        What solves for the map, where it is not given; in a group of ranks all ask for it at the same time.
    """

    def __init__(self, items: Array, content_map: Array | None = None, *, ridge: ContentRidge | None = None) -> None:
        self.items, self._map, self._ridge = items, content_map, ridge

    @property
    def read_content(self) -> bool:
        """Whether there is a map from content to factors."""
        return self._map is not None or self._ridge is not None

    @property
    def content_map(self) -> Array | None:
        """The map, shape (n_features, width), solved for at the first time of asking."""
        self.solve_map()
        return self._map

    def solve_map(self) -> None:
        """Solve for the map where that was left, and let the content go."""
        ridge = self._ridge  # read once: another thread may have let it go meanwhile, after it had kept the map
        if ridge is not None:
            self._map, self._ridge = ridge.fit(own_rows(self.items, ridge.group)), None


def plain_factors(
    matrix: csr_array,
    settings: FactorSettings,
    start: Array | None = None,
    group: Collectives = ALONE,
    told: Told | None = None,
) -> Array:
    """Return item factors by alternating least squares without content, shape (n_items, width); equation 1 of the paper.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Weights of the positives.
    settings : FactorSettings
    start : ndarray of float32, shape (n_items, width), optional
        Where to start; by default at random, close to zero.
    group : Collectives
        The ranks that users and items are divided among; each gives the rows of its users and gets the factors of its items.
    told : callable, optional
        Is told the factors before and after each alternation; in a group those of this rank's items.
    """
    if start is None:
        start = start_factors(matrix.shape[1], settings.factors, settings.random_state)
    items = own_rows(start, group)
    alternation = Alternation.of(matrix, settings, group)
    for _ in range(settings.iterations):
        before, items = items, alternation(items, None)
        if told is not None:
            told(before, items)
    return items


def factors_with_prior(
    matrix: csr_array,
    content: Any,
    axes: ContentAxes | None,
    penalty: float,
    start: Array,
    settings: FactorSettings,
    group: Collectives = ALONE,
    told: Told | None = None,
) -> ItemFactors:
    """Return item factors that are drawn to what their content predicts.

    Alternates three exact steps on one objective, the weighted squared error + l |U|^2 + l |V - X M|^2 + l penalty |M|^2: the
    map M, the users U, the items V. An item with few events stays near its content, one with many is where its users put it.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Weights of the positives.
    content : csr_array or ndarray of float32, shape (n_items, n_features)
        Rows of unit length.
    axes : ContentAxes, optional
        See `ContentRidge`.
    penalty : float
        How little the map is trusted: the penalty of its squared entries.
    start : ndarray of float32, shape (n_items, width)
        From `plain_factors`.
    settings : FactorSettings
    group : Collectives
        The ranks that users and items are divided among; each gives the rows, content and start of its own, and gets all factors.
    told : callable, optional
        As for `plain_factors`.
    """
    ridge, items = ContentRidge(content, penalty, axes, group), start
    alternation = Alternation.of(matrix, settings, group)
    for _ in range(settings.rounds):
        ridge.fit(items)
        before, items = items, alternation(items, ridge.predict(content))
        if told is not None:
            told(before, items)
    return ItemFactors(group.all_gather(items), ridge.fit(items))


class Alternation:
    """One minimisation over all users, then over all items, each a few steps from where the one before ended.

    Parameters
    ----------
    rows, columns : SortedRows or DividedRows
        The matrix and its transpose; where they are divided among ranks, each has the factors of its own users and items.
    settings : FactorSettings
        Weight of zeros and penalty.
    """

    def __init__(self, rows: SortedRows | DividedRows, columns: SortedRows | DividedRows, settings: FactorSettings) -> None:
        self._rows, self._columns, self._settings = rows, columns, settings
        n_users, width = rows.n_rows, settings.factors
        self._users: Array | None = np.zeros((n_users, width), np.float32) if settings.from_zero else None

    @classmethod
    def of(cls, matrix: csr_array, settings: FactorSettings, group: Collectives = ALONE) -> Self:
        """Return the alternation of a matrix of weights, shape (n_users, n_items); in a group, of the rows of each rank."""
        if group.size == 1:
            return cls(SortedRows.of(matrix), SortedRows.of(csr_array(matrix.T)), settings)
        divided = DividedMatrix.of(matrix, group)
        return cls(DividedRows.of(divided, settings.factors), DividedRows.of(divided.T, settings.factors), settings)

    def __call__(self, items: Array, prior: Array | None) -> Array:
        """Return the next item factors, drawn to a prior or to zero."""
        self._users = self._step(self._rows, items, 1.0, start=self._users)
        return self._step(self._columns, self._users, self._settings.item_share, prior=prior, start=items)

    def _step(self, rows: SortedRows | DividedRows, other: Array, share: float, **more: Any) -> Array:
        given = self._settings
        weights, threads = (given.zero_weight, share * given.regularization), given.threads or blas_threads()
        if isinstance(rows, DividedRows):
            return rows.half_step(other, *weights, threads=threads, **more)
        return half_step(other, rows, *weights, threads=threads, **more)
