"""DualNet: runtime equals torch, all four quadrants, options that act, parameters that are checked, resume."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_array

from dualnet import Content, ContentSpec, Dataset, DualNet, RunOptions, evaluate, splits
from dualnet.data.synthetic import blocks_world
from dualnet.errors import TrainingInterruptedError, UsageError
from dualnet.models.runtime import DualRuntime
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.nn.export import export_network
from dualnet.nn.spec import ACTIVATIONS
from dualnet.retrieval.topk import inner_products
from dualnet.train import batches
from dualnet.train.checkpoint import last_stop
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings

WORLD = blocks_world()
TINY = {"levels": (16, 8), "epochs": 4, "user_batch": 20, "trials": 2}  # how levels are chosen has tests of its own
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def fresh(key, row=0):
    return Content.from_rows([key], {"title": [WORLD.items.title(row)]}, WORLD.items.spec)


@pytest.mark.parametrize("design", ["basic", "multi-level", "branching"])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("user_input", ["shared", "reference"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_runtime_equals_torch(design, norm, user_input, activation):
    rng = np.random.default_rng(0)
    matrix = csr_array((rng.random((12, 15)) < 0.4).astype(np.float32))
    features = csr_array((rng.random((15, 9)) < 0.4).astype(np.float32))
    columns = rng.normal(size=(12, 3)).astype(np.float32)
    shape = DualShape(15, 9, 3, (8, 6, 4), design, activation, norm, 0.0, True, user_input, True, 0.5)
    network = DualNetwork(shape, torch.Generator().manual_seed(3))
    noise = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=noise) * 0.3)
    inputs = InputSettings("none", 0.3, 0.0, 0.0, 0.0, 0)
    DualObjective(network, matrix, features, columns, np.ones(1, np.float32), inputs, LossSettings(0.01)).calibrate()
    network.eval()
    with torch.no_grad():
        dense = torch.from_numpy(features.toarray())
        items = network.encode_items(network.item_first(dense, network.item_residual)).numpy()
        seen = torch.from_numpy(matrix.toarray())
        sums = seen @ network.history_table(dense, network.user_table) / seen.sum(1, keepdim=True).sqrt()
        users = network.encode_users(sums + torch.from_numpy(columns) @ network.user_columns).numpy()
    runtime = DualRuntime(*export_network(network))
    known = np.arange(15)
    np.testing.assert_allclose(runtime.item_vectors(features, known), items, atol=1e-5)
    np.testing.assert_allclose(runtime.user_vectors(matrix, runtime.history_table(features, known), columns), users, atol=1e-5)


def test_a_new_item_reaches_someone_with_only_a_new_item():
    split = splits.four_quadrants(WORLD, seed=1)
    model = DualNet(factors=0, levels=(16, 8), epochs=60, user_batch=20, noise=0.1, history_noise=0.3)
    model.fit(split.train, split.validation, run=RunOptions(patience=60))
    model.add_items(fresh("n1")).add_items(fresh("n2", 1))
    found = model.recommend(history=["n1"], k=10)
    assert "n2" in found.ids
    assert found.paths[found.ids.index("n2")] == "content"
    report = evaluate(model, split.tasks, at=(10,), bootstrap=0)
    assert min(result.mean("recall@10") for result in report.results) > 0.8


def test_reference_input_ignores_new_items_in_a_history_and_says_so():
    model = DualNet(**TINY, user_input="reference", factors=0, content_weight=0.0).fit(WORLD)
    assert model.recommend(history=["i0-1", "n1"], new_items=fresh("n1"), k=3).ignored == ["n1"]
    assert model.recommend(history=["n1"], new_items=fresh("n1"), k=3).resolved == "fallback"


def test_without_content_it_is_collaborative_filtering():
    model = DualNet(levels=(16, 8), epochs=60, user_batch=20, mask="fold", trials=2).fit(Dataset(WORLD.interactions))
    assert not model.capabilities.new_items
    right = [str(key)[1] == str(user)[1] for user in WORLD.interactions.users for key in model.recommend(user, k=2).ids]
    assert np.mean(right) > 0.8


def test_user_columns_serve_people_without_history():
    users = WORLD.interactions.users
    profile = Content(users, pa.table({"group": [str(key)[1] for key in users]}), ContentSpec(categories=("group",)))
    model = DualNet(levels=(16, 8), epochs=30, user_batch=20, history_noise=0.5, trials=2)
    model.fit(Dataset(WORLD.interactions, WORLD.items, profile))
    nobody = csr_array((4, len(WORLD.interactions.items)), dtype=np.float32)
    someone = Content.from_rows(["a", "b", "c", "d"], {"group": ["0", "1", "2", "3"]}, profile.spec)
    scores = inner_products(model.encode_users(nobody, model.catalogue_, someone), model.encode_items(model.catalogue_))
    best = [WORLD.interactions.items.key(int(row)) for row in scores.argmax(axis=1)]
    assert [str(key)[1] for key in best] == ["0", "1", "2", "3"]


def test_a_history_without_columns_is_answered_as_well_where_the_columns_say_nothing_more():
    rng = np.random.default_rng(1)
    taken = [
        [*rng.choice(20, 4, replace=False) + 20 * (user % 2), *rng.choice(20, 2, replace=False) + 40] for user in range(600)
    ]
    events = pa.table(
        {"user_id": np.repeat([f"u{user}" for user in range(600)], 6), "item_id": [f"i{i}" for row in taken for i in row]}
    )
    items = pa.table({"item_id": [f"i{i}" for i in range(60)], "title": [f"thing {i % 8}" for i in range(60)]})
    people = pa.table(
        {"user_id": [f"u{user}" for user in range(600)], "country": ["de" if user % 2 else "jp" for user in range(600)]}
    )
    data = Dataset.from_tables(events, items, text="title", users=people, user_categories="country")
    parts = splits.unknown_users(data, seed=0, folds=2)
    model = DualNet(levels=(32, 16), epochs=20, trials=2).fit(parts.train)
    task = parts.tasks[0]
    with_columns = evaluate(model, parts, at=(10,)).results[0].per_user["recall@10"].mean()
    without = (
        evaluate(model, replace(parts, tasks=(replace(task, user_content=None),)), at=(10,))
        .results[0]
        .per_user["recall@10"]
        .mean()
    )
    assert without > 0.9 * with_columns


@pytest.fixture(scope="module")
def plain_losses():
    return [entry["loss"] for entry in DualNet(**TINY).fit(WORLD).training_.history]


@pytest.mark.parametrize(
    "changes",
    [{"mask": "fold"}, {"mask": "leave-one-out"}, {"design": "basic"}, {"optimizer": "sgd", "learning_rate": 0.002},
     {"zero_popularity": 0.5}, {"item_batch": 20}, {"weight_decay": 0.5}, {"loss": "logistic"}, {"skip_empty": 0.5, "user_batch": 2, "item_batch": 4, "epochs": 2}, {"norm": "layer"}, {"schedule": "cosine"}],
)  # fmt: skip
def test_options_change_the_fit_and_still_learn(changes, plain_losses):
    losses = [entry["loss"] for entry in DualNet(**{**TINY, **changes}).fit(WORLD).training_.history]
    assert losses[-1] < losses[0]
    assert losses != plain_losses[: len(losses)]


def test_dense_and_exact_loss_train_alike():
    fits = [DualNet(**TINY, zeros=form).fit(WORLD).training_.history[-1]["loss"] for form in ("dense", "exact")]
    assert fits[0] == pytest.approx(fits[1], rel=1e-3)


def test_validation_chooses_the_epochs_of_the_refit():
    split = splits.out_matrix(WORLD, cold=0.2)
    model = DualNet(levels=(16, 8), epochs=12, user_batch=20, trials=2)
    model.fit(split.train, split.validation, run=RunOptions(patience=3))
    assert model.training_.epoch == model.choice_.training.best_epoch
    inside = splits.citeulike2(WORLD)
    model = DualNet(levels=(16, 8), epochs=6, user_batch=20, trials=2).fit(inside.train, inside.validation)
    assert model.choice_.training is model.training_  # nothing was set aside: one fit serves
    assert model.training_.best_figure == max(entry["recall@auto"] for entry in model.training_.history)


def test_an_interrupted_fit_resumes_to_the_same_bits(tmp_path, monkeypatch):
    split = splits.out_matrix(WORLD, cold=0.2)
    plain = batches.DualBatches.batch
    calls = 0

    def interrupting(self, epoch, step):
        nonlocal calls
        calls += 1
        if calls in (5, 9):  # the step after the signal still runs, then the state is saved
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, epoch, step)

    def fit(folder):
        run = RunOptions(progress=False, checkpoint=folder, resume=True)
        return DualNet(levels=(16, 8), epochs=3, user_batch=10, trials=2).fit(split.train, split.validation, run=run)

    whole = fit(tmp_path / "whole")
    monkeypatch.setattr(batches.DualBatches, "batch", interrupting)
    for _ in range(2):
        with pytest.raises(TrainingInterruptedError, match="run the same command with --resume"):
            fit(tmp_path / "parts")
    again = fit(tmp_path / "parts")
    for name, value in whole.runtime_.tensors.items():
        np.testing.assert_array_equal(value, again.runtime_.tensors[name])


STAGED = {
    "levels": (16, 8), "stages": ("pretrain", "refine", "optimise"), "init": "random", "epochs": 2, "refine_epochs": 2,
    "pretrain_epochs": 1, "user_batch": 20, "trials": 2,
}  # fmt: skip


def in_order(lines):
    return sorted(lines, key=lambda line: (line["phase"], line["epoch"]))


@pytest.mark.parametrize(("call", "stopped"), [(2, "train/refine-1"), (11, "train/refine-2"), (18, "train/optimise")])
def test_a_fit_stopped_in_any_stage_names_it_and_resumes_to_the_same_bits(tmp_path, monkeypatch, call, stopped):
    plain, calls = batches.DualBatches.batch, 0

    def interrupting(self, epoch, step):
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, epoch, step)

    def fit(folder):
        log = tmp_path / f"{folder}.jsonl"
        run = RunOptions(progress=False, checkpoint=tmp_path / folder, resume=True, log=log)
        model = DualNet(**STAGED).fit(WORLD, run=run)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return model, [{name: value for name, value in line.items() if name != "seconds"} for line in lines]

    whole, whole_log = fit("whole")
    monkeypatch.setattr(batches.DualBatches, "batch", interrupting)
    with pytest.raises(TrainingInterruptedError, match=stopped):
        fit("parts")
    assert last_stop(tmp_path / "parts").startswith(f"{stopped}, epoch ")
    again, again_log = fit("parts")
    assert last_stop(tmp_path / "parts") == "train/optimise, done"
    for name, value in whole.runtime_.tensors.items():
        np.testing.assert_array_equal(value, again.runtime_.tensors[name])
    assert in_order(again_log) == in_order(whole_log)  # what is solved again has its lines after those of epochs that were kept
    assert list(dict.fromkeys(line["phase"] for line in whole_log)) == [
        "choose-solved", "train-solved", "train/pretrain", "train/refine-1", "train/refine-2", "train/optimise",
    ]  # fmt: skip


def test_a_fresh_fit_forgets_the_checkpoints_of_all_stages(tmp_path):
    run = RunOptions(progress=False, checkpoint=tmp_path)
    DualNet(**STAGED).fit(WORLD, run=run)
    with pytest.raises(UsageError, match="user_batch=99 does not fit"):  # fails before its first step
        DualNet(**{**STAGED, "user_batch": 99}).fit(WORLD, run=run)
    assert last_stop(tmp_path) == "train/pretrain, done"


def test_a_refit_never_meets_the_checkpoints_of_the_fit_before_a_fresh_one(tmp_path, monkeypatch):
    split, plain = splits.out_matrix(WORLD, cold=0.2), batches.DualBatches.batch

    def fit(rate, *, resume):
        run = RunOptions(progress=False, checkpoint=tmp_path, resume=resume)
        return DualNet(**{**TINY, "epochs": 2, "learning_rate": rate}).fit(split.train, split.validation, run=run)

    def interrupting(self, epoch, step):
        os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, epoch, step)

    fit(0.01, resume=False)
    assert (tmp_path / "final" / "optimise").is_dir()
    monkeypatch.setattr(batches.DualBatches, "batch", interrupting)
    with pytest.raises(TrainingInterruptedError):
        fit(0.02, resume=False)
    monkeypatch.setattr(batches.DualBatches, "batch", plain)
    again = fit(0.02, resume=True)
    np.testing.assert_array_equal(again.runtime_.tensors["item.scale"], fit(0.02, resume=False).runtime_.tensors["item.scale"])


@pytest.mark.parametrize("design", ["basic", "multi-level", "branching"])
def test_every_stage_counts_and_any_can_be_left_out(design):
    fits = {}
    for kinds in [("optimise",), ("refine",), ("refine", "optimise"), ("pretrain", "optimise"), ("pretrain", "refine")]:
        model = DualNet(**{**STAGED, "design": design, "stages": kinds}).fit(WORLD)
        assert model.training_.epoch == 2
        fits[kinds] = model.training_.history[-1]["loss"]
    assert len(set(fits.values())) == len(fits)
    assert fits["refine", "optimise"] < fits["refine",]
    assert fits["refine", "optimise"] < fits["optimise",]


def test_the_last_stage_is_validated_and_chooses_its_epochs():
    split = splits.out_matrix(WORLD, cold=0.2)
    model = DualNet(**{**STAGED, "stages": ("refine",), "refine_epochs": 4}).fit(split.train, split.validation)
    assert model.training_.epoch == model.choice_.training.best_epoch
    assert all("recall@auto" in entry for entry in model.choice_.training.history)


@pytest.mark.parametrize(("optimizer", "learned"), [("adam", True), ("sgd", False)])
def test_sgd_leaves_the_scale_of_the_embeddings(optimizer, learned):
    model = DualNet(**{**TINY, "optimizer": optimizer, "learning_rate": 0.002, "init": "random"}).fit(WORLD)
    assert np.array_equal(model.runtime_.tensors["item.scale"], np.full(24, 0.1, np.float32)) is not learned


def test_who_watches_a_fit_sees_the_epochs_of_the_last_stage():
    seen = []
    DualNet(**STAGED).fit(WORLD, run=RunOptions(progress=False, after_epoch=seen.append))
    assert [entry["epoch"] for entry in seen] == [1, 2]


def test_pretraining_without_content_is_refused():
    with pytest.raises(UsageError, match="stages has 'pretrain', but the items have no content"):
        DualNet(**STAGED).fit(Dataset(WORLD.interactions))


def test_the_paper_preset():
    model = DualNet.paper(epochs=3)
    assert (model.user_input, model.optimizer, model.item_residual, model.epochs) == ("reference", "sgd", False, 3)
    assert model.stages == ("pretrain", "refine", "optimise")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"levels": (), "factors": 0}, "leave nothing to fit"),
        ({"levels": (0,)}, "positive widths"),
        ({"design": "branchng"}, "Did you mean 'branching'"),
        ({"noise": 1.0}, "noise=1.0 must be at least 0 and below 1"),
        ({"zero_weight": 0.0}, "without zeros"),
        ({"learning_rate": -1}, "learning_rate=-1 must be above 0"),
        ({"epochs": 0}, "epochs=0 must be a whole number"),
        ({"user_batch": 10_000}, "user_batch=10000 does not fit the 40 users"),
        ({"clip": 0.0}, "clip=0.0 must be above 0"),
        ({"first_length": 0.0}, "first_length=0.0 must be above 0"),
        ({"first_length": 1.0, "norm": "none"}, "first_length is for levels that are normalised"),
        ({"skip_empty": 1.5}, "skip_empty=1.5 must be at least 0 and at most 1"),
        ({"stages": ("refine", "optimize")}, "Did you mean 'optimise'"),
        ({"stages": ("optimise", "refine")}, "in the order pretrain, refine, optimise"),
        ({"stages": ("pretrain",), "init": "random"}, "nothing would train the user network"),
        ({"stages": ()}, "nothing would train the user network"),
        ({"stages": ("pretrain", "optimise")}, "'pretrain' and init='spectral'"),
        ({"refine_epochs": 0}, "refine_epochs=0 must be a whole number"),
        ({"fold": 0}, "fold=0 must be above 0"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 must be at least 0"),
    ],
)
def test_bad_parameters(changes, text):
    with pytest.raises(UsageError, match=text):
        DualNet(**{**TINY, **changes}).fit(WORLD)
