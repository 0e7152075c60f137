"""Rules kept under names: durable, compacted, shared by servers, refused where they mean nothing; lists for several users."""

import asyncio

import pytest

from dualnet import load
from dualnet.errors import DataError, UnknownIdError, UsageError
from dualnet.retrieval.questions import NewItem, RecommendQuestion, SimilarQuestion
from dualnet.serve import presets as module
from dualnet.serve.live_state import LiveState
from dualnet.serve.model_process.remote import RemoteService
from dualnet.serve.service import Service
from dualnet.serve.service_errors import BusyError, ConflictError
from dualnet.serve.several import asked_together
from dualnet.serve.store import StoreAddress

HOME = {"pin": [{"item": "i3-1", "place": 1}], "quotas": [{"each": "tags", "at_most": 3}]}


def test_a_question_names_rules_that_outlive_the_server(folder_of, tmp_path, serving):
    model = load(folder_of())

    async def first(service):
        assert (await service.put_preset("home page", {"diversity": 0.1})).body == {"name": "home page", "state": "added"}
        assert (await service.put_preset("home page", HOME)).body["state"] == "replaced"
        await service.put_preset("newsletter", {"hide": [{"items": ["i0-1"]}]})
        await service.put_preset("brief", {"diversity": 1})
        assert (await service.delete_preset("brief")).body == {"name": "brief", "state": "deleted"}
        await service.put_item("n1", {"title": "genomes", "tags": ["i0"], "year": 2000})
        for key in ("brief", "home"):
            with pytest.raises(UnknownIdError, match="there is no preset"):
                await service.preset(key)
            with pytest.raises(UnknownIdError):
                await service.delete_preset(key)

    serving(folder_of(), first, state=tmp_path)

    async def second(service):
        assert [entry["name"] for entry in (await service.presets()).body["presets"]] == ["home page", "newsletter"]
        assert (await service.preset("home page")).body == {"name": "home page", "rules": HOME}
        found = (await service.ask(RecommendQuestion(user="u0-1", k=5, preset="home page"))).body
        await service.delete_item("n1")
        assert found["items"][0]["item"] == "i3-1"
        assert found["items"][0]["rules"] == ["pin: place 1"]
        own = {"hide": [{"items": [found["items"][1]["item"]]}]}
        both = (await service.ask(RecommendQuestion(user="u0-1", k=5, preset="home page", rules=own))).body
        assert both["items"][0]["item"] == "i3-1"
        assert found["items"][1]["item"] not in [entry["item"] for entry in both["items"]]
        similar = (await service.ask(SimilarQuestion(item="i0-2", k=5, preset="newsletter"))).body
        assert "i0-1" not in [entry["item"] for entry in similar["items"]]
        with pytest.raises(UnknownIdError, match="Did you mean 'home page'"):
            await service.ask(RecommendQuestion(user="u0-1", preset="home pag"))
        good, bad = await asyncio.gather(
            service.ask(RecommendQuestion(user="u0-1")),
            service.ask(RecommendQuestion(user="u0-1", preset="no")),
            return_exceptions=True,
        )
        assert len(good.body["items"]) == 10
        assert isinstance(bad, UnknownIdError)
        with pytest.raises(UsageError, match="two pins"):
            await service.ask(RecommendQuestion(user="u0-1", preset="home page", rules={"pin": [{"item": "i1-1", "place": 1}]}))
        with pytest.raises(UsageError, match="calls for at least 2 items, but k is 1"):
            await service.ask(RecommendQuestion(user="u0-1", k=1, rules={"quotas": [{"kind": "known", "at_least": 2}]}))

    serving(folder_of(), second, state=tmp_path)
    rules = {"hide": [{"items": ["i0-1"]}]}
    assert "i0-1" not in model.similar_items("i0-2", k=5, rules=rules).ids


@pytest.mark.parametrize(
    ("rules", "error", "told"),
    [
        ({"boots": []}, UsageError, "Did you mean 'boost'"),
        ({"boost": [{"column": "yaer", "weight": 1}]}, UsageError, "Did you mean 'year'"),
        ({"boost": [{"column": "title", "weight": 1}]}, DataError, "no column of numbers"),
        ({"hide": [{"where": {"year": {"min": "red"}}}]}, DataError, "does not fit"),
        ({"window": {"from": "begins"}}, UsageError, "no item column 'begins'"),
    ],
)
def test_rules_that_no_question_could_have_are_not_kept(folder_of, serving, rules, error, told):
    async def scenario(service):
        with pytest.raises(error, match=told):
            await service.put_preset("x", rules)
        assert (await service.presets()).body == {"presets": []}

    serving(folder_of(), scenario)


def test_presets_may_name_items_that_come_later_and_are_bounded(folder_of, serving, monkeypatch):
    monkeypatch.setattr(module, "MOST_PRESETS", 2)

    async def scenario(service):
        await service.put_preset("a", {"pin": [{"item": "n1", "place": 2}]})
        found = (await service.ask(RecommendQuestion(user="u0-1", k=3, preset="a"))).body
        assert found["ignored"] == ["n1"]
        assert found["unmet"] == ["pin: place 2: 'n1' may not be listed here"]
        await service.put_items([NewItem("n1", {"title": "genomes", "tags": ["i0"], "year": 2000})])
        found = (await service.ask(RecommendQuestion(user="u0-1", k=3, preset="a"))).body
        assert (found["ignored"], found["unmet"], found["items"][1]["item"]) == ([], [], "n1")
        await service.put_preset("b", {})
        with pytest.raises(ConflictError, match="which is the most"):
            await service.put_preset("c", {})
        await service.put_preset("b", {"diversity": 1})
        with pytest.raises(UsageError, match="at most 100 characters"):
            await service.put_preset("c" * 101, {})

    serving(folder_of(), scenario)


