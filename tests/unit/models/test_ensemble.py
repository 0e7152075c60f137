"""Networks of several seeds: an average, in scores, files, graphs, reasons, updates and checkpoints; left out where it does not pay."""

import json
import os
import signal
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import Dataset, DualNet, Interactions, load, splits
from dualnet.data.synthetic import blocks_world
from dualnet.errors import ArtifactError, TrainingInterruptedError, UsageError
from dualnet.models import dualnet_training, level_learning
from dualnet.models.levels import LevelWeights
from dualnet.retrieval.topk import inner_products
from dualnet.train import batches
from dualnet.train.options import RunOptions

WORLD = blocks_world()
OLD = WORLD.select(users=np.arange(36), items=np.setdiff1d(np.arange(48), [10, 11, 22, 46]))
GIVEN = {"factors": 8, "factor_zero_weight": 0.05, "regularization": 0.5, "relation": 0.0, "prior": 1.0, "content_scale": 0.5}
SMALL = {
    **GIVEN, "levels": (16, 8), "epochs": 3, "user_batch": 20, "content_weight": 0.2, "network_weight": 0.6, "new_scale": 0.7,
    "unliked_scale": 1.0,
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def scores(model):
    return inner_products(model.encode_users(model.histories_, model.catalogue_), model.encode_items(model.catalogue_))


def same_weights(one, other):
    return all(np.array_equal(value, other.tensors[name]) for name, value in one.tensors.items())


@pytest.mark.parametrize("factors", [0, 8])
@pytest.mark.parametrize("ensemble", [2, 3])
def test_scores_are_the_mean_of_networks_of_different_seeds(factors, ensemble):
    settings = {**SMALL, "factors": factors, "ensemble": ensemble}
    model = DualNet(**settings).fit(WORLD)
    levels = model.levels_
    assert len(levels.further) == ensemble - 1
    assert same_weights(levels.runtime, DualNet(**{**settings, "ensemble": 1}).fit(WORLD).runtime_)
    assert not any(same_weights(levels.runtime, other) for other in levels.further)

    def alone(runtime):
        twin = copy(model)
        twin.levels_ = replace(levels, runtime=runtime, further=())
        return scores(twin)

    expected = np.mean([alone(runtime) for runtime in (levels.runtime, *levels.further)], axis=0)
    np.testing.assert_allclose(scores(model), expected, rtol=1e-4, atol=1e-5)


def test_a_saved_ensemble_gives_the_same_scores_and_an_altered_folder_is_refused(tmp_path):
    model = DualNet(**SMALL, ensemble=2).fit(WORLD)
    folder = model.save(tmp_path / "model")
    np.testing.assert_array_equal(scores(load(folder)), scores(model))
    config, tensors = model._get_state()
    for altered in ({"further": 3}, {"further": [3]}):
        with pytest.raises(ArtifactError):
            copy(model)._set_state({**config, **altered}, tensors)
    config.pop("runtime")
    with pytest.raises(ArtifactError, match="first"):
        copy(model)._set_state(config, tensors)


def test_folders_without_further_networks_say_nothing_of_them(tmp_path):
    """So that a model of one seed is written as before, and its folder still loads where weights have no `further`."""
    model = DualNet(**SMALL).fit(WORLD)
    config, tensors = model._get_state()
    assert "further" not in config
    config["weights"].pop("further")
    twin = copy(model)
    twin._set_state(config, tensors)
    np.testing.assert_array_equal(scores(twin), scores(model))


def test_reasons_sum_to_the_score_and_name_each_level_once():
    model = DualNet(**SMALL, ensemble=2).fit(WORLD)
    plain = DualNet(**SMALL).fit(WORLD).explain("i0-4", history=["i0-1", "i0-2"])
    found = model.explain("i0-4", history=["i0-1", "i0-2"])
    assert [name for name, _ in found.levels] == [name for name, _ in plain.levels]
    assert sum(score for _, score in found.levels) == pytest.approx(found.score, abs=1e-5)
    asked = csr_array(np.isin(np.array(model.items_.keys), ["i0-1", "i0-2"])[None].astype(np.float32))
    vectors = model.encode_items(model.catalogue_, np.array([model.items_.keys.index("i0-4")]))
    score = inner_products(model.encode_users(asked, model.catalogue_), vectors)[0, 0]
    assert float(score) == pytest.approx(found.score, abs=1e-5)


def test_graphs_give_the_scores_of_an_ensemble():
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from dualnet.exports.onnx_graph import item_graph, user_graph

    model = DualNet(**{**SMALL, "content_weight": 0.0, "factors": 0}, ensemble=2).fit(WORLD)
    levels, space = model.levels_, model.catalogue_
    run = [
        onnxruntime.InferenceSession(graph(levels, space).SerializeToString(), providers=["CPUExecutionProvider"])
        for graph in (item_graph, user_graph)
    ]
    items = run[0].run(None, {"features": space.features.toarray(), "item_row": np.arange(len(space))})[0]
    length = int(np.diff(model.histories_.indptr).max())
    rows = np.full((len(model.users_), length), -1)
    for user in range(len(model.users_)):
        own = model.histories_.indices[model.histories_.indptr[user] : model.histories_.indptr[user + 1]]
        rows[user, : len(own)] = own
    users = run[1].run(None, {"item_rows": rows})[0]
    np.testing.assert_allclose(users @ items.T, scores(model), rtol=1e-4, atol=1e-5)


def test_an_update_trains_every_network_further():
    model = DualNet(**SMALL, ensemble=2).fit(OLD)
    before = model.levels_
    model.update(WORLD)
    after = model.levels_
    assert len(after.further) == 1
    for old, new in zip((before.runtime, *before.further), (after.runtime, *after.further), strict=True):
        assert not np.array_equal(old.tensors["item.scale"], new.tensors["item.scale"])
    assert scores(model).shape == (len(WORLD.interactions.users), 48)


def test_after_an_update_the_training_is_that_of_the_first_network(monkeypatch):
    split = splits.four_quadrants(WORLD, seed=1)
    model = DualNet(**SMALL, ensemble=2).fit(split.train, split.validation)
    before, states = model.training_, []
    train = dualnet_training.descend_further

    def kept(*args, **options):
        states.append(train(*args, **options))
        return states[-1]

    monkeypatch.setattr(dualnet_training, "descend_further", kept)
    model.update(WORLD, epochs=0)
    assert model.training_ is before
    model.update(WORLD.select(users=np.arange(20)), epochs=2)
    assert model.training_ is before  # all was known: there was nothing to learn
    model.update(Interactions.from_pairs(["new"] * 3, ["i0-1", "i0-2", "i0-3"]), epochs=2)
    assert model.training_ is states[-2][0]
    axes = model.plot_training().axes
    assert [len(line.get_xdata()) for line in axes[0].lines] == [2]


@pytest.mark.parametrize("further", [0.0, 0.5, 1.0])
def test_networks_that_do_not_pay_on_validation_are_left_out_and_not_trained_again(monkeypatch, further):
    split = splits.four_quadrants(WORLD, seed=1)
    calls = []
    train, choose = DualNet._train_networks, level_learning.choose_weights

    def counted(self, known, phase, stop_after, number):
        calls.append((phase.name, number, stop_after))
        return train(self, known, phase, stop_after, number)

    def chosen(levels, *args, **options):
        assert len(levels.further) == 1
        weights, compared = choose(levels, *args, **options)
        return replace(weights, further=further), compared

    monkeypatch.setattr(DualNet, "_train_networks", counted)
    monkeypatch.setattr(level_learning, "choose_weights", chosen)
    model = DualNet(**SMALL, ensemble=2).fit(split.train, split.validation)
    assert len(model.levels_.further) == (1 if further else 0)
    finals = [(number, stop) for phase, number, stop in calls if phase == "final"]
    states = (model.choice_.training, *model.choice_.further)
    assert finals == [(number, states[number].best_epoch) for number in range(2 if further else 1)]


def test_weights_mean_the_same_for_any_number_of_networks():
    assert LevelWeights(0.6).of_networks(1) == (0.6,)
    for further in (0.0, 0.5, 1.0):
        parts = LevelWeights(0.6, further=further).of_networks(3)
        assert sum(parts) == pytest.approx(0.6)
        assert parts[1] == parts[2] == pytest.approx(further * parts[0])


def test_an_interrupted_ensemble_resumes_to_the_same_bits_and_a_fresh_one_starts_afresh(tmp_path, monkeypatch):
    settings = {**SMALL, "user_batch": 10}
    plain, calls, stop_at = batches.DualBatches.batch, 0, None

    def fit(folder, *, resume=True, **changes):
        run = RunOptions(progress=False, checkpoint=tmp_path / folder, resume=resume)
        return DualNet(**{**settings, "ensemble": 2, **changes}).fit(WORLD, run=run)

    def counting(self, epoch, step):
        nonlocal calls
        calls += 1
        if calls == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, epoch, step)

    monkeypatch.setattr(batches.DualBatches, "batch", counting)
    whole = fit("whole")
    calls, stop_at = 0, calls * 3 // 4  # in the second half, which is the second network's
    with pytest.raises(TrainingInterruptedError, match="train-2/optimise"):
        fit("parts")
    again = fit("parts")
    assert same_weights(whole.runtime_, again.runtime_)
    assert same_weights(whole.levels_.further[0], again.levels_.further[0])
    assert (tmp_path / "parts" / "train-2" / "optimise").is_dir()
    fresh = fit("parts", resume=False, learning_rate=0.02)  # would refuse checkpoints of the former run if any were left
    assert not same_weights(fresh.levels_.further[0], again.levels_.further[0])


