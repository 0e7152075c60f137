"""SQLite, through Python's own module: the file opened read-only, and an authoriser that lets only reading through."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from ...errors import DataError, ResourceError
from .address import Address
from .columns import table_of_rows
from .driver import BATCH, Values, too_slow
from .query import Query

# VACUUM INTO and ATTACH would write files beside a database that is itself read-only
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
STEPS = 10_000  # instructions of SQLite's machine between two looks at the clock
NEAR = re.compile(r'near "(.+)": syntax error|no such (?:column|table|function): (\S+)', re.DOTALL)


@contextmanager
def open_sqlite(address: Address, timeout: float | None) -> Iterator[SqliteSession]:
    """Open a database file for reading.

    Parameters
    ----------
    address : Address
        Of a file.
    timeout : float or None
        Seconds that a query may take.

    Raises
    ------
    ResourceError
        If there is no such file, or it cannot be opened.
    """
    path = address.path
    if not path.exists():
        raise ResourceError(f"cannot open the SQLite database {path}: there is no such file; check the path in the URL")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise ResourceError(f"cannot open the SQLite database {path}: {error}; check the path and its permissions") from error
    try:
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the state of the data is fixed by the first read
        except sqlite3.Error as error:
            raise ResourceError(
                f"cannot open the SQLite database {path}: {error}; is it a whole SQLite file that nobody is writing to?"
            ) from error
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY)
        yield SqliteSession(connection, timeout)
    finally:
        connection.close()


class SqliteSession:
    """An open SQLite file; see `Session`.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction, with the authoriser set.
    timeout : float or None
        Seconds that a query may take.
    """

    def __init__(self, connection: sqlite3.Connection, timeout: float | None) -> None:
        self._connection, self._timeout = connection, timeout

    def read(self, query: Query, values: Values) -> pa.Table:
        """Return all rows of a query; see `Session.read`."""
        late = False

        def too_late() -> bool:
            nonlocal late
            late = time.monotonic() > end
            return late

        if self._timeout is not None:
            end = time.monotonic() + self._timeout
            self._connection.set_progress_handler(too_late, STEPS)
        try:
            cursor = self._connection.execute(query.text, {name: _bound(value) for name, value in values.items()})
            names = [column[0] for column in cursor.description or ()]
            return table_of_rows(query, names, iter(lambda: cursor.fetchmany(BATCH), []), [None] * len(names))
        except sqlite3.Error as error:
            if late:
                raise too_slow(query, self._timeout) from error
            raise DataError(_refusal(query, str(error))) from error
        finally:
            self._connection.set_progress_handler(None, 0)


def _bound(value: Any) -> Any:
    """Return dates as the ISO text that SQLite keeps them as."""
    return value.isoformat(*(" ",) if hasattr(value, "hour") else ()) if hasattr(value, "isoformat") else value


def _refusal(query: Query, message: str) -> str:
    """Return SQLite's own words, with the place where the text shows it; Python's module does not tell the position."""
    if message in ("not authorized", "authorization denied"):
        return f"{query.place}: {message}; the statement does more than read rows, and a query may only read"
    named = NEAR.fullmatch(message)
    return f"{query.near((named[1] or named[2]) if named else '')}: {message}; mend the query"
