"""A list with the explanation of each entry: a question that is answered in a batch with others, then one call for the reasons."""

from __future__ import annotations

from typing import Any, Protocol

from ..retrieval.questions import Asker, Question, RecommendQuestion
from .replies import Reply
from .service_errors import BusyError


class Answering(Protocol):
    """A service, in this process or in another one."""

    async def ask(self, question: Question) -> Reply:
        """Answer one question, in a batch with others."""

    async def call(self, name: str, **given: Any) -> Any:
        """Call a method of the service by its name."""


async def explained(service: Answering, question: RecommendQuestion) -> Reply:
    """Answer a question for a list of items, each entry with its explanation; None where there is nothing to explain.

    Raises
    ------
    BusyError
        If the model was exchanged between the list and its reasons.
    """
    reply = await service.ask(question)
    listed, reasons = reply.body["items"], {}
    scored = [entry["item"] for entry in listed if entry["path"] != "popularity" and reply.body["resolved"] != "fallback"]
    if scored:
        asker = Asker(
            user=question.user, history=question.history, new_items=question.new_items, user_columns=question.user_columns,
            unknown=question.unknown,
        )  # fmt: skip
        why = await service.call("explain_many", asker=asker, items=scored)
        if why.model != reply.model:
            raise BusyError("the model was exchanged while it explained; ask again")
        reasons = {found["item"]: found for found in why.body["explanations"]}
    return Reply(
        reply.model, {**reply.body, "items": [{**entry, "explanation": reasons.get(entry["item"])} for entry in listed]}
    )
