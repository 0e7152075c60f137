"""The thread that hears of changes of other servers, and finds the database again when it was away."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from ...errors import DualNetError
from .link import Link, StoreAwayError
from .schema import CHANNEL, SERVE, lock_key
from .shared_store import SharedStore

POLL = 0.25  # seconds without a notification after which the database is asked: a pooler may pass none on
FIRST, LONGEST = 0.05, 5.0  # seconds between attempts to find the database again


class Listener:
    """Waits for changes of other servers on a connection of its own.

    Parameters
    ----------
    store : SharedStore
        Whose `position` says what this server has.
    catch_up : callable
        Brings what is new into this server, and returns when it is there.
    """

    def __init__(self, store: SharedStore, catch_up: Callable[[], None]) -> None:
        self._store, self._catch_up = store, catch_up
        self._link = Link(store.address.url, autocommit=True)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dualnet-listening", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop; what the database still owes is not waited for."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(2 * POLL + 1.0)

    def _run(self) -> None:
        pause, failures = FIRST, 0
        while not self._closing.is_set():
            try:
                self._open()
                while not self._closing.is_set():
                    self._look()
                    pause, failures = FIRST, 0
                    self._link.notified(POLL)
            except Exception as error:  # whatever it is: the thread must live, and the server say that it cannot follow
                self._link.close()
                failures += 1
                if failures > 1:  # once may be a connection that was lost; the database is away if it cannot be found again
                    known = isinstance(error, DualNetError)
                    told = str(error) if known else f"changes cannot be followed ({type(error).__name__})"
                    self._store.away = self._store.away or told
                self._closing.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  so that many servers do not come at once
                pause = min(2 * pause, LONGEST)
        self._link.close()

    def _open(self) -> None:
        """Connect, listen, and hold the sign that a server is there for as long as the connection lasts."""
        self._link.open()
        row = self._link.execute(f"SELECT {CHANNEL}").fetchone()
        if row is None or row[0] is None:
            raise StoreAwayError("the table dualnet_store is not there")
        self._link.execute(f'LISTEN "{row[0]}"')
        self._link.execute(f"SELECT pg_advisory_lock_shared({lock_key(SERVE)})")

    def _look(self) -> None:
        """Catch up if there is anything new, or the database was away."""
        row = self._link.execute("SELECT head, turn, identity FROM dualnet_store").fetchone()
        store = self._store
        if store.away or row is None or row != (store.position, store.turn_read, store.identity):
            self._catch_up()
