"""Answers to a batch of different questions over one view of a catalogue: one product for all of them.

The library, the command line, the server and its page all ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from scipy.sparse import issparse

from ..errors import CapabilityError, DataError, DualNetError, UsageError, shown
from ..ids import Key, Rows
from ..rules.rules import as_rules
from .askers import Asked, bring, resolve
from .catalogue import Brought, Catalogue, ScoredUsers
from .exploring import check_exploration, explored, with_pools
from .filters import Filters
from .pages import page_token, shown_before
from .questions import (
    Answer,
    Encoded,
    EncodeItemQuestion,
    EncodeUserQuestion,
    ListQuestion,
    NewItem,
    Question,
    RecommendQuestion,
    ScoreQuestion,
    Scores,
    SimilarQuestion,
    UsersQuestion,
)
from .recommendations import ItemPath, Recommendations
from .ruled import Binder, BoundRules
from .selection import Found, Wanted, best_rows
from .topk import inner_products
from .unknown_ids import OTHERS, check_id, check_list, check_unknown, find_known
from .vectors import JoinedVectors, Vectors, largest, stack_vectors, subtract

NAMELESS = "content of a question"
REMEDY = "; leave such ids out with unknown='ignore'"
NOT_FINITE = "the model has no finite vector for this history; its weights are damaged"

C = TypeVar("C", bound=Catalogue)
C_contra = TypeVar("C_contra", bound=Catalogue, contravariant=True)


class StoredUsers(Protocol[C_contra]):
    """The users with a stored history, as `users_for_item` asks for them."""

    def scores(self, catalogue: C_contra, item: Vectors, row: int | None) -> ScoredUsers:
        """Return the scores of an item, shape (1, width), and who has read it, if it has a row."""


@dataclass(frozen=True, eq=False)
class Answering(Generic[C]):
    """The answers to batches of questions to one model; it keeps nothing but what belongs to the model.

    Parameters
    ----------
    filters : Filters
        Of the model's own columns.
    users : StoredUsers
    """

    filters: Filters
    users: StoredUsers[C]

    def __call__(self, catalogue: C, questions: Sequence[Question]) -> list[Answer | Exception]:
        """Return one answer or one exception for each question.

        A question that fails, whatever the reason, fails alone.
        """
        asked, pools = with_pools(questions)
        if pools:
            return explored(questions, self._apart(catalogue, asked), pools)
        return self._apart(catalogue, questions)

    def _apart(self, catalogue: C, questions: Sequence[Question]) -> list[Answer | Exception]:
        try:
            return self._together(catalogue, questions)
        except Exception as error:
            if len(questions) == 1:
                return [error]
            return [self._apart(catalogue, [question])[0] for question in questions]

    def _together(self, catalogue: C, questions: Sequence[Question]) -> list[Answer | Exception]:
        answers: list[Answer | Exception | None] = [None] * len(questions)
        asked: dict[int, Asked] = {}
        pending: list[tuple[int, Wanted]] = []
        brought: dict[int, Brought] = {}  # the same new items of several questions are encoded once
        for place, question in enumerate(questions):
            try:
                if isinstance(question, RecommendQuestion | ScoreQuestion | EncodeUserQuestion):
                    new = question.new_items
                    if len(new) and id(new) not in brought:
                        brought[id(new)] = bring(catalogue, question)
                    asked[place] = resolve(catalogue, question, brought.get(id(new)))
                    if isinstance(question, RecommendQuestion):
                        pending.append((place, self._wanted(catalogue, question, asked[place])))
                elif isinstance(question, SimilarQuestion):
                    pending.append((place, self._wanted_similar(catalogue, question)))
                elif isinstance(question, EncodeItemQuestion):
                    answers[place] = _encoded_item(catalogue, question)
                elif isinstance(question, UsersQuestion):
                    answers[place] = self._users_for(catalogue, question)
            except (DualNetError, ValueError) as error:
                answers[place] = error
        asked = {place: found for place, found in asked.items() if answers[place] is None}
        vectors = _encode(catalogue, asked, answers)
        for place in [place for place in asked if answers[place] is None]:
            question = questions[place]
            if isinstance(question, ScoreQuestion | EncodeUserQuestion):
                try:
                    answers[place] = _scored_or_encoded(catalogue, question, asked[place], vectors.of(place))
                except (DualNetError, ValueError) as error:
                    answers[place] = error
        pending = [(place, wanted) for place, wanted in pending if answers[place] is None]
        found = best_rows(catalogue, [wanted for _, wanted in pending], _queries(catalogue, pending, vectors))
        for (place, _), answer in zip(pending, _listed(catalogue, [wanted for _, wanted in pending], found), strict=True):
            answers[place] = answer
        return [answer if answer is not None else UsageError("there is no such question") for answer in answers]

    def _wanted(self, catalogue: C, question: RecommendQuestion, who: Asked) -> Wanted:
        if not who.readable and question.fallback == "error":
            raise DataError(who.why_unreadable)
        check_exploration(question)
        share = question.popularity
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise UsageError(f"popularity must be a number from 0 to 1, got {share!r}")
        away = who.rows[:0] if question.keep_seen else who.barred
        ignored = list(who.ignored)
        resolved = who.resolved if who.readable else "fallback"
        wanted = self._listing(catalogue, question, Wanted(question.k, away, None, resolved, ignored, who=who))
        return replace(wanted, popularity=float(share) if who.readable else 1.0)

    def _wanted_similar(self, catalogue: C, question: SimilarQuestion) -> Wanted:
        row, _ = _item_vector(catalogue, question.item, None)
        assert row is not None
        return self._listing(catalogue, question, Wanted(question.k, np.array([row]), None, "item", [], similar_to=row))

    def _listing(self, catalogue: C, question: ListQuestion, wanted: Wanted) -> Wanted:
        """Return what is wanted with what may be on the list, and the rules that choose.

        `wanted.ignored` gets the ids that are not in the catalogue.
        """
        who, away, ignored = wanted.who, wanted.away, wanted.ignored
        check_k(question.k)
        _check_kinds(question)
        check_unknown(question.unknown)
        check_list(question.exclude, "exclude")
        if question.candidates is not None:
            check_list(question.candidates, "candidates")

        def rows_of(keys: Sequence[Key], what: str) -> Rows:
            find = partial(catalogue.rows, what=what) if who is None else partial(who.find, catalogue, what=what)
            return find_known(find, keys, question.unknown or OTHERS, ignored, REMEDY)

        size, extra = catalogue.size, None if who is None else who.extra
        if len(question.exclude):
            away = np.union1d(away, rows_of(question.exclude, "excluded item"))
        parts = []
        if question.candidates is not None:
            parts.append(np.unique(rows_of(question.candidates, "candidate item")))
        if question.filter:
            later, brought = catalogue.later_contents(), [] if extra is None else extra.contents()
            parts.append(np.flatnonzero(self.filters.mask(size - len(later), question.filter, [*later, *brought])))
        if question.only is not None:
            new = np.concatenate([catalogue.known < 0, np.ones(0 if extra is None else len(extra), bool)])
            parts.append(np.flatnonzero(new == (question.only == "new")))
        only = None
        if parts:
            only = reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), parts)
            own = only[only < size]
            only = np.concatenate([own[catalogue.listed[own]], only[only >= size]])
        wanted = replace(wanted, away=away, only=only, new_share=question.new_share)
        if question.preset is not None:
            raise UsageError(
                f"only a server keeps presets, such as {shown(question.preset)}; give the rules themselves as rules="
            )
        if question.rules is None and question.page is None:
            return wanted
        return self._ruled(catalogue, question, wanted, rows_of)

    def _ruled(
        self, catalogue: C, question: ListQuestion, wanted: Wanted, rows_of: Callable[[Sequence[Key], str], Rows]
    ) -> Wanted:
        """Return what is wanted with what rules hide and earlier pages showed left out, and the rules that choose."""
        before: list[Key] | None = None
        away = wanted.away
        extra = None if wanted.who is None else wanted.who.extra
        if question.page is not None:
            before = shown_before(question.page)
            find = (
                partial(catalogue.rows, what="item") if wanted.who is None else partial(wanted.who.find, catalogue, what="item")
            )
            away = np.union1d(away, find_known(find, before, "ignore", []))
        rules = as_rules(question.rules)
        bound: BoundRules | None = None
        if rules is not None:
            binder = Binder(self.filters, catalogue, extra, rows_of)
            away = np.union1d(away, binder.hidden(rules))
            bound = binder.bind(rules, question.k, len(before or ())) if rules.selects else None
        return replace(wanted, away=away, rules=bound, shown=before)

    def _users_for(self, catalogue: C, question: UsersQuestion) -> Recommendations:
        check_k(question.k)
        check_list(question.exclude, "exclude")
        check_unknown(question.unknown)
        if question.candidates is not None:
            check_list(question.candidates, "candidates")
        row, vector = _item_vector(catalogue, question.item, question.content)
        found = self.users.scores(catalogue, vector, row)
        ignored: list[Key] = []
        policy = question.unknown or OTHERS
        allowed = np.ones(len(found.scores), bool)
        if question.candidates is not None:
            allowed[:] = False
            allowed[find_known(found.find, question.candidates, policy, ignored, REMEDY)] = True
        allowed[find_known(found.find, question.exclude, policy, ignored, REMEDY)] = False
        if not question.keep_seen:
            allowed[found.readers] = False
        places = np.flatnonzero(allowed)
        places = places[np.argsort(-found.scores[places], kind="stable")[: question.k]]
        keys = found.keys(places)
        titles = [str(key) for key in keys]
        return Recommendations(keys, found.scores[places].tolist(), titles, ["known"] * len(keys), "item", ignored, "user")


@dataclass(frozen=True, eq=False)
class UserVectors:
    """Vectors of the users of a batch: most from one encoding, those with items of their own one by one."""

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


def check_k(k: int) -> None:
    """Refuse a length of a list that is not a whole number of at least 1; raises `UsageError`."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise UsageError(f"k must be a whole number of at least 1, got {k!r}")


