"""Columns of items as numbers and as groups, for rules; those of a model's own rows are made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import DataError, UsageError, nearest

KEPT, KEPT_BYTES = 32, 2**27  # columns that are kept, and about what they may take
MILLION = 1e6
MILLI, MICRO, NANO = 1e11, 1e14, 1e17  # from here on a number is a time in these parts of a second

Numbers: TypeAlias = NDArray[np.float64]
Groups: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


class ItemColumns:
    """The columns of the items of one model.

    Parameters
    ----------
    table : pyarrow.Table or None
        Raw columns of the model's own catalogue.
    columns : collection of str
        What else content may have, for the hint of an error.
    align : callable
        As in `filters.Filters`.
    """

    def __init__(self, table: pa.Table | None, columns: Collection[str], align: Callable[..., Any]) -> None:
        self._table, self._columns, self._align = table, columns, align
        self._kept: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._lock = threading.Lock()  # several scoring threads ask

    def numbers(self, column: str, contents: Sequence[Mapping[str, Any]] = ()) -> Numbers:
        """Return a column as numbers, dates as seconds since 1970, NaN where there is none; shape (n + len(contents),).

        Parameters
        ----------
        column : str
            A column of numbers, dates, or text that holds nothing else.
        contents : sequence of mapping
            Content of items behind the table.

        Raises
        ------
        UsageError
            For a column that does not exist.
        DataError
            For a column of another kind.
        """
        return self._read(column, contents)[0]

    def times(self, column: str, contents: Sequence[Mapping[str, Any]] = ()) -> Numbers:
        """Return a column as seconds since 1970, of numbers by their size; arguments and errors as in `numbers`."""
        found, are_times = self._read(column, contents)
        if not are_times:
            size = np.nan_to_num(np.abs(found))
            found = found / np.select([size >= NANO, size >= MICRO, size >= MILLI], [1e9, 1e6, 1e3], 1.0)
        return found

    def number(self, column: str, value: Any) -> float:
        """Return one value on the scale of `numbers`; errors as there."""
        kind = pa.timestamp("us") if self._read(column, ())[1] else pa.float64()  # also of dates and numbers that are text
        try:
            return float(_seconds(pa.chunked_array([self._align(pa.chunked_array([], kind), [value], ordered=True)[1]]))[0])
        except (pa.ArrowException, TypeError, ValueError, OverflowError, IndexError) as error:
            raise DataError(
                f"{str(value)[:80]!r} does not fit the column '{column}', whose values are {self._cells(column).type}"
            ) from error

    def groups(self, column: str, contents: Sequence[Mapping[str, Any]] = ()) -> Groups:
        """Return the values of a column as group numbers: those of row i are ``groups[starts[i]:starts[i + 1]]``.

        A missing value is no group; a list has one for each of its entries. Arguments and errors as in `numbers`.
        """
        if not contents:
            found: Groups = self._own("groups", column, _as_groups)
            return found
        cells = self._cells(column)
        behind = self._behind(column, contents)
        try:
            both = pa.chunked_array([*cells.chunks, *behind.cast(cells.type).chunks], cells.type)
        except pa.ArrowException:
            both = pa.chunked_array([pa.array([*cells.to_pylist(), *behind.to_pylist()])])
        return _as_groups(both)

    def check(self, column: str) -> None:
        """Refuse a column that does not exist; raises `UsageError`."""
        if self._table is None or column not in self._table.column_names:
            hint = nearest(column[:80], self._columns) if self._columns else " It has none."
            raise UsageError(f"there is no item column {column[:80]!r} for a rule.{hint}")

    def _cells(self, column: str) -> pa.ChunkedArray:
        self.check(column)
        assert self._table is not None
        cells = self._table.column(column)
        return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells

    def _own(self, what: str, column: str, make: Callable[[pa.ChunkedArray], Any]) -> Any:
        with self._lock:
            if (what, column) in self._kept:
                self._kept.move_to_end((what, column))
                return self._kept[what, column]
        found = make(self._cells(column))
        with self._lock:
            self._kept[what, column] = found
            most = min(KEPT, max(1, KEPT_BYTES // (8 * max(1, self._table.num_rows if self._table is not None else 1))))
            while len(self._kept) > most:
                self._kept.popitem(last=False)
        return found

    def _behind(self, column: str, contents: Sequence[Mapping[str, Any]]) -> pa.ChunkedArray:
        kind = self._cells(column).type
        values = [content.get(column) for content in contents]
        try:
            return pa.chunked_array([pa.array(values, kind)])
        except (pa.ArrowException, TypeError, ValueError):  # halves behind whole numbers, dates as text
            return pa.chunked_array([pa.array(values)])

    def _read(self, column: str, contents: Sequence[Mapping[str, Any]]) -> tuple[Numbers, bool]:
        """Return a column as numbers, and whether it is one of dates or times, also as text."""
        own, are_times = self._own("numbers", column, lambda cells: self._as_numbers(cells, column))
        if not contents:
            return own, are_times
        return np.concatenate([own, self._as_numbers(self._behind(column, contents), column)[0]]), are_times

    def _as_numbers(self, cells: pa.ChunkedArray, column: str) -> tuple[Numbers, bool]:
        if pa.types.is_null(cells.type):
            return np.full(len(cells), np.nan), False
        try:
            found = self._align(cells, [0], ordered=True)[0]
            return _seconds(found), pa.types.is_temporal(found.type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"the column '{column}' is no column of numbers or dates; its values are {cells.type}") from error


def _seconds(cells: pa.ChunkedArray) -> Numbers:
    if pa.types.is_temporal(cells.type):
        moments = pc.cast(pc.cast(cells, pa.timestamp("us")), pa.int64())
        return np.asarray(pc.cast(moments, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64) / MILLION
    if not (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type) or pa.types.is_boolean(cells.type)):
        raise TypeError
    if pa.types.is_boolean(cells.type):
        cells = pc.cast(cells, pa.int64())
    found = np.asarray(pc.cast(cells, pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _as_groups(cells: pa.ChunkedArray) -> Groups:
    whole = cells.combine_chunks()
    rows = np.arange(len(whole))
    if pa.types.is_list(whole.type) or pa.types.is_large_list(whole.type):
        rows, whole = pc.list_parent_indices(whole).to_numpy(zero_copy_only=False), pc.list_flatten(whole)
    if pa.types.is_dictionary(whole.type):
        whole = whole.cast(whole.type.value_type)
    there = np.asarray(pc.is_valid(whole).to_numpy(zero_copy_only=False), bool)
    codes = pc.fill_null(pc.dictionary_encode(whole).indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    rows, codes = np.asarray(rows, np.int64)[there], codes[there]
    pairs = np.unique(np.stack([rows, codes]), axis=1)  # a value that stands in a list twice counts once
    starts = np.concatenate([[0], np.cumsum(np.bincount(pairs[0], minlength=len(cells)))]).astype(np.int64)
    return starts, pairs[1]
