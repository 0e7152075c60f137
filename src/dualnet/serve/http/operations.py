"""Operations of the server, one row for each: routes, roles, meters, schemas and documentation follow from the rows.

A new operation is a row here, a method of `Service` (whose arguments the request's type names), and its two types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel
from starlette.routing import compile_path

from ...computed_once import computed_once
from . import answer_schemas as answers
from . import id_types  # noqa: F401  its convertor for ids in paths
from . import overview_answers as overviews
from . import request_schemas as asked
from .keys import Role
from .listing_schemas import Request
from .meters import Meters

Theme: TypeAlias = Literal["questions", "items", "users", "presets", "model", "server"]

PICTURES = ("image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp")  # never image/svg+xml: it runs scripts
PEOPLE = "/v1/users"  # who the users are and what they did: also /v1/users-for-item
PERSON = "/v1/users/"  # to forget somebody cannot be undone
CONTENT = {"title": "Graphs of citations", "abstract": "How papers point at papers."}


@dataclass(frozen=True)
class ExampleIds:
    """Ids in the examples of the documentation, of the kind that this server has."""

    item: str | int
    other: str | int
    new: str | int
    user: str | int

    @classmethod
    def of(cls, *, whole_items: bool, whole_users: bool) -> ExampleIds:
        """Return whole numbers or texts."""
        item, other, new = (7, 99, 100_001) if whole_items else ("p0007", "p0099", "n0001")
        return cls(item, other, new, 42 if whole_users else "u0042")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the server: a path and a method that a client can request.

    Parameters
    ----------
    name : str
        Unique; generated clients name their function after it.
    method, path : str
        In the path, ``{item:id}`` and ``{user:id}`` are ids, ``{preset:id}`` is a name; the service's method takes them as ``key``.
    text : str
        For the documentation.
    theme : str
        Chapter of the documentation.
    service : str
        Method of the service that answers; empty where the server answers itself.
    answer : type of BaseModel, optional
        Documents the answer; none where it is not JSON.
    body : type of Request, optional
        What is sent; its `arguments` are those of the service's method.
    query : type of Query, optional
        What may stand behind the path, likewise.
    role : {"read", "write", "admin"}
        Least role of a key that may ask this.
    keyed : bool
        Whether the service's method takes ``by``, the name of the key that asks.
    meter : callable, optional
        Counts what was answered.
    statuses : tuple of int
        Further error statuses than follow from the rest.
    created : str
        State in the answer that is told with 201 instead of 200.
    raw : tuple of str
        Media types of an answer that is not JSON.
    open : bool
        Whether it needs no key.
    records : bool
        Whether what is shown or taken goes into the log of lists.
    example : callable, optional
        Returns a body for the documentation.
    """

    name: str
    method: str
    path: str
    text: str
    theme: Theme
    service: str = ""
    answer: type[BaseModel] | None = None
    body: type[Request] | None = None
    query: type[asked.Query] | None = None
    role: Role = "read"
    keyed: bool = False
    meter: Callable[[Meters, Mapping[str, Any]], None] | None = None
    statuses: tuple[int, ...] = ()
    created: str = ""
    raw: tuple[str, ...] = ()
    open: bool = False
    records: bool = False
    example: Callable[[ExampleIds], dict[str, Any]] | None = None

    @computed_once
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression of the whole."""
        # one that ends in $ also takes a line feed behind it: /v1/model:reload%0A would pass where only its key counts
        return re.compile(compile_path(self.path)[0].pattern.removesuffix("$") + r"\Z")

    @property
    def id_in_path(self) -> str:
        """Kind of the id in the path: ``item``, ``user``, ``preset``, or empty."""
        return next((name for name in ("item", "user", "preset") if f"{{{name}:id}}" in self.path), "")


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="recommend", method="POST", path="/v1/recommend", theme="questions", service="recommend",
        text="Recommend items to somebody known, or to somebody new by a history.",
        body=asked.RecommendRequest, answer=answers.RecommendAnswer, meter=Meters.listed, records=True,
        example=lambda ids: {"history": [ids.item, ids.other], "k": 5},
    ),
    Operation(
        name="recommend_many", method="POST", path="/v1/recommend:batch", theme="questions", service="recommend_many",
        text="Recommend items to several stored users at once, all or none.",
        body=asked.RecommendManyRequest, answer=answers.RecommendManyAnswer, meter=Meters.listed_many, records=True,
        example=lambda ids: {"users": [ids.user], "k": 5},
    ),
    Operation(
        name="score", method="POST", path="/v1/score", theme="questions", service="ask",
        text="Score given items for somebody.",
        body=asked.ScoreRequest, answer=answers.ScoreAnswer,
        example=lambda ids: {"history": [ids.item], "items": [ids.other]},
    ),
    Operation(
        name="explain", method="POST", path="/v1/explain", theme="questions", service="explain",
        text="Explain one score by level, by item of the history, and by term of the content.",
        body=asked.ExplainRequest, answer=answers.ExplainAnswer,
        example=lambda ids: {"history": [ids.item], "item": ids.other},
    ),
    Operation(
        name="similar_items", method="POST", path="/v1/similar/items", theme="questions", service="ask",
        text="List the items nearest to one.",
        body=asked.SimilarRequest, answer=answers.RecommendAnswer,
        example=lambda ids: {"item": ids.item, "k": 5},
    ),
    Operation(
        name="users_for_item", method="POST", path="/v1/users-for-item", theme="questions", service="ask", role="write",
        text="List the stored users who would want an item most.",
        body=asked.UsersForItemRequest, answer=answers.UsersAnswer,
        example=lambda ids: {"item": ids.item, "k": 5},
    ),
    Operation(
        name="encode_user", method="POST", path="/v1/encode/user", theme="questions", service="ask",
        text="Return somebody's vector.",
        body=asked.EncodeUserRequest, answer=answers.EncodeAnswer,
        example=lambda ids: {"history": [ids.item, ids.other]},
    ),
    Operation(
        name="encode_item", method="POST", path="/v1/encode/item", theme="questions", service="ask",
        text="Return an item's vector, known or by its content.",
        body=asked.EncodeItemRequest, answer=answers.EncodeAnswer,
        example=lambda ids: {"item": ids.item},
    ),
    Operation(
        name="compare", method="POST", path="/v1/compare", theme="questions", service="compare",
        text="Recommend by several methods side by side.",
        body=asked.CompareRequest, answer=answers.CompareAnswer,
        example=lambda ids: {"history": [ids.item, ids.other]},
    ),
    Operation(
        name="list_items", method="GET", path="/v1/items", theme="items", service="search_items",
        text="List items of the catalogue, by words of their titles.",
        query=asked.ItemsQuery, answer=answers.ItemsAnswer,
    ),
    Operation(
        name="picture_of_item", method="GET", path="/v1/items/{item:id}/picture", theme="items", service="picture",
        text="Return the picture of an item.", raw=PICTURES,
    ),
    Operation(
        name="show_item", method="GET", path="/v1/items/{item:id}", theme="items", service="item_card",
        text="Show one item.", answer=answers.ItemAnswer,
    ),
    Operation(
        name="map_of_items", method="GET", path="/v1/map", theme="items", service="map",
        text="Place the most popular items in the plane, near where they are alike, with names of its regions.\n\n`colour` names a"
        " column: its most frequent labels, or ranges of its numbers, are then told for each item.",
        query=asked.MapQuery, answer=overviews.MapAnswer,
    ),
    Operation(
        name="show_facets", method="GET", path="/v1/facets", theme="items", service="facets",
        text="Show by what items can be filtered: labels of each column with their number of items, ranges of numbers and dates.",
        answer=overviews.FacetsAnswer,
    ),
    Operation(
        name="list_tastes", method="GET", path="/v1/tastes", theme="items", service="tastes",
        text="List groups of well-known items that are alike: histories for somebody new to begin with.",
        answer=overviews.TastesAnswer,
    ),
    Operation(
        name="put_item", method="PUT", path="/v1/items/{item:id}", theme="items", service="put_item", role="write", keyed=True,
        meter=Meters.put,
        text="Add an item by its content, or replace one that was added; it is recommendable at once.",
        body=asked.PutItemRequest, answer=answers.ChangedItemAnswer, created="added", statuses=(409,),
        example=lambda ids: {"content": CONTENT},
    ),
    Operation(
        name="delete_item", method="DELETE", path="/v1/items/{item:id}", theme="items", service="delete_item", role="write",
        text="Remove an item that was added, or hide one that the model was trained on.",
        answer=answers.ChangedItemAnswer, keyed=True,
    ),
    Operation(
        name="put_items", method="POST", path="/v1/items:batch", theme="items", service="put_items", role="write", keyed=True,
        meter=Meters.put,
        text="Add or replace many items, all or none.",
        body=asked.BatchRequest, answer=answers.ChangedItemsAnswer, statuses=(409,),
        example=lambda ids: {"items": [{"id": ids.new, "content": CONTENT}]},
    ),
    Operation(
        name="list_users", method="GET", path="/v1/users", theme="users", service="search_users", role="write",
        text="List stored users, by a part of their id.\n\nThe longest histories come first; with order `typical`, those whose"
        " length is nearest to the median.",
        query=asked.UsersQuery, answer=answers.UserListAnswer,
    ),
    Operation(
        name="history_of_user", method="GET", path="/v1/users/{user:id}/history", theme="users", service="user_history",
        text="Show what a stored user took, the newest first as far as times are known.", answer=answers.HistoryAnswer, role="write",
    ),
    Operation(
        name="forget_user", method="DELETE", path="/v1/users/{user:id}", theme="users", service="forget_user", role="admin",
        text="Forget somebody, for good: unknown at once, and in no file of the state folder when this answers.\n\nWhat the"
        " model learned from all users together stays; its own folder forgets with `dualnet update --forget`.",
        answer=answers.ForgottenUserAnswer,
    ),
    Operation(
        name="list_forgotten", method="GET", path="/v1/forgotten", theme="users", service="forgotten", role="admin",
        text="Give the signed record of who was forgotten: keyed hashes, no ids.\n\nSaved as a .json file it is what `dualnet fit"
        " --forget FILE` and `dualnet update --forget FILE` leave out.",
        answer=answers.ForgottenAnswer,
    ),
    Operation(
        name="add_events", method="POST", path="/v1/events", theme="users", service="add_events", role="write", keyed=True,
        text="Tell what users liked, saw or disliked; a new user is made.\n\nA like joins the stored history at once. What was"
        " seen or disliked is not listed to the same user again; type `none` takes it back. A model that was fitted with types of"
        " events, such as `view` or `buy`, takes those too; others are refused.",
        body=asked.EventsRequest, answer=answers.EventsAnswer, meter=Meters.told, records=True,
        example=lambda ids: {"events": [{"user": ids.user, "item": ids.item, "type": "dislike"}]},
    ),
    Operation(
        name="take_back_events", method="DELETE", path="/v1/events", theme="users", service="take_back_events", role="write",
        text="Take events back, whatever they were: likes too, and what the model was trained on no longer counts for the user.",
        body=asked.PairsRequest, answer=answers.TakenBackAnswer, keyed=True,
        example=lambda ids: {"events": [{"user": ids.user, "item": ids.item}]},
    ),
    Operation(
        name="list_presets", method="GET", path="/v1/presets", theme="presets", service="presets",
        text="List the rules that are kept under names.", answer=overviews.PresetsAnswer,
    ),
    Operation(
        name="show_preset", method="GET", path="/v1/presets/{preset:id}", theme="presets", service="preset",
        text="Show the rules that are kept under a name.", answer=overviews.PresetAnswer,
    ),
    Operation(
        name="put_preset", method="PUT", path="/v1/presets/{preset:id}", theme="presets", service="put_preset", role="write",
        text="Keep rules on lists under a name, such as `home page`, or replace them; a question names them by `preset`.",
        body=asked.PresetRequest, answer=overviews.ChangedPresetAnswer, created="added", statuses=(409,), keyed=True,
        example=lambda ids: {"rules": {"pin": [{"item": ids.item, "place": 1}], "quotas": [{"kind": "new", "at_least": 2}]}},
    ),
    Operation(
        name="delete_preset", method="DELETE", path="/v1/presets/{preset:id}", theme="presets", service="delete_preset",
        text="Keep rules under a name no longer.", answer=overviews.ChangedPresetAnswer, role="write", keyed=True,
    ),
    Operation(
        name="show_model", method="GET", path="/v1/model", theme="model", service="model_summary",
        text="Show what the model is: parameters, figures, catalogue, columns, ids.", answer=answers.ModelAnswer,
    ),
    Operation(
        name="reload_model", method="POST", path="/v1/model:reload", theme="model", service="reload", role="admin",
        text="Load the model folder anew, check it aside and swap it in, or go back to the version before.",
        body=asked.ReloadRequest, answer=answers.ReloadAnswer, statuses=(409,), example=lambda ids: {},
    ),
)  # fmt: skip


ALIVE: Final = Operation(
    name="livez", method="GET", path="/livez", theme="server", text="Say that the process answers.",
    answer=answers.Status, open=True,
)  # fmt: skip
READY: Final = Operation(
    name="readyz", method="GET", path="/readyz", theme="server", answer=answers.Status, open=True, statuses=(503,),
    text="Say whether questions are taken: not while loading, when about to stop, or when the process with the model hangs. While"
    " the database that keeps the state is away, questions are answered and `writes` says why changes are refused.",
)  # fmt: skip

ACTIVITY: Final = Operation(
    name="show_activity", method="GET", path="/v1/activity", theme="server", answer=overviews.ActivityAnswer,
    text="Show what this server did lately: answers, lists by whom they were for, events and times for each minute of the last hour,"
    " totals since midnight (UTC), and when each version of the model began to answer. It counts since the server's start, in memory,"
    " and names no user and no item.",
)  # fmt: skip


_ROLES: Final = {(operation.method, operation.path): operation.role for operation in OPERATIONS if not operation.id_in_path}


def role_for(method: str, path: str) -> Role:
    """Return the least role that a request needs; what no row foresees changes something.

    Parameters
    ----------
    method : str
        HTTP method.
    path : str
        Path of the request, decoded.
    """
    if (method, path) in _ROLES:
        return _ROLES[method, path]
    at_path = [operation for operation in OPERATIONS if operation.pattern.match(path)]
    for operation in at_path:
        if operation.method == method:
            return operation.role
    if any(operation.role == "admin" and not operation.id_in_path for operation in at_path):
        return "admin"
    if path.startswith(PEOPLE):
        return "admin" if method == "DELETE" and path.startswith(PERSON) else "write"
    return "read" if method in ("GET", "HEAD", "OPTIONS") else "write"
