"""Columns of a loaded table as numbers; errors name the file, the line and the column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import DataError, nearest
from .decimal_commas import with_points
from .frames import cells_of, column_at, is_mixed
from .read_table import LoadedTable
from .values import is_missing


def column_of(loaded: LoadedTable, column: str, what: str) -> list[Any]:
    """Return the values of a column; a `DataError` names the columns there are."""
    chunks_of(loaded, column, what)
    return cells_of(loaded.table, column)


OPTIONS = {  # what says which column it is
    "user": "user= (--user-column on the command line)",
    "item": "item= (--item-column on the command line)",
    "event": "event= (--event-column on the command line)",
}


def chunks_of(loaded: LoadedTable, column: str, what: str) -> pa.ChunkedArray:
    """Return a column as it is; errors as in `column_of`."""
    if column not in loaded.table.column_names:
        hint = nearest(column, loaded.table.column_names)
        told = f" Say which it is with {OPTIONS[what]}" if what in OPTIONS else " Name one of these"
        if loaded.has_fields and any(name.isdecimal() for name in loaded.table.column_names):
            told += "; or, if the first line is a row, name the columns with column_names= (--column-names)"
        raise DataError(
            f"{loaded.name} has no {what} column '{column}'; found {', '.join(loaded.table.column_names)}."
            f"{hint if 'Did you mean' in hint else ''}{told}"
        )
    return column_at(loaded.table, column).cells


def numbers_of(
    loaded: LoadedTable, column: str, *, allow_missing: bool = False, largest: float = np.inf
) -> NDArray[np.float64]:
    """Return a column of numbers, NaN for missing ones where they are allowed; one above `largest` is refused with its place."""
    found = _numbers_of(loaded, column, allow_missing)
    over = np.flatnonzero(np.abs(found) > largest)
    if len(over):
        raise DataError(
            f"{loaded.place(int(over[0]))}: {found[over[0]]:g} in column '{column}' is larger than {largest:.3g}, the most there may"
            " be; scale the column or mend the row"
        )
    return found


def _numbers_of(loaded: LoadedTable, column: str, allow_missing: bool) -> NDArray[np.float64]:
    cells = chunks_of(loaded, column, "number")
    if loaded.decimal is not None or not _is_plain(cells):
        loaded = with_points(loaded, (column,))
        cells = chunks_of(loaded, column, "number")
    at_once = None if is_mixed(loaded.table.schema.field(column)) else _finite_or_none(cells, allow_missing)
    if at_once is not None:
        return at_once
    values = column_of(loaded, column, "number")
    out = np.full(len(values), np.nan)
    lost = [row for row, value in enumerate(values) if is_missing(value) or value == ""]
    if lost and not allow_missing:
        raise DataError(
            f"{loaded.place(lost[0])}: the number in column '{column}' is missing ({len(lost):,} such rows); fill or remove them"
        )
    truths = all(isinstance(value, bool) or is_missing(value) for value in values)
    for row, value in enumerate(values):
        if is_missing(value) or value == "":
            continue
        try:
            if isinstance(value, str) and "_" in value:  # Python reads 1_000
                raise ValueError
            if isinstance(value, bool) and not truths:  # true among numbers is no 1
                raise ValueError
            out[row] = float(value)
        except OverflowError:
            out[row] = np.inf
        except (TypeError, ValueError):
            hint = "; write all of them alike, with a decimal point or comma" if isinstance(value, str) and "," in value else ""
            raise DataError(f"{loaded.place(row)}: {value!r} in column '{column}' is not a number{hint}") from None
        if not np.isfinite(out[row]):
            raise DataError(
                f"{loaded.place(row)}: {str(value)[:60]} in column '{column}' must be a finite number; mend or remove the row"
            )
    return out


def _is_plain(cells: pa.ChunkedArray) -> bool:
    """Return whether no number of a column can have a comma."""
    return not pa.types.is_string(cells.type) or not pc.any(pc.match_substring(cells, ",")).as_py()


def _finite_or_none(cells: pa.ChunkedArray, allow_missing: bool) -> NDArray[np.float64] | None:
    """Return millions of numbers in one go, or None where some need a closer look."""
    kind = cells.type
    if cells.null_count and not allow_missing:
        return None
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind)):
        return None
    try:
        found = pc.cast(cells, pa.float64(), safe=False).to_numpy().astype(np.float64)
    except pa.ArrowException:
        return None
    whole = np.isfinite(found) | np.asarray(pc.is_null(cells).to_numpy())
    return found if whole.all() else None
