"""Filters on item columns: masks computed by Arrow, kept for the rows that cannot change."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import DataError, UsageError, nearest
from .item_columns import ItemColumns
from .questions import Columns, Filter

KEPT = 256  # masks of the model's own rows
KEPT_BYTES = 64 * 2**20  # of all of them
OPERATIONS = ("is", "any", "min", "max", "contains")

Mask = NDArray[np.bool_]


class Align(Protocol):
    """A function that gives a column and the values asked for one type; `ordered` where they bound a range."""

    def __call__(self, cells: pa.ChunkedArray, asked: Sequence[Any], *, ordered: bool) -> tuple[pa.ChunkedArray, pa.Array]:
        """Return both."""


class Filters:
    """Filters of one model; the masks of its own rows are kept, those of added rows are computed.

    Parameters
    ----------
    table : pyarrow.Table or None
        Raw columns of the model's own catalogue.
    columns : collection of str
        What else content may have, for the hint of an error.
    align : callable, optional
        Gives a column and the values asked for one type, so that a number may be asked for as text and a date as ISO text
        (`data.kinds.comparable`); it raises `ValueError`, `TypeError` or `ArrowException` for a value that does not fit.

    Attributes
    ----------
    columns : ItemColumns
        The same columns as numbers and as groups, for rules.
    """

    def __init__(self, table: pa.Table | None, columns: Collection[str] = (), align: Align | None = None) -> None:
        self._table, self._columns, self._align = table, columns, align or _same_type
        self.columns = ItemColumns(table, columns, self._align)
        self._kept: OrderedDict[bytes, Mask] = OrderedDict()
        self._lock = threading.Lock()  # several scoring threads ask

    def mask(self, n_own: int, wanted: Filter, contents: Sequence[Columns] = ()) -> Mask:
        """Return which rows of the table pass, and which items behind them, shape (n_own + len(contents),).

        Parameters
        ----------
        n_own : int
            Rows of the table.
        wanted : mapping
            Column to ``{"is": v}``, ``{"any": [...]}``, ``{"min": v}``, ``{"max": v}`` or ``{"contains": "word"}``; several
            columns, and several conditions of one, must all hold. A list column passes if one of its entries does. A missing
            value passes nothing.
        contents : sequence of mapping
            Content of items behind the table: live ones, and those that came with the question.

        Raises
        ------
        UsageError
            For a column or condition that does not exist.
        DataError
            For a value that does not fit the column.
        """
        mask = np.ones(n_own + len(contents), bool)
        for column, conditions in wanted.items():
            if self._table is None or column not in self._table.column_names:
                hint = nearest(column[:80], self._columns) if self._columns else " It has none."
                raise UsageError(f"there is no item column {column[:80]!r} to filter on.{hint}")
            if not isinstance(conditions, Mapping) or not conditions:
                example = json.dumps({column: {"is": conditions if isinstance(conditions, str | int | float) else "..."}})
                raise UsageError(f"the filter of '{column}' says not what to compare with; write {example:.200}")
            for operation, value in conditions.items():
                mask[:n_own] &= self._own(column, operation, value)
                if contents:
                    mask[n_own:] &= self._live(contents, column, operation, value)
        return mask

    def _own(self, column: str, operation: str, value: Any) -> Mask:
        text = json.dumps([column, operation, value], sort_keys=True, default=str)
        name = hashlib.sha256(text.encode()).digest()  # a list of values can be as long as a request
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        assert self._table is not None
        found = condition(self._table.column(column), column, operation, value, self._align)
        with self._lock:
            self._kept[name] = found
            while len(self._kept) > min(KEPT, max(1, KEPT_BYTES // max(1, len(found)))):
                self._kept.popitem(last=False)
        return found

    def _live(self, contents: Sequence[Columns], column: str, operation: str, value: Any) -> Mask:
        assert self._table is not None
        kind = self._table.schema.field(column).type
        values = [content.get(column) for content in contents]
        try:
            cells = pa.array(values, kind)
        except pa.ArrowInvalid:  # halves behind a column of whole numbers
            cells = pa.array(values)
        return condition(pa.chunked_array([cells]), column, operation, value, self._align)


def condition(values: pa.ChunkedArray, column: str, operation: str, value: Any, align: Align | None = None) -> Mask:
    """Return which entries of a column fulfil one condition, shape (len(values),); errors as in `Filters.mask`."""
    if operation not in OPERATIONS:
        raise UsageError(f"there is no filter '{str(operation)[:80]}'.{nearest(str(operation)[:80], OPERATIONS)}")
    if operation == "any" and not isinstance(value, list):
        raise DataError(f"the filter 'any' of '{column}' needs a list of values")
    if operation == "contains" and not (isinstance(value, str) and value):
        raise DataError(f"the filter 'contains' of '{column}' needs a text")
    flat, rows = values, None
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        whole = values.combine_chunks()
        flat, rows = pc.list_flatten(whole), pc.list_parent_indices(whole).to_numpy()
        flat = pa.chunked_array([flat])
    if pa.types.is_dictionary(flat.type):
        flat = flat.cast(flat.type.value_type)
    try:
        passed = _passed(flat, operation, value, align or _same_type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the filter '{operation}' of '{column}' does not fit its values, which are {flat.type}") from error
    found = np.asarray(pc.fill_null(passed, False).to_numpy(zero_copy_only=False), bool) if len(passed) else np.zeros(0, bool)
    if rows is None:
        return found
    mask = np.zeros(len(values), bool)
    mask[rows[found]] = True
    return mask


def _passed(values: pa.ChunkedArray, operation: str, value: Any, align: Align) -> Any:
    if operation == "contains":
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            if not pa.types.is_temporal(values.type):
                raise TypeError
            values = values.cast(pa.string())  # 2005-01 is in 2005-01-31 00:00:00
        return pc.match_substring(values, value, ignore_case=True)
    values, asked = align(values, value if operation == "any" else [value], ordered=operation in ("min", "max"))
    if operation in ("is", "any"):
        return pc.is_in(values, asked)
    return (pc.greater_equal if operation == "min" else pc.less_equal)(values, asked[0])


def _same_type(cells: pa.ChunkedArray, asked: Sequence[Any], *, ordered: bool) -> tuple[pa.ChunkedArray, pa.Array]:
    """Return the values asked for as the type of the column; raises `TypeError` where they are of another."""
    text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
    for value in asked:
        if value is None or text != isinstance(value, str) or isinstance(value, bool) != pa.types.is_boolean(cells.type):
            raise TypeError
    if pa.types.is_integer(cells.type) and any(isinstance(value, float) for value in asked):
        return cells.cast(pa.float64()), pa.array(asked, pa.float64())
    return cells, pa.array(asked, cells.type)
