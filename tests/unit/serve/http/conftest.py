"""A small service without a model, and a client that speaks to the front in this process."""

import asyncio
import io
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from dualnet.errors import DataError, UnknownIdError
from dualnet.models.explain.explanation import Explanation, View
from dualnet.retrieval.questions import RecommendQuestion, ScoreQuestion
from dualnet.retrieval.recommendations import Recommendations
from dualnet.serve.event_notes import told_event
from dualnet.serve.http.app import HttpOptions, build_app
from dualnet.serve.http.gate import Guards
from dualnet.serve.replies import ModelLabel, Picture, Reply
from dualnet.serve.service import Service
from dualnet.serve.service_errors import BusyError, ConflictError


class StandIn(Service):
    """Ten items, three users; every answer is made up but of the right form."""

    def __init__(self, whole=False):
        self.items = {(n if whole else f"p{n:04}"): {"title": f"Paper {n}"} for n in range(10)}
        self.users = {(n if whole else f"u{n:04}"): [next(iter(self.items))] for n in range(3)}
        self.whole, self.ready_now, self.hangs, self.questions, self.calls = whole, False, False, [], []
        self.fails_with = None
        self.kept = {"home page": {"diversity": 0.3}}
        self.on_batch = lambda size: None

    async def start(self):
        self.ready_now = True

    async def close(self):
        self.ready_now = False
        self.calls.append("close")

    @property
    def ready(self):
        return self.ready_now

    async def responds(self):
        return not self.hangs

    @property
    def label(self):
        return ModelLabel("dualnet", "0123456789ab")

    @property
    def whole_items(self):
        return self.whole

    whole_users = whole_items

    def reply(self, body):
        return Reply(self.label, body)

    def _known(self, keys, among, what):
        for key in keys or ():
            if key not in among:
                raise UnknownIdError(f"unknown {what} {key!r}")

    async def ask(self, question):
        self.questions.append(question)
        self.on_batch(1)
        if self.fails_with is not None:
            raise self.fails_with
        names = (
            ("history", "items")
            if getattr(question, "unknown", None) == "ignore"
            else ("history", "items", "exclude", "candidates")
        )
        for name in names:
            fresh = {new.id for new in getattr(question, "new_items", ())}
            self._known(getattr(question, name, None), {*self.items, *fresh}, "item")
        if getattr(question, "user", None) is not None:
            self._known([question.user], self.users, "user")
        if isinstance(question, ScoreQuestion):
            scores = [{"item": key, "score": 1.0, "path": "known"} for key in question.items]
            return self.reply({"resolved": "known", "ignored": [], "scores": scores})
        if isinstance(question, RecommendQuestion):
            if question.history == [] and question.fallback == "error":
                raise DataError("nothing is known of this user: the history is empty")
            keys = list(self.items)[: question.k]
            n = len(keys)
            listed = Recommendations(keys, [0.5] * n, ["t"] * n, ["known"] * n, "known", [])
            return self.reply(listed.to_json())
        self._known([question.item] if getattr(question, "item", None) is not None else [], self.items, "item")
        return self.reply({"resolved": "item", "ignored": [], "items": [], "users": [], "path": "known", "vector": [1.0]})

    async def presets(self):
        return self.reply({"presets": [{"name": name, "rules": rules} for name, rules in self.kept.items()]})

    async def preset(self, key):
        self._known([key], self.kept, "preset")
        return self.reply({"name": key, "rules": self.kept[key]})

    async def put_preset(self, key, rules, by=""):
        state = "replaced" if key in self.kept else "added"
        self.kept[key] = rules
        return self.reply({"name": key, "state": state})

    async def delete_preset(self, key, by=""):
        self._known([key], self.kept, "preset")
        return self.reply({"name": key, "state": "deleted"})

    async def explain(self, asker, item):
        self._known([item], self.items, "item")
        return self.reply({"explanation": self.why(item)})

    async def explain_many(self, asker, items):
        self._known(items, self.items, "item")
        self.calls.append(("explain", items))
        return self.reply({"explanations": [self.why(item) for item in items]})

    def why(self, item):
        return Explanation(item, "t", "known", 1.0, "leave-one-out", (("all", 1.0),), View(1.0, ()), None).to_json()

    async def compare(self, asker, k=10):
        return self.reply({"models": [], "pending": []})

    async def put_item(self, key, content, by=""):
        if key == next(iter(self.items)):
            raise ConflictError(f"item {key!r} was part of the training and keeps its place")
        new = key not in self.items
        self.items[key] = dict(content)
        return self.reply({"item": key, "state": "added" if new else "replaced"})

    async def put_items(self, items, by=""):
        self.calls.append(items)
        return self.reply({"added": len(items), "replaced": 0})

    async def delete_item(self, key, by=""):
        self._known([key], self.items, "item")
        return self.reply({"item": key, "state": "deleted"})

    async def add_events(self, events, by=""):
        self._known([item for _, item, *_ in events], self.items, "item")
        means = [told_event({"buy": 2.0, "dismiss": -1.0}, event)[2] for event in events]
        return replace(self.reply({"added": len(events), "repeated": 0, "new_users": 0}), told={"means": means})

    async def take_back_events(self, pairs, by=""):
        self._known([user for user, _ in pairs], self.users, "user")
        return self.reply({"taken_back": len(pairs)})

    async def forget_user(self, key):
        self._known([key], self.users, "user")
        del self.users[key]
        return self.reply({"user": key, "state": "forgotten"})

    async def forgotten(self):
        return self.reply({"key": "00", "forgotten": []})

    async def reload(self, rollback=False):
        if rollback:
            raise ConflictError("there is no version before this one")
        self.calls.append("reload")
        return self.reply({"previous": None, "left_out": 0})

    async def model_summary(self):
        kinds = ("parameters", "info", "metrics", "versions", "columns", "user_columns", "capabilities")
        counts = {"items": 10, "items_trained": 10, "items_hidden": 0, "users": 3, "users_trained": 3}
        ids = {"items": "string", "users": "string"}
        summary = {**{name: {} for name in kinds}, **counts, "ids": ids, "event_types": {"like": "like"}}
        return self.reply(
            {
                **summary,
                "name": "dualnet",
                "version": "0123456789ab",
                "previous": None,
                "dials": [],
                "saved": 0.0,
                "training": [],
            }
        )

    async def search_items(self, query, *, limit=20, offset=0):
        return self.reply({"items": [], "total": 0, "asked": [query, limit, offset]})

    async def item_card(self, key):
        self._known([key], self.items, "item")
        return self.reply({"item": key, "title": "t", "path": "known", "content": self.items[key], "picture": True, "taken": 3})

    async def picture(self, key):
        self._known([key], self.items, "item")
        return Picture(b"<svg onload=alert(1)>", "image/svg+xml") if key == "p0002" else Picture(b"\x89PNG", "image/png")

    async def search_users(self, query, *, limit=20, order="longest"):
        return self.reply({"users": [], "total": 0})

    async def user_history(self, key):
        self._known([key], self.users, "user")
        return self.reply({"items": []})

    async def map(self, colour=""):
        return self.reply({"items": [], "x": [], "y": [], "explained": 0.0, "total": 0, "regions": []})

    async def facets(self):
        return self.reply({"columns": [{"name": "year", "kind": "numbers", "min": 1990, "max": 2020}]})

    async def tastes(self):
        return self.reply({"tastes": []})

    async def gauges(self):
        return {"waiting": 3.0, "items": float(len(self.items))}


BUSY = BusyError("too many questions are waiting", 2.0)


@dataclass
class Front:
    """The front around a stand-in, with a client for single requests."""

    service: StandIn
    app: Any
    log: io.StringIO = field(default_factory=io.StringIO)

    def ask(self, method, path, **more):
        """Send one request and return the answer."""

        async def once():
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, **more)

        return asyncio.run(once())

    def post(self, path, body, **more):
        """Send JSON."""
        return self.ask("POST", path, json=body, **more)


@pytest.fixture
def make_front():
    def make(*, whole=False, guards=None, **options):
        log = io.StringIO()
        service = StandIn(whole)
        service.ready_now = True
        return Front(service, build_app(service, guards or Guards(), HttpOptions(log=log, **options)), log)

    return make


@pytest.fixture
def front(make_front):
    return make_front()
