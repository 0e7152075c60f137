"""Text features by hashing: every word has a column, and no vocabulary is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...errors import DataError
from ...ids import Rows
from ..content import Content
from .base import column_values, inverse_document_frequency, unit_rows
from .words import Words

STANDARD = Words()


def bucket(term: str, n_buckets: int) -> tuple[int, float]:
    """Return the bucket of a term and its sign, the same on every machine and in every version.

    The sign makes terms that share a bucket cancel instead of adding up, so that inner products keep their mean
    (Weinberger et al. 2009, equation 1).

    Parameters
    ----------
    term : str
        A word.
    n_buckets : int
        How many buckets there are.
    """
    number = int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
    return (number >> 1) % n_buckets, 1.0 if number & 1 else -1.0


class HashBlock:
    """TF-IDF of hashed words, rows of unit length.

    A word that was not seen when fitting still counts, if its bucket did; nothing but one weight for each bucket is kept.

    Parameters
    ----------
    column : str
        Name of the column.
    idf : ndarray of float32, shape (n_buckets,)
        Weight of each bucket; 0 for those in fewer than `min_df` fitted rows.
    words : Words, optional
        How text becomes words.
    """

    kind: ClassVar[str] = "hashed"

    def __init__(self, column: str, idf: NDArray[np.float32], words: Words = STANDARD) -> None:
        self.column, self.idf, self.words = column, idf, words

    @classmethod
    def fit(
        cls, content: Content, column: str, rows: Rows | None, *, min_df: int, n_buckets: int, words: Words = STANDARD
    ) -> HashBlock:
        """Measure in how many rows (all by default) each bucket occurs.

        Raises
        ------
        DataError
            If no row has a single word.
        """
        counts = _hashed(column_values(content, column, rows), n_buckets, words)
        if counts.nnz == 0:
            raise DataError(f"content column '{column}' has no word in any of {counts.shape[0]:,} rows")
        frequency = np.bincount(counts.indices, minlength=n_buckets)
        idf = inverse_document_frequency(frequency, counts.shape[0])
        if (frequency >= min_df).any():
            idf[frequency < min_df] = 0
        return cls(column, idf, words)

    def transform(self, content: Content) -> csr_array:
        """Return rows of unit length, shape (len(content), n_buckets)."""
        counts = _hashed(column_values(content, self.column), len(self.idf), self.words)
        counts.data *= self.idf[counts.indices]
        counts.eliminate_zeros()
        return unit_rows(counts)

    def names(self) -> list[str]:
        """Return ``column#k`` for each bucket."""
        return [f"{self.column}#{place}" for place in range(len(self.idf))]

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        return {"kind": self.kind, "column": self.column, "words": self.words.to_json()}, {"idf": self.idf}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> HashBlock:
        """Rebuild from `to_state`."""
        return cls(config["column"], tensors["idf"], Words.from_json(config.get("words")))


def _hashed(values: Iterable[Any], n_buckets: int, words: Words) -> csr_array:
    """Return signed counts, float32."""
    places: dict[str, tuple[int, float]] = {}
    indices: list[int] = []
    signs: list[float] = []
    indptr = [0]
    for value in values:
        for word in words(value) if value is not None else ():
            place = places.get(word) or places.setdefault(word, bucket(word, n_buckets))
            indices.append(place[0])
            signs.append(place[1])
        indptr.append(len(indices))
    shape = (len(indptr) - 1, n_buckets)
    counts = csr_array((np.array(signs, np.float32), np.array(indices, np.int32), np.array(indptr)), shape=shape)
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts
