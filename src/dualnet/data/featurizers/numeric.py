"""Features of numbers, of ready vectors and of ready bags of words."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ...errors import DataError
from ...ids import Rows
from ..content import Content
from .base import column_values, inverse_document_frequency, unit_rows

CLIP = 5.0  # standard deviations; one absurd price should not outweigh everything else


class NumberBlock:
    """One number, standardised on the fitted rows and clipped at five standard deviations; missing values count as the mean.

    Parameters
    ----------
    column : str
        Name of the column.
    mean, deviation : float
        Of the fitted rows.
    of_dates : bool
        The column has dates; their number is that of the seconds since 1970.
    """

    kind: ClassVar[str] = "numbers"

    def __init__(self, column: str, mean: float, deviation: float, of_dates: bool = False) -> None:
        self.column, self.mean, self.deviation, self.of_dates = column, mean, deviation, of_dates

    @classmethod
    def fit(cls, content: Content, column: str, rows: Rows | None) -> NumberBlock:
        """Measure mean and deviation on some rows (all by default)."""
        values = _numbers(content if rows is None else content.take(rows), column)
        present = values[~np.isnan(values)]
        if len(present) == 0:
            raise DataError(f"content column '{column}' has no number in any row")
        with np.errstate(over="ignore"):
            deviation = float(present.std())
        if not np.isfinite(deviation):
            raise DataError(
                f"content column '{column}' has the number {np.abs(present).max():g}, which would outweigh all others; mend it"
            )
        of_dates = pa.types.is_timestamp(content.table.schema.field(column).type)
        return cls(column, float(present.mean()), deviation if deviation > 0 else 1.0, of_dates)

    def transform(self, content: Content) -> NDArray[np.float32]:
        """Return standardised values, shape (len(content), 1)."""
        values = (_numbers(content, self.column) - self.mean) / self.deviation
        return np.clip(np.nan_to_num(values, nan=0.0), -CLIP, CLIP).astype(np.float32)[:, None]

    def names(self) -> list[str]:
        """Return the column's name."""
        return [self.column]

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        state = {"kind": self.kind, "column": self.column, "mean": self.mean, "deviation": self.deviation}
        return state | ({"of_dates": True} if self.of_dates else {}), {}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> NumberBlock:
        """Rebuild from `to_state`."""
        return cls(config["column"], config["mean"], config["deviation"], config.get("of_dates", False))


class VectorBlock:
    """A ready dense vector for each row, scaled to unit length.

    Parameters
    ----------
    column : str
        Name of a list column or of a ready matrix.
    width : int
        Length of the vectors.
    """

    kind: ClassVar[str] = "vectors"

    def __init__(self, column: str, width: int) -> None:
        self.column, self.width = column, width

    @classmethod
    def fit(cls, content: Content, column: str, rows: Rows | None) -> VectorBlock:
        """Note the length of the vectors."""
        if column in content.matrices:
            return cls(column, content.matrices[column].shape[1])
        lengths = {len(value) for value in column_values(content, column, rows) if value is not None}
        if len(lengths) != 1:
            raise DataError(f"content column '{column}' has vectors of lengths {sorted(lengths)}; all must have one length")
        return cls(column, lengths.pop())

    def transform(self, content: Content) -> NDArray[np.float32]:
        """Return rows of unit length, shape (len(content), width); a missing vector is a zero row.

        Raises
        ------
        DataError
            For a vector of another length, or with NaN or infinite entries.
        """
        if self.column in content.matrices:
            ready = content.matrices[self.column]
            values = ready.toarray() if issparse(ready) else np.asarray(ready, np.float32)
            if values.shape[1] != self.width:
                raise DataError(
                    f"content '{self.column}' has {values.shape[1]} numbers a row; the model was fitted with {self.width}"
                )
        else:
            values = np.zeros((len(content), self.width), np.float32)
            for row, value in enumerate(column_values(content, self.column)):
                if value is None:
                    continue
                if len(value) != self.width:
                    raise DataError(
                        f"content '{self.column}' of item {content.ids.key(row)!r} has {len(value)} numbers, expected {self.width}"
                    )
                values[row] = value
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise DataError(
                f"content '{self.column}' of item {content.ids.key(row)!r} is NaN or infinite; mend or drop that row"
            )
        norms = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)  # squares of 1e25 or 1e-30 leave float32
        return (values / np.where(norms > 0, norms, 1)).astype(np.float32)

    def names(self) -> list[str]:
        """Return ``column[k]`` for each entry."""
        return [f"{self.column}[{place}]" for place in range(self.width)]

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        return {"kind": self.kind, "column": self.column, "width": self.width}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> VectorBlock:
        """Rebuild from `to_state`."""
        return cls(config["column"], config["width"])


class BagBlock:
    """TF-IDF of a ready bag of words (counts), rows of unit length; the vocabulary is the bag's own.

    Parameters
    ----------
    column : str
        Name of the ready matrix.
    idf : ndarray of float32, shape (width,)
        Weight of each word; 0 for words of fewer than `min_df` fitted rows.
    """

    kind: ClassVar[str] = "bags"

    def __init__(self, column: str, idf: NDArray[np.float32]) -> None:
        self.column, self.idf = column, idf

    @classmethod
    def fit(cls, content: Content, column: str, rows: Rows | None, *, min_df: int) -> BagBlock:
        """Measure document frequencies on some rows (all by default)."""
        bag = _bag(content, column)
        fitted = bag if rows is None else csr_array(bag[rows])
        frequency = np.bincount(fitted.indices[fitted.data > 0], minlength=bag.shape[1])
        idf = inverse_document_frequency(frequency, fitted.shape[0])
        idf[frequency < min_df] = 0
        return cls(column, idf)

    def transform(self, content: Content) -> csr_array:
        """Return TF-IDF rows, shape (len(content), width)."""
        bag = _bag(content, self.column)
        if bag.shape[1] != len(self.idf):
            raise DataError(f"content '{self.column}' has {bag.shape[1]} words; the model was fitted with {len(self.idf)}")
        weighted = csr_array((bag.data * self.idf[bag.indices], bag.indices, bag.indptr), shape=bag.shape)
        weighted.eliminate_zeros()
        return unit_rows(weighted)

    def names(self) -> list[str]:
        """Return ``column[k]`` for each word."""
        return [f"{self.column}[{place}]" for place in range(len(self.idf))]

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return description and arrays; `from_state` reads them."""
        return {"kind": self.kind, "column": self.column}, {"idf": self.idf}

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> BagBlock:
        """Rebuild from `to_state`."""
        return cls(config["column"], tensors["idf"])


def _bag(content: Content, column: str) -> csr_array:
    if column not in content.matrices:
        raise DataError(f"bag of words '{column}' must be a ready sparse matrix, not a table column")
    return csr_array(content.matrices[column], dtype=np.float32)


def _numbers(content: Content, column: str) -> NDArray[np.float64]:
    cells = content.table.column(column)
    if pa.types.is_timestamp(cells.type):
        return np.asarray(pc.divide(cells.cast(pa.int64()).cast(pa.float64()), 1e6).to_numpy(), np.float64)
    return np.asarray(cells.cast(pa.float64()).to_numpy(), np.float64)
