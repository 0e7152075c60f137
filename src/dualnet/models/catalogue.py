"""The catalogue of a model, over which questions are answered (`retrieval.catalogue.Catalogue`), and its cached vectors."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..computed_once import computed_once
from ..data.content import Matrix
from ..data.recency import fading, relative
from ..data.space import ItemSpace
from ..errors import ArtifactError, CapabilityError, UnknownIdError, UsageError
from ..ids import IdMap, Key, Rows
from ..retrieval.catalogue import Brought, Catalogue, ScoredUsers, Weights
from ..retrieval.principal import PrincipalAxes
from ..retrieval.topk import block_rows, inner_products
from ..retrieval.vectors import Vectors, largest, mean_vector, norms, stack_vectors
from .core import Core
from .question_content import as_content, cannot_score_new, user_row

AVERAGED = 500  # users whose mean stands for what everybody's scores have in common


class ReadableCatalogue(Catalogue, Protocol):
    """A catalogue that also gives the content of its items, for explanations."""

    @property
    def model(self) -> Core:
        """The model."""

    def part(self, rows: Rows, extra: Brought | None = None) -> ItemSpace:
        """Return some rows, and all items of a question behind them, as one space."""

    def content(self, row: int, columns: Collection[str]) -> Mapping[str, Any]:
        """Return the raw content of a row, as far as it has these columns."""


class ModelView(ABC):
    """Base of the catalogues of a model; a subclass says which rows there are.

    Attributes
    ----------
    model : Core
    size : int
        Rows.
    known : ndarray of int64, shape (size,)
        The model's own row of each item, -1 for those it was not trained on.
    vectors : Vectors, shape (size, width)
    lengths : ndarray of float64, shape (size,)
        Euclidean lengths of the vectors.
    """

    model: Any
    size: Any
    known: Any
    vectors: Any
    lengths: Any

    @abstractmethod
    def part(self, rows: Rows, extra: Brought | None = None) -> ItemSpace:
        """Return some rows, and all items of a question behind them, as a space for `Recommender.encode_users`.

        Encoding histories over the few items they hold is as exact as over the whole catalogue, and costs no more than
        those few.
        """

    @abstractmethod
    def content(self, row: int, columns: Collection[str]) -> Mapping[str, Any]:
        """Return the raw content of a row, as far as it has these columns."""

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @computed_once
    def integer_ids(self) -> bool:
        """Whether the ids of items are whole numbers."""
        return self.model.catalogue_.ids.is_integer

    @computed_once
    def reads_new(self) -> bool:
        """Whether the model takes account of items in a history that it was not trained on."""
        return self.model.capabilities.new_items_in_history

    @computed_once
    def longest(self) -> float:
        """Length of the longest vector."""
        return float(self.lengths.max(initial=0))

    def similar_query(self, row: int) -> Vectors:
        """Return the vector that an item asks with for similar ones, shape (1, width)."""
        return self.model._similar_queries(self.vectors[row : row + 1])

    @computed_once
    def popularity(self) -> NDArray[np.float32]:
        """Training events of each row, 0 for items the model was not trained on."""
        counts = np.zeros(self.size, np.float32)
        at = np.flatnonzero(self.known >= 0)
        counts[at] = self.model.popularity_[self.known[at]]
        return counts

    @computed_once
    def by_popularity(self) -> Rows:
        """Rows of the items the model was trained on, most popular first, ties by row."""
        at = np.flatnonzero(self.known >= 0)
        return at[np.argsort(-self.popularity[at], kind="stable")]

    @computed_once
    def average(self) -> Vectors:
        """Mean vector of users seen in training, of at most `AVERAGED` that are spread over them, shape (1, width)."""
        stored = self.model.histories_
        users = np.unique(np.linspace(0, stored.shape[0] - 1, min(AVERAGED, stored.shape[0])).astype(np.int64))
        histories = [stored.indices[stored.indptr[user] : stored.indptr[user + 1]].astype(np.int64) for user in users]
        return mean_vector(self.encode_histories(histories))

    def fading(self, times: NDArray[np.int64]) -> Weights:
        """Return what the items of a history count by the times of their events, the newest 1.

        Raises
        ------
        UsageError
            If age makes no difference to the model.
        """
        half_life = self.model.half_life_
        if half_life is None:
            raise UsageError("times= means nothing to a model that was fitted without half_life= (--half-life); leave it out")
        return relative(fading(times, int(times.max(initial=0)), half_life), self.model.least_in_history)

    def stored_columns(self, user: Key) -> Matrix | None:
        """Return the features of the columns of a user seen in training, shape (1, n), or None."""
        stored = self.model.user_features_
        row = -1 if stored is None else int(self.model.users_.find([user])[0])
        return None if row < 0 else stored[[row]]

    def read_columns(self, columns: Any) -> Matrix:
        """Return the features of columns that come with a question; errors as in `question_content.user_row`."""
        return user_row(self.model, columns)

    def encode_histories(
        self,
        histories: Sequence[Rows],
        extra: Brought | None = None,
        columns: Sequence[Matrix | None] = (),
        weights: Sequence[Weights] = (),
    ) -> Vectors:
        """Return the user vectors of some histories, encoded over the items they hold.

        Parameters
        ----------
        histories : sequence of ndarray of int64
            Distinct rows; from the size of the catalogue on they are of `extra`.
        extra : Brought, optional
            Items for one question.
        columns : sequence of Matrix or None
            Features of the columns of each, shape (1, n); empty where nobody has any.
        weights : sequence of ndarray of float32 or None
            What each item of a history counts; None, or empty for all, where all count alike.
        """
        taken = np.unique(np.concatenate(histories))
        own = taken[taken < self.size]
        space = self.part(own, extra)
        if extra is not None:
            taken = np.concatenate([own, self.size + np.arange(len(extra))])
        at = np.searchsorted(taken, np.concatenate(histories))
        indptr = np.concatenate([[0], np.cumsum([len(rows) for rows in histories])])
        values = np.ones(len(at), np.float32)
        if any(own is not None for own in weights):
            values = np.concatenate(
                [np.ones(len(rows), np.float32) if own is None else own for rows, own in zip(histories, weights, strict=True)]
            )
        history = csr_array((values, at, indptr), shape=(len(histories), len(taken)))
        given = next((row for row in columns if row is not None), None)
        if given is None:
            return self.model.encode_users(history, space)
        features = stack_vectors(*(given * 0 if row is None else row for row in columns))
        return self.model.encode_users(history, space, features)


class ModelCatalogue(ModelView):
    """The catalogue of a fitted model in memory: its items, and those added later.

    It is made for each batch of questions anew, which costs nothing: what is expensive to make is in `CatalogueVectors`.

    Parameters
    ----------
    model : Core
    kept : CatalogueVectors
    """

    axes: PrincipalAxes | None = None
    heads: NDArray[np.float32] | None = None

    def __init__(self, model: Core, kept: CatalogueVectors) -> None:
        self._model, self._kept, self._space = model, kept, model.catalogue_

    @property
    def model(self) -> Core:
        """The model."""
        return self._model

    @property
    def size(self) -> int:
        """Rows of the catalogue."""
        return len(self._space)

    @property
    def known(self) -> Rows:
        """The model's own row of each item, -1 for those it was not trained on."""
        return self._space.known

    @computed_once
    def vectors(self) -> Vectors:
        """Vectors of all rows."""
        return self._kept.of(self._model, self._space).vectors

    @computed_once
    def lengths(self) -> NDArray[np.float64]:
        """Euclidean lengths of the vectors."""
        return norms(self.vectors)

    @computed_once
    def similar_lengths(self) -> NDArray[np.float64]:
        """Divisors of the similarity of two items (`Core._similar_lengths`)."""
        return self._kept.of(self._model, self._space).similar_lengths(self._model, self._space)

    @computed_once
    def listed(self) -> NDArray[np.bool_]:
        """Which rows may be listed: those with a score."""
        return self._model.scorable(self._space)

    @computed_once
    def unlisted(self) -> Rows:
        """Rows that may not."""
        return np.flatnonzero(~self.listed)

    def find(self, key: Key) -> int:
        """Return the row of an item, -1 for others."""
        return int(self._space.ids.find([key])[0])

    def rows(self, keys: Sequence[Key], what: str = "item") -> Rows:
        """Return the row of each item; errors as in `IdMap.rows`."""
        return self._space.ids.rows(keys, what)

    def keys(self, rows: Sequence[int]) -> list[Key]:
        """Return the ids of some rows."""
        return self._space.ids.take(np.asarray(rows, np.int64))

    def titles(self, rows: Sequence[int]) -> list[str]:
        """Return what to show a person for some rows."""
        content = self._space.content
        return [str(key) for key in self.keys(rows)] if content is None else content.titles(np.asarray(rows, np.int64))

    def content(self, row: int, columns: Collection[str]) -> Mapping[str, Any]:
        """Return the raw content of a row, as far as it has these columns."""
        return base_content(self._model, row, columns)

    def later_contents(self) -> Sequence[Mapping[str, Any]]:
        """Return nothing: the table of the catalogue has all rows."""
        return ()

    def deleted(self, row: int) -> bool:
        """Return False: nothing of a model in memory is ever deleted."""
        return False

    def history(self, user: Key) -> Rows:
        """Return the rows of a stored history.

        Raises
        ------
        UnknownIdError
            If the user was not seen in training.
        """
        try:
            row = self._model.users_.row(user, "user")
        except UnknownIdError as error:
            raise UnknownIdError(f"{error}; for someone new pass history=[...] instead") from None
        stored = self._model.histories_
        return np.sort(stored.indices[stored.indptr[row] : stored.indptr[row + 1]]).astype(np.int64)

    def history_weights(self, user: Key, rows: Rows) -> Weights:
        """Return what the items of a stored history count, None where all count alike."""
        model = self._model
        if not model.weighs_histories:
            return None
        row = model.users_.row(user, "user")
        stored = csr_array(model.histories_[[row]])
        stored.sort_indices()
        return relative(stored.data, model.least_in_history)

    def seen(self, user: Key) -> Rows:
        """Return the rows of what a stored user saw or disliked and did not like."""
        return seen_rows(self._model, user)

    def bring(self, items: Any) -> Brought:
        """Return items for one question, encoded; arguments and errors as in `Answers.add_items`."""
        content = as_content(items, self._model)
        if not self._model.capabilities.new_items or self._model.featurizer_ is None:
            raise CapabilityError(cannot_score_new(self._model))
        features = self._model.featurizer_.transform(content)
        return brought(self._model, ItemSpace(content.ids, np.full(len(content), -1), features, content))

    def part(self, rows: Rows, extra: Brought | None = None) -> ItemSpace:
        """Return some rows, and all items of a question behind them, as one space."""
        own = self._space.part(rows)
        if extra is None:
            return own
        known = np.concatenate([own.known, extra.space.known])
        return ItemSpace(IdMap(np.arange(len(known))), known, stack_vectors(own.features, extra.space.features))


