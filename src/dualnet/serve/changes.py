"""Changes of a live catalogue: each gives another view, and says what the journal has to remember."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..data.space import ItemSpace
from ..errors import DataError, UnknownIdError, listing, shown
from ..ids import Key
from ..models.catalogue import check_finite
from ..retrieval.questions import NewItem
from ..retrieval.vectors import norms
from ..runs.forgotten_record import plain_id
from .catalogue import LiveCatalogue
from .event_notes import Note, Told, kept_row, told_event, weight_of
from .forgetting import with_returned, with_users
from .live_state import Event, LiveState
from .new_content import new_ids, new_rows, stored_contents
from .service_errors import ConflictError

MOST_STALE = 10_000  # ids of changes that were refused later, kept in an index before it is made anew

Put = Literal["added", "replaced", "restored"]


def put(catalogue: LiveCatalogue, items: Sequence[NewItem]) -> tuple[LiveCatalogue, list[dict[str, Any]], list[Put]]:
    """Add items, put others in the place of those added before, and list hidden ones again; all or none.

    Returns
    -------
    catalogue : LiveCatalogue
        The new view.
    changes : list
        For the journal.
    outcome : list of {"added", "replaced", "restored"}
        What became of each item; ``restored`` is a hidden item of the model's own, which keeps its own content.

    Raises
    ------
    ConflictError
        If the model was trained on an item: its content is part of the model.
    DataError
        For content that does not fit, or an id given twice; nothing is changed.
    """
    items = [replace(item, id=_kept_id(catalogue, item.id)) for item in items]
    keys = [item.id for item in items]
    if len(set(keys)) < len(keys):
        raise DataError(f"item {listing([key for key in dict.fromkeys(keys) if keys.count(key) > 1])} is given more than once")
    outcome: list[Put] = []
    for item in items:
        row = catalogue.find(item.id)
        trained = row >= 0 and catalogue.known[row] >= 0
        if trained and row not in catalogue.hidden:
            raise ConflictError(
                f"item {shown(item.id, 80)} is one that the model was trained on; its content changes by training anew"
            )
        outcome.append("restored" if row >= 0 and row in catalogue.hidden and trained else "replaced" if row >= 0 else "added")
    fresh = [item for item, how in zip(items, outcome, strict=True) if how != "restored"]
    restored = [item.id for item, how in zip(items, outcome, strict=True) if how == "restored"]
    changes: list[dict[str, Any]] = [{"restore": key} for key in restored]
    if restored:
        catalogue = replace(catalogue, hidden=catalogue.hidden - {catalogue.find(key) for key in restored})
    if fresh:
        catalogue = _append(catalogue, fresh, new_rows(catalogue.model, fresh))
        changes.append({"put": [[item.id, dict(item.content)] for item in fresh]})
    return catalogue, changes, outcome


def delete(catalogue: LiveCatalogue, key: Key) -> tuple[LiveCatalogue, list[dict[str, Any]], Literal["deleted", "hidden"]]:
    """Take an item out of all lists: a live one is gone, one of the model's own is hidden and stays in histories.

    Raises
    ------
    UnknownIdError
        If it is not there, or hidden already.
    """
    row = catalogue.row(key)
    if row in catalogue.hidden:
        raise UnknownIdError(f"item {shown(key, 80)} was deleted before; PUT lists it again")
    change = {"delete": catalogue.lineage.ids[row]}  # in the form in which it is kept
    if row < catalogue.n_base:
        return replace(catalogue, hidden=catalogue.hidden | {row}), [change], "hidden"
    return without_rows(catalogue, {row}), [change], "deleted"


def add_events(
    catalogue: LiveCatalogue, happened: Sequence[Event]
) -> tuple[LiveCatalogue, list[dict[str, Any]], dict[str, int]]:
    """Append likes to stored histories, and keep what was seen or disliked; a repeated event is counted and changes nothing.

    A new user is made. What somebody liked stays liked, by an event of a heavier type more so; a like takes the place of a dislike,
    and ``none`` takes a view or a dislike back.

    Raises
    ------
    UnknownIdError
        If an item is not there; nothing is changed.
    UsageError
        For a type that the model does not know.
    DataError
        If a user id is not of the kind of the others, or a time is none.
    """
    model = catalogue.model
    now = None if model.half_life_ is None else int(time.time())
    return add_told(catalogue, [told_event(model.event_weights_, event, now) for event in happened])


def add_told(catalogue: LiveCatalogue, happened: Sequence[Told]) -> tuple[LiveCatalogue, list[dict[str, Any]], dict[str, int]]:
    """Do what `add_events` does, with events as they are kept."""
    told = [(catalogue.user_key(user), item, kind, note) for user, item, kind, note in happened]
    rows = catalogue.rows([item for _, item, *_ in told]).tolist()
    new_ids(list(dict.fromkeys(user for user, *_ in told)), catalogue.model.users_, "user")
    after = {user: _AfterEvents.of(catalogue, user) for user, *_ in told}
    kept: list[list[Any]] = []
    for (user, _, kind, note), row in zip(told, rows, strict=True):
        if after[user].take(catalogue, row, kind, note):
            kept.append(kept_row((user, catalogue.lineage.ids[row], kind, note)))  # the id in the form in which it is kept
    new_users = len({user for user, *_ in kept if not catalogue.has_user(user)})
    outcome = {"added": len(kept), "repeated": len(told) - len(kept), "new_users": new_users}
    if not kept:
        return catalogue, [], outcome
    events, others, notes = dict(catalogue.events), dict(catalogue.others), dict(catalogue.notes)
    for user in {user for user, *_ in kept}:
        now = after[user]
        if now.likes:
            events[user] = (*events.get(user, ()), *now.likes)
        others.pop(user, None)
        notes.pop(user, None)
        others |= {user: now.others} if now.others else {}
        notes |= {user: now.notes} if now.notes else {}
    return replace(catalogue, events=events, others=others, notes=notes), [{"events": kept}], outcome


@dataclass
class _AfterEvents:
    """The events of one user after those of a change that were taken so far, by row; notes by item."""

    user: Key
    liked: set[int]
    barred: set[int]
    others: dict[int, str]
    notes: dict[Key, Note]
    likes: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, catalogue: LiveCatalogue, user: Key) -> _AfterEvents:
        """Return what is stored of somebody."""
        here = catalogue.has_user(user)
        liked = set(catalogue.history(user).tolist()) if here else set()
        barred = set(catalogue.seen(user).tolist()) if here else set()
        known = catalogue.others.get(user, {}).items()
        others = {now if (now := catalogue.now_at(row)) >= 0 else row: said for row, said in known}
        return cls(user, liked, barred, others, dict(catalogue.notes.get(user, {})))

    def take(self, catalogue: LiveCatalogue, row: int, kind: str, note: Note) -> bool:
        """Take one event in, and return whether it changes anything."""
        item = catalogue.lineage.ids[row]
        if row in self.liked:
            weights = catalogue.model.event_weights_
            before = weight_of(weights, self.notes[item]) if item in self.notes else catalogue.pair_weight(self.user, row)
            if kind != "like" or ("type" not in note and "like" not in weights) or weight_of(weights, note) <= before:
                return False
        elif kind == "like":
            self.liked.add(row)
            self.likes.append(row)
            self.others.pop(row, None)
        elif kind == "none" and row in self.barred:
            self.barred.discard(row)
            self.others[row] = kind
        elif kind != "none" and (row not in self.barred or (kind == "dislike" and self.others.get(row) != "dislike")):
            self.barred.add(row)
            self.others[row] = kind
        else:
            return False
        self.notes.pop(item, None)
        if note:
            self.notes[item] = note
        return True


def replay(catalogue: LiveCatalogue, state: LiveState) -> tuple[LiveCatalogue, int]:
    """Apply everything that was changed to a freshly opened model; return the view and how many items it cannot take.

    An item that the model was trained on is taken from the model. Items whose content does not fit the model are left out,
    and so are events on items that are not there; the state keeps both for a model that can take them.
    """
    wanted = [
        NewItem(key, content)
        for key, content in state.items.items()
        if (row := catalogue.find(key)) < 0 or catalogue.known[row] < 0
    ]
    catalogue, left_out = append_fitting(catalogue, wanted)
    gone = {row for key in state.deleted if (row := catalogue.find(key)) >= 0}
    own = {row for row in gone if row < catalogue.n_base}
    catalogue = replace(without_rows(catalogue, gone - own), hidden=catalogue.hidden | own)
    return with_users(catalogue, state), len(left_out)


def append_fitting(catalogue: LiveCatalogue, wanted: Sequence[NewItem]) -> tuple[LiveCatalogue, list[Key]]:
    """Return a view with those new items whose content the model can take, and the ids of the others."""
    if not wanted:
        return catalogue, []
    left_out: list[Key] = []
    try:
        return _append(catalogue, wanted, new_rows(catalogue.model, wanted)), left_out
    except DataError:
        for item in wanted:  # one of them does not fit: find out which
            try:
                catalogue = _append(catalogue, [item], new_rows(catalogue.model, [item]))
            except DataError:
                left_out.append(item.id)
        return catalogue, left_out
    except ValueError:  # CapabilityError: the model takes none
        return catalogue, [item.id for item in wanted]


def _kept_id(catalogue: LiveCatalogue, key: Key) -> Key:
    """Return the id of an item in the one form in which it is kept, whatever form it came in."""
    row = catalogue.find(key)
    if row >= 0:
        return catalogue.lineage.ids[row]
    return plain_id(key) if isinstance(key, str) else key


def _append(catalogue: LiveCatalogue, items: Sequence[NewItem], fresh: ItemSpace) -> LiveCatalogue:
    """Return a view with encoded new items behind its rows; earlier rows of the same ids are dead."""
    lineage, start = catalogue.lineage, catalogue.size
    vectors = catalogue.model.encode_items(fresh)
    check_finite(vectors, "vectors of new items")
    replaced = {item.id: row for item in items if (row := catalogue.find(item.id)) >= 0}
    lineage.vectors.write(start, vectors)
    if lineage.heads is not None:
        lineage.heads.write(start, vectors)
    lineage.lengths.write(start, norms(vectors))
    lineage.similar_lengths.write(start, catalogue.model._similar_lengths(vectors, fresh.known))
    lineage.known.write(start, fresh.known)
    if lineage.features is not None:
        lineage.features.write(start, fresh.features)
    if lineage.table is not None:
        rows = catalogue.model._history_rows(fresh)
        assert rows is not None
        lineage.table.write(start, rows)
    index = _index_beside(catalogue, [item.id for item in items])
    lineage.ids[start:] = [item.id for item in items]
    assert fresh.content is not None
    lineage.titles[start:] = [fresh.content.title(row) for row in range(len(items))]
    lineage.contents[start - catalogue.n_base :] = stored_contents(fresh.content, items)
    again = {item.id: start + place for place, item in enumerate(items)}
    index.update(again)
    moved = catalogue.moved
    if catalogue.dead or replaced:
        ids = lineage.ids
        moved = {**moved, **{row: again[ids[row]] for row in (*catalogue.dead, *replaced.values()) if ids[row] in again}}
    made = replace(
        catalogue,
        size=start + len(items),
        index=index,
        dead=catalogue.dead | frozenset(replaced.values()),
        hidden=catalogue.hidden - set(replaced.values()),
        moved=moved,
    )
    return with_returned(made, again)


def _index_beside(catalogue: LiveCatalogue, keys: Sequence[Key]) -> dict[Key, int]:
    """Return an index that keys may be written to: that of the view, or another one."""
    index, ids = catalogue.index, catalogue.lineage.ids
    if len(index) > catalogue.size + MOST_STALE:  # refused changes have left theirs, which are nowhere
        return {key: row for key, row in index.items() if row < catalogue.size and ids[row] == key}
    return dict(index) if any(key in index for key in keys) else index  # earlier views must still find the earlier row


def without_rows(catalogue: LiveCatalogue, rows: set[int]) -> LiveCatalogue:
    """Return a view in which some live rows are dead; in histories they are nowhere until they come again."""
    if not rows:
        return catalogue
    return replace(catalogue, dead=catalogue.dead | rows, moved={**catalogue.moved, **dict.fromkeys(rows, -1)})
