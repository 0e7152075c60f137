"""What one key may add: bounded, told in a sentence, counted from what is there, and the same after a restart."""

import asyncio

import pytest

from dualnet.errors import UsageError
from dualnet.retrieval.questions import NewItem, RecommendQuestion
from dualnet.serve import changes
from dualnet.serve import writer as writer_module
from dualnet.serve.holdings import Usage
from dualnet.serve.live_state import LiveState, by_key
from dualnet.serve.service import Service
from dualnet.serve.service_errors import QuotaError
from dualnet.serve.settings import Allowance, ServiceSettings

TITLE = {"title": "genomes sequencing alleles"}


def items(*numbers):
    return [NewItem(f"n{number}", TITLE) for number in numbers]


def served(folder, scenario, state=None, **most):
    async def main():
        settings = ServiceSettings(allowance=Allowance(**{"items": 3, "events": 4, **most}))
        service = Service.open(folder, state=state, settings=settings)
        await service.start()
        try:
            return await scenario(service)
        finally:
            await service.close()

    return asyncio.run(asyncio.wait_for(main(), 600))


def usage(service):
    return service._writer.state.usage


def test_items_of_each_key_are_bounded_and_deleting_makes_room(folder_of, tmp_path):
    async def scenario(service):
        await service.put_items(items(1, 2), "shop")
        with pytest.raises(
            QuotaError, match=r"key 'shop' has added 2 of the 3 items that one key may add, and 2 more came; .* --most-items"
        ):
            await service.put_items(items(3, 4), "shop")
        assert (await service.gauges())["items_live"] == 2  # all or none
        await service.put_item("n1", {"title": "proteins"}, "shop")  # in the place of its own: nothing more
        await service.put_item("n3", TITLE, "shop")
        for by in ("other", ""):
            await service.put_items(items(*(f"{by}-{number}" for number in range(3))), by)
            with pytest.raises(QuotaError, match="key 'other'" if by else "whoever asks without a key"):
                await service.put_item("more", TITLE, by)
        await service.delete_item("n1", "shop")
        await service.put_item("n4", TITLE, "shop")
        await service.ask(RecommendQuestion(user="u0-0", k=3))

    async def again(service):
        assert {by: (held.items, held.events) for by, held in usage(service).items()} == {
            "shop": (3, 1), "other": (3, 0), "": (3, 0),
        }  # fmt: skip
        with pytest.raises(QuotaError):
            await service.put_item("n5", TITLE, "shop")
        await service.delete_item("n4", "other")  # whoever deletes it, it was the shop's
        await service.put_item("n5", TITLE, "shop")

    served(folder_of(), scenario, tmp_path)
    served(folder_of(), again, tmp_path)


def test_an_item_that_another_key_replaces_counts_for_that_one(folder_of):
    async def scenario(service):
        await service.put_items(items(1, 2, 3), "a")
        await service.put_item("n1", TITLE, "b")
        await service.put_item("n4", TITLE, "a")
        assert (usage(service)["a"].items, usage(service)["b"].items) == (3, 1)

    served(folder_of(), scenario)


def test_events_are_bounded_repeated_ones_cost_nothing(folder_of, tmp_path):
    async def scenario(service):
        await service.add_events([("x", "i0-0"), ("x", "i0-1", "seen"), ("y", "i0-0")], "shop")
        await service.add_events([("x", "i0-0"), ("x", "i0-1", "dislike"), ("x", "i0-1")], "shop")  # of another kind now
        assert usage(service)["shop"].events == 3
        with pytest.raises(QuotaError, match=r"3 of the 4 events that one key may add, and 2 more came"):
            await service.add_events([("x", "i0-2"), ("x", "i0-3")], "shop")
        await service.add_events([("x", "i0-2"), ("x", "i0-0")], "shop")
        with pytest.raises(QuotaError):
            await service.add_events([("z", "i0-2", "dislike")], "shop")
        await service.forget_user("x")
        assert usage(service)["shop"] == Usage(events=1, bytes=usage(service)["shop"].bytes)
        await service.add_events([("z", "i0-2", "dislike")], "shop")

    async def again(service):
        assert usage(service)["shop"].events == 2

    served(folder_of(), scenario, tmp_path)
    served(folder_of(), again, tmp_path)


