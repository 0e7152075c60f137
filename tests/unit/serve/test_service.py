"""The server without HTTP: durable changes, swaps without a mixed answer, bad models refused, nothing of old ones kept."""

import asyncio
import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dualnet
from dualnet import Dataset, load
from dualnet.data.interactions import Interactions
from dualnet.errors import ArtifactError, CapabilityError, ResourceError, UnknownIdError, UsageError
from dualnet.ids import IdMap
from dualnet.models.wmf import WMF
from dualnet.retrieval.questions import Asker, NewItem, RecommendQuestion, ScoreQuestion, UsersQuestion
from dualnet.serve import journal as journal_module
from dualnet.serve import service as service_module
from dualnet.serve import versions
from dualnet.serve.service import Service
from dualnet.serve.service_errors import ClosedError, ConflictError, RefusedModelError
from dualnet.serve.versions import Version

TITLE = {"title": "genomes sequencing alleles"}


def copy(folder, place):
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place)
    return place


def test_answers_carry_their_model_and_equal_the_library(folder_of, serving):
    model = load(folder_of())

    async def scenario(service):
        assert service.ready
        reply = await service.ask(RecommendQuestion(user="u0-0", k=3))
        assert reply.body == model.recommend("u0-0", k=3).to_json()
        assert (reply.model.name, len(reply.model.version), service.label) == ("fusion", 12, reply.model)
        found = await asyncio.gather(
            service.ask(RecommendQuestion(user="nobody")), service.ask(ScoreQuestion(user="u0-0", items=["i0-0"])),
            return_exceptions=True,
        )  # fmt: skip
        assert isinstance(found[0], UnknownIdError)
        assert found[1].body["scores"][0]["item"] == "i0-0"
        users = await service.ask(UsersQuestion(content=TITLE, k=3))
        assert {user["user"][1] for user in users.body["users"]} == {"0"}
        assert json.dumps((await service.model_summary()).body, allow_nan=False)
        assert (service.whole_items, service.whole_users) == (False, False)

    serving(folder_of(), scenario)


def test_asking_before_the_start_and_after_the_end_is_refused(folder_of):
    async def main():
        service = Service.open(folder_of())
        assert not service.ready
        with pytest.raises(ClosedError):
            await service.ask(RecommendQuestion(user="u0-0"))
        await service.start()
        await service.close()
        for call in (service.ask(RecommendQuestion(user="u0-0")), service.put_item("a", TITLE)):
            with pytest.raises(ClosedError):
                await call

    asyncio.run(main())


def test_changes_outlive_the_server(folder_of, tmp_path, serving):
    async def first(service):
        assert (await service.put_item("n1", TITLE)).body["state"] == "added"
        assert (await service.put_item("n1", {"title": "proteins folding"})).body["state"] == "replaced"
        assert (await service.put_item("n9", TITLE)).body["understood"] is True
        assert (await service.put_item("n9", {"title": "zzzz"})).body["understood"] is False
        assert (await service.put_items([NewItem("n9", {"title": "zzzz"}), NewItem("n8", TITLE)])).body["not_understood"] == [
            "n9"
        ]
        await service.delete_item("n9")
        await service.delete_item("n8")
        added = (await service.put_items([NewItem("n2", TITLE), NewItem("n3", TITLE)])).body
        assert added == {"added": 2, "replaced": 0, "restored": 0, "not_understood": []}
        await service.add_events([("new", "n2"), ("new", "i0-1")])
        await service.delete_item("n3")
        await service.delete_item("i0-0")
        return await answers(service)

    async def answers(service):
        asked = [RecommendQuestion(user="new", k=12), RecommendQuestion(history=["n1"], k=5)]
        return [(await service.ask(question)).body for question in asked], await service.gauges()

    told = serving(folder_of(), first, tmp_path)
    again = serving(folder_of(), answers, tmp_path)
    assert again[1].pop("journal_bytes") < told[1].pop("journal_bytes")  # what was deleted leaves the journal at a start
    assert again == told
    assert told[1]["items_live"] == 2
    assert "i0-0" not in [item["item"] for item in told[0][0]["items"]]
    empty = serving(folder_of(), answers_or_unknown)
    assert isinstance(empty, UnknownIdError)


