"""What may be said of a list besides for whom it is, and what is said when it cannot be had as it was asked."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, TypedDict

from ..data.content import Content
from ..errors import DualNetWarning, listing
from ..ids import Key
from ..retrieval.questions import Filter, ItemKind
from ..retrieval.recommendations import Recommendations
from ..retrieval.unknown_ids import Unknown

Fallback = Literal["popularity", "error"]


class Listed(TypedDict, total=False):
    """How long lists are and what may be on them, whoever they are for; see `Answers.recommend`."""

    seen: Sequence[Key]
    k: int
    exclude: Sequence[Key]
    candidates: Sequence[Key] | None
    filter: Filter | None
    only: ItemKind | None
    new_share: float | None
    popularity: float
    filter_seen: bool
    new_items: Content | Any | None
    fallback: Fallback
    unknown: Unknown | None


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


def warn_of_unknown(named: dict[str, Iterable[Key] | None], ignored: Collection[Key], unknown: Unknown | None) -> None:
    """Say which ids of a question are not in the catalogue and were left out, where nobody said what to do with such.

    Parameters
    ----------
    named : dict of str to iterable of str or int
        Ids of the question by the name of their argument.
    ignored : collection of str or int
        `Recommendations.ignored` of the answers.
    unknown : {"error", "ignore"}, optional
        What somebody said.
    """
    if unknown is not None or not ignored:
        return
    left_out = set(ignored)
    for name, keys in named.items():
        missing = [key for key in dict.fromkeys(keys or ()) if key in left_out]
        if missing:
            are = (
                "1 id that is not known, which was"
                if len(missing) == 1
                else f"{len(missing):,} ids that are not known, which were"
            )
            warnings.warn(
                f"{name} has {are} left out: {listing(missing)}; unknown='error' refuses such ids, unknown='ignore' says nothing",
                DualNetWarning,
                stacklevel=4,
            )
