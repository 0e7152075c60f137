"""External ids (strings or integers) and the matrix rows that stand for them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, UnknownIdError, listing
from .id_texts import ManyTexts

if TYPE_CHECKING:
    import pyarrow as pa

Key: TypeAlias = "str | int"
Rows: TypeAlias = NDArray[np.int64]

_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
MANY = 200_000  # from so many ids on there is no Python object for each
AT_ONCE = 1_000_000  # ids that become Python objects together
MAX_ID_BYTES = 1024  # longer ids are a sign of a wrong column, and would be echoed in every message


def clean_id(text: str) -> str:
    """Return a text id as tables hold it: without blanks and invisible marks around it, in Unicode's form NFC.

    So ``" i1"`` is ``"i1"``, and an accent is one character however it was typed; case and leading zeros stay.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).strip().strip(_INVISIBLE)
    return text.strip()


def whole_number(text: str) -> int | None:
    """Return the integer that a text id is in plain form, None for any other: ``"007"`` is not 7."""
    return int(text) if _WHOLE.fullmatch(text) and abs(int(text)) < 2**63 else None


class IdMap:
    """A frozen two-way map between external ids and row numbers 0, 1, 2, ...

    Public functions take and return external ids; matrices use row numbers. Ids are all strings or all integers, never
    mixed, so that ``"007"``, ``"7"`` and ``7`` cannot be confused. A question may give integers as text in plain form
    (``"7"``, never ``"007"``), because JavaScript has no integers beyond 2^53, and it may give text in any Unicode form.

    Parameters
    ----------
    keys : sequence of str or int, or pyarrow.Array
        Distinct ids; position = row. Hundreds of thousands are held by NumPy or Arrow, without a Python object for each.

    Raises
    ------
    DataError
        If ids repeat, mix strings with integers, are empty, are longer than 1 KiB, or hold half a character.

    Examples
    --------
    >>> import dualnet
    >>> ids = dualnet.IdMap(["tea", "jam"])
    >>> ids.row("jam")
    1
    >>> ids.key(0)
    'tea'
    """

    __slots__ = ("_keys", "_order", "_ordered", "_rows")

    def __init__(self, keys: Sequence[Key] | NDArray[np.generic] | pa.Array) -> None:
        self._keys = _as_keys(keys)
        self._rows: dict[Key, int] | None = None
        self._order: Rows | None = None  # rows in ascending order of integer ids; empty where they are in order as they stand
        self._ordered: NDArray[Any] | None = None  # integer ids in ascending order
        if _count_distinct(self._keys) != len(self._keys):
            seen: set[Key] = set()
            repeated = [key for key in self if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
            raise DataError(f"ids must be distinct, but {listing(repeated)} occur more than once; remove the repeated rows")

    @classmethod
    def from_values(cls, values: Sequence[Key] | NDArray[np.generic]) -> tuple[IdMap, Rows]:
        """Collect the distinct ids of a column, sorted, and the row of each value.

        Sorting makes every later result independent of the order of the table's rows.

        Parameters
        ----------
        values : sequence of str or int
            A column of ids, with repetitions.

        Returns
        -------
        ids : IdMap
            The distinct ids in sorted order.
        rows : ndarray of int64, shape (len(values),)
            The row of each value.

        Examples
        --------
        >>> import dualnet
        >>> ids, rows = dualnet.IdMap.from_values(["tea", "jam", "tea"])
        >>> ids.keys, rows.tolist()
        (['jam', 'tea'], [1, 0, 1])
        """
        array = _as_keys(values)
        if isinstance(array, ManyTexts):
            distinct, places = array.coded()
            order = distinct.order()
            rank = np.empty(len(order), np.int64)
            rank[order] = np.arange(len(order))
            return cls(distinct.take(order).texts), rank[places]
        if array.dtype == np.int64:
            keys, rows = np.unique(array, return_inverse=True)
            return cls(keys), rows.astype(np.int64, copy=False)
        ordered = sorted(set(array.tolist()))
        index = {key: row for row, key in enumerate(ordered)}
        rows = np.fromiter((index[key] for key in array), dtype=np.int64, count=len(array))
        return cls(ordered), rows

    @property
    def keys(self) -> list[Key]:
        """All ids in row order."""
        found: list[Key] = self._keys.tolist()
        return found

    def arrow(self) -> pa.Array:
        """Return all ids in row order as an Arrow array of int64 or text.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap([7, 9]).arrow().to_pylist()
        [7, 9]
        """
        import pyarrow as pa

        if isinstance(self._keys, ManyTexts):
            return self._keys.texts
        return pa.array(self._keys, pa.int64() if self.is_integer else pa.string())

    @property
    def is_integer(self) -> bool:
        """Whether the ids are integers (an empty map counts as strings)."""
        return not isinstance(self._keys, ManyTexts) and self._keys.dtype == np.int64

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        for start in range(0, len(self), AT_ONCE):
            yield from self._part(start)

    def __contains__(self, key: object) -> bool:
        return not isinstance(key, bool) and (self._row_of(key) >= 0 or self._otherwise(key) >= 0)

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, IdMap):
            return self is other
        if isinstance(self._keys, ManyTexts) or isinstance(other._keys, ManyTexts):
            both = isinstance(self._keys, ManyTexts) and isinstance(other._keys, ManyTexts)
            return both and self._keys.equals(other._keys)  # type: ignore[union-attr, arg-type]
        return bool(np.array_equal(self._keys, other._keys))

    def __hash__(self) -> int:
        return hash(self.fingerprint())

    def __repr__(self) -> str:
        return f"IdMap({len(self):,} {'integer' if self.is_integer else 'string'} ids)"

    def key(self, row: int) -> Key:
        """Return the id of one row.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap([7, 9]).key(1)
        9
        """
        if isinstance(self._keys, ManyTexts):
            return self._keys.text(row)
        found: Key = self._keys[row].item() if self.is_integer else self._keys[row]
        return found

    def take(self, rows: Rows) -> list[Key]:
        """Return the ids of some rows, in that order.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> dualnet.IdMap(["a", "b", "c"]).take(np.array([2, 0]))
        ['c', 'a']
        """
        return self._taken(rows).tolist()

    def subset(self, rows: Rows) -> IdMap:
        """Return the map of the chosen rows only, renumbered from 0 in the order given.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> dualnet.IdMap(["a", "b", "c"]).subset(np.array([2, 0])).row("c")
        0
        """
        taken = self._taken(rows)
        return IdMap(taken.texts if isinstance(taken, ManyTexts) else taken)

    def extend(self, keys: Iterable[Key]) -> IdMap:
        """Return a map with new ids appended after the present ones.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap(["a", "b"]).extend(["c"]).row("c")
        2
        """
        return IdMap([*self.keys, *keys])

    def row(self, key: Key, what: str = "id") -> int:
        """Return the row of one id; raises `UnknownIdError` that names it.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap(["a", "b"]).row("b")
        1
        """
        return int(self.rows([key], what)[0])

    def rows(self, keys: Sequence[Key] | NDArray[np.generic], what: str = "id") -> Rows:
        """Return the row of each id.

        Parameters
        ----------
        keys : sequence of str or int
            External ids, repetitions allowed.
        what : str
            What the ids stand for ("user", "item"), for the error text.

        Returns
        -------
        ndarray of int64, shape (len(keys),)

        Raises
        ------
        UnknownIdError
            If an id is not in the map; the text lists the first few.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap(["a", "b"]).rows(["b", "a", "b"]).tolist()
        [1, 0, 1]
        """
        found = self.find(keys)
        if (found < 0).any():
            unknown = [key for key, row in zip(keys, found.tolist(), strict=True) if row < 0]
            first = unknown[0]
            hint = ""
            if self.is_integer and isinstance(first, str):
                hint = "; the ids here are integers, not text"
            elif not self.is_integer and isinstance(first, int | np.integer) and len(self):
                hint = "; the ids here are text, not integers" + (f": write {str(first)!r}" if str(first) in self else "")
            raise UnknownIdError(f"unknown {what} {listing(unknown)}{hint}")
        return found

    def find(self, keys: Iterable[Key] | NDArray[np.generic]) -> Rows:
        """Return the row of each id, -1 where it is unknown.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap(["a", "b"]).find(["b", "unknown"]).tolist()
        [1, -1]
        """
        to_numpy = getattr(keys, "to_numpy", None)
        if to_numpy is not None:  # Arrow
            keys = to_numpy(zero_copy_only=False)
        if self.is_integer and isinstance(keys, np.ndarray) and np.issubdtype(keys.dtype, np.integer):
            return self._find_integers(keys)
        given = list(keys)
        if isinstance(self._keys, ManyTexts) and len(given) > 1:
            found = self._keys.find([key if isinstance(key, str) else "" for key in given]).tolist()
        else:
            found = [-1 if isinstance(key, bool) else self._row_of(key) for key in given]
        if -1 in found:
            found = [self._otherwise(key) if row < 0 else row for key, row in zip(given, found, strict=True)]
        return np.array(found, dtype=np.int64)

    def _otherwise(self, key: object) -> int:
        """Return the row of an id that is written in another way: an integer as text, text in another form; else -1."""
        if not isinstance(key, str):
            return -1
        plain = clean_id(key)
        if not self.is_integer:
            return -1 if plain == key else self._row_of(plain)
        return self._row_of(int(plain)) if _WHOLE.fullmatch(plain) else -1

    def _find_integers(self, keys: NDArray[Any]) -> Rows:
        if not len(self):
            return np.full(len(keys), -1, np.int64)
        if keys.dtype == np.uint64:  # beyond int64 there are no ids, and NumPy would compare as floats
            large = keys > np.uint64(np.iinfo(np.int64).max)
            return np.where(large, -1, self._find_integers(np.where(large, np.uint64(0), keys).astype(np.int64)))
        order, ordered = self._in_order()
        first, size = int(ordered[0]), len(ordered)
        if int(ordered[-1]) - first == size - 1 and not len(order):  # without gaps: no search
            inside = (keys >= first) & (keys <= first + size - 1)
            return np.where(inside, keys.astype(np.int64) - np.where(inside, first, 0), -1)
        place = np.searchsorted(ordered, keys).clip(max=size - 1)
        return np.where(ordered[place] == keys, order[place] if len(order) else place, -1)

    def _in_order(self) -> tuple[Rows, NDArray[Any]]:
        """Return what a search needs, made once: to look whether millions are in order takes longer than to find one."""
        if self._ordered is None:
            assert isinstance(self._keys, np.ndarray)
            keys: NDArray[Any] = self._keys
            rising = len(keys) < 2 or bool((keys[1:] > keys[:-1]).all())
            order = np.zeros(0, np.int64) if rising else np.argsort(self._keys, kind="stable")
            self._order, self._ordered = order, self._keys if rising else self._keys[order]
        assert self._order is not None
        return self._order, self._ordered

    def parse(self, text: str) -> Key:
        """Turn an id typed by a person into a key of this map's kind.

        The result is an integer only if the ids are integers and the text is one in plain form (``"007"`` is not ``7``);
        whether it is known is for `rows` to say.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap([7, 9]).parse("7")
        7
        """
        if self.is_integer:
            try:
                number = int(text)
            except ValueError:
                return text
            return number if str(number) == text else text
        return text

    def fingerprint(self) -> str:
        """Return the SHA-256 of the ids in row order, as hexadecimal text.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.IdMap(["a", "b"]).fingerprint() == dualnet.IdMap(["b", "a"]).fingerprint()
        False
        """
        digest = hashlib.sha256(b"int" if self.is_integer else b"str")
        for start in range(0, len(self), AT_ONCE):
            digest.update("".join(f"{key}\0" for key in self._part(start)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def _part(self, start: int) -> list[Key]:
        """Return the ids from a row on, at most `AT_ONCE`."""
        rows = np.arange(start, min(start + AT_ONCE, len(self)))
        found: list[Key] = self._taken(rows).tolist()
        return found

    def _taken(self, rows: Rows) -> NDArray[np.generic] | ManyTexts:
        return self._keys.take(rows) if isinstance(self._keys, ManyTexts) else self._keys[rows]

    def _row_of(self, key: object) -> int:
        """Return the row of an id that is written as the map has it, else -1."""
        if len(self) < MANY:
            if self._rows is None:
                self._rows = {known: row for row, known in enumerate(self._keys.tolist())}
            return self._rows.get(key, -1)  # type: ignore[call-overload]
        if isinstance(self._keys, ManyTexts):
            return int(self._keys.find([key])[0]) if isinstance(key, str) else -1
        fits = isinstance(key, int | np.integer) and -(2**63) <= int(key) < 2**63
        return int(self._find_integers(np.array([key], np.int64))[0]) if fits else -1


def _refuse_halves(keys: NDArray[np.generic]) -> None:
    """Refuse text with half a character: no file holds it, and written as another character two ids would be one."""
    if keys.dtype == np.int64:
        return
    try:
        "".join(keys.tolist()).encode()
    except UnicodeEncodeError:
        half = next(key for key in keys.tolist() if _HALF_CHARACTER.search(key))
        raise DataError(
            f"id {half[:40]!r} holds half a character (a lone surrogate, as text that was cut has it); write the ids whole"
        ) from None


def _as_keys(keys: Any) -> NDArray[np.generic] | ManyTexts:
    """Validate ids; many texts are held by Arrow, others by NumPy."""
    if hasattr(keys, "type") and hasattr(keys, "to_numpy"):  # Arrow
        import pyarrow as pa

        if keys.null_count:
            raise DataError("an id is missing; every row needs an id")
        is_text = pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type)
        if is_text and len(keys) >= MANY:
            return _checked_texts(ManyTexts.of(keys))
        keys = keys.to_numpy() if pa.types.is_integer(keys.type) else keys.to_pylist()
    array = _as_key_array(keys)
    _refuse_halves(array)
    return array if array.dtype == np.int64 or len(array) < MANY else ManyTexts.of(array)


def _checked_texts(keys: ManyTexts) -> ManyTexts:
    """Refuse empty and very long ids, as `_as_key_array` does."""
    import pyarrow.compute as pc

    lengths = pc.binary_length(keys.texts)
    if pc.min(lengths).as_py() == 0:
        raise DataError("an id is empty; every row needs an id")
    if pc.max(lengths).as_py() > MAX_ID_BYTES:
        long = keys.text(int(pc.index(lengths, pc.max(lengths)).as_py()))
        raise DataError(f"id {long[:40]!r}... is longer than {MAX_ID_BYTES} bytes; is this the right column?")
    return keys


def _count_distinct(keys: NDArray[np.generic] | ManyTexts) -> int:
    if isinstance(keys, ManyTexts):
        return keys.count_distinct()
    if keys.dtype == np.int64:
        rising = len(keys) < 2 or bool((keys[1:] > keys[:-1]).all())  # type: ignore[operator]
        return len(keys) if rising else len(np.unique(keys))
    return len(set(keys.tolist()))


def _as_key_array(keys: Sequence[Key] | NDArray[np.generic]) -> NDArray[np.generic]:
    """Validate ids and return an int64 array or an object array of str."""
    if isinstance(keys, np.ndarray) and np.issubdtype(keys.dtype, np.integer):
        if keys.dtype == np.uint64 and len(keys) and int(keys.max()) > np.iinfo(np.int64).max:
            raise DataError(f"integer id {int(keys.max())} is larger than 2^63 - 1; pass such ids as text")
        return keys.astype(np.int64)
    values: list[Any] = keys.tolist() if isinstance(keys, np.ndarray) else list(keys)
    if not values:
        return np.empty(0, dtype=object)
    strings = sum(isinstance(value, str) for value in values)
    integers = sum(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values)
    if strings == len(values):
        for value in values:
            if not value:
                raise DataError("an id is empty; every row needs an id")
            if len(value) > MAX_ID_BYTES // 4 and len(value.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
                raise DataError(f"id {value[:40]!r}... is longer than {MAX_ID_BYTES} bytes; is this the right column?")
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    if integers == len(values):
        if max(values) > np.iinfo(np.int64).max or min(values) < np.iinfo(np.int64).min:
            raise DataError(f"integer id {max(values, key=abs)} does not fit in 64 bits; pass such ids as text")
        return np.array(values, dtype=np.int64)
    odd = (
        next(value for value in values if not isinstance(value, str | int | np.integer) or isinstance(value, bool))
        if (strings + integers < len(values))
        else None
    )
    if odd is not None:
        raise DataError(f"ids must be text or integers, got {odd!r} ({type(odd).__name__}); convert the column first")
    raise DataError("ids mix text and integers, so that '7' and 7 would be two ids; convert the column to one kind")
