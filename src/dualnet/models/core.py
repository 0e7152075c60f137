"""The core of every model: its parameters, the state that `fit` leaves, and its two encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Content, Matrix
from ..data.dataset import Dataset
from ..data.features import Featurizer
from ..data.interactions import Interactions
from ..data.recency import LEAST, at_least
from ..data.space import ItemSpace
from ..data.tasks import Validation
from ..data.times import compact_times
from ..errors import CapabilityError, DataError, NotFittedError
from ..ids import IdMap, Rows
from ..representations import ShowsChanges
from ..retrieval.vectors import Vectors, norms
from ..train.options import RunOptions
from .explain.reasons import Reasons
from .parameters import Parameters


@dataclass(frozen=True, repr=False)
class Capabilities(ShowsChanges):
    """Capabilities of a model: which users and items it can serve. A question beyond them raises `CapabilityError`.

    Parameters
    ----------
    new_items : bool
        Scores items that it did not see in training, from their content.
    new_users : bool
        Answers for a history that it did not see in training.
    new_items_in_history : bool
        Takes account of new items in a history.
    needs_content : bool
        Cannot be fitted without item content.
    user_columns : bool
        Takes account of user columns.
    updates : bool
        Learns from new rows without starting again.

    Examples
    --------
    >>> import dualnet
    >>> dualnet.EASE().capabilities.new_items
    False
    >>> dualnet.Solved().capabilities.new_users
    True
    """

    new_items: bool
    new_users: bool
    new_items_in_history: bool
    needs_content: bool
    user_columns: bool = False
    updates: bool = False

    @classmethod
    def known_items(cls, *, updates: bool = False) -> Self:
        """Return those of a model without content: known items, any history.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.Capabilities.known_items().new_items
        False
        """
        return cls(new_items=False, new_users=True, new_items_in_history=False, needs_content=False, updates=updates)

    @classmethod
    def all_quadrants(cls, *, updates: bool = False) -> Self:
        """Return those of a model that lives on content: known and new items for known and new users.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.Capabilities.all_quadrants().new_items
        True
        """
        return cls(new_items=True, new_users=True, new_items_in_history=True, needs_content=True, updates=updates)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Training data of a model: known users and items only, with their features.

    Parameters
    ----------
    data : Dataset
        Every user and every item has a pair.
    features : csr_array or ndarray, shape (n_items, n_features), optional
        Content of the items, for models that read it.
    user_features : csr_array or ndarray, shape (n_users, n_user_features), optional
        Columns of the users, for models that read them.
    undivided : Dataset
        What `fit` was given: also users and items without a pair.
    """

    data: Dataset
    features: Matrix | None
    user_features: Matrix | None
    undivided: Dataset

    def content(self, model: str) -> Matrix:
        """Return the features of the items.

        Raises
        ------
        CapabilityError
            If there are none.
        """
        if self.features is None:
            raise CapabilityError(f"model '{model}' learns from item content, and there is none")
        return self.features


