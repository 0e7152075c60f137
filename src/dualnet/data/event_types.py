"""Event types (like, dislike, view) from the columns of an events table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, counted, nearest, warn
from .event_weights import DISLIKE, EVENT_TYPES, LIKE, SEEN, codes_of_weights, weights_by_type
from .interactions import Interactions
from .read_table import LoadedTable
from .table_values import column_of, numbers_of
from .values import UnfitError, label_of

Place = Callable[[int], str]  # names the file and the line of a row


def event_codes_of(
    loaded: LoadedTable,
    rating: str | None,
    threshold: float | None,
    event: str | None,
    unrated: float | None = None,
    likes: Sequence[str] = (),
    need_all: bool = True,
    weights: Mapping[str, float] | None = None,
) -> NDArray[np.uint8]:
    """Return what each event of a table is: by its type, by its rating, or a like.

    Parameters
    ----------
    loaded : LoadedTable
        Events.
    rating, threshold : str and float, optional
        Column of ratings; those from the threshold on are likes, those below are dislikes.
    event : str, optional
        Column of event types, instead.
    unrated : float, optional
        The rating of events that were not rated: they were seen.
    likes : sequence of str
        Values of the column of event types that are likes, such as ``buy``; all others were seen.
    need_all : bool
        Whether each of them must occur; a table of new events need not have all.
    weights : mapping, optional
        What each type of event weighs (`event_weights`), instead of `likes`.

    Returns
    -------
    ndarray of uint8, shape (n_events,)

    Raises
    ------
    UsageError
        If both are given.
    DataError
        For a value that cannot be used.
    """
    if unrated is not None and rating is None:
        raise UsageError(
            "unrated= says which rating means 'not rated', so it needs a rating column; give rating= and threshold="
        )
    if event is not None and rating is not None:
        raise UsageError("events are told apart by a rating or by a type, not by both; give rating= or event=")
    if likes and event is None:
        raise UsageError(
            "likes= says which types of events are likes, so it needs a column of types; give event= (--event-column)"
        )
    if event is not None and weights:
        return codes_of_weights(weights_by_type(column_of(loaded, event, "event"), weights, event, loaded.place))
    if event is not None and likes:
        return types_by_name(column_of(loaded, event, "event"), likes, event, loaded.name if need_all else None)
    if event is not None:
        return types_of(column_of(loaded, event, "event"), event, loaded.place)
    if rating is None or threshold is None:
        return np.full(loaded.table.num_rows, LIKE, np.uint8)
    ratings = numbers_of(loaded, rating, allow_missing=True)
    if unrated is not None:
        codes = types_of_ratings(ratings[ratings != unrated], threshold, loaded.name)
        return _filled(ratings, unrated, codes)
    return types_of_ratings(ratings, threshold, loaded.name)


def event_weights_in(
    loaded: LoadedTable, event: str | None, weights: Mapping[str, float], own: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Return what each event of a table weighs: its type times its own weight; None where nothing weighs anything.

    Parameters
    ----------
    loaded : LoadedTable
        Events.
    event : str, optional
        Column of event types.
    weights : mapping
        What each type weighs (`event_weights`); empty for none.
    own : ndarray of float64, shape (n_events,), optional
        From the column of weights.
    """
    if event is None or not weights:
        return own
    by_type = weights_by_type(column_of(loaded, event, "event"), weights, event, loaded.place)
    by_type = np.where(by_type > 0, by_type, 1.0)  # of others no weight is kept
    return by_type if own is None else by_type * own


def _filled(ratings: NDArray[np.float64], unrated: float, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the codes of all events: those that were not rated were seen."""
    every = np.full(len(ratings), SEEN, np.uint8)
    every[ratings != unrated] = codes
    return every


def types_of(values: Sequence[Any], column: str, place: Place) -> NDArray[np.uint8]:
    """Return the codes of a column of event types.

    Parameters
    ----------
    values : sequence
        ``like``, ``seen`` or ``dislike`` for each event.
    column : str
        Its name, for error texts.
    place : callable
        Says where a row stands.

    Raises
    ------
    DataError
        For a value that is no event type.
    """
    codes = np.empty(len(values), np.uint8)
    for row, value in enumerate(values):
        if not isinstance(value, str) or value not in EVENT_TYPES:
            hint = nearest(value, EVENT_TYPES) if isinstance(value, str) else ""
            raise DataError(
                f"{place(row)}: {value!r} in column '{column}' is no event type; an event is one of {', '.join(EVENT_TYPES)}:"
                f" rename the value, leave the row out, or say which values are likes with likes= (--likes).{hint if 'Did you mean' in hint else ''}"
            )
        codes[row] = EVENT_TYPES[value]
    return codes


def types_by_name(values: Sequence[Any], likes: Sequence[str], column: str, table: str | None) -> NDArray[np.uint8]:
    """Return the codes of a column whose own words for types are told: those of likes, all others were seen.

    Parameters
    ----------
    values : sequence
        Of each event, as the table has it: text, or numbers such as Tmall's.
    likes : sequence of str
        As text.
    column : str
        For the text of the error.
    table : str, optional
        Name of the table, where each of them must occur.

    Raises
    ------
    DataError
        If one of them never occurs and should.
    """
    wanted = {_word(name, {}): name for name in likes}
    known: dict[tuple[type, Any], str] = {}
    words = [_word(value, known) for value in values]
    there = set(words)
    for word, name in wanted.items() if table is not None else ():
        if word not in there:
            raise DataError(f"{table}: no event has {name!r} in column '{column}'.{nearest(word, sorted(filter(None, there)))}")
    return np.array([LIKE if word in wanted else SEEN for word in words], np.uint8)


def _word(value: Any, known: dict[tuple[type, Any], str]) -> str:
    """Return what an event is called, the same in every type of table: 1, 1.0 and "1" are one word, True and "true" another."""
    key = (type(value), value if isinstance(value, str | int | float) else None)
    if key[1] is None or key not in known:
        try:
            word = label_of(value) or ""
        except UnfitError:
            word = str(value)
        if key[1] is None:
            return word
        known[key] = word
    return known[key]


def types_of_ratings(ratings: NDArray[np.float64], threshold: float, table: str) -> NDArray[np.uint8]:
    """Return the codes of a column of ratings: those from the threshold on are likes, those below are dislikes.

    Parameters
    ----------
    ratings : ndarray of float64
        NaN where there is none: such an event was seen, and what the user thought of it is not known.
    threshold : float
        Ratings from here on are likes.
    table : str
        Name of the table, for the warning.

    Warns
    -----
    DualNetWarning
        If ratings are missing.
    """
    missing = np.isnan(ratings)
    if missing.any():
        warn(f"{table}: {int(missing.sum()):,} of {len(ratings):,} events have no rating; they count as seen, not as likes")
    codes = np.where(ratings >= threshold, LIKE, DISLIKE).astype(np.uint8)
    codes[missing] = SEEN
    return codes


def say_events(interactions: Interactions, threshold: float | None = None) -> str:
    """Return one sentence that counts likes and other events; the empty text where all events are likes.

    Parameters
    ----------
    interactions : Interactions
        What was read.
    threshold : float, optional
        Of the ratings, if the events have some.
    """
    others = interactions.others
    if others is None:
        return ""
    low = "" if threshold is None else f" (ratings below {threshold:g})"
    counts = [(others.n_disliked, "dislike", low), (others.n_seen, "view", "")]
    parts = [counted(count, f"{{{what}|{what}s}}{which}") for count, what, which in counts if count]
    return f"{counted(interactions.n_pairs, '{like|likes}')}; beside them {' and '.join(parts)}, never listed to the same user again"
