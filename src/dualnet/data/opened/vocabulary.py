"""Distinct ids of a column, counted part by part without a Python object for each, and the place of each row's id among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import DataError
from ...ids import IdMap
from ..frames import column_at
from ..id_columns import id_column_of
from ..read_table import LoadedTable

Keys: TypeAlias = "NDArray[np.int64] | pa.Array"

# ids of these characters alone have no other form, are no list of ids, and can be asked for over HTTP
_PLAIN = r"^[A-Za-z0-9_:@$~=-]+$"
PENDING = 4_000_000  # ids that wait to be merged


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of ids as its distinct ones and their places.

    Parameters
    ----------
    keys : ndarray of int64, or pyarrow.Array of large_string
        Distinct ids.
    places : ndarray of int, shape (n_rows,)
        Place in `keys` of each row's id.
    """

    keys: Keys
    places: NDArray[np.integer[Any]]


def coded_ids(loaded: LoadedTable, column: str, what: str) -> Coded:
    """Return a column of ids; errors and warnings as of `id_columns.id_column_of`."""
    if column in loaded.table.column_names:
        cells, mixed, halved = column_at(loaded.table, column)
        if pa.types.is_string(cells.type) and not (cells.null_count or mixed or halved):
            coded = pc.dictionary_encode(cells).combine_chunks()
            coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
            if pc.all(pc.match_substring_regex(coded.dictionary, _PLAIN)).as_py():
                return Coded(coded.dictionary.cast(pa.large_string()), coded.indices.to_numpy())
    found = id_column_of(loaded, column, what)
    if found.keys.dtype != object:
        return Coded(_of_numbers(found.keys), found.places)
    if not found.is_text:
        return Coded(_of_numbers(np.array(found.keys.tolist())), found.places)
    coded = pa.array(found.keys, pa.large_string()).dictionary_encode()  # two forms of one id may have become one
    return Coded(coded.dictionary, coded.indices.to_numpy()[found.places])


def _of_numbers(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Return whole numbers as int64; one beyond is refused."""
    ids = IdMap(keys).arrow()
    return np.asarray(ids.to_numpy(), np.int64)


@dataclass(eq=False)
class Counts:
    """Distinct ids with the number of their likes and of their other events, in bounded memory.

    Parameters
    ----------
    what : str
        ``user`` or ``item``, for texts.
    """

    what: str
    _waiting: list[tuple[Keys, NDArray[np.int64]]] = field(default_factory=list)
    _size: int = 0

    def add(self, coded: Coded, liked: NDArray[np.bool_]) -> None:
        """Take in some rows, of which some are likes."""
        size = len(coded.keys)
        counts = np.stack([np.bincount(coded.places[kind], minlength=size) for kind in (liked, ~liked)])
        self.take(coded.keys, counts)

    def take(self, keys: Keys, counts: NDArray[np.int64]) -> None:
        """Take in distinct ids with their counts, shape (2, len(keys))."""
        if self._waiting and isinstance(keys, np.ndarray) != isinstance(self._waiting[0][0], np.ndarray):
            raise DataError(
                f"the {self.what} ids are whole numbers in some parts and text in others, so that '7' and 7 would be two ids; write all"
                " parts with one type"
            )
        self._waiting.append((keys, counts))
        self._size += len(keys)
        if self._size > PENDING + 2 * len(self._waiting[0][0]):
            self._merge()

    def merged(self) -> tuple[Keys, NDArray[np.int64]]:
        """Return all ids in ascending order, and their likes and other events, shape (2, n_ids)."""
        self._merge()
        keys, counts = self._waiting[0]
        if isinstance(keys, np.ndarray):
            return keys, counts
        order = pc.sort_indices(keys)
        return keys.take(order), counts[:, order.to_numpy()]

    def _merge(self) -> None:
        if len(self._waiting) > 1 or not isinstance(self._waiting[0][0], np.ndarray):
            counts = np.concatenate([some for _, some in self._waiting], axis=1)
            keys: Keys
            if isinstance(self._waiting[0][0], np.ndarray):
                keys, places = np.unique(np.concatenate([some for some, _ in self._waiting]), return_inverse=True)
            else:
                coded = pa.concat_arrays([some for some, _ in self._waiting]).dictionary_encode()
                keys, places = coded.dictionary, coded.indices.to_numpy()
            total = np.stack([np.bincount(places, row, minlength=len(keys)).astype(np.int64) for row in counts])
            self._waiting = [(keys, total)]
        self._size = len(self._waiting[0][0])
