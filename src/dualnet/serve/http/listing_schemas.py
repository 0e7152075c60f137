"""Schemas of lists: their length, what may be on them, and the rules that choose."""

from __future__ import annotations

import json
from typing import Annotated, Any, Generic, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, model_validator

from ...ids import Key
from ...retrieval.pages import MOST_BYTES
from ...retrieval.questions import ItemKind
from ...retrieval.unknown_ids import Unknown as Policy
from ...rules.parts import LARGEST_WEIGHT, MOST_PLACE
from ...rules.rules import MOST_QUOTAS, MOST_RULES
from ...rules.rules import Rules as PlainRules
from .id_types import Number

MOST_IDS = 10_000
MOST_ITEMS = 1_000
LARGEST_K = 1_000
LONGEST_SHOWN = 40  # characters of a value in an error text
LONGEST_PAGE_TOKEN = MOST_BYTES

UserId = TypeVar("UserId", bound=Key)
ItemId = TypeVar("ItemId", bound=Key)
NewUserId = TypeVar("NewUserId", bound=Key)
NewItemId = TypeVar("NewItemId", bound=Key)

K: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST_K, description="Length of the list.")]
Label: TypeAlias = Annotated[str, StringConstraints(max_length=10_000)]
Column: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Scalar: TypeAlias = "bool | int | float | str"
PresetName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def absent() -> Any:
    """Return None: a field that may be left out, but not be null."""
    return None


Unknown: TypeAlias = Annotated[
    Policy,
    Field(
        default_factory=absent,
        description="Ids that the catalogue does not know: error, or ignore, which tells them as `ignored`. By default those of a"
        " history are an error, the others are ignored.",
    ),
]


RuleName: TypeAlias = Annotated[
    str, StringConstraints(max_length=200), Field(default_factory=absent, description="What to call it in the answer.")
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

    equals: Annotated[Scalar, Field(alias="is", default_factory=absent, description="Is this value.")]
    any: Annotated[
        list[Scalar], Field(default_factory=absent, min_length=1, max_length=MOST_ITEMS, description="One of these.")
    ]
    min: Annotated[Number | Label, Field(default_factory=absent, description="At least this number, date or text.")]
    max: Annotated[Number | Label, Field(default_factory=absent, description="At most this number, date or text.")]
    contains: Annotated[
        str, Field(default_factory=absent, min_length=1, max_length=200, description="Holds this word or label.")
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


class Which(Strict, Generic[ItemId]):
    """Items that a rule is about: those for which all that is given holds."""

    items: Annotated[
        list[ItemId], FailFast(), Field(default_factory=absent, min_length=1, max_length=MOST_IDS, description="These items.")
    ]
    where: Annotated[
        dict[Column, Condition],
        Field(default_factory=absent, min_length=1, max_length=50, description="Conditions on columns, all must hold."),
    ]
    kind: Annotated[ItemKind, Field(default_factory=absent, description="Trained on (known), or not (new).")]
    name: RuleName


class Boost(Which[ItemId], Generic[ItemId]):
    """A soft preference: what it adds to the score of some items."""

    weight: Annotated[
        float,
        Field(ge=-LARGEST_WEIGHT, le=LARGEST_WEIGHT, description="In standard deviations of the scores; negative pushes down."),
    ]
    column: Annotated[
        Column,
        Field(
            default_factory=absent, description="A column of numbers or dates: each item gets its share of the weight by it."
        ),
    ]
    low: Annotated[Number | Label, Field(default_factory=absent, description="Of the column: none of the weight up to here.")]
    high: Annotated[Number | Label, Field(default_factory=absent, description="Of the column: all of the weight from here on.")]


class Pin(Strict, Generic[ItemId]):
    """An item that stands at a place."""

    item: ItemId
    place: Annotated[int, Field(ge=1, le=MOST_PLACE, description="From 1, through all pages.")]
    name: RuleName


class Quota(Which[ItemId], Generic[ItemId]):
    """How many of some items a list has."""

    each: Annotated[Column, Field(default_factory=absent, description="A column: `at_most` holds for each of its values.")]
    at_least: Annotated[int, Field(default_factory=absent, ge=0, le=LARGEST_K)]
    at_most: Annotated[int, Field(default_factory=absent, ge=0, le=LARGEST_K)]


class Window(Strict):
    """Columns of dates or times that say from when and until when an item may be listed."""

    starts: Annotated[Column, Field(alias="from", default_factory=absent)]
    until: Annotated[Column, Field(default_factory=absent)]
    now: Annotated[Label, Field(default_factory=absent, description="The moment to look at; by default that of the answer.")]


class Rules(Strict, Generic[ItemId]):
    """Rules on a list; the documentation says what they mean together."""

    boost: Annotated[list[Boost[ItemId]], Field(default_factory=absent, max_length=MOST_RULES)]
    pin: Annotated[list[Pin[ItemId]], Field(default_factory=absent, max_length=MOST_RULES)]
    hide: Annotated[list[Which[ItemId]], Field(default_factory=absent, max_length=MOST_RULES, description="Items not to list.")]
    quotas: Annotated[list[Quota[ItemId]], Field(default_factory=absent, max_length=MOST_QUOTAS)]
    diversity: Annotated[
        float, Field(default_factory=absent, ge=0, le=1, description="From 0 (by value) to 1 (as unlike as can be).")
    ]
    among: Annotated[
        int, Field(default_factory=absent, ge=1, le=MOST_PLACE, description="Best items that diversity chooses among.")
    ]
    window: Annotated[Window, Field(default_factory=absent)]

    @model_validator(mode="after")
    def _mean_something(self) -> Self:
        PlainRules.from_json(self.plain())
        return self

    def plain(self) -> dict[str, Any]:
        """Return the rules as they were sent, as `dualnet.Rules.from_json` reads them."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Listing(Request, Generic[ItemId]):
    """Length of a list, and conditions on its items."""

    k: K = 10
    exclude: Annotated[list[ItemId], FailFast(), Field(default_factory=list, max_length=MOST_IDS)]
    candidates: Annotated[
        list[ItemId], FailFast(), Field(default_factory=absent, max_length=MOST_IDS, description="List only these.")
    ]
    filter: Annotated[
        dict[Column, Condition], Field(default_factory=dict, max_length=50, description="Conditions on columns, all must hold.")
    ]
    only: Annotated[
        ItemKind,
        Field(default_factory=absent, description="List only items that the model was trained on (known), or only others."),
    ]
    new_share: Annotated[
        float,
        Field(
            default_factory=absent,
            ge=0,
            le=1,
            description="Share of the list for new items, rounded half up; the order stays by score. Not with `only`.",
        ),
    ]
    unknown: Unknown
    rules: Annotated[
        Rules[ItemId], Field(default_factory=absent, description="Boosts, pins, hidden items, quotas, diversity, availability.")
    ]
    preset: Annotated[
        PresetName,
        Field(default_factory=absent, description="Rules that the server keeps under this name; `rules` come behind them."),
    ]
    page: Annotated[
        str,
        Field(
            default_factory=absent,
            max_length=LONGEST_PAGE_TOKEN,
            description="Empty for the first page of a list, then `next_page` of the answer before: no item comes again.",
        ),
    ]

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
            "rules": None if self.rules is None else self.rules.plain(),
            "preset": self.preset,
            "page": self.page,
        }