class Core(Parameters, ABC):
    """State and hooks of a model. `Recommender` is this and everything that follows from it: answers, reasons, updates, files.

    What builds on a fitted model, such as `Answers` or a model folder, knows it as a `Core`. `Recommender` says what the state
    holds. `space`, `scorable`, `encode_items` and `encode_users` are public: `evaluate` asks them of any object, also of one
    that is not a model of this library. Methods whose names begin with an underscore are protected: a model writes them, and
    only modules of this library call them. The abstract ones must be written, the others may be.
    """

    uses_content: ClassVar[bool] = False
    counts_age: ClassVar[bool] = True  # whether weights of pairs or of histories make a difference

    users_: IdMap
    items_: IdMap
    histories_: csr_array
    weights_: NDArray[np.float32] | None
    times_: NDArray[Any] | None = None
    unliked_: IdMap
    popularity_: NDArray[np.float32]
    featurizer_: Featurizer | None
    user_featurizer_: Featurizer | None
    catalogue_: ItemSpace
    info_: dict[str, Any]
    manifest_: str
    seen_: csr_array | None = None
    user_features_: Matrix | None = None
    event_weights_: Mapping[str, float] = MappingProxyType({})
    half_life_: float | None = None
    newest_: int = 0
    lightest_: float = 1.0

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Capabilities of the model: which users and items it can serve."""

    @abstractmethod
    def _fit(self, known: Prepared, validation: Validation | None, run: RunOptions) -> None:
        """Learn from known items and users only."""

    @abstractmethod
    def _encode_items(self, space: ItemSpace, rows: Rows) -> Vectors:
        """Return vectors of some items of a space."""

    @abstractmethod
    def _encode_users(self, history: csr_array, space: ItemSpace, user_features: Matrix | None) -> Vectors:
        """Return vectors of users with histories over a space."""

    @abstractmethod
    def _get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what this kind of model learned: JSON-ready settings and arrays."""

    @abstractmethod
    def _set_state(self, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `_get_state` returned."""

    @abstractmethod
    def _reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        """Return explanations of the scores of some items for one history; by leaving parts out where a model has no other way."""

    @abstractmethod
    def _reasons_with_columns(self, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix) -> Reasons:
        """Return the same for somebody with columns, shape (1, n_user_features)."""

    @property
    def weighs_histories(self) -> bool:
        """Whether the items of a history count by their types or their age, and not all alike."""
        return self.half_life_ is not None or bool(self.event_weights_)

    @property
    def least_in_history(self) -> float:
        """Least that an item of a history counts: a sixteenth of the heaviest, and more than a zero does."""
        return max(LEAST, min(2 * float(getattr(self, "zero_weight", 0.0)), 1.0))

    def _phases_in_words(self, phase: str, *, chooses: bool) -> dict[str, str]:
        """Return what is done under each name of the log that a phase of a fit has, for somebody who waits; empty where it is short.

        Parameters
        ----------
        phase : {"train", "choose", "final"}
            As in `choosing.Phase`.
        chooses : bool
            Whether there is a held-out part to choose on.
        """
        return {}

    def _to_learn(self, known: Prepared) -> Prepared:
        """Return what is trained on: where pairs weigh less by their age, none less than a sixteenth of the lightest."""
        if self.half_life_ is None:
            return known
        pairs = at_least(known.data.interactions, LEAST * self.lightest_)
        return replace(known, data=known.data.with_interactions(pairs))

    def _stored(self, pairs: csr_array) -> csr_array:
        """Return what `histories_` keeps of weighted pairs: their pattern, or for each user weights of which the largest is 1."""
        values = np.ones(pairs.nnz, np.float32)
        if self.weighs_histories and pairs.nnz:
            filled = np.flatnonzero(np.diff(pairs.indptr))
            largest = np.maximum.reduceat(pairs.data, pairs.indptr[filled])
            values = (pairs.data / np.repeat(largest, np.diff(pairs.indptr)[filled])).astype(np.float32)
            values = np.maximum(values, np.float32(self.least_in_history))
        return csr_array((values, pairs.indices, pairs.indptr), shape=pairs.shape)

    @property
    def n_parameters(self) -> int:
        """Number of parameters that the fitted model has learned."""
        self._require_fitted()
        return sum(int(value.size) for value in self._get_state()[1].values())

    def _prepare(self, train: Dataset) -> Prepared:
        """Set ids, histories, featurizers and catalogue; return known data and its features."""
        if train.interactions.n_pairs == 0:
            raise DataError(f"data set '{train.name}' has no pairs to learn from")
        if self.capabilities.needs_content and train.items is None:
            raise CapabilityError(
                f"model '{self.name}' learns from item content, and data set '{train.name}' has none; add content columns"
            )
        known = train.known_items()
        users = np.flatnonzero(np.diff(train.interactions.matrix.indptr))
        whole = len(known) == train.interactions.n_items and len(users) == train.interactions.n_users
        data = train if whole else train.select(users=users, items=known)
        self.users_, self.items_ = data.interactions.users, data.interactions.items
        self.unliked_ = train.interactions.items.subset(_unliked(train.interactions))
        self.seen_, self.event_weights_ = None, dict(train.event_weights)
        self._forget()  # vectors of the former fit
        self.histories_ = data.interactions.pattern()
        weights = data.interactions.matrix.data
        self.weights_ = None if (weights == 1).all() else weights
        self.times_ = compact_times(data.interactions.times)
        self.popularity_ = np.bincount(self.histories_.indices, minlength=len(self.items_)).astype(np.float32)
        self.featurizer_ = self.user_featurizer_ = None
        features = user_features = None
        if self.uses_content and data.items is not None:
            self.featurizer_ = Featurizer.fit(data.items)
            features = self.featurizer_.transform(data.items)
        if self.capabilities.user_columns and data.users is not None:
            self.user_featurizer_ = Featurizer.fit(data.users)
            user_features = self.user_featurizer_.transform(data.users)
        self.user_features_ = user_features
        self.catalogue_ = ItemSpace(self.items_, np.arange(len(self.items_)), features, data.items)
        return Prepared(data, features, user_features, train)

    def space(self, ids: IdMap, content: Content | None = None) -> ItemSpace:
        """Return the rows and features that a list of items has in this model; they can be used for many questions.

        Parameters
        ----------
        ids : IdMap
            Items, known or new.
        content : Content, optional
            Their content, row-aligned; without it only items of the catalogue have features.

        Returns
        -------
        ItemSpace

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
        >>> len(model.space(dualnet.IdMap(["i0-0", "i1-0"])))
        2
        """
        self._require_fitted()
        known = self.items_.find(ids)
        if self.featurizer_ is None:
            return ItemSpace(ids, known, None, content)
        if content is not None:
            return ItemSpace(ids, known, self.featurizer_.transform(content, quiet=True), content)  # said once, at fit
        rows = self.catalogue_.ids.find(ids)
        if (rows < 0).any():
            raise DataError(
                f"item {ids.key(int(np.flatnonzero(rows < 0)[0]))!r} is not in the catalogue, and no content was given for it"
            )
        features = self.catalogue_.features
        return ItemSpace(ids, known, None if features is None else features[rows], None)

    def scorable(self, space: ItemSpace) -> NDArray[np.bool_]:
        """Return which items of a space the model can score, shape (len(space),).

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
        >>> space = model.space(dualnet.IdMap(["i0-0", "unknown"]))
        >>> model.scorable(space).tolist()
        [True, False]
        """
        if self.capabilities.new_items and space.features is not None:
            return np.ones(len(space), bool)
        return space.is_known

    def encode_items(self, space: ItemSpace, rows: Rows | None = None) -> Vectors:
        """Return item vectors; the score of a user and an item is the inner product of their vectors.

        Parameters
        ----------
        space : ItemSpace
            From `space`.
        rows : ndarray of int64, optional
            Which items; all by default.

        Returns
        -------
        Vectors of float32, shape (n, width)
            Dense, sparse or joined (`retrieval.vectors`).

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
        >>> model.encode_items(model.catalogue_).shape
        (48, 4)
        """
        self._require_fitted()
        return self._encode_items(space, np.arange(len(space)) if rows is None else rows)

    def encode_users(self, history: csr_array, space: ItemSpace, user_content: Content | Matrix | None = None) -> Vectors:
        """Return user vectors from visible histories.

        Parameters
        ----------
        history : csr_array, shape (n_users, len(space))
            History of each user. Values count as weights if the model was fitted with a half-life or types of events; else only
            their positions are used.
        space : ItemSpace
            From `space`.
        user_content : Content, csr_array or ndarray, optional
            Columns of the users, row-aligned, or their features.

        Returns
        -------
        Vectors of float32, shape (n_users, width)

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world())
        >>> model.encode_users(model.histories_, model.catalogue_).shape
        (40, 4)
        """
        self._require_fitted()
        values = history.data.astype(np.float32) if self.weighs_histories else np.ones(history.nnz, np.float32)
        pattern = csr_array((values, history.indices, history.indptr), shape=history.shape)
        columns = self._user_features(user_content) if isinstance(user_content, Content) else user_content
        return self._encode_users(pattern, space, columns)

    def _history_rows(self, space: ItemSpace) -> NDArray[np.float32] | None:
        """Return the row that each item adds to a history, for a server that keeps it; None for models without such rows."""
        return None

    def _use_history_rows(self, space: ItemSpace, rows: NDArray[np.float32]) -> None:
        """Use kept rows of `_history_rows` for a space of the same items, instead of computing them again."""

    def _similar_queries(self, vectors: Vectors) -> Vectors:
        """Return the query vectors of items in the search for similar items; for the cosine these are the items' own vectors.

        How similar two items are is the product of the one's query and the other's vector, over the `_similar_lengths` of both.
        """
        return vectors

    def _similar_lengths(self, vectors: Vectors, known: Rows) -> NDArray[np.float64]:
        """Return the divisor of each item in the similarity of two items; for the cosine it is the Euclidean length.

        Parameters
        ----------
        vectors : Vectors, shape (n, width)
            From `encode_items`.
        known : ndarray of int64, shape (n,)
            The model's own row of each item, -1 for new ones.
        """
        return norms(vectors)

    def _user_features(self, user_content: Content) -> Matrix | None:
        """Return features of user columns, shape (n_users, n_user_features), or None for a model without them."""
        return None if self.user_featurizer_ is None else self.user_featurizer_.transform(user_content)

    def _n_features(self) -> int:
        """Return the width of the features of items, 0 without content."""
        features = self.catalogue_.features
        return 0 if features is None else int(features.shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is something to ask, for scikit-learn's checks and pictures of estimators."""
        return hasattr(self, "catalogue_")

    def _require_fitted(self) -> None:
        if not hasattr(self, "catalogue_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit(data) or load a saved model")


def _unliked(interactions: Interactions) -> Rows:
    """Return the rows of items that nobody liked though they were there; where events other than likes are known, only of those
    that somebody saw: what nobody ever saw is as new as what comes tomorrow.
    """
    silent = np.setdiff1d(np.arange(interactions.n_items), interactions.matrix.indices)
    if interactions.others is None:
        return silent.astype(np.int64)
    return np.intersect1d(silent, interactions.others.pairs()[1]).astype(np.int64)
