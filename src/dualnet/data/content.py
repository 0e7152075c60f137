"""Content of items or users: raw columns and ready matrices, one row for each id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array, issparse

from ..errors import DataError, counted, nearest
from ..ids import IdMap, Key, Rows
from ..typed_values import named_fields
from .content_spec import ContentSpec
from .csr import check_matrix
from .frames import table_of
from .kinds import RowNames, cast_table, joined_tables, like_table, noted_kind, noted_separators, shown_table
from .picture_files import picture_bytes
from .tag_values import KnownTags
from .values import plain_text_of, readable

Matrix: TypeAlias = Any  # csr_array or ndarray of float32; SciPy has no types to say so


@named_fields
@dataclass(frozen=True, eq=False)
class Content:
    """Raw content of items (or columns of users), row-aligned with an id map.

    Nothing is turned into features here: a `Featurizer` is fitted on the training rows of a `Content` and applied to any
    other `Content` with the same columns (`dualnet.data.features`).

    Parameters
    ----------
    ids : IdMap
        One id for each row.
    table : pyarrow.Table
        Raw columns; row k describes `ids.key(k)`. May have no columns when all content is in `matrices`.
    matrices : mapping of str to csr_array or ndarray (float32), shape (len(ids), width)
        Ready blocks, such as bags of words or image vectors, by name.
    spec : ContentSpec
        How columns and matrices are to be read.

    Raises
    ------
    DataError
        If row counts disagree, the spec names something that is not there, or a ready matrix is not finite.

    Examples
    --------
    >>> import dualnet
    >>> import pyarrow as pa
    >>> table = pa.table({"title": ["Red shoes", "Blue hat"], "colour": ["red", "blue"]})
    >>> spec = dualnet.ContentSpec(text=("title",), categories=("colour",))
    >>> dualnet.Content(dualnet.IdMap(["a", "b"]), table, spec).title(1)
    'Blue hat'
    """

    ids: IdMap
    table: pa.Table
    spec: ContentSpec
    matrices: Mapping[str, Matrix] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.ids)
        if self.table.num_columns and self.table.num_rows != n:
            raise DataError(f"the content table has {self.table.num_rows} rows for {n} ids")
        for name, matrix in self.matrices.items():
            if issparse(matrix):
                check_matrix(matrix, (None, None), f"content '{name}'", canonical=False)
            if matrix.shape[0] != n:
                raise DataError(f"content '{name}' has {matrix.shape[0]} rows for {n} ids; each id needs one row")
            values = matrix.data if issparse(matrix) else matrix
            if not np.isfinite(values).all():
                row = _first_non_finite_row(matrix)
                raise DataError(f"content '{name}' of item {self.ids.key(row)!r} is NaN or infinite; mend or drop that row")
        available = {*self.table.column_names, *self.matrices}
        for name in self.spec.columns:
            if name not in available:
                raise DataError(f"content column '{name}' is missing.{nearest(name, available)}")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Content({counted(len(self), '{row|rows}')}: {', '.join(self.spec.columns) or 'no columns'})"

    def take(self, rows: Rows) -> Content:
        """Return some rows, with ids renumbered in the order given.

        Parameters
        ----------
        rows : ndarray of int64
            Positions to keep.

        Examples
        --------
        >>> import dualnet
        >>> content = dualnet.synthetic.blocks_world().items
        >>> content.take(content.ids.rows(["i0-2", "i0-0"])).ids.keys
        ['i0-2', 'i0-0']
        """
        matrices = {name: csr_array(m[rows]) if issparse(m) else m[rows] for name, m in self.matrices.items()}
        return Content(self.ids.subset(rows), self._take_table(rows), self.spec, matrices)

    def align(self, ids: IdMap, what: str = "item") -> Content:
        """Return the rows of the given ids, in their order.

        Raises
        ------
        DataError
            If an id has no content row.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.synthetic.blocks_world().items.align(dualnet.IdMap(["i1-0", "i0-0"])).ids.keys
        ['i1-0', 'i0-0']
        """
        if ids == self.ids:
            return self
        rows = self.ids.find(ids)
        if (rows < 0).any():
            missing = ids.take(np.flatnonzero(rows < 0))
            raise DataError(
                f"{counted(len(missing), f'{{{what} has|{what}s have}}')} no content row, such as {missing[0]!r}; add the rows, or pass"
                " missing_content='zero' (empty content) or missing_content='drop' (leave their pairs out)"
            )
        matrices = {name: csr_array(m[rows]) if issparse(m) else m[rows] for name, m in self.matrices.items()}
        return Content(ids, self._take_table(rows), self.spec, matrices)

    def with_spec(self, spec: ContentSpec) -> Content:
        """Return the same rows read by another spec.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.synthetic.blocks_world().items.with_spec(dualnet.ContentSpec(categories=("title",))).spec.columns
        ('title',)
        """
        return replace(self, spec=spec)

    def title(self, row: int) -> str:
        """Return the title of one row for display: the title column, else the first text column, else the id.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.synthetic.blocks_world().items.title(0)
        'genomes sequencing alleles'
        """
        return self.titles(np.array([row]))[0]

    def titles(self, rows: Rows) -> list[str]:
        """Return `title` of some rows.

        Examples
        --------
        >>> import dualnet
        >>> content = dualnet.synthetic.blocks_world().items
        >>> content.titles(content.ids.rows(["i0-0", "i0-1"]))
        ['genomes sequencing alleles', 'sequencing alleles mutation']
        """
        keys, column = self.ids.take(rows), self._title_column
        if column is None:
            return [str(key) for key in keys]
        cells = self.table.column(column)
        values = [cells[int(row)].as_py() for row in rows]  # taking by an array would import pandas where it is installed
        return [_title_text(value, key) for value, key in zip(values, keys, strict=True)]

    def all_titles(self) -> list[str]:
        """Return `title` of every row.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.synthetic.blocks_world().items.all_titles()[0]
        'genomes sequencing alleles'
        """
        keys, column = self.ids.keys, self._title_column
        if column is None:
            return [str(key) for key in keys]
        return [_title_text(value, key) for value, key in zip(self.table.column(column).to_pylist(), keys, strict=True)]

    @property
    def _title_column(self) -> str | None:
        column = self.spec.title or (self.spec.text[0] if self.spec.text else None)
        return column if column in self.table.column_names else None

    def canonical(self) -> Content:
        """Return the same rows with every column stored as its kind has it, whatever type it came in.

        Raises
        ------
        DataError
            For a value that its kind cannot take; the text names column, id, value and remedy.

        Examples
        --------
        >>> import dualnet
        >>> spec = dualnet.ContentSpec(tags=("tags",))
        >>> dualnet.Content.from_rows(["a"], {"tags": ["red|green"]}, spec).canonical().table["tags"].to_pylist()
        [['red', 'green']]
        """
        if not self.table.num_columns:
            return self
        table = cast_table(self.table, self.spec.kinds, RowNames(self.ids.key))
        table = shown_table(table, self.spec.kinds, self.spec.shown)
        return self if table is self.table else replace(self, table=table)

    def like(self, fitted: Content) -> Content:
        """Return the same rows with the columns of canonical content, each cast to the kind that it has there.

        Raises
        ------
        DataError
            For a value of a content column that its kind cannot take.

        Examples
        --------
        >>> import dualnet
        >>> fitted = dualnet.synthetic.blocks_world().items.canonical()
        >>> new = dualnet.Content.from_rows(["n1"], {"title": ["genomes alleles"]}, fitted.spec)
        >>> new.like(fitted).table.column_names
        ['title']
        """
        if not self.table.num_columns:
            return self
        stored = {field.name: noted_kind(field) for field in fitted.table.schema}
        kinds = {name: stored.get(name) or kind for name, kind in self.spec.kinds.items()}  # numbers may be dates there
        rows = RowNames(self.ids.key)
        known = {field.name: KnownTags((), noted_separators(field)) for field in fitted.table.schema}
        return replace(self, table=like_table(cast_table(self.table, kinds, rows, known), fitted.table, kinds, rows))

    def append(self, other: Content) -> Content:
        """Return this content with the rows of another after its own; those are cast to the kinds of the columns here.

        Raises
        ------
        DataError
            If an id is in both, a value does not fit the kind of its column, or a ready matrix is missing or has another
            width.

        Examples
        --------
        >>> import dualnet
        >>> content = dualnet.synthetic.blocks_world().items
        >>> new = dualnet.Content.from_rows(["n1"], {"title": ["genomes alleles"]}, content.spec)
        >>> content.append(new).ids.keys[-2:]
        ['i3-11', 'n1']
        """
        for name, matrix in self.matrices.items():
            if name not in other.matrices or other.matrices[name].shape[1] != matrix.shape[1]:
                got = other.matrices[name].shape[1] if name in other.matrices else "none"
                raise DataError(f"content '{name}' has {matrix.shape[1]} numbers a row here, and {got} in the new rows")
        own = self.canonical()
        table = joined_tables(own.table, other.like(own).table)
        matrices = {name: _stack(matrix, other.matrices[name]) for name, matrix in self.matrices.items()}
        return Content(self.ids.extend(other.ids), table, self.spec, matrices)

    def fingerprint(self) -> str:
        """Return a SHA-256 over ids, spec, raw columns (of pictures the files) and matrices, as hexadecimal text.

        Examples
        --------
        >>> import dualnet
        >>> len(dualnet.synthetic.blocks_world().items.fingerprint())
        64
        """
        digest = hashlib.sha256(self.ids.fingerprint().encode())
        digest.update(self._spec_text().encode())
        for name in sorted(set(self.spec.columns) & set(self.table.column_names)):
            digest.update(name.encode())
            for value in self.table.column(name).to_pylist():
                if name in self.spec.images and isinstance(value, str) and Path(value).is_file():
                    value = picture_bytes(value, f"column '{name}'")  # what the picture shows counts, not where it lies
                digest.update(repr(value).encode("utf-8", "surrogatepass") + b"\0")
        for name in sorted(self.matrices):
            matrix = self.matrices[name]
            digest.update(name.encode())
            parts = (matrix.indptr, matrix.indices, matrix.data) if issparse(matrix) else (matrix,)
            for part in parts:
                digest.update(np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def _spec_text(self) -> str:
        """Return the spec as text; fields younger than the first version count only when set, so old figures still match."""
        young = {"images", "image_model", "text_encoder", "tokenizer", "stop_words", "token_pattern", "picture", "link"}
        shown = [f for f in fields(self.spec) if f.name not in young or getattr(self.spec, f.name) != f.default]
        return f"ContentSpec({', '.join(f'{f.name}={getattr(self.spec, f.name)!r}' for f in shown)})"

    def _take_table(self, rows: Rows) -> pa.Table:
        return self.table.take(pa.array(rows)) if self.table.num_columns else self.table

    @classmethod
    def from_rows(cls, ids: Iterable[Key], columns: Mapping[str, list[object]], spec: ContentSpec) -> Content:
        """Build content from plain Python lists, one for each column; useful for a single new item.

        Parameters
        ----------
        ids : iterable of str or int
            Distinct ids.
        columns : mapping of str to list
            Equal-length lists of values.
        spec : ContentSpec
            How to read the columns.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.Content.from_rows(["n1"], {"year": [2020]}, dualnet.ContentSpec(numbers=("year",))).ids.keys
        ['n1']
        """
        return cls(IdMap(list(ids)), table_of(columns), spec).canonical()


def _first_non_finite_row(matrix: Matrix) -> int:
    if issparse(matrix):
        at = int(np.flatnonzero(~np.isfinite(matrix.data))[0])
        return int(np.searchsorted(matrix.indptr, at, side="right") - 1)
    return int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])


def _stack(upper: Matrix, lower: Matrix) -> Matrix:
    if issparse(upper):
        from scipy.sparse import vstack

        return csr_array(vstack([upper, csr_array(lower)], format="csr"))
    dense = lower.toarray() if issparse(lower) else lower
    return np.concatenate([upper, dense]).astype(np.float32, copy=False)


def _title_text(value: object, key: Key) -> str:
    """Return the cell of a title column as text to show, the id where there is nothing in it."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else plain_text_of(value)
    title = readable(text or "")
    return title if title and not title.isspace() else str(key)