class TrainedUsers:
    """The users that a model in memory was trained on; their vectors are made for each question, a block at a time."""

    def scores(self, catalogue: ModelCatalogue, item: Vectors, row: int | None) -> ScoredUsers:
        """Return the scores of an item, shape (1, width), and who has read, seen or disliked it, if it has a row."""
        model = catalogue.model
        scores = np.concatenate([inner_products(block, item)[:, 0] for block in stored_vectors(model)])
        readers = np.empty(0, np.int64)
        if row is not None and (known := int(catalogue.known[row])) >= 0:
            readers = csr_array(model.histories_[:, [known]]).tocoo().coords[0].astype(np.int64)
        if row is not None and model.seen_ is not None and row < model.seen_.shape[1]:
            readers = np.union1d(readers, csr_array(model.seen_[:, [row]]).tocoo().coords[0])
        return ScoredUsers(scores, readers, model.users_.take, lambda keys: model.users_.rows(keys, "user"))


def stored_vectors(model: Core) -> Iterator[Vectors]:
    """Yield the vectors of the users a model was trained on, a block at a time, in their order."""
    features = model.catalogue_.features
    n_items = len(model.items_)
    space = ItemSpace(model.items_, np.arange(n_items), None if features is None else features[:n_items])
    step = block_rows(n_items)
    for start in range(0, len(model.users_), step):
        columns = None if model.user_features_ is None else model.user_features_[start : start + step]
        yield model.encode_users(csr_array(model.histories_[start : start + step]), space, columns)


