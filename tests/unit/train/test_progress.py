"""What is said of a running training where there is no terminal."""

import json
import re

import pytest

from dualnet import RunOptions
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from dualnet.train import progress as module
from dualnet.train.progress import EpochProgress


@pytest.mark.parametrize(("show", "written"), [(None, "fit: 50% done  round 1  objective 12.5\n"), (False, "")])
def test_a_line_where_a_bar_would_be_lost(monkeypatch, capsys, show, written):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    with EpochProgress(show, "fit", 2, 0) as progress:
        progress.round({"epoch": 1.0, "objective": 12.5}, 1)
    assert capsys.readouterr().err == written


def test_a_short_training_says_nothing(capsys):
    create("dualnet", levels=(4,), epochs=2).fit(blocks_world(), run=RunOptions())
    assert capsys.readouterr().err == ""


def test_a_long_training_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    create("dualnet", levels=(4,), epochs=2, factors=0).fit(blocks_world(), run=RunOptions())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert all("% done  epoch" in line and "loss" in line for line in lines)
    assert "100% done  epoch 2" in lines[-1]


def test_the_loss_is_that_of_an_epoch_from_its_first_block_on(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    log = tmp_path / "log.jsonl"
    settings = {"levels": (4,), "epochs": 1, "factors": 0, "user_batch": 10, "item_batch": 12, "learning_rate": 1e-9}
    create("dualnet", **settings).fit(blocks_world(), run=RunOptions(log=log))
    losses = [float(re.search(r"loss ([\d.]+)", line)[1]) for line in capsys.readouterr().err.splitlines()]
    whole = json.loads(log.read_text())["loss"]
    assert len(losses) == 16
    assert losses[-1] == pytest.approx(whole, abs=1e-4)
    assert min(losses) > 0.3 * whole  # the blocks differ, by less than what is missing after one of sixteen


def test_the_search_of_the_solved_levels_says_what_it_tries(monkeypatch, capsys):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    create("solved", factors=4).fit(blocks_world(), run=RunOptions())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("solved levels: ") and "recall" in line for line in lines)
