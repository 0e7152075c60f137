"""Types and times of events: the meaning of a type to a model, and the note that is kept beside the plain event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ..data.event_weights import EVENT_TYPES, STANDARD, TAKES_BACK, code_of
from ..errors import DataError, UsageError, shown
from ..ids import Key

Note: TypeAlias = Mapping[str, Any]  # {"type": a type of the model's own, "time": seconds since 1970}, either or none of them
Notes: TypeAlias = Mapping[Key, Mapping[Key, Note]]  # by user and item
Told: TypeAlias = tuple[Key, Key, str, Note]  # user, item, like, seen, dislike or none, and a note

KINDS: Final = {code: name for name, code in EVENT_TYPES.items()}
NOTHING: Final[Note] = {}
LATEST: Final = 2**32  # seconds: larger numbers are milliseconds


def told_event(weights: Mapping[str, float], event: Sequence[Any], now: int | None = None) -> Told:
    """Return an event as it is kept.

    Parameters
    ----------
    weights : mapping
        Of the types that the model knows besides like, seen and dislike.
    event : (user, item), (user, item, type) or (user, item, type, time)
        A like where no type is given.
    now : int, optional
        Time of an event that says none; None where age makes no difference.

    Raises
    ------
    UsageError
        For a type that the model does not know.
    DataError
        For a time that is none.
    """
    user, item, *more = event
    name = more[0] if more and more[0] is not None else "like"
    note: dict[str, Any] = {}
    if name != TAKES_BACK and name not in {**STANDARD, **weights}:
        known = [*EVENT_TYPES, TAKES_BACK, *(own for own in weights if own not in STANDARD)]
        raise UsageError(
            f"event type {shown(name, 40)} is not one that this model was fitted with; it knows {', '.join(known)}"
            + ("" if weights else "; fit it with event_weights= (--event-weights) for types of your own")
        )
    kind = name if name == TAKES_BACK else KINDS[code_of(weights.get(name, STANDARD.get(name, 0.0)))]
    if name not in STANDARD and name != TAKES_BACK:
        note["type"] = name
    if len(more) > 1 and more[1] is not None:
        note["time"] = _time(more[1])
    elif now is not None and name != TAKES_BACK:
        note["time"] = now
    return user, item, kind, note


def kept_row(event: Told) -> list[Any]:
    """Return an event as the journal has it: a like without a note as a pair, as all versions read it."""
    user, item, kind, note = event
    if note:
        return [user, item, kind, dict(note)]
    return [user, item] if kind == "like" else [user, item, kind]


def read_row(row: Sequence[Any]) -> Told:
    """Return the event of a row of the journal."""
    user, item, *more = row
    return user, item, more[0] if more else "like", more[1] if len(more) > 1 else NOTHING


def weight_of(weights: Mapping[str, float], note: Note) -> float:
    """Return what a like with a note weighs."""
    return max(weights.get(str(note.get("type", "like")), 1.0), 0.0) or 1.0


def types_known(weights: Mapping[str, float]) -> dict[str, str]:
    """Return every type of event that a model knows, and what it means: like, seen or dislike."""
    return {name: KINDS[code_of(weight)] for name, weight in {**STANDARD, **weights}.items()}


def _time(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise DataError(f"the time of an event is {shown(value, 40)}; give whole seconds since 1970")
    return int(value)


def with_note(notes: Notes, user: Key, item: Key, note: Note) -> dict[Key, Mapping[Key, Note]]:
    """Return notes with one that takes the place of the one before; an empty one takes it away."""
    own = {key: one for key, one in notes.get(user, {}).items() if key != item}
    if note:
        own[item] = note
    rest = {other: found for other, found in notes.items() if other != user}
    return {**rest, user: own} if own else rest
