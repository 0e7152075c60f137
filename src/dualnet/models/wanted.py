"""What may be said of a list besides for whom it is, and what is said when it cannot be had as it was asked."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from ..data.content import Content
from ..errors import DualNetWarning, listing
from ..ids import Key
from ..retrieval.questions import Filter, ItemKind, RecommendQuestion, SimilarQuestion, UsersQuestion
from ..retrieval.recommendations import Recommendations
from ..retrieval.unknown_ids import Unknown

Fallback = Literal["popularity", "error"]
ListedQuestion: TypeAlias = RecommendQuestion | SimilarQuestion | UsersQuestion


class Others(TypedDict, total=False):
    """What may be said of lists besides `exclude` and `candidates`, whoever they are for; see `Answers.recommend`."""

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


class Listed(Others, total=False):
    """How long lists are and what may be on them, whoever they are for; see `Answers.recommend`."""

    exclude: Sequence[Key]
    candidates: Sequence[Key] | None


class Wanted(Listed, total=False):
    """The same, and columns of the users; see `Answers.recommend`."""

    user_columns: Any


def warn_if_shorter(lists: Sequence[Recommendations], k: int) -> None:
    """Say that a list has fewer entries than were asked for."""
    shortest = min((len(found) for found in lists), default=k)
    if shortest < k:
        warnings.warn(
            f"k={k:,} is more than the {shortest:,} that may be listed; the list is shorter", DualNetWarning, stacklevel=4
        )


def say_what_was_not_as_asked(question: ListedQuestion, lists: Sequence[Recommendations]) -> None:
    """Warn of ids that were left out, and of lists that are shorter than asked."""
    warn_of_unknown(question, lists)
    warn_if_shorter(lists, question.k)


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
            warnings.warn(
                f"{name} has {are} left out: {listing(missing)}; unknown='error' refuses such ids, unknown='ignore' says nothing",
                DualNetWarning,
                stacklevel=5,
            )