def test_a_state_is_written_as_the_changes_that_give_it():
    state = LiveState()
    for change in (
        {"preset": ["a", HOME]},
        {"preset": ["b", {}]},
        {"by": ["key", {"preset": ["a", {"diversity": 1}]}]},
        {"preset": ["b", None]},
    ):
        state.apply(change)
    again = LiveState()
    for change in state.changes():
        again.apply(change)
    assert again.presets == state.presets == {"a": {"diversity": 1}}
    for change in ({"preset": "a"}, {"preset": ["a", 5]}, {"preset": ["a"]}):
        with pytest.raises(DataError):
            again.apply(change)


def test_live_columns_count_in_rules(folder_of, serving):
    """Items that came later have their columns beside those of the model's own."""

    async def scenario(service):
        fresh = [NewItem(f"n{k}", {"title": "genomes alleles", "tags": ["i0", "fresh"], "year": 2200 + k}) for k in range(4)]
        await service.put_items(fresh)
        rules = {"boost": [{"column": "year", "weight": 900}], "quotas": [{"each": "tags", "at_most": 2}]}
        found = (await service.ask(RecommendQuestion(user="u0-1", k=4, rules=rules))).body["items"]
        assert [entry["item"] for entry in found[:2]] == ["n3", "n2"]
        assert sum(entry["item"].startswith("n") for entry in found) == 2
        for now, there in (("1970-01-01", set()), ("1970-01-01T00:36:41.5", {"n0", "n1"})):  # years as seconds
            rules = {"window": {"from": "year", "now": now}, "hide": [{"where": {"year": {"max": 2100}}}]}
            found = (await service.ask(RecommendQuestion(user="u0-1", k=40, rules=rules))).body["items"]
            assert {entry["item"] for entry in found if entry["item"].startswith("n")} == there

    serving(folder_of(), scenario)


def test_several_users_are_answered_by_one_model_or_refused(folder_of, serving):
    users = ["u0-1", "u1-1", "u0-1"]

    async def scenario(service):
        asked = [RecommendQuestion(user=user, k=3, rules={"diversity": 0.2}) for user in users]
        found = (await service.recommend_many(asked)).body["lists"]
        assert [entry["user"] for entry in found] == users
        assert found[0] == {**found[2]}
        assert [entry["item"] for entry in found[1]["items"]] == [
            entry["item"] for entry in (await service.ask(asked[1])).body["items"]
        ]
        with pytest.raises(UnknownIdError):
            await service.recommend_many([*asked, RecommendQuestion(user="nobody")])
        changing = iter(range(100))

        class Swapping:
            async def ask(self, question):
                reply = await service.ask(question)
                return type(reply)(type(reply.model)("m", str(next(changing))), reply.body)

        with pytest.raises(BusyError, match="exchanged"):
            await asked_together(Swapping(), asked)

    serving(folder_of(), scenario)


def test_the_process_of_a_model_answers_the_same(folder_of):
    service = RemoteService.open(folder_of())

    async def main():
        await service.start()
        try:
            await service.call("put_preset", key="home", rules=HOME, by="")
            asked = [RecommendQuestion(user=user, k=3, preset="home", page="") for user in ("u0-1", "u1-1")]
            found = (await service.call("recommend_many", questions=asked)).body["lists"]
            assert [entry["items"][0]["item"] for entry in found] == ["i3-1", "i3-1"]
            following = RecommendQuestion(user="u0-1", k=3, preset="home", page=found[0]["next_page"])
            again = (await service.call("recommend", question=following)).body
            assert not {entry["item"] for entry in again["items"]} & {entry["item"] for entry in found[0]["items"]}
            assert (await service.call("presets")).body["presets"][0]["name"] == "home"
        finally:
            await service.close()

    asyncio.run(asyncio.wait_for(main(), 600))


def test_servers_of_one_database_share_presets(folder_of, postgresql):
    async def scenario():
        services = [Service.open(folder_of(), state=StoreAddress(postgresql)) for _ in range(2)]
        try:
            for service in services:
                await service.start()
            await services[0].put_preset("home", HOME)
            for _ in range(400):
                if (await services[1].presets()).body["presets"]:
                    break
                await asyncio.sleep(0.05)
            found = (await services[1].ask(RecommendQuestion(user="u0-1", k=3, preset="home"))).body
            assert found["items"][0]["item"] == "i3-1"
            await services[1].delete_preset("home")
        finally:
            for service in services:
                await service.close()
        last = Service.open(folder_of(), state=StoreAddress(postgresql))
        await last.start()
        try:
            assert (await last.presets()).body == {"presets": []}
        finally:
            await last.close()

    asyncio.run(asyncio.wait_for(scenario(), 600))


def test_who_reads_presets_meanwhile_reads_all_of_them():
    """Questions are answered in other threads than the one that changes: none of them sees a name that is there as missing."""
    state = LiveState()
    state.apply({"preset": ["home", {"diversity": 0.3}]})
    before = state.presets
    state.apply({"preset": ["home", {"diversity": 0.4}]})
    state.apply({"preset": ["other", {"diversity": 1}]})
    state.apply({"preset": ["home", None]})
    assert before == {"home": {"diversity": 0.3}}
    assert state.presets == {"other": {"diversity": 1}}
