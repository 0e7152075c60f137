"""Schemas of answers, for the document: the answers themselves are written by the service and sent as they are."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal

from pydantic import BaseModel, Field

from ...models.explain.explanation import Method
from ...retrieval.recommendations import ItemPath, UserPath
from .listing_schemas import ItemId, UserId


class Named(BaseModel):
    """Base of what is named in the document."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the plain name, whatever the ids are."""
        return cls.__name__


class ModelTag(Named):
    """Which model answered."""

    name: str
    version: Annotated[str, Field(description="First 12 hexadecimal digits of its manifest's SHA-256.")]


class Answer(Named):
    """Base of every answer."""

    model: ModelTag
    request_id: str
    variant: Annotated[str | None, Field(description="Which variant answered, where the server has several.")] = None


class ErrorDetail(Named):
    """An error."""

    code: str
    message: str


class ErrorAnswer(Named):
    """Every error."""

    error: ErrorDetail
    request_id: str


class Level(Named):
    """Share of one level in a score."""

    name: str
    score: float


class HistoryPart(Named, Generic[ItemId]):
    """Share of one item of the history in a score."""

    item: ItemId
    title: str
    score: float


class ContentPart(Named):
    """Share of one content term of the item in its score; a word stands as the item's text writes it first."""

    column: str
    term: str
    score: float


class _View(Named):
    base: Annotated[float, Field(description="The score without any of the parts.")]
    gap: Annotated[float, Field(description="The score less base and parts, where that is more than rounding.")] = 0.0


class HistoryView(_View, Generic[ItemId]):
    """The score by items of the history, the largest part first."""

    parts: list[HistoryPart[ItemId]]


class ContentView(_View):
    """The score by content terms of the item, the largest part first."""

    parts: list[ContentPart]


class Explanation(Named, Generic[ItemId]):
    """Why an item has its score: by level, by item of the history, by term of its content; each sums to the score."""

    item: ItemId
    title: str
    resolved: UserPath
    score: float
    method: Method
    levels: list[Level]
    history: HistoryView[ItemId]
    content: Annotated[ContentView | None, Field(description="Null for models that do not read content.")]


class ListedItem(Named, Generic[ItemId]):
    """One entry of a list."""

    rank: int
    item: ItemId
    score: float
    title: str
    path: Annotated[ItemPath, Field(description="known, content (new) or popularity")]
    probability: Annotated[
        float | None, Field(description="With `explore`: with which probability the entry was to be shown.")
    ] = None
    explanation: Explanation[ItemId] | None = None
    rules: Annotated[list[str] | None, Field(description="With rules: those that put it here or moved it.")] = None
    score_rank: Annotated[
        int | None,
        Field(
            description="With rules: the rank that it would have by its score alone; of a drawn item its place behind the list."
        ),
    ] = None


class ListedUser(Named, Generic[UserId]):
    """One entry of a list of users."""

    rank: int
    user: UserId
    score: float
    title: str


class ItemList(Named, Generic[ItemId]):
    """Items, best first."""

    resolved: Annotated[UserPath, Field(description="known, history, columns, item or fallback")]
    ignored: list[ItemId]
    popularity: Annotated[float | None, Field(description="Where it was not 1: how much of it is in the scores.")] = None
    unmet: Annotated[list[str] | None, Field(description="With rules: what could not be done of them, a sentence each.")] = None
    next_page: Annotated[
        str | None, Field(description="Where pages were asked for: the `page` that goes on; null after the last.")
    ] = None
    items: list[ListedItem[ItemId]]


class RecommendAnswer(Answer, ItemList[ItemId], Generic[ItemId]):
    """A list, best first."""


class UserItemList(ItemList[ItemId], Generic[UserId, ItemId]):
    """The list of one of several users."""

    user: UserId
    request_id: Annotated[
        str, Field(description="Names this list in an event: the id of the request, a dot and its place from 0.")
    ]
    variant: Annotated[str | None, Field(description="Which variant answered, where the server has several.")] = None


class RecommendManyAnswer(Answer, Generic[UserId, ItemId]):
    """A list for each user, in the order asked."""

    lists: list[UserItemList[UserId, ItemId]]


class ScoredItem(Named, Generic[ItemId]):
    """One score."""

    item: ItemId
    score: float
    path: ItemPath


class ScoreAnswer(Answer, Generic[ItemId]):
    """Scores in the order asked."""

    resolved: UserPath
    ignored: list[ItemId]
    scores: list[ScoredItem[ItemId]]


class ExplainAnswer(Answer, Generic[ItemId]):
    """Why an item has its score."""

    explanation: Explanation[ItemId]


class UsersAnswer(Answer, Generic[UserId]):
    """Users, best first."""

    resolved: UserPath
    ignored: list[UserId]
    users: list[ListedUser[UserId]]


class EncodeAnswer(Answer, Generic[ItemId]):
    """A vector; the score of a user and an item is the inner product of their vectors."""

    resolved: Annotated[UserPath | None, Field(description="Of a user: known, history or columns.")] = None
    path: Annotated[ItemPath | None, Field(description="Of an item: known or content.")] = None
    vector: list[float]
    content_index: list[int] | None = None
    content_value: list[float] | None = None
    ignored: Annotated[
        list[ItemId] | None, Field(description="Of a user: entries of the history that the model cannot read.")
    ] = None


class CatalogueItem(Named, Generic[ItemId]):
    """One item."""

    item: ItemId
    title: str
    path: ItemPath
    content: Annotated[dict[str, Any], Field(description="Columns and their values.")]
    picture: Annotated[bool, Field(description="Whether the server has a picture of the item.")]
    picture_link: Annotated[
        str | None, Field(description="Address of a picture, of the column that `fit --picture` named.")
    ] = None
    link: Annotated[
        str | None, Field(description="Address of a page about the item, of the column that `fit --link` named.")
    ] = None
    taken: Annotated[int, Field(description="Users of the training data who took it.")]


