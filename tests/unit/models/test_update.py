"""Warm updates: nothing is forgotten, new users and items are learned, a failure changes nothing."""

import copy

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from dualnet import Content, Dataset, DualNet, Interactions, evaluate, load
from dualnet.data.synthetic import blocks_world, library
from dualnet.data.tasks import RankingTask
from dualnet.errors import CapabilityError, DataError, TrainingError, UsageError
from dualnet.models.registry import MODELS, create
from dualnet.runs.hidden_pairs import compare_models, hide_pairs, is_worse
from dualnet.train.options import RunOptions

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")

WORLD = blocks_world()
OLD_USERS, OLD_ITEMS = np.arange(36), np.setdiff1d(np.arange(48), [10, 11, 22, 46])
OLD = WORLD.select(users=OLD_USERS, items=OLD_ITEMS)
TINY = {"levels": (16, 8), "epochs": 25, "user_batch": 20, "noise": 0.1, "history_noise": 0.2}


def small(**changes):
    return DualNet(**{**TINY, "new_scale": 1.0, "unliked_scale": 1.0, **changes})  # an item that gets events is no longer new


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return small().fit(OLD).save(tmp_path_factory.mktemp("old") / "model")


def scores(model, histories):
    items = OLD.interactions.items.keys
    return np.stack([model.score(items, history=history) for history in histories])


HISTORIES = [["i0-1", "i0-2"], ["i1-0"], ["i2-3", "i3-4", "i3-5"]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"user_input": "reference"},
        {"norm": "layer"},
        {"norm": "none", "design": "multi-level"},
        {"design": "basic", "item_residual": False},
        {"top_branch": True, "activation": "relu", "content_weight": 0.0},
    ],
    ids=str,
)
def test_before_any_step_the_answers_are_the_same(changes, tmp_path):
    model = small(epochs=5, **changes).fit(OLD)
    before = scores(model, HISTORIES)
    updated = load(model.save(tmp_path / "model")).update(WORLD, epochs=0)
    assert len(updated.users_) == 40
    assert len(updated.items_) == 48
    np.testing.assert_allclose(scores(updated, HISTORIES), before, atol=1e-5)
    fresh = list(WORLD.interactions.items.keys)[10:12]
    known = model.add_items(WORLD.items.take(np.array([10, 11])))
    np.testing.assert_allclose(updated.score(fresh, history=["i0-1"]), known.score(fresh, history=["i0-1"]), atol=1e-5)


def test_what_was_added_is_recorded(saved):
    model = load(saved)
    parent = model.manifest_
    model.update(WORLD)
    added = model.info_["update"]
    old, whole = OLD.interactions.n_pairs, WORLD.interactions.n_pairs
    assert (added["pairs"], added["repeated"]) == (whole - old, old)
    assert (added["users"], added["items"], added["parent"], added["number"]) == (4, 4, parent, 1)
    assert model.info_["pairs"] == model.histories_.nnz == whole
    assert model.popularity_.sum() == whole
    again = model.update(WORLD)
    assert (again.info_["update"]["pairs"], again.info_["update"]["number"]) == (0, 2)


def test_new_users_and_items_are_learned(saved):
    model = load(saved).update(WORLD, epochs=10)
    for user in list(WORLD.interactions.users)[36:]:
        assert {str(key)[1] for key in model.recommend(user, k=2).ids} == {str(user)[1]}
    assert model.recommend(history=["i0-10"], k=1).ids[0].startswith("i0")


def test_a_saved_update_answers_alike(saved, tmp_path):
    model = load(saved).update(WORLD)
    again = load(model.save(tmp_path / "new"))
    np.testing.assert_array_equal(scores(again, HISTORIES), scores(model, HISTORIES))
    assert again.info_["update"]["parent"] == model.info_["update"]["parent"]


def test_weights_are_kept_and_the_larger_counts(tmp_path):
    pairs = Interactions.from_pairs(["a", "a", "b"], ["x", "y", "x"], weights=[2.0, 1.0, 3.0])
    model = create("wmf", factors=2).fit(Dataset(pairs))
    model = load(model.save(tmp_path / "m"))
    model.update(Interactions.from_pairs(["a", "b", "c"], ["x", "x", "z"], weights=[5.0, 1.0, 4.0]))
    kept = csr_array((model.weights_, model.histories_.indices, model.histories_.indptr), shape=model.histories_.shape)
    np.testing.assert_array_equal(kept.toarray(), [[5, 1, 0], [3, 0, 0], [0, 0, 4]])


