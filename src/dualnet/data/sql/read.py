"""Tables from queries: one session for all queries, and parameters that are checked before the database is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...errors import DataError, UsageError, nearest
from ..read_table import LoadedTable
from ..table_spec import TableSpec
from .address import Address
from .columns import with_lists
from .driver import Session, Value
from .query import Query


def read_sql(
    url: str, query: str | Path, *, parameters: Mapping[str, Value] | None = None, timeout: float | None = None
) -> pa.Table:
    """Return the rows of one query as a table, for example of items that are new since yesterday.

    Parameters
    ----------
    url : str
        ``postgresql://user:password@host/database``, ``duckdb:///path`` or ``sqlite:///path``.
    query : str or Path
        SQL, or a file with it: one statement that reads rows; parameters stand as ``:name``.
    parameters : mapping of str to value, optional
        A value for each parameter.
    timeout : float, optional
        Seconds that the query may take.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    UsageError
        For a URL or parameter that is not understood.
    DataError
        For a query that the database refuses, or that returns no rows.
    ResourceError
        If the database cannot be reached, or time is up.
    """
    return read_queries(Address.parse(url), {"rows": Query.of(query, "rows")}, parameters or {}, timeout)["rows"].table


def read_tables(
    address: Address,
    sources: Mapping[str, str | Path | None],
    spec: TableSpec,
    parameters: Mapping[str, Value],
    timeout: float | None,
) -> dict[str, LoadedTable]:
    """Return the rows of the queries that there are, tags and vectors of the items as lists; see `Dataset.from_sql`.

    Parameters
    ----------
    address : Address
        The database.
    sources : mapping of str to str, Path or None
        Queries for ``events``, ``items`` and ``users``.
    spec : TableSpec
        Names the columns of tags and of vectors.
    parameters, timeout
        See `read_queries`.
    """
    queries = {name: Query.of(source, name) for name, source in sources.items() if source is not None}
    loaded = read_queries(address, queries, parameters, timeout)
    if "items" in loaded:
        loaded["items"] = with_lists(loaded["items"], tuple(spec.tags), tuple(spec.vectors))
    return loaded


def read_queries(
    address: Address, queries: Mapping[str, Query], parameters: Mapping[str, Value], timeout: float | None
) -> dict[str, LoadedTable]:
    """Return the rows of several queries, all of one state of the data; see `read_sql`.

    Parameters
    ----------
    address : Address
        The database.
    queries : mapping of str to Query
        By name.
    parameters : mapping of str to value
        Each query takes those that it names; one that none names is an error.
    timeout : float or None
        Seconds that each query may take.
    """
    if timeout is not None and not 0 < timeout < 1e6:
        raise UsageError(f"the time-out of a query must be a number of seconds above 0, got {timeout:g}")
    wanted = {name for query in queries.values() for name in query.parameters}
    for query in queries.values():
        for name in query.parameters:
            if name not in parameters:
                raise UsageError(
                    f"{query.place} needs a value for :{name}; give it with --sql-param {name}=VALUE (in Python: parameters=)"
                )
    for name in parameters:
        if name not in wanted:
            hint = nearest(name, wanted) if wanted else " There are none."
            raise UsageError(f"no query has a parameter :{name}.{hint}")
    tables: dict[str, LoadedTable] = {}
    with open_session(address, timeout) as session:
        for name, query in queries.items():
            table = session.read(query, {parameter: parameters[parameter] for parameter in query.parameters})
            if table.num_rows == 0:
                raise DataError(f"{query.place} returned no rows; check its conditions, its parameters and the database")
            tables[name] = LoadedTable(table, query.place)
    return tables


@contextmanager
def open_session(address: Address, timeout: float | None) -> Iterator[Session]:
    """Open a database for reading; only the module of its kind is imported.

    Parameters
    ----------
    address : Address
        The database.
    timeout : float or None
        Seconds that a query may take.
    """
    opener: Any
    if address.kind == "postgresql":
        from .postgresql import open_postgresql as opener
    elif address.kind == "duckdb":
        from .duckdb import open_duckdb as opener
    else:
        from .sqlite import open_sqlite as opener
    with opener(address, timeout) as session:
        yield session
