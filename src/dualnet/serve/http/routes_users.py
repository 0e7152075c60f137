"""Users: who is stored, what they took, what they took just now; and how both are taken back."""

from __future__ import annotations

from typing import Any

from ...ids import Key
from . import answer_schemas as answers
from . import request_schemas as asked
from .route_table import RouteTable, of
from .routes_recommend import labelled

TAG = "users"


def add_routes(table: RouteTable) -> None:
    """Add the routes of this theme."""
    _add_people(table)
    _add_events(table)


def _add_people(table: RouteTable) -> None:
    service = table.service

    async def list_users(query: asked.UsersQuery) -> dict[str, Any]:
        """List stored users, by a part of their id.

        The longest histories come first; with order `typical`, those whose length is nearest to the median.
        """
        return labelled(await service.search_users(query.query, limit=query.limit, order=query.order))

    async def history_of_user(user: Key) -> dict[str, Any]:
        """Show what a stored user took."""
        return labelled(await service.user_history(user))

    async def forget_user(user: Key) -> dict[str, Any]:
        """Forget somebody, for good: unknown at once, and in no file of the state folder when this answers.

        What the model learned from all users together stays; its own folder forgets with `dualnet update --forget`.
        """
        return labelled(await service.forget_user(user))

    page = of(answers.UserListAnswer, table.user)
    history = of(answers.HistoryAnswer, table.item)
    forgotten = of(answers.ForgottenUserAnswer, table.user)
    table.add("GET", "/v1/users", list_users, tag=TAG, query=asked.UsersQuery, answer=page)
    table.add("GET", "/v1/users/{user:id}/history", history_of_user, tag=TAG, answer=history)
    table.add("DELETE", "/v1/users/{user:id}", forget_user, tag=TAG, answer=forgotten, statuses=(403,))


def _add_events(table: RouteTable) -> None:
    service = table.service

    async def add_events(body: asked.EventsRequest[Any, Any], by: str) -> dict[str, Any]:
        """Tell what users liked, saw or disliked; a new user is made.

        A like joins the stored history at once. What was seen or disliked is not listed to the same user again; type `none`
        takes it back.
        """
        return labelled(await service.add_events([(event.user, event.item, event.type) for event in body.events], by))

    async def take_back_events(body: asked.PairsRequest[Any, Any], by: str) -> dict[str, Any]:
        """Take events back, whatever they were: likes too, and what the model was trained on no longer counts for the user."""
        return labelled(await service.take_back_events([(pair.user, pair.item) for pair in body.events], by))

    pair = {"user": 42 if table.whole_users else "u0042", "item": 7 if table.whole_items else "p0007"}
    told, taken = of(asked.EventsRequest, table.new_user, table.item), of(asked.PairsRequest, table.user, table.item)
    example = {"events": [pair | {"type": "dislike"}]}
    table.add("POST", "/v1/events", add_events, tag=TAG, body=told, answer=answers.EventsAnswer, example=example, keyed=True)
    table.add(
        "DELETE", "/v1/events", take_back_events,
        tag=TAG, body=taken, answer=answers.TakenBackAnswer, example={"events": [pair]}, keyed=True,
    )  # fmt: skip