def test_a_known_pair_that_got_heavier_is_learned():
    pairs = Interactions.from_pairs(["a", "a", "b"], ["x", "y", "x"], weights=[2.0, 1.0, 3.0])
    model = create("wmf", factors=2).fit(Dataset(pairs))
    before = model.item_factors_
    model.update(Interactions.from_pairs(["a"], ["x"], weights=[2.0]))
    np.testing.assert_array_equal(model.item_factors_, before)
    model.update(Interactions.from_pairs(["a"], ["x"], weights=[50.0]))
    assert np.abs(model.item_factors_ - before).max() > 1e-3


def test_items_of_the_catalogue_become_known_and_keep_their_content(saved):
    model = load(saved).add_items(WORLD.items.take(np.array([46, 22])))
    found = model.update(Interactions.from_pairs(["u1-1", "new"], ["i1-10", "i1-10"]))
    assert model.items_.keys[-1] == "i1-10"
    assert model.catalogue_.ids.keys[-2:] == ["i1-10", "i3-10"]
    assert model.catalogue_.content.title(44) == WORLD.items.title(22)
    assert (found.info_["update"]["items"], found.info_["update"]["catalogue"]) == (1, 0)


def test_unknown_words_are_counted(saved):
    fresh = Content.from_rows(["n1", "n2"], {"title": ["genomes quarks", "gluons quarks"]}, OLD.items.spec)
    added = load(saved).update(items=fresh).info_["update"]
    assert (added["terms"], added["unknown_terms"], added["catalogue"], added["pairs"]) == (3, 2, 2, 0)


def test_a_failed_update_changes_nothing(saved):
    model = load(saved)
    before, state = scores(model, HISTORIES), dict(vars(model))

    def stop(figures):
        raise TrainingError("stopped")

    with pytest.raises(TrainingError, match="stopped"):
        model.update(WORLD, run=RunOptions(after_epoch=stop))
    assert dict(vars(model)).keys() == state.keys()
    assert len(model.users_) == 36
    np.testing.assert_array_equal(scores(model, HISTORIES), before)


def test_what_cannot_be_used_is_named(saved):
    model = load(saved)
    with pytest.raises(DataError, match=r"'i0-10' of the new events is not in the catalogue"):
        model.update(Interactions.from_pairs(["u0-0"], ["i0-10"]))
    with pytest.raises(DataError, match=r"user ids of the model are text, the new ones integers, such as 7"):
        model.update(Interactions.from_pairs([7], ["i0-1"]))
    with pytest.raises(UsageError, match="epochs=-1"):
        model.update(WORLD, epochs=-1)
    with pytest.raises(UsageError, match="nothing to update from"):
        model.update()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_updates_or_says_that_it_cannot(name):
    sizes = {"dualnet": TINY, "cdl": {"levels": (16, 8)}, "lsa-profile": {"width": 5}, "bpr": {"factors": 6}}
    factors = {"factors": 6} if name in ("wmf", "content-factors", "fusion") else {}
    model = create(name, **sizes.get(name, factors))
    model.fit(OLD)
    if not model.capabilities.updates:
        with pytest.raises(CapabilityError, match="cannot be updated"):
            model.update(WORLD)
        return
    model.update(WORLD)
    assert len(model.users_) == 40
    assert len(model.recommend("u3-7", k=2)) == 2
    assert model.scorable(model.catalogue_).all()


@pytest.mark.parametrize("name", ["popularity", "content-profile"])
def test_an_exact_update_is_a_fit(name):
    updated, fitted = create(name).fit(OLD).update(WORLD), create(name).fit(WORLD)
    if name == "content-profile":
        fitted.featurizer_ = updated.featurizer_  # the words stay those of the first fit
        fitted.catalogue_ = fitted.space(fitted.items_, WORLD.items)
    items = WORLD.interactions.items.keys
    np.testing.assert_allclose(updated.score(items, user="u2-8"), fitted.score(items, user="u2-8"), atol=1e-6)


