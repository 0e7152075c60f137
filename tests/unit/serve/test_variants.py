"""Several models behind one address: stable assignment in the stated shares, changes in all, and the variant in answer, log and meters."""

import asyncio
import json
from collections import Counter

import pytest

from dualnet.cli import main
from dualnet.errors import DataError, ResourceError, UnknownIdError, UsageError
from dualnet.retrieval.questions import Asker, RecommendQuestion, SimilarQuestion
from dualnet.runs.shown_log import read_log
from dualnet.serve.http.app import HttpOptions, build_app
from dualnet.serve.model_process.remote import RemoteService
from dualnet.serve.replies import ModelLabel, Reply
from dualnet.serve.service import Service
from dualnet.serve.service_errors import BusyError, ClosedError, ConflictError, QuotaError, RefusedModelError
from dualnet.serve.store import StoreAddress
from dualnet.serve.variants import Variants, place_of, read_variants


@pytest.fixture
def two(folder_of, tmp_path):
    """A function that runs a scenario with two variants whose state is in two folders."""

    def run(scenario, shares=(70, 30), key=""):
        async def alone():
            services = {
                name: Service.open(folder_of("wmf", seed), state=tmp_path / "state" / name)
                for name, seed in (("a", 0), ("b", 1))
            }
            variants = Variants(services, shares, key=key)
            await variants.start()
            try:
                return await scenario(variants)
            finally:
                await variants.close()

        return asyncio.run(asyncio.wait_for(alone(), 600))

    return run


def test_places_are_even_and_stable():
    places = [place_of(f"u{n}") for n in range(4000)]
    assert all(0 <= place < 1 for place in places)
    for low in (0.0, 0.25, 0.9):
        assert sum(low <= place < low + 0.1 for place in places) == pytest.approx(400, abs=90)
    assert place_of("u1") == place_of("u1") != place_of("u1", "another key")
    assert place_of("ann") == pytest.approx(0.0585958, abs=1e-6)  # the same on every machine, for ever


def test_each_person_has_one_variant_in_the_stated_shares(two):
    async def scenario(variants):
        asked = {}
        for user in variants._first._live.version.model.users_:
            replies = [await variants.call("recommend", question=RecommendQuestion(user=user, k=3)) for _ in range(2)]
            assert replies[0].variant == replies[1].variant
            assert replies[0].model == dict(variants.labels)[replies[0].variant]
            why = await variants.call("explain", asker=Asker(user=user), item="i0-0")
            assert why.variant == replies[0].variant
            asked[user] = replies[0].variant
        by_history = [await variants.ask(RecommendQuestion(history=[f"i{n % 4}-{n % 12}"], k=3)) for n in range(40)]
        assert {reply.variant for reply in by_history} == {"a", "b"}
        similar = await variants.ask(SimilarQuestion(item="i0-0", k=2))
        assert similar.variant == "a"
        return asked

    asked = two(scenario)
    assert two(scenario) == asked  # after a restart
    assert 0.5 < Counter(asked.values())["a"] / len(asked) < 0.9
    fewer = two(scenario, shares=(60, 40))
    moved = {(before, fewer[user]) for user, before in asked.items() if before != fewer[user]}
    assert moved <= {("a", "b")}  # only those whom the border passed


def test_changes_are_made_in_all_of_them_and_forgetting_is_recorded_in_all(two, tmp_path):
    async def scenario(variants):
        await variants.call("add_events", events=[("somebody", "i0-0"), ("u0-0", "i1-1", "dislike")])
        await variants.call("delete_item", key="i3-3")
        for service in variants._services.values():
            assert service._live.catalogue.has_user("somebody")
            assert "i3-3" not in [
                entry["item"] for entry in (await service.ask(RecommendQuestion(user="u3-0", k=48))).body["items"]
            ]
        second = variants._services["b"]
        await second.forget_user("u1-0")  # the other one still knows them
        assert (await variants.call("forget_user", key="u1-0")).body["state"] == "forgotten"
        assert (await variants.call("forget_user", key="somebody")).body["state"] == "forgotten"
        counts = [len((await service.forgotten()).body["forgotten"]) for service in variants._services.values()]
        assert counts == [2, 3]
        with pytest.raises(UnknownIdError):
            await variants.call("forget_user", key="somebody")
        with pytest.raises(UnknownIdError):
            await variants.call("add_events", events=[("x", "nothing")])
        with pytest.raises(UsageError):
            await variants.call("add_events", events=[("x", "i0-0", "buys")])

    two(scenario)
    assert not any(b"somebody" in path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())


