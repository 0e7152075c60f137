"""`TableSpec`: the meaning of the columns of events, items and users, and the form of their text tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import UsageError, shown
from ..typed_values import check_names
from .content_spec import ContentSpec
from .delimited import TableForm
from .event_weights import event_weights_of
from .featurizers.words import stop_words_of, tokenizer_name
from .interactions import Duplicates
from .times import check_time_format

Names: TypeAlias = str | Sequence[str]
Ready: TypeAlias = Mapping[str, Any]
MissingContent: TypeAlias = Literal["error", "zero", "drop"]

# fields that hold the names of any number of columns, or of events
SEVERAL = (
    "text", "tags", "categories", "numbers", "images", "likes", "user_categories", "user_numbers", "column_names",
    "item_column_names", "user_column_names",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class TableSpec:
    """Meaning of the columns of tables of events, items and users: the keyword arguments of `Dataset.from_tables`.

    Parameters
    ----------
    user, item, text, tags, categories, numbers, vectors, bags, images, image_model, text_encoder, tokenizer, stop_words,
    token_pattern, title, picture, link, rating, threshold, unrated, event, likes, event_weights, weight, time, time_format,
    user_categories, user_numbers, duplicates, missing_content, separator, encoding, comment, decimal, column_names, item_column_names,
    user_column_names, name
        See `Dataset.from_tables`. Names of columns may be one text, several, or None for none; they are kept as a tuple.

    Raises
    ------
    UsageError
        For a value that is not known, a rating without a threshold, or names that are no texts.
    """

    user: str = "user_id"
    item: str = "item_id"
    text: Names = ()
    tags: Names = ()
    categories: Names = ()
    numbers: Names = ()
    vectors: Names | Ready = ()
    bags: Ready | None = None
    images: Names = ()
    image_model: str | None = None
    text_encoder: str = "tfidf"
    tokenizer: str | Callable[[str], Sequence[str]] = "unicode"
    stop_words: str | Path | Sequence[str] = "english"
    token_pattern: str | None = None
    title: str | None = None
    picture: str | None = None
    link: str | None = None
    rating: str | None = None
    threshold: float | None = None
    unrated: float | None = None
    event: str | None = None
    likes: Names = ()
    event_weights: Mapping[str, float] | Names | None = None
    weight: str | None = None
    time: str | None = None
    time_format: str = "auto"
    user_categories: Names = ()
    user_numbers: Names = ()
    duplicates: Duplicates = "error"
    missing_content: MissingContent = "error"
    separator: str | None = None
    encoding: str | None = None
    comment: str | None = None
    decimal: str | None = None
    column_names: Names = ()
    item_column_names: Names = ()
    user_column_names: Names = ()
    name: str = "data"

    def __post_init__(self) -> None:
        for field in SEVERAL:
            object.__setattr__(self, field, _names(getattr(self, field), field))
        if not isinstance(self.vectors, Mapping):
            object.__setattr__(self, "vectors", _names(self.vectors, "vectors"))
        object.__setattr__(self, "event_weights", event_weights_of(self.event_weights))
        for field in ("user", "item"):
            object.__setattr__(self, field, str(getattr(self, field)))

    @classmethod
    def of(cls, columns: Mapping[str, Any], called: str) -> TableSpec:
        """Return the spec of keyword arguments; raises `ParameterError` for a name that there is not, as `called` has it."""
        check_names(columns, [field.name for field in fields(cls)], called)
        return cls(**columns)

    def check(self) -> None:
        """Raise `UsageError` for a value that is not known, or values that do not go together."""
        if self.missing_content not in ("error", "zero", "drop"):
            raise UsageError(f"missing_content must be 'error', 'zero' or 'drop', got {self.missing_content!r}")
        if (self.rating is None) != (self.threshold is None):
            raise UsageError(
                "a rating column needs a threshold (ratings from there on are positives), and a threshold a rating column; give"
                " rating= and threshold="
            )
        threshold = self.threshold
        if threshold is not None and not (isinstance(threshold, int | float | np.number) and np.isfinite(threshold)):
            raise UsageError(f"threshold must be a finite number, got {threshold!r}")
        if self.weights_of_types and (self.event is None or self.likes):
            raise UsageError(
                "event_weights= says what each type of event weighs, so it needs a column of types, event= (--event-column)"
                if self.event is None
                else "likes= and event_weights= both say which types of events are likes; give one of them"
            )
        check_time_format(self.time_format)
        if self.user == self.item:
            raise UsageError(
                f"user and item name the same column '{self.user}'; name the column of each (--user-column, --item-column)"
            )

    @property
    def weights_of_types(self) -> dict[str, float]:
        """Weight of each type of event; empty where none was given."""
        return dict(self.event_weights) if isinstance(self.event_weights, Mapping) else {}

    @property
    def repeated(self) -> Duplicates:
        """Which weight counts of a pair that occurs again: of events of several types, by default the largest."""
        return "max" if self.weights_of_types and self.duplicates == "error" else self.duplicates

    @property
    def names_content(self) -> bool:
        """Whether content of the items was named."""
        return any((self.text, self.tags, self.categories, self.numbers, self.vectors, self.bags, self.images))

    @property
    def content(self) -> ContentSpec:
        """The content columns of the items by kind."""
        return ContentSpec(
            text=tuple(self.text), tags=tuple(self.tags), categories=tuple(self.categories), numbers=tuple(self.numbers),
            vectors=tuple(self.vectors), bags=tuple(self.bags or ()), images=tuple(self.images), image_model=self.image_model, text_encoder=self.text_encoder,
            tokenizer=tokenizer_name(self.tokenizer), stop_words=stop_words_of(self.stop_words),
            token_pattern=self.token_pattern, title=self.title, picture=self.picture, link=self.link,
        )  # fmt: skip

    @property
    def ready(self) -> Ready:
        """Ready vectors and bags of words by name; those that are a list column of the table are not among them."""
        given = {**(self.vectors if isinstance(self.vectors, Mapping) else {}), **(self.bags or {})}
        return {block: source for block, source in given.items() if source is not None}

    @property
    def user_content(self) -> ContentSpec:
        """The columns of the users by kind."""
        return ContentSpec(categories=tuple(self.user_categories), numbers=tuple(self.user_numbers))

    def form(self, column_names: Names) -> TableForm:
        """Return how a text table with columns of these names is written."""
        return TableForm(self.separator, self.encoding, self.comment, tuple(column_names), decimal=self.decimal)


def _names(names: Any, field: str) -> tuple[str, ...]:
    if names is None:
        return ()
    if isinstance(names, str | int):  # a data frame without names of its own counts its columns
        return (str(names),) if names != "" else ()
    if not isinstance(names, Iterable) or isinstance(names, bytes):
        raise UsageError(f"{field} must be a name or a list of names, got {shown(names)}")
    return tuple(str(name) for name in names)
