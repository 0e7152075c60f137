"""Columns of ids: blanks and Unicode forms follow one rule, numbers among text become text, and a warning counts changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import DataError, listing, warn
from ..ids import IdMap, Key, Rows, clean_id
from .frames import column_at
from .read_table import LoadedTable
from .table_values import column_of

_SEVERAL = re.compile(r"[A-Za-z]?\d+(?:-[01])?(?:[ ,]+[A-Za-z]?\d+(?:-[01])?)+")
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f\ufffd]|(?:^|[/\\])\.\.(?:[/\\]|$)")


@dataclass(frozen=True, eq=False)
class IdColumn:
    """A column of ids as the distinct ones and their places: millions of rows cost a number each.

    Parameters
    ----------
    keys : ndarray of int64 or of str
        Ids; each row has one of them, and some may have no row.
    places : ndarray of int, shape (n_rows,)
        Place in `keys` of the id of each row.
    """

    keys: NDArray[Any]
    places: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def is_text(self) -> bool:
        """Whether the ids are text."""
        return len(self.keys) > 0 and isinstance(self.keys[0], str)

    def as_text(self) -> IdColumn:
        """Return the ids as text: 7 becomes '7', never '007'."""
        return IdColumn(_array([str(key) for key in self.keys.tolist()]), self.places)

    def take(self, rows: NDArray[Any]) -> IdColumn:
        """Return some rows, by number or by mask."""
        return IdColumn(self.keys, self.places[rows])

    def values(self) -> NDArray[Any]:
        """Return the id of each row: int64, or object with one text shared by all its rows."""
        return np.asarray(self.keys[self.places])

    def distinct(self) -> list[Key]:
        """Return the ids that have a row, in no order."""
        return self.keys[self._used()].tolist()

    def rows_in(self, ids: IdMap) -> Rows:
        """Return the row of each id in a map, -1 where it is unknown."""
        return ids.find(self.keys)[self.places]

    def id_map(self) -> tuple[IdMap, Rows]:
        """Return the sorted map of the ids that have a row, and the row of each; errors as in `IdMap.from_values`."""
        used = self._used()
        ids, rows = IdMap.from_values(self.keys[used])
        found = np.full(len(self.keys), -1, np.int64)
        found[used] = rows
        return ids, found[self.places]

    def _used(self) -> NDArray[np.bool_]:
        return np.bincount(self.places, minlength=len(self.keys)) > 0


def ids_of(loaded: LoadedTable, column: str, what: str) -> NDArray[Any]:
    """Return a column of ids, one for each row; arguments, errors and warnings as in `id_column_of`."""
    return id_column_of(loaded, column, what).values()


def id_column_of(loaded: LoadedTable, column: str, what: str) -> IdColumn:
    """Return a column of ids.

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
            keys, places = np.unique(chunks.to_numpy(), return_inverse=True)
            return IdColumn(keys, places)
        if chunks.null_count == 0 and not mixed and (pa.types.is_string(chunks.type) or pa.types.is_large_string(chunks.type)):
            found = _of_texts(chunks, loaded, column, what)
            if found is not None:
                return found
    values = _of_values(loaded, column, what)
    return IdColumn(values, np.arange(len(values)))


def _of_texts(cells: pa.ChunkedArray, loaded: LoadedTable, column: str, what: str) -> IdColumn | None:
    """Return a column of text, None where an id is missing; each distinct text is looked at once."""
    coded = cells.dictionary_encode().unify_dictionaries()
    if not coded.num_chunks:
        return IdColumn(_array([]), np.empty(0, np.int64))
    texts = coded.chunk(0).dictionary.to_pylist()
    clean = [clean_id(text) for text in texts]
    if "" in clean:
        return None
    places = np.concatenate([chunk.indices.to_numpy() for chunk in coded.chunks])
    if clean != texts:
        changed = np.array([new != old for new, old in zip(clean, texts, strict=True)])
        pairs = [(old, new) for old, new in zip(texts, clean, strict=True) if new != old]
        _say_changed(int(changed[places].sum()), pairs, len(set(texts)) - len(set(clean)), column, what)
    _say_odd(clean, column, what)
    _refuse_rows_of_ids(clean, column, what, loaded)
    return IdColumn(_array(clean), places)


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
        warn(f"{numbers:,} of {len(values):,} {what} ids in column '{column}' are numbers and the others text; all became text")
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
    warn(
        f"{count:,} {'' if what == 'id' else f'{what} '}ids in column '{column}' lost blanks around them or got one Unicode form, such as {old!r}, now"
        f" {new!r}{same}"
    )


def _say_odd(ids: Sequence[str], column: str, what: str) -> None:
    odd = [key for key in ids if _NOT_IN_A_PATH.search(key) or (what != "user" and key.endswith("/picture"))]
    if odd:
        warn(
            f"{len(odd):,} {'' if what == 'id' else f'{what} '}ids in column '{column}' cannot be asked for over HTTP, such as {listing(odd, 1)}: control"
            " characters, U+FFFD, '..' as a part of a path, or '/picture' at the end; rename them before you serve them"
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
