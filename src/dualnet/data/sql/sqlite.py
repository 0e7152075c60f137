"""SQLite, through Python's own module: the file opened read-only, and an authoriser that lets only reading through.

A file may come from anybody: its views and generated columns run what they like of what a query may, so values, rows and time are
bounded, and functions and virtual tables that SQLite itself holds for risky are not for them.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...errors import DataError, ResourceError
from ..open_input import check_regular
from .address import Address
from .columns import table_of_rows
from .driver import BATCH, Values, too_slow
from .query import Query

# VACUUM INTO and ATTACH would write files beside a database that is itself read-only
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
STEPS = 10_000  # instructions of SQLite's machine between two looks at the clock
LONGEST = 2**26  # bytes of one value: a view makes one of a gigabyte out of nothing
MOST_RATIO, ALWAYS_FINE = 64, 2**30  # bytes of all rows: so many times those of the file, and at least so many
SILENCE = 600.0  # seconds without a row, where no time limit is given: a view can count for ever
BATCH_BYTES = 2**26  # of rows that are Python objects at a time
BESIDE = ("-wal", "-journal", "-shm")
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
    most = _most_bytes(path)
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise ResourceError(f"cannot open the SQLite database {path}: {error}; check the path and its permissions") from error
    try:
        try:
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
                connection.execute(f"PRAGMA {pragma}")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the state of the data is fixed by the first read
        except sqlite3.Error as error:
            raise ResourceError(
                f"cannot open the SQLite database {path}: {error}; is it a whole SQLite file that nobody is writing to?"
            ) from error
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY)
        yield SqliteSession(connection, timeout, most)
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
    most_bytes : int
        Of all rows of a query.
    """

    def __init__(self, connection: sqlite3.Connection, timeout: float | None, most_bytes: int = ALWAYS_FINE) -> None:
        self._connection, self._timeout, self._most_bytes = connection, timeout, most_bytes

    def read(self, query: Query, values: Values) -> pa.Table:
        """Return all rows of a query; see `Session.read`."""
        late = False
        stop: BaseException | None = None
        allowed = SILENCE if self._timeout is None else self._timeout
        end = time.monotonic() + allowed

        def arrived() -> None:
            nonlocal end
            if self._timeout is None:
                end = time.monotonic() + allowed

        def ends() -> bool:  # also without a time limit: in here Python hears Ctrl-C
            nonlocal late, stop
            try:
                late = time.monotonic() > end
            except BaseException as error:  # SQLite would swallow it
                stop = error
                return True
            return late

        self._connection.set_progress_handler(ends, STEPS)
        try:
            cursor = self._connection.execute(query.text, {name: _bound(value) for name, value in values.items()})
            names = [column[0] for column in cursor.description or ()]
            return table_of_rows(query, names, self._batches(query, cursor, arrived), [None] * len(names))
        except sqlite3.Error as error:
            if stop is not None or (str(error) == "interrupted" and not late):  # it may come before the first line of `ends`
                raise stop or KeyboardInterrupt from None
            if late:
                raise too_slow(query, allowed) from error
            raise DataError(_refusal(query, str(error))) from error
        finally:
            self._connection.set_progress_handler(None, 0)

    def _batches(self, query: Query, cursor: sqlite3.Cursor, arrived: Callable[[], None]) -> Iterator[Sequence[Any]]:
        """Yield rows, a bounded part of them at a time, and say when some have arrived."""
        rows: list[Any] = []
        size = done = 0
        for row in cursor:
            rows.append(row)
            size += sum(map(sys.getsizeof, row))
            if len(rows) >= BATCH or size >= BATCH_BYTES:
                done += size
                if done > self._most_bytes:
                    raise DataError(
                        f"{query.place} gives more than {self._most_bytes:,} bytes, far more than the database file has; a view or a"
                        " join makes rows out of nothing: read less, or write the rows into a table first"
                    )
                yield rows
                arrived()
                rows, size = [], 0
        if rows:
            yield rows


def _most_bytes(path: Path) -> int:
    """Return how much a query of a database may give, after making sure that it is a file, with what belongs to it."""
    if not path.exists():
        raise ResourceError(f"cannot open the SQLite database {path}: there is no such file; check the path in the URL")
    size = 0
    for place in (path, *(path.with_name(path.name + end) for end in BESIDE)):
        if place.exists() or place.is_symlink():
            size += check_regular(place, None, ResourceError, f"the SQLite database {place}")
    return max(size * MOST_RATIO, ALWAYS_FINE)


def _bound(value: Any) -> Any:
    """Return dates as the ISO text that SQLite keeps them as."""
    return value.isoformat(*(" ",) if hasattr(value, "hour") else ()) if hasattr(value, "isoformat") else value


def _refusal(query: Query, message: str) -> str:
    """Return SQLite's own words, with the place where the text shows it; Python's module does not tell the position."""
    if message in ("not authorized", "authorization denied"):
        return f"{query.place}: {message}; the statement does more than read rows, and a query may only read"
    named = NEAR.fullmatch(message)
    return f"{query.near((named[1] or named[2]) if named else '')}: {message}; mend the query"
