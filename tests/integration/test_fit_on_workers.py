"""A fit on workers of a Ray cluster: the model of one process; errors, signals and kills end as they do there."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("ray")
pytest.importorskip("torch")

from benchmarks import worker_kills
from dualnet import DualNet, RunOptions
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.distributed.cluster import cluster
from dualnet.errors import TrainingError, TrainingInterruptedError

NETWORKS = {"levels": (8, 4), "factors": 0, "content_weight": 0.0, "network_weight": 1.0}


@pytest.fixture(scope="module")
def two_workers():
    """A cluster of this machine with room for two, for all tests of this file."""
    with cluster(None, 2) as ray:
        yield ray


def vectors(model):
    return np.concatenate([value.ravel() for _, value in sorted(model._get_state()[1].items())])


@pytest.mark.slow
def test_two_workers_learn_what_one_process_learns(two_workers, tmp_path):
    data, told = blocks_world(), []
    one = DualNet(**NETWORKS, epochs=2).fit(data, run=RunOptions(progress=False))
    model = DualNet(**NETWORKS, epochs=2)
    run = RunOptions(workers=2, progress=False, checkpoint=tmp_path / "c", log=tmp_path / "log.jsonl", after_epoch=told.append)
    two = model.fit(data, run=run)
    assert two is model
    assert [figures["epoch"] for figures in told] == [1, 2]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    apart = np.linalg.norm(vectors(two) - vectors(one)) / np.linalg.norm(vectors(one))
    assert apart < 1e-3  # Adam divides by the length of small gradients, and so makes more of their rounding
    assert two.recommend(history=["i0-0"], k=5).ids == one.recommend(history=["i0-0"], k=5).ids
    # it goes on where it stopped, with any number of workers: here there is nothing left to do
    again = DualNet(**NETWORKS, epochs=2).fit(data, run=RunOptions(progress=False, checkpoint=tmp_path / "c", resume=True))
    np.testing.assert_array_equal(vectors(again), vectors(two))


@pytest.mark.scale
def test_an_error_of_a_worker_is_the_sentence_and_the_code_of_one_process(two_workers, tmp_path, capsys):
    wild = ["fit", "demo", "--set", "levels=[8,4]", "--set", "factors=0", "--set", "epochs=5", "--set", "optimizer=sgd",
            "--set", "norm=none", "--set", "learning_rate=1e9", "--set", "init=random"]  # fmt: skip
    alone = main([*wild, "--out", str(tmp_path / "one")])
    said = capsys.readouterr().err.splitlines()[-1]
    assert main([*wild, "--workers", "2", "--out", str(tmp_path / "two")]) == alone == TrainingError.exit_code
    assert capsys.readouterr().err.splitlines()[-1].split(";")[0] == said.split(";")[0]


@pytest.mark.scale
def test_a_stop_in_python_saves_and_says_so(two_workers, tmp_path):
    def stop(figures):
        os.kill(os.getpid(), signal.SIGTERM)

    run = RunOptions(workers=2, progress=False, checkpoint=tmp_path, after_epoch=stop)
    with pytest.raises(TrainingInterruptedError) as raised:
        DualNet(**NETWORKS, epochs=5000).fit(blocks_world(), run=run)
    assert raised.value.exit_code == 143
    assert list(tmp_path.glob("*/*/step-*"))


@pytest.mark.scale
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_goes_on_with_another_number_of_workers(tmp_path, number):
    command = [
        sys.executable,
        "-m",
        "dualnet",
        "fit",
        "demo",
        "--set",
        "levels=[8,4]",
        "--set",
        "factors=0",
        "--out",
        str(tmp_path / "x"),
    ]
    child = subprocess.Popen([*command, "--set", "epochs=400", "--workers", "2"], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("x/checkpoints/*/*/step-*")):
        assert child.poll() is None, child.stderr.read()
        time.sleep(0.2)
    child.send_signal(number)
    said = child.communicate()[1]
    assert child.returncode == 128 + number, said
    assert "--resume" in said
    assert "Traceback" not in said
    kept = list(tmp_path.glob("x/checkpoints/*/*/step-*"))
    again = subprocess.Popen([*command, "--set", "epochs=400", "--workers", "3", "--resume"], stderr=subprocess.PIPE, text=True)
    while set(tmp_path.glob("x/checkpoints/*/*/step-*")) <= set(kept):
        assert again.poll() is None, again.stderr.read()
        time.sleep(0.2)
    again.terminate()
    assert again.wait() == 128 + signal.SIGTERM


@pytest.mark.scale
@pytest.mark.parametrize("kind", worker_kills.KINDS)
def test_a_fit_ends_whatever_is_killed(kind):
    row = worker_kills.one_fit(kind, 1 if kind in ("head", *worker_kills.ELASTIC) else 3, random.Random(7))
    assert row["kills"] >= 1
    assert row["finished"], row
    assert row["same bits"] in (True, None)
    assert row["longest silence"] < 60
