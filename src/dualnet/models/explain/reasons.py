"""The arithmetic of explanations: scores of several items for one user, divided in three ways, and the exact divisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse, vstack

from ...data.features import Featurizer
from ...data.space import ItemSpace
from ...ids import Rows
from ...retrieval.vectors import to_sparse
from ..content_cosine import unit_vectors
from .explanation import Method

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cut:
    """Scores of M items, each divided into a base and parts.

    Parameters
    ----------
    base : ndarray of float64, shape (M,)
    parts : ndarray or csr_array of float64, shape (M, n_parts)
        A part for each item of the history, or for each content feature.
    """

    base: Numbers
    parts: Any

    def total(self) -> Numbers:
        """Return base and parts together, shape (M,)."""
        return self.base + np.asarray(self.parts.sum(axis=1)).ravel()

    def scaled(self, factor: Numbers | float) -> Cut:
        """Return the scores times a factor, one for all or one for each item."""
        column = np.broadcast_to(np.asarray(factor, np.float64), self.base.shape)[:, None]
        parts = csr_array(self.parts.multiply(column)) if issparse(self.parts) else self.parts * column
        return Cut(self.base * column[:, 0], parts)

    def __add__(self, other: Cut) -> Cut:
        mine, theirs = self.parts, other.parts
        if issparse(mine) != issparse(theirs):  # content of ready vectors beside its own cosine
            mine, theirs = (part.toarray() if issparse(part) else part for part in (mine, theirs))
        return Cut(self.base + other.base, csr_array(mine + theirs) if issparse(mine) else mine + theirs)


@dataclass(frozen=True, eq=False)
class Reasons:
    """Scores of M items for one user, divided by level, by history and by content.

    Parameters
    ----------
    levels : tuple of (str, ndarray of float64, shape (M,))
        Parts of the inner product; sum to the score.
    history : Cut
        By item of the history, in the order of its columns.
    content : Cut, optional
        By content feature.
    method : str
        How the parts were found.
    """

    levels: tuple[tuple[str, Numbers], ...]
    history: Cut
    content: Cut | None
    method: Method = "integrated-gradients"

    @property
    def scores(self) -> Numbers:
        """The scores, shape (M,)."""
        return np.sum([score for _, score in self.levels], axis=0)

    def scaled(self, factor: float) -> Reasons:
        """Return the reasons of the score times a factor."""
        levels = tuple((name, scores * factor) for name, scores in self.levels)
        return Reasons(
            levels, self.history.scaled(factor), None if self.content is None else self.content.scaled(factor), self.method
        )

    def __add__(self, other: Reasons) -> Reasons:
        """Return the reasons of a sum of two scores; where one side reads no content, its score is part of the base."""
        method: Method = self.method if self.method == other.method else "leave-one-out"  # which says less of how parts sum
        return Reasons(self.levels + other.levels, self.history + other.history, _both(self, other), method)


def _both(one: Reasons, other: Reasons) -> Cut | None:
    if one.content is not None and other.content is not None:
        return one.content + other.content
    if one.content is None and other.content is None:
        return None
    cut, blind = (one.content, other) if one.content is not None else (other.content, one)
    return None if cut is None else Cut(cut.base + blind.scores, cut.parts)


def linear(name: str, contributions: Any, items: Any, content: Cut | None = None) -> Reasons:
    """Return the reasons of a score that is linear in the history.

    Parameters
    ----------
    name : str
        Of the only level.
    contributions : ndarray or csr_array, shape (n_history, width)
        What each item of the history adds to the user vector.
    items : ndarray or csr_array, shape (M, width)
        Vectors of the items explained.
    content : Cut, optional
        By content feature.
    """
    product = items @ contributions.T
    parts = np.asarray(product.toarray() if issparse(product) else product, np.float64)
    return Reasons(((name, parts.sum(axis=1)),), Cut(np.zeros(len(parts)), parts), content)


def of_profile(history: csr_array, space: ItemSpace, rows: Rows, weight: float, name: str = "content") -> Reasons:
    """Return the reasons of `weight` times the cosine of an item's content and the mean content of a history.

    With the lengths of both as they are, the cosine is a sum over terms, and each term's share of the history is a sum over
    its items: nothing is approximated, and the base is zero.
    """
    taken = history.indices
    own = to_sparse(unit_vectors(space, taken)).astype(np.float64)
    summed = csr_array(np.ones((1, len(taken))) @ own) if len(taken) else csr_array((1, own.shape[1]))
    length = float(np.sqrt((summed.data**2).sum())) or 1.0
    items = to_sparse(unit_vectors(space, rows)).astype(np.float64)
    profile = summed * (weight / length)
    parts = csr_array(items.multiply(vstack([profile] * len(rows), format="csr"))) if len(rows) else items
    return linear(name, own * (weight / length), items, Cut(np.zeros(len(rows)), parts))


def by_column(found: Reasons, featurizer: Featurizer | None) -> Reasons:
    """Return reasons that are linear in the content of the items with a level for each content column."""
    if found.content is None or featurizer is None:
        return found
    parts = csr_array(found.content.parts)
    names = featurizer.labels.columns(parts.indices)
    items = np.repeat(np.arange(parts.shape[0]), np.diff(parts.indptr))
    levels = {column: np.zeros(parts.shape[0]) for column in featurizer.spec.columns}
    for column, scores in levels.items():
        own = np.array([name == column for name in names], bool)
        np.add.at(scores, items[own], parts.data[own])
    return Reasons(tuple(levels.items()), found.history, found.content, found.method)


def only_new(cut: Cut, is_new: NDArray[np.bool_], scores: Numbers) -> Cut:
    """Return a cut by content in which items seen in training, whose vectors were learned, have no parts."""
    keep = csr_array(cut.parts).multiply(is_new[:, None].astype(np.float64))
    return Cut(np.where(is_new, cut.base, scores), csr_array(keep))


def chosen_items(space: ItemSpace, taken: Rows, n_known: int) -> csr_array:
    """Return one row for each item of a history with a one at the model's own item; empty for items it never saw."""
    known = space.known[taken]
    found = np.flatnonzero(known >= 0)
    return csr_array((np.ones(len(found)), (found, known[found])), shape=(len(taken), n_known))


def weigh(features: Any, weights: Numbers) -> Any:
    """Return each feature's value times its weight, a weight for each item and feature or one for all; same shape.

    Parameters
    ----------
    features : csr_array or ndarray, shape (M, n_features)
    weights : ndarray of float64, shape (n_features,) or (M, n_features)
    """
    if not issparse(features):
        return np.asarray(features, np.float64) * weights
    rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
    taken = weights[features.indices] if weights.ndim == 1 else weights[rows, features.indices]
    return csr_array((features.data * taken, features.indices, features.indptr), shape=features.shape)
