"""A list with its reasons, while the catalogue or the model changes between the two."""

import asyncio
from types import SimpleNamespace

import pytest

from dualnet.errors import UnknownIdError
from dualnet.retrieval.questions import RecommendQuestion
from dualnet.serve.explained import explained
from dualnet.serve.replies import Reply
from dualnet.serve.service_errors import BusyError


class Changing:
    """A service that goes on changing after each list."""

    def __init__(self, *events):
        self.events, self.now = list(events), 0

    async def ask(self, question):
        if self.now and self.events[self.now - 1] == "the user was forgotten":
            raise UnknownIdError("unknown user 'ann'")
        return Reply(self.now, {"items": [{"item": f"i{self.now}", "path": "both"}], "resolved": "user"})

    async def call(self, name, asker, items):
        event, self.now = (self.events[self.now] if self.now < len(self.events) else ""), self.now + 1
        if event in ("an item was deleted", "the user was forgotten"):
            raise UnknownIdError(f"unknown item {items[0]!r}")
        model = self.now if event == "the model was exchanged" else self.now - 1
        return SimpleNamespace(model=model, body={"explanations": [{"item": item} for item in items]})


def asked(*events):
    return asyncio.run(explained(Changing(*events), RecommendQuestion(user="ann"))).body["items"]


@pytest.mark.parametrize("events", [(), ("an item was deleted",), ("the model was exchanged",), ("an item was deleted",) * 2])
def test_the_reasons_are_those_of_the_list(events):
    item = f"i{len(events)}"
    assert asked(*events) == [{"item": item, "path": "both", "explanation": {"item": item}}]


def test_what_goes_on_changing_is_given_up():
    with pytest.raises(BusyError, match="ask again"):
        asked(*["an item was deleted"] * 9)


def test_somebody_who_was_forgotten_meanwhile_is_named():
    with pytest.raises(UnknownIdError, match="ann"):
        asked("the user was forgotten")
