"""Content as the solved levels read it: rows of unit length, vectors beside words, long text along its leading axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ...computed_once import computed_once
from ...data.content import Matrix
from ...data.featurizers.base import unit_rows
from ...distributed.collectives import ALONE, Collectives
from ...ids import Rows

Array = NDArray[np.float32]

MANY_FEATURES = 2_000  # above which vectors are kept apart from words; below, one matrix is as fast
LONG_AXES = 500  # axes that content is read along whose rows hold more than LONG numbers
LONG = 200
FEW_FEATURES = 600  # up to which the content is kept whole in the dense part


@dataclass(frozen=True, eq=False)
class WordsAndVectors:
    """Words with vectors beside them: a product of two rows is the sum of the products of both, a sum of two kernels.

    It stands for one matrix of all features, whose columns of vectors are dense and are multiplied as such.

    Parameters
    ----------
    words : csr_array of float32, shape (n, n_features)
        Rows of unit length, or zero, with nothing in the columns of vectors.
    vectors : ndarray of float32, shape (n, n_columns)
        Rows of unit length, or zero.
    columns : ndarray of int64, shape (n_columns,)
        Which features the vectors are.
    """

    words: csr_array
    vectors: Array
    columns: Rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return len(self.vectors), self.words.shape[1]

    def __getitem__(self, rows: Any) -> WordsAndVectors:
        return WordsAndVectors(csr_array(self.words[rows]), self.vectors[rows], self.columns)

    def __matmul__(self, other: Array) -> Array:
        return np.asarray(self.words @ other + self.vectors @ other[self.columns], np.float32)

    def to_csr(self) -> csr_array:
        """Return it as one sparse matrix, shape (n, n_features)."""
        beside = csr_array(self.vectors).tocoo()
        at = csr_array((beside.data, (beside.row, self.columns[beside.col])), shape=self.shape)
        return csr_array(self.words + at)

    @property
    def T(self) -> _Transposed:  # noqa: N802 - the name that arrays have
        """The transposed matrix, for products."""
        return _Transposed(self)

    @computed_once
    def words_transposed(self) -> csr_array:
        """The words by feature."""
        return csr_array(self.words.T)


@dataclass(frozen=True, eq=False)
class _Transposed:
    of: WordsAndVectors

    def __matmul__(self, other: Array) -> Array:
        product = np.asarray(self.of.words_transposed @ other, np.float32)
        product[self.of.columns] += self.of.vectors.T @ other
        return product


def words_of(content: Any) -> csr_array | None:
    """Return the words of content of any kind, None where it is dense."""
    if isinstance(content, WordsAndVectors):
        return content.words
    return content if issparse(content) else None


@dataclass(frozen=True, eq=False)
class ContentReader:
    """Decisions of the fit about reading content, so that new content is read in the same way.

    Parameters
    ----------
    axes : ndarray of float32, shape (n_features, n_axes), optional
        Directions that long content is read along.
    vectors : ndarray of int64, shape (n_columns,), optional
        Features that are columns of vectors, beside many that are words.
    """

    axes: Array | None = None
    vectors: Rows | None = None

    def __call__(self, features: Matrix) -> Any:
        """Return content as the solved levels read it.

        Parameters
        ----------
        features : csr_array or ndarray of float32, shape (n, n_features)

        Returns
        -------
        csr_array, ndarray of float32 or WordsAndVectors
            Rows of unit length; shape (n, n_features), or (n, n_axes) along axes.
        """
        if self.vectors is not None:
            is_vector = np.zeros(features.shape[1], bool)
            is_vector[self.vectors] = True
            word = ~is_vector[features.indices]
            bounds = np.concatenate([[0], np.cumsum(word)])[features.indptr]
            words = csr_array((features.data[word], features.indices[word], bounds), shape=features.shape)
            beside = features[:, self.vectors].toarray()
            return WordsAndVectors(unit_rows(words), unit_rows(beside), self.vectors)
        rows = unit_rows(features)
        return rows if self.axes is None else np.asarray(rows @ self.axes, np.float32)

    def by_feature(self, features: Matrix) -> csr_array:
        """Return the same rows by feature, as one sparse matrix, for reasons; those of long content before it is read along axes."""
        return csr_array(unit_rows(features)) if self.vectors is None else self(features).to_csr()


AS_IT_IS = ContentReader()


def is_long(content: Any, group: Collectives = ALONE) -> bool:
    """Return whether rows of content hold so many numbers that their leading axes say nearly the same for less.

    In a group of ranks each gives the rows of its items.
    """
    words = words_of(content)
    if words is not None:
        entries, rows = group.all_reduce(np.array([words.nnz, words.shape[0]], np.int64))
        return bool(words.shape[1] > FEW_FEATURES and entries > LONG * rows)
    return bool(content.shape[1] > FEW_FEATURES)
