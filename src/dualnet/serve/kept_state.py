"""The state of a server as it was kept: in a folder that is its own, or in a database that several servers share.

What speaks to a database is imported only where one is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .journal import Journal
from .live_state import LiveState
from .store import Record, Store, StoreAddress

if TYPE_CHECKING:
    from .postgresql.listener import Listener


def open_state(state: Path | StoreAddress | None) -> tuple[Store | None, LiveState]:
    """Return what keeps the changes of a server, and the state that it kept.

    Parameters
    ----------
    state : Path or StoreAddress, optional
        A folder, or a database; without it nothing is kept.

    Raises
    ------
    UsageError, DataError, ResourceError
        As `Journal.open` and `SharedStore.open`.
    """
    if state is None:
        return None, LiveState()
    store: Store
    if isinstance(state, Path):
        store, changes = Journal.open(state)
        return _with_store(store, lambda live: _apply(live, changes))
    from .postgresql.shared_store import SharedStore

    store = shared = SharedStore.open(state)

    def read(live: LiveState) -> None:
        with shared.news() as news:
            _apply(live, news.changes)
        live.unerased = False  # whoever forgets somebody removes the rows

    return _with_store(store, read)


def listener_of(store: Store | None, catch_up: Callable[[], None]) -> Listener | None:
    """Return what hears of changes of other servers, where there can be any.

    Parameters
    ----------
    store : Store, optional
        From `open_state`.
    catch_up : callable
        Brings what is new into this server.
    """
    if store is None or isinstance(store, Journal):
        return None
    from .postgresql.listener import Listener
    from .postgresql.shared_store import SharedStore

    assert isinstance(store, SharedStore)
    return Listener(store, catch_up)


def _apply(live: LiveState, changes: Iterable[Record]) -> None:
    for change in changes:
        live.apply(change)


def _with_store(store: Store, read: Callable[[LiveState], None]) -> tuple[Store, LiveState]:
    """Return a store and its state; one that cannot be read is closed."""
    live = store.new_state()
    try:
        read(live)
    except BaseException:
        store.close()
        raise
    return store, live
