"""What is said of a running training where there is no terminal."""

import json
import re
import sys
from types import SimpleNamespace

import pytest

from dualnet import RunOptions
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create
from dualnet.train import progress as module
from dualnet.train.progress import EpochProgress


@pytest.mark.parametrize(("show", "written"), [(None, "fit: round 1 of 2, about 1 s left, objective 12.5\n"), (False, "")])
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
    assert all(line.startswith("Training the networks: pass ") and ", loss " in line for line in lines)
    assert "pass 2 of 2, loss" in lines[-1]


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
    start = "Step 1 of 3: trying settings for the solved part of the model on held-out data: try 1 of about 30"
    assert lines[0].startswith(start)
    assert all("recall" in line and "regularization" not in line for line in lines)


class Notebook:
    """A stand-in for IPython: what a cell shows, one entry for each display, each with its changes."""

    def __init__(self, shell):
        self.shown = []
        self.get_ipython = lambda: shell
        self.display = self

    def __call__(self, data, raw, display_id):
        self.shown.append([data["text/plain"]])
        return self

    def update(self, data, raw):
        self.shown[-1].append(data["text/plain"])


@pytest.fixture
def notebook(monkeypatch):
    def opened(shell):
        made = Notebook(shell)
        monkeypatch.setitem(sys.modules, "IPython", made)
        monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=made))
        monkeypatch.setattr(module, "SECONDS_BETWEEN_CHANGES", 0.0)
        return made

    return opened


@pytest.mark.parametrize("show", [None, True])
def test_a_notebook_has_one_line_that_changes(notebook, capsys, show):
    cell = notebook(SimpleNamespace(kernel="one"))
    create("dualnet", levels=(4,), epochs=2, factors=0).fit(blocks_world(), run=RunOptions(progress=show))
    (lines,) = cell.shown
    assert len(lines) > 2
    assert all("%  pass" in line and "\u2588" in line + "\u2588" for line in lines[:-1])
    assert "100%" in lines[-2]
    assert re.search(r": done after \d+ s", lines[-1])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("shell", "show"), [(None, None), (SimpleNamespace(), None), (SimpleNamespace(kernel="one"), False)])
def test_no_line_of_a_notebook_elsewhere_or_where_none_is_wanted(notebook, shell, show):
    cell = notebook(shell)
    create("dualnet", levels=(4,), epochs=1, factors=0).fit(blocks_world(), run=RunOptions(progress=show))
    assert cell.shown == []


def test_a_training_that_fails_does_not_end_as_done(notebook):
    cell = notebook(SimpleNamespace(kernel="one"))

    def fails():
        with EpochProgress(None, "fit", 4, 0) as progress:
            progress.round({"objective": 1.0}, 1)
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert cell.shown[0][0].startswith("fit \u2588\u2588\u2588\u2588\u2588\u2588\u2591")
    assert cell.shown[0][-1].startswith("fit: stopped")
