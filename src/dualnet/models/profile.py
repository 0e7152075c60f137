"""Content profiles: recommend what resembles what someone took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from scipy.sparse.linalg import svds

from ..data.content import Matrix
from ..data.featurizers.base import unit_rows
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..errors import CapabilityError, UsageError
from ..ids import Rows
from ..train.options import RunOptions
from .base import Capabilities, Prepared, Recommender


class ContentProfile(Recommender):
    """Cosine between an item's features and the mean features of the history; nothing is learned but the weights of words.

    The bar for new items: a network that reads the same content must beat it.
    """

    name: ClassVar[str] = "content-profile"
    uses_content: ClassVar[bool] = True

    def __init__(self) -> None:
        pass

    @property
    def capabilities(self) -> Capabilities:
        """All four quadrants."""
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
    random_state : int
        Seed of the starting vector of the solver.
    """

    name: ClassVar[str] = "lsa-profile"
    uses_content: ClassVar[bool] = True

    def __init__(self, *, width: int = 200, random_state: int = 0) -> None:
        self.width = width
        self.random_state = random_state

    @property
    def capabilities(self) -> Capabilities:
        """All four quadrants."""
        return Capabilities.all_quadrants()

    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        if not isinstance(self.width, int) or self.width < 1:
            raise UsageError(f"width={self.width!r} must be a whole number of at least 1")
        matrix = known.content(self.name).astype(np.float64)
        width = min(self.width, min(matrix.shape) - 1)
        if width < 1:
            self.projection_ = np.eye(matrix.shape[1], dtype=np.float32)
            return
        start = np.random.Generator(np.random.Philox(self.random_state)).normal(size=min(matrix.shape))
        _, _, right = svds(matrix, k=width, v0=start)
        self.projection_ = np.ascontiguousarray(right.T, np.float32)

    def _encode_items(self, space: ItemSpace, rows: Rows) -> NDArray[np.float32]:
        return _unit(_features(space)[rows] @ self.projection_)

    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> NDArray[np.float32]:
        vectors = _unit(_features(space) @ self.projection_)
        return _unit(history @ vectors)

    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"projection": self.projection_}

    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self.projection_ = np.asarray(tensors["projection"])


def unit_vectors(space: ItemSpace, rows: Rows) -> csr_array | NDArray[np.float32]:
    """Return the features of some items of a space at unit length, shape (len(rows), n_features)."""
    return _unit(_features(space)[rows])


def unit_profile(space: ItemSpace, history: csr_array) -> csr_array | NDArray[np.float32]:
    """Return the mean features of histories over a space at unit length, shape (n_users, n_features)."""
    features = _features(space)
    taken = np.unique(history.indices)
    if len(taken) < features.shape[0]:  # one person waits for this: leave the rest of the catalogue alone
        history, features = csr_array(history[:, taken]), features[taken]
    profile = history @ _unit(features)
    return _unit(csr_array(profile) if issparse(profile) else profile)


def _features(space: ItemSpace) -> Matrix:
    if space.features is None:
        raise CapabilityError("these items come without content, which a content profile needs; give content=")
    return space.features


def _unit(matrix: Any) -> Any:
    """Scale rows to unit length; zero rows stay zero."""
    if issparse(matrix):
        return unit_rows(csr_array(matrix))
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return (matrix / np.where(norms > 0, norms, 1)).astype(np.float32)
