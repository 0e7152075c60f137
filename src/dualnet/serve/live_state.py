"""What was changed while serving, by id alone: items put, items deleted, events. It outlives any model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..errors import DataError
from ..ids import Key
from ..retrieval.questions import Columns

# {"put": [[id, content], ...]} | {"delete": id} | {"restore": id} | {"events": [[user, item] or [user, item, type], ...]}
Change: TypeAlias = Mapping[str, Any]
EventChange = Literal["like", "seen", "dislike", "none"]  # "none" takes back what was seen or disliked
Event: TypeAlias = tuple[Key, Key] | tuple[Key, Key, EventChange]  # user, item, and what it was: a like where nothing is said
OTHER = ("seen", "dislike", "none")

CHUNK = 500  # items or events of one line when the whole state is written


@dataclass(eq=False)
class LiveState:
    """The sum of all changes.

    Parameters
    ----------
    items : dict of id to content
        Items put; also those that a later model was trained on, for a model that was not.
    deleted : dict of id to None
        Items that must not be listed until they are put again; ordered.
    events : dict of user to dict of item to None
        What each user liked, in order of arrival.
    others : dict of user to dict of item to {"seen", "dislike", "none"}
        What each user saw or disliked; ``none`` takes back what a model may know.
    """

    items: dict[Key, Columns] = field(default_factory=dict)
    deleted: dict[Key, None] = field(default_factory=dict)
    events: dict[Key, dict[Key, None]] = field(default_factory=dict)
    others: dict[Key, dict[Key, str]] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        """Add one change.

        Raises
        ------
        DataError
            If it is of a kind that this version does not know.
        """
        try:
            ((kind, value),) = change.items()
            if kind == "put":
                for key, content in value:
                    self.items.pop(key, None)  # what is put again comes last, as in the catalogue
                    self.items[key] = content
                    self.deleted.pop(key, None)
            elif kind == "delete":
                self.items.pop(value, None)
                self.deleted[value] = None
            elif kind == "restore":
                self.deleted.pop(value, None)
            elif kind == "events":
                for user, item, *kind_of in value:  # journals of earlier versions have likes alone, as pairs
                    self._happened(user, item, *kind_of)
            else:
                raise DataError(f"a change of the kind {kind!r} is not known to this version of dualnet; upgrade it")
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError("a change has not the form that this version of dualnet writes") from error

    def _happened(self, user: Key, item: Key, kind: str = "like") -> None:
        if kind == "like":
            self.events.setdefault(user, {})[item] = None
            self.others.get(user, {}).pop(item, None)
        elif kind in OTHER:
            self.others.setdefault(user, {})[item] = kind
        else:
            raise DataError(f"an event of the type {kind!r} is not known to this version of dualnet; upgrade it")

    def changes(self) -> Iterator[Change]:
        """Yield changes that give this state when applied to an empty one."""
        puts = [[key, content] for key, content in self.items.items()]
        yield from ({"put": part} for part in _parts(puts))
        yield from ({"delete": key} for key in self.deleted)
        pairs: list[list[Key]] = [[user, item] for user, items in self.events.items() for item in items]
        pairs += [[user, item, kind] for user, items in self.others.items() for item, kind in items.items()]
        yield from ({"events": part} for part in _parts(pairs))

    @property
    def n_changes(self) -> int:
        """About how many lines `changes` yields."""
        pairs = sum(len(items) for side in (self.events, self.others) for items in side.values())
        return len(self.items) // CHUNK + len(self.deleted) + pairs // CHUNK + 2


def _parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
