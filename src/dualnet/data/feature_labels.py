"""Names of features for people: the column, and the word, label or value in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ids import Rows
from .featurizers.base import Block
from .featurizers.hashed import HashBlock, bucket
from .featurizers.images import ImageBlock
from .featurizers.numeric import BagBlock, NumberBlock, VectorBlock
from .featurizers.sentences import SentenceBlock
from .featurizers.terms import TermBlock
from .featurizers.written_words import WrittenWords
from .values import plain_text_of

# blocks whose numbers mean nothing alone
WHOLE: dict[type, str] = {SentenceBlock: "the text as a whole", VectorBlock: "the vector", ImageBlock: "the picture"}

Term = tuple[str, str]  # column and word, tag, label or value


class FeatureLabels:
    """Names features for people; those of a dense block have one name together.

    Parameters
    ----------
    blocks : sequence of Block
        Of a fitted `Featurizer`.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._labels: list[Term] = []
        self._by_value: list[tuple[int, NumberBlock | HashBlock | TermBlock]] = []
        first: list[NDArray[np.int64]] = []
        for block in blocks:
            start, names = len(self._labels), _names(block)
            self._labels += [(block.column, name) for name in names]
            whole = type(block) in WHOLE
            first.append(np.full(len(names), start) if whole else np.arange(start, start + len(names)))
            if isinstance(block, NumberBlock | HashBlock) or (isinstance(block, TermBlock) and block.kind == "text"):
                self._by_value.append((start, block))
        self._first: Rows = np.concatenate(first) if first else np.empty(0, np.int64)

    @property
    def value_columns(self) -> list[str]:
        """Columns whose raw value is part of the name."""
        return list(dict.fromkeys(block.column for _, block in self._by_value))

    def columns(self, features: Rows) -> list[str]:
        """Return the content column of each feature."""
        return [self._labels[feature][0] for feature in features.tolist()]

    def groups(self, features: Rows) -> Rows:
        """Return a number for each feature that only features of the same dense block share."""
        return self._first[features]

    def terms(self, features: Rows, raw: Mapping[str, Any]) -> list[Term]:
        """Return the column and the name of each feature of one item; features with the same one are one thing to a person.

        Parameters
        ----------
        features : ndarray of int64
            Positions in the vector of features.
        raw : mapping of str to value
            Raw content of the item, for numbers, and for words as the text writes them; without it numbers are ``its value``, words
            are folded (``strasse`` for ``Straße``) and hashed ones ``column#k``.
        """
        special: dict[int, Term] = {}
        for start, block in self._by_value:
            value = raw.get(block.column)
            if value is None:
                continue
            if isinstance(block, NumberBlock):
                special[start] = (block.column, plain_text_of(value) or "")
                continue
            written = WrittenWords(str(value), block.words)
            if isinstance(block, TermBlock):
                own = features[(features >= start) & (features < start + len(block.vocabulary))]
                special |= {place: (block.column, written(block.vocabulary[place - start])) for place in own.tolist()}
                continue
            for word in dict.fromkeys(block.words(str(value))):
                place = start + bucket(word, len(block.idf))[0]
                special[place] = (block.column, f"{special[place][1]}/{written(word)}" if place in special else written(word))
        return [special.get(feature) or self._labels[feature] for feature in features.tolist()]


def _names(block: Block) -> list[str]:
    if isinstance(block, NumberBlock):
        return ["its value"]
    if isinstance(block, BagBlock):
        return [f"word {place}" for place in range(len(block.idf))]
    names = block.names()
    whole = WHOLE.get(type(block))
    return [whole] * len(names) if whole else [name.removeprefix(f"{block.column}=") for name in names]
