"""Training that runs away is an error with its own exit code; a stop is heard in any block; threads belong to a checkpoint."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from dualnet import RunOptions, create
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.errors import DivergenceError, TrainingError, TrainingInterruptedError, UsageError
from dualnet.train import objective as objectives
from dualnet.train.checkpoint import load_checkpoint
from dualnet.train.divergence import check_loss

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WORLD = blocks_world()
SMALL = {"levels": (8, 4), "factors": 0, "epochs": 3}


@pytest.mark.parametrize(
    ("loss", "before", "error"),
    [(0.3, [], None), (0.9, [0.1, 0.1, 0.1], None), (5.0, [], None), (11.0, [], DivergenceError), (2.5, [0.2] * 3, DivergenceError),
     (2.5, [0.2] * 2, None), (float("nan"), [], TrainingError), (float("inf"), [], TrainingError), (1e30, [], DivergenceError)],
)  # fmt: skip
def test_what_counts_as_divergence(loss, before, error):
    if error is None:
        check_loss(loss, 1.0, before, "epoch 1", "do this")
        return
    with pytest.raises(error, match="do this") as raised:
        check_loss(loss, 1.0, before, "epoch 1", "do this")
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "given", [*({"zeros": zeros} for zeros in ("auto", "exact", "dense", "estimated")), {"loss": "logistic"}], ids=str
)
def test_the_zero_model_has_the_error_that_is_said(given):
    model = create("dualnet", **SMALL, **given)
    from dualnet.models import dualnet_training

    seen = []
    real = dualnet_training.Trainer

    class Watched(real):
        def __init__(self, objective, batches, *given, **more):
            super().__init__(objective, batches, *given, **more)
            with torch.no_grad():
                for parameter in objective.network.parameters():
                    parameter.zero_()
            zero = sum(float(objective.loss(batches.batch(0, step))[1]) for step in range(len(batches)))
            seen.append((zero, more["zero_error"]))
            raise KeyboardInterrupt

    dualnet_training.Trainer = Watched
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(WORLD)
    finally:
        dualnet_training.Trainer = real
    assert seen[0][0] == pytest.approx(seen[0][1], rel=0.05)


@pytest.mark.parametrize("rate", [10.0, 1000.0])
@pytest.mark.parametrize("given", [{}, {"loss": "logistic"}, {"optimizer": "sgd", "momentum": 0.9}, {"clip": None}])
def test_a_run_that_diverges_stops_and_keeps_what_was_before(tmp_path, rate, given):
    run = RunOptions(checkpoint=tmp_path / "c", log=tmp_path / "log.jsonl", progress=False)
    with pytest.raises(TrainingError, match="lower learning_rate"):
        create("dualnet", **{**SMALL, "epochs": 30}, learning_rate=rate, **given).fit(WORLD, run=run)


def test_pairwise_training_that_diverges_stops():
    with pytest.raises(TrainingError, match="learning_rate"):
        create("bpr", factors=4, epochs=5, learning_rate=1e4).fit(WORLD)


def test_divergence_has_an_exit_code_of_its_own(tmp_path, capsys):
    for kind, table in dataset_tables(WORLD).items():
        write_table(table, tmp_path / f"{kind}.csv")
    asked = ["fit", str(tmp_path / "events.csv"), "--out", str(tmp_path / "run"), "--set", "learning_rate=100.0"]
    assert main([*asked, "--set", "levels=[8,4]", "--set", "epochs=5", "--set", "factors=0"]) == 7
    assert "training diverges" in capsys.readouterr().err


@pytest.mark.parametrize("blocks", [{}, {"user_batch": WORLD.interactions.n_users, "item_batch": WORLD.interactions.n_items}])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_heard_whatever_the_size_of_a_block(tmp_path, monkeypatch, blocks, number):
    run = RunOptions(checkpoint=tmp_path / "c", log=tmp_path / "log.jsonl", progress=False)
    model = create("dualnet", **{**SMALL, "epochs": 30, **blocks})
    monkeypatch.setattr("dualnet.train.progress.EpochLog.write", lambda *_: os.kill(os.getpid(), number))
    with pytest.raises(TrainingInterruptedError) as raised:
        model.fit(WORLD, run=run)
    assert raised.value.exit_code == 128 + number
    state = load_checkpoint(next((tmp_path / "c").rglob("step-*")).parent)[1]
    assert state["epoch"] <= 2


@pytest.mark.parametrize("zeros", ["exact", "estimated"])
def test_a_block_that_is_left_in_its_middle_is_done_again_with_the_same_bits(tmp_path, monkeypatch, zeros):
    def model():
        return create("dualnet", **{**SMALL, "user_batch": WORLD.interactions.n_users, "zeros": zeros})

    monkeypatch.setattr(objectives, "USERS_AT_ONCE", 8)
    monkeypatch.setitem(objectives.DualObjective.__init__.__kwdefaults__, "users_at_once", 8)
    whole = model().fit(WORLD)
    real, count = objectives.DualObjective._encode_users, []

    def part(self, *given, **more):
        count.append(1)
        if len(count) == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(objectives.DualObjective, "_encode_users", part)
        with pytest.raises(TrainingInterruptedError):
            model().fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", progress=False))
    assert len(count) == 12
    resumed = model().fit(WORLD, run=RunOptions(checkpoint=tmp_path / "c", resume=True, progress=False))
    for name, value in whole._get_state()[1].items():
        np.testing.assert_array_equal(value, resumed._get_state()[1][name])


def test_threads_belong_to_a_checkpoint(tmp_path, monkeypatch):
    def fit(threads, resume):
        run = RunOptions(checkpoint=tmp_path / "c", threads=threads, resume=resume, progress=False)
        return create("dualnet", **{**SMALL, "epochs": 4}).fit(WORLD, run=run)

    def stop(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr("dualnet.train.progress.EpochLog.write", stop)
        with pytest.raises(TrainingInterruptedError):
            fit(1, False)
    state = load_checkpoint(next((tmp_path / "c").rglob("step-*")).parent)[1]
    assert state["threads"] == 1
    with pytest.raises(UsageError, match="made with 1 threads, 2 now.*--threads 1"):
        fit(2, True)
    used, real = [], torch.set_num_threads
    before = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: (used.append(count), real(before))[1])
    fit(None, True)
    assert 1 in used


def test_the_log_of_a_stopped_run_is_whole(tmp_path):
    create("dualnet", **SMALL).fit(WORLD, run=RunOptions(log=tmp_path / "log.jsonl", progress=False))
    assert all(json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())
