"""Parameters of older versions: refused where somebody writes them, with what to write now; translated where they were saved."""

import json
import os
import signal

import numpy as np
import pytest

from dualnet import BPR, CDL, DualNet, RunOptions, create, load, splits
from dualnet.config import build_model
from dualnet.data.synthetic import blocks_world
from dualnet.errors import TrainingInterruptedError, UsageError
from dualnet.models import dualnet_training
from dualnet.models.registry import model_class
from dualnet.train import trainer

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WORLD = blocks_world()
SMALL = {"levels": (8, 4), "factors": 0, "epochs": 2, "user_batch": 20}
WAYS = ["auto", "exact", "dense", "estimated"]


def older(parameters: dict, zeros: str) -> dict:
    """Return parameters as version 0.1 wrote them."""
    then = {name: value for name, value in parameters.items() if name != "zeros"}
    return {**then, "loss": zeros if parameters["loss"] == "squares" else parameters["loss"]}


@pytest.mark.parametrize("zeros", WAYS)
@pytest.mark.parametrize(
    "write",
    [lambda loss: DualNet(**SMALL, loss=loss).fit(WORLD), lambda loss: create("dualnet", **SMALL, loss=loss).fit(WORLD),
     lambda loss: create("dualnet", **SMALL).set_params(loss=loss).fit(WORLD),
     lambda loss: build_model("dualnet", {"loss": loss}, "dualnet.toml")],
    ids=["constructor", "create", "set_params", "configuration"],
)  # fmt: skip
def test_a_way_of_computing_zeros_is_no_loss_any_more(write, zeros):
    told = rf"loss='{zeros}' is of an older version; write loss( = |=).squares. (with|and) zeros\1.{zeros}."
    with pytest.raises(UsageError, match=told):
        write(zeros)


def test_an_unknown_loss_is_told_as_ever():
    with pytest.raises(UsageError, match="loss='square' is not known.*'squares'"):
        DualNet(**SMALL, loss="square").fit(WORLD)


@pytest.mark.parametrize("zeros", ["exact", "estimated"])
def test_a_loss_without_gram_form_refuses_to_be_summed_by_one(zeros):
    with pytest.raises(UsageError, match="loss='logistic' has no Gram form"):
        DualNet(**SMALL, loss="logistic", zeros=zeros).fit(WORLD)
    DualNet(**{**SMALL, "epochs": 1}, loss="logistic", zeros="dense").fit(WORLD)


@pytest.mark.parametrize(("loss", "zeros"), [*(("squares", zeros) for zeros in WAYS), ("logistic", "auto")])
def test_a_folder_of_an_older_version_says_the_same_today(tmp_path, loss, zeros):
    model = DualNet(**SMALL, loss=loss, zeros=zeros).fit(WORLD)
    manifest = model.save(tmp_path / "model") / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "parameters": older(told["parameters"], zeros)}))
    again = load(tmp_path / "model")
    assert (again.loss, again.zeros) == (loss, zeros)
    user = WORLD.interactions.users.key(0)
    assert again.recommend(user, k=5) == model.recommend(user, k=5)


class Stopping(trainer.EpochLog):
    """A log of the trainer that asks to stop after the first epoch."""

    def write(self, *_):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("stages", [("optimise",), ("pretrain", "optimise")])
@pytest.mark.parametrize("loss", ["squares", "logistic"])
def test_a_checkpoint_of_an_older_version_goes_on(tmp_path, monkeypatch, loss, stages):
    def model():
        return DualNet(**{**SMALL, "epochs": 4}, loss=loss, stages=stages, init="random")

    real = dualnet_training._identity
    with monkeypatch.context() as then:
        then.setattr(dualnet_training, "_identity", lambda *given: older(real(*given), "auto"))
        then.setattr(trainer, "EpochLog", Stopping)
        with pytest.raises(TrainingInterruptedError):
            model().fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", progress=False))
    resumed = model().fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", resume=True, progress=False))
    whole = model().fit(WORLD)
    for name, value in whole.runtime_.tensors.items():
        np.testing.assert_array_equal(value, resumed.runtime_.tensors[name])
    other = DualNet(**{**SMALL, "epochs": 4}, loss=loss, zeros="dense", stages=stages, init="random")
    with pytest.raises(UsageError, match="another run"):
        other.fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", resume=True, progress=False))


