"""What is answered: these schemas document; the answers themselves are written by the service and sent as they are."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, Field

from .request_schemas import ItemId, UserId

Key = TypeVar("Key")


class _Named(BaseModel):
    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the plain name, whatever the ids are."""
        return cls.__name__


class ModelTag(_Named):
    """Which model answered."""

    name: str
    version: Annotated[str, Field(description="First 12 hexadecimal digits of its manifest's SHA-256.")]


class Answer(_Named):
    """Base of every answer."""

    model: ModelTag
    request_id: str


class ErrorDetail(_Named):
    """What went wrong."""

    code: str
    message: str


class ErrorAnswer(_Named):
    """Every error."""

    error: ErrorDetail
    request_id: str


class ListedItem(_Named, Generic[ItemId]):
    """One entry of a list."""

    rank: int
    item: ItemId
    score: float
    title: str
    path: Annotated[str, Field(description="known, content (new) or popularity")]
    explanation: dict[str, Any] | None = None


class ListedUser(_Named, Generic[UserId]):
    """One entry of a list of users."""

    rank: int
    user: UserId
    score: float
    title: str


class RecommendAnswer(Answer, Generic[ItemId]):
    """A list, best first."""

    resolved: Annotated[str, Field(description="known, history, columns, item or fallback")]
    ignored: list[ItemId]
    popularity: Annotated[float | None, Field(description="Where it was not 1: how much of it is in the scores.")] = None
    items: list[ListedItem[ItemId]]


class ScoredItem(_Named, Generic[ItemId]):
    """One score."""

    item: ItemId
    score: float
    path: str


class ScoreAnswer(Answer, Generic[ItemId]):
    """Scores in the order asked."""

    resolved: str
    ignored: list[ItemId]
    scores: list[ScoredItem[ItemId]]


class ExplainAnswer(Answer):
    """Why: by level, by item of the history, by term of the content; each sums to the score."""

    explanation: dict[str, Any]


class UsersAnswer(Answer, Generic[UserId]):
    """Users, best first."""

    resolved: str
    ignored: list[UserId]
    users: list[ListedUser[UserId]]


class EncodeAnswer(Answer):
    """A vector; the score of a user and an item is the inner product of their vectors."""

    resolved: Annotated[str | None, Field(description="Of a user: known or history.")] = None
    path: Annotated[str | None, Field(description="Of an item: known or content.")] = None
    vector: list[float]
    content_index: list[int] | None = None
    content_value: list[float] | None = None
    ignored: Annotated[list[Any] | None, Field(description="Of a user: entries of the history that the model cannot read.")] = (
        None
    )


class ItemAnswer(Answer, Generic[ItemId]):
    """One item."""

    item: ItemId
    title: str
    path: str
    content: dict[str, Any]
    picture: bool


class CatalogueItem(_Named, Generic[ItemId]):
    """One item of a page."""

    item: ItemId
    title: str
    path: str
    content: dict[str, Any]
    picture: bool


class ItemsAnswer(Answer, Generic[ItemId]):
    """A page of items."""

    items: list[CatalogueItem[ItemId]]
    total: int


class UserEvents(_Named, Generic[UserId]):
    """One user."""

    user: UserId
    events: int


class UserListAnswer(Answer, Generic[UserId]):
    """A page of users."""

    users: list[UserEvents[UserId]]
    total: int


class HistoryAnswer(Answer, Generic[ItemId]):
    """What a user took."""

    items: list[CatalogueItem[ItemId]]


class ChangedItemAnswer(Answer, Generic[ItemId]):
    """What became of one item."""

    item: ItemId
    state: Annotated[str, Field(description="added, replaced, restored, deleted or hidden")]
    understood: Annotated[
        bool | None,
        Field(description="Of an item put: false where the model knows nothing of its content; its scores say nothing."),
    ] = None


class ChangedItemsAnswer(Answer, Generic[ItemId]):
    """What became of many items, by number."""

    added: int
    replaced: int
    restored: int = 0
    not_understood: Annotated[list[ItemId], Field(description="Items of whose content the model knows nothing.")] = []


class EventsAnswer(Answer):
    """What became of the events, by number."""

    added: int
    repeated: int
    new_users: int


class TakenBackAnswer(Answer):
    """How many events no longer count."""

    taken_back: int


class ForgottenUserAnswer(Answer, Generic[UserId]):
    """Who is unknown from now on."""

    user: UserId
    state: Annotated[str, Field(description="forgotten")]


class ModelAnswer(Answer):
    """What the model is."""

    name: str
    version: str
    previous: dict[str, Any] | None
    parameters: dict[str, Any]
    info: dict[str, Any]
    metrics: dict[str, Any]
    items: int
    users: int
    columns: Annotated[dict[str, str], Field(description="Content columns and their kinds.")]
    ids: Annotated[dict[str, str], Field(description="Kind of the ids of items and users.")]
    capabilities: dict[str, bool]


class ReloadAnswer(Answer):
    """The model now, and the one before."""

    previous: ModelTag | None
    left_out: Annotated[int, Field(description="Added items that the model now cannot take; they are kept for another.")]


class Compared(_Named, Generic[ItemId]):
    """One method's list."""

    name: str
    items: list[ListedItem[ItemId]]
    error: Annotated[str | None, Field(description="Why a simple method has no list.")] = None


class CompareAnswer(Answer, Generic[ItemId]):
    """Lists of several methods."""

    models: list[Compared[ItemId]]
    pending: Annotated[list[str], Field(default_factory=list, description="Methods that are still being prepared.")]


class MapAnswer(Answer, Generic[ItemId]):
    """Items in the plane."""

    items: list[ItemId]
    x: list[float]
    y: list[float]
    explained: float


class Status(_Named):
    """Whether the server lives, or is ready."""

    status: str
