"""Millions of text ids without a Python object each: the characters lie in Arrow, and a row is found by search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .computed_once import computed_once

if TYPE_CHECKING:
    import pyarrow as pa

FEW_ASKED = 2000  # texts that are searched for one by one; a hash table of all is made for more


class ManyTexts:
    """Texts in Arrow, 8 bytes each beside their characters.

    Parameters
    ----------
    texts : pyarrow.Array of large_string
        Without missing ones.
    """

    def __init__(self, texts: pa.Array) -> None:
        self.texts = texts

    @classmethod
    def of(cls, values: Any) -> ManyTexts:
        """Return texts of a list, a NumPy array or an Arrow array (chunked or not, of any type of text)."""
        import pyarrow as pa

        if isinstance(values, pa.ChunkedArray):
            values = (
                pa.concat_arrays(values.cast(pa.large_string()).chunks)
                if values.num_chunks
                else pa.array([], pa.large_string())
            )
        if isinstance(values, pa.Array):
            return cls(values.cast(pa.large_string()))
        return cls(pa.array(values, pa.large_string()))

    def __len__(self) -> int:
        return len(self.texts)

    def text(self, row: int) -> str:
        """Return one text."""
        found: str = self.texts[row].as_py()
        return found

    def take(self, rows: NDArray[Any]) -> ManyTexts:
        """Return the texts of some rows, in that order."""
        import pyarrow as pa

        rows = np.asarray(rows)
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        return ManyTexts(self.texts.take(pa.array(rows)))

    def tolist(self) -> list[Any]:
        """Return all texts as Python has them."""
        found: list[Any] = self.texts.to_pylist()
        return found

    def equals(self, other: ManyTexts) -> bool:
        """Return whether the texts are the same, in the same order."""
        return bool(self.texts.equals(other.texts))

    def find(self, asked: Sequence[str] | pa.Array) -> NDArray[np.int64]:
        """Return the row of each text, -1 where it is not among them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(asked) <= FEW_ASKED:
            texts = asked.to_pylist() if isinstance(asked, pa.Array) else asked
            return np.array([self._place(text) for text in texts], np.int64)
        wanted = ManyTexts.of(asked).texts
        found = pc.index_in(wanted, value_set=self.texts)
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)

    def coded(self) -> tuple[ManyTexts, NDArray[np.int64]]:
        """Return the distinct texts, in order of their first row, and the place of each row's text among them."""
        found = self.texts.dictionary_encode()
        return ManyTexts.of(found.dictionary), np.asarray(found.indices.to_numpy(), np.int64)

    def count_distinct(self) -> int:
        """Return the number of distinct texts."""
        import pyarrow.compute as pc

        return int(pc.count_distinct(self.texts).as_py())

    def order(self) -> NDArray[np.int64]:
        """Return the rows in ascending order of their texts (by code point, as Python sorts)."""
        import pyarrow.compute as pc

        return np.asarray(pc.sort_indices(self.texts).to_numpy(), np.int64)

    @computed_once
    def _sorted(self) -> NDArray[np.int64] | None:
        """The rows in order of their texts; None where they are in order as they stand."""
        import pyarrow.compute as pc

        rising = len(self.texts) < 2 or pc.all(pc.less(self.texts[:-1], self.texts[1:])).as_py()
        return None if rising else self.order()

    def _place(self, text: str) -> int:
        """Return the row of one text by binary search, else -1."""
        order, low, high = self._sorted, 0, len(self.texts)
        while low < high:
            middle = (low + high) // 2
            row = middle if order is None else int(order[middle])
            found = self.texts[row].as_py()
            if found == text:
                return row
            low, high = (middle + 1, high) if found < text else (low, middle)
        return -1
