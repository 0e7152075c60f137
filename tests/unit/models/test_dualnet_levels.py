"""DualNet's levels: solved ones alone and beside networks, in files old and new, in updates, on little data."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, ContentSpec, Dataset, DualNet, Interactions, evaluate, load, splits
from dualnet.data.event_weights import SEEN
from dualnet.data.other_events import OtherEvents
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, UsageError
from dualnet.models import level_learning, level_model
from dualnet.models.choosing import Phase
from dualnet.models.dualnet_reasons import dualnet_reasons
from dualnet.models.level_learning import NETWORK_WEIGHT
from dualnet.models.levels import Levels, LevelWeights
from dualnet.models.solved.levels import SolvedChoice
from dualnet.models.solved.model import Solved
from dualnet.train.options import RunOptions

WORLD = blocks_world()
IDS = WORLD.interactions.items
OLD = WORLD.select(users=np.arange(36), items=np.setdiff1d(np.arange(48), [10, 11, 22, 46]))
GIVEN = {"factors": 8, "factor_zero_weight": 0.05, "regularization": 0.5, "relation": 0.0, "prior": 1.0, "content_scale": 0.5}
ALONE = {"levels": (), **GIVEN, "new_scale": 1.0, "unliked_scale": 1.0}
BOTH = {**ALONE, "levels": (16, 8), "epochs": 3, "user_batch": 20, "content_weight": 0.2}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def with_content(kind):
    if kind == "sparse":
        return WORLD
    if kind == "none":
        return Dataset(WORLD.interactions)
    group = np.array([int(str(key)[1]) for key in IDS])
    vectors = np.eye(5, dtype=np.float32)[group] + np.random.default_rng(0).normal(0, 0.1, (48, 5)).astype(np.float32)
    return Dataset(WORLD.interactions, Content(IDS, pa.table({}), ContentSpec(vectors=("v",)), {"v": vectors}))


def ranked(model, **asked):
    found = model.recommend(k=8, **asked)
    return found.ids, found.scores


@pytest.mark.parametrize("kind", ["sparse", "dense", "none"])
def test_solved_levels_alone_serve_all_quadrants(kind):
    split = splits.four_quadrants(WORLD if kind == "none" else with_content(kind), seed=1)
    if kind == "none":
        model = DualNet(**ALONE).fit(Dataset(split.train.interactions))
    else:
        model = DualNet(**ALONE).fit(split.train, split.validation)
    assert model.capabilities.new_items == (kind != "none")
    assert not model.capabilities.user_columns
    with pytest.raises(CapabilityError, match="no networks"):
        _ = model.runtime_
    report = evaluate(
        model, [task for task in split.tasks if kind != "none" or task.name.endswith("-known")], at=(10,), bootstrap=0
    )
    assert len(report.results) == (4 if kind != "none" else 2)
    assert min(result.mean("recall@10") for result in report.results) > 0.8


@pytest.mark.parametrize("kind", ["sparse", "dense", "none"])
@pytest.mark.parametrize("parameters", [ALONE, BOTH], ids=["alone", "both"])
def test_a_saved_model_gives_the_same_list(kind, parameters, tmp_path):
    model = DualNet(**{**parameters, "new_scale": 0.7}).fit(with_content(kind))
    again = load(model.save(tmp_path / "model"))
    assert again.levels_.weights == model.levels_.weights
    assert (again.levels_.runtime is None) == (not parameters["levels"])
    assert again.levels_.unliked == model.levels_.unliked
    for asked in ({"user": "u1-2"}, {"history": ["i2-3", "i2-5"]}):
        assert ranked(again, **asked) == ranked(model, **asked)


def test_networks_count_beside_solved_levels():
    model = DualNet(**BOTH).fit(WORLD)
    assert model.levels_.weights.network == NETWORK_WEIGHT
    space, rows = model.catalogue_, np.arange(48)
    history = model.histories_[[3], :]
    levels = [Levels(model.levels_.solved, model.levels_.runtime, weights, model.unliked_) for weights in (
        LevelWeights(0.6, 0.2), LevelWeights(0.0, 0.2), LevelWeights(0.6, 0.0))]  # fmt: skip
    for each in levels:
        scores = (each.user_vectors(history, space, None, None), each.item_vectors(space, rows))
        expected = (scores[0].dense @ scores[1].dense.T + (scores[0].sparse @ scores[1].sparse.T).toarray() if hasattr(
            scores[0], "dense") else scores[0] @ scores[1].T)[0]  # fmt: skip
        reasons = dualnet_reasons(each, history, space, rows)
        np.testing.assert_allclose(reasons.scores, expected, atol=1e-4)
        np.testing.assert_allclose(reasons.content.total(), expected, atol=1e-3)


def test_a_folder_of_version_0_1_is_read():
    model = DualNet(levels=(16, 8), factors=0, epochs=3, user_batch=20, content_weight=0.4).fit(WORLD)
    config, tensors = model._get_state()
    assert set(config) == {"weights", "runtime"}
    old = Levels.from_state({"runtime": config["runtime"], "content_weight": 0.4}, tensors, model.unliked_)
    assert old.weights == model.levels_.weights == LevelWeights(content=0.4)
    assert old.solved is None
    before = ranked(model, user="u1-2")
    model.levels_ = old
    model._forget()
    assert ranked(model, user="u1-2") == before


def test_a_whole_folder_of_version_0_1_is_loaded(tmp_path, monkeypatch):
    model = DualNet(levels=(16, 8), factors=0, epochs=3, user_batch=20, content_weight=0.4).fit(WORLD)
    before = ranked(model, user="u1-2")
    state, parameters = model._get_state, model.get_params()
    later = {"factors", *GIVEN, "network_weight", "new_scale", "unliked_scale", "dislike_weight"}
    monkeypatch.setattr(model, "_get_state", lambda: ({"runtime": state()[0]["runtime"], "content_weight": 0.4}, state()[1]))
    monkeypatch.setattr(model, "get_params", lambda: {k: v for k, v in parameters.items() if k not in later})
    old = load(model.save(tmp_path / "old"))
    assert "factors" not in json.loads((tmp_path / "old" / "manifest.json").read_text())["parameters"]
    assert ranked(old, user="u1-2") == before
    assert old.levels_.solved is None
    updated = load(tmp_path / "old").update(WORLD, epochs=0)
    assert updated.levels_.solved is None


def test_a_prior_of_infinity_is_none_and_is_kept_in_strict_json(tmp_path):
    model = DualNet(**{**ALONE, "prior": float("inf")}).fit(WORLD)
    assert model.choice_.solved.prior is None
    model.save(tmp_path / "model")

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    json.loads((tmp_path / "model" / "manifest.json").read_text(), parse_constant=refuse)
    assert load(tmp_path / "model").get_params()["prior"] == float("inf")


@pytest.mark.parametrize("parameters", [ALONE, BOTH], ids=["alone", "both"])
def test_an_update_without_steps_changes_no_answer_and_one_with_steps_learns(parameters):
    asked = {"history": ["i0-1", "i0-2"]}
    model = DualNet(**parameters).fit(OLD)
    old = OLD.interactions.items.keys
    before = model.score(old, **asked)
    model.update(WORLD, epochs=0)
    assert (len(model.users_), len(model.items_)) == (40, 48)
    np.testing.assert_allclose(model.score(old, **asked), before, atol=1e-4)
    model = DualNet(**parameters).fit(OLD).update(WORLD, epochs=2)
    assert np.abs(model.score(old, **asked) - before).max() > 1e-3
    found = model.recommend(history=["i0-10", "i0-11"], k=6)
    assert {str(key)[1] for key in found.ids} == {"0"}
    assert model.levels_.solved.items.items.shape[0] == 48


def test_an_update_without_content_learns_items_that_start_at_nothing():
    model = DualNet(**{**ALONE, "prior": None}).fit(Dataset(OLD.interactions)).update(Dataset(WORLD.interactions))
    assert (
        np.abs(
            model.levels_.solved.items.items[[*model.items_.find(WORLD.interactions.items.subset(np.array([10, 46])))]]
        ).min()
        > 0
    )
    assert {str(key)[1] for key in model.recommend(history=["i0-10", "i0-11"], k=4).ids} == {"0"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"factors": -1}, "factors=-1 must be a whole number of at least 0"),
        ({"factors": True}, "factors=True must be a whole number"),
        ({"factors": 2.5}, "factors=2.5 must be a whole number"),
        ({"levels": (), "factors": 0}, "leave nothing to fit"),
        ({"levels": (8,), "factors": 0, "network_weight": 0.0}, "leave nothing that counts"),
        ({"trials": -1}, "trials=-1 must be a whole number of at least 0"),
        ({"trials": True}, "trials=True must be a whole number"),
        ({"trials": 0.5}, "trials=0.5 must be a whole number"),
        ({"factor_zero_weight": 0.0}, "factor_zero_weight=0.0 must be above 0"),
        ({"factor_zero_weight": 1.0}, "factor_zero_weight=1.0 must be above 0 and below 1"),
        ({"regularization": 0}, "regularization=0 must be above 0"),
        ({"regularization": float("nan")}, "regularization=nan must be above 0"),
        ({"regularization": float("inf")}, "regularization=inf"),
        ({"prior": -1.0}, "prior=-1.0 must be above 0"),
        ({"prior": "1"}, "prior='1' must be a number"),
        ({"relation": -0.1}, "relation=-0.1 must be a number of at least 0"),
        ({"content_scale": float("inf")}, "content_scale=inf must be a number"),
        ({"network_weight": float("nan")}, "network_weight=nan must be a number"),
        ({"new_scale": -1}, "new_scale=-1 must be a number"),
        ({"unliked_scale": "much"}, "unliked_scale='much' must be a number"),
        ({"content_weight": -1.0}, "content_weight=-1.0 must be a number"),
        ({"content_weight": 1e30}, "content_weight=1e+30 must be a number of at least 0 and at most 1,000,000"),
        ({"network_weight": 1e30}, "network_weight=1e+30 must be a number of at least 0 and at most 1,000,000"),
        ({"content_scale": 1e20}, "content_scale=1e+20 must be a number"),
        ({"relation": 1e30}, "relation=1e+30 must be a number"),
        ({"new_scale": 1e38}, "new_scale=1e+38 must be a number"),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused(changes, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        DualNet(**{**ALONE, **changes}).fit(WORLD)
    own = {name: value for name, value in changes.items() if name in Solved().get_params()}
    if own == changes:  # and the model without networks, which took any content_weight
        with pytest.raises(UsageError, match=re.escape(sentence)):
            Solved(**changes).fit(WORLD)


@pytest.mark.parametrize("items", [WORLD.items, None], ids=["content", "no content"])
def test_weights_of_zeros_that_weigh_as_much_as_positives_are_refused_or_not_chosen(items):
    rows, columns = WORLD.interactions.matrix.nonzero()
    light = Dataset(
        Interactions.from_rows(WORLD.interactions.users, IDS, rows, columns, weights=np.full(len(rows), 0.2)), items
    )
    with pytest.raises(UsageError, match=r"below the lightest positive \(0.2\)"):
        DualNet(**{**ALONE, "factor_zero_weight": 0.3}).fit(light)
    model = DualNet(**{**ALONE, "factor_zero_weight": None}).fit(light)
    assert model.choice_.solved.zero_weight <= 0.1 + 1e-6
    assert np.isfinite(model.score(["i0-1"], user="u0-1")).all()
    old = Dataset(OLD.interactions, None if items is None else OLD.items)
    model = DualNet(**{**ALONE, "factor_zero_weight": 0.3}).fit(old)
    with pytest.raises(UsageError, match="lightest positive"):
        model.update(light)


@pytest.mark.parametrize("kind", ["sparse", "none"])
@pytest.mark.parametrize("users", [1, 2])
def test_tiny_data_are_fitted(kind, users):
    tiny = with_content(kind).select(users=np.arange(users), items=np.arange(12))
    model = DualNet(levels=()).fit(tiny)  # everything is to be chosen, and there is next to nothing to choose on
    items = model.items_.keys
    assert np.isfinite(model.score(items, history=items[:1])).all()
    assert model.recommend(history=items[:1], k=3).ids


@pytest.mark.parametrize("titles", [["word"] * 48, ["word other"] + [""] * 47], ids=["one feature", "hardly any"])
def test_content_that_says_little_is_fitted(titles):
    data = Dataset(WORLD.interactions, Content(IDS, pa.table({"title": titles}), ContentSpec(text=("title",), min_df=1)))
    for given in (GIVEN, {"relation": 0.5, "factor_zero_weight": 0.5}):
        model = DualNet(levels=(), **{**GIVEN, **given}).fit(data)
        scores = model.score(IDS.keys, history=["i1-3", "i1-4"])
        assert np.isfinite(scores).all()
        assert {str(IDS.key(int(row)))[1] for row in np.argsort(-scores)[:6]} == {"1"}


def test_items_that_nobody_liked_are_unliked_only_where_somebody_saw_them():
    likes = WORLD.interactions
    unloved = likes.matrix.toarray()
    unloved[:, [3, 17, 30]] = 0
    users, items = np.nonzero(unloved)
    plain = Interactions.from_rows(likes.users, IDS, users, items)
    everything = DualNet(**ALONE).fit(Dataset(plain, WORLD.items))
    assert set(everything.unliked_.keys) == {"i0-3", "i1-5", "i2-6"}
    seen = OtherEvents.from_rows(plain.matrix.shape, np.array([0]), np.array([17]), np.array([SEEN], np.uint8), None)
    data = Dataset(Interactions(plain.users, plain.items, plain.matrix, None, seen), WORLD.items)
    model = DualNet(**{**ALONE, "new_scale": 0.5, "unliked_scale": 0.25}).fit(data)
    assert list(model.unliked_.keys) == ["i1-5"]
    space = model.space(IDS, WORLD.items)
    scale = model.levels_.scale(space, np.arange(48))
    assert {str(IDS.key(int(row))): float(scale[row]) for row in np.flatnonzero(scale != 1)} == {
        "i0-3": 0.5, "i1-5": 0.25, "i2-6": 0.5,
    }  # fmt: skip


def test_what_was_chosen_is_said_in_one_line():
    model = DualNet(**{**ALONE, "factor_zero_weight": 0.3, "regularization": 2.0}).fit(WORLD)
    said = str(model.levels_)
    assert "\n" not in said
    assert said.startswith("solved levels with zero weight 0.3, penalty 2, ")
    assert said.endswith(
        f"new items times {model.levels_.weights.new:g}, items that nobody liked times {model.levels_.weights.unliked:g}"
    )


def test_long_content_is_read_along_its_leading_axes(tmp_path, monkeypatch):
    split = splits.four_quadrants(WORLD, seed=1)
    whole = DualNet(levels=(), factors=8, relation=0.0).fit(split.train)
    assert whole.levels_.solved.reader.axes is None
    monkeypatch.setattr(level_learning, "is_long", lambda content, group: True)
    model = DualNet(levels=(), factors=8, relation=0.0).fit(split.train)
    axes = model.levels_.solved.reader.axes
    assert axes is not None
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-4)
    assert "content_axes" in model.levels_.solved.get_state()[1]
    user = model.users_.key(0)
    ours = model.recommend(user, k=5)
    again = load(model.save(tmp_path / "model")).recommend(user, k=5)
    assert again.ids == ours.ids
    reasons = model.explain(ours.ids[0], user=user)
    assert reasons.score == pytest.approx(ours.scores[0], abs=1e-4)


@pytest.mark.parametrize(
    "left_open", [None, *(name for name in (*GIVEN, "content_weight", "new_scale", "unliked_scale") if name != "factors")]
)
def test_pairs_are_held_out_only_where_something_is_left_to_choose(monkeypatch, left_open):
    drawn = []
    monkeypatch.setattr(level_model, "drawn_validation", lambda *given: drawn.append(given))
    settings = {**ALONE, "content_weight": 0.0, **({} if left_open is None else {left_open: None})}
    DualNet(**settings).fit(with_content("dense"))
    assert len(drawn) == (left_open is not None)


def test_no_trials_take_the_numbers_that_a_fit_without_anything_to_choose_on_takes(monkeypatch):
    data, nothing = with_content("sparse"), {**dict.fromkeys(GIVEN), "factors": 6, "new_scale": 1.0, "unliked_scale": 1.0}
    drawn = Solved(**nothing, content_weight=0.0, trials=0).fit(data).levels_.solved.choice
    monkeypatch.setattr(level_model, "drawn_validation", lambda *given: None)
    assert Solved(**nothing, content_weight=0.0).fit(data).levels_.solved.choice == drawn


@pytest.mark.parametrize("given", [None, 0.004])
def test_zeros_that_were_weighed_on_a_part_stay_below_the_lightest_positive_of_all(given):
    """The light pairs were held out where the weight was chosen; zeros as heavy as positives have no solution."""
    rows, columns = WORLD.interactions.matrix.nonzero()
    weights = np.where(np.arange(len(rows)) < 5, 0.01, 1.0)
    data = Dataset(Interactions.from_rows(WORLD.interactions.users, IDS, rows, columns, weights=weights), WORLD.items)
    model = Solved(factors=6, factor_zero_weight=given)
    chosen = level_learning.Chosen(SolvedChoice(0.4 if given is None else given, 2.0, 0.0, None, 0.5), LevelWeights(), None)
    level_learning.learn_levels(model, model._prepare(data), Phase("final", (), (), chosen, RunOptions()))
    assert model.levels_.solved.choice.zero_weight == pytest.approx(0.005 if given is None else given)