def everything(url):
    """All rows of all tables, as text."""
    import psycopg

    tables = ("dualnet_store", "dualnet_changes", "dualnet_turns", "dualnet_snapshot")
    with psycopg.connect(url) as connection:
        return " ".join(str(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}"))


@pytest.mark.parametrize("kind", [Service, RemoteService])
def test_variants_of_one_database_answer_with_each_change_when_it_is_confirmed(folder_of, postgresql, kind):
    async def scenario(work):
        services = {
            name: kind.open(folder_of("fusion", seed), state=StoreAddress(postgresql)) for name, seed in (("a", 0), ("b", 1))
        }
        variants = Variants(services, [50, 50], shared=True, key="k")
        await variants.start()
        try:
            return await work(variants, services)
        finally:
            await variants.close()

    def run(work):
        return asyncio.run(asyncio.wait_for(scenario(work), 600))

    user = 'so"me/bödy'

    async def first(variants, services):
        told = await variants.call("add_events", events=[(user, "i0-0"), ("u3-0", "i1-1", "dislike")], by="shop")
        assert told.body["added"] == 2  # once, not once for each
        assert await variants.call("put_item", key="n1", content={"title": "g0 word0", "tags": ["g0"]})
        await variants.call("put_preset", key="home", rules={"pin": [{"item": "n1", "place": 1}]})
        answered = set()
        for service in services.values():
            assert len((await service.call("user_history", key=user)).body["items"]) == 1
            listed = (await service.call("recommend", question=RecommendQuestion(user=user, k=3, preset="home"))).body
            assert listed["items"][0]["item"] == "n1"
        for key in [user, *(f"u{group}-{n}" for group in range(4) for n in range(4))]:
            reply = await variants.call("recommend", question=RecommendQuestion(user=key, k=3))
            assert reply.variant == variants.variant_of(RecommendQuestion(user=key))
            answered.add(reply.variant)
        assert answered == {"a", "b"}
        assert (await variants.call("forget_user", key=user)).body["state"] == "forgotten"
        assert (await variants.call("forget_user", key="u1-0")).body["state"] == "forgotten"
        for service in services.values():
            for gone in (user, "u1-0"):
                with pytest.raises(UnknownIdError):
                    await service.call("user_history", key=gone)
            assert len((await service.call("forgotten")).body["forgotten"]) == 2  # one record for both
        await variants.call("delete_item", key="i3-3")
        rest = [
            {
                entry["item"]
                for entry in (await one.call("recommend", question=RecommendQuestion(user="u3-0", k=48))).body["items"]
            }
            for one in services.values()
        ]
        assert not any("i3-3" in items for items in rest)
        await variants.call("reload")
        told = everything(postgresql)
        assert "bödy" not in told
        assert json.dumps("bödy")[1:-1] not in told
        assert "'u1-0'" not in told
        assert '"u1-0"' not in told

    run(first)

    async def again(variants, services):
        for service in services.values():
            with pytest.raises(UnknownIdError):
                await service.call("user_history", key="u1-0")
            assert [one["name"] for one in (await service.call("presets")).body["presets"]] == ["home"]
        assert (await variants.call("delete_preset", key="home")).body["state"] == "deleted"

    run(again)


def test_a_preset_of_a_shared_state_means_something_to_each_variant(folder_of, bare_folder, postgresql):
    """The second model has no column `year`."""

    async def scenario():
        folders = {"a": folder_of("fusion"), "b": bare_folder}
        services = {name: Service.open(folder, state=StoreAddress(postgresql)) for name, folder in folders.items()}
        variants = Variants(services, [50, 50], shared=True)
        await variants.start()
        try:
            with pytest.raises(UsageError, match="no item column 'year'"):
                await variants.call("put_preset", key="new first", rules={"boost": [{"column": "year", "weight": 1}]})
            assert (await variants.call("presets")).body == {"presets": []}
            assert (await variants.call("put_preset", key="varied", rules={"diversity": 0.3})).body["state"] == "added"
        finally:
            await variants.close()

    asyncio.run(asyncio.wait_for(scenario(), 600))


@pytest.fixture(scope="module")
def bare_folder(tmp_path_factory):
    """A model of the same ids without columns but the title."""
    from dualnet.data.synthetic import blocks_world
    from dualnet.models.registry import create

    return create("content-profile").fit(blocks_world()).save(tmp_path_factory.mktemp("bare") / "model")


def told_of(told, user):
    """The variant that answered a user before."""
    return next(answer["variant"] for who, answer in told.values() if who == user)


class Stub:
    """A service that takes every change, or refuses it; it hears of what others changed all the same."""

    whole_items = whole_users = False
    label = ModelLabel("m", "v")
    away = "connection lost"

    def __init__(self, error=None):
        self.error, self.calls = error, []

    async def call(self, name, **given):
        self.calls.append(name)
        if self.error is not None and name != "catch_up":
            raise self.error
        return Reply(self.label, {"state": "done"})


@pytest.mark.parametrize(
    "error", [BusyError("away"), ClosedError("ends"), QuotaError("full"), ResourceError("no disk"), KeyError("defect")]
)
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", ["add_events", "put_item", "delete_preset"])
def test_a_change_that_one_could_not_write_down_is_refused(error, place, name):
    services = [Stub(), Stub()]
    services[place].error = error
    with pytest.raises(type(error)):
        asyncio.run(Variants(dict(zip("ab", services, strict=True)), [1, 1]).call(name))
    assert [one.calls for one in services] == [[name], [name]]


@pytest.mark.parametrize(
    ("name", "error", "refused"),
    [
        ("put_item", DataError("does not fit"), False),
        ("put_item", ConflictError("was trained on"), False),
        ("delete_item", UnknownIdError("not there"), False),
        ("delete_preset", UnknownIdError("not there"), False),
        ("put_preset", UsageError("no such column"), True),  # else its name would be unknown to some people
        ("reload", RefusedModelError("damaged"), True),
    ],
)
def test_what_one_model_cannot_take_the_others_take(name, error, refused):
    variants = Variants({"a": Stub(), "b": Stub(error)}, [1, 1])
    if refused:
        with pytest.raises(type(error)):
            asyncio.run(variants.call(name))
    else:
        assert asyncio.run(variants.call(name)).body == {"state": "done"}


@pytest.mark.parametrize(
    ("name", "error", "asked"),
    [
        ("forget_user", UnknownIdError("nothing is stored of them"), 2),  # the other model may well know them
        ("add_events", UsageError("type 'buy' is not one"), 2),
        ("put_item", DataError("does not fit"), 2),
        ("put_item", BusyError("the database is away"), 1),
        ("put_preset", UsageError("no such column"), 1),
        ("forget_user", ResourceError("not erased"), 1),
    ],
)
def test_where_the_state_is_shared_the_first_that_can_makes_a_change(name, error, asked):
    services = [Stub(error), Stub(), Stub()]
    variants = Variants(dict(zip("abc", services, strict=True)), [1, 1, 1], shared=True)
    given = {"key": "home", "rules": {}} if name == "put_preset" else {}
    if asked == 1:
        with pytest.raises(type(error)):
            asyncio.run(variants.call(name, **given))
    else:
        assert asyncio.run(variants.call(name)).body == {"state": "done"}
    assert [sum(call == name for call in one.calls) for one in services] == [name != "put_preset", asked - 1, 0]
    if asked > 1:  # who did not make the change hears of it before it is confirmed
        assert [call for one in services for call in one.calls if call == "catch_up"] == ["catch_up"] * 2
    services[1].error = services[2].error = UnknownIdError("nor here")
    with pytest.raises(type(error), match=str(error)):
        asyncio.run(variants.call(name, **given))


@pytest.mark.parametrize("away", ["connection lost", ""])  # nothing, until the server has looked at its database again
@pytest.mark.parametrize("error", [BusyError("nothing was changed"), ClosedError("ends"), KeyError("defect")])
def test_a_change_of_a_shared_state_is_confirmed_only_when_all_variants_have_it(error, away):
    class Late(Stub):
        async def call(self, name, **given):
            if name == "catch_up":
                raise error
            return await super().call(name, **given)

    late = Late()
    late.away = away
    variants = Variants({"a": Stub(), "b": late, "c": Stub()}, [1, 1, 1], shared=True)
    with pytest.raises((BusyError, KeyError)) as raised:
        asyncio.run(variants.call("add_events"))
    if isinstance(error, KeyError):
        assert raised.value is error
    else:
        why = f" ({away})" if away else ""
        told = f"the change is in the database, but variant 'b' cannot read it yet{why}; ask again later"
        assert (str(raised.value), raised.value.retry_after) == (told, 2.0)


def test_the_log_has_the_rules_of_a_preset_and_what_events_meant(two, tmp_path):
    import httpx

    async def scenario(variants):
        app = build_app(variants, options=HttpOptions(quiet=True, shown_log=tmp_path / "shown.jsonl"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
            await client.put("/v1/presets/home", json={"rules": {"diversity": 0.3}})
            rules = {"pin": [{"item": "i0-3", "place": 2}]}
            asked = {"user": "u1-0", "k": 3, "preset": "home", "rules": rules}
            for more in ({}, {"explain": True}):
                answer = (await client.post("/v1/recommend", json=asked | more)).json()
                items = [entry["item"] for entry in answer["items"]]
                told = [
                    {"user": "u1-0", "item": items[0], "type": "dislike"},
                    {"user": "u1-0", "item": items[1], "type": "seen"},
                ]
                sent = {"events": [{**event, "request": answer["request_id"]} for event in told]}
                assert (await client.post("/v1/events", json=sent)).status_code == 200
            users = [f"u{n % 4}-{n // 4}" for n in range(12)]
            sent = {"users": users, "k": 3, "preset": "home", "rules": rules}
            both = (await client.post("/v1/recommend:batch", json=sent)).json()
            assert {one["variant"] for one in both["lists"]} == {"a", "b"}
            today = (await client.get("/v1/activity")).json()["today"]
            return today["taken_up"], (await client.get("/metrics")).text

    taken_up, meters = two(scenario)
    log = read_log(tmp_path / "shown.jsonl")
    written = [json.loads(line) for line in (tmp_path / "shown.jsonl").read_text().splitlines()]
    for one in log.lists:
        assert "preset" not in one.question
        assert one.question["rules"] == {"pin": [{"item": "i0-3", "place": 2}], "diversity": 0.3}
    assert [list(one.taken.values()) for one in log.lists] == [["dislike", "seen"]] * 2 + [[]] * 12
    shown = [line["shown"] for line in written if "shown" in line]
    models = {(one["variant"], one["model"]["version"]) for one in shown}
    assert len(models) == len(dict(models)) == 2  # each variant has its model
    assert taken_up == 0  # nothing was taken
    assert "dualnet_taken_total{" not in meters


def test_the_variant_is_in_the_answer_the_log_and_the_meters(two, tmp_path):
    import httpx

    async def scenario(variants):
        app = build_app(variants, options=HttpOptions(quiet=True, shown_log=tmp_path / "shown.jsonl"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
            told = {}
            for user in ("u0-0", "u1-0", "u2-0", "u3-0", "u0-1", "u1-1"):
                answer = (await client.post("/v1/recommend", json={"user": user, "k": 3, "explore": 0.4})).json()
                told[answer["request_id"]] = (user, answer)
                taken = {"user": user, "item": answer["items"][1]["item"], "request": answer["request_id"]}
                assert (await client.post("/v1/events", json={"events": [taken, taken]})).status_code == 200
            many = (await client.post("/v1/recommend:batch", json={"users": ["u0-0", "u1-0", "u2-0", "u3-0"], "k": 2})).json()
            for one in many["lists"]:
                assert one["variant"] == told_of(told, one["user"])
                told[one["request_id"]] = (one["user"], one)
                taken = {"user": one["user"], "item": one["items"][1]["item"], "request": one["request_id"]}
                await client.post("/v1/events", json={"events": [taken]})
            model = (await client.get("/v1/model")).json()
            assert [(one["name"], one["share"]) for one in model["variants"]] == [("a", 0.7), ("b", pytest.approx(0.3))]
            return told, (await client.get("/metrics")).text

    told, meters = two(scenario)
    count = Counter(answer["variant"] for _, answer in told.values())
    assert set(count) == {"a", "b"}
    for name, times in count.items():
        assert f'dualnet_lists_total{{variant="{name}"}} {times}.0' in meters
        assert f'dualnet_taken_total{{type="like",variant="{name}"}} {times}.0' in meters
        assert f'variant="{name}"' in next(line for line in meters.splitlines() if line.startswith("dualnet_variant_share{") and f'"{name}"' in line)  # fmt: skip
    log = read_log(tmp_path / "shown.jsonl")
    assert len(log.lists) == len(told)
    for one in log.lists:
        user, answer = told[one.request]
        assert one.variant == answer["variant"]
        assert one.items == [entry["item"] for entry in answer["items"]]
        assert one.probabilities == [entry.get("probability", 1.0) for entry in answer["items"]]
        assert list(one.taken) == [one.items[1]]
        assert user not in json.dumps(one.question)
        assert one.question in ({"k": 3, "explore": 0.4}, {"k": 2})
    written = (tmp_path / "shown.jsonl").read_text()
    assert not any(f'"{user}"' in written for user, _ in told.values())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["a=run1:90"], "1 variant cannot be compared"),
        (["a=run1", "b=run2:10"], "NAME=RUN:SHARE"),
        (["a=run1:0", "b=run2:10"], "share above 0"),
        (["a=run1:-3", "b=run2:10"], "share above 0"),
        (["a=run1:nan", "b=run2:10"], "share above 0"),
        (["run1:90", "b=run2:10"], "NAME=RUN:SHARE"),
        (["a=:90", "b=run2:10"], "NAME=RUN:SHARE"),
        (["a b=run1:90", "b=run2:10"], "letters, digits"),
        (["a=run1:90", "a=run2:10"], "two variants are called 'a'"),
    ],
)
def test_variants_that_cannot_be_meant_are_refused(given, says):
    with pytest.raises(UsageError, match=says):
        read_variants(given)


def test_several_in_one_option_and_a_colon_in_a_path():
    found = read_variants(["a=C:/run:1, b=run2:0.5"])
    assert [(one.name, str(one.folder), one.weight) for one in found] == [("a", "C:/run", 1.0), ("b", "run2", 0.5)]


def test_a_command_says_what_does_not_go_together(capsys):
    assert main(["serve", "run", "--variant", "a=run:1"]) == 2
    assert "either RUN or --variant" in capsys.readouterr().err
    assert main(["serve"]) == 2
    assert "say what to serve" in capsys.readouterr().err
