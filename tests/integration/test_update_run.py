"""An update from Python writes the same run as `dualnet update`."""

import json
from pathlib import Path

import numpy as np
import pytest

import dualnet
from dualnet import NewColumns, RunOptions, load, update_run
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WORLD = blocks_world()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("updates")
    old = WORLD.select(users=np.arange(36), items=np.arange(44))
    for name, data in (("", old), ("new-", WORLD)):
        for kind, table in dataset_tables(data).items():
            write_table(table.drop_columns(["weight"]) if kind == "events" else table, place / f"{name}{kind}.csv")
    tables = [str(place / "events.csv"), "--items", str(place / "items.csv"), "--text", "title"]
    assert main(["fit", *tables, "--model", "content-profile", "--out", str(place / "run")]) == 0
    (place / "gone.txt").write_text("u0-1\nu0-2\nnobody\n")
    return place


def files(run):
    """What the command and Python must agree on: all files but the time that an update took."""
    manifest = json.loads((run / "model" / "manifest.json").read_text())
    written = {name: told["sha256"] for name, told in manifest["files"].items() if name != "state.json"}
    return written, (run / "run.json").read_text(), sorted(path.name for path in run.iterdir())


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ([], {}),
        (["--epochs", "0"], {"epochs": 0}),
        (["--hold-out", "0.3", "--rating", ""], {"hold_out": 0.3, "columns": NewColumns(rating="")}),
        (["--forget", "u0-3,nobody"], {"forget": ["u0-3", "nobody"]}),
        (["--forget", "gone.txt"], {"forget": [Path("gone.txt")]}),
    ],
    ids=["tables", "epochs", "hold-out", "forget ids", "forget a file"],
)
def test_python_and_the_command_write_the_same(folder, tmp_path, monkeypatch, options, arguments):
    monkeypatch.chdir(folder)
    tables = ["--events", str(folder / "new-events.csv"), "--items", str(folder / "new-items.csv")]
    assert main(["update", str(folder / "run"), *tables, *options, "--out", str(tmp_path / "command")]) == 0
    done = update_run(
        folder / "run", folder / "new-events.csv", items=str(folder / "new-items.csv"), out=tmp_path / "python", **arguments
    )
    assert files(tmp_path / "python") == files(tmp_path / "command")
    assert done.run == tmp_path / "python"
    assert done.added["number"] == 1
    assert bool(done.held_out) == ("hold_out" in arguments)


def test_what_was_forgotten_is_told(folder, tmp_path):
    said = []
    done = update_run(folder / "run", forget=["u0-1", "nobody"], out=tmp_path / "next", say=said.append)
    assert (done.forgotten, done.added, said) == ({"named": 2, "users": 1, "users_of_new_events": 0}, None, [])
    assert "u0-1" not in load(tmp_path / "next" / "model").users_


@pytest.mark.parametrize("known", [[1, 2, 3], ["1", "2", "3"]], ids=["whole numbers", "text"])
@pytest.mark.parametrize("forget", [["3"], [3], [np.int64(3)], lambda ids: ["3"], lambda ids: [3]], ids=range(5))
def test_an_id_of_another_kind_is_that_of_the_user_who_has_it(tmp_path, known, forget):
    dualnet.Popularity().fit(dualnet.Dataset(dualnet.Interactions.from_pairs(known, ["a", "b", "c"]))).save(tmp_path / "model")
    done = update_run(tmp_path / "model", forget=forget, out=tmp_path / "next")
    assert (done.forgotten["users"], list(done.model.users_)) == (1, known[:2])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, "UsageError", "nothing to update from: give events=, items= or both"),
        ({"events": "new-events.csv"}, "UsageError", "with out=, or replace the old one with overwrite=True"),
        ({"events": "new-events.csv", "out": "run"}, "UsageError", "choose another out=, or replace it with overwrite=True"),
        ({"items": "new-items.csv", "out": "next", "hold_out": 0.1}, "UsageError", "hold_out= hides new pairs"),
        ({"events": "nowhere.csv", "out": "next"}, "DataError", "nowhere.csv"),
        ({"events": 5, "out": "next"}, "UsageError", "events must be the path"),
        ({"forget": "u0-1", "out": "next"}, "UsageError", "forget must be a list of ids, got the text 'u0-1'"),
        ({"forget": {"u0-1": 1}, "out": "next"}, "UsageError", "forget must be a list of ids"),
        ({"forget": [1.5], "out": "next"}, "UsageError", "forget must be a list of ids"),
        ({"forget": [], "out": "next"}, "UsageError", "nothing to update from"),
        ({"forget": lambda ids: "u0-1", "out": "next"}, "UsageError", "forget must be a list of ids, got the text 'u0-1'"),
        ({"forget": lambda ids: [1.5], "out": "next"}, "UsageError", "forget must be a list of ids"),
        ({"forget": Path("nowhere.txt"), "out": "next"}, "DataError", "nowhere.txt"),
        ({"events": "new-events.csv", "out": "next", "columns": {"user": "x"}}, "UsageError", "columns must be NewColumns"),
        ({"events": "new-events.csv", "out": "next", "options": RunOptions(log="l")}, "UsageError", "goes into the new run"),
        ({"events": "new-events.csv", "out": "next", "hold_out": 1.5}, "UsageError", "hold out must be above 0 and below 1"),
        ({"users": "new-items.csv", "items": "new-items.csv", "out": "next"}, "UsageError", "so users= has nothing to add"),
    ],
)
def test_what_cannot_be_updated_is_refused_in_the_words_of_python(folder, tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.chdir(folder)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(getattr(dualnet, error), match=message):
        update_run("run", **arguments)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_worse_model_is_not_written_and_its_figures_are_told(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("dualnet.runs.update.is_worse", lambda figures: True)
    seen = []
    with pytest.raises(dualnet.TrainingError, match="nothing was written"):
        update_run(
            folder / "run", folder / "new-events.csv", items=folder / "new-items.csv", hold_out=0.3, out=tmp_path / "next",
            options=RunOptions(progress=False), compared=seen.append,
        )  # fmt: skip
    assert {"before", "after", "pairs"} <= set(seen[0][0])
    assert list(tmp_path.iterdir()) == []
