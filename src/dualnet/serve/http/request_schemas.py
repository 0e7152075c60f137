"""Schemas of requests: strict, one for each body; each says with which arguments it asks the service."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, model_validator

from ...retrieval import questions
from ...retrieval.questions import Asker
from ..replies import LONGEST_PAGE
from .http_errors import Refusal
from .id_types import Number, Text
from .listing_schemas import (
    MOST_IDS,
    MOST_ITEMS,
    Column,
    ItemId,
    K,
    Label,
    Listing,
    NewItemId,
    NewUserId,
    Request,
    Rules,
    Strict,
    Unknown,
    UserId,
    absent,
)

MOST_COLUMNS = 200
MOST_EXPLAINED = 20
MOST_USERS = 100  # of one question for several lists
MOST_LISTED = 10_000  # entries of all its lists

Value: TypeAlias = "Text | bool | Number | list[Label] | list[Number] | None"
Content: TypeAlias = Annotated[dict[Column, Value], Field(min_length=1, max_length=MOST_COLUMNS)]

Seen: TypeAlias = Annotated[
    list[ItemId],
    FailFast(),
    Field(default_factory=list, max_length=MOST_IDS, description="Not listed, and no part of the history: dismissed."),
]


class NewItem(Strict, Generic[NewItemId]):
    """An item by its content."""

    id: NewItemId
    content: Content

    def given(self) -> questions.NewItem:
        """Return the item as the service takes it."""
        return questions.NewItem(self.id, self.content)


class Asked(Request, Generic[UserId, ItemId, NewItemId]):
    """Somebody: a stored user, a history, or columns alone."""

    user: Annotated[
        UserId, Field(default_factory=absent, description="A user the server knows; give either this or `history`.")
    ]
    history: Annotated[
        list[ItemId],
        FailFast(),
        Field(default_factory=absent, max_length=MOST_IDS, description="What somebody took; give either this or `user`."),
    ]
    times: Annotated[
        list[Annotated[int, Field(ge=0, lt=2**33)]],
        FailFast(),
        Field(
            default_factory=absent,
            max_length=MOST_IDS,
            description="When each item of the history happened, in seconds since 1970; for models that were fitted with a half-life.",
        ),
    ]
    new_items: Annotated[
        list[NewItem[NewItemId]],
        FailFast(),
        Field(default_factory=list, max_length=MOST_ITEMS, description="Items for this question only."),
    ]
    user_columns: Annotated[
        dict[Column, Text | bool | Number],
        Field(
            default_factory=absent,
            min_length=1,
            max_length=MOST_COLUMNS,
            description="Columns of somebody, in place of stored ones; alone they are a question too.",
        ),
    ]
    unknown: Unknown

    @model_validator(mode="after")
    def _either(self) -> Self:
        alone = self.user is None and self.history is None and self.user_columns is not None
        if (self.user is None) == (self.history is None) and not alone:
            raise ValueError("give either 'user' or 'history'")
        return self

    def asker(self) -> dict[str, Any]:
        """Return the fields of an `Asker`."""
        return {
            "user": self.user,
            "history": self.history,
            "new_items": [item.given() for item in self.new_items],
            "user_columns": self.user_columns,
            "unknown": self.unknown,
            "times": self.times,
        }


class RecommendRequest(Listing[ItemId], Asked[UserId, ItemId, NewItemId], Generic[UserId, ItemId, NewItemId]):
    """For whom, how many, and which may be listed."""

    seen: Seen[ItemId]
    popularity: Annotated[float, Field(ge=0, le=1, description="How much of the average user's score stays in the scores.")] = (
        1.0
    )
    keep_seen: Annotated[bool, Field(description="Also list items of the history, and those seen or disliked.")] = False
    fallback: Annotated[
        Literal["popularity", "error"],
        Field(
            default_factory=absent,
            description="Where nothing is known: popularity (the default, but for an empty history, which is refused) or error.",
        ),
    ]
    explain: Annotated[bool, Field(description="With an explanation of each entry.")] = False
    explore: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the places, the last ones, for new items that are drawn; each entry then has its `probability`. The"
            " draw follows from the request id.",
        ),
    ] = 0.0

    @model_validator(mode="after")
    def _something_to_go_by(self) -> Self:
        if self.history is not None and len(self.history) == 0 and self.fallback is None and self.user_columns is None:
            raise ValueError('\'history\' is empty; give items, or ask for what is popular with "fallback": "popularity"')
        return self

    def arguments(self) -> dict[str, Any]:
        """Return the question, and whether each entry is explained."""
        if self.explain and self.k > MOST_EXPLAINED:
            raise Refusal(422, "bad-request", f"body.k: with explain at most {MOST_EXPLAINED} items are listed")
        question = questions.RecommendQuestion(
            **{**self.asker(), **self.listing()},
            seen=self.seen,
            popularity=self.popularity,
            keep_seen=self.keep_seen,
            fallback=self.fallback or "popularity",
            explore=self.explore,
        )
        return {"question": question, "explain": True} if self.explain else {"question": question}


class RecommendManyRequest(Listing[ItemId], Generic[UserId, ItemId]):
    """For several stored users, the same question."""

    users: Annotated[list[UserId], FailFast(), Field(min_length=1, max_length=MOST_USERS)]
    popularity: Annotated[float, Field(ge=0, le=1, description="How much of the average user's score stays in the scores.")] = (
        1.0
    )
    keep_seen: Annotated[bool, Field(description="Also list items of the history, and those seen or disliked.")] = False
    fallback: Literal["popularity", "error"] = "popularity"

    @model_validator(mode="after")
    def _not_too_much(self) -> Self:
        if self.page is not None:
            raise ValueError("'page' goes on with the list of one user; ask POST /v1/recommend for each")
        if len(self.users) * self.k > MOST_LISTED:
            raise ValueError(
                f"{len(self.users)} lists of {self.k} items are more than {MOST_LISTED:,} entries; send several requests"
            )
        return self

    def arguments(self) -> dict[str, Any]:
        """Return the question of each user."""
        rest = {"popularity": self.popularity, "keep_seen": self.keep_seen, "fallback": self.fallback, **self.listing()}
        return {"questions": [questions.RecommendQuestion(user=user, **rest) for user in self.users]}


class PresetRequest(Request, Generic[ItemId]):
    """Rules to keep under a name."""

    rules: Rules[ItemId]

    def arguments(self) -> dict[str, Any]:
        """Return the rules."""
        return {"rules": self.rules.plain()}


class ScoreRequest(Asked[UserId, ItemId, NewItemId], Generic[UserId, ItemId, NewItemId]):
    """For whom, and which items."""

    items: Annotated[list[ItemId], FailFast(), Field(min_length=1, max_length=MOST_IDS)]

    def arguments(self) -> dict[str, Any]:
        """Return the question."""
        return {"question": questions.ScoreQuestion(**self.asker(), items=self.items)}


class ExplainRequest(Asked[UserId, ItemId, NewItemId], Generic[UserId, ItemId, NewItemId]):
    """For whom, and which item."""

    item: ItemId

    def arguments(self) -> dict[str, Any]:
        """Return who asks, and the item."""
        return {"asker": Asker(**self.asker()), "item": self.item}


class EncodeUserRequest(Asked[UserId, ItemId, NewItemId], Generic[UserId, ItemId, NewItemId]):
    """The user or history to encode."""

    def arguments(self) -> dict[str, Any]:
        """Return the question."""
        return {"question": questions.EncodeUserQuestion(**self.asker())}


class CompareRequest(Asked[UserId, ItemId, NewItemId], Generic[UserId, ItemId, NewItemId]):
    """For whom, by several methods."""

    k: K = 10
    seen: Seen[ItemId]

    def arguments(self) -> dict[str, Any]:
        """Return who asks, and the length of each list."""
        return {"asker": Asker(**self.asker(), seen=self.seen), "k": self.k}


class SimilarRequest(Listing[ItemId], Generic[ItemId]):
    """Which item's neighbours, and which of them."""

    item: ItemId

    def arguments(self) -> dict[str, Any]:
        """Return the question."""
        return {"question": questions.SimilarQuestion(item=self.item, **self.listing())}


