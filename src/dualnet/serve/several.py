"""Lists for several users at once: each is a question of its own, and all answers are of one model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ..retrieval.questions import Question, RecommendQuestion
from .replies import Reply
from .service_errors import BusyError

ATTEMPTS = 3  # to get all lists from one model


class Asks(Protocol):
    """A service, in this process or in another one."""

    async def ask(self, question: Question) -> Reply:
        """Answer one question, in a batch with others."""


async def asked_together(service: Asks, questions: Sequence[RecommendQuestion]) -> Reply:
    """Return ``{"lists": [...]}``, a list for the user of each question, in their order.

    Raises
    ------
    DualNetError
        The first error of a question: all are answered or none.
    BusyError
        If the model was exchanged between two lists each time.
    """
    for _ in range(ATTEMPTS):
        replies = await asyncio.gather(*(service.ask(question) for question in questions), return_exceptions=True)
        found: list[Reply] = []
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
            found.append(reply)
        if all(reply.model == found[0].model for reply in found):
            lists = [{"user": question.user, **reply.body} for question, reply in zip(questions, found, strict=True)]
            return Reply(found[0].model, {"lists": lists}, told=found[0].told)
    raise BusyError("the model was exchanged while it answered; ask again")