def _check_kinds(question: ListQuestion) -> None:
    """Refuse a kind of items that does not exist, and a share that is none."""
    share = question.new_share
    if question.only not in (None, "known", "new"):
        raise UsageError(f"only must be 'known' or 'new', got {question.only!r}")
    if share is None:
        return
    if question.only is not None:
        raise UsageError("only and new_share say how many new items are listed; give one of them")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise UsageError(f"new_share must be a number from 0 to 1, got {share!r}")


def _encode(catalogue: Catalogue, asked: dict[int, Asked], answers: list[Answer | Exception | None]) -> UserVectors:
    """Return the vector of each asker that the model answers for; those with items of their own are encoded alone."""
    plain = [place for place, who in asked.items() if who.readable and who.extra is None]
    who_asks = [asked[place] for place in plain]
    columns, weights = [who.columns for who in who_asks], [who.weights for who in who_asks]
    found = UserVectors(
        plain, catalogue.encode_histories([who.rows for who in who_asks], None, columns, weights) if plain else None, {}
    )
    for place, who in asked.items():
        if who.readable and who.extra is not None:
            try:
                found.alone[place] = catalogue.encode_histories([who.rows], who.extra, [who.columns], [who.weights])
                if not np.isfinite(largest(found.alone[place])):
                    answers[place] = DataError(NOT_FINITE)
            except (DualNetError, ValueError) as error:
                answers[place] = error
    if plain and not np.isfinite(largest(found.together)):
        if len(plain) > 1:  # some of them: find out which
            raise FloatingPointError
        answers[plain[0]] = DataError(NOT_FINITE)
    return found