class ItemAnswer(Answer, CatalogueItem[ItemId], Generic[ItemId]):
    """One item."""


class ItemsAnswer(Answer, Generic[ItemId]):
    """A page of items."""

    items: list[CatalogueItem[ItemId]]
    total: int
    mended: Annotated[bool, Field(description="Whether no title was spelt so, and a typo in the query was forgiven.")] = False


class UserEvents(Named, Generic[UserId]):
    """One user."""

    user: UserId
    events: int


class UserListAnswer(Answer, Generic[UserId]):
    """A page of users."""

    users: list[UserEvents[UserId]]
    total: int


class HistoryAnswer(Answer, Generic[ItemId]):
    """The history of a user."""

    items: list[CatalogueItem[ItemId]]


class ChangedItemAnswer(Answer, Generic[ItemId]):
    """Result of a change of one item."""

    item: ItemId
    state: Literal["added", "replaced", "restored", "deleted", "hidden"]
    understood: Annotated[
        bool | None,
        Field(description="Of an item put: false where the model knows nothing of its content; its scores say nothing."),
    ] = None


class ChangedItemsAnswer(Answer, Generic[ItemId]):
    """Results of changes of many items, as numbers."""

    added: int
    replaced: int
    restored: int = 0
    not_understood: Annotated[list[ItemId], Field(description="Items of whose content the model knows nothing.")] = []


class EventsAnswer(Answer):
    """Results of the events, as numbers."""

    added: int
    repeated: int
    new_users: int


class TakenBackAnswer(Answer):
    """Number of events that no longer count."""

    taken_back: int


class ForgottenUserAnswer(Answer, Generic[UserId]):
    """The user who is unknown from now on."""

    user: UserId
    state: Literal["forgotten"]


class ForgottenEntry(Named):
    """Somebody who was forgotten."""

    time: Annotated[int, Field(description="In seconds since 1970.")]
    user: Annotated[str, Field(description="Keyed hash of the id.")]
    signature: Annotated[str, Field(description="Keyed hash over the signature before, the time and the hash.")]


class ForgottenAnswer(Answer):
    """Everybody who was forgotten, as keyed hashes, in order."""

    key: Annotated[str, Field(description="Of the hashes: who has it can test an id that they guess.")]
    forgotten: list[ForgottenEntry]


IdKind = Literal["integer", "string"]
ColumnKind = Literal["text", "tags", "categories", "numbers", "vectors", "bags", "images", "dates", "plain"]


class IdKinds(Named):
    """Kinds of the ids."""

    items: IdKind
    users: IdKind


class VariantTag(Named):
    """A variant of the server."""

    name: str
    share: Annotated[float, Field(description="Of the people whom it answers.")]
    model: ModelTag


class ModelAnswer(Answer):
    """Description of the model."""

    name: str
    version: str
    previous: ModelTag | None
    parameters: Annotated[dict[str, Any], Field(description="With which the model was made.")]
    info: Annotated[dict[str, Any], Field(description="How the model was trained.")]
    metrics: Annotated[dict[str, Any], Field(description="Figures of the evaluation, if it was evaluated.")]
    versions: Annotated[dict[str, Any], Field(description="Of the libraries that trained it.")]
    items: int
    items_trained: int
    items_hidden: int
    users: int
    users_trained: int
    columns: Annotated[dict[str, ColumnKind], Field(description="Content columns and their kinds.")]
    user_columns: Annotated[dict[str, ColumnKind], Field(description="Columns of users and their kinds.")]
    event_types: Annotated[
        dict[str, Literal["like", "seen", "dislike"]],
        Field(description="Types that `POST /v1/events` takes, and what each means; `none` takes a view or a dislike back."),
    ]
    ids: IdKinds
    capabilities: Annotated[dict[str, bool], Field(description="What the model can be asked.")]
    tag_separators: Annotated[
        dict[str, str], Field(default_factory=dict, description="What divided the tags of a column where they were text.")
    ]
    dials: Annotated[
        list[str],
        Field(description="What the page tunes from 0 to 1: popularity; recency and diversity, which are rules of a question."),
    ]
    recency_column: Annotated[
        str | None, Field(description="The column of dates, years or such by which a boost lifts newer items.")
    ] = None
    saved: Annotated[float, Field(description="When the model folder was written, in seconds since 1970.")]
    training: Annotated[list[dict[str, Any]], Field(description="The log of the run that made it, where that is beside it.")]
    variants: Annotated[
        list[VariantTag] | None, Field(description="Where the server has several models: the first one is described here.")
    ] = None


class ReloadAnswer(Answer):
    """The model now, and the one before."""

    previous: ModelTag | None
    left_out: Annotated[int, Field(description="Added items that the model now cannot take; they are kept for another.")]


class Compared(Named, Generic[ItemId]):
    """One method's list."""

    name: str
    items: list[ListedItem[ItemId]]
    error: Annotated[str | None, Field(description="Why a simple method has no list.")] = None


class CompareAnswer(Answer, Generic[ItemId]):
    """Lists of several methods."""

    models: list[Compared[ItemId]]
    pending: Annotated[list[str], Field(default_factory=list, description="Methods that are still being prepared.")]


class Status(Named):
    """Whether the server lives, or is ready."""

    status: Literal["alive", "ready"]
    writes: Annotated[str | None, Field(description="Why changes are refused at present; left out while they are taken.")] = (
        None
    )
