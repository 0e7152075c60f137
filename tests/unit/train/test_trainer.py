"""The trainer: same seed same bits, resume at any step, refuse a foreign checkpoint, stop on a loss that is not finite."""

import json
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.errors import DualNetWarning, TrainingError, TrainingInterruptedError, UsageError
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatches
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.options import RunOptions
from dualnet.train.trainer import Trainer, TrainerSettings

SCRIPT = Path(__file__).with_name("train_once.py")


def make_trainer(
    folder=None,
    *,
    seed=0,
    resume=False,
    epochs=4,
    rate=1e-2,
    optimizer="adam",
    log=None,
    after_batch=None,
    patience=9,
    form="auto",
    skip=0.0,
    clip=None,
    group=None,
):
    rng = np.random.default_rng(0)
    matrix = csr_array((rng.random((30, 40)) < 0.2).astype(np.float32))
    features = csr_array((rng.random((40, 12)) < 0.3).astype(np.float32))
    shape = DualShape(40, 12, 0, (8, 6), "branching", "tanh", "batch", 0.1, False, "shared", True, 0.3)
    network = DualNetwork(shape, torch.Generator().manual_seed(seed))
    inputs, settings = InputSettings("none", 0.3, 0.3, 0.3, 0.5, seed), LossSettings(0.01, zeros=form)
    objective = DualObjective(network, matrix, features, None, np.ones(1, np.float32), inputs, settings, group=group)
    users, items = (2, 3) if skip else (10, 20)  # small enough for empty blocks
    batches = DualBatches(matrix, user_batch=users, item_batch=items, seed=seed, skip_empty=skip)
    if after_batch is not None:
        plain = batches.batch
        batches.batch = lambda epoch, step: (after_batch(epoch, step), plain(epoch, step))[1]
    return Trainer(
        objective, batches,
        TrainerSettings(optimizer, rate, 0.9, 0.0, "one-cycle", epochs, None, patience, "figure", clip=clip),
        n_pairs=matrix.nnz, validate=lambda: {"figure": -float(network.item_scale.detach().sum())},
        identity={"seed": seed}, phase="train",
        run=RunOptions(progress=False, checkpoint=folder, resume=resume, log=log, collectives=group),
    )  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_same_seed_same_bits(optimizer):
    digests = []
    for _ in range(2):
        trainer = make_trainer(optimizer=optimizer)
        trainer.fit()
        digests.append(trainer.digest())
    other = make_trainer(seed=1, optimizer=optimizer)
    other.fit()
    assert digests[0] == digests[1] != other.digest()


def test_loss_falls():
    trainer = make_trainer(epochs=15)
    history = trainer.fit().history
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


@pytest.mark.parametrize(("optimizer", "form"), [("adam", "auto"), ("sgd", "auto"), ("adam", "estimated")])
def test_a_run_stopped_by_a_signal_and_resumed_equals_a_whole_one(tmp_path, optimizer, form):
    whole = make_trainer(tmp_path / "whole", optimizer=optimizer, form=form)
    whole.fit()

    def interrupt(epoch, step):
        if (epoch, step) == (1, 3):
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = make_trainer(tmp_path / "parts", optimizer=optimizer, form=form, after_batch=interrupt)
    with pytest.raises(TrainingInterruptedError) as caught:
        stopped.fit()
    assert caught.value.exit_code == 143
    assert (stopped.state.epoch, stopped.state.step) == (1, 4)
    resumed = make_trainer(tmp_path / "parts", optimizer=optimizer, form=form, resume=True)
    resumed.fit()
    assert resumed.digest() == whole.digest()