def _queries(catalogue: Catalogue, pending: list[tuple[int, Wanted]], vectors: UserVectors) -> Vectors | None:
    """Return the vectors to rank with, in the order of the lists that popularity does not answer."""
    asking = [(place, wanted) for place, wanted in pending if wanted.resolved != "fallback"]
    if [place for place, _ in asking] == vectors.places:
        found = vectors.together
    else:
        found = stack_vectors(
            *(
                vectors.of(place) if wanted.similar_to is None else catalogue.similar_query(wanted.similar_to)
                for place, wanted in asking
            )
        )
    less = np.array([1 - wanted.popularity for _, wanted in asking], np.float32)
    return subtract(found, less, catalogue.average) if less.any() else found


def _item_vector(catalogue: Catalogue, item: Key | None, content: Any) -> tuple[int | None, Vectors]:
    """Return the row (if it has one) and the vector of an item, or of content."""
    if (item is None) == (content is None):
        raise UsageError("give either an item or content")
    if item is None:
        vector = catalogue.bring([NewItem(-1 if catalogue.integer_ids else NAMELESS, content)]).vectors
        return None, vector
    check_id(item, "item")
    row = int(catalogue.rows([item])[0])
    if catalogue.deleted(row):
        raise DataError(f"item {str(item)[:80]!r} was deleted")
    if not catalogue.listed[row]:
        raise CapabilityError(f"model '{catalogue.name}' cannot score item {item!r}, which it did not see in training")
    return row, catalogue.vectors[row : row + 1]