async def answers_or_unknown(service):
    try:
        return await service.ask(RecommendQuestion(user="new"))
    except UnknownIdError as error:
        return error


def test_what_is_wrong_with_a_state_folder_is_told(folder_of, tmp_path, serving):
    async def first(service):
        assert service.notes() == ["the state folder is new: there are no added items and events yet"]
        await service.put_items([NewItem("n1", TITLE), NewItem("n2", TITLE)])

    async def notes(service):
        return service.notes()

    serving(folder_of(), first, tmp_path)
    with (tmp_path / journal_module.FILE).open("ab") as handle:
        handle.write(b"{half")
    told = serving(folder_of("wmf"), notes, tmp_path)
    assert [text.split()[:4] for text in told] == [["the", "journal", "ended", "in"], ["2", "added", "items", "do"]]
    assert serving(folder_of(), notes, tmp_path) == []


def test_concurrent_changes_share_the_disk_and_fail_alone(folder_of, tmp_path, monkeypatch, serving):
    plain, synchronised = journal_module.os.fsync, []

    async def scenario(service):
        monkeypatch.setattr(journal_module.os, "fsync", lambda descriptor: (synchronised.append(1), plain(descriptor)))
        service._writer.alone(lambda: gc.collect()).result()
        changes = [service.put_item(f"n{n}", TITLE if n % 10 else {"odd": 1}) for n in range(60)]
        return await asyncio.gather(*changes, return_exceptions=True)

    found = serving(folder_of(), scenario, tmp_path)
    assert [isinstance(value, Exception) for value in found] == [n % 10 == 0 for n in range(60)]
    assert 1 <= len(synchronised) < 54


def test_a_disk_that_fails_changes_nothing(folder_of, tmp_path, monkeypatch, serving):
    async def scenario(service):
        before = (await service.search_items("genomes sequencing alleles")).body["total"]

        def failing(self, changes):
            raise ResourceError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(journal_module.Journal, "append", failing)
            with pytest.raises(ResourceError, match="disk full"):
                await service.put_item("n1", TITLE)
        with pytest.raises(UnknownIdError):
            await service.item_card("n1")
        await service.put_item("n2", TITLE)
        assert (await service.search_items("genomes sequencing alleles")).body["total"] == before + 1
        with pytest.raises(UnknownIdError):
            await service.item_card("n1")

    serving(folder_of(), scenario, tmp_path)


def test_a_defect_in_writing_is_told_and_the_next_change_is_made(folder_of, tmp_path, monkeypatch, serving):
    async def scenario(service):
        with monkeypatch.context() as patch:
            patch.setattr(journal_module, "_line", lambda record: (_ for _ in ()).throw(TypeError("not JSON")))
            with pytest.raises(TypeError):
                await service.put_item("n1", TITLE)
        assert (await service.put_item("n2", TITLE)).body["state"] == "added"
        with pytest.raises(UnknownIdError):
            await service.item_card("n1")

    serving(folder_of(), scenario, tmp_path)


def test_reload_and_rollback_keep_live_items(folder_of, tmp_path, serving):
    place = copy(folder_of(), tmp_path / "model")

    async def scenario(service):
        first = service.label
        await service.put_item("n1", TITLE)
        await service.add_events([("new", "n1")])
        with pytest.raises(ConflictError, match="no previous version"):
            await service.reload(rollback=True)
        same = (await service.reload()).body
        assert (same["model"]["version"], same["previous"]) == (first.version, None)
        copy(folder_of(seed=1), place)
        body = (await service.reload()).body
        assert body["previous"] == first.to_json()
        assert body["model"]["version"] != first.version
        found = (await service.ask(RecommendQuestion(user="new", k=3))).body
        assert (found["resolved"], {item["item"][1] for item in found["items"]}) == ("known", {"0"})
        back = (await service.reload(rollback=True)).body
        assert (back["model"], back["previous"]) == (first.to_json(), body["model"])
        assert (await service.item_card("n1")).body["path"] == "content"
        assert (await service.reload(rollback=True)).body["model"] == body["model"]
        copy(folder_of("wmf"), place)
        assert (await service.reload()).body["left_out"] == 1  # the new one cannot read content
        with pytest.raises(UnknownIdError):
            await service.item_card("n1")
        with pytest.raises(CapabilityError):
            await service.put_item("n2", TITLE)
        await service.reload(rollback=True)
        assert (await service.item_card("n1")).body["title"] == TITLE["title"]

    serving(place, scenario, tmp_path / "state")


