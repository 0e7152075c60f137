"""ContentProfile and LsaProfile: items are recommended whose content resembles the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from ..data.content import Matrix
from ..data.featurizers.base import unit_rows
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..ids import Rows
from ..rng import RandomState
from ..train.options import RunOptions
from .base import Capabilities, Prepared, Recommender
from .content_cosine import features_of, unit_profile, unit_vectors
from .explain.reasons import Cut, Reasons, by_column, linear, of_profile, weigh
from .limits import COUNT, Limit
from .saved_arrays import saved_array


class ContentProfile(Recommender):
    """Cosine between an item's features and the mean features of the history; nothing is learned but the weights of words.

    It is the baseline for new items: a network that reads the same content has to beat it.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.ContentProfile().fit(data)
    >>> [item[:2] for item in model.recommend(history=["i3-0", "i3-1"], k=2).ids]
    ['i3', 'i3']
    """

    name: ClassVar[str] = "content-profile"
    uses_content: ClassVar[bool] = True

    def __init__(self) -> None:
        pass

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known and new items for known and new users."""
        return Capabilities.all_quadrants(updates=True)

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        pass  # the featurizer is fitted for every model that reads content

    def _update(
        self, known: Prepared, number: int, n_old: int, *, epochs: int | None, learning_rate: float | None, run: RunOptions
    ) -> dict[str, Any]:
        return {}  # the weights of words stay those of the fit

    def _encode_items(self, space: ItemSpace, rows: Rows) -> csr_array | NDArray[np.float32]:
        return unit_vectors(space, rows)

    def _encode_users(
        self, history: csr_array, space: ItemSpace, user_features: Matrix | None
    ) -> csr_array | NDArray[np.float32]:
        return unit_profile(space, history)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        return by_column(of_profile(history, space, rows, 1.0), self.featurizer_)

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        pass


class LsaProfile(Recommender):
    """A content profile in the space of the leading singular vectors of the features (latent semantic analysis).

    Parameters
    ----------
    width : int
        Number of singular vectors; clipped to what the features allow.
    random_state : int, RandomState, Generator or None
        Seed of the starting vector of the solver.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world()
    >>> model = dualnet.LsaProfile(width=4).fit(data)
    >>> [item[:2] for item in model.recommend(history=["i1-0"], k=2).ids]
    ['i1', 'i1']
    """

    name: ClassVar[str] = "lsa-profile"
    limits: ClassVar[Mapping[str, Limit]] = {"width": COUNT}
    uses_content: ClassVar[bool] = True

    def __init__(self, *, width: int = 200, random_state: RandomState = 0) -> None:
        self.width = width
        self.random_state = random_state

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: known and new items for known and new users."""
        return Capabilities.all_quadrants()

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        matrix = known.content(self.name).astype(np.float64)
        width = min(self.width, min(matrix.shape) - 1)
        if width < 1:
            self.projection_ = np.eye(matrix.shape[1], dtype=np.float32)
            return
        start = np.random.Generator(np.random.Philox(self.seed_)).normal(size=min(matrix.shape))
        _, _, right = svds(matrix, k=width, v0=start)
        self.projection_ = np.ascontiguousarray(right.T, np.float32)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        return unit_rows(features_of(space)[rows] @ self.projection_)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        vectors = unit_rows(features_of(space) @ self.projection_)
        return unit_rows(history @ vectors)

    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        own = self._encode_items(space, history.indices).astype(np.float64)
        shares = own / (np.linalg.norm(own.sum(axis=0)) or 1.0)
        found = linear("content", shares, self._encode_items(space, rows))
        features = csr_array(features_of(space)[rows])
        lengths = np.linalg.norm(features @ self.projection_, axis=1)
        parts = weigh(features, self.projection_ @ shares.sum(axis=0))
        parts = csr_array(parts.multiply((1 / np.where(lengths > 0, lengths, 1))[:, None]))
        cut = Cut(np.zeros(len(rows)), parts)
        return by_column(Reasons(found.levels, found.history, cut), self.featurizer_)

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"projection": self.projection_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.projection_ = saved_array(tensors, "projection", self._n_features(), None)
