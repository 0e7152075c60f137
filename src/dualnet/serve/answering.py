"""Answers to a batch of different questions over one view of the catalogue: one product for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..errors import CapabilityError, DataError, DualNetError, UsageError
from ..ids import Key, Rows
from ..models.item_vectors import stack_vectors
from ..models.recommendations import ItemPath, Recommendations
from ..retrieval.topk import inner_products
from ..retrieval.vectors import JoinedVectors, Vectors, largest
from .askers import Asked, resolve
from .catalogue import LiveCatalogue
from .filters import Filters
from .new_content import new_rows
from .questions import (
    Answer,
    Encoded,
    EncodeItemQuestion,
    EncodeUserQuestion,
    NewItem,
    Question,
    RecommendQuestion,
    ScoreQuestion,
    Scores,
    SimilarQuestion,
    UsersQuestion,
)
from .selection import Wanted, best_rows
from .stored_users import StoredUsers

NAMELESS = "content of a question"
NOT_FINITE = "the model has no finite vector for this history; its weights are damaged"


@dataclass(frozen=True, eq=False)
class Answering:
    """Answers questions for one model; stateless but for what it keeps of the model.

    Parameters
    ----------
    filters : Filters
        Of the model's own columns.
    users : StoredUsers
        Vectors of everybody with a stored history, made when first asked for.
    """

    filters: Filters
    users: StoredUsers

    def __call__(self, catalogue: LiveCatalogue, questions: Sequence[Question]) -> list[Answer | Exception]:
        """Return one answer or one exception for each question.

        A question that fails, whatever the reason, fails alone.
        """
        try:
            return self._together(catalogue, questions)
        except Exception as error:
            if len(questions) == 1:
                return [error]
            return [self(catalogue, [question])[0] for question in questions]

    def _together(self, catalogue: LiveCatalogue, questions: Sequence[Question]) -> list[Answer | Exception]:
        answers: list[Answer | Exception | None] = [None] * len(questions)
        asked: dict[int, Asked] = {}
        pending: list[tuple[int, Wanted]] = []
        for place, question in enumerate(questions):
            try:
                if isinstance(question, RecommendQuestion | ScoreQuestion | EncodeUserQuestion):
                    asked[place] = resolve(catalogue, question)
                    if isinstance(question, RecommendQuestion):
                        pending.append((place, self._wanted(catalogue, question, asked[place])))
                elif isinstance(question, SimilarQuestion):
                    pending.append((place, _wanted_similar(catalogue, question)))
                elif isinstance(question, EncodeItemQuestion):
                    answers[place] = _encoded_item(catalogue, question)
                elif isinstance(question, UsersQuestion):
                    answers[place] = self._users_for(catalogue, question)
            except (DualNetError, ValueError) as error:
                answers[place] = error
        asked = {place: found for place, found in asked.items() if answers[place] is None}
        vectors = self._user_vectors(catalogue, asked, answers)
        for place in [place for place in asked if answers[place] is None]:
            question = questions[place]
            if isinstance(question, ScoreQuestion | EncodeUserQuestion):
                try:
                    answers[place] = _scored_or_encoded(catalogue, question, asked[place], vectors.of(place))
                except (DualNetError, ValueError) as error:
                    answers[place] = error
        pending = [(place, wanted) for place, wanted in pending if answers[place] is None]
        found = best_rows(catalogue, [wanted for _, wanted in pending], _queries(catalogue, pending, vectors))
        for (place, wanted), (rows, scores) in zip(pending, found, strict=True):
            answers[place] = _listed(catalogue, wanted, rows, scores)
        return [answer if answer is not None else UsageError("there is no such question") for answer in answers]

    def _user_vectors(
        self, catalogue: LiveCatalogue, asked: dict[int, Asked], answers: list[Answer | Exception | None]
    ) -> UserVectors:
        """Return the vector of each asker that the model answers for; those with items of their own are encoded alone."""
        plain = [place for place, who in asked.items() if who.readable and who.extra is None]
        found = UserVectors(plain, catalogue.encode_histories([asked[place].rows for place in plain]) if plain else None, {})
        for place, who in asked.items():
            if who.readable and who.extra is not None:
                try:
                    found.alone[place] = catalogue.encode_histories([who.rows], who.extra)
                    if not np.isfinite(largest(found.alone[place])):
                        answers[place] = DataError(NOT_FINITE)
                except (DualNetError, ValueError) as error:
                    answers[place] = error
        if plain and not np.isfinite(largest(found.together)):
            if len(plain) > 1:  # some of them: find out which
                raise FloatingPointError
            answers[plain[0]] = DataError(NOT_FINITE)
        return found

    def _wanted(self, catalogue: LiveCatalogue, question: RecommendQuestion, who: Asked) -> Wanted:
        _check_k(question.k)
        if not who.readable and question.fallback == "error":
            raise DataError(who.why_unreadable)
        size = catalogue.size
        seen = np.empty(0, np.int64) if question.keep_seen else who.rows
        away = seen
        if question.exclude:
            away = np.union1d(seen, who.find(catalogue, question.exclude, "excluded item"))
        only = None
        if question.candidates is not None:
            only = np.unique(who.find(catalogue, question.candidates, "candidate item"))
        if question.filter:
            passing = np.flatnonzero(self.filters.mask(catalogue, question.filter, [new.content for new in question.new_items]))
            only = passing if only is None else np.intersect1d(only, passing, assume_unique=True)
        if only is not None:
            own = only[only < size]
            only = np.concatenate([own[catalogue.listed[own]], only[only >= size]])
        return Wanted(question.k, away, only, who.resolved if who.readable else "fallback", who.ignored, who=who)

    def _users_for(self, catalogue: LiveCatalogue, question: UsersQuestion) -> Recommendations:
        _check_k(question.k)
        row, vector = _item_vector(catalogue, question.item, question.content)
        keys, scores = self.users.best(catalogue, vector, question.k, None if question.keep_seen else row)
        titles: list[str] = [str(key) for key in keys]
        return Recommendations(keys, scores.tolist(), titles, ["known"] * len(keys), "item", [], "user")


@dataclass(frozen=True, eq=False)
class UserVectors:
    """Vectors of askers: most from one encoding, those with items of their own one by one."""

    places: list[int]
    together: Vectors | None
    alone: dict[int, Vectors]

    def of(self, place: int) -> Vectors | None:
        """Return one vector, None for an asker that the model cannot encode."""
        if place in self.alone:
            return self.alone[place]
        if place not in self.places:
            return None
        at = self.places.index(place)
        assert self.together is not None
        return self.together[at : at + 1]


def _queries(catalogue: LiveCatalogue, pending: list[tuple[int, Wanted]], vectors: UserVectors) -> Vectors | None:
    """Return the vectors to rank with, in the order of the lists that popularity does not answer."""
    asking = [(place, wanted) for place, wanted in pending if wanted.resolved != "fallback"]
    if [place for place, _ in asking] == vectors.places:
        return vectors.together
    found = None
    for place, wanted in asking:
        row = wanted.similar_to
        vector = vectors.of(place) if row is None else catalogue.vectors[row : row + 1]
        found = [vector] if found is None else [*found, vector]
    return None if found is None else stack_vectors(*found)


def _wanted_similar(catalogue: LiveCatalogue, question: SimilarQuestion) -> Wanted:
    _check_k(question.k)
    row, _ = _item_vector(catalogue, question.item, None)
    assert row is not None
    return Wanted(question.k, np.array([row]), None, "item", [], similar_to=row)


def _item_vector(catalogue: LiveCatalogue, item: Key | None, content: Any) -> tuple[int | None, Vectors]:
    """Return the row (if it has one) and the vector of an item, or of content."""
    if (item is None) == (content is None):
        raise UsageError("give either an item or content")
    if item is None:
        name: Key = -1 if catalogue.model.catalogue_.ids.is_integer else NAMELESS
        fresh = new_rows(catalogue.model, [NewItem(name, content)])
        vector = catalogue.model.encode_items(fresh)
        if not np.isfinite(largest(vector)):
            raise DataError("the model has no finite vector for this content")
        return None, vector
    row = catalogue.row(item)
    if row in catalogue.hidden:
        catalogue_error = f"item {str(item)[:80]!r} was deleted"
        raise DataError(catalogue_error)
    if not catalogue.listed[row]:
        raise CapabilityError(f"model '{catalogue.model.name}' cannot score item {item!r}, which it did not see in training")
    return row, catalogue.vectors[row : row + 1]


def _encoded_item(catalogue: LiveCatalogue, question: EncodeItemQuestion) -> Encoded:
    row, vector = _item_vector(catalogue, question.item, question.content)
    how = "content" if row is None else catalogue.paths(np.array([row]))[0]
    return Encoded("item", how, *_numbers(vector))


def _scored_or_encoded(
    catalogue: LiveCatalogue, question: ScoreQuestion | EncodeUserQuestion, who: Asked, vector: Vectors | None
) -> Answer:
    if vector is None:
        raise DataError(who.why_unreadable)
    if isinstance(question, EncodeUserQuestion):
        return Encoded("user", who.resolved, *_numbers(vector), ignored=who.ignored)
    rows = who.find(catalogue, question.items, "item")
    own = rows < catalogue.size
    if not catalogue.listed[rows[own]].all():
        silent = question.items[int(np.flatnonzero(own)[np.flatnonzero(~catalogue.listed[rows[own]])[0]])]
        raise CapabilityError(f"item {str(silent)[:80]!r} has no score: it was deleted, or the model cannot score it")
    scores = np.empty(len(rows), np.float32)
    if own.any():
        scores[own] = inner_products(vector, catalogue.vectors[rows[own]])[0]
    if not own.all():
        assert who.extra_vectors is not None
        scores[~own] = inner_products(vector, who.extra_vectors)[0][rows[~own] - catalogue.size]
    paths: list[ItemPath] = ["known" if row < catalogue.size and catalogue.known[row] >= 0 else "content" for row in rows]
    return Scores(who.resolved, who.ignored, list(question.items), scores.tolist(), paths)


def _listed(catalogue: LiveCatalogue, wanted: Wanted, rows: Rows, scores: NDArray[np.float32]) -> Recommendations:
    size, who = catalogue.size, wanted.who
    if who is None or who.extra is None or (rows < size).all():
        keys, titles = catalogue.keys(rows.tolist()), catalogue.titles(rows.tolist())
        paths = catalogue.paths(rows)
    else:
        extra = who.extra
        assert extra.content is not None
        keys = [catalogue.lineage.ids[row] if row < size else extra.ids.key(row - size) for row in rows.tolist()]
        titles = [catalogue.lineage.titles[row] if row < size else extra.content.title(row - size) for row in rows.tolist()]
        paths = ["known" if row < size and catalogue.known[row] >= 0 else "content" for row in rows.tolist()]
    if wanted.resolved == "fallback":
        paths = ["popularity"] * len(keys)
    return Recommendations(keys, scores.tolist(), titles, paths, wanted.resolved, wanted.ignored)


def _numbers(vector: Vectors) -> tuple[list[float], list[int] | None, list[float] | None]:
    if isinstance(vector, JoinedVectors):
        return vector.dense[0].tolist(), vector.sparse.indices.tolist(), vector.sparse.data.tolist()
    if issparse(vector):
        return [], vector.indices.tolist(), vector.data.tolist()
    return np.asarray(vector)[0].tolist(), None, None


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise UsageError(f"k must be a whole number of at least 1, got {k!r}")
