"""Nobody is listed what they rated low, dismissed or saw: every model, every way to ask, before and after it was kept."""

import numpy as np
import pytest

from dualnet import Dataset, Interactions, load, splits
from dualnet.data.event_weights import DISLIKE, SEEN
from dualnet.data.other_events import OtherEvents
from dualnet.data.synthetic import blocks_world
from dualnet.errors import UsageError
from dualnet.models.catalogue import seen_rows
from dualnet.models.registry import MODELS, create

SMALL = {
    "dualnet": {"levels": (16, 8), "epochs": 2, "user_batch": 20},
    "lsa-profile": {"width": 5},
    "wmf": {"factors": 6},
    "bpr": {"factors": 6, "batch": 16, "negatives": 8, "epochs": 2},
    "ease": {"regularization": 5.0},
    "cdl": {"levels": (16, 8)},
    "content-factors": {"factors": 6},
    "fusion": {"factors": 6},
}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def world(seed=0):
    """Return users who saw or disliked a third of what they did not like, and two items that nobody likes."""
    plain = blocks_world()
    likes, rng = plain.interactions, np.random.default_rng(seed)
    unloved = likes.matrix.toarray()
    unloved[:, [3, 17]] = 0
    users, items = np.nonzero(unloved)
    other_users, other_items = np.nonzero((unloved == 0) & (rng.random(unloved.shape) < 1 / 3))
    kinds = rng.integers(SEEN, DISLIKE + 1, len(other_users)).astype(np.uint8)
    others = OtherEvents.from_rows(likes.matrix.shape, other_users, other_items, kinds, None)
    kept = Interactions.from_rows(likes.users, likes.items, users, items)
    return Dataset(Interactions(kept.users, kept.items, kept.matrix, None, others), plain.items, plain.users)


WORLD = world()


def away(data):
    """Return {user: items that were seen or disliked}."""
    found = data.interactions
    kinds = found.others.kinds
    rows = zip(kinds.indptr[:-1], kinds.indptr[1:], strict=True)
    return {found.users.key(user): set(found.items.take(kinds.indices[start:end])) for user, (start, end) in enumerate(rows)}


AWAY = away(WORLD)


@pytest.fixture(scope="module", params=sorted(MODELS))
def fitted(request):
    return create(request.param, **SMALL.get(request.param, {})).fit(WORLD)


def listed(model, **options):
    """Return {user: items listed}, as long lists as there are, asked one by one."""
    return {user: list(model.recommend(user, k=len(model.catalogue_), **options).ids) for user in model.users_}


def test_the_world_has_what_is_to_be_tested():
    assert WORLD.interactions.others.n_disliked > 50
    assert WORLD.interactions.others.n_seen > 50
    silent = np.setdiff1d(np.arange(WORLD.interactions.n_items), WORLD.known_items())
    assert {3, 17} <= set(silent.tolist())


def test_nobody_is_listed_what_they_saw_or_disliked(fitted, tmp_path):
    for model in (fitted, load(fitted.save(tmp_path / "model"))):
        lists = listed(model)
        assert all(not set(found) & AWAY[user] for user, found in lists.items())
        everyone = {user: set() for user in model.users_}
        for row in model.recommend_all(k=len(model.catalogue_)):
            everyone[row["user"]].add(row["item"])
        assert everyone == {user: set(found) for user, found in lists.items()}


def test_unless_asked(fitted):
    lists = listed(fitted, filter_seen=False)
    assert any(set(found) & AWAY[user] for user, found in lists.items())
    assert len({len(found) for found in lists.values()}) == 1


def test_an_item_is_offered_to_nobody_who_saw_or_disliked_it(fitted):
    scorable = fitted.scorable(fitted.catalogue_)
    for row in np.flatnonzero(scorable)[::4].tolist():
        item = fitted.catalogue_.ids.key(row)
        offered = set(fitted.recommend_users(item, k=len(fitted.users_)).ids)
        assert offered
        assert not {user for user in offered if item in AWAY[user]}


def test_an_update_keeps_what_was_known_and_learns_what_is_new(fitted, tmp_path):
    if not fitted.capabilities.updates:
        pytest.skip("this model is fitted anew")
    model = load(fitted.save(tmp_path / "model"))
    user = next(iter(model.users_))
    first, second = model.recommend(user, k=2).ids
    news = Interactions.from_pairs(
        [user, user, "somebody"], [first, second, first], types=["seen", "dislike", "like"], item_ids=model.catalogue_.ids
    )
    model.update(news, epochs=0)
    assert model.info_["update"]["other_events"] == 2
    kept = {name: model.info_[name] - fitted.info_[name] for name in ("disliked", "seen")}
    assert kept == {"disliked": 1, "seen": 1}
    lists = listed(model)
    assert all(not set(found) & AWAY.get(who, set()) for who, found in lists.items())
    assert not {first, second} & set(lists[user])
    assert first not in lists["somebody"]
    liked_after_all = Interactions.from_pairs([user], [second], item_ids=model.catalogue_.ids)
    model.update(liked_after_all, epochs=0)
    assert model.catalogue_.ids.row(second, "item") not in seen_rows(model, user)


def test_what_is_ranked_is_what_is_recommended(fitted):
    split = splits.citeulike2(WORLD)
    model = create(fitted.name, **SMALL.get(fitted.name, {})).fit(split.train)
    task = split.tasks[0]
    for row, user in enumerate(task.users):
        barred = set(task.items.take(task.seen[[row]].indices))
        assert set(model.catalogue_.ids.take(seen_rows(model, user))) <= barred


def test_a_weight_of_dislikes_lowers_their_scores():
    plain, weighed = (
        create("dualnet", factors=0, levels=(16, 8), epochs=12, user_batch=20, content_weight=0.0, dislike_weight=weight).fit(
            WORLD
        )
        for weight in (0.0, 0.3)
    )
    others = WORLD.interactions.others
    users, items = others.keep(others.kinds.data == DISLIKE).pairs()

    def mean(model):
        known = model.items_.find(WORLD.interactions.items.take(items))
        scores = [
            model.score([WORLD.interactions.items.key(item)], user=WORLD.interactions.users.key(user))[0]
            for user, item, row in zip(users[::9].tolist(), items[::9].tolist(), known[::9], strict=True)
            if row >= 0
        ]
        return np.mean(np.square(scores))

    assert mean(weighed) < 0.8 * mean(plain)
    with pytest.raises(UsageError, match="dislike_weight=-1 must be a number of at least 0"):
        create("dualnet", dislike_weight=-1).fit(WORLD)
