"""`dualnet tune` from tables to a fitted model, and presets in `dualnet bench`."""

import json
import tomllib
from pathlib import Path

import pytest

from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.experiments import presets


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    for name, table in dataset_tables(blocks_world(density=0.5)).items():
        write_table(table.drop_columns(["weight"]) if name == "events" else table, place / f"{name}.csv")
    return [str(place / "events.csv"), "--items", str(place / "items.csv"), "--text", "title"]


def call(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


def test_tune_then_fit_what_was_found(capsys, tables, tmp_path):
    command = ["tune", *tables, "--model", "item-knn", "--grid", "neighbours=[1, 20]", "--grid", "shrinkage=[0.0, 5.0]", "--seeds",
               "3,4", "--at", "3", "--out", tmp_path / "t"]  # fmt: skip
    code, out, err = call(capsys, *command, "--json")
    assert code == 0, err
    trials = json.loads(out)
    assert [tuple(trial["params"].values()) for trial in trials] == [(1, 0.0), (1, 5.0), (20, 0.0), (20, 5.0)]
    assert "trial 4 of 4: neighbours=20, shrinkage=5.0: recall@3 0." in err
    assert [json.loads(line) for line in (tmp_path / "t" / "trials.jsonl").read_text().splitlines()] == trials
    best = max(trials, key=lambda trial: trial["value"])
    written = tomllib.loads((tmp_path / "t" / "best.toml").read_text())
    assert written["model"] == {"name": "item-knn", **best["params"]}
    assert written["split"] == {"protocol": "citeulike2", "seed": 3}
    code, out, err = call(capsys, "fit", tmp_path / "t" / "best.toml", "--out", tmp_path / "r", "--json")
    assert code == 0, err
    assert json.loads(out)["parameters"] == best["params"]
    code, out, err = call(capsys, *command, "--json")
    assert (code, json.loads(out)) == (0, trials)  # seconds too: nothing was run again
    assert "4 trials found in" in err
    code, out, _ = call(capsys, *command)
    assert code == 0
    assert f"parameters in {tmp_path / 't' / 'best.toml'}" in out


def test_tune_on_a_folder_of_parts_writes_what_can_be_fitted_from_anywhere(capsys, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    write_table(dataset_tables(blocks_world(density=0.5))["events"].drop_columns(["weight"]), Path("shop/events.parquet"))
    command = ["tune", "shop", "--model", "item-knn", "--grid", "neighbours=[5]", "--at", "3", "--out", "t"]
    code, _, err = call(capsys, *command)
    assert code == 0, err
    written = tomllib.loads(Path("t/best.toml").read_text())
    assert written["data"]["source"] == str(tmp_path / "there" / "shop")
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, err = call(capsys, "fit", "../there/t/best.toml", "--out", "r")
    assert code == 0, err
    beside = '[data]\nsource = "shop"\n[model]\nname = "popularity"\n'  # as of a file: beside the configuration
    (tmp_path / "there" / "own.toml").write_text(beside)
    code, _, err = call(capsys, "fit", "../there/own.toml", "--out", "r2")
    assert code == 0, err


def test_tune_dualnet_by_optuna_on_a_split_folder(capsys, tables, tmp_path):
    assert main(["split", *tables, "--protocol", "out-matrix", "--seed", "1", "--out", str(tmp_path / "s")]) == 0
    small = ["--set", "levels=[8]", "--set", "epochs=2", "--set", "user_batch=20"]
    code, out, err = call(capsys, "tune", tmp_path / "s", "--method", "optuna", "--trials", 2, *small, "--grid",
                          "noise={low = 0.1, high = 0.6}", "--out", tmp_path / "t", "--json")  # fmt: skip
    assert code == 0, err
    trials = json.loads(out)
    assert [len(trial["curve"]) for trial in trials] == [2, 2]
    assert all(0.1 <= trial["params"]["noise"] <= 0.6 for trial in trials)
    code, out, err = call(capsys, "fit", tmp_path / "t" / "best.toml", "--out", tmp_path / "r", "--json")
    assert code == 0, err
    parameters = json.loads(out)["parameters"]
    assert (parameters["epochs"], parameters["levels"]) == (2, [8])
    assert parameters["noise"] == max(trials, key=lambda trial: trial["value"])["params"]["noise"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "item-knn", "--grid", "neighbors=[1]"], 2, "--grid: model 'item-knn' has no parameter 'neighbors'. Did you mean"),
        (["--model", "item-knn", "--grid", "neighbours=[1.5]"], 2, "neighbours = 1.5 should be a whole number"),
        (["--model", "item-knn", "--grid", "neighbours=7"], 2, "write a list such as"),
        (["--model", "item-knn", "--grid", "neighbours"], 2, "--grid wants name=value"),
        (["--model", "item-knn", "--grid", "shrinkage=[nan]"], 2, "shrinkage = nan should be a finite number"),
        (["--model", "item-knn", "--set", "shrinkage=inf"], 2, "shrinkage = inf should be a finite number"),
        (["--model", "item-knn", "--seeds", "0,0"], 2, "--seeds wants each number once"),
        (["--model", "item-kn"], 2, "no model 'item-kn'. Did you mean 'item-knn'?"),
        (["--model", "popularity"], 2, "no default space; say what to try"),
        (["--model", "wmf", "--set", "factors=3", "--grid", "factors=[3]"], 2, "both in --set and in --grid"),
        (["--model", "item-knn", "--protocol", "out-matrix"], 2, "can serve none of the validation tasks"),
        (["--model", "item-knn", "--grid", "neighbours=[0, -1]"], 2, "neighbours = 0 should be a whole number of at least 1"),
        (["--model", "wmf", "--grid", "zero_weight=[2.0, 3.0]"], 4, "none of 2 trials was completed; the first failed"),
    ],
)  # fmt: skip
def test_what_cannot_be_tuned(capsys, tables, tmp_path, arguments, code, message):
    found, out, err = call(capsys, "tune", *tables, *arguments, "--out", tmp_path / "t")
    assert (found, out) == (code, "")
    assert message in err
    assert not (tmp_path / "t" / "best.toml").exists()


def test_a_place_that_cannot_be_written(capsys, tables, tmp_path):
    (tmp_path / "file").write_text("")
    command = ["tune", *tables, "--model", "item-knn", "--out", tmp_path / "file" / "t", "--trials", "1"]
    found, _, err = call(capsys, *command)
    assert found == 6
    assert "cannot write" in err


def test_bench_starts_named_data_from_presets(capsys, tables, tmp_path, monkeypatch):
    monkeypatch.setattr(
        presets, "preset", lambda model, data, protocol: {"factors": 4, "iterations": 1} if data == "demo" else {}
    )
    command = ["bench", "demo", "--models", "wmf", "--at", "10", "--json"]

    def params(*more):
        code, out, err = call(capsys, *command, *more)
        assert code == 0, err
        record, served = json.loads(out)
        assert (record["task"], served["task"]) == ("known-known", "known-all")
        return record["params"], err

    four, said = params()
    assert "wmf: preset for demo, citeulike2: factors=4, iterations=1" in said
    assert params("--set", "wmf.factors=8")[0] == 2 * four
    without, said = params("--no-presets", "--set", "wmf.iterations=1")
    assert without == 50 * four  # the default of 200
    assert "preset" not in said
