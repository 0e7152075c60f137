"""Taking people and events back: who is forgotten is unknown at once, whatever the model was trained on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from ..errors import ResourceError, UnknownIdError, shown
from ..ids import Key
from ..runs.forgotten_record import found_among
from .catalogue import LiveCatalogue
from .event_notes import Note, with_note
from .live_state import LiveState
from .store import Store

GONE = "gone"


def forget(
    catalogue: LiveCatalogue, state: LiveState, user: Key, *, anyway: bool = False
) -> tuple[LiveCatalogue, list[dict[str, Any]], str]:
    """Make somebody unknown: the stored history no longer counts, and what came in while serving is dropped.

    With `anyway` somebody of whom nothing is stored is forgotten too, for the record. The change for the journal names the user by a hash, so that nothing that is written from here on holds the id.

    Raises
    ------
    UnknownIdError
        If there is no such user; also for one who was forgotten before.
    """
    key = catalogue.user_key(user)
    held = any(side.get(key) for side in (state.events, state.others, state.gone))  # maybe of items that are not here
    if not (held or anyway or catalogue.has_user(user)):
        if state.unerased:  # asked again, because the journal could not be compacted
            return catalogue, [], "forgotten"
        raise UnknownIdError(f"unknown user {shown(user, 80)}; nothing is stored of such an id")
    return without_user(catalogue, key), [{"forget": [state.salt, state.hash_of(key), int(time.time())]}], "forgotten"


def without_user(catalogue: LiveCatalogue, key: Key) -> LiveCatalogue:
    """Return a view to which somebody is unknown, given in the form in which the id is kept."""
    return replace(
        catalogue,
        forgotten=catalogue.forgotten | ({key} if catalogue.trained_row(key) >= 0 else set()),
        events={other: rows for other, rows in catalogue.events.items() if other != key},
        others={other: rows for other, rows in catalogue.others.items() if other != key},
        gone={other: rows for other, rows in catalogue.gone.items() if other != key},
        notes={other: told for other, told in catalogue.notes.items() if other != key},
        absent={item: tuple(told for told in what if told[0] != key) for item, what in catalogue.absent.items()},
    )


def take_back(
    catalogue: LiveCatalogue, pairs: Sequence[tuple[Key, Key]]
) -> tuple[LiveCatalogue, list[dict[str, Any]], dict[str, int]]:
    """Take events back, whatever they were and wherever they are known from; all or none.

    Raises
    ------
    UnknownIdError
        If a user or an item is not there, or the user has no event with the item; nothing is changed.
    """
    events, others, gone = dict(catalogue.events), dict(catalogue.others), dict(catalogue.gone)
    told: dict[tuple[Key, Key], int] = {}
    for user, item in pairs:
        key, row = catalogue.user_key(user), catalogue.row(item)
        if row not in catalogue.history(user) and row not in catalogue.seen(user):
            raise UnknownIdError(f"user {shown(user, 80)} has no event with item {shown(item, 80)} that could be taken back")
        told[key, catalogue.lineage.ids[row]] = row
    for (user, _), row in told.items():
        events[user] = tuple(at for at in events.get(user, ()) if catalogue.now_at(at) != row)
        others[user] = {at: kind for at, kind in others.get(user, {}).items() if catalogue.now_at(at) != row}
        gone[user] = gone.get(user, frozenset()) | {row}
    others = {user: found for user, found in others.items() if found}
    notes = catalogue.notes
    for user, item in told:
        notes = with_note(notes, user, item, {}) if user in notes else notes
    changed = replace(catalogue, events=events, others=others, gone=gone, notes=notes)
    return changed, [{GONE: [list(pair) for pair in told]}], {"taken_back": len(told)}


def with_users(catalogue: LiveCatalogue, state: LiveState) -> LiveCatalogue:
    """Return a freshly opened view with what the state holds of users, as far as its items are there."""
    known = found_among(catalogue.model.users_, state.salt, state.forgotten)
    gone: dict[Key, frozenset[int]] = {}
    for user, taken in state.gone.items():
        rows = frozenset(row for item in taken if (row := catalogue.find(item)) >= 0)
        if rows:
            key = catalogue.user_key(user)
            gone[key] = gone.get(key, frozenset()) | rows
    catalogue = replace(catalogue, forgotten=frozenset(known.values()), gone=gone)
    events: dict[Key, tuple[int, ...]] = dict.fromkeys(gone, ())
    for user, items in state.events.items():
        stored = set(catalogue.history(user).tolist()) if catalogue.trained_row(user) >= 0 else set()
        key = catalogue.user_key(user)
        events[key] = events.get(key, ()) + tuple(
            row for item in items if (row := catalogue.find(item)) >= 0 and row not in stored
        )
    others: dict[Key, Mapping[int, str]] = {}
    for user, told in state.others.items():
        found = {row: kind for item, kind in told.items() if (row := catalogue.find(item)) >= 0}
        if found:
            key = catalogue.user_key(user)
            others[key] = {**others.get(key, {}), **found}
    notes: dict[Key, Mapping[Key, Note]] = {}
    for user, noted in state.notes.items():
        key = catalogue.user_key(user)
        notes[key] = {**notes.get(key, {}), **noted}
    return replace(catalogue, events=events, others=others, notes=notes, absent=_absent(catalogue, state))


def _absent(catalogue: LiveCatalogue, state: LiveState) -> dict[Key, tuple[tuple[Key, str], ...]]:
    """Return what users did with items that are not there."""
    sides = (
        ((user, item, GONE) for user, items in state.gone.items() for item in items),
        ((user, item, "like") for user, items in state.events.items() for item in items),
        ((user, item, kind) for user, items in state.others.items() for item, kind in items.items()),
    )
    found: dict[Key, list[tuple[Key, str]]] = {}
    for user, item, kind in chain.from_iterable(sides):
        if catalogue.find(item) < 0:
            found.setdefault(item, []).append((catalogue.user_key(user), kind))
    return {item: tuple(told) for item, told in found.items()}


def with_told_of_absent(catalogue: LiveCatalogue, told: Iterable[tuple[Key, Key, str]]) -> LiveCatalogue:
    """Return a view that remembers what users did with items that are not there, as one that is made of the state does.

    Parameters
    ----------
    catalogue : LiveCatalogue
        The view before.
    told : iterable of (user, item, what)
        In order; what is the type of an event, or `GONE`.
    """
    absent, events = dict(catalogue.absent), dict(catalogue.events)
    for user, item, kind in told:
        key = catalogue.user_key(user)
        stays = (GONE,) if kind == "like" else () if kind == GONE else (GONE, "like")
        others = [one for one in absent.get(item, ()) if one[0] != key or one[1] in stays]
        absent[item] = (*others, (key, kind))
        if kind == "like":
            events.setdefault(key, ())
    return replace(catalogue, absent=absent, events=events)


def with_returned(catalogue: LiveCatalogue, rows: Mapping[Key, int]) -> LiveCatalogue:
    """Return a view in which what users did with items that were away counts again, given where these are now."""
    back = [item for item in rows if item in catalogue.absent]
    if not back:
        return catalogue
    events, others, gone = dict(catalogue.events), dict(catalogue.others), dict(catalogue.gone)
    for item in back:
        for user, kind in catalogue.absent[item]:
            if kind == GONE:
                gone[user] = gone.get(user, frozenset()) | {rows[item]}
                events.setdefault(user, ())
            elif kind == "like":
                events[user] = (*events.get(user, ()), rows[item])
            else:
                others[user] = {**others.get(user, {}), rows[item]: kind}
    absent = {item: told for item, told in catalogue.absent.items() if item not in rows}
    return replace(catalogue, events=events, others=others, gone=gone, absent=absent)


def release(store: Store | None, state: LiveState, *catalogues: LiveCatalogue) -> None:
    """Keep no hash of somebody whom no model knows that is served, or kept for the way back."""
    needed = {told for view in catalogues for told in found_among(view.model.users_, state.salt, state.forgotten)}
    hashes = [told for told in state.forgotten if told not in needed]
    if not hashes:
        return
    with contextlib.suppress(ResourceError):  # a full disk: they are kept until another time
        if store is None or store.release(hashes):
            state.apply({"released": hashes})
