"""Rules together, from the request to the answer: each list is the best of all lists, in Python, over HTTP, in batches and pages.

`every_list.Brute` tries all lists; what it is given is worked out here from the columns, without the code that brings rules to a catalogue.
"""

import asyncio
import datetime
import warnings

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dualnet
from dualnet.rules.applying import Raised, RuledQuestion
from dualnet.rules.quotas import Cap, Need
from dualnet.serve.http.app import HttpOptions, build_app
from dualnet.serve.service import Service
from tests.every_list import Brute, cap

KNOWN, N = 8, 10  # items of the model, and with those that came later
KEYS = [f"i{row}" for row in range(N)]
USERS = ["ann", "bob", "cid"]
PAST, SOON = datetime.datetime(2020, 1, 1), datetime.datetime(2030, 1, 1)
COLUMNS = {
    "title": ["red hat", "red boat", "blue boat", "blue hat", "red song", "green song", "green hat", "blue wine", "red wine", "blue song"],
    "genre": ["a", "b", "a", None, "b", "c", "a", "c", "b", "a"],
    "tags": [["x"], ["x", "y"], [], ["y"], ["x", "x"], ["y", "z"], ["z"], [], ["x", "z"], ["y"]],
    "year": [1990, 2000, None, 2010, 1995, 2005, 2020, None, 2015, 2001],
    "begins": [None, None, PAST, None, SOON, None, PAST, None, None, SOON],
    "ends": [None, PAST, None, SOON, None, None, None, None, PAST, None],
}  # fmt: skip
TOOK = {"ann": ["i0", "i1"], "bob": ["i2", "i5", "i7"], "cid": ["i3", "i6", "i4"]}


def table(rows):
    kinds = {"year": pa.int64(), "begins": pa.timestamp("us"), "ends": pa.timestamp("us")}
    columns = {name: pa.array([cells[row] for row in rows], kinds.get(name)) for name, cells in COLUMNS.items()}
    return pa.table({"item_id": [KEYS[row] for row in rows], **columns})


class World:
    """A model in this process and behind HTTP, both with the same items that came later."""

    def __init__(self, folder):
        events = pa.table({
            "user_id": [user for user, items in TOOK.items() for _ in items], "item_id": [item for items in TOOK.values() for item in items],
        })  # fmt: skip
        data = dualnet.Dataset.from_tables(events, table(range(KNOWN)), text="title", categories=["genre"], tags="tags")
        self.model = dualnet.ContentProfile().fit(data)
        self.service = Service.open(self.model.save(folder / "model"))
        self.app = build_app(self.service, options=HttpOptions(quiet=True))
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.service.start())
        for row in range(KNOWN, N):
            content = {name: cells[row] for name, cells in COLUMNS.items() if cells[row] is not None}
            content |= {name: content[name].isoformat() for name in ("begins", "ends") if name in content}
            assert self.http("PUT", f"/v1/items/{KEYS[row]}", {"content": content})["understood"]
        self.model.add_items(table(range(KNOWN, N)))
        vectors = self.model.encode_items(self.model.catalogue_)
        vectors = vectors.toarray() if hasattr(vectors, "toarray") else np.asarray(vectors)
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        self.alike = unit.astype(np.float64) @ unit.T.astype(np.float64)

    def http(self, method, path, body=None):
        async def once():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://127.0.0.1") as client:
                return await client.request(method, path, json=body)

        answer = self.loop.run_until_complete(once())
        assert answer.status_code < 300, answer.text
        return answer.json()

    def close(self):
        self.loop.run_until_complete(self.service.close())
        self.loop.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


def holds(conditions, row):
    """Whether an item meets conditions on columns."""
    for column, wanted in conditions.items():
        cell = COLUMNS[column][row]
        cells = cell if isinstance(cell, list) else [] if cell is None else [cell]
        ways = {
            "is": lambda value, cells=cells: value in cells,
            "any": lambda value, cells=cells: any(one in cells for one in value),
            "min": lambda value, cells=cells: any(one >= value for one in cells),
            "max": lambda value, cells=cells: any(one <= value for one in cells),
        }
        if not all(ways[name](value) for name, value in wanted.items()):
            return False
    return True


def about(rule, row):
    """Whether a rule is about an item."""
    right = "items" not in rule or KEYS[row] in rule["items"]
    right &= "where" not in rule or holds(rule["where"], row)
    return right and rule.get("kind") in (None, "known" if row < KNOWN else "new")


