"""What somebody saw or disliked, told to a server or known from the fit, is in no list of theirs; it outlives the server."""

import numpy as np
import pytest

from dualnet import Dataset, Interactions
from dualnet.data.event_weights import DISLIKE, SEEN
from dualnet.data.other_events import OtherEvents
from dualnet.errors import DataError
from dualnet.models.registry import create
from dualnet.retrieval.questions import Asker, RecommendQuestion, UsersQuestion
from dualnet.serve.live_state import LiveState

SERVED = {
    "dualnet": {"levels": (8, 4), "epochs": 2},
    "fusion": {"factors": 6},
    "wmf": {"factors": 6},
    "ease": {},
    "item-knn": {},
    "popularity": {},
    "content-profile": {},
}
TITLE = {"title": "genomes sequencing"}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module")
def rated(world):
    """The world with a third of what was not liked seen or disliked."""
    likes, rng = world.interactions, np.random.default_rng(2)
    users, items = np.nonzero((likes.matrix.toarray() == 0) & (rng.random(likes.matrix.shape) < 1 / 3))
    kinds = rng.integers(SEEN, DISLIKE + 1, len(users)).astype(np.uint8)
    others = OtherEvents.from_rows(likes.matrix.shape, users, items, kinds, None)
    return Dataset(Interactions(likes.users, likes.items, likes.matrix, None, others), world.items, name="rated")


@pytest.fixture(scope="module")
def folder(rated, tmp_path_factory):
    return create("fusion", factors=6).fit(rated).save(tmp_path_factory.mktemp("rated") / "model")


def away(data, user):
    row = data.interactions.users.row(user, "user")
    return set(data.interactions.items.take(data.interactions.others.kinds[[row]].indices))


async def listed(service, user, k=48, **options):
    reply = await service.ask(RecommendQuestion(user=user, k=k, **options))
    return [entry["item"] for entry in reply.body["items"]]


@pytest.mark.parametrize("name", SERVED)
def test_no_list_of_a_server_holds_what_was_seen_or_disliked(name, rated, tmp_path, serving):
    place = create(name, **SERVED[name]).fit(rated).save(tmp_path / "model")

    async def scenario(service):
        for user in list(rated.interactions.users)[::3]:
            barred = away(rated, user)
            assert barred
            found = await listed(service, user)
            assert found
            assert not set(found) & barred
            assert set(await listed(service, user, keep_seen=True)) & barred
            filtered = await listed(service, user, candidates=sorted(barred))
            assert filtered == []
            compared = (await service.compare(Asker(user=user), 20)).body["models"]
            assert all(not {entry["item"] for entry in model["items"]} & barred for model in compared)
        item = rated.interactions.items.key(5)
        reply = await service.ask(UsersQuestion(item=item, k=40))
        offered = [entry["user"] for entry in reply.body["users"]]
        assert offered
        assert not [user for user in offered if item in away(rated, user)]

    serving(place, scenario)


def test_not_this_takes_effect_at_once_is_taken_back_and_outlives_the_server(folder, rated, serving, tmp_path):
    user, state = "u0-0", tmp_path / "state"

    async def first(service):
        one, two, three = (await listed(service, user))[:3]
        told = await service.add_events([(user, one, "dislike"), (user, two, "seen"), (user, three, "dislike")])
        assert told.body == {"added": 3, "repeated": 0, "new_users": 0}
        assert not {one, two, three} & set(await listed(service, user))
        again = await service.add_events([(user, one, "dislike"), (user, one, "seen")])
        assert again.body == {"added": 0, "repeated": 2, "new_users": 0}
        assert (await service.add_events([(user, three, "none"), (user, three, "none")])).body["added"] == 1
        assert three in await listed(service, user)
        offered = await service.ask(UsersQuestion(item=one, k=40))
        assert user not in [entry["user"] for entry in offered.body["users"]]
        return one, two, three

    async def later(service):
        return set(await listed(service, user))

    one, two, three = serving(folder, first, state)
    found = serving(folder, later, state)
    assert not {one, two} & found
    assert three in found


def test_what_the_model_knows_is_taken_back_too(folder, rated, serving, tmp_path):
    user = "u0-1"
    known = min(away(rated, user))

    async def scenario(service):
        assert known not in await listed(service, user)
        assert (await service.add_events([(user, known, "none")])).body["added"] == 1
        assert known in await listed(service, user)

    async def later(service):
        assert known in await listed(service, user)

    serving(folder, scenario, tmp_path)
    serving(folder, later, tmp_path)


def test_a_like_takes_the_place_of_a_dislike_and_never_the_other_way_round(folder, serving):
    async def scenario(service):
        item = (await listed(service, "u0-0"))[0]
        await service.add_events([("u0-0", item, "dislike"), ("u0-0", item, "like")])
        taken = [entry["item"] for entry in (await service.user_history("u0-0")).body["items"]]
        assert item in taken
        assert (await service.add_events([("u0-0", item, "dislike")])).body == {"added": 0, "repeated": 1, "new_users": 0}

    serving(folder, scenario)


def test_somebody_new_who_only_dislikes_gets_what_is_popular_without_it(folder, serving):
    async def scenario(service):
        popular = [entry["item"] for entry in (await service.ask(RecommendQuestion(history=[], k=3))).body["items"]]
        told = await service.add_events([("stranger", popular[0], "dislike")])
        assert told.body == {"added": 1, "repeated": 0, "new_users": 1}
        reply = (await service.ask(RecommendQuestion(user="stranger", k=2))).body
        assert reply["resolved"] == "fallback"
        assert [entry["item"] for entry in reply["items"]] == popular[1:3]
        assert (await service.add_events([("nobody", popular[0], "none")])).body["new_users"] == 0
        assert [entry["user"] for entry in (await service.search_users("stranger")).body["users"]] == ["stranger"]

    serving(folder, scenario)


def test_a_disliked_item_that_is_replaced_stays_disliked(folder, serving):
    async def scenario(service):
        await service.put_item("n1", TITLE)
        assert "n1" in await listed(service, "u0-0", k=49)
        await service.add_events([("u0-0", "n1", "dislike")])
        await service.put_item("n1", {"title": "genomes"})
        assert "n1" not in await listed(service, "u0-0", k=49)
        offered = await service.ask(UsersQuestion(item="n1", k=40))
        assert "u0-0" not in [entry["user"] for entry in offered.body["users"]]

    serving(folder, scenario)


def test_a_journal_without_types_is_one_of_likes():
    state = LiveState()
    state.apply({"events": [["a", "x"], ["b", "y", "dislike"]]})
    assert (state.events, state.others) == ({"a": {"x": None}}, {"b": {"y": "dislike"}})
    again = LiveState()
    for change in state.changes():
        again.apply(change)
    assert (again.events, again.others) == (state.events, state.others)
    with pytest.raises(DataError, match="an event of the type 'hate' is not known to this version"):
        state.apply({"events": [["a", "x", "hate"]]})


def test_what_a_history_dismissed_is_in_no_compared_list(folder, serving):
    async def scenario(service):
        history = ["i0-0", "i0-1"]
        first = (await service.compare(Asker(history=history), 5)).body["models"]
        dismissed = [entry["item"] for model in first for entry in model["items"]]
        again = (await service.compare(Asker(history=history, seen=dismissed), 5)).body["models"]
        assert all(model["items"] and not {entry["item"] for entry in model["items"]} & set(dismissed) for model in again)

    serving(folder, scenario)