class _ItemOrContent(Request, Generic[ItemId]):
    item: Annotated[
        ItemId, Field(default_factory=absent, description="An item of the catalogue; give either this or `content`.")
    ]
    content: Annotated[
        Content,
        Field(default_factory=absent, description="What an item is that nobody has seen; give either this or `item`."),
    ]

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.item is None) == (self.content is None):
            raise ValueError("give either 'item' or 'content'")
        return self


class UsersForItemRequest(_ItemOrContent[ItemId], Generic[UserId, ItemId]):
    """Which item, known or by its content, and which users."""

    k: K = 10
    exclude: Annotated[list[UserId], FailFast(), Field(default_factory=list, max_length=MOST_IDS)]
    candidates: Annotated[
        list[UserId], FailFast(), Field(default_factory=absent, max_length=MOST_IDS, description="List only these users.")
    ]
    keep_seen: Annotated[bool, Field(description="Also list users who took, saw or disliked it.")] = False
    unknown: Unknown

    def arguments(self) -> dict[str, Any]:
        """Return the question."""
        return {"question": questions.UsersQuestion(**super().arguments())}


class EncodeItemRequest(_ItemOrContent[ItemId], Generic[ItemId]):
    """Which item's vector."""

    def arguments(self) -> dict[str, Any]:
        """Return the question."""
        return {"question": questions.EncodeItemQuestion(**super().arguments())}