def listable(asked, seen, shown):
    """Rows of the items that may be listed, in the order of the catalogue."""
    rules = asked.get("rules", {})
    window, now = rules.get("window", {}), datetime.datetime(2025, 1, 1)
    found = []
    for row, key in enumerate(KEYS):
        barred = key in (*asked.get("exclude", ()), *shown, *(() if asked.get("keep_seen") else seen))
        barred |= asked.get("candidates") is not None and key not in asked["candidates"]
        barred |= not holds(asked.get("filter", {}), row) or asked.get("only") == ("known" if row >= KNOWN else "new")
        barred |= any(about(rule, row) for rule in rules.get("hide", ()))
        begins = COLUMNS["begins"][row] if "from" in window else None
        ends = COLUMNS["ends"][row] if "until" in window else None
        if not (barred or (begins and begins > now) or (ends and ends <= now)):
            found.append(row)
    return found


def amount(rule, rows):
    """What a boost adds to each item."""
    shares = [float(about(rule, row)) for row in rows]
    if "column" in rule:
        cells = [COLUMNS[rule["column"]][row] for row in rows]
        there = [cell for cell in cells if cell is not None]
        low, high = rule.get("low", min(there, default=0)), rule.get("high", max(there, default=0))
        if high <= low:
            scaled = [float("low" not in rule and cell is not None and cell >= high) for cell in cells]
        else:
            scaled = [0.0 if cell is None else min(max((cell - low) / (high - low), 0.0), 1.0) for cell in cells]
        shares = [share * one for share, one in zip(shares, scaled, strict=True)]
    return rule["weight"] * np.array(shares)


def best_list(world, asked, plain, seen, shown=()):
    """The ids of the best list, None where two are too near to call; `plain` has the score of each item."""
    rules, rows, k = asked.get("rules", {}), listable(asked, seen, shown), asked["k"]
    at = {KEYS[row]: place for place, row in enumerate(rows)}
    pins, reserved = [], []
    for rule in rules.get("pin", ()):
        place = rule["place"] - 1 - len(shown)
        if place >= 0 and rule["item"] in at:
            (pins if place < k else reserved).append((place, at[rule["item"]], "pin"))
    reserved.sort()
    while reserved and len(rows) - len(reserved) < k:  # there is no page after this one
        pins.append(reserved.pop(0))
    caps, needs = [], []
    for rule in rules.get("quotas", ()):
        inside = [about(rule, row) for row in rows]
        if "each" in rule:
            cells = [COLUMNS[rule["each"]][row] if yes else None for row, yes in zip(rows, inside, strict=True)]
            sets = [set(cell) if isinstance(cell, list) else set() if cell is None else {cell} for cell in cells]
            names = sorted(set().union(*sets))
            caps.append(cap([[names.index(one) for one in sorted(some)] for some in sets], rule["at_most"]))
        elif "at_most" in rule:
            caps.append(Cap.of(np.array(inside, bool), rule["at_most"], "cap"))
        if rule.get("at_least"):
            needs.append(Need(np.array(inside, bool), rule["at_least"], "need"))
    if "new_share" in asked:
        n_new = min(int(np.floor(asked["new_share"] * k + 0.5)), k)
        new = np.array([row >= KNOWN for row in rows], bool)
        needs += [Need(new, n_new, "share"), Need(~new, k - n_new, "share")]
    question = RuledQuestion(
        scores=np.array([plain[KEYS[row]] for row in rows], np.float32), k=k, pins=pins, reserved=np.array([one[1] for one in reserved], int),
        boosts=[Raised(amount(rule, rows), "boost") for rule in rules.get("boost", ())], caps=caps, needs=needs,
        diversity=rules.get("diversity", 0.0), among=rules.get("among", 200),
        likeness=lambda one, others: world.alike[rows[one]][[rows[other] for other in others]],
    )  # fmt: skip
    best = Brute(question, slack=1e-5).best() if rows else []  # vectors are in single precision
    return best if best is None else [KEYS[rows[place]] for place in best]


