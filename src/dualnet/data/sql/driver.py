"""Interface of a database driver: a session that returns a table for each query."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol, TypeAlias

import pyarrow as pa

from ...errors import ResourceError
from .query import Query

BATCH = 10_000  # rows that are Python objects at a time; what is read already is Arrow

Value: TypeAlias = "str | int | float | bool | date | datetime | None"
Values: TypeAlias = Mapping[str, Value]


class Session(Protocol):
    """An open database that can be asked and not changed; all its queries see one state of the data."""

    def read(self, query: Query, values: Values) -> pa.Table:
        """Return all rows of a query.

        Parameters
        ----------
        query : Query
            One statement.
        values : mapping of str to value
            One for each parameter of the query, bound by the driver.

        Raises
        ------
        DataError
            For a statement that the database refuses; the text is the database's own.
        ResourceError
            If the connection is lost or time is up.
        """
        ...


def too_slow(query: Query, timeout: float | None) -> ResourceError:
    """Return the error for a query that was stopped because its time was up."""
    return ResourceError(
        f"{query.place} took longer than {timeout or 0:g} seconds and was stopped; allow more time, or read less"
    )