def seen_rows(model: Core, user: Key) -> Rows:
    """Return the rows of `model.catalogue_` that a user saw or disliked and did not like, ascending; none of a stranger."""
    seen = model.seen_
    if seen is None or user not in model.users_:
        return np.empty(0, np.int64)
    row = model.users_.row(user)
    return seen.indices[seen.indptr[row] : seen.indptr[row + 1]].astype(np.int64)


def catalogue_of(model: Core) -> ModelCatalogue:
    """Return the catalogue of a fitted model in memory; what is expensive to make of it is made once."""
    return ModelCatalogue(model, kept_vectors(model))


def kept_vectors(model: Core) -> CatalogueVectors:
    """Return the vectors of a model's catalogue, kept by the model between questions."""
    return model._cached("_catalogue_vectors", CatalogueVectors)


def base_content(model: Core, row: int, columns: Collection[str]) -> dict[str, Any]:
    """Return the raw content of one row of `model.catalogue_`, as far as it has these columns."""
    content = model.catalogue_.content
    present = () if content is None else set(columns) & set(content.table.column_names)
    return {} if content is None else {name: content.table.column(name)[row].as_py() for name in present}


def brought(model: Core, space: ItemSpace, contents: Sequence[Mapping[str, Any]] | None = None) -> Brought:
    """Return items for one question, encoded.

    Parameters
    ----------
    model : Core
    space : ItemSpace
        With content.
    contents : sequence of mapping, optional
        Their raw content as it came; that of the space by default.

    Raises
    ------
    ArtifactError
        If a vector is not finite.
    """
    vectors = model.encode_items(space)
    check_finite(vectors, "vectors of new items")
    content = space.content
    assert content is not None
    raw = content.table.to_pylist if contents is None else lambda: contents
    return Brought(space.ids, content.titles(np.arange(len(space))), vectors, space, raw)


def check_finite(vectors: Vectors, what: str) -> None:
    """Refuse vectors with NaN or infinite numbers; raises `ArtifactError`."""
    if not np.isfinite(largest(vectors)):
        raise ArtifactError(f"the model gives {what} that are not finite; its weights are damaged or diverged")


@dataclass(eq=False)
class KeptVectors:
    """Vectors of one catalogue, and their lengths once similar items were asked for."""

    space: weakref.ref[ItemSpace]
    vectors: Vectors
    _lengths: NDArray[np.float64] | None = None

    def similar_lengths(self, model: Core, space: ItemSpace) -> NDArray[np.float64]:
        """Return `Core._similar_lengths` of the catalogue, shape (n,)."""
        if self._lengths is None:
            self._lengths = model._similar_lengths(self.vectors, space.known)
        return self._lengths


class CatalogueVectors:
    """A cache of the vectors of one catalogue at a time; its size does not grow with the number of questions.

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