CONDITIONS = [
    {"genre": {"is": "a"}}, {"genre": {"any": ["b", "c"]}}, {"tags": {"is": "x"}}, {"year": {"min": 2000}}, {"tags": {"is": "z"}, "year": {"max": 2015}},
]  # fmt: skip
MEMBERS = st.one_of(
    st.sampled_from(CONDITIONS).map(lambda where: {"where": where}),
    st.sampled_from(["known", "new"]).map(lambda kind: {"kind": kind}),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True).map(lambda items: {"items": items}),
    st.sampled_from(CONDITIONS).map(lambda where: {"where": where, "kind": "known"}),
)
WEIGHT = st.sampled_from([-2, -0.5, 0.5, 1, 3])
BOOST = st.one_of(
    st.tuples(MEMBERS, WEIGHT).map(lambda told: {**told[0], "weight": told[1]}),
    st.tuples(WEIGHT, st.sampled_from([{}, {"low": 2000}, {"high": 2000}, {"low": 1995, "high": 2010}, {"low": 2100}])).map(
        lambda told: {"column": "year", "weight": told[0], **told[1]}
    ),
    st.tuples(WEIGHT, st.sampled_from(CONDITIONS)).map(lambda told: {"column": "year", "weight": told[0], "where": told[1]}),
)
LIMIT = st.integers(0, 3)
QUOTA = st.one_of(
    st.tuples(MEMBERS, LIMIT).map(lambda told: {**told[0], "at_most": told[1]}),
    st.tuples(MEMBERS, st.just(1)).map(lambda told: {**told[0], "at_least": told[1]}),
    st.tuples(MEMBERS, LIMIT).map(lambda told: {**told[0], "at_least": min(told[1], 1), "at_most": max(told[1], 1)}),
    st.tuples(st.sampled_from(["genre", "tags", "year"]), LIMIT).map(lambda told: {"each": told[0], "at_most": told[1]}),
    st.tuples(MEMBERS, st.sampled_from(["genre", "tags"]), LIMIT).map(
        lambda told: {**told[0], "each": told[1], "at_most": told[2]}
    ),
)
PARTS = {
    "boost": st.lists(BOOST, min_size=1, max_size=2),
    "pin": st.tuples(
        st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True), st.permutations([1, 2, 3, 4, 6])
    ).map(lambda told: [{"item": item, "place": place} for item, place in zip(*told, strict=False)]),
    "hide": st.lists(MEMBERS, min_size=1, max_size=2),
    "quotas": st.lists(QUOTA, min_size=1, max_size=3),
    "diversity": st.sampled_from([0.2, 0.5, 1.0]),
    "window": st.sampled_from([{"from": "begins"}, {"until": "ends"}, {"from": "begins", "until": "ends"}]).map(
        lambda window: {**window, "now": "2025-01-01"}
    ),
}  # fmt: skip
ASKED = {
    "filter": st.sampled_from(CONDITIONS),
    "exclude": st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True),
    "candidates": st.lists(st.sampled_from(KEYS), min_size=3, max_size=7, unique=True),
    "popularity": st.sampled_from([0, 0.5]),
}
WHO = [{"user": "ann"}, {"user": "cid"}, {"history": ["i2", "i9"]}, {"history": [], "fallback": "popularity"}, {"item": "i4"}]


@st.composite
def questions(draw, names=None):
    """A question with some rules, or with those that are named."""
    who = draw(st.sampled_from(WHO))
    chosen = draw(st.lists(st.sampled_from(list(PARTS)), min_size=1, max_size=4, unique=True)) if names is None else names
    rules = {name: draw(PARTS[name]) for name in chosen}
    if "diversity" in rules and draw(st.booleans()):
        rules["among"] = draw(st.integers(1, 8))
    asked = {"k": draw(st.integers(1, 5)), **who}
    for name in draw(st.lists(st.sampled_from(list(ASKED)), max_size=1)):
        if name != "popularity" or "user" in who:
            asked[name] = draw(ASKED[name])
    kind = draw(st.sampled_from([{}, {}, {"only": "known"}, {"only": "new"}, {"new_share": 0.4}]))
    if "item" not in who and draw(st.booleans()):
        asked["keep_seen"] = True
    if rules:
        asked["rules"] = rules
    return {**asked, **kind}


def in_python(world, asked, **more):
    given = {**asked, **more}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dualnet.DualNetWarning)
        if "item" in given:
            return world.model.similar_items(given.pop("item"), **given)
        keep = given.pop("keep_seen", False)
        return world.model.recommend(filter_seen=not keep, **given)


def over_http(world, asked, **more):
    return world.http("POST", "/v1/similar/items" if "item" in asked else "/v1/recommend", {**asked, **more})


def scores_of(world, asked):
    """The score of each item for who asks, without rules."""
    who = {name: asked[name] for name in ("user", "history", "fallback", "popularity") if name in asked}
    if "item" in asked:
        found = in_python(world, {"item": asked["item"], "k": N})
        return {**dict(found), asked["item"]: 0.0}
    return dict(in_python(world, {**who, "k": N, "keep_seen": True}))


def seen_by(asked):
    return [asked["item"]] if "item" in asked else TOOK[asked["user"]] if "user" in asked else asked["history"]


