"""Schemas of answers about the whole: the map, what to filter by, tastes, activity, rules that are kept."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal

from pydantic import Field

from .answer_schemas import Answer, CatalogueItem, ColumnKind, Named
from .listing_schemas import ItemId


class Region(Named):
    """A part of the map and the labels that set it apart."""

    name: str
    x: float
    y: float
    items: int


class Colours(Named):
    """Labels of a column, and which of them each item has."""

    column: str
    names: list[str]
    of: Annotated[list[int], Field(description="Place in `names` for each item, -1 for none of them.")]


class MapAnswer(Answer, Generic[ItemId]):
    """Items in the plane."""

    items: list[ItemId]
    x: list[float]
    y: list[float]
    explained: Annotated[float, Field(description="Share of all differences that the plane shows.")]
    total: Annotated[int, Field(description="Items of the whole catalogue.")]
    regions: list[Region]
    colours: Annotated[Colours | None, Field(description="Of the column that was asked for.")] = None


class FacetValue(Named):
    """One label of a column."""

    value: str
    items: int


class Facet(Named):
    """What can be chosen of one column: labels, or a range."""

    name: str
    kind: ColumnKind
    values: Annotated[list[FacetValue] | None, Field(description="The most frequent labels first.")] = None
    min: Annotated[float | str | None, Field(description="Smallest number, or earliest date.")] = None
    max: Annotated[float | str | None, Field(description="Largest number, or latest date.")] = None


class FacetsAnswer(Answer):
    """What can be chosen of each column; columns without a choice are left out."""

    columns: list[Facet]


class Taste(Named, Generic[ItemId]):
    """A few items that are alike."""

    items: list[CatalogueItem[ItemId]]


class TastesAnswer(Answer, Generic[ItemId]):
    """Tastes that differ from each other."""

    tastes: list[Taste[ItemId]]


class Today(Named):
    """Totals since midnight (UTC), or since the server's start."""

    answers: int
    errors: int
    lists: int
    entries: Annotated[int, Field(description="Of all lists.")]
    new_entries: Annotated[int, Field(description="Of them items that the model was not trained on.")]
    events: int
    items_added: int
    taken_up: Annotated[int, Field(description="Lists of which an event, which names their request, took something.")]


class ServedVersion(Named):
    """A version of the model, and since when it answers here."""

    name: str
    version: str
    loaded: Annotated[float, Field(description="Seconds since 1970.")]


class ActivityAnswer(Named):
    """The last hour, a number for each minute, the last of which is not over; and today."""

    since: Annotated[float, Field(description="Start of the server, in seconds since 1970.")]
    minute: Annotated[int, Field(description="Beginning of the last minute, in seconds since 1970.")]
    answers: list[int]
    errors: Annotated[list[int], Field(description="Answers with status 500 or more.")]
    known: Annotated[list[int], Field(description="Lists for users with a stored history.")]
    new: Annotated[list[int], Field(description="Lists for a history or columns that came with the question.")]
    fallback: Annotated[list[int], Field(description="Lists of what is popular, as nothing was known.")]
    events: list[int]
    p50: Annotated[list[float | None], Field(description="Median time of an answer in milliseconds.")]
    p95: list[float | None]
    today: Today
    versions: Annotated[list[ServedVersion], Field(description="The present one first.")]
    request_id: str


class Preset(Named):
    """Rules that are kept under a name."""

    name: str
    rules: Annotated[dict[str, Any], Field(description="In the form in which a request has them.")]


class PresetAnswer(Answer, Preset):
    """Rules that are kept under a name."""


class PresetsAnswer(Answer):
    """All that are kept, by name."""

    presets: list[Preset]


class ChangedPresetAnswer(Answer):
    """Result of a change."""

    name: str
    state: Literal["added", "replaced", "deleted"]