def test_what_is_put_and_deleted_again_and_again_is_bounded(folder_of):
    async def scenario(service):
        for made in range(4):
            await service.put_item(f"n{made}", TITLE, "shop")
            await service.delete_item(f"n{made}", "shop")
        with pytest.raises(QuotaError, match="4 of the 4 events"):
            await service.put_item("n4", TITLE, "shop")

    served(folder_of(), scenario)


async def _refill_items(service, turn):
    await service.put_item(f"n{turn}", TITLE, "a")
    await service.delete_item(f"n{turn}", "b")


async def _refill_likes(service, turn):
    await service.add_events([(f"x{turn}", "i0-0")], "a")
    await service.take_back_events([(f"x{turn}", "i0-0")], "b")


async def _refill_views(service, turn):
    await service.add_events([(f"x{turn}", "i0-0", "seen")], "a")
    await service.add_events([(f"x{turn}", "i0-0", "dislike")], "b")


async def _refill_views_with_likes(service, turn):
    await service.add_events([(f"x{turn}", "i0-0", "seen")], "a")
    await service.add_events([(f"x{turn}", "i0-0")], "b")


@pytest.mark.parametrize("refill", [_refill_items, _refill_likes, _refill_views, _refill_views_with_likes])
def test_two_keys_do_not_make_room_for_each_other(folder_of, tmp_path, refill):
    """What one key takes the place of, or takes away, may not let both add without end."""

    async def scenario(service):
        async def refill_often():
            for turn in range(10):
                await refill(service, turn)

        with pytest.raises(QuotaError):
            await refill_often()
        assert all(held.items <= 3 and held.events <= 4 for held in usage(service).values())
        return {by: vars(held) for by, held in usage(service).items()}

    async def again(service):
        return {by: vars(held) for by, held in usage(service).items()}

    told = served(folder_of(), scenario, tmp_path)
    assert served(folder_of(), again, tmp_path) == told


def test_bytes_are_bounded(folder_of):
    async def scenario(service):
        await service.put_item("n1", {"title": "genomes " * 100}, "shop")
        with pytest.raises(QuotaError, match="--most-bytes"):
            await service.put_item("n2", {"title": "genomes " * 100}, "shop")
        await service.put_item("n1", {"title": "genomes"}, "shop")
        await service.put_item("n2", {"title": "genomes " * 50}, "shop")
        with pytest.raises(QuotaError, match="bytes"):
            await service.add_events([("u" * 600, "i0-0")], "shop")

    served(folder_of(), scenario, bytes=1_000)


def test_presets_count_for_the_key_that_keeps_them(folder_of, tmp_path):
    rules = {"hide": [{"items": [f"i{number}" for number in range(40)]}]}  # 280 bytes and more

    async def scenario(service):
        await service.put_preset("home", rules, "shop")
        first = usage(service)["shop"].bytes
        assert 200 < first < 400
        await service.put_preset("home", rules, "shop")  # in the place of its own: nothing more
        assert usage(service)["shop"].bytes == first
        for name in ("news", "x" * 90):
            with pytest.raises(QuotaError, match="--most-bytes"):
                await service.put_preset(name, rules, "shop")
        together = (service.put_preset("one", {}, "late"), *(service.put_preset(f"p{n}", rules, "late") for n in range(3)))
        refused = [one for one in await asyncio.gather(*together, return_exceptions=True) if isinstance(one, QuotaError)]
        assert len(refused) == 2
        await service.put_preset("home", rules, "other")  # now it is the other's
        assert (usage(service)["shop"].bytes, usage(service)["other"].bytes) == (0, first)
        await service.put_preset("news", rules, "shop")
        await service.delete_preset("home", "shop")  # taking away is never refused, whoever's it is
        await service.delete_preset("news", "shop")
        assert (usage(service)["shop"].bytes, usage(service)["other"].bytes) == (0, 0)
        await service.put_preset("home", rules, "other")
        return {by: vars(held) for by, held in usage(service).items() if held.bytes}

    async def again(service):
        return {by: vars(held) for by, held in usage(service).items() if held.bytes}

    told = served(folder_of(), scenario, tmp_path, bytes=450)
    assert served(folder_of(), again, tmp_path, bytes=450) == told
    assert served(folder_of(), again, tmp_path, bytes=450) == told


