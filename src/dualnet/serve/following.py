"""Changes that other servers made, brought into the view and the state of this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby
from typing import Any, TypeAlias

from ..errors import DataError
from ..ids import Key
from ..retrieval.questions import NewItem
from ..runs.forgotten_record import found_among
from .catalogue import LiveCatalogue
from .changes import add_told, append_fitting, without_rows
from .event_notes import Told as ToldEvent
from .event_notes import read_row, with_note
from .forgetting import GONE, take_back, with_told_of_absent, without_user
from .live_state import BY, LiveState
from .store import Record

Told: TypeAlias = tuple[str, Any]  # kind of a change, and what it says, whoever made it


def follow(catalogue: LiveCatalogue, state: LiveState, changes: Sequence[Record]) -> tuple[LiveCatalogue, int]:
    """Apply changes of other servers, in order, to a view and to the state.

    They were checked against the view of the server that made them. What this model cannot take is left out of the view, as in
    `changes.replay`; the state keeps it.

    Returns
    -------
    catalogue : LiveCatalogue
        The view after them.
    left_out : int
        How many items were left out of it.

    Raises
    ------
    DataError
        If a change is of a kind that this version does not know; the state must then be read anew.
    """
    left_out = 0
    for change in changes:
        apply_told(catalogue, state, change)
    for kind, run in groupby(map(plain, changes), key=lambda told: told[0]):
        values = [value for _, value in run]
        if kind == "put":
            for pairs in _without_repeats(chain.from_iterable(values)):
                catalogue, more = _put(catalogue, pairs)
                left_out += more
        elif kind in ("delete", "restore"):
            for key in values:
                catalogue = _delete(catalogue, key) if kind == "delete" else _restore(catalogue, key)
        elif kind == "events":
            catalogue = _add_events(catalogue, [read_row(row) for row in chain.from_iterable(values)])
        elif kind == "gone":
            catalogue = _take_back(catalogue, [(user, item) for user, item in chain.from_iterable(values)])
        elif kind == "forget":
            catalogue = _forget(catalogue, values)
    return catalogue, left_out


def apply_told(catalogue: LiveCatalogue, state: LiveState, change: Record) -> None:
    """Apply one change to the state; a hash that another server released is kept as long as the model here knows the user."""
    kind, value = plain(change)
    if kind == "released":
        needed = found_among(catalogue.model.users_, state.salt, value)
        change = {"released": [told for told in value if told not in needed]}
    state.apply(change)
    state.unerased = False  # whoever forgets somebody removes the rows


def plain(change: Record) -> Told:
    """Return the kind of a change, and what it says, without the name of who made it.

    Raises
    ------
    DataError
        If it has not the form of a change.
    """
    try:
        while BY in change:
            change = change[BY][1]
        ((kind, value),) = change.items()
    except (TypeError, ValueError, LookupError, AttributeError):
        raise DataError("a change has not the form that this version of dualnet writes") from None
    return kind, value


def _without_repeats(pairs: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """Yield items in groups in which no id comes twice."""
    group: dict[Key, Sequence[Any]] = {}
    for pair in pairs:
        if pair[0] in group:
            yield list(group.values())
            group = {}
        group[pair[0]] = pair
    if group:
        yield list(group.values())


def _put(catalogue: LiveCatalogue, pairs: Sequence[Sequence[Any]]) -> tuple[LiveCatalogue, int]:
    """Put items; one that this model was trained on is listed again with the model's own content."""
    rows = {key: catalogue.find(key) for key, _ in pairs}
    own = {row for row in rows.values() if row >= 0 and catalogue.known[row] >= 0}
    if own & catalogue.hidden:
        catalogue = replace(catalogue, hidden=catalogue.hidden - own)
    wanted = [NewItem(key, content) for key, content in pairs if rows[key] not in own]
    catalogue, left_out = append_fitting(catalogue, wanted)
    stale = {rows[key] for key in left_out if rows[key] >= 0}  # what was there before was replaced, for all but this model
    return without_rows(catalogue, stale), len(left_out)


def _delete(catalogue: LiveCatalogue, key: Key) -> LiveCatalogue:
    row = catalogue.find(key)
    if row < 0:
        return catalogue
    return replace(catalogue, hidden=catalogue.hidden | {row}) if row < catalogue.n_base else without_rows(catalogue, {row})


def _restore(catalogue: LiveCatalogue, key: Key) -> LiveCatalogue:
    return replace(catalogue, hidden=catalogue.hidden - {catalogue.find(key)})


def _add_events(catalogue: LiveCatalogue, told: Sequence[ToldEvent]) -> LiveCatalogue:
    """Add events on items that are there, of users whose ids are of this model's kind; note those on items that may come."""
    there = [event for event in told if catalogue.find(event[1]) >= 0]
    elsewhere = [event for event in told if catalogue.find(event[1]) < 0]
    if elsewhere:
        catalogue = with_told_of_absent(catalogue, [event[:3] for event in elsewhere])
        notes = catalogue.notes
        for user, item, _, note in elsewhere:
            notes = with_note(notes, catalogue.user_key(user), item, note)
        catalogue = replace(catalogue, notes=notes)
    try:
        return add_told(catalogue, there)[0]
    except DataError:
        for event in there:
            try:
                catalogue = add_told(catalogue, [event])[0]
            except DataError:
                continue
        return catalogue


def _take_back(catalogue: LiveCatalogue, pairs: Sequence[tuple[Key, Key]]) -> LiveCatalogue:
    elsewhere = [(user, item, GONE) for user, item in pairs if catalogue.find(item) < 0]
    catalogue = with_told_of_absent(catalogue, elsewhere) if elsewhere else catalogue
    there = [
        (user, item)
        for user, item in pairs
        if (row := catalogue.find(item)) >= 0
        and catalogue.has_user(user)
        and (row in catalogue.history(user) or row in catalogue.seen(user))
    ]
    return take_back(catalogue, there)[0] if there else catalogue


def _forget(catalogue: LiveCatalogue, told: Sequence[Sequence[Any]]) -> LiveCatalogue:
    """Make users unknown by their hashes; ids are hashed once for all of them, as millions take seconds."""
    absent = {user for what in catalogue.absent.values() for user, _ in what}
    live = absent.union(catalogue.events, catalogue.others, catalogue.gone)
    for salt in {salt for salt, *_ in told}:
        found = found_among(chain(live, catalogue.model.users_), salt, [one for of, one, *_ in told if of == salt])
        for user in {catalogue.user_key(one) for one in found.values()}:
            catalogue = without_user(catalogue, user)
    return catalogue
