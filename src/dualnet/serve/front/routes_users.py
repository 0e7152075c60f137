"""Users: who is stored, what they took, and what they took just now."""

from __future__ import annotations

from typing import Any

from ...ids import Key
from . import answer_schemas as answers
from . import request_schemas as asked
from .route_table import RouteTable, of
from .routes_recommend import labelled


def add_routes(table: RouteTable) -> None:
    """Add the routes of this theme."""
    service = table.service
    tag = "users"

    async def list_users(query: asked.UsersQuery) -> dict[str, Any]:
        """List stored users, by a part of their id.

        The longest histories come first; with order `typical`, those whose length is nearest to the median.
        """
        return labelled(await service.search_users(query.query, limit=query.limit, order=query.order))

    async def history_of_user(user: Key) -> dict[str, Any]:
        """Show what a stored user took."""
        return labelled(await service.user_history(user))

    async def add_events(body: asked.EventsRequest[Any, Any]) -> dict[str, Any]:
        """Tell what users liked, saw or disliked; a new user is made.

        A like joins the stored history at once. What was seen or disliked is not listed to the same user again; type `none`
        takes it back.
        """
        return labelled(await service.add_events([(event.user, event.item, event.type) for event in body.events]))

    page = of(answers.UserListAnswer, table.user)
    history = of(answers.HistoryAnswer, table.item)
    events = of(asked.EventsRequest, table.new_user, table.item)
    user, item = 42 if table.whole_users else "u0042", 7 if table.whole_items else "p0007"
    table.add("GET", "/v1/users", list_users, tag=tag, query=asked.UsersQuery, answer=page)
    table.add("GET", "/v1/users/{user:id}/history", history_of_user, tag=tag, answer=history)
    example = {"events": [{"user": user, "item": item, "type": "dislike"}]}
    table.add("POST", "/v1/events", add_events, tag=tag, body=events, answer=answers.EventsAnswer, example=example)