def test_skipped_blocks_are_no_steps_and_a_resumed_run_skips_the_same(tmp_path):
    taken = []
    whole = make_trainer(tmp_path / "whole", skip=0.5, after_batch=lambda epoch, step: taken.append((epoch, step)))
    whole.fit()
    expected = [
        (epoch, step) for epoch in range(4) for step in range(len(whole.batches)) if not whole.batches.skips(epoch, step)
    ]
    assert taken == expected
    assert len(taken) < 4 * len(whole.batches)
    assert whole._steps_done() == 4 * len(whole.batches)

    def interrupt(epoch, step):
        if (epoch, step) == expected[len(expected) // 2]:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(TrainingInterruptedError):
        make_trainer(tmp_path / "parts", skip=0.5, after_batch=interrupt).fit()
    resumed = make_trainer(tmp_path / "parts", skip=0.5, resume=True)
    resumed.fit()
    assert resumed.digest() == whole.digest()


@pytest.mark.slow
def test_kills_at_random_times_leave_no_trace(tmp_path):
    """SIGKILL a child at random moments, restart it until it is done: weights, optimiser and figures are the same bits."""
    command = [sys.executable, str(SCRIPT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    expected = subprocess.run([*command, str(tmp_path / "whole")], capture_output=True, text=True, env=environment, check=True)
    rng = random.Random(0)
    kills = 0
    while kills < 5:  # steps, not seconds, decide when: a fast machine is killed as often as a slow one
        child = subprocess.Popen([*command, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True, env=environment)
        assert child.stdout is not None
        for _ in range(rng.randint(1, 40)):  # of 240 in all
            assert child.stdout.readline()
        child.kill()
        child.communicate()
        kills += child.returncode == -signal.SIGKILL
    finished = subprocess.run([*command, str(tmp_path / "killed")], capture_output=True, text=True, env=environment, check=True)
    assert len(finished.stdout.splitlines()) < len(expected.stdout.splitlines())  # it went on, it did not start anew
    assert finished.stdout.split()[-1] == expected.stdout.split()[-1]


def test_resume_with_other_settings_is_refused(tmp_path):
    make_trainer(tmp_path).fit()
    with pytest.raises(UsageError, match="seed: 0 then, 1 now"):
        make_trainer(tmp_path, seed=1, resume=True).fit()


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    trainer = make_trainer(tmp_path)
    trainer.fit()
    newest = sorted((tmp_path / "train").glob("step-*"))[-1] / "tensors.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    again = make_trainer(tmp_path, resume=True)
    with pytest.warns(DualNetWarning, match=r"damaged \(tensors.safetensors does not match"):
        again.fit()
    assert again.digest() == trainer.digest()


def test_loss_that_is_not_finite_stops_training():
    trainer = make_trainer()
    with torch.no_grad():
        trainer.objective.network.item_scale.fill_(math.inf)
    with pytest.raises(TrainingError, match=r"the loss became \w+ in epoch 1, step 1, .* lower learning_rate"):
        trainer.fit()


def test_best_weights_are_kept_and_patience_stops():
    trainer = make_trainer(epochs=30, patience=2)
    figures = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    trainer.validate = lambda: {"figure": next(figures)}
    state = trainer.fit()
    assert (state.best_epoch, state.epoch) == (2, 4)
    for name, value in trainer.objective.network.state_dict().items():
        assert torch.equal(value, trainer.best[name])


def test_a_clipped_step_is_no_longer_than_the_limit_and_goes_the_same_way():
    steps = []
    for clip in (None, 1e3, 0.1):
        trainer = make_trainer(optimizer="sgd", rate=1.0, clip=clip, after_batch=lambda epoch, step: step == 1 and stop())
        before = [parameter.detach().clone() for parameter in trainer.objective.network.parameters()]
        with pytest.raises(StopIteration):
            trainer.fit()
        after = trainer.objective.network.parameters()
        moved = torch.cat([(new.detach() - old).flatten() for new, old in zip(after, before, strict=True)])
        steps.append(moved / 0.04)  # the one-cycle rate of the first step
    assert torch.equal(steps[0], steps[1])
    assert float(steps[2].norm()) == pytest.approx(0.1, rel=1e-3)
    torch.testing.assert_close(steps[2] / steps[2].norm(), steps[0] / steps[0].norm(), rtol=1e-3, atol=1e-4)


def stop():
    raise StopIteration


def test_log_has_one_line_an_epoch_also_after_a_resume(tmp_path):
    log = tmp_path / "log.jsonl"

    def interrupt(epoch, step):
        if (epoch, step) == (2, 1):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(TrainingInterruptedError):
        make_trainer(tmp_path / "c", log=log, after_batch=interrupt).fit()
    make_trainer(tmp_path / "c", log=log, resume=True).fit()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert {"phase", "loss", "figure", "seconds"} <= set(lines[0])


def test_every_tensor_is_made_on_the_networks_device():
    """With another default device, whatever is made without naming one meets the network's tensors and fails."""
    trainer = make_trainer(epochs=1, form="estimated")
    torch.set_default_device("meta")
    try:
        trainer.fit()
    finally:
        torch.set_default_device(None)
    assert all(parameter.device.type == "cpu" for parameter in trainer.objective.network.parameters())