def test_changes_at_one_time_are_counted_together(folder_of):
    async def scenario(service):
        calls = [service.put_item(f"n{number}", TITLE, "shop") for number in range(10)]
        calls += [service.put_item("n0", TITLE, "shop") for _ in range(5)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(one, QuotaError) for one in found) == 7
        assert (await service.gauges())["items_live"] == 3 == usage(service)["shop"].items

    served(folder_of(), scenario)


def test_what_is_refused_is_not_kept(folder_of, monkeypatch):
    monkeypatch.setattr(changes, "MOST_STALE", 5)

    async def scenario(service):
        for turn in range(30):
            await service.put_item(f"kept-{turn % 3}", TITLE, "shop")
            if turn >= 2:
                with pytest.raises(QuotaError):
                    await service.put_items(items(f"refused-{turn}-a", f"refused-{turn}-b"), "shop")
        catalogue = service._live.catalogue
        assert len(catalogue.index) <= catalogue.size + 5 + 2
        assert [catalogue.find(f"kept-{turn}") >= 0 for turn in range(3)] == [True] * 3
        assert all(catalogue.find(key) >= 0 for key in catalogue.model.catalogue_.ids.keys)
        assert catalogue.find("refused-29-a") == -1
        await service.put_item("kept-1", {"title": "proteins"}, "shop")
        assert (await service.item_card("kept-1")).body["title"] == "proteins"

    served(folder_of(), scenario)


def test_nothing_may_be_added_with_an_allowance_of_nothing(folder_of):
    async def scenario(service):
        for call in (service.put_item("n1", TITLE, "a"), service.add_events([("x", "i0-0")], "a")):
            with pytest.raises(QuotaError):
                await call
        await service.delete_item("i0-0", "a")  # takes away, so it is never refused
        with pytest.raises(UsageError):
            await service.ask(RecommendQuestion())

    served(folder_of(), scenario, items=0, events=0)


def test_a_compacted_journal_counts_the_same(folder_of, tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "LARGE", 0)

    async def scenario(service):
        for number in range(40):
            by = f"k{number % 3}"
            await service.put_item(f"n{number}", TITLE, by)
            await service.add_events([("x", f"n{number}"), (f"u{number}", "i0-0", "seen")], by)
        assert service._writer.journal.lines < 120
        await service.take_back_events([("x", "n0")], "k0")
        return {by: vars(held) for by, held in usage(service).items()}

    async def again(service):
        return {by: vars(held) for by, held in usage(service).items()}

    told = served(folder_of(), scenario, tmp_path, items=100, events=100)
    assert served(folder_of(), again, tmp_path, items=100, events=100) == told


def test_what_is_replaced_again_and_again_leaves_a_small_journal(folder_of, tmp_path, monkeypatch):
    """A journal of many short lines, such as notes of deleted items, does not wait for as many long ones."""
    monkeypatch.setattr(writer_module, "LARGE", 10_000)

    async def scenario(service):
        for key in service._live.catalogue.model.catalogue_.ids.keys[:30]:
            await service.delete_item(key, "shop")
        for turn in range(60):
            await service.put_item("n1", {"title": f"genomes {turn} " * 200}, "shop")
        return service._writer.journal.size

    assert served(folder_of(), scenario, tmp_path, events=100, bytes=100_000) < 40_000


def test_a_state_gives_the_same_state_when_its_changes_are_applied():
    state = LiveState()
    for by, change in [
        ("a", {"put": [["x", {"t": "1"}], ["y", {"t": "2"}]]}), ("b", {"put": [["x", {"t": "33"}]]}), ("", {"delete": "z"}),
        ("b", {"events": [["u", "x"], ["u", "y", "seen"], ["v", "x"]]}), ("a", {"events": [["u", "y", "dislike"]]}),
        ("a", {"gone": [["v", "x"]]}), ("", {"forget": [state.salt, state.hash_of("w")]}), ("a", {"delete": "y"}),
    ]:  # fmt: skip
        state.apply(by_key(by, change))
    again = LiveState()
    for change in state.changes():
        again.apply(change)
    names = ("items", "deleted", "events", "others", "gone", "forgotten", "salt", "usage")
    assert {name: getattr(again, name) for name in names if name != "events"} == {
        name: getattr(state, name) for name in names if name != "events"
    }
    assert {user: told for user, told in again.events.items() if told} == {
        user: told for user, told in state.events.items() if told
    }
    assert not again.unerased
