"""Forgetting people and taking events back: unknown at once, in no file afterwards, and so after restarts, reloads and kills."""

import json
import shutil
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, ContentSpec, Dataset, load
from dualnet.errors import ResourceError, UnknownIdError
from dualnet.models.registry import create
from dualnet.retrieval.questions import Asker, RecommendQuestion, ScoreQuestion, SimilarQuestion, UsersQuestion
from dualnet.serve import journal as journal_module
from dualnet.serve.journal import Journal
from dualnet.serve.live_state import LiveState

TITLE = {"title": "genomes sequencing alleles"}
NAMES = ["someone", "Ünïcode käse", "10.1000/182", "u\u0301ser", "日本の人", 'quote"d']


def bytes_of(folder):
    """Everything that is written in a folder, hidden files too."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def is_written(folder, key):
    told = bytes_of(folder)
    forms = {str(key), unicodedata.normalize("NFC", str(key))}
    return any(text.encode() in told for form in forms for text in (form, json.dumps(form)[1:-1]))


async def is_unknown(service, key):
    """Whether every question about somebody is answered as one about a stranger."""
    for question in (RecommendQuestion(user=key), ScoreQuestion(user=key, items=["i0-0"])):
        with pytest.raises(UnknownIdError):
            await service.ask(question)
    for call in (service.user_history(key), service.compare(Asker(user=key)), service.explain(Asker(user=key), "i0-0")):
        with pytest.raises(UnknownIdError):
            await call
    with pytest.raises(UnknownIdError):
        await service.ask(UsersQuestion(item="i0-0", candidates=[key], unknown="error"))
    listed = (await service.ask(UsersQuestion(item="i0-0", k=100, keep_seen=True))).body["users"]
    found = (await service.search_users("", limit=200)).body
    assert key not in {user["user"] for user in listed}
    assert key not in {user["user"] for user in found["users"]}
    assert (
        found["total"]
        == len(found["users"])
        == (await service.gauges())["users"]
        == (await service.model_summary()).body["users"]
    )
    return True


@pytest.mark.parametrize("key", NAMES)
def test_someone_new_is_forgotten_and_in_no_file(folder_of, tmp_path, serving, key):
    async def scenario(service):
        await service.add_events([(key, "i0-0"), (key, "i0-1", "dislike"), ("other", "i0-0")])
        assert is_written(tmp_path, key)
        told = await service.forget_user(key)
        assert (told.body["user"], told.body["state"]) == (key, "forgotten")
        assert not is_written(tmp_path, key)
        with pytest.raises(UnknownIdError):
            await service.forget_user(key)
        assert await is_unknown(service, key)
        assert (await service.user_history("other")).body["items"]
        await service.add_events([("other", "i0-2")])

    serving(folder_of(), scenario, tmp_path)
    assert not is_written(tmp_path, key)
    serving(folder_of(), lambda service: is_unknown(service, key), tmp_path)
    assert not is_written(tmp_path, key)


@pytest.mark.parametrize("name", ["fusion", "popularity"])
def test_someone_of_the_model_is_forgotten_at_once_and_after_a_restart(folder_of, tmp_path, serving, name):
    async def scenario(service):
        before = (await service.ask(RecommendQuestion(user="u0-1", k=5))).body
        await service.ask(UsersQuestion(item="i0-0", k=3))  # vectors of everybody are made
        await service.add_events([("u0-0", "i3-3"), ("u0-2", "i3-4")])
        await service.forget_user("u0-0")
        assert await is_unknown(service, "u0-0")
        assert (await service.ask(RecommendQuestion(user="u0-1", k=5))).body == before
        return (await service.ask(UsersQuestion(item="i0-0", k=100, keep_seen=True))).body

    told = serving(folder_of(name), scenario, tmp_path)
    assert len(told["users"]) == 39
    assert not is_written(tmp_path, "u0-0")

    async def again(service):
        assert await is_unknown(service, "u0-0")
        return (await service.ask(UsersQuestion(item="i0-0", k=100, keep_seen=True))).body

    assert serving(folder_of(name), again, tmp_path) == told
    serving(folder_of(name), again, tmp_path)


def test_without_a_state_folder_it_holds_until_the_end(folder_of, serving):
    async def scenario(service):
        await service.forget_user("u0-0")
        assert await is_unknown(service, "u0-0")

    serving(folder_of(), scenario)


def test_who_comes_back_is_a_new_person(folder_of, tmp_path, serving):
    async def scenario(service):
        await service.add_events([("u0-0", "i2-2")])
        await service.forget_user("u0-0")
        told = (await service.add_events([("u0-0", "i3-3"), ("u0-0", "i3-4", "dislike")])).body
        assert told == {"added": 2, "repeated": 0, "new_users": 1}
        return await asked(service)

    async def asked(service):
        items = (await service.user_history("u0-0")).body["items"]
        assert [item["item"] for item in items] == ["i3-3"]
        users = (await service.ask(UsersQuestion(item="i3-5", k=100, keep_seen=True))).body["users"]
        assert [user["user"] for user in users].count("u0-0") == 1
        rank = [user["user"] for user in (await service.ask(UsersQuestion(item="i3-3", k=100))).body["users"]]
        assert "u0-0" not in rank  # a reader
        found = (await service.search_users("u0-0")).body["users"]
        assert found == [{"user": "u0-0", "events": 1}]
        same = (await service.ask(RecommendQuestion(history=["i3-3"], seen=["i3-4"], k=5))).body["items"]
        assert (await service.ask(RecommendQuestion(user="u0-0", k=5))).body["items"] == same
        return same

    told = serving(folder_of(), scenario, tmp_path)
    assert serving(folder_of(), asked, tmp_path) == told

    async def once_more(service):
        await service.forget_user("u0-0")
        assert await is_unknown(service, "u0-0")

    serving(folder_of(), once_more, tmp_path)
    assert not is_written(tmp_path, "u0-0")


def test_everybody_can_be_forgotten(folder_of, tmp_path, serving):
    async def scenario(service):
        for user in load(folder_of()).users_:
            await service.forget_user(user)
        assert (await service.search_users("")).body == {"users": [], "total": 0}
        assert (await service.ask(UsersQuestion(item="i0-0"))).body["users"] == []
        assert (await service.ask(SimilarQuestion(item="i0-0", k=3))).body["items"]

    serving(folder_of(), scenario, tmp_path)
    serving(folder_of(), lambda service: service.gauges(), tmp_path)


def test_a_way_of_writing_an_id_hides_nobody(folder_of, tmp_path, serving):
    async def scenario(service):
        await service.add_events([(" e\u0301mile ", "i0-0")])
        assert (await service.search_users("")).body["total"] == 41
        await service.forget_user("émile")
        with pytest.raises(UnknownIdError):
            await service.user_history("e\u0301mile")

    serving(folder_of(), scenario, tmp_path)
    assert not is_written(tmp_path, "mile")


@pytest.mark.parametrize("fails_at", ["open", "fsync", "replace", "sync"])
def test_a_kill_while_somebody_is_forgotten_leaves_the_old_or_the_new(folder_of, tmp_path, serving, monkeypatch, fails_at):
    state, copied = tmp_path / "state", tmp_path / "copy"

    class Killed(BaseException):
        pass

    def kill(*args, **kwargs):
        shutil.copytree(state, copied, dirs_exist_ok=True)
        raise ResourceError("killed") if fails_at == "sync" else OSError(5, "killed")

    async def scenario(service):
        await service.add_events([("someone", "i0-0"), ("other", "i0-0")])
        compact = Journal.compact

        def failing(self, changes):
            with monkeypatch.context() as patch:
                if fails_at == "fsync":
                    patch.setattr(journal_module.os, "fsync", kill)
                elif fails_at == "sync":
                    patch.setattr(journal_module, "sync", lambda folder: kill() if False else kill_sync())
                else:
                    real = getattr(journal_module.Path, fails_at)

                    def at(path, *args, **kwargs):
                        return kill() if path.name.endswith(".tmp") else real(path, *args, **kwargs)

                    patch.setattr(journal_module.Path, fails_at, at)
                compact(self, changes)

        def kill_sync():
            shutil.copytree(state, copied, dirs_exist_ok=True)
            raise OSError(5, "killed")

        monkeypatch.setattr(Journal, "compact", failing)
        with pytest.raises(ResourceError, match="forgotten in all answers, but the id is still in the journal"):
            await service.forget_user("someone")
        assert await is_unknown(service, "someone")
        monkeypatch.setattr(Journal, "compact", compact)
        if fails_at != "sync":  # there nothing is written until the next start
            await service.forget_user("someone")
            assert not is_written(state, "someone")

    async def afterwards(service):
        assert await is_unknown(service, "someone")
        assert not is_written(copied, "someone")
        assert (await service.user_history("other")).body["items"]

    serving(folder_of(), scenario, state)
    serving(folder_of(), afterwards, copied)


def test_a_journal_that_was_cut_before_the_change_was_written_has_the_user_whole(folder_of, tmp_path, serving):
    async def scenario(service):
        await service.add_events([("someone", "i0-0")])
        shutil.copytree(tmp_path / "state", tmp_path / "before")
        await service.forget_user("someone")

    async def is_there(service):
        assert len((await service.user_history("someone")).body["items"]) == 1

    serving(folder_of(), scenario, tmp_path / "state")
    serving(folder_of(), is_there, tmp_path / "before")


def test_a_reload_keeps_who_is_forgotten_until_no_model_knows_them(folder_of, tmp_path, serving):
    model, state = tmp_path / "model", tmp_path / "state"
    shutil.copytree(folder_of(), model)

    def journal_says():
        told = LiveState()
        opened, changes = Journal.open(tmp_path / "copy")
        opened.close()
        for change in changes:
            told.apply(change)
        return len(told.forgotten)

    async def scenario(service):
        await service.forget_user("u0-0")
        swap(model, folder_of(seed=1))  # another model that was trained on the user
        await service.reload()
        assert await is_unknown(service, "u0-0")
        await service.reload(rollback=True)
        assert await is_unknown(service, "u0-0")
        load(model).forget_users(["u0-0"]).save(model)
        await service.reload()
        assert await is_unknown(service, "u0-0")
        await service.reload(rollback=True)
        assert await is_unknown(service, "u0-0")

    serving(model, scenario, state)
    shutil.copytree(state, tmp_path / "copy")
    assert journal_says() == 1

    async def restarted(service):
        assert await is_unknown(service, "u0-0")

    serving(model, restarted, state)  # a model without the user, and none before it
    shutil.rmtree(tmp_path / "copy")
    shutil.copytree(state, tmp_path / "copy")
    assert journal_says() == 0


def swap(place, folder):
    shutil.rmtree(place)
    shutil.copytree(folder, place)


def test_two_servers_of_one_run_each_forget_for_themselves(folder_of, tmp_path, serving):
    async def scenario(service):
        await service.forget_user("u0-0")

    async def other(service):
        return len((await service.user_history("u0-0")).body["items"])

    serving(folder_of(), scenario, tmp_path / "a")
    assert serving(folder_of(), other, tmp_path / "b") > 0
    serving(folder_of(), lambda service: is_unknown(service, "u0-0"), tmp_path / "a")


def test_an_event_is_taken_back_from_the_model_and_from_what_came_later(folder_of, tmp_path, serving):
    model = load(folder_of())
    own = [model.items_.key(row) for row in model.histories_[[model.users_.row("u0-0")]].indices.tolist()]

    async def scenario(service):
        await service.ask(UsersQuestion(item="i0-0", k=3))
        await service.add_events([("u0-0", "i3-3"), ("u0-0", "i3-4", "dislike"), ("new", "i0-0")])
        told = await service.take_back_events([("u0-0", own[0]), ("u0-0", "i3-3"), ("u0-0", "i3-4")])
        assert told.body == {"taken_back": 3}
        for pair in (("u0-0", own[0]), ("u0-0", "i2-2"), ("nobody", "i0-0"), ("u0-0", "nothing")):
            with pytest.raises(UnknownIdError):
                await service.take_back_events([("new", "i0-0"), pair])  # all or none
        assert len((await service.user_history("new")).body["items"]) == 1
        return await asked(service)

    async def asked(service):
        items = [item["item"] for item in (await service.user_history("u0-0")).body["items"]]
        assert items == own[1:]
        listed = (await service.ask(RecommendQuestion(user="u0-0", k=48))).body["items"]
        assert {own[0], "i3-3", "i3-4"} <= {item["item"] for item in listed}
        assert listed == (await service.ask(RecommendQuestion(history=own[1:], k=48))).body["items"]
        found = (await service.search_users("u0-0")).body["users"]
        assert found == [{"user": "u0-0", "events": len(own) - 1}]
        users = (await service.ask(UsersQuestion(item=own[0], k=100))).body["users"]
        assert "u0-0" in {user["user"] for user in users}
        return listed, users

    told = serving(folder_of(), scenario, tmp_path)
    assert serving(folder_of(), asked, tmp_path) == told

    async def again(service):
        await service.add_events([("u0-0", own[0])])  # liked anew
        assert [item["item"] for item in (await service.user_history("u0-0")).body["items"]] == own
        assert (await service.search_users("u0-0")).body["users"][0]["events"] == len(own)
        await service.take_back_events([("u0-0", item) for item in own])
        assert (await service.user_history("u0-0")).body["items"] == []
        users = (await service.ask(UsersQuestion(item=own[0], k=100, keep_seen=True))).body["users"]
        assert "u0-0" not in {user["user"] for user in users}  # nothing is left to read
        return (await service.ask(RecommendQuestion(user="u0-0", k=3))).body["resolved"]

    assert serving(folder_of(), again, tmp_path) == "fallback"


@pytest.mark.parametrize("unknown", ["error", "ignore"])
def test_who_has_no_history_left_is_nobody_else_as_a_candidate(folder_of, serving, unknown):
    model = load(folder_of())
    own = [model.items_.key(row) for row in model.histories_[[model.users_.row("u0-0")]].indices.tolist()]

    async def scenario(service):
        await service.add_events([("looker", "i0-0", "seen")])  # of whom nothing can be read either
        await service.take_back_events([("u0-0", item) for item in own])
        item, silent = "i3-5", ["u0-0", "looker"]

        async def listed(**asked):
            question = UsersQuestion(item=item, k=100, keep_seen=True, unknown=unknown, **asked)
            return [user["user"] for user in (await service.ask(question)).body["users"]]

        everybody = await listed()
        assert not set(silent) & set(everybody)
        for who in (silent, silent[:1], silent[1:]):
            assert await listed(candidates=who) == []
            assert await listed(candidates=[*who, everybody[-1]]) == everybody[-1:]
            assert await listed(exclude=who) == everybody
            if unknown == "ignore":
                assert await listed(candidates=[*who, "nobody", everybody[0]]) == everybody[:1]

    serving(folder_of(), scenario)


def test_an_item_whose_users_were_all_forgotten_is_compared_too(folder_of, tmp_path, serving):
    model = load(folder_of())
    lone = model.items_.key(0)
    model.forget_users(model.users_.take(np.flatnonzero(model.histories_.toarray()[:, 0])))
    own = model.items_.take(model.histories_[[0]].indices)

    async def scenario(service):
        service._live.version.baselines.wait()
        for asker in (Asker(user=model.users_.key(0)), Asker(history=own), Asker(history=[*own, lone])):
            body = (await service.compare(asker, 4)).body
            assert not body["pending"]
            assert not any("error" in found for found in body["models"])
            assert all(len(found["items"]) == 4 for found in body["models"])

    serving(model.save(tmp_path / "model"), scenario)


def test_the_columns_of_who_was_forgotten_are_not_those_of_who_has_the_id_now(world, tmp_path, serving):
    ids = world.interactions.users
    ages = pa.table({"age": [["young", "old"][row % 2] for row in range(len(ids))]})
    users = Content(ids, ages, ContentSpec(categories=("age",), min_df=1))
    model = create("dualnet", levels=(8,), epochs=2, factors=0, random_state=0).fit(
        Dataset(world.interactions, world.items, users, name="ages")
    )
    assert model.capabilities.user_columns
    own = [model.items_.key(row) for row in model.histories_[[model.users_.row("u0-0")]].indices.tolist()]

    async def told(service):
        users = (await service.ask(UsersQuestion(item="i3-5", k=100, keep_seen=True))).body["users"]
        return {user["user"]: user["score"] for user in users}

    async def scenario(service):
        await service.add_events([("u0-0", "i3-3")])
        before = await told(service)
        await service.forget_user("u0-0")
        await service.add_events([("u0-0", item) for item in [*own, "i3-3"]])  # the same history, of nobody known
        after = await told(service)
        assert after["u0-0"] != before["u0-0"]
        return after

    folder = model.save(tmp_path / "model")
    found = serving(folder, scenario, tmp_path / "state")
    assert serving(folder, told, tmp_path / "state") == pytest.approx(found, rel=1e-5)


def test_the_hash_of_a_forgotten_id_is_not_the_same_in_two_folders():
    first, second = LiveState(), LiveState()
    assert first.hash_of("u") != second.hash_of("u")
    assert first.hash_of("7") != first.hash_of(7)
    assert np.unique([first.hash_of(name) for name in NAMES]).size == len(NAMES)
