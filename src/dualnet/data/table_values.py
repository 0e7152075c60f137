"""Columns of a table that was read, as numbers and times; what cannot be used is named with its file, line and column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import DataError, nearest
from .read_table import LoadedTable


def column_of(loaded: LoadedTable, column: str, what: str) -> list[Any]:
    """Return the values of a column; a `DataError` names the columns there are."""
    return chunks_of(loaded, column, what).to_pylist()


def chunks_of(loaded: LoadedTable, column: str, what: str) -> pa.ChunkedArray:
    """Return a column as it is; errors as in `column_of`."""
    if column not in loaded.table.column_names:
        hint = nearest(column, loaded.table.column_names)
        raise DataError(
            f"{loaded.name} has no {what} column '{column}'; found {', '.join(loaded.table.column_names)}."
            f"{hint if 'Did you mean' in hint else ''} Say which it is with {what}= (--{what}-column on the command line)"
        )
    return loaded.table.column(column)


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
