"""Additions and limits of each API key: items, events and bytes, counted from what the state holds, so also after a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..ids import Key
from ..retrieval.questions import Columns
from .service_errors import QuotaError
from .settings import Allowance

OF_AN_EVENT = 16  # bytes of a journal beside the two ids


@dataclass
class Usage:
    """Additions of one key, and the part of them that is still kept.

    Parameters
    ----------
    items : int
    events : int
        Likes, views, dislikes, what was taken back, and the notes that an item was deleted.
    bytes : int
        Of content, ids and presets, about as the journal writes them.
    """

    items: int = 0
    events: int = 0
    bytes: int = 0

    def add(self, other: Usage, sign: int = 1) -> None:
        """Add what came, or with sign -1 take away what went."""
        self.items += sign * other.items
        self.events += sign * other.events
        self.bytes += sign * other.bytes


def of_item(key: Key, content: Columns) -> Usage:
    """Return what one item takes."""
    return Usage(items=1, bytes=len(json.dumps([key, dict(content)], separators=(",", ":"))))


def of_preset(name: str, rules: Mapping[str, Any] | None) -> Usage:
    """Return what rules take that are kept under a name; None takes nothing."""
    return Usage() if rules is None else Usage(bytes=len(json.dumps([name, dict(rules)], separators=(",", ":"))))


def of_event(*ids: Key) -> Usage:
    """Return what one event takes."""
    return Usage(events=1, bytes=OF_AN_EVENT + sum(len(str(key)) for key in ids))


class Holding(Protocol):
    """Interface to the kept additions of each key."""

    @property
    def usage(self) -> Mapping[str, Usage]:
        """Kept additions of each key."""

    def item_held(self, key: Key) -> tuple[str, Usage] | None:
        """Return who put an item that is kept, and what it takes."""

    def event_held(self, user: Key, item: Key) -> str | None:
        """Return who told what is kept of a pair, None where nothing is kept."""

    def preset_held(self, name: str) -> tuple[str, Usage] | None:
        """Return who keeps rules under a name, and what they take."""


@dataclass
class Ledger:
    """Additions that a group of changes would make to a state, before any of them is made.

    Parameters
    ----------
    state : Holding
        With what is there.
    allowance : Allowance
        Of each key.
    """

    state: Holding
    allowance: Allowance
    _more: dict[str, Usage] = field(default_factory=dict)
    _items: dict[Key, tuple[str, Usage]] = field(default_factory=dict)
    _presets: dict[str, tuple[str, Usage]] = field(default_factory=dict)

    def charge(self, by: str, changes: Sequence[Mapping[str, Any]]) -> None:
        """Count the changes of one caller.

        Raises
        ------
        QuotaError
            If they add more than the key may add; nothing is counted then. What takes something away is never refused.
        """
        fresh = Usage()
        items: dict[Key, tuple[str, Usage]] = {}
        presets: dict[str, tuple[str, Usage]] = {}
        for change in changes:
            for key, content in change.get("put", ()):
                before = items.get(key) or self._items.get(key) or self.state.item_held(key)
                items[key] = _in_place_of(before, by, of_item(key, content), fresh)
            if "preset" in change:
                name, rules = change["preset"]
                kept = self._presets.get(name) or self.state.preset_held(name)
                presets[name] = _in_place_of(kept, by, of_preset(name, rules), fresh)
            for user, item, *_ in change.get("events", ()):
                if self.state.event_held(user, item) != by:  # what takes the place of another key's counts for this one
                    fresh.add(of_event(user, item))
        held = self.state.usage.get(by, Usage())
        waiting = self._more.setdefault(by, Usage())
        for name, most in (("items", self.allowance.items), ("events", self.allowance.events), ("bytes", self.allowance.bytes)):
            there, more = getattr(held, name) + getattr(waiting, name), getattr(fresh, name)
            if more > 0 and there + more > most:
                raise _refusal(by, name, there, more, most)
        if fresh.items > 0 and held.events >= self.allowance.events:  # notes of deleted items count as events
            raise _refusal(by, "events", held.events, 1, self.allowance.events)
        waiting.add(fresh)
        self._items |= items
        self._presets |= presets


def _in_place_of(before: tuple[str, Usage] | None, by: str, made: Usage, fresh: Usage) -> tuple[str, Usage]:
    """Count what is put in the place of something, which goes if it was of the same key; return what is there then."""
    fresh.add(made)
    if before is not None and before[0] == by:
        fresh.add(before[1], -1)
    return by, made


FLAGS = {"items": "--most-items", "events": "--most-events", "bytes": "--most-bytes"}


def _refusal(by: str, name: str, there: int, more: int, most: int) -> QuotaError:
    who = f"key '{by}' has" if by else "whoever asks without a key has"
    return QuotaError(
        f"{who} added {there:,} of the {most:,} {name} that one key may add, and {more:,} more came; delete some, or have the server"
        f" started with a larger {FLAGS[name]}"
    )