def _encoded_item(catalogue: Catalogue, question: EncodeItemQuestion) -> Encoded:
    row, vector = _item_vector(catalogue, question.item, question.content)
    how = "content" if row is None or catalogue.known[row] < 0 else "known"
    return Encoded("item", how, *_numbers(vector))


def _scored_or_encoded(
    catalogue: Catalogue, question: ScoreQuestion | EncodeUserQuestion, who: Asked, vector: Vectors | None
) -> Answer:
    if vector is None:
        raise DataError(who.why_unreadable)
    if isinstance(question, EncodeUserQuestion):
        return Encoded("user", who.resolved, *_numbers(vector), ignored=who.ignored)
    check_list(question.items, "items")
    rows = who.find(catalogue, question.items, "item")
    own = rows < catalogue.size
    silent = np.flatnonzero(own)[~catalogue.listed[rows[own]]]
    if len(silent):
        key = str(question.items[int(silent[0])])[:80]
        if catalogue.deleted(int(rows[silent[0]])):
            raise CapabilityError(f"item {key!r} has no score: it was deleted")
        raise CapabilityError(f"model '{catalogue.name}' cannot score item {key!r}, which it did not see in training")
    scores = np.empty(len(rows), np.float32)
    if own.any():
        scores[own] = inner_products(vector, catalogue.vectors[rows[own]])[0]
    if who.extra is not None and not own.all():
        scores[~own] = inner_products(vector, who.extra.vectors)[0][rows[~own] - catalogue.size]
    return Scores(who.resolved, who.ignored, list(question.items), scores.tolist(), _paths(catalogue, rows))


def _listed(catalogue: Catalogue, wanted: Sequence[Wanted], found: Sequence[Found]) -> list[Recommendations]:
    """Return lists with ids and titles; those are looked up once for each item of the catalogue in any list."""
    size = catalogue.size
    distinct = np.unique(np.concatenate([one.rows for one in found])) if found else np.empty(0, np.int64)
    distinct = distinct[: np.searchsorted(distinct, size)]
    keys, titles = catalogue.keys(distinct.tolist()), catalogue.titles(distinct.tolist())
    paths = _paths(catalogue, distinct)
    lists = []
    for want, one in zip(wanted, found, strict=True):
        rows, scores = one.rows, one.scores
        places = np.searchsorted(distinct, rows).tolist()
        extra = None if want.who is None else want.who.extra
        its_keys: list[Key]
        its_paths: list[ItemPath]
        if extra is None:
            its_keys, its_titles = [keys[at] for at in places], [titles[at] for at in places]
            its_paths = [paths[at] for at in places]
        else:
            both = list(zip(places, (rows - size).tolist(), strict=True))  # place among the distinct, row of what was brought
            its_keys = [keys[at] if row < 0 else extra.ids.key(row) for at, row in both]
            its_titles = [titles[at] if row < 0 else extra.titles[row] for at, row in both]
            its_paths = [paths[at] if row < 0 else "content" for at, row in both]
        if want.resolved == "fallback":
            its_paths = ["popularity" for _ in its_paths]
        goes_on = bool(its_keys) and (one.left_out or (one.ruled is None and len(its_keys) == want.k))
        following = page_token([*want.shown, *its_keys]) if want.shown is not None and goes_on else None
        lists.append(
            Recommendations(
                its_keys, scores.tolist(), its_titles, its_paths, want.resolved, want.ignored, popularity=want.popularity,
                ruled=one.ruled, next_page=following, paged=want.shown is not None,
            )
        )  # fmt: skip
    return lists


def _paths(catalogue: Catalogue, rows: Rows) -> list[ItemPath]:
    """Return how some rows are encoded: ``known`` or ``content``."""
    known = np.zeros(len(rows), bool)
    own = rows < catalogue.size
    known[own] = catalogue.known[rows[own]] >= 0
    return ["known" if one else "content" for one in known.tolist()]


def _numbers(vector: Vectors) -> tuple[list[float], list[int] | None, list[float] | None]:
    if isinstance(vector, JoinedVectors):
        return vector.dense[0].tolist(), vector.sparse.indices.tolist(), vector.sparse.data.tolist()
    if issparse(vector):
        return [], vector.indices.tolist(), vector.data.tolist()
    return np.asarray(vector)[0].tolist(), None, None
