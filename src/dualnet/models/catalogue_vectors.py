"""The vectors of a model's catalogue, kept between questions."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.space import ItemSpace
from ..retrieval.vectors import Vectors, stack_vectors
from .core import Core


@dataclass(eq=False)
class KeptVectors:
    """Vectors of one catalogue, and their lengths for similar items once somebody has asked for them."""

    space: weakref.ref[ItemSpace]
    vectors: Vectors
    _lengths: NDArray[np.float64] | None = None

    def similar_lengths(self, model: Core, space: ItemSpace) -> NDArray[np.float64]:
        """Return `Core.similar_lengths` of the catalogue, shape (n,)."""
        if self._lengths is None:
            self._lengths = model.similar_lengths(self.vectors, space.known)
        return self._lengths


class CatalogueVectors:
    """The vectors of one catalogue and no other: memory does not grow with the number of questions.

    What is kept is replaced as a whole, so that of several threads none finds the vectors of one catalogue beside the items of
    another.
    """

    def __init__(self) -> None:
        self._kept: KeptVectors | None = None

    def of(self, model: Core, space: ItemSpace) -> KeptVectors:
        """Return the vectors of a catalogue of the model, shape (len(space), width)."""
        kept = self._kept
        if kept is None or kept.space() is not space:
            kept = KeptVectors(weakref.ref(space), model.encode_items(space))
            if space is model.catalogue_:
                self._kept = kept
        return kept

    def extended(self, model: Core, before: ItemSpace, after: ItemSpace) -> KeptVectors | None:
        """Return what `keep` is to keep for a catalogue that is to follow: only what it has more than `before` is encoded.

        None where the vectors of `before` are not kept.
        """
        kept = self._kept
        if kept is None or kept.space() is not before:
            return None
        fresh = model.encode_items(after, np.arange(len(before), len(after)))
        return KeptVectors(weakref.ref(after), stack_vectors(kept.vectors, fresh))

    def keep(self, kept: KeptVectors | None) -> None:
        """Keep these vectors; None leaves what there is."""
        if kept is not None:
            self._kept = kept
