"""What is said of a running training where there is no terminal."""

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


def test_the_search_of_the_solved_levels_says_what_it_tries(monkeypatch, capsys):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    create("solved", factors=4).fit(blocks_world(), run=RunOptions())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("solved levels: ") and "recall" in line for line in lines)