def test_wmf_comes_close_to_a_fit():
    updated, fitted = (
        create("wmf", factors=6).fit(OLD).update(WORLD, epochs=30),
        create("wmf", factors=6, iterations=50).fit(WORLD),
    )
    items = WORLD.interactions.items.keys
    for user in ("u0-1", "u3-8"):
        np.testing.assert_allclose(updated.score(items, user=user), fitted.score(items, user=user), atol=0.05)


def test_columns_of_users_count_where_they_are_given():
    profile = Content(WORLD.interactions.users, pa.table({"team": [key[1] for key in WORLD.interactions.users]}), _user_spec())
    data = Dataset(WORLD.interactions, WORLD.items, profile)
    model = small(epochs=5).fit(data.select(users=OLD_USERS, items=OLD_ITEMS))
    model.update(WORLD.interactions, items=WORLD.items, users=profile.take(np.arange(30, 40)))
    assert model.user_featurizer_ is not None
    assert np.isfinite(model.score(["i0-1"], user="u3-9")).all()
    kept = model.user_features_
    for user in ("u0-1", "u3-9"):  # one who was there before, without a row now, and a new one with a row
        expected = model._user_features(profile.take(WORLD.interactions.users.rows([user])))
        np.testing.assert_array_equal(kept[[model.users_.row(user)]].toarray(), expected.toarray())


def _user_spec():
    from dualnet.data.content_spec import ContentSpec

    return ContentSpec(categories=("team",))


def test_an_update_finds_more_of_what_is_new_than_the_old_model():
    data = library(n_readers=600, n_papers=300, seed=1)
    rng = np.random.default_rng(0)
    users, items = data.interactions.pairs()
    new_items = rng.random(300) < 0.2
    recent = (rng.random(len(users)) < 0.1) | new_items[items]
    asked = recent & (rng.random(len(users)) < 0.3)
    old, learned = data.only(~recent), data.only(recent & ~asked)
    model = DualNet(levels=(64,), epochs=6, content_weight=0.0, factors=0).fit(old)
    plain, updated = copy.copy(model).update(learned, epochs=0), copy.copy(model).update(learned)
    hidden = data.only(asked).interactions
    figures = {entry["items"]: entry for entry in compare_models(plain, updated, old.interactions.n_items, hidden)}
    assert figures["new"]["after"] > figures["new"]["before"] + 0.05
    assert figures["old"]["after"] > figures["old"]["before"] - 0.01
    refit = DualNet(levels=(64,), epochs=6, content_weight=0.0, factors=0).fit(data.only(~asked))
    task = _task(updated, hidden, old.interactions.n_items)
    fitted, warm = (evaluate(each, task, at=(5,)).results[0].mean("recall@5") for each in (refit, updated))
    assert warm > fitted - 0.05


def _task(model, hidden, n_old):
    ids, users = model.catalogue_.ids, model.users_
    rows, columns = hidden.pairs()
    rows, columns = users.find(hidden.users.keys)[rows], ids.find(hidden.items.keys)[columns]
    inside = (rows >= 0) & (columns >= n_old)
    shape = (len(users), len(ids))
    truth = csr_array((np.ones(inside.sum(), np.float32), (rows[inside], columns[inside])), shape=shape)
    stored = model.histories_
    history = csr_array((stored.data, stored.indices, stored.indptr), shape=shape)
    return RankingTask("known-known", users, ids, history, history, np.arange(n_old, len(ids)), truth, model.catalogue_.content)


def test_hidden_pairs_are_new_ones():
    model = create("popularity").fit(OLD)
    shown, hidden = hide_pairs(model, WORLD.interactions, 0.5)
    assert shown.n_pairs + hidden.n_pairs == WORLD.interactions.n_pairs
    assert 0 < hidden.n_pairs < WORLD.interactions.n_pairs - OLD.interactions.n_pairs
    for row, column in zip(*hidden.pairs(), strict=True):
        user, item = model.users_.find([hidden.users.key(row)])[0], model.items_.find([hidden.items.key(column)])[0]
        assert user < 0 or item < 0 or model.histories_[user, item] == 0
    with pytest.raises(UsageError, match="above 0 and below 1"):
        hide_pairs(model, WORLD.interactions, 1.0)


def test_a_lower_mean_is_worse():
    assert is_worse([{"before": 0.5, "after": 0.4}, {"before": 0.2, "after": 0.21}])
    assert not is_worse([{"before": 0.5, "after": 0.5}])
    assert not is_worse([])