def test_epochs_of_the_first_seed_are_told():
    """As `training_` is its own: a search that watches epochs would read those of the next seed as the same ones once more."""
    told = []
    DualNet(**SMALL, ensemble=2).fit(WORLD, run=RunOptions(after_epoch=lambda figures: told.append(figures["epoch"])))
    assert told == [1, 2, 3]


@pytest.mark.parametrize("ensemble", [0, -1, 1.5, "two", None])
def test_a_number_of_networks_that_means_nothing_is_refused(ensemble):
    with pytest.raises(UsageError, match="ensemble"):
        DualNet(**SMALL, ensemble=ensemble).fit(WORLD)


def test_without_networks_or_content_the_number_changes_nothing():
    alone = {**SMALL, "levels": ()}
    np.testing.assert_array_equal(scores(DualNet(**alone, ensemble=2).fit(WORLD)), scores(DualNet(**alone).fit(WORLD)))
    bare = {**SMALL, "relation": None, "prior": None, "content_scale": None, "content_weight": None}
    assert len(DualNet(**bare, ensemble=2).fit(Dataset(WORLD.interactions)).levels_.further) == 1


def test_the_parameter_is_in_the_manifest(tmp_path):
    folder = DualNet(**SMALL, ensemble=2).fit(WORLD).save(tmp_path / "model")
    assert json.loads((folder / "manifest.json").read_text())["parameters"]["ensemble"] == 2
