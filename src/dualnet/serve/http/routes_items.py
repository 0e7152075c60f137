"""Items: list, show, picture, add, replace, remove, and where they lie in the plane."""

from __future__ import annotations

from typing import Any

from ...ids import Key
from ...retrieval.questions import NewItem
from . import answer_schemas as answers
from . import request_schemas as asked
from .http_errors import Refusal
from .json_route import RawReply
from .json_route import Reply as HttpReply
from .route_table import RouteTable, of
from .routes_recommend import labelled

PICTURES = frozenset(
    {"image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"}
)  # never image/svg+xml: it runs scripts
TAG = "items"
CONTENT = {"title": "Graphs of citations", "abstract": "How papers point at papers."}


def add_routes(table: RouteTable) -> None:
    """Add the routes of this theme."""
    _add_looks(table)
    _add_changes(table)


def _add_looks(table: RouteTable) -> None:
    service = table.service

    async def list_items(query: asked.ItemsQuery) -> dict[str, Any]:
        """List items of the catalogue, by words of their titles."""
        return labelled(await service.search_items(query.query, limit=query.limit, offset=query.offset))

    async def picture_of_item(item: Key) -> RawReply:
        """Return the picture of an item."""
        found = await service.picture(item)
        if found is None or found[1] not in PICTURES:
            raise Refusal(404, "no-picture", "this item has no picture")
        return RawReply(found[0], found[1])

    async def show_item(item: Key) -> dict[str, Any]:
        """Show one item."""
        return labelled(await service.item_card(item))

    async def map_of_items() -> dict[str, Any]:
        """Place the most popular items in the plane, near where they are alike."""
        return labelled(await service.map())

    page, card = of(answers.ItemsAnswer, table.item), of(answers.ItemAnswer, table.item)
    table.add("GET", "/v1/items", list_items, tag=TAG, query=asked.ItemsQuery, answer=page)
    table.add("GET", "/v1/items/{item:id}/picture", picture_of_item, tag=TAG, answer=None, raw=sorted(PICTURES))
    table.add("GET", "/v1/items/{item:id}", show_item, tag=TAG, answer=card)
    table.add("GET", "/v1/map", map_of_items, tag=TAG, answer=of(answers.MapAnswer, table.item))


def _add_changes(table: RouteTable) -> None:
    service = table.service

    async def put_item(item: Key, body: asked.PutItemRequest, by: str) -> HttpReply:
        """Add an item by its content, or replace one that was added; it is recommendable at once."""
        reply, new = await service.put_item(item, body.content, by)
        return HttpReply(201 if new else 200, labelled(reply))

    async def delete_item(item: Key, by: str) -> dict[str, Any]:
        """Remove an item that was added, or hide one that the model was trained on."""
        return labelled(await service.delete_item(item, by))

    async def put_items(body: asked.BatchRequest[Any], by: str) -> dict[str, Any]:
        """Add or replace many items, all or none."""
        return labelled(await service.put_items([NewItem(entry.id, entry.content) for entry in body.items], by))

    one, many = of(answers.ChangedItemAnswer, table.item), of(answers.ChangedItemsAnswer, table.item)
    new, batch = 100_001 if table.whole_items else "n0001", of(asked.BatchRequest, table.new_item)
    table.add(
        "PUT", "/v1/items/{item:id}", put_item,
        tag=TAG, body=asked.PutItemRequest, answer=one, statuses=(409,), example={"content": CONTENT}, also={201: one}, keyed=True,
    )  # fmt: skip
    table.add("DELETE", "/v1/items/{item:id}", delete_item, tag=TAG, answer=one, keyed=True)
    table.add(
        "POST", "/v1/items:batch", put_items,
        tag=TAG, body=batch, answer=many, statuses=(409,), example={"items": [{"id": new, "content": CONTENT}]}, keyed=True,
    )  # fmt: skip
