"""Questions to a model in memory: one, several together, or many in batches that fit a budget of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any, Literal, TypeAlias, TypedDict, cast

import numpy as np
from threadpoolctl import threadpool_limits

from ..data.content import Content
from ..data.kinds import comparable
from ..errors import UsageError, listing, warn
from ..ids import Key
from ..retrieval.answering import Answering
from ..retrieval.filters import Filters
from ..retrieval.questions import Answer, Filter, ItemKind, Question, RecommendQuestion, SimilarQuestion, UsersQuestion
from ..retrieval.recommendations import Recommendations
from ..retrieval.topk import WORKERS, block_rows, cores
from ..retrieval.unknown_ids import Unknown, check_list
from ..rules.rules import Rules
from .catalogue import ModelCatalogue, TrainedUsers, catalogue_of, kept_vectors
from .core import Core
from .question_content import as_content

MOST_TOGETHER = 512  # questions of one batch


class Asks(Core):
    """The questions of a model to its catalogue."""

    def _question(self, wanted: Listed) -> RecommendQuestion:
        """Return a question for nobody yet."""
        given: dict[str, Any] = dict(wanted)
        fresh = given.pop("new_items", None)
        return RecommendQuestion(
            new_items=() if fresh is None else as_content(fresh, self), keep_seen=not given.pop("filter_seen", True), **given
        )

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
        return Answering(Filters(None if content is None else content.table, align=comparable), TrainedUsers())

    def _batches(self, questions: Iterator[Question] | Sequence[Question], block: int | None = None) -> Iterator[list[Answer]]:
        """Yield the answers to many questions, so many at a time that their scores fit a budget of memory."""
        step = block_rows(len(self.catalogue_), block) if block else users_together(len(self.catalogue_))
        workers = min(WORKERS, cores())
        kept_vectors(self).of(self, self.catalogue_)  # once, before several threads ask for it
        left, many = iter(questions), _PART_OF_MANY.get()
        with ThreadPoolExecutor(workers) as pool:
            while group := [part for _ in range(workers) if (part := list(islice(left, step)))]:
                # each worker multiplies and searches a part of its own; one product on all cores would leave the search to one.
                # Rounding depends on the threads of a product: with many questions all have as many, also the last ones
                many = many or len(group) > 1
                with threadpool_limits(limits=max(cores() // workers, 1) if many else cores(), user_api="blas"):
                    yield from pool.map(self._ask, group)


_PART_OF_MANY: ContextVar[bool] = ContextVar("part of many", default=False)


@contextmanager
def part_of_many(many: bool) -> Iterator[None]:  # it is all that is told
    """Answer some users as if they were asked for together with more than are answered at a time, to the last bit.

    Parameters
    ----------
    many : bool
        Whether there are more users in all than `users_together`.
    """
    token = _PART_OF_MANY.set(many)
    try:
        yield
    finally:
        _PART_OF_MANY.reset(token)


def users_together(n_items: int) -> int:
    """Return how many users are answered together where many ask, for a catalogue of a size: those of one `_ask`."""
    return min(block_rows(n_items), MOST_TOGETHER)


def check_block(block: object) -> None:
    """Refuse a number of users at a time that is not a whole number of at least 1, or None; raises `UsageError`."""
    if block is not None and (isinstance(block, bool) or not isinstance(block, int | np.integer) or block < 1):
        raise UsageError(f"block must be a whole number of at least 1, or None, got {block!r}")


def askers_of(
    users: Sequence[Key] | None,
    histories: Sequence[Sequence[Key]] | None,
    *,
    page: str | None = None,
    times: Sequence[int] | None = None,
) -> list[tuple[Key | None, Sequence[Key] | None]]:
    """Return user and history of each of several who ask.

    Raises
    ------
    UsageError
        If one of them is no list, or there is what only one user or history can have: a page, or times.
    """
    if page is not None:
        raise UsageError("page goes on with the list of one user or history; ask for each of several by itself")
    if times is not None:
        raise UsageError("times= is for one history; ask for several histories one by one")
    if users is not None:
        check_list(users, "users")
        return [(key, None) for key in users]
    if isinstance(histories, str | bytes | Mapping) or not isinstance(histories, Iterable):
        raise UsageError(f"histories must be a list of lists of ids, got {str(histories)[:80]!r}")
    return [(None, taken) for taken in histories]


Fallback = Literal["popularity", "error"]
ListedQuestion: TypeAlias = RecommendQuestion | SimilarQuestion | UsersQuestion


class Others(TypedDict, total=False):
    """Options of a list besides `exclude` and `candidates`; see `Answers.recommend`."""

    seen: Sequence[Key]
    k: int
    filter: Filter | None
    only: ItemKind | None
    new_share: float | None
    popularity: float
    filter_seen: bool
    new_items: Content | Any | None
    fallback: Fallback
    unknown: Unknown | None
    rules: Rules | Mapping[str, Any] | None
    explore: float
    draw: str | int | None


class Listed(Others, total=False):
    """Options of the length and the content of a list; see `Answers.recommend`."""

    exclude: Sequence[Key]
    candidates: Sequence[Key] | None


class Wanted(Listed, total=False):
    """Options of a list, columns of its users, and which page; see `Answers.recommend`."""

    user_columns: Any
    page: str | None
    times: Sequence[int] | None


def warn_if_shorter(lists: Sequence[Recommendations], k: int) -> None:
    """Say that a list has fewer entries than were asked for."""
    shortest = min((len(found) for found in lists), default=k)
    if shortest < k:
        warn(f"k={k:,} is more than the {shortest:,} that may be listed; the list is shorter")


def say_what_was_not_as_asked(question: ListedQuestion, lists: Sequence[Recommendations]) -> None:
    """Warn of ids that were left out, of rules that could not be met, and of lists that are shorter than asked."""
    warn_of_unknown(question, lists)
    unmet = dict.fromkeys(told for found in lists for told in found.unmet)
    if unmet:
        warn("; ".join(list(unmet)[:3]) + (f"; and {len(unmet) - 3:,} more" if len(unmet) > 3 else ""))
    if getattr(question, "page", None) is None:  # the last page is shorter as a rule
        warn_if_shorter([found for found in lists if not found.unmet], question.k)


def warn_of_unknown(question: ListedQuestion, lists: Sequence[Recommendations]) -> None:
    """Say which ids of a question are not in the catalogue and were left out, where nobody said what to do with such.

    Parameters
    ----------
    question : RecommendQuestion, SimilarQuestion or UsersQuestion
        What was asked, of all lists alike.
    lists : sequence of Recommendations
        What came back; the first one tells for all.
    """
    if question.unknown is not None or not lists or not lists[0].ignored:
        return
    left_out = set(lists[0].ignored)
    for name in ("exclude", "candidates", "seen"):
        missing = [key for key in dict.fromkeys(getattr(question, name, None) or ()) if key in left_out]
        if missing:
            are = (
                "1 id that is not known, which was"
                if len(missing) == 1
                else f"{len(missing):,} ids that are not known, which were"
            )
            warn(
                f"{name} has {are} left out: {listing(missing)}; unknown='error' refuses such ids, unknown='ignore' says nothing"
            )
