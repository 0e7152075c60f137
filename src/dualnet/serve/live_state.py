"""Changes made while serving, by id alone: items put or deleted, events, forgotten users. They do not depend on a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias

from ..errors import DataError
from ..ids import Key
from ..retrieval.questions import Columns
from ..runs.forgotten_record import digest, new_key
from .event_notes import Note, kept_row, read_row
from .holdings import Usage, of_event, of_item, of_preset

# {"put": [[id, content], ...]} | {"delete": id} | {"restore": id} | {"events": [[user, item], [user, item, type] or
# [user, item, type, note], ...]}
# | {"gone": [[user, item], ...]} | {"forget": [salt, hash of a user, time]} | {"record": [salt, [[time, hash], ...]]} | {"forgotten": [salt, hashes]} | {"released": hashes}
# | {"preset": [name, rules, or None where it is no longer kept]}
# | {"by": [name of a key, one of these]}
Change: TypeAlias = Mapping[str, Any]
Event: TypeAlias = (
    tuple[Key, Key] | tuple[Key, Key, str | None] | tuple[Key, Key, str | None, int | None]
)  # user, item, type, time
OTHER = ("seen", "dislike", "none")

CHUNK = 500  # items or events of one line when the whole state is written
BY = "by"


def by_key(name: str, change: Change) -> Change:
    """Return a change with the name of the API key that made it; without a name as it is."""
    return {BY: [name, change]} if name else change


@dataclass(eq=False)
class LiveState:
    """The sum of all changes.

    Parameters
    ----------
    items : dict of id to content
        Items put; also those that a later model was trained on, for a model that was not.
    deleted : dict of id to name of an API key, or None without keys
        Items that must not be listed until they are put again; ordered. The key is the one that had put the item, else the one
        that deleted it.
    events : dict of user to dict of item to name of a key
        What each user liked, in order of arrival.
    others : dict of user to dict of item to {"seen", "dislike", "none"}
        What each user saw or disliked; ``none`` takes back what a model may know.
    notes : dict of user to dict of item to note
        Type and time of events, where they were told (`event_notes`).
    gone : dict of user to dict of item to name of a key
        What was taken back of a user: whatever a model knows of it, nothing counts. The key is the one that had told it, else
        the one that took it back.
    forgotten : dict of hash to None
        Of users who are to be unknown whatever a model knows of them, until no model knows them (`forgotten_record.digest`).
    record : list of (time, hash)
        Everybody who was forgotten, in order, for `ForgottenRecord`; it stays when no model knows them any more.
    salt : str
        What the hashes are made with.
    unerased : bool
        Whether ids of forgotten users are still in the journal, which has to be compacted.
    left_behind : bool
        Whether a journal still has content or events that were deleted since; it is compacted at the next start.
    presets : dict of name to mapping
        Rules on lists that are kept under names, as `Rules.to_json` has them.
    usage : dict of name to Usage
        What is kept of each API key's changes; "" stands for no key.
    """

    items: dict[Key, Columns] = field(default_factory=dict)
    deleted: dict[Key, str | None] = field(default_factory=dict)
    events: dict[Key, dict[Key, str | None]] = field(default_factory=dict)
    others: dict[Key, dict[Key, str]] = field(default_factory=dict)
    notes: dict[Key, dict[Key, Note]] = field(default_factory=dict)
    gone: dict[Key, dict[Key, str | None]] = field(default_factory=dict)
    forgotten: dict[str, None] = field(default_factory=dict)
    record: list[tuple[int, str]] = field(default_factory=list)
    salt: str = field(default_factory=new_key)
    unerased: bool = False
    left_behind: bool = False
    presets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    _items_by: dict[Key, tuple[str, Usage]] = field(default_factory=dict)
    _presets_by: dict[str, tuple[str, Usage]] = field(default_factory=dict)
    _others_by: dict[Key, dict[Key, str]] = field(default_factory=dict)  # without those of no key
    _by_hash: dict[str, set[Key]] | None = None  # made when somebody is first forgotten, then kept up

    def apply(self, change: Change, by: str = "") -> None:
        """Add one change.

        Parameters
        ----------
        change : mapping
        by : str
            Name of the key that made it.

        Raises
        ------
        DataError
            If it is of a kind that this version does not know.
        """
        try:
            ((kind, value),) = change.items()
            if kind == BY:
                name, inner = value
                self.apply(inner, str(name))
            elif kind in ("put", "delete", "restore"):
                self._change_items(kind, value, by)
            elif kind == "events":
                for row in value:  # journals of earlier versions have likes alone, as pairs
                    self._happened(*read_row(row), by=by)
            elif kind == "gone":
                for user, item in value:
                    self._take_back(user, item, by)
            elif kind == "preset":
                name, rules = value
                self._change_preset(str(name), None if rules is None else dict(rules), by)
            elif kind in ("forget", "forgotten", "released", "record"):
                self._change_forgotten(kind, value)
            else:
                raise DataError(f"a change of the kind {kind!r} is not known to this version of dualnet; upgrade it")
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError("a change has not the form that this version of dualnet writes") from error

    def hash_of(self, user: Key) -> str:
        """Return the hash that stands for a user here."""
        return digest(self.salt, user)

    def item_held(self, key: Key) -> tuple[str, Usage] | None:
        """Return who put an item that is kept, and what it takes."""
        return self._items_by.get(key)

    def event_held(self, user: Key, item: Key) -> str | None:
        """Return who told what is kept of a pair, None where nothing is kept."""
        if item in (liked := self.events.get(user, {})):
            return liked[item] or ""
        return self._others_by.get(user, {}).get(item, "") if item in self.others.get(user, ()) else None

    def preset_held(self, name: str) -> tuple[str, Usage] | None:
        """Return who keeps rules under a name, and what they take; None where there are none."""
        return self._presets_by.get(name)

    def _change_preset(self, name: str, rules: Mapping[str, Any] | None, by: str) -> None:
        if name in self._presets_by:
            self.left_behind = True
            self._count(*self._presets_by.pop(name), -1)
        others = {other: kept for other, kept in self.presets.items() if other != name}
        if rules is not None:
            self._presets_by[name] = (by, of_preset(name, rules))
            self._count(*self._presets_by[name])
        # another mapping: questions read the one that was, in other threads
        self.presets = others if rules is None else {**others, name: rules}

    def _change_items(self, kind: str, value: Any, by: str) -> None:
        if kind == "put":
            for key, content in value:
                self._drop_item(key)  # what is put again comes last, as in the catalogue
                self.items[key] = content
                self._items_by[key] = (by, of_item(key, content))
                self._count(by, self._items_by[key][1])
                self._drop_deleted(key)
        elif kind == "delete":
            owner = self._drop_item(value)
            owner = by if owner is None else owner  # else two keys, one putting and one deleting, could do so without end
            self._drop_deleted(value)
            self.deleted[value] = owner or None
            self._count(owner, of_event(value))
        else:
            self._drop_deleted(value)

    def _drop_item(self, key: Key) -> str | None:
        """Keep an item no longer; return who had put it, None if nobody had."""
        if self.items.pop(key, None) is None:
            return None
        self.left_behind = True
        by, taken = self._items_by.pop(key)
        self._count(by, taken, -1)
        return by

    def _drop_deleted(self, key: Key) -> None:
        if key in self.deleted:
            self._count(self.deleted.pop(key), of_event(key), -1)

    def _happened(self, user: Key, item: Key, kind: str, note: Note, *, by: str = "") -> None:
        if kind == "like":
            if item not in self.events.get(user, ()):
                self._known(user)
                self.events.setdefault(user, {})[item] = by or None
                self._count(by, of_event(user, item))
            self._drop_other(user, item)
        elif kind in OTHER:
            self._known(user)
            self._drop_other(user, item)
            self.others.setdefault(user, {})[item] = kind
            if by:
                self._others_by.setdefault(user, {})[item] = by
            self._count(by, of_event(user, item))
        else:
            raise DataError(f"an event of the type {kind!r} is not known to this version of dualnet; upgrade it")
        if note:
            self.notes.setdefault(user, {})[item] = dict(note)
        else:
            self._drop_note(user, item)

    def _drop_note(self, user: Key, item: Key) -> None:
        own = self.notes.get(user)
        if own is not None and own.pop(item, None) is not None and not own:
            del self.notes[user]

    def _drop_other(self, user: Key, item: Key) -> None:
        if self.others.get(user, {}).pop(item, None) is not None:
            self._count(self._others_by.get(user, {}).pop(item, ""), of_event(user, item), -1)

    def _take_back(self, user: Key, item: Key, by: str) -> None:
        """Keep nothing of a pair but that nothing counts; the note is the key's whose event it was."""
        owner = self.event_held(user, item)
        self.left_behind |= owner is not None
        owner = by if owner is None else owner
        self._known(user)
        if item in (liked := self.events.get(user, {})):
            self._count(liked.pop(item), of_event(user, item), -1)
        self._drop_other(user, item)
        self._drop_note(user, item)
        if item not in (gone := self.gone.setdefault(user, {})):
            gone[item] = owner or None
            self._count(owner, of_event(user, item))

    def _change_forgotten(self, kind: str, value: Any) -> None:
        if kind == "released":
            for told in value:
                self.forgotten.pop(told, None)
            return
        salt, told, *when = value
        bytes.fromhex(salt)
        if salt != self.salt:  # of a journal: what is forgotten from here on has the same
            if self.forgotten or self.record:
                raise ValueError("two salts")
            self.salt, self._by_hash = salt, None
        if kind == "record":
            self.record += [(int(time), str(user)) for time, user in told]
            return
        if kind == "forgotten":
            self.forgotten.update(dict.fromkeys(map(str, told)))
            return
        self.forgotten[str(told)] = None
        self.record.append((int(when[0]) if when else 0, str(told)))
        self.unerased = True
        if self._by_hash is None:
            self._by_hash = {}
            for user in {**self.events, **self.others, **self.gone}:
                self._by_hash.setdefault(self.hash_of(user), set()).add(user)
        for user in self._by_hash.pop(str(told), ()):
            self._drop_user(user)

    def _drop_user(self, user: Key) -> None:
        for side in (self.events, self.gone):
            for item, by in side.pop(user, {}).items():
                self._count(by, of_event(user, item), -1)
        for item in list(self.others.get(user, {})):
            self._drop_other(user, item)
        self.others.pop(user, None)
        self._others_by.pop(user, None)
        self.notes.pop(user, None)

    def _known(self, user: Key) -> None:
        """Note somebody of whom something is kept."""
        if self._by_hash is not None and not any(user in side for side in (self.events, self.others, self.gone)):
            self._by_hash.setdefault(self.hash_of(user), set()).add(user)

    def _count(self, by: str | None, taken: Usage, sign: int = 1) -> None:
        self.usage.setdefault(by or "", Usage()).add(taken, sign)

    def changes(self) -> Iterator[Change]:
        """Yield changes that give this state when applied to an empty one."""
        for start in range(0, len(self.record), CHUNK):
            yield {"record": [self.salt, self.record[start : start + CHUNK]]}
        if self.forgotten:
            yield {"forgotten": [self.salt, list(self.forgotten)]}
        for name, rules in self.presets.items():
            yield by_key(self._presets_by[name][0], {"preset": [name, rules]})
        puts = ([self._items_by[key][0], [key, content]] for key, content in self.items.items())
        yield from _grouped("put", puts)
        yield from (by_key(by or "", {"delete": key}) for key, by in self.deleted.items())
        # of one key together, as far as the likes of each user stay in the order in which they came
        for name, pairs in (("gone", self._pairs(self.gone)), ("events", self._liked()), ("events", self._told())):
            yield from _grouped(name, (row for _, row in sorted(pairs, key=lambda pair: (pair[0], pair[1][0]))))

    def _pairs(self, side: Mapping[Key, Mapping[Key, str | None]]) -> Iterator[tuple[int, list[Any]]]:
        return ((0, [by or "", [user, item]]) for user, items in side.items() for item, by in items.items())

    def _liked(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield likes, each with its round: in one round keys come in the order of their names."""
        for user, items in self.events.items():
            notes, turn, before = self.notes.get(user, {}), 0, ""
            for item, by in items.items():
                name = by or ""
                turn, before = turn + (name < before), name
                yield turn, [name, kept_row((user, item, "like", notes.get(item, {})))]

    def _told(self) -> Iterator[tuple[int, list[Any]]]:
        for user, items in self.others.items():
            by = self._others_by.get(user, {})
            notes = self.notes.get(user, {})
            yield from (
                (0, [by.get(item, ""), kept_row((user, item, kind, notes.get(item, {})))]) for item, kind in items.items()
            )

    @property
    def n_changes(self) -> int:
        """About how many lines `changes` yields."""
        pairs = sum(len(items) for side in (self.events, self.others, self.gone) for items in side.values())
        return (
            len(self.presets)
            + len(self.items) // CHUNK
            + len(self.record) // CHUNK
            + len(self.deleted)
            + pairs // CHUNK
            + 2
            + 4 * len(self.usage)
        )


def _grouped(kind: str, rows: Iterable[Sequence[Any]]) -> Iterator[Change]:
    """Yield changes of rows (name of a key, what it made), at most `CHUNK` in each."""
    for by, run in groupby(rows, key=lambda row: row[0]):
        made = [row[1] for row in run]
        yield from (by_key(by, {kind: made[start : start + CHUNK]}) for start in range(0, len(made), CHUNK))
