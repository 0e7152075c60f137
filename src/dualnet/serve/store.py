"""Interface to what keeps the changes of a live state: the journal of a folder, or a database that several servers share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from .live_state import LiveState

Record = Mapping[str, Any]
STORE: Final = "DUALNET_STORE_URL"  # environment variable with the URL of the database that keeps the state


@dataclass(frozen=True)
class StoreAddress:
    """A database that keeps the state of servers.

    Parameters
    ----------
    url : str
        ``postgresql://...`` as libpq understands it; it may hold a password and is never shown.
    """

    url: str = field(repr=False)


@dataclass(frozen=True)
class News:
    """Changes that other servers made since this one last looked.

    Parameters
    ----------
    changes : iterable of mapping
        In order, to be read once.
    whole : bool
        Whether they are the whole state, which takes the place of what is known.
    """

    changes: Iterable[Record] = ()
    whole: bool = False


NOTHING = News()


class Store(Protocol):
    """Keeper of changes: a change is safe in it before anyone is told that it was made.

    All methods are for one thread, the one that writes. Whatever cannot be kept raises `ResourceError`.
    """

    model: str | None

    @property
    def size(self) -> int:
        """Bytes of what is kept."""

    @property
    def settled(self) -> int:
        """Bytes that were kept when the state was last written anew."""

    @property
    def away(self) -> str:
        """Why nothing can be kept at present, in few words; empty while it can."""

    def notes(self) -> list[str]:
        """Return what whoever starts the server should know, a sentence each."""

    def new_state(self) -> LiveState:
        """Return an empty state to which what is kept can be applied."""

    def turn(self) -> AbstractContextManager[News]:
        """Hold the only right to append until the end of the block, and say what others did before; the end makes it lasting."""

    def news(self) -> AbstractContextManager[News]:
        """Say what others did, without the right to append."""

    def lose_track(self) -> None:
        """Note that what was last told did not arrive whole; the next news are the whole state."""

    def append(self, changes: Sequence[Record]) -> None:
        """Write a group of changes, all or none."""

    def compact(self, changes: Iterable[Record]) -> None:
        """Replace what is kept by the shortest list of changes that gives the same state."""

    def erase(self, changes: Iterable[Record]) -> None:
        """Make sure that nothing is kept of who was forgotten, given what is to be kept."""

    def settle(self, state: LiveState) -> None:
        """Put in order what an earlier server left, when one starts."""

    def note_model(self, version: str) -> None:
        """Remember which model serves."""

    def release(self, hashes: Sequence[str]) -> bool:
        """Keep hashes of forgotten users no longer, and return whether that was done."""

    def close(self) -> None:
        """Let go of it; nothing waits to be written."""
