"""DuckDB driver: the file is opened read-only, rows come as Arrow batches, and only SELECT statements are accepted."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...errors import DataError, ResourceError, optional_package
from ..open_input import check_regular
from ..trusted_paths import HOW, trusts_paths
from .address import MEMORY, Address
from .columns import check_names, plain_types
from .driver import BATCH, Values, too_slow
from .query import Query

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAMED = re.compile(r'(?:column|at or near) "([^"]+)"|(?:Table|Function) with name (\S+)')
LINE = re.compile(r"^LINE (\d+): ?", re.MULTILINE)


@contextmanager
def open_duckdb(address: Address, timeout: float | None) -> Iterator[DuckdbSession]:
    """Open a database file for reading, or with ``duckdb:///:memory:`` an empty one to read Parquet and CSV files with.

    Parameters
    ----------
    address : Address
        Of a file.
    timeout : float or None
        Seconds that a query may take.

    Raises
    ------
    MissingExtraError
        Without the package duckdb.
    ResourceError
        If the file cannot be opened, for example because another process writes to it.
    """
    with optional_package("duckdb", "sql", "reading from DuckDB"):
        import duckdb
    path = str(address.path)
    config: dict[str, Any] = {"autoinstall_known_extensions": "false"}  # nothing is ever downloaded, no extension either
    if path != MEMORY:
        if address.path.exists():  # of one that is missing DuckDB says more
            check_regular(address.path, None, ResourceError, f"the DuckDB database {path}")
        if not trusts_paths(None):  # a view of a file from anybody could read any other file of this machine
            config["enable_external_access"] = "false"
    try:
        connection = duckdb.connect(path, read_only=path != MEMORY, config=config)
    except duckdb.Error as error:
        raise ResourceError(
            f"cannot open the DuckDB database {path}: {_first_line(error)}; check the path in the URL, and that nobody writes to it"
        ) from error
    with connection:
        connection.execute("BEGIN")
        yield DuckdbSession(connection, timeout)


class DuckdbSession:
    """An open DuckDB database; see `Session`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        In a transaction.
    timeout : float or None
        Seconds that a query may take.
    """

    def __init__(self, connection: DuckDBPyConnection, timeout: float | None) -> None:
        self._connection, self._timeout = connection, timeout

    def read(self, query: Query, values: Values) -> pa.Table:
        """Return all rows of a query; see `Session.read`."""
        import duckdb

        statement, _ = query.written(lambda name: f"${name}")  # as long as :name, so positions stay
        alarm = threading.Timer(self._timeout, self._connection.interrupt) if self._timeout is not None else None
        try:
            found = self._connection.extract_statements(statement)
            kinds = [parsed.type.name for parsed in found]
            if kinds != ["SELECT"]:
                raise DataError(
                    f"{query.place} is {' and '.join(kinds)} to DuckDB; keep a single SELECT (or FROM, VALUES): a query may only read"
                )
            if alarm is not None:
                alarm.daemon = True
                alarm.start()
            relation = self._connection.sql(statement, params=dict(values) or None)
            check_names(query, relation.columns)
            # older releases of DuckDB know it as record_batch
            stream: Any = getattr(relation, "to_arrow_reader", None) or relation.record_batch
            reader = stream(BATCH)
            return plain_types(pa.Table.from_batches(reader, reader.schema))
        except (duckdb.Error, pa.ArrowException) as error:
            if "INTERRUPT" in str(error):  # an error of Arrow's where it came between two batches
                raise too_slow(query, self._timeout) from error
            remedy = ""
            if isinstance(error, duckdb.PermissionException):
                remedy = (
                    f"; a view of a database may not read other files unless you say so. If you trust who made it: {HOW.split(',')[0]};"
                    " or read the files themselves with duckdb:///:memory:"
                )
            raise DataError(f"{_refusal(query, error)}{remedy}") from error
        finally:
            if alarm is not None:
                alarm.cancel()


def _first_line(error: Any) -> str:
    return str(error).split("\n", 1)[0].rstrip(".; ")


def _refusal(query: Query, error: Any) -> str:
    """Return DuckDB's own words; its caret under the line becomes a column. Where there are parameters it draws none."""
    line = LINE.search(str(error))
    place = query.place
    if line is None:
        named = NAMED.search(str(error))
        place = query.near((named[1] or named[2]) if named else "")
    else:
        shown, _, marks = str(error)[line.start() :].partition("\n")
        place += f", line {line[1]}"
        if "^" in marks and not shown[line.end() - line.start() :].startswith("..."):  # a long line is shown in part
            place += f", column {marks.index('^') - (line.end() - line.start()) + 1}"
    return f"{place}: {_first_line(error)}; mend the query"
