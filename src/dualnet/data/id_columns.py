"""Columns of ids: blanks around them and Unicode forms by one rule, numbers among text become text; all counted and said."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import DataError, DualNetWarning, listing
from ..ids import clean_id
from .frames import column_at
from .read_table import LoadedTable
from .table_values import column_of

_SEVERAL = re.compile(r"[A-Za-z]?\d+(?:-[01])?(?:[ ,]+[A-Za-z]?\d+(?:-[01])?)+")
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f\ufffd]|(?:^|[/\\])\.\.(?:[/\\]|$)")


def ids_of(loaded: LoadedTable, column: str, what: str) -> NDArray[Any]:
    """Return a column of ids: int64, or object with one text shared by all its rows; millions cost megabytes.

    Text loses blanks around it and gets one Unicode form (`clean_id`); where some ids are text and others whole numbers, all
    become text.

    Parameters
    ----------
    loaded : LoadedTable
        Events, items or users.
    column : str
        Its name.
    what : str
        ``user``, ``item`` or ``id``, for texts.

    Raises
    ------
    DataError
        If an id is missing, neither text nor a whole number, or holds half a character.

    Warns
    -----
    DualNetWarning
        If ids were changed, or some cannot be asked for over HTTP.
    """
    if what == "id" and column not in loaded.table.column_names:
        raise DataError(
            f"{loaded.name} has no column '{column}' of ids, as the events have; found {', '.join(loaded.table.column_names)}. Rename"
            f" the column with the ids to '{column}'"
        )
    if column in loaded.table.column_names:
        chunks, mixed, halved = column_at(loaded.table, column)
        if halved:
            refuse_halves(loaded, column, what)
        if chunks.null_count == 0 and not mixed and pa.types.is_integer(chunks.type):
            return np.asarray(chunks.to_numpy())
        if chunks.null_count == 0 and not mixed and (pa.types.is_string(chunks.type) or pa.types.is_large_string(chunks.type)):
            coded = chunks.combine_chunks().dictionary_encode()
            texts = coded.dictionary.to_pylist()
            clean = [clean_id(text) for text in texts]
            if "" not in clean:
                codes = coded.indices.to_numpy()
                if clean != texts:
                    changed = np.array([new != old for new, old in zip(clean, texts, strict=True)])
                    pairs = [(old, new) for old, new in zip(texts, clean, strict=True) if new != old]
                    _say_changed(int(changed[codes].sum()), pairs, len(set(texts)) - len(set(clean)), column, what)
                _say_odd(clean, column, what)
                _refuse_rows_of_ids(clean, column, what, loaded)
                return np.asarray(_array(clean)[codes])
    return _of_values(loaded, column, what)


def _of_values(loaded: LoadedTable, column: str, what: str) -> NDArray[Any]:
    values = column_of(loaded, column, what)
    for row, value in enumerate(values):
        if value is None or (isinstance(value, str) and not clean_id(value)):
            missing = sum(v is None or (isinstance(v, str) and not clean_id(v)) for v in values)
            raise DataError(
                f"{loaded.place(row)}: the {what} id in column '{column}' is missing ({missing:,} such rows); fill or remove them"
            )
        if isinstance(value, float | bool) or not isinstance(value, str | int):
            hint = ""
            if isinstance(value, float) and value.is_integer():
                hint = " (a gap may have made numbers of a data frame floats: astype('Int64'))"
            raise DataError(
                f"{loaded.place(row)}: the {what} id {value!r} in column '{column}' is a {type(value).__name__}; make ids text or"
                f" integers{hint}"
            )
    numbers = sum(isinstance(value, int) for value in values)
    if 0 < numbers < len(values):
        warnings.warn(
            f"{numbers:,} of {len(values):,} {what} ids in column '{column}' are numbers and the others text; all became text",
            DualNetWarning,
            stacklevel=4,
        )
    if numbers == len(values):
        return _array(values)
    texts = [clean_id(str(value)) for value in values]
    pairs = [(old, new) for old, new in zip(values, texts, strict=True) if isinstance(old, str) and new != old]
    if pairs:
        before = {str(value) for value in values}
        _say_changed(len(pairs), pairs, len(before) - len(set(texts)), column, what)
    _say_odd(list(dict.fromkeys(texts)), column, what)
    return _array(texts)


def refuse_halves(loaded: LoadedTable, column: str, what: str) -> None:
    """Refuse a column of ids whose reader put U+FFFD in place of half a character: two ids would be one."""
    rows = [row for row, value in enumerate(column_of(loaded, column, what)) if isinstance(value, str) and "\ufffd" in value]
    if rows:
        raise DataError(
            f"{loaded.place(rows[0])}: the {'' if what == 'id' else f'{what} '}id in column '{column}' holds half a character (a lone surrogate, as text that was"
            f" cut has it), so that two ids could become one ({len(rows):,} such rows); write the ids whole"
        )


def _say_changed(count: int, pairs: Sequence[tuple[str, str]], merged: int, column: str, what: str) -> None:
    old, new = pairs[0]
    same = f"; {merged:,} of them were other forms of ids that are there too" if merged else ""
    warnings.warn(
        f"{count:,} {what} ids in column '{column}' lost blanks around them or got one Unicode form, such as {old!r}, now"
        f" {new!r}{same}",
        DualNetWarning,
        stacklevel=5,
    )


def _say_odd(ids: Sequence[str], column: str, what: str) -> None:
    odd = [key for key in ids if _NOT_IN_A_PATH.search(key) or (what != "user" and key.endswith("/picture"))]
    if odd:
        warnings.warn(
            f"{len(odd):,} {what} ids in column '{column}' cannot be asked for over HTTP, such as {listing(odd, 1)}: control"
            " characters, U+FFFD, '..' as a part of a path, or '/picture' at the end; rename them before you serve them",
            DualNetWarning,
            stacklevel=5,
        )


def _refuse_rows_of_ids(ids: Sequence[str], column: str, what: str, loaded: LoadedTable) -> None:
    """Refuse a column whose cells hold several ids: as one id each they would be learned as things of their own."""
    several = [key for key in ids if _SEVERAL.fullmatch(key)]
    if what == "item" and len(several) * 2 > len(ids):
        raise DataError(
            f"{loaded.name}: cells of column '{column}' hold several ids, such as {several[0][:60]!r}; write one event a row (in"
            " pandas: frame.assign(item_id=frame[...].str.split()).explode('item_id'))"
        )


def _array(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