MOVED = [
    (name, option, value)
    for name in ("dualnet", "cdl", "bpr")
    for option, value in {
        "device": "cpu", "monitor": "recall@50", "patience": 3, "validate_every": 2, "validation_users": 50,
    }.items() if option in model_class(name).moved
]  # fmt: skip


@pytest.mark.parametrize(("name", "option", "value"), MOVED)
def test_what_is_an_option_of_the_run_is_no_parameter_any_more(name, option, value):
    model = model_class(name)
    there = {option: value}
    for write in (lambda: model(**there), lambda: create(name, **there), lambda: model().set_params(**there)):
        with pytest.raises(UsageError) as raised:
            write()
        assert f"run=RunOptions({option}={value!r})" in str(raised.value)
    with pytest.raises(UsageError) as raised:
        build_model(name, there, "dualnet.toml")
    assert f"--{option.replace('_', '-')} {value}" in str(raised.value)
    assert option not in model().get_params()
    RunOptions(**there)


@pytest.mark.parametrize(
    "given",
    [{"device": "gpu"}, {"device": 1}, {"monitor": "recall@5"}, {"monitor": None}, {"patience": 0}, {"patience": 2.5},
     {"validate_every": -1}, {"validation_users": "many"}, {"validation_users": True}],
    ids=str,
)  # fmt: skip
def test_options_of_a_run_are_checked_when_they_are_written(given):
    with pytest.raises(UsageError, match=next(iter(given))):
        RunOptions(**given)


@pytest.mark.parametrize(
    "model",
    [DualNet(**{**SMALL, "epochs": 6}), BPR(factors=4, epochs=6), CDL(levels=(8,), alternations=6)],
    ids=lambda m: m.name,
)
def test_options_of_a_run_are_heard_by_every_model_that_has_them(monkeypatch, model):
    """How many users are ranked, how often, and which figure decides."""
    split, seen = splits.citeulike2(WORLD), []

    def figures(self, encode=None):
        seen.append([len(task.users) for task, _, _ in self._asked])
        # the figure that decides is best at the second look, all others get better
        decides = 1.0 if len(seen) == 2 else 0.0
        return {"recall@auto": float(len(seen)), "recall@50": decides, "recall@100": 0.0, "recall@200": 0.0, "half-width": 0.0}

    monkeypatch.setattr("dualnet.models.choosing.ValidationTasks.figures", figures)
    run = RunOptions(progress=False, monitor="recall@50", validation_users=7, validate_every=2, patience=1)
    model.fit(split.train, split.validation, run=run)
    assert all(count <= 7 for looked in seen for count in looked)
    assert len(seen) == (6 if model.name == "cdl" else 3)  # CDL looks after each round, to the last
    if model.name == "dualnet":
        assert model.training_.best_epoch == 4
    if model.name == "bpr":
        assert model.epochs_ == 4


def test_a_folder_of_an_older_version_may_name_options_of_the_run(tmp_path):
    model = BPR(factors=4, epochs=2).fit(WORLD)
    manifest = model.save(tmp_path / "model") / "manifest.json"
    told = json.loads(manifest.read_text())
    old = {"patience": 5, "validate_every": 2, "validation_users": 10}
    manifest.write_text(json.dumps({**told, "parameters": told["parameters"] | old}))
    assert load(tmp_path / "model").get_params() == model.get_params()


@pytest.mark.parametrize(
    "changed", [{"patience": 4}, {"monitor": "recall@50"}, {"validate_every": 3}, {"validation_users": 9}], ids=str
)
def test_a_checkpoint_belongs_to_the_options_that_bear_on_what_comes_out(tmp_path, changed):
    model = DualNet(**SMALL)
    model.fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", progress=False))
    with pytest.raises(UsageError, match=f"another run .*{next(iter(changed))}: "):
        model.fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", resume=True, progress=False, **changed))
