"""Parameters of older versions: refused where somebody writes them, with what to write now; translated where they were saved."""

import json
import os
import signal

import numpy as np
import pytest

from dualnet import DualNet, RunOptions, create, load
from dualnet.config import build_model
from dualnet.data.synthetic import blocks_world
from dualnet.errors import TrainingInterruptedError, UsageError
from dualnet.models import dualnet_training

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
    with pytest.raises(UsageError, match=f"loss='{zeros}' is of an older version; write loss='squares', zeros='{zeros}'"):
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


@pytest.mark.parametrize("stages", [("optimise",), ("pretrain", "optimise")])
@pytest.mark.parametrize("loss", ["squares", "logistic"])
def test_a_checkpoint_of_an_older_version_goes_on(tmp_path, monkeypatch, loss, stages):
    def model():
        return DualNet(**{**SMALL, "epochs": 4}, loss=loss, stages=stages, init="random")

    real = dualnet_training._identity
    with monkeypatch.context() as then:
        then.setattr(dualnet_training, "_identity", lambda *given: older(real(*given), "auto"))
        then.setattr("dualnet.train.trainer.EpochLog.write", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(TrainingInterruptedError):
            model().fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", progress=False))
    resumed = model().fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", resume=True, progress=False))
    whole = model().fit(WORLD)
    for name, value in whole.runtime_.tensors.items():
        np.testing.assert_array_equal(value, resumed.runtime_.tensors[name])
    other = DualNet(**{**SMALL, "epochs": 4}, loss=loss, zeros="dense", stages=stages, init="random")
    with pytest.raises(UsageError, match="another run"):
        other.fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", resume=True, progress=False))
