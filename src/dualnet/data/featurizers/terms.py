"""Text and tag features: a fitted vocabulary with TF-IDF weights, as rows of unit length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...errors import DataError, optional_package
from ...ids import Rows
from ..content import Content
from ..kinds import noted_separators
from .base import column_values, inverse_document_frequency, places_of, unit_rows
from .stop_words import STOP_WORDS
from .words import Words

__all__ = ["STOP_WORDS", "CategoryBlock", "TermBlock", "labels", "words"]

STANDARD = Words()


def words(text: str) -> list[str]:
    """Return the words of a text by the rule that holds where no other is chosen; see `Words`."""
    return STANDARD(text)


def labels(value: object) -> list[str]:
    """Return the tags of one cell: a list, or text with tags separated by ``|``."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("|") if part.strip()]
    if isinstance(value, Iterable):
        return [str(part) for part in value if part is not None and str(part)]
    return [str(value)]


class TermBlock:
    """TF-IDF of the words of a text column, or of the tags of a list column.

    Counts times smoothed IDF, each row scaled to unit length, as scikit-learn's `TfidfVectorizer` does; terms that were
    not seen when fitting are ignored.

    Parameters
    ----------
    column : str
        Name of the column.
    kind : {"text", "tags"}
        How a cell becomes terms.
    vocabulary : sequence of str
        Term of each feature.
    idf : ndarray of float32, shape (len(vocabulary),)
        Weight of each term.
    words : Words, optional
        How text becomes words.
    separators : str
        What divided the fitted tags where they were text, empty where nothing did.
    """

    def __init__(
        self, column: str, kind: str, vocabulary: Sequence[str], idf: NDArray[np.float32], words: Words = STANDARD,
        separators: str = "",
    ) -> None:  # fmt: skip
        self.separators = separators
        self.column, self.kind, self.words = column, kind, words
        self.vocabulary, self.idf = list(vocabulary), idf
        self._index = (
            places_of(self.vocabulary) if kind == "tags" else {term: place for place, term in enumerate(self.vocabulary)}
        )
        self._terms: Callable[[Any], list[str]] = words if kind == "text" else labels

    @classmethod
    def fit(
        cls, content: Content, column: str, kind: str, rows: Rows | None, *, min_df: int, max_features: int,
        words: Words = STANDARD,
    ) -> TermBlock:  # fmt: skip
        """Collect the vocabulary of some rows.

        Parameters
        ----------
        content : Content
            Raw content.
        column : str
            Column to read.
        kind : {"text", "tags"}
            How a cell becomes terms.
        rows : ndarray of int64, optional
            Rows to fit on; all by default.
        min_df : int
            Terms in fewer rows are left out (if that leaves none, all are kept).
        max_features : int
            At most this many terms, the most frequent.
        words : Words
            How text becomes words.

        Raises
        ------
        MissingExtraError
            Without scikit-learn.
        DataError
            If no row has a single term.
        """
        with optional_package("scikit-learn", "train", f"fitting content column '{column}'", module="sklearn"):
            from sklearn.feature_extraction.text import CountVectorizer
        split: Callable[[Any], list[str]] = words if kind == "text" else labels
        documents = [split(value) if value is not None else [] for value in column_values(content, column, rows)]
        if not any(documents):
            raise DataError(
                f"content column '{column}' has no {'word' if kind == 'text' else 'tag'} in any of {len(documents):,} rows"
            )
        counter = CountVectorizer(analyzer=lambda document: document, dtype=np.int32)
        counts = counter.fit_transform(documents)
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        total = np.asarray(counts.sum(axis=0)).ravel()
        terms = counter.get_feature_names_out()
        kept = np.flatnonzero(frequency >= min_df)
        if len(kept) == 0:
            kept = np.arange(len(terms))
        if len(kept) > max_features:
            kept = np.sort(kept[np.argsort(-total[kept], kind="stable")[:max_features]])
        idf = inverse_document_frequency(frequency[kept], len(documents))
        names = content.table.column_names
        separators = noted_separators(content.table.schema.field(column)) if kind == "tags" and column in names else ""
        return cls(column, kind, [str(terms[place]) for place in kept], idf, words, separators)

    def transform(self, content: Content) -> csr_array:
        """Return TF-IDF rows of unit length, shape (len(content), len(vocabulary))."""
        indices: list[int] = []
        indptr = [0]
        index = self._index
        for value in column_values(content, self.column):
            if value is not None:
                indices.extend([place for term in self._terms(value) if (place := index.get(term)) is not None])
            indptr.append(len(indices))
        shape = (len(content), len(self.vocabulary))
        counts = csr_array((np.ones(len(indices), np.float32), np.array(indices, np.int32), np.array(indptr)), shape=shape)
        counts.sum_duplicates()
        counts.data *= self.idf[counts.indices]
        return unit_rows(counts)

    def names(self) -> list[str]:
        """Return the terms."""
        return list(self.vocabulary)

    def unknown_terms(self, content: Content) -> tuple[int, int]:
        """Return the number of distinct terms of some rows, and how many of them are not in the vocabulary."""
        found = {term for value in column_values(content, self.column) if value is not None for term in self._terms(value)}
        return len(found), len(found - self._index.keys())

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        how: dict[str, Any] = {"words": self.words.to_json()} if self.kind == "text" else {}
        if self.separators:
            how["separators"] = self.separators
        return {"kind": self.kind, "column": self.column, "vocabulary": self.vocabulary, **how}, {"idf": self.idf}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> TermBlock:
        """Rebuild from `to_state`."""
        words = Words.from_json(config.get("words")) if config["kind"] == "text" else STANDARD
        separators = config.get("separators", "")  # models of before have none: what divides is told by each new table
        return cls(config["column"], config["kind"], config["vocabulary"], tensors["idf"], words, separators)


class CategoryBlock:
    """One-hot of a column with one label each; labels not seen when fitting give an empty row.

    Parameters
    ----------
    column : str
        Name of the column.
    labels : sequence of str
        Label of each feature.
    """

    kind: ClassVar[str] = "categories"

    def __init__(self, column: str, labels: Sequence[str]) -> None:
        self.column, self.labels = column, list(labels)
        self._index = places_of(self.labels)

    @classmethod
    def fit(cls, content: Content, column: str, rows: Rows | None) -> CategoryBlock:
        """Collect the labels of some rows (all by default)."""
        found = {str(value) for value in column_values(content, column, rows) if value is not None}
        if not found:
            raise DataError(f"content column '{column}' has no label in any row")
        return cls(column, sorted(found))

    def transform(self, content: Content) -> csr_array:
        """Return one-hot rows, shape (len(content), len(labels))."""
        places = [-1 if v is None else self._index.get(str(v), -1) for v in column_values(content, self.column)]
        columns = np.array(places, dtype=np.int32)
        indptr = np.concatenate([[0], np.cumsum(columns >= 0)])
        columns = columns[columns >= 0]
        return csr_array((np.ones(len(columns), np.float32), columns, indptr), shape=(len(content), len(self.labels)))

    def names(self) -> list[str]:
        """Return ``column=label`` for each feature."""
        return [f"{self.column}={label}" for label in self.labels]

    def unknown_terms(self, content: Content) -> tuple[int, int]:
        """Return the number of distinct labels of some rows, and how many of them were not seen when fitting."""
        found = {str(value) for value in column_values(content, self.column) if value is not None}
        return len(found), len(found - self._index.keys())

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        return {"kind": self.kind, "column": self.column, "labels": self.labels}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> CategoryBlock:
        """Rebuild from `to_state`."""
        return cls(config["column"], config["labels"])