def test_bad_models_are_refused_and_the_old_one_stays(folder_of, tmp_path, monkeypatch, serving):
    place = copy(folder_of("wmf"), tmp_path / "model")

    async def scenario(service):
        label, expected = service.label, (await service.ask(RecommendQuestion(user="u1-1"))).body
        tensors = (place / "tensors.safetensors").read_bytes()
        (place / "tensors.safetensors").write_bytes(tensors[:-1] + bytes([tensors[-1] ^ 1]))
        with pytest.raises(RefusedModelError, match=r"old one goes on.*altered or damaged"):
            await service.reload()
        shutil.rmtree(place)
        with pytest.raises(RefusedModelError, match="not a model folder"):
            await service.reload()
        copy(folder_of("wmf", 1), place)
        plain = WMF._encode_users
        with monkeypatch.context() as patch:
            patch.setattr(WMF, "_encode_users", lambda *args: plain(*args) * np.float32(np.nan))
            with pytest.raises(RefusedModelError, match="cannot answer for the stored user"):
                await service.reload()
        with monkeypatch.context() as patch:
            patch.setattr(versions, "RecommendQuestion", lambda **kw: RecommendQuestion(**kw, candidates=[]))
            with pytest.raises(RefusedModelError, match="has no list"):
                await service.reload()
        assert service.label == label
        assert (await service.ask(RecommendQuestion(user="u1-1"))).body == expected
        assert (await service.reload()).body["previous"] == label.to_json()

    serving(place, scenario)
    shutil.rmtree(place)
    with pytest.raises(ArtifactError, match="not a model folder"):
        Service.open(place)


def test_a_model_with_ids_of_another_kind_is_never_swapped_in(folder_of, world, tmp_path, serving):
    place, events = tmp_path / "model", world.interactions
    numbered = [IdMap(np.arange(count)) for count in events.matrix.shape]

    async def scenario(service):
        first = service.label
        shutil.rmtree(place)
        odd.save(place)
        with pytest.raises(RefusedModelError, match="ids of another kind, text or whole numbers"):
            await service.reload()
        with pytest.raises(ConflictError, match="no previous version"):
            await service.reload(rollback=True)
        assert (await service.ask(RecommendQuestion(user="u0-0"))).model == first

    for users, items in ((events.users, numbered[1]), (numbered[0], events.items), numbered):
        odd = WMF(factors=6).fit(Dataset(Interactions(users, items, events.matrix), None, name="numbered"))
        serving(copy(folder_of("wmf"), place), scenario)


def test_swaps_under_load_never_mix_versions_and_leave_nothing_behind(folder_of, tmp_path, serving):
    folders = [folder_of("wmf"), folder_of("wmf", 1)]
    expected = {}
    for folder in folders:
        answers = {user: load(folder).recommend(user, k=5).to_json() for user in load(folder).users_}
        expected[versions._digest(folder)[:12]] = answers
    place = copy(folders[0], tmp_path / "model")

    async def scenario(service):
        stop, seen, users = asyncio.Event(), set(), sorted(load(folders[0]).users_.keys)

        async def client(start):
            number = start
            while not stop.is_set():
                user = users[number % len(users)]
                reply = await service.ask(RecommendQuestion(user=user, k=5))
                wanted = expected[reply.model.version][user]
                assert [item["item"] for item in reply.body["items"]] == [item["item"] for item in wanted["items"]]
                np.testing.assert_allclose(
                    [item["score"] for item in reply.body["items"]], [item["score"] for item in wanted["items"]], atol=1e-5
                )
                seen.add(reply.model.version)
                number += 1

        clients = [asyncio.create_task(client(start)) for start in range(8)]
        for swap in range(1, 7):
            copy(folders[swap % 2], place)
            await service.reload()
        stop.set()
        await asyncio.gather(*clients)
        assert seen == set(expected)
        gc.unfreeze()  # what the collector passes by is not in its list
        gc.collect()
        return sum(type(thing) is Version for thing in gc.get_objects())

    assert serving(place, scenario) == 2  # the one that answers and the one to go back to


