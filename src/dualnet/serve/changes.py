"""Changes of a live catalogue: each gives another view, and says what the journal has to remember."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from ..data.space import ItemSpace
from ..errors import DataError, UnknownIdError, listing, shown
from ..ids import Key
from ..models.catalogue import check_finite
from ..retrieval.questions import NewItem
from ..retrieval.vectors import norms
from .catalogue import LiveCatalogue
from .forgetting import with_returned, with_users
from .forgotten_ids import plain_id
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

    A new user is made. What somebody liked stays liked; a like takes the place of a dislike, and ``none`` takes a view or a
    dislike back.

    Raises
    ------
    UnknownIdError
        If an item is not there; nothing is changed.
    DataError
        If a user id is not of the kind of the others.
    """
    told = [(catalogue.user_key(user), item, kind[0] if kind else "like") for user, item, *kind in happened]
    rows = catalogue.rows([item for _, item, _ in told]).tolist()
    new_ids(list(dict.fromkeys(user for user, _, _ in told)), catalogue.model.users_, "user")
    likes: dict[Key, list[int]] = {}
    others: dict[Key, dict[int, str]] = {}
    liked: dict[Key, set[int]] = {}
    barred: dict[Key, set[int]] = {}
    kept: list[list[Key]] = []
    for (user, _, kind), row in zip(told, rows, strict=True):
        item = catalogue.lineage.ids[row]  # in the form in which it is kept
        if user not in liked:
            here = catalogue.has_user(user)
            liked[user] = set(catalogue.history(user).tolist()) if here else set()
            barred[user] = set(catalogue.seen(user).tolist()) if here else set()
            known = catalogue.others.get(user, {}).items()
            others[user] = {now if (now := catalogue.now_at(row)) >= 0 else row: said for row, said in known}
        if row in liked[user]:
            continue
        if kind == "like":
            liked[user].add(row)
            likes.setdefault(user, []).append(row)
            others[user].pop(row, None)
            kept.append([user, item])
        elif kind == "none" and row in barred[user]:
            barred[user].discard(row)
            others[user][row] = kind
            kept.append([user, item, kind])
        elif kind != "none" and (row not in barred[user] or (kind == "dislike" and others[user].get(row) != "dislike")):
            barred[user].add(row)
            others[user][row] = kind
            kept.append([user, item, kind])
    new_users = len({user for user, *_ in kept if not catalogue.has_user(user)})
    outcome = {"added": len(kept), "repeated": len(told) - len(kept), "new_users": new_users}
    if not kept:
        return catalogue, [], outcome
    events = dict(catalogue.events)
    for user, fresh in likes.items():
        events[user] = (*events.get(user, ()), *fresh)
    touched = {user for user, *_ in kept}
    later = catalogue.others | {user: found for user, found in others.items() if user in touched and found}
    for user in touched:
        if not others[user]:
            later.pop(user, None)
    return replace(catalogue, events=events, others=later), [{"events": kept}], outcome


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
