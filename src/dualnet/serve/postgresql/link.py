"""A connection to the database of the state that comes back by itself, and whose every wait has an end."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...data.sql.postgresql_url import database_of, settings_of, without_secrets
from ...errors import ResourceError, optional_package

if TYPE_CHECKING:
    import psycopg

PATIENCE = 10.0  # seconds for a statement; a database that hangs is given up then
LOCK_WAIT = 5.0  # seconds for another server to finish its changes
HELD = 60.0  # seconds after which the database ends a server that holds the turn and says nothing
WAITED = ("55P03", "40P01")  # codes of PostgreSQL: a lock was not to be had in time, or never


class StoreAwayError(ResourceError):
    """The database does not answer, or refused; nothing was changed.

    Parameters
    ----------
    reason : str
        In few words, without a password.
    in_doubt : bool
        Whether it went away while it made a change lasting: nobody knows whether it did.
    waited : bool
        Whether it is there, and another server was waited for too long.
    """

    def __init__(self, reason: str, *, in_doubt: bool = False, waited: bool = False) -> None:
        super().__init__(reason)
        self.in_doubt, self.waited = in_doubt, waited


class Link:
    """A connection that is opened when it is needed, and closed at the first sign of trouble.

    Parameters
    ----------
    url : str
        As `postgresql_url.settings_of` takes it.
    autocommit : bool
        Whether each statement is a transaction of its own.
    """

    def __init__(self, url: str, *, autocommit: bool = False) -> None:
        with optional_package("psycopg", "sql", "a state in PostgreSQL"):
            import psycopg  # noqa: F401  asked before anything else is done
        self._given, self._autocommit = settings_of(url), autocommit
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def database(self) -> str:
        """How the database is called in messages."""
        return database_of(self._given)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None and not self._connection.closed

    def open(self) -> None:
        """Open the connection, if it is not.

        Raises
        ------
        StoreAwayError
            If it cannot be opened.
        """
        import psycopg

        if self.is_open:
            return
        defaults = {
            "connect_timeout": 5, "application_name": "dualnet", "keepalives_idle": 10, "keepalives_interval": 5,
            "keepalives_count": 3, "tcp_user_timeout": 15_000,
        }  # fmt: skip
        with self.told():
            made = psycopg.connect(**{**defaults, **self._given, "client_encoding": "utf8"}, autocommit=self._autocommit)
            self._connection = made
            made.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            made.prepare_threshold = None  # a pooler would hand our prepared statements to somebody else
            with self.deadline(PATIENCE):
                self._settle(made)

    def _settle(self, made: psycopg.Connection[Any]) -> None:
        """Give a new connection its limits."""
        import psycopg

        limits = {"lock_timeout": LOCK_WAIT, "statement_timeout": PATIENCE, "idle_in_transaction_session_timeout": HELD}
        for name, seconds in limits.items():
            made.execute("SELECT set_config(%s, %s, false)", (name, f"{round(seconds * 1000)}ms"))
        # "off" would have a change confirmed that a crash of the database loses; stronger settings stay
        made.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
        if not self._autocommit:
            made.commit()
        with contextlib.suppress(
            psycopg.Error
        ):  # before version 14, or not on Linux: then what was cut off holds its turn longer
            made.execute("SET client_connection_check_interval = '1s'")
        if not self._autocommit:
            made.commit()

    def execute(self, statement: str, values: Sequence[Any] = (), *, seconds: float = PATIENCE) -> psycopg.Cursor[Any]:
        """Run one statement with its values as parameters, and give up after some seconds.

        Raises
        ------
        StoreAwayError
            If the database does not answer, or refuses.
        """
        connection = self._opened()
        with self.told(), self.deadline(seconds):
            return connection.execute(statement.encode(), values or None)

    def first(self, statement: str) -> psycopg.Cursor[Any]:
        """Run the first statement of a transaction; a connection that was lost since the last one is opened once more."""
        was_open = self.is_open
        self.open()
        try:
            return self.execute(statement)
        except StoreAwayError:
            if not was_open or self.is_open:
                raise
            self.open()
            return self.execute(statement)

    def copy(self, statement: str, rows: Iterable[Sequence[Any]], seconds: float) -> None:
        """Send rows to a ``COPY ... FROM STDIN``; errors as in `execute`."""
        connection = self._opened()
        with self.told(), self.deadline(seconds), connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def notified(self, seconds: float) -> bool:
        """Wait for a notification, and return whether one came in some seconds."""
        connection = self._opened()
        with self.told(), self.deadline(seconds + PATIENCE):
            return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))

    def commit(self) -> None:
        """Make the transaction lasting.

        Raises
        ------
        StoreAwayError
            If nobody knows whether it is.
        """
        connection = self._opened()
        with self.told(in_doubt=True), self.deadline(PATIENCE):
            connection.commit()

    def rollback(self) -> None:
        """Undo the transaction; a connection on which that fails is closed, which undoes it as well."""
        if self._connection is None or self._connection.closed:
            return
        with contextlib.suppress(StoreAwayError), self.told(), self.deadline(PATIENCE):
            self._connection.rollback()

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception), self._cut_after(connection, 2.0):
                connection.close()

    def _opened(self) -> psycopg.Connection[Any]:
        """Return the connection as it is: one that was lost must not come back in the middle of a transaction."""
        if self._connection is None or self._connection.closed:
            raise StoreAwayError("the connection was lost")
        return self._connection

    @contextlib.contextmanager
    def told(self, *, in_doubt: bool = False) -> Iterator[None]:
        """Raise what psycopg raises as `StoreAwayError`; the connection is closed unless the database merely refused."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            message = error.diag.message_primary or str(error) or type(error).__name__
            if self._connection is not None and (self._connection.broken or self._connection.closed or in_doubt):
                self.close()
            waited = error.diag.sqlstate in WAITED
            raise StoreAwayError(without_secrets(message, self._given), in_doubt=in_doubt, waited=waited) from None

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Cut the connection if the block takes longer: what waits for the database then ends with an error."""
        if self._connection is None:
            yield
            return
        with self._cut_after(self._connection, seconds):
            yield

    @staticmethod
    @contextlib.contextmanager
    def _cut_after(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
        def cut() -> None:
            with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
