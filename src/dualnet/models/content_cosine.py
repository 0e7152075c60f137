"""Cosine similarity of content: the features of an item, and the mean features of a history, at unit length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Matrix
from ..data.featurizers.base import unit_rows
from ..data.space import ItemSpace
from ..errors import CapabilityError
from ..ids import Rows


def unit_vectors(space: ItemSpace, rows: Rows) -> csr_array | NDArray[np.float32]:
    """Return the features of some items of a space at unit length, shape (len(rows), n_features)."""
    return unit_rows(features_of(space)[rows])


def unit_profile(space: ItemSpace, history: csr_array) -> csr_array | NDArray[np.float32]:
    """Return the mean features of histories over a space at unit length, shape (n_users, n_features)."""
    features = features_of(space)
    taken = np.unique(history.indices)
    if len(taken) < features.shape[0]:  # one person waits for this: leave the rest of the catalogue alone
        history, features = csr_array(history[:, taken]), features[taken]
    profile = history @ unit_rows(features)
    return unit_rows(csr_array(profile) if issparse(profile) else profile)


def features_of(space: ItemSpace) -> Matrix:
    """Return the features of a space.

    Raises
    ------
    CapabilityError
        If it has none.
    """
    if space.features is None:
        raise CapabilityError("these items come without content, which a content profile needs; give content=")
    return space.features