class PutItemRequest(Request):
    """Content of an item."""

    content: Content


class BatchRequest(Request, Generic[NewItemId]):
    """Items to add together; all or none."""

    items: Annotated[list[NewItem[NewItemId]], FailFast(), Field(min_length=1, max_length=MOST_ITEMS)]

    def arguments(self) -> dict[str, Any]:
        """Return the items."""
        return {"items": [item.given() for item in self.items]}


class Event(Strict, Generic[NewUserId, ItemId]):
    """Something that somebody did with an item; `none` takes a view or a dislike back."""

    user: NewUserId
    item: ItemId
    type: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        Field(
            description="like, seen, dislike, none, or a type that the model was fitted with, as GET /v1/model lists under"
            " `event_types`."
        ),
    ] = "like"
    request: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,70}$"),
        Field(
            default_factory=absent, description="`request_id` of the answer in which the item was shown, to count it as taken."
        ),
    ]
    time: Annotated[int, Field(default_factory=absent, ge=0, lt=2**32, description="When it happened, in seconds since 1970.")]


class EventsRequest(Request, Generic[NewUserId, ItemId]):
    """Events, in order."""

    events: Annotated[list[Event[NewUserId, ItemId]], FailFast(), Field(min_length=1, max_length=MOST_ITEMS)]

    def arguments(self) -> dict[str, Any]:
        """Return the events."""
        return {"events": [(event.user, event.item, event.type, event.time) for event in self.events]}


class Pair(Strict, Generic[UserId, ItemId]):
    """A user and an item."""

    user: UserId
    item: ItemId


class PairsRequest(Request, Generic[UserId, ItemId]):
    """Which events to take back; all or none."""

    events: Annotated[list[Pair[UserId, ItemId]], FailFast(), Field(min_length=1, max_length=MOST_ITEMS)]

    def arguments(self) -> dict[str, Any]:
        """Return pairs of user and item."""
        return {"pairs": [(pair.user, pair.item) for pair in self.events]}


class ReloadRequest(Request):
    """Load what lies in the model folder now, or go back to the version before."""

    rollback: bool = False


IdsAsText: TypeAlias = Annotated[
    Literal["text"], Field(default_factory=absent, description="Give whole ids as text, as any route does with ?ids=text.")
]


class Query(BaseModel):
    """Base of every query: its values come as text, and an unknown name is refused."""

    model_config = ConfigDict(extra="forbid")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the service's method, by name; the kind of ids is for the answer."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "ids"}


class SearchQuery(Query):
    """What to look for, and how many."""

    query: Annotated[str, StringConstraints(max_length=200)] = ""
    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE)] = 20


class MapQuery(Query):
    """How to colour the map."""

    colour: Annotated[str, StringConstraints(max_length=200), Field(description="A column of the items.")] = ""
    ids: IdsAsText


class ItemsQuery(SearchQuery):
    """Which items to list."""

    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    ids: IdsAsText


class UsersQuery(SearchQuery):
    """Which users to list."""

    order: Literal["longest", "typical"] = "longest"
    ids: IdsAsText
