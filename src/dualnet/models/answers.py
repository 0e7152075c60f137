"""The questions a fitted model answers: recommend, similar items, users for an item, new items, score.

How they are answered is in `retrieval.answering`; here they are asked of a model in memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, Unpack, cast, overload

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..data.content import Content
from ..data.space import ItemSpace
from ..errors import CapabilityError, DataError, DualNetWarning, UsageError, listing
from ..ids import Key
from ..retrieval.answering import Answering, check_k
from ..retrieval.filters import Filters
from ..retrieval.questions import Answer, Question, RecommendQuestion, ScoreQuestion, Scores, SimilarQuestion, UsersQuestion
from ..retrieval.recommendations import RecommendationLists, Recommendations
from ..retrieval.topk import WORKERS, block_rows, cores
from ..retrieval.vectors import stack_vectors
from .catalogue import ModelCatalogue, TrainedUsers, as_content, cannot_score_new, catalogue_of, kept_vectors
from .core import Core

Fallback = Literal["popularity", "error"]

MOST_TOGETHER = 512  # questions of one batch


class Wanted(TypedDict, total=False):
    """What may be said of a list besides for whom it is; see `Answers.recommend`."""

    k: int
    exclude: Sequence[Key]
    candidates: Sequence[Key] | None
    filter_seen: bool
    new_items: Content | Any | None
    fallback: Fallback


class Answers(Core):
    """Everything that follows from two encoders and a catalogue; written once for every model."""

    @overload
    def recommend(
        self, user: Key | None = None, *, history: Sequence[Key] | None = None, **wanted: Unpack[Wanted]
    ) -> Recommendations: ...

    @overload
    def recommend(self, *, users: Sequence[Key], **wanted: Unpack[Wanted]) -> RecommendationLists: ...

    @overload
    def recommend(self, *, histories: Sequence[Sequence[Key]], **wanted: Unpack[Wanted]) -> RecommendationLists: ...

    def recommend(
        self,
        user: Key | None = None,
        *,
        history: Sequence[Key] | None = None,
        users: Sequence[Key] | None = None,
        histories: Sequence[Sequence[Key]] | None = None,
        k: int = 10,
        exclude: Sequence[Key] = (),
        candidates: Sequence[Key] | None = None,
        filter_seen: bool = True,
        new_items: Content | Any | None = None,
        fallback: Fallback = "popularity",
    ) -> Recommendations | RecommendationLists:
        """Return the best items for someone known or never seen, or for many at once.

        Parameters
        ----------
        user : str or int, optional
            A user seen in training: short for that user's stored history.
        history : sequence of str or int, optional
            What someone did, instead of `user`; items of the catalogue or of `new_items`.
        users : sequence of str or int, optional
            Several users seen in training, answered together, which is faster than one by one.
        histories : sequence of sequence of str or int, optional
            Several histories, answered together.
        k : int
            Length of the list; clipped with a warning to what may be listed.
        exclude : sequence of str or int
            Items not to list.
        candidates : sequence of str or int, optional
            List only these.
        filter_seen : bool
            Do not list items of the history, nor what the user saw or disliked.
        new_items : Content or data frame, optional
            Items for this question only, as for `add_items`; they can be recommended and can be part of the history.
        fallback : {"popularity", "error"}
            What to do when nothing is known of the user.

        Returns
        -------
        Recommendations
            For `user` or `history`.
        RecommendationLists
            For `users` or `histories`: one list each, in their order, and all of them as one table.

        Raises
        ------
        UnknownIdError
            For a user or item that is not known; the text names it.
        UsageError
            For none or more than one of `user`, `history`, `users` and `histories`, or k below 1.
        DataError
            For an empty history under ``fallback="error"``.
        """
        self._require_fitted()
        check_k(k)
        check_one_asker(user, history, users, histories)
        fresh: Any = () if new_items is None else as_content(new_items, self)

        def question(user: Key | None, history: Sequence[Key] | None) -> Question:
            return RecommendQuestion(
                user=user, history=history, new_items=fresh, k=k, exclude=exclude, candidates=candidates,
                keep_seen=not filter_seen, fallback=fallback,
            )  # fmt: skip

        if users is None and histories is None:
            found = cast(Recommendations, self._ask([question(user, history)])[0])
            _warn_if_shorter([found], k)
            return found
        if isinstance(users, str) or isinstance(histories, str):
            raise UsageError("users and histories must be lists, got a text")
        questions = [question(key, None) for key in users or ()] + [question(None, taken) for taken in histories or ()]
        lists = [cast(Recommendations, answer) for part in self._batches(questions) for answer in part]
        _warn_if_shorter(lists, k)
        return RecommendationLists(list(range(len(lists))) if users is None else list(users), lists)

    def recommend_all(
        self, path: str | Path | None = None, *, k: int = 10, filter_seen: bool = True, block: int | None = None
    ) -> int | list[dict[str, Any]]:
        """Recommend for every user seen in training, streamed.

        Parameters
        ----------
        path : str or Path, optional
            Parquet file to write (columns user, rank, item, score), in bounded memory, whole or not at all. Without it a
            list of row dictionaries is returned.
        k : int
            Length of each list.
        filter_seen : bool
            Do not list items of the stored history, nor what the user saw or disliked.
        block : int, optional
            Users at a time.

        Returns
        -------
        int or list of dict
            Rows written, or the rows.

        Raises
        ------
        ResourceError
            If the file cannot be written.
        """
        from ..data.write_table import write_tables

        self._require_fitted()
        check_k(k)
        questions = (RecommendQuestion(user=user, k=k, keep_seen=not filter_seen) for user in self.users_)
        parts = self._batches(questions, block)
        users = iter(self.users_)
        tables = (
            RecommendationLists([next(users) for _ in part], cast("list[Recommendations]", part)).to_arrow().select(
                ["user", "rank", "item", "score"]
            )
            for part in parts
        )  # fmt: skip
        return [row for table in tables for row in table.to_pylist()] if path is None else write_tables(tables, Path(path))

    def similar_items(self, item: Key, *, k: int = 10) -> Recommendations:
        """Return the items nearest to one item of the catalogue by cosine of their vectors.

        Parameters
        ----------
        item : str or int
            An item of the catalogue.
        k : int
            Length of the list.

        Raises
        ------
        UnknownIdError
            If the item is not in the catalogue.
        CapabilityError
            If the model has no vector for it.
        """
        found = cast(Recommendations, self._ask([SimilarQuestion(item=item, k=k)])[0])
        _warn_if_shorter([found], k)
        return found

    def recommend_users(self, item: Key, *, k: int = 10, filter_seen: bool = True) -> Recommendations:
        """Return the users seen in training who would want an item of the catalogue most, known or new.

        Parameters
        ----------
        item : str or int
            An item of the catalogue.
        k : int
            Length of the list.
        filter_seen : bool
            Leave out users whose history holds the item, and those who saw or disliked it.
        """
        found = cast(Recommendations, self._ask([UsersQuestion(item=item, k=k, keep_seen=not filter_seen)])[0])
        _warn_if_shorter([found], k)
        return found

    def score(
        self, items: Sequence[Key], *, user: Key | None = None, history: Sequence[Key] | None = None
    ) -> NDArray[np.float32]:
        """Return the score of each given item for one user or history; shape (len(items),).

        Parameters
        ----------
        items : sequence of str or int
            Items of the catalogue.
        user, history
            As in `recommend`.

        Raises
        ------
        DataError
            If nothing is known of the user.
        """
        check_one_asker(user, history)
        found = cast(Scores, self._ask([ScoreQuestion(user=user, history=history, items=list(items))])[0])
        return np.array(found.scores, np.float32)

    def add_items(self, content: Content | Any) -> Self:
        """Put new items into the catalogue from their content: recommendable at once, without training.

        Parameters
        ----------
        content : Content or data frame
            New rows with the columns the model was fitted with; a data frame (pandas, Polars, Arrow) has the id column
            ``item_id``.

        Returns
        -------
        Recommender
            The model itself.

        Raises
        ------
        CapabilityError
            If the model cannot score new items.
        DataError
            If an id is already in the catalogue, or a column is missing.
        """
        self._require_fitted()
        before = self.catalogue_
        content = as_content(content, self)
        if not self.capabilities.new_items or self.featurizer_ is None:
            raise CapabilityError(cannot_score_new(self))
        present = [key for key in content.ids if key in before.ids]
        if present:
            raise DataError(f"item {listing(present)} is already in the catalogue; give a new item a new id")
        fresh = stack_vectors(before.features, self.featurizer_.transform(content))
        known = np.concatenate([before.known, np.full(len(content), -1)])
        raw = None if before.content is None else before.content.append(content)
        self.catalogue_ = ItemSpace(before.ids.extend(content.ids), known, fresh, raw)
        kept_vectors(self).extend(self, before)
        return self

    def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the answers to some questions together; the first that fails raises its error."""
        self._require_fitted()
        answers = self._answering()(catalogue_of(self), questions)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return cast("list[Answer]", answers)

    def _answering(self) -> Answering[ModelCatalogue]:
        content = self.catalogue_.content
        return Answering(Filters(None if content is None else content.table), TrainedUsers())

    def _batches(self, questions: Iterator[Question] | Sequence[Question], block: int | None = None) -> Iterator[list[Answer]]:
        """Yield the answers to many questions, so many at a time that their scores fit a budget of memory."""
        step = block_rows(len(self.catalogue_), block) if block else min(block_rows(len(self.catalogue_)), MOST_TOGETHER)
        workers = min(WORKERS, cores())
        kept_vectors(self).of(self)  # once, before several threads ask for it
        left = iter(questions)
        with ThreadPoolExecutor(workers) as pool:
            while group := [part for _ in range(workers) if (part := list(islice(left, step)))]:
                # each worker multiplies and searches a part of its own; one product on all cores would leave the search to one
                with threadpool_limits(limits=max(cores() // len(group), 1), user_api="blas"):
                    yield from pool.map(self._ask, group)


def check_one_asker(*given: object) -> None:
    """Refuse a question of nobody or of several, of whom all but one must be None; raises `UsageError`."""
    if sum(who is not None for who in given) != 1:
        several = "; users= or histories= for many" if len(given) > 2 else ""
        raise UsageError(f"give either user= (someone seen in training) or history= (what someone did){several}")


def _warn_if_shorter(lists: Sequence[Recommendations], k: int) -> None:
    """Say that a list has fewer entries than were asked for."""
    shortest = min((len(found) for found in lists), default=k)
    if shortest < k:
        warnings.warn(
            f"k={k:,} is more than the {shortest:,} that may be listed; the list is shorter", DualNetWarning, stacklevel=4
        )
