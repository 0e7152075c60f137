"""A list with the explanation of each entry: a question that is answered in a batch with others, then one call for the reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from ..errors import UnknownIdError
from ..retrieval.questions import Asker, Question, RecommendQuestion
from .replies import Reply
from .service_errors import BusyError

ATTEMPTS = 3  # to get a list and its reasons from one model


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
        If the model was exchanged, or an item of the list was deleted, between the list and its reasons each time.
    """
    for _ in range(ATTEMPTS):
        reply = await service.ask(question)
        found = await _with_reasons(service, question, reply)
        if found is not None:
            return found
    raise BusyError("the model or its items were exchanged while it explained; ask again")


async def _with_reasons(service: Answering, question: RecommendQuestion, reply: Reply) -> Reply | None:
    """Return an answer with the explanations of its entries; None where it is no longer that of the model."""
    listed, reasons = reply.body["items"], {}
    scored = [entry["item"] for entry in listed if entry["path"] != "popularity" and reply.body["resolved"] != "fallback"]
    if scored:
        asker = Asker(
            user=question.user, history=question.history, new_items=question.new_items, user_columns=question.user_columns,
            unknown=question.unknown, times=question.times,
        )  # fmt: skip
        try:
            why = await service.call("explain_many", asker=asker, items=scored)
        except UnknownIdError:  # of the list, or of the question: then it is told when that is asked again
            return None
        if why.model != reply.model:
            return None
        reasons = {found["item"]: found for found in why.body["explanations"]}
    return replace(
        reply, body={**reply.body, "items": [{**entry, "explanation": reasons.get(entry["item"])} for entry in listed]}
    )
