"""Events with types and times told to a server: what they mean, what the journal keeps, and that a restart changes nothing."""

import json

import pyarrow as pa
import pytest

from dualnet import WMF, Dataset
from dualnet.errors import DataError, UsageError
from dualnet.retrieval.questions import RecommendQuestion
from dualnet.serve.journal import Journal
from dualnet.serve.live_state import LiveState

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WEIGHTS = {"view": 1, "buy": 4, "opened": 0, "dismiss": -1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of a small shop that knows four types."""
    rows = [(f"u{n}", f"i{(n + step) % 9}", "view" if step else "buy") for n in range(9) for step in range(3)]
    table = pa.table({"user_id": [r[0] for r in rows], "item_id": [r[1] for r in rows], "type": [r[2] for r in rows]})
    data = Dataset.from_tables(table, event="type", event_weights=WEIGHTS)
    return WMF(factors=3, iterations=3).fit(data).save(tmp_path_factory.mktemp("shop") / "model")


def kept(state):
    """What the journal of a state folder holds, as a state."""
    journal, changes = Journal.open(state)
    journal.close()
    live = LiveState()
    for change in changes:
        live.apply(change)
    return live


async def history(service, user):
    return {card["item"] for card in (await service.user_history(user)).body["items"]}


async def listed(service, user):
    return {entry["item"] for entry in (await service.ask(RecommendQuestion(user=user, k=9))).body["items"]}


def test_a_type_is_a_like_seen_or_a_dislike_by_its_weight(folder, tmp_path, serving):
    told = [
        ("new", "i0", "view"),
        ("new", "i1", "opened"),
        ("new", "i2", "dismiss"),
        ("new", "i3"),
        ("new", "i4", None, 1_700_000_000),
    ]

    async def scenario(service):
        answer = (await service.add_events(told)).body
        assert answer == {"added": 5, "repeated": 0, "new_users": 1}
        assert await history(service, "new") == {"i0", "i3", "i4"}
        assert not {"i0", "i1", "i2", "i3", "i4"} & await listed(service, "new")
        types = (await service.model_summary()).body["event_types"]
        assert types == {"like": "like", "seen": "seen", "dislike": "dislike", "view": "like", "buy": "like", "opened": "seen", "dismiss": "dislike"}  # fmt: skip

    async def again(service):
        assert await history(service, "new") == {"i0", "i3", "i4"}
        assert not {"i0", "i1", "i2", "i3", "i4"} & await listed(service, "new")

    serving(folder, scenario, state=tmp_path / "state")
    serving(folder, again, state=tmp_path / "state")
    live = kept(tmp_path / "state")
    notes = {"i0": {"type": "view"}, "i1": {"type": "opened"}, "i2": {"type": "dismiss"}, "i4": {"time": 1_700_000_000}}
    assert live.notes == {"new": notes}
    again_told = LiveState()
    for change in live.changes():
        again_told.apply(json.loads(json.dumps(change)))
    assert (again_told.notes, again_told.events, again_told.others) == (live.notes, live.events, live.others)


def test_a_heavier_event_takes_the_place_of_a_lighter_one(folder, tmp_path, serving):
    async def scenario(service):
        assert (await service.add_events([("n", "i0", "view"), ("n", "i0", "buy"), ("n", "i0", "view")])).body["added"] == 2
        assert (await service.add_events([("n", "i0", "buy"), ("n", "i0"), ("n", "i0", "dismiss")])).body["added"] == 0
        assert (await service.add_events([("u0", "i1", "view")])).body["added"] == 0  # viewed in training
        assert (await service.add_events([("u0", "i1", "buy")])).body["added"] == 1
        assert (await service.add_events([("u0", "i0", "buy")])).body["added"] == 0  # bought in training
        assert await history(service, "u0") == {"i0", "i1", "i2"}

    serving(folder, scenario, state=tmp_path / "state")
    live = kept(tmp_path / "state")
    assert live.notes == {"n": {"i0": {"type": "buy"}}, "u0": {"i1": {"type": "buy"}}}


def test_what_is_taken_back_or_forgotten_leaves_no_note(folder, tmp_path, serving):
    async def scenario(service):
        await service.add_events([("secret-1", "i0", "buy"), ("n", "i0", "buy"), ("n", "i1", "view", 5)])
        await service.take_back_events([("n", "i0")])
        await service.forget_user("secret-1")

    serving(folder, scenario, state=tmp_path / "state")
    assert kept(tmp_path / "state").notes == {"n": {"i1": {"type": "view", "time": 5}}}
    assert all(b"secret-1" not in path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["Buy", "cart", "", "none "])
def test_a_type_that_the_model_does_not_know_is_refused_in_one_sentence(folder, serving, name):
    async def scenario(service):
        with pytest.raises(UsageError, match="it knows like, seen, dislike, none, buy, dismiss, opened, view"):
            await service.add_events([("n", "i0", "view"), ("n", "i1", name)])
        assert (await service.search_users("", limit=200)).body["total"] == 9  # nothing was changed

    serving(folder, scenario)


@pytest.mark.parametrize("when", [-1, 2**32, 1_700_000_000_000, True, "2024", float("nan")])
def test_a_time_that_is_none_is_refused(folder, serving, when):
    async def scenario(service):
        with pytest.raises(DataError, match="seconds since 1970"):
            await service.add_events([("n", "i0", "view", when)])

    serving(folder, scenario)


def test_a_model_without_types_of_its_own_says_how_to_have_some(folder_of, serving):
    async def scenario(service):
        with pytest.raises(UsageError, match="event_weights"):
            await service.add_events([("n", "i0-0", "view")])

    serving(folder_of(), scenario)
