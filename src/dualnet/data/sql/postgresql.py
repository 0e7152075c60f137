"""PostgreSQL driver (psycopg): one read-only transaction, a cursor on the server, batches of rows as Arrow columns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...errors import DataError, ResourceError, optional_package
from .address import Address
from .columns import table_of_rows
from .driver import BATCH, Values, too_slow
from .postgresql_types import column_types
from .postgresql_url import database_of, settings_of, without_secrets
from .query import Query

if TYPE_CHECKING:
    import psycopg

DECLARE = "DECLARE dualnet_rows NO SCROLL CURSOR FOR "
PATIENCE = 10  # seconds to connect, where the URL does not say
QUERY_CANCELED = "57014"
READ_ONLY = "25006"
NO_RIGHT = "42501"
OUTSIDE = ("08", "53", "57", "58")  # classes of codes: connection, resources, operator, system


@contextmanager
def open_postgresql(address: Address, timeout: float | None) -> Iterator[PostgresqlSession]:
    """Connect, and begin a transaction that sees one state of the data and may not write.

    Parameters
    ----------
    address : Address
        Any URL that libpq understands; what it leaves out comes from libpq's own variables (PGHOST, PGPASSWORD, ...).
    timeout : float or None
        Seconds that a query may take.

    Raises
    ------
    MissingExtraError
        Without the package psycopg.
    UsageError
        If the URL cannot be understood; it is not repeated.
    ResourceError
        If no connection can be made; host and database are named, the password never.
    """
    with optional_package("psycopg", "sql", "reading from PostgreSQL"):
        import psycopg
    given = settings_of(address.url)
    settings: dict[str, Any] = {"connect_timeout": PATIENCE, "application_name": "dualnet", **given, "client_encoding": "utf8"}
    connection = None
    try:
        connection = psycopg.connect(**settings)
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.prepare_threshold = None  # a pooler would hand our prepared statements to somebody else
        # all rows are read, so the plan with the cheapest whole is best
        local = {"TimeZone": "UTC", "cursor_tuple_fraction": "1"}
        if timeout is not None:
            local["statement_timeout"] = str(max(round(timeout * 1000), 1))
        for name, value in local.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
    except psycopg.Error as error:
        if connection is not None:
            connection.close()
        raise ResourceError(
            f"cannot connect to the PostgreSQL database {database_of(given)}: {without_secrets(str(error), given)}; check the URL,"
            " and that the server is up"
        ) from None
    try:
        yield PostgresqlSession(connection, timeout)
    finally:
        connection.close()  # without a commit: what slips through a read-only transaction (large objects) is gone too


class PostgresqlSession:
    """An open transaction; see `Session`.

    Parameters
    ----------
    connection : psycopg.Connection
        In a read-only transaction.
    timeout : float or None
        Seconds that a query may take, all of its batches together.
    """

    def __init__(self, connection: psycopg.Connection[Any], timeout: float | None) -> None:
        self._connection, self._timeout = connection, timeout

    def read(self, query: Query, values: Values) -> pa.Table:
        """Return all rows of a query; see `Session.read`.

        The cursor is declared by a statement of its own rather than by psycopg's class for it: so the position of an error
        can be told, and columns can get their loaders before the first row is read.
        """
        import psycopg

        places: dict[str, str] = {}
        statement, original = query.written(lambda name: places.setdefault(name, f"${len(places) + 1}"))
        bound = [_bound(values[name]) for name in places]
        end = None if self._timeout is None else time.monotonic() + self._timeout
        cursor = psycopg.RawCursor(self._connection)
        try:
            # binary asks for the extended protocol, in which the server itself refuses a second statement
            cursor.execute((DECLARE + statement).encode(), bound, binary=True, prepare=False)
            cursor.execute("FETCH FORWARD 0 FROM dualnet_rows")
            names, types = column_types(cursor, query)
            table = table_of_rows(query, names, self._batches(cursor, query, end), types)
            cursor.execute("CLOSE dualnet_rows")
            return table
        except psycopg.Error as error:
            raise self._refusal(query, error, original) from error

    def _batches(self, cursor: psycopg.RawCursor[Any], query: Query, end: float | None) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield rows as they are fetched; the server's limit holds for each batch, this one for all."""
        while rows := cursor.execute(f"FETCH FORWARD {BATCH} FROM dualnet_rows".encode()).fetchall():
            yield rows
            if end is not None and time.monotonic() > end:
                raise too_slow(query, self._timeout)

    def _refusal(self, query: Query, error: Any, original: Any) -> DataError | ResourceError:
        """Return our error for one of psycopg's: the database's own words, and the place in the file."""
        said = error.diag
        if said.sqlstate == QUERY_CANCELED and self._timeout is not None:
            return too_slow(query, self._timeout)
        if self._connection.broken:
            return ResourceError(f"{query.place}: the connection to the database was lost; run the command again")
        message = said.message_primary or str(error).split("\n", 1)[0]
        if (said.sqlstate or "")[:2] in OUTSIDE:
            return ResourceError(f"{query.place}: {message}; ask the server's administrator, or run the command again")
        place = query.place
        if said.statement_position is not None:
            position = int(said.statement_position) - 1 - len(DECLARE)
            place = query.at(original(max(position, 0)))
        remedy = said.message_hint or "mend the query"
        if said.sqlstate == READ_ONLY:
            remedy = "a query may only read"
        elif said.sqlstate == NO_RIGHT:
            remedy = "grant that right to the user of the URL"
        elif not query.reads:
            remedy = "keep a single SELECT (or WITH, VALUES, TABLE): a query may only read"
        return DataError(f"{place}: {message}; {remedy}")


def _bound(value: Any) -> Any:
    """Return numbers as text without a type, which the server reads as the type of what they are compared with."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
