"""Item vectors of a model's catalogue, encoded once and kept while the catalogue stays."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse, vstack

from ..data.space import ItemSpace
from ..retrieval.topk import inner_products
from ..retrieval.vectors import JoinedVectors, Vectors, norms

if TYPE_CHECKING:
    from .core import Core as Recommender


class CatalogueVectors:
    """The vectors of one catalogue and no other: memory does not grow with the number of questions."""

    def __init__(self) -> None:
        self._space: weakref.ref[ItemSpace] | None = None
        self._vectors: Vectors = None
        self._lengths: NDArray[np.float64] | None = None

    def of(self, model: Recommender) -> Vectors:
        """Return the vectors of `model.catalogue_`, shape (len(catalogue_), width)."""
        if self._space is None or self._space() is not model.catalogue_:
            self._vectors, self._lengths = model.encode_items(model.catalogue_), None
            self._space = weakref.ref(model.catalogue_)
        return self._vectors

    def extend(self, model: Recommender, before: ItemSpace) -> None:
        """Encode only what `model.catalogue_` has behind the items of the catalogue before it."""
        if self._space is not None and self._space() is before:
            fresh = model.encode_items(model.catalogue_, np.arange(len(before), len(model.catalogue_)))
            self._vectors, self._lengths = stack_vectors(self._vectors, fresh), None
            self._space = weakref.ref(model.catalogue_)

    def lengths(self, model: Recommender) -> NDArray[np.float64]:
        """Return their Euclidean lengths, shape (len(catalogue_),)."""
        vectors = self.of(model)
        if self._lengths is None:
            self._lengths = norms(vectors)
        return self._lengths

    def scores(self, model: Recommender, user: Vectors, space: ItemSpace) -> NDArray[np.float32]:
        """Return one user's scores of a space that is the catalogue, or the catalogue and more behind it."""
        known = len(model.catalogue_)
        scores = inner_products(user, self.of(model))[0]
        if len(space) == known:
            return scores
        fresh = model.encode_items(space, np.arange(known, len(space)))
        return np.concatenate([scores, inner_products(user, fresh)[0]])


def stack_vectors(*parts: Vectors) -> Vectors:
    """Return vectors of one kind, one set below the other."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], JoinedVectors):
        return JoinedVectors(np.concatenate([part.dense for part in parts]), stack_vectors(*(part.sparse for part in parts)))
    return csr_array(vstack(parts, format="csr")) if issparse(parts[0]) else np.concatenate(parts)
