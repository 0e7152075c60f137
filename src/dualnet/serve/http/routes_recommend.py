"""Questions: recommend, score, explain, similar items, users for an item, compare, vectors."""

from __future__ import annotations

from typing import Any

from ...retrieval.questions import (
    Asker,
    EncodeItemQuestion,
    EncodeUserQuestion,
    NewItem,
    RecommendQuestion,
    ScoreQuestion,
    SimilarQuestion,
    UsersQuestion,
)
from ..replies import Reply
from . import answer_schemas as answers
from . import request_schemas as asked
from .http_errors import Refusal
from .json_route import Endpoint
from .route_table import RouteTable, of

MOST_EXPLAINED = 20


def asker(body: Any) -> Asker:
    """Return who asks, from a checked body."""
    return Asker(**_who(body))


def labelled(reply: Reply) -> dict[str, Any]:
    """Return a body with the model that made it."""
    return {**reply.body, "model": reply.model.to_json()}  # a copy: the service may keep the body for the next caller


def add_routes(table: RouteTable) -> None:
    """Add the routes of this theme."""
    service, meters = table.service, table.meters
    ids = (table.user, table.item, table.new_item)
    one = 7 if table.whole_items else "p0007"
    other = 99 if table.whole_items else "p0099"

    async def recommend(body: asked.RecommendRequest[Any, Any, Any]) -> dict[str, Any]:
        """Recommend items to somebody known, or to somebody new by a history."""
        if body.explain and body.k > MOST_EXPLAINED:
            raise Refusal(422, "bad-request", f"body.k: with explain at most {MOST_EXPLAINED} items are listed")
        question = RecommendQuestion(
            **{**_who(body), **body.listing()},
            seen=body.seen,
            popularity=body.popularity,
            keep_seen=body.keep_seen,
            fallback=body.fallback or "popularity",  # type: ignore[arg-type]  # its pattern lets no other word pass
        )
        reply = await service.ask(question)
        answer = labelled(reply)
        meters.listed(answer["resolved"], answer["items"])
        if body.explain:
            scored = [] if answer["resolved"] == "fallback" else [e for e in answer["items"] if e["path"] != "popularity"]
            reasons: dict[Any, Any] = {}
            if scored:
                why = await service.explain_many(asker(body), [entry["item"] for entry in scored])
                if why.model != reply.model:
                    raise Refusal(
                        503, "busy", "the model was exchanged while it explained; ask again", ((b"retry-after", b"1"),)
                    )
                reasons = {found["item"]: found for found in why.body["explanations"]}
            answer["items"] = [{**entry, "explanation": reasons.get(entry["item"])} for entry in answer["items"]]
        return answer

    async def score(body: asked.ScoreRequest[Any, Any, Any]) -> dict[str, Any]:
        """Score given items for somebody."""
        return labelled(await service.ask(ScoreQuestion(**_who(body), items=body.items)))

    async def explain(body: asked.ExplainRequest[Any, Any, Any]) -> dict[str, Any]:
        """Explain one score by level, by item of the history, and by term of the content."""
        return labelled(await service.explain(asker(body), body.item))

    async def similar_items(body: asked.SimilarRequest[Any]) -> dict[str, Any]:
        """List the items nearest to one."""
        return labelled(await service.ask(SimilarQuestion(item=body.item, **body.listing())))

    async def users_for_item(body: asked.UsersForItemRequest[Any, Any]) -> dict[str, Any]:
        """List the stored users who would want an item most."""
        question = UsersQuestion(
            item=body.item, content=body.content, k=body.k, keep_seen=body.keep_seen, exclude=body.exclude,
            candidates=body.candidates,
            unknown=body.unknown,  # type: ignore[arg-type]  # its pattern lets no other word pass
        )  # fmt: skip
        return labelled(await service.ask(question))

    async def encode_user(body: asked.EncodeUserRequest[Any, Any, Any]) -> dict[str, Any]:
        """Return somebody's vector."""
        return labelled(await service.ask(EncodeUserQuestion(**_who(body))))

    async def encode_item(body: asked.EncodeItemRequest[Any]) -> dict[str, Any]:
        """Return an item's vector, known or by its content."""
        return labelled(await service.ask(EncodeItemQuestion(item=body.item, content=body.content)))

    async def compare(body: asked.CompareRequest[Any, Any, Any]) -> dict[str, Any]:
        """Recommend by several methods side by side."""
        return labelled(await service.compare(Asker(**_who(body), seen=body.seen), body.k))

    items = of(answers.RecommendAnswer, table.item)
    history = {"history": [one, other]}

    def add(path: str, endpoint: Endpoint, body: Any, answer: Any, example: dict[str, Any]) -> None:
        table.add("POST", path, endpoint, body=body, answer=answer, example=example, tag="questions")

    add("/v1/recommend", recommend, of(asked.RecommendRequest, *ids), items, history | {"k": 5})
    scores = of(answers.ScoreAnswer, table.item)
    add("/v1/score", score, of(asked.ScoreRequest, *ids), scores, {"history": [one], "items": [other]})
    add("/v1/explain", explain, of(asked.ExplainRequest, *ids), answers.ExplainAnswer, {"history": [one], "item": other})
    add("/v1/similar/items", similar_items, of(asked.SimilarRequest, table.item), items, {"item": one, "k": 5})
    users = of(answers.UsersAnswer, table.user)
    add(
        "/v1/users-for-item",
        users_for_item,
        of(asked.UsersForItemRequest, table.user, table.item),
        users,
        {"item": one, "k": 5},
    )
    add("/v1/encode/user", encode_user, of(asked.EncodeUserRequest, *ids), answers.EncodeAnswer, history)
    add("/v1/encode/item", encode_item, of(asked.EncodeItemRequest, table.item), answers.EncodeAnswer, {"item": one})
    add("/v1/compare", compare, of(asked.CompareRequest, *ids), of(answers.CompareAnswer, table.item), history)


def _who(body: Any) -> dict[str, Any]:
    fresh = [NewItem(entry.id, entry.content) for entry in body.new_items]
    return {
        "user": body.user, "history": body.history, "new_items": fresh, "user_columns": body.user_columns, "unknown": body.unknown,
    }  # fmt: skip
