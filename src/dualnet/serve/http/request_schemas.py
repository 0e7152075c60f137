"""Schemas of requests: strict, one for each body; each says with which arguments it asks the service."""

from __future__ import annotations

import json
from typing import Annotated, Any, Generic, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, model_validator

from ...ids import Key
from ...retrieval import questions
from ...retrieval.questions import Asker, ItemKind
from ...retrieval.unknown_ids import Unknown as Policy
from ..replies import LONGEST_PAGE
from .http_errors import Refusal
from .id_types import Number, Text

MOST_IDS = 10_000
MOST_ITEMS = 1_000
LARGEST_K = 1_000
MOST_COLUMNS = 200
MOST_EXPLAINED = 20
LONGEST_SHOWN = 40  # characters of a value in an error text

UserId = TypeVar("UserId", bound=Key)
ItemId = TypeVar("ItemId", bound=Key)
NewUserId = TypeVar("NewUserId", bound=Key)
NewItemId = TypeVar("NewItemId", bound=Key)

K: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST_K, description="Length of the list.")]
Label: TypeAlias = Annotated[str, StringConstraints(max_length=10_000)]
Column: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Scalar: TypeAlias = "bool | int | float | str"
Value: TypeAlias = "Text | bool | Number | list[Label] | list[Number] | None"
Content: TypeAlias = Annotated[dict[Column, Value], Field(min_length=1, max_length=MOST_COLUMNS)]

Seen: TypeAlias = Annotated[
    list[ItemId],
    FailFast(),
    Field(default_factory=list, max_length=MOST_IDS, description="Not listed, and no part of the history: dismissed."),
]


def _absent() -> Any:
    """Return None: a field that may be left out, but not be null."""
    return None


Unknown: TypeAlias = Annotated[
    Policy,
    Field(
        default_factory=_absent,
        description="Ids that the catalogue does not know: error, or ignore, which tells them as `ignored`. By default those of a"
        " history are an error, the others are ignored.",
    ),
]


class Strict(BaseModel):
    """Base: no conversion, no unknown field."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the plain name, whatever the ids are: a server has one kind of each."""
        return cls.__name__


class Request(Strict):
    """Base of every body."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the service's method, by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class Condition(Strict):
    """Condition on a column of an item: exactly one of `is`, `any`, `contains`, or a range of `min` and `max`."""

    equals: Annotated[Scalar, Field(alias="is", default_factory=_absent, description="Is this value.")]
    any: Annotated[
        list[Scalar], Field(default_factory=_absent, min_length=1, max_length=MOST_ITEMS, description="One of these.")
    ]
    min: Annotated[Number | Label, Field(default_factory=_absent, description="At least this number, date or text.")]
    max: Annotated[Number | Label, Field(default_factory=_absent, description="At most this number, date or text.")]
    contains: Annotated[
        str, Field(default_factory=_absent, min_length=1, max_length=200, description="Holds this word or label.")
    ]

    @model_validator(mode="before")
    @classmethod
    def _an_object(cls, sent: Any) -> Any:
        if isinstance(sent, str | bool | int | float):
            value = json.dumps(sent[:LONGEST_SHOWN] if isinstance(sent, str) else sent, ensure_ascii=False)
            raise ValueError(f'a condition is an object; write {{"is": {value}}}')
        return sent

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = {"range" if name in ("min", "max") else name for name in self.model_fields_set}
        if len(kinds) != 1:
            raise ValueError("give one of is, any, contains, or min and max")
        return self

    def plain(self) -> dict[str, Any]:
        """Return the condition as it was sent."""
        return self.model_dump(by_alias=True, exclude_unset=True)


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
        UserId, Field(default_factory=_absent, description="A user the server knows; give either this or `history`.")
    ]
    history: Annotated[
        list[ItemId],
        FailFast(),
        Field(default_factory=_absent, max_length=MOST_IDS, description="What somebody took; give either this or `user`."),
    ]
    times: Annotated[
        list[Annotated[int, Field(ge=0, lt=2**33)]],
        FailFast(),
        Field(
            default_factory=_absent,
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
            default_factory=_absent,
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


class _Listing(Request, Generic[ItemId]):
    """Length of a list, and conditions on its items."""

    k: K = 10
    exclude: Annotated[list[ItemId], FailFast(), Field(default_factory=list, max_length=MOST_IDS)]
    candidates: Annotated[
        list[ItemId], FailFast(), Field(default_factory=_absent, max_length=MOST_IDS, description="List only these.")
    ]
    filter: Annotated[
        dict[Column, Condition], Field(default_factory=dict, max_length=50, description="Conditions on columns, all must hold.")
    ]
    only: Annotated[
        ItemKind,
        Field(default_factory=_absent, description="List only items that the model was trained on (known), or only others."),
    ]
    new_share: Annotated[
        float,
        Field(
            default_factory=_absent,
            ge=0,
            le=1,
            description="Share of the list for new items, rounded half up; the order stays by score. Not with `only`.",
        ),
    ]
    unknown: Unknown

    @model_validator(mode="after")
    def _one_word_on_kinds(self) -> Self:
        if self.only is not None and self.new_share is not None:
            raise ValueError("give either 'only' or 'new_share'")
        return self

    def listing(self) -> dict[str, Any]:
        """Return the fields of a `ListQuestion`."""
        return {
            "k": self.k,
            "exclude": self.exclude,
            "candidates": self.candidates,
            "filter": {name: condition.plain() for name, condition in self.filter.items()} or None,
            "only": self.only,
            "new_share": self.new_share,
            "unknown": self.unknown,
        }


class RecommendRequest(_Listing[ItemId], Asked[UserId, ItemId, NewItemId], Generic[UserId, ItemId, NewItemId]):
    """For whom, how many, and which may be listed."""

    seen: Seen[ItemId]
    popularity: Annotated[float, Field(ge=0, le=1, description="How much of the average user's score stays in the scores.")] = (
        1.0
    )
    keep_seen: Annotated[bool, Field(description="Also list items of the history, and those seen or disliked.")] = False
    fallback: Annotated[
        Literal["popularity", "error"],
        Field(
            default_factory=_absent,
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


class SimilarRequest(_Listing[ItemId], Generic[ItemId]):
    """Which item's neighbours, and which of them."""

    item: ItemId

    def arguments(self) -> dict[str, Any]:
        """Return the question."""
        return {"question": questions.SimilarQuestion(item=self.item, **self.listing())}


class _ItemOrContent(Request, Generic[ItemId]):
    item: Annotated[
        ItemId, Field(default_factory=_absent, description="An item of the catalogue; give either this or `content`.")
    ]
    content: Annotated[
        Content,
        Field(default_factory=_absent, description="What an item is that nobody has seen; give either this or `item`."),
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
        list[UserId], FailFast(), Field(default_factory=_absent, max_length=MOST_IDS, description="List only these users.")
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
        StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$"),
        Field(
            default_factory=_absent, description="`request_id` of the answer in which the item was shown, to count it as taken."
        ),
    ]
    time: Annotated[int, Field(default_factory=_absent, ge=0, lt=2**32, description="When it happened, in seconds since 1970.")]


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
    Literal["text"], Field(default_factory=_absent, description="Give whole ids as text, as any route does with ?ids=text.")
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
