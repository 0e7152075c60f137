"""`Featurizer`: raw content as a feature matrix; it is fitted on training items and saved with the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, issparse

from ..computed_once import computed_once
from ..errors import ArtifactError, DataError, warn
from ..ids import Rows
from .content import Content, Matrix
from .content_spec import ContentSpec
from .feature_labels import FeatureLabels
from .featurizers.base import Block
from .featurizers.hashed import HashBlock
from .featurizers.images import ImageBlock
from .featurizers.numeric import BagBlock, NumberBlock, VectorBlock
from .featurizers.sentences import SentenceBlock
from .featurizers.terms import CategoryBlock, TermBlock
from .featurizers.words import OLD
from .kinds import Kind, RowNames, cast_table, like_table, shown_table
from .tag_values import KnownTags


class Featurizer:
    """Turns `Content` into one feature matrix, block by block.

    Fit it on training rows only: vocabulary and weights that have seen the test are a leak. Applying needs NumPy and
    SciPy alone, but for pictures and sentence models.

    Parameters
    ----------
    spec : ContentSpec
        Which columns are read, and how.
    blocks : sequence of Block
        Fitted blocks in the order of `spec.columns`.
    """

    def __init__(self, spec: ContentSpec, blocks: Sequence[Block]) -> None:
        self.spec, self.blocks = spec, list(blocks)

    @classmethod
    def fit(cls, content: Content, rows: Rows | None = None) -> Featurizer:
        """Fit every block of the content's spec.

        Parameters
        ----------
        content : Content
            Raw content.
        rows : ndarray of int64, optional
            Training rows; all by default.

        Raises
        ------
        DataError
            If the spec has no column, or a column cannot be used; the text names it.
        """
        spec = content.spec
        if not spec.columns:
            raise DataError(
                "the content has no columns to learn from; name some with text=, tags=, categories=, numbers=, vectors= or images="
            )
        content = content.canonical()
        blocks: list[Block] = []
        for column in spec.text:
            blocks += _fit_text(content, column, rows)
        for column in spec.tags:
            blocks.append(TermBlock.fit(content, column, "tags", rows, min_df=spec.min_df, max_features=spec.max_features))
        blocks += [CategoryBlock.fit(content, column, rows) for column in spec.categories]
        blocks += [NumberBlock.fit(content, column, rows) for column in spec.numbers]
        blocks += [VectorBlock.fit(content, column, rows) for column in spec.vectors]
        blocks += [BagBlock.fit(content, column, rows, min_df=spec.min_df) for column in spec.bags]
        blocks += [ImageBlock.fit(content, column, rows, model=spec.image_model) for column in spec.images]
        return cls(spec, blocks)

    @property
    def n_features(self) -> int:
        """Width of the matrix that `transform` returns."""
        return len(self.names())

    def names(self) -> list[str]:
        """Return the name of each feature, such as a word or ``column=label``."""
        return [name for block in self.blocks for name in block.names()]

    @computed_once
    def vector_columns(self) -> Rows:
        """Which features are numbers of vectors: those of vectors, sentence models and pictures."""
        widths = [(isinstance(block, VectorBlock | SentenceBlock | ImageBlock), len(block.names())) for block in self.blocks]
        return np.flatnonzero(np.repeat([vector for vector, _ in widths], [width for _, width in widths])).astype(np.int64)

    @computed_once
    def labels(self) -> FeatureLabels:
        """Names of the features for people, used in explanations."""
        return FeatureLabels(self.blocks)

    @computed_once
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column of a table that was fitted."""
        return {block.column: KIND_OF_BLOCK[_block_kind(block)] for block in self.blocks if _block_kind(block) in KIND_OF_BLOCK}

    def cast(self, content: Content, fitted: Content | None = None, place: Callable[[int], str] | None = None) -> Content:
        """Return content whose columns have the kinds that were fitted, whatever type they came in.

        Parameters
        ----------
        content : Content
            New rows.
        fitted : Content, optional
            What was fitted: columns that are no content become what they are there.
        place : callable, optional
            From a row to where it came from, for error texts.

        Raises
        ------
        DataError
            For a value that its kind cannot take; the text names row, column, value and remedy.
        """
        if not content.table.num_columns:
            return content
        rows = RowNames(content.ids.key, place)
        table = cast_table(content.table, self.kinds, rows, self.known_tags)
        if fitted is not None and fitted.table.num_columns:
            table = like_table(table, fitted.table, self.kinds, rows)
        else:
            table = shown_table(table, self.kinds)
        return content if table is content.table else replace(content, table=table)

    @computed_once
    def known_tags(self) -> dict[str, KnownTags]:
        """Known tags of each tag column, so that the tags of new items are divided like the fitted ones."""
        return {
            block.column: KnownTags(frozenset(block.names()), block.separators)
            for block in self.blocks
            if isinstance(block, TermBlock) and block.kind == "tags"
        }

    def transform(self, content: Content, *, quiet: bool = False) -> Matrix:
        """Return the features of every row.

        Parameters
        ----------
        content : Content
            Raw content with the fitted columns.
        quiet : bool
            Say nothing of rows without any content that is known.

        Returns
        -------
        csr_array or ndarray of float32, shape (len(content), n_features)
            Dense only if every block is dense.

        Raises
        ------
        DataError
            If a column is missing or a value cannot be used.
        """
        missing = [b.column for b in self.blocks if b.column not in {*content.table.column_names, *content.matrices}]
        if missing:
            raise DataError(
                f"content column '{missing[0]}' is missing; the model was fitted with {', '.join(self.spec.columns)}"
            )
        if content.table.num_columns:
            table = cast_table(content.table, self.kinds, RowNames(content.ids.key), self.known_tags)
            content = content if table is content.table else replace(content, table=table)
        parts = [block.transform(content) for block in self.blocks]
        if all(not issparse(part) for part in parts):
            features: Matrix = np.concatenate(parts, axis=1)
            empty = int((~features.any(axis=1)).sum())
        else:
            features = csr_array(hstack([csr_array(part) for part in parts], format="csr", dtype=np.float32))
            features.sort_indices()
            empty = int((np.diff(features.indptr) == 0).sum())
        if empty and len(content) > 1 and not quiet:
            warn(f"{empty:,} of {len(content):,} rows have no content at all that the model knows; they are encoded alike")
        return features

    def unknown_terms(self, content: Content) -> tuple[int, int]:
        """Return how many distinct words, tags and labels some rows have, and how many of those the vocabulary lacks."""
        content = self.cast(content)
        counts = [block.unknown_terms(content) for block in self.blocks if isinstance(block, TermBlock | CategoryBlock)]
        return sum(total for total, _ in counts), sum(unknown for _, unknown in counts)

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON-ready description and arrays."""
        config: dict[str, Any] = {"spec": self.spec.to_json(), "blocks": []}
        tensors: dict[str, NDArray[Any]] = {}
        for place, block in enumerate(self.blocks):
            description, arrays = block.to_state()
            config["blocks"].append(description)
            tensors |= {f"{place}.{name}": value for name, value in arrays.items()}
        return config, tensors

    @classmethod
    def from_state(cls, config: dict[str, Any], tensors: dict[str, NDArray[Any]], *, trust_paths: bool = True) -> Featurizer:
        """Rebuild from `to_state`.

        Parameters
        ----------
        config, tensors
            From `to_state`.
        trust_paths : bool
            Whether paths in it may be followed; not where it came from a folder that somebody else may have made.

        Raises
        ------
        ArtifactError
            If a block is of a kind this version does not know, or does not fit its arrays.
        """
        blocks: list[Block] = []
        for place, description in enumerate(config["blocks"]):
            arrays = {n.split(".", 1)[1]: v for n, v in tensors.items() if n.split(".", 1)[0] == str(place)}
            check_block(description, arrays)
            kind = KINDS.get(description["kind"])
            if kind is None:
                raise ArtifactError(f"content kind '{description['kind']}' is not known to this version of dualnet; upgrade it")
            block = kind.from_state(description, arrays)
            if isinstance(block, SentenceBlock | ImageBlock):
                block.follow = trust_paths
            blocks.append(block)
        return cls(ContentSpec.from_json({"tokenizer": OLD, **config["spec"]}), blocks)


KIND_OF_BLOCK: dict[str, Kind] = {
    "text": "text", "hashed": "text", "sentences": "text", "tags": "tags", "categories": "category", "numbers": "number",
    "dates": "date", "vectors": "vector", "images": "picture",
}  # fmt: skip
KINDS: dict[str, Any] = {
    "text": TermBlock,
    "hashed": HashBlock,
    "sentences": SentenceBlock,
    "tags": TermBlock,
    "categories": CategoryBlock,
    "numbers": NumberBlock,
    "vectors": VectorBlock,
    "bags": BagBlock,
    "images": ImageBlock,
}


def _block_kind(block: Block) -> str:
    kind: str = getattr(block, "kind")  # noqa: B009  # a name of the class, of the object, or a property
    return "dates" if isinstance(block, NumberBlock) and block.of_dates else kind


def _fit_text(content: Content, column: str, rows: Rows | None) -> list[Block]:
    spec = content.spec
    blocks: list[Block] = []
    for encoder in spec.text_encoders:
        if encoder == "tfidf":
            blocks.append(
                TermBlock.fit(
                    content, column, "text", rows, min_df=spec.min_df, max_features=spec.max_features, words=spec.words
                )
            )
        elif encoder == "hashing":
            blocks.append(
                HashBlock.fit(content, column, rows, min_df=spec.min_df, n_buckets=spec.max_features, words=spec.words)
            )
        else:
            blocks.append(SentenceBlock.fit(content, column, rows, model=encoder))
    return blocks


WIDEST = 2**24  # numbers of a feature block; more is no model but a way to ask for memory

Arrays = Mapping[str, NDArray[Any]]


def check_block(told: Any, arrays: Arrays) -> None:
    """Refuse the description and arrays of a block that do not fit each other.

    Parameters
    ----------
    told : mapping
        From `Block.to_state`.
    arrays : mapping of str to ndarray
        Its arrays.

    Raises
    ------
    ArtifactError
        If an entry is missing or of another kind, a vocabulary repeats, a number is not finite, or lengths differ.
    """
    if not isinstance(told, Mapping) or not isinstance(told.get("kind"), str) or not isinstance(told.get("column"), str):
        raise ArtifactError("a block of features of the model folder has no kind or no column; it was altered")
    what = f"the features of column '{told['column'][:80]}' in the model folder"
    for key in ("vocabulary", "labels"):
        if key in told:
            _check_terms(told[key], f"{what}: {key}")
    for key in ("mean", "deviation"):
        if key in told and (not _is_number(told[key]) or (key == "deviation" and told[key] <= 0)):
            raise ArtifactError(f"{what}: {key} is {told[key]!r:.60}, expected a number; it was altered")
    if "width" in told and not (type(told["width"]) is int and 0 < told["width"] <= WIDEST):
        raise ArtifactError(f"{what}: the width is {told['width']!r:.60}, expected a whole number; it was altered")
    for key in ("model", "settings", "separators"):
        if not isinstance(told.get(key), str | None):
            raise ArtifactError(f"{what}: {key} is no text; it was altered")
    for name, values in arrays.items():
        if values.ndim != 1 or values.dtype.kind != "f":
            raise ArtifactError(f"{what}: '{name}' has shape {values.shape}, expected one row of numbers; it was altered")
    if "vocabulary" in told and ("idf" not in arrays or len(arrays["idf"]) != len(told["vocabulary"])):
        raise ArtifactError(f"{what}: the vocabulary has another length than its weights; it was altered")
    if "parts" in told:
        _check_parts(told["parts"], arrays, what)


def _check_terms(terms: Any, what: str) -> None:
    if not isinstance(terms, list) or any(not isinstance(term, str) for term in terms):
        raise ArtifactError(f"{what} is no list of texts; it was altered")
    if len(set(terms)) != len(terms):
        raise ArtifactError(f"{what} names a term more than once; it was altered")


def _check_parts(parts: Any, arrays: Arrays, what: str) -> None:
    good = isinstance(parts, list) and all(
        isinstance(part, list)
        and len(part) == 2
        and isinstance(part[0], str)
        and type(part[1]) is int
        and 0 < part[1] <= WIDEST
        for part in parts
    )
    if not good:
        raise ArtifactError(f"{what}: the parts of a picture's descriptor are no names and lengths; it was altered")
    width = sum(part[1] for part in parts)
    for name in ("mean", "deviation"):
        if name not in arrays or len(arrays[name]) != width or (name == "deviation" and (arrays[name] <= 0).any()):
            raise ArtifactError(f"{what}: '{name}' of the descriptors does not fit their {width:,} numbers; it was altered")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and np.isfinite(float(value))