def told_of(world, asked):
    """What must come out, and whether it can be told."""
    calls = [rule.get("at_least", 0) for rule in asked.get("rules", {}).get("quotas", ())]
    if max(calls, default=0) > asked["k"]:
        asked = {**asked, "k": max(calls)}
    return asked, best_list(world, asked, scores_of(world, asked), seen_by(asked))


def check(world, asked):
    asked, best = told_of(world, asked)
    if best is None:
        return
    found = in_python(world, asked)
    assert found.ids == best, found.unmet
    body = over_http(world, asked)
    assert [entry["item"] for entry in body["items"]] == best
    if found.ruled is not None:
        assert [entry["rules"] for entry in body["items"]] == found.rules
        assert body["unmet"] == found.unmet
    listed = listable(asked, seen_by(asked), ())
    for rule in asked["rules"].get("pin", ()):  # what is not on the list is told
        if rule["item"] not in [KEYS[row] for row in listed] and found.ruled is not None:
            assert any(rule["item"] in text for text in found.unmet)


@settings(max_examples=150)
@given(questions())
def test_any_rules_together_give_the_best_list(world, asked):
    check(world, asked)


PAIRS = [(one, other) for at, one in enumerate(PARTS) for other in list(PARTS)[at:]]


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
@settings(max_examples=12)
@given(drawn=st.data())
def test_each_rule_alone_and_each_pair_give_the_best_list(world, names, drawn):
    check(world, drawn.draw(questions(names=list(dict.fromkeys(names)))))


@settings(max_examples=40)
@given(questions())
def test_each_page_is_the_best_list_of_what_is_left(world, asked):
    asked, _ = told_of(world, asked)
    plain, seen, shown = scores_of(world, asked), seen_by(asked), []
    token = here = ""
    for _ in range(N + 1):
        best = best_list(world, asked, plain, seen, shown)
        if best is None:
            return
        found, body = in_python(world, asked, page=here), over_http(world, asked, page=token)
        assert found.ids == [entry["item"] for entry in body["items"]] == best
        assert not set(best) & set(shown)
        shown += best
        here, token = found.next_page, body["next_page"]
        left = listable(asked, seen, shown)
        assert (here is None) == (token is None)
        if found.ruled is not None:
            assert (token is None) == (not left or not best)
        elif token is None:
            assert not left
        if token is None:
            return
    raise AssertionError("the pages do not end")


@settings(max_examples=30)
@given(questions(), st.booleans())
def test_batches_and_presets_give_the_list_of_one_question(world, asked, kept):
    asked = {name: value for name, value in asked.items() if name not in ("user", "history", "item", "fallback")}
    asked, _ = told_of(world, {**asked, "user": "ann"})
    del asked["user"]
    wanted = [
        best_list(world, each, scores_of(world, each), seen_by(each)) for each in ({**asked, "user": user} for user in USERS)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dualnet.DualNetWarning)
        given = {name: value for name, value in asked.items() if name != "keep_seen"} | {
            "filter_seen": not asked.get("keep_seen")
        }
        lists = world.model.recommend(USERS, **given)
        rows = world.model.recommend_all(users=USERS, **given)
    rest = asked
    if kept:
        world.http("PUT", "/v1/presets/kept", {"rules": asked["rules"]})
        rest = {name: value for name, value in asked.items() if name != "rules"} | {"preset": "kept"}
    body = world.http("POST", "/v1/recommend:batch", {**rest, "users": USERS})
    for user, best, found, told in zip(USERS, wanted, lists, body["lists"], strict=True):
        if best is not None:
            assert found.ids == [entry["item"] for entry in told["items"]] == best
            assert [row["item"] for row in rows if row["user"] == user] == best


@pytest.mark.parametrize(("rules", "first"), [
    ({"pin": [{"item": "i4", "place": 1}], "hide": [{"items": ["i4"]}]}, "i4"),
    ({"pin": [{"item": "i4", "place": 1}], "window": {"from": "begins", "now": "2025-01-01"}}, "i4"),
    ({"pin": [{"item": "i8", "place": 1}], "window": {"until": "ends", "now": "2025-01-01"}}, "i8"),
])  # fmt: skip
@pytest.mark.parametrize("ask", [in_python, over_http])
def test_a_pin_brings_nothing_back_and_says_so(world, ask, rules, first):
    asked = {"user": "ann", "k": 4, "rules": rules}
    found = ask(world, asked)
    body = found if isinstance(found, dict) else found.to_json()
    assert first not in [entry["item"] for entry in body["items"]]
    assert body["unmet"] == [f"pin: place 1: '{first}' may not be listed here"]