def test_rows_of_replaced_items_do_not_pile_up(folder_of, monkeypatch, serving):
    monkeypatch.setattr(service_module, "MOST_DEAD", 10)

    async def scenario(service):
        sizes = []
        await service.add_events([("new", "i0-1")])
        for n in range(60):
            await service.put_item(f"n{n % 3}", {"title": f"genomes number{n}"})
            if n == 1:
                await service.add_events([("new", "n0")])
            sizes.append(len(service._live.catalogue))
        assert max(sizes) < 75
        assert (await service.gauges())["items_live"] == 3
        assert [(await service.item_card(f"n{n}")).body["title"] for n in range(3)] == [
            f"genomes number{57 + n}" for n in range(3)
        ]
        assert {item["item"] for item in (await service.user_history("new")).body["items"]} == {"i0-1", "n0"}

    serving(folder_of(), scenario)


def test_batches_are_told_to_who_counts_them(folder_of, serving):
    async def scenario(service):
        told = []
        service.on_batch = told.append
        await asyncio.gather(*[service.ask(RecommendQuestion(user="u0-0")) for _ in range(7)])
        assert sum(told) == 7

    serving(folder_of(), scenario)


def test_a_state_folder_serves_one_server(folder_of, tmp_path, serving):
    async def scenario(service):
        with pytest.raises(UsageError, match="in use by another server"):
            Service.open(folder_of(), state=tmp_path)

    serving(folder_of(), scenario, tmp_path)
    serving(folder_of(), answers_or_unknown, tmp_path)  # and is free again afterwards
    with pytest.raises(ArtifactError):
        Service.open(tmp_path / "no model", state=tmp_path)
    serving(folder_of(), answers_or_unknown, tmp_path)  # also after a start that failed


def test_baselines_are_built_from_what_is_served(folder_of, serving):
    model = load(folder_of())

    async def scenario(service):
        await service.compare(Asker(user="u0-0"))
        await asyncio.to_thread(service._live.version.baselines.wait)
        await service.put_item("n1", TITLE)
        await service.delete_item("i0-0")
        body = (await service.compare(Asker(user="u0-0"), 4)).body
        assert [entry["name"] for entry in body["models"]] == ["fusion", "content-profile", "item-knn", "popularity"]
        assert body["pending"] == []
        lists = {entry["name"]: [item["item"] for item in entry["items"]] for entry in body["models"]}
        assert all(len(items) == 4 and "i0-0" not in items for items in lists.values())
        counts = model.popularity_[model.items_.rows(lists["popularity"])]
        assert counts.tolist() == sorted(counts, reverse=True)
        assert {key[1] for key in lists["item-knn"]} <= {"0"}
        with pytest.raises(UsageError, match="cannot be compared"):
            await service.compare(Asker(history=[], new_items=[NewItem("x", TITLE)]))

    serving(folder_of(), scenario)


def test_serving_needs_no_torch(folder_of):
    code = (
        "import asyncio, sys; from pathlib import Path; from dualnet.serve.service import Service;"
        "from dualnet.retrieval.questions import Asker, RecommendQuestion\n"
        "async def main():\n"
        "    service = Service.open(Path(sys.argv[1])); await service.start()\n"
        "    await service.ask(RecommendQuestion(user='u0-0')); await service.put_item('n1', {'title': 'genomes'})\n"
        "    await service.map(); await service.search_items('gen'); await service.compare(Asker(user='u0-0')); await service.close()\n"
        "asyncio.run(main())\n"
        "bad = {'torch', 'sklearn', 'matplotlib'} & set(sys.modules); assert not bad, bad"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(dualnet.__file__).parent.parent)}
    command = [sys.executable, "-c", code, str(folder_of())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
