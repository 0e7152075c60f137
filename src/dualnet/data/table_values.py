"""Columns of a table that was read, as numbers and times; what cannot be used is named with its file, line and column."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DualNetWarning, nearest
from .frames import cells_of
from .read_table import LoadedTable

MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138


def column_of(loaded: LoadedTable, column: str, what: str) -> list[Any]:
    """Return the values of a column; a `DataError` names the columns there are."""
    if column not in loaded.table.column_names:
        hint = nearest(column, loaded.table.column_names)
        raise DataError(
            f"{loaded.name} has no {what} column '{column}'; found {', '.join(loaded.table.column_names)}."
            f"{hint if 'Did you mean' in hint else ''} Say which it is with {what}= (--{what}-column on the command line)"
        )
    return cells_of(loaded.table, column)


def numbers_of(loaded: LoadedTable, column: str, *, allow_negative: bool, allow_missing: bool = False) -> NDArray[np.float64]:
    """Return a column of numbers, NaN for missing ones where they are allowed."""
    values = column_of(loaded, column, "number")
    out = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if allow_missing and (value is None or value == ""):
            continue
        try:
            out[row] = float(value)
        except (TypeError, ValueError):
            hint = "; write decimals with a point" if isinstance(value, str) and "," in value else ""
            raise DataError(f"{loaded.place(row)}: {value!r} in column '{column}' is not a number{hint}") from None
        if not np.isfinite(out[row]):
            raise DataError(
                f"{loaded.place(row)}: {value} in column '{column}' must be a finite number; mend or remove the row"
            )
        if out[row] < 0 and not allow_negative:
            raise DataError(
                f"{loaded.place(row)}: {value} in column '{column}' is negative; shift the scale, or leave such events out first"
            )
    return out


def times_of(loaded: LoadedTable, column: str) -> NDArray[np.int64]:
    """Return a column of times as seconds since 1970."""
    values = column_of(loaded, column, "time")
    out = np.empty(len(values), np.int64)
    for row, value in enumerate(values):
        try:
            out[row] = _seconds(value)
        except (TypeError, ValueError, OverflowError):
            raise DataError(
                f"{loaded.place(row)}: {value!r} in column '{column}' is not a time; use seconds since 1970 or ISO dates"
            ) from None
    if np.median(out) > MILLISECONDS_FROM:
        warnings.warn(
            f"times in column '{column}' look like milliseconds and were divided by 1000", DualNetWarning, stacklevel=4
        )
        out //= 1000
    if (out > datetime.now(UTC).timestamp() + 86_400).any():
        warnings.warn(
            f"{int((out > datetime.now(UTC).timestamp()).sum()):,} times in column '{column}' lie in the future",
            DualNetWarning,
            stacklevel=4,
        )
    return out


def _seconds(value: Any) -> int:
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, date):
        return _seconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, str):
        try:
            return int(float(value))
        except ValueError:
            return _seconds(datetime.fromisoformat(value))
    return int(value)
