"""The command line end to end on tables: files to figures to recommendations; exit codes; clean JSON; no stack trace."""

import json
import os
import shutil
from functools import partial

import pyarrow.parquet as pq
import pytest

from dualnet import load
from dualnet.cli import main
from dualnet.data import synthetic
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.runs.writing import locked

SMALL = ["--set", "levels=[16, 8]", "--set", "epochs=25", "--set", "user_batch=20", "--set", "trials=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    for name, table in dataset_tables(blocks_world()).items():
        write_table(table.drop_columns(["weight"]) if name == "events" else table, place / f"{name}.csv")
    return place


@pytest.fixture(scope="module")
def tables(folder):
    return [str(folder / "events.csv"), "--items", str(folder / "items.csv"), "--text", "title"]


@pytest.fixture(scope="module")
def run(folder, tables):
    out = folder / "run"
    assert main(["fit", *tables, "--out", str(out), *SMALL]) == 0
    return out


def call(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


def as_json(capsys, *arguments):
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_fit_recommend_encode_inspect(capsys, run, tmp_path):
    found = as_json(capsys, "recommend", run, "--user", "u1-1", "-k", 2)
    assert found["resolved"] == "known"
    assert {entry["item"][1] for entry in found["items"]} == {"1"}
    found = as_json(capsys, "recommend", run, "--history", "i2-1,i2-2", "-k", 3)
    assert {entry["item"][1] for entry in found["items"]} == {"2"}
    new = tmp_path / "new.csv"
    new.write_text("item_id,title\nn1," + blocks_world().items.title(0) + "\n")
    found = as_json(capsys, "recommend", run, "--history", "n1", "--new-items", new, "-k", 3)
    assert {entry["item"][1] for entry in found["items"]} == {"0"}
    everyone = as_json(capsys, "recommend", run, "--all", "--out", tmp_path / "all.parquet", "-k", 2)
    assert pq.read_table(tmp_path / "all.parquet").num_rows == everyone["rows"] == 80
    vectors = as_json(capsys, "encode", run, "--items", new, "--out", tmp_path / "v.parquet")
    fitted = load(run / "model")
    assert (vectors["vectors"], vectors["width"]) == (1, fitted.encode_items(fitted.catalogue_).dense.shape[1])
    events = tmp_path / "h.csv"
    events.write_text("user_id,item_id\nx,i0-1\ny,i1-1\n")
    assert as_json(capsys, "encode", run, "--histories", events, "--out", tmp_path / "u.parquet")["vectors"] == 2
    events.write_text("user_id,item_id\nx,i0-1\ny,gone\n")
    code, _, err = call(capsys, "encode", run, "--histories", events, "--out", tmp_path / "w.parquet")
    assert code == 3, err
    assert "h.csv: unknown item 'gone'; leave out its rows" in err
    manifest = as_json(capsys, "inspect", run)
    assert manifest["verified"]
    assert manifest["model"] == "dualnet"
    assert "dualnet" in call(capsys, "inspect", run)[1]


@pytest.mark.parametrize("command", [["recommend", "--all"], ["encode"]])
def test_a_file_that_exists_is_kept(capsys, run, tmp_path, command):
    table, vectors = tmp_path / "safe.csv", tmp_path / "safe.parquet"
    for file, message in ((table, "does not end in .parquet"), (vectors, "exists; replace it with --overwrite")):
        file.write_text("precious")
        code, out, err = call(capsys, command[0], run, *command[1:], "--out", file)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
        assert file.read_text() == "precious"
    assert call(capsys, command[0], run, *command[1:], "--out", vectors, "--overwrite")[0] == 0
    assert pq.read_table(vectors).num_rows > 0
    assert table.read_text() == "precious"


def test_split_fit_evaluate_agree_with_bench(capsys, tables, tmp_path):
    summary = as_json(capsys, "split", *tables, "--protocol", "four-quadrants", "--seed", 1, "--out", tmp_path / "s")
    assert [task["task"] for task in summary["tasks"]] == ["known-known", "known-new", "new-known", "new-new"]
    assert main(["fit", str(tmp_path / "s"), "--model", "content-profile", "--out", str(tmp_path / "r")]) == 0
    assert [task["task"] for task in summary["served"]] == ["known-all", "new-all"]
    report = as_json(capsys, "evaluate", tmp_path / "r", tmp_path / "s", "--at", "5")
    own = as_json(capsys, "evaluate", tmp_path / "r", "--at", "5")  # a run knows its split
    assert [task["metrics"] for task in own["tasks"]] == [task["metrics"] for task in report["tasks"]]
    records = as_json(
        capsys, "bench", *tables, "--protocol", "four-quadrants", "--models", "content-profile", "--seeds", 1, "--at", "5"
    )  # fmt: skip
    assert {r["split"] for r in records} == {summary["split"]}
    assert [(r["task"], r["candidates"]) for r in records[4:]] == [("known-all", "all"), ("new-all", "all")]
    for task, record in zip(report["tasks"], records, strict=True):
        assert task["metrics"]["recall@5"]["mean"] == pytest.approx(record["metrics"]["recall@5"]["mean"])


def test_a_resumed_fit_says_in_which_stage_it_goes_on(capsys, tables, tmp_path):
    command = ["fit", *tables, "--out", tmp_path / "r", "--set", "levels=[8, 4]", "--set", "epochs=2", "--set", "refine_epochs=1",
               "--set", 'stages=["refine", "optimise"]', "--set", "user_batch=20", "--resume"]  # fmt: skip
    assert "no checkpoint in" in call(capsys, *command)[2]
    lines = [json.loads(line) for line in (tmp_path / "r" / "log.jsonl").read_text().splitlines()]
    assert [(line["phase"], line["epoch"]) for line in lines if not line["phase"].endswith("-solved")] == [
        ("train/refine-1", 1), ("train/refine-2", 1), ("train/optimise", 1), ("train/optimise", 2),
    ]  # fmt: skip
    shutil.rmtree(tmp_path / "r" / "checkpoints" / "train" / "optimise")
    code, _, err = call(capsys, *command)
    assert code == 0
    assert "going on from train/refine-2, done" in err
    assert len((tmp_path / "r" / "log.jsonl").read_text().splitlines()) == len(lines)
    code, _, err = call(capsys, *command, "--set", "epochs=3")
    assert code == 2
    assert "epochs: 2 then, 3 now" in err


def test_bench_keeps_the_json_contract_and_resumes(capsys, tables, tmp_path):
    command = ["bench", *tables, "--protocol", "out-matrix", "--folds", 3, "--models", "popularity,content-profile", "--at", "5,10",
               "--out", tmp_path / "b"]  # fmt: skip
    records = as_json(capsys, *command)
    assert [(r["model"], r["fold"]) for r in records] == [(m, f) for f in range(3) for m in ("popularity", "content-profile")]
    fields = {"model", "dataset", "content", "protocol", "task", "fold", "seed", "fit_on", "candidates", "split", "metrics", "users",
              "fit_seconds", "score_seconds", "peak_rss_mb", "params"}  # fmt: skip
    for record in records:
        assert fields <= set(record)
        assert (record["fit_on"], record["candidates"], record["content"]) == ("train", "task", "title")
        if record["model"] == "popularity":
            assert record["metrics"] == {}
            assert "did not see in training" in record["reason"]
        else:
            assert set(record["metrics"]["recall@5"]) == {"mean", "ci95"}
    again = as_json(capsys, *command)
    assert again == records  # times too: nothing was run again
    code, out, _ = call(capsys, *command)
    assert code == 0
    assert "n/a" in out


def test_data_check_convert_list_and_doctor(capsys, tables, tmp_path):
    report = as_json(capsys, "data", "check", *tables)
    assert report["totals"]["users"] == 40
    written = as_json(capsys, "data", "convert", *tables, "--out", tmp_path)
    assert pq.read_table(written["items"]).num_rows == 48
    assert {entry["name"] for entry in as_json(capsys, "data", "list")} >= {"citeulike-a", "movielens-100k"}
    assert as_json(capsys, "doctor")["packages"]["numpy"]
    main(["split", *tables, "--protocol", "citeulike2", "--out", str(tmp_path / "s")])
    assert as_json(capsys, "data", "check", tmp_path / "s")["totals"]["protocol"] == "citeulike2"


def test_a_named_data_set_is_not_a_folder_of_its_name(capsys, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "config.toml").write_text('[data]\nsource = "demo"\n[model]\nname = "popularity"\n')
    assert as_json(capsys, "fit", tmp_path / "config.toml", "--out", tmp_path / "run")["info"]["users"] == 1200


@pytest.mark.parametrize(
    ("section", "arguments", "message"),
    [
        ("neighbors = 5", ["--model", "item-knn"], "config.toml: model 'item-knn' has no parameter 'neighbors'"),
        ('name = "item-knn"\nneighbours = 5', ["--model", "itemknn"], "--model: there is no model 'itemknn'"),
        ('name = "itemknn"', [], "config.toml: there is no model 'itemknn'"),
        ("name = 5", [], "config.toml: there is no model '5'"),
        ('name = "item-knn"\nneighbours = 5', ["--set", "neighbours=x"], "--set: neighbours = 'x' should be a whole number"),
    ],
)
def test_what_is_wrong_is_said_where_it_was_written(capsys, tmp_path, section, arguments, message):
    (tmp_path / "config.toml").write_text(f'[data]\nsource = "demo"\n[model]\n{section}\n')
    code, _, err = call(capsys, "fit", tmp_path / "config.toml", *arguments, "--out", tmp_path / "run")
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--text-encoder", "tfidf+/no/such"], 6),
        (["--images", "title", "--image-model", "resnet18:/no/such"], None),
        (["--model", "ease", "--set", "regularization=-1"], 2),
    ],
)
@pytest.mark.parametrize("before", [None, "a folder", "a run"])
def test_a_fit_that_is_refused_before_it_trains_leaves_nothing(capsys, tables, tmp_path, options, code, before):
    run = tmp_path / "run"
    if before == "a folder":
        run.mkdir()
    if before == "a run":
        assert call(capsys, "fit", tables[0], "--model", "popularity", "--out", run)[0] == 0
    there = sorted(path for path in tmp_path.rglob("*"))
    refused, _, _ = call(capsys, "fit", *tables, *options, "--overwrite", "--out", run)
    assert refused == code if code else refused in (2, 3, 6)
    assert sorted(path for path in tmp_path.rglob("*")) == there


def test_a_fit_that_another_holds_up_leaves_the_folder_of_the_other(capsys, tables, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    descriptor = locked(run, RuntimeError("held"))
    code, _, err = call(capsys, "fit", tables[0], "--model", "popularity", "--out", run)
    os.close(descriptor)
    assert (code, "another run is writing" in err) == (6, True)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "run.json"]


def test_a_fit_that_fails_leaves_the_columns_of_the_model_that_is_there(capsys, tables, tmp_path):
    run = tmp_path / "run"
    assert call(capsys, "fit", *tables, "--model", "popularity", "--out", run)[0] == 0
    before = (run / "run.json").read_text()
    renamed = tmp_path / "renamed.csv"
    renamed.write_text("reader,item_id\n" + "".join(f"u{n},i{n % 4}\n" for n in range(20)))
    fit = ["fit", renamed, "--user-column", "reader", "--overwrite", "--out", run]
    assert call(capsys, *fit, "--set", "levels=[0]")[0] == 2
    assert (run / "run.json").read_text() == before
    assert call(capsys, *fit, "--model", "popularity")[0] == 0
    assert '"user": "reader"' in (run / "run.json").read_text()


def test_a_configuration_file(capsys, folder, tmp_path):
    config = folder / "config.toml"
    text = '[data]\nsource = "events.csv"\nitems = "items.csv"\ntext = ["title"]\n[model]\nname = "item-knn"\nneighbours = 5\n'
    config.write_text(text)
    assert as_json(capsys, "fit", config, "--out", tmp_path / "r")["parameters"]["neighbours"] == 5
    for wrong, message in (
        (text.replace("neighbours = 5", "neighbors = 5"), "no parameter 'neighbors'. Did you mean 'neighbours'?"),
        (text.replace("neighbours = 5", 'neighbours = "5"'), "should be a whole number"),
        (text.replace("[model]", "[modle]"), "unknown section 'modle'. Did you mean 'model'?"),
        (text.replace("items = ", "itmes = "), "no key 'itmes'. Did you mean 'items'?"),
    ):
        config.write_text(wrong)
        code, out, err = call(capsys, "fit", config, "--out", tmp_path / "r2")
        assert (code, out) == (2, "")
        assert message in err
        assert not (tmp_path / "r2").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["recommend", "{run}", "--user", "nobody"],
            3,
            "unknown user 'nobody'; for someone new give --history ITEM,ITEM instead",
        ),
        (["recommend", "{run}", "--history", "i0-0,nothing"], 3, "unknown item in the history 'nothing'"),
        (["recommend", "{run}"], 2, "say for whom: one of --user, --history or --all"),
        (["recommend", "{run}", "--user", "a", "--history", "b"], 2, "say for whom: only one of --user, --history and --all"),
        (["recommend", "{tmp}/runn", "--user", "a"], 5, "there is no folder {tmp}/runn; give the folder of a run"),
        (["recommend", "{run}", "--user", "u0-0", "-k", "0"], 2, "k must be a whole number of at least 1, got 0"),
        (["recommend", "{tmp}", "--user", "u0-0"], 5, "is not a model folder"),
        (["inspect", "{tmp}/nowhere"], 5, "there is no folder {tmp}/nowhere"),
        (["recommend", "{run}", "--all", "--out", "{tmp}/file/x.parquet"], 6, "cannot write"),
        (["fit", "nowhere.csv", "--out", "{tmp}/r"], 3, "there is no file nowhere.csv"),
        (["fit", "citeulik-a", "--out", "{tmp}/r"], 2, "neither a file nor a data set. Did you mean 'citeulike-a'"),
        (["bench", "demo", "--models", "item-kn"], 2, "no model 'item-kn'. Did you mean 'item-knn'?"),
        (["bench", "demo", "--protocol", "warm"], 2, "no protocol 'warm'"),
        (["bench", "demo", "--seeds", "a"], 2, "--seeds wants whole numbers"),
        (["bench", "demo", "--set", "dualnet.epoch=3"], 2, "no parameter 'epoch'. Did you mean 'epochs'?"),
        (["bench", "demo", "--content", "titel"], 2, "no content column 'titel'. Did you mean 'title'?"),
        (["evaluate", "{run}", "{tmp}"], 3, "is not a whole split folder"),
        (["reproduce", "tabel1"], 2, "no study 'tabel1'. Did you mean 'table1'"),
        (["reproduce", "table1", "--datasets", "citeulik-a"], 2, "no data set 'citeulik-a'. Did you mean 'citeulike-a'"),
        (["nonsense"], 2, "No such command"),
        (["fit"], 2, "Missing option"),
        (["fit", "--sql", "select 1", "--database-url-env", "X", "--out", "{tmp}/r"], 2, "--sql wants the name of a file with"),
        (["fit", "--sql", "select " * 999, "--database-url-env", "X", "--out", "{tmp}/r"], 2, "--sql wants the name of a file"),
        (["split", "demo", "--out", "{tmp}"], 2, "is not a split folder"),
    ],
)
def test_mistakes_get_one_sentence_and_a_code(capsys, run, tmp_path, arguments, code, message):
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    found, out, err = call(capsys, *(part.format(run=run, tmp=tmp_path) for part in arguments))
    assert found == code, err
    assert out == ""
    assert message.replace("{tmp}", str(tmp_path)) in " ".join(err.replace("│", " ").split())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_diverging_fit_exits_with_4_and_saves_no_model(capsys, tables, tmp_path):
    code, _, err = call(
        capsys, "fit", *tables, "--out", tmp_path / "r", *SMALL, "--set", "optimizer=sgd", "--set", "learning_rate=1e6"
    )  # fmt: skip
    assert code == 4
    assert "lower learning_rate (now 1e+06)" in err
    assert not (tmp_path / "r" / "model").exists()


def test_demo_writes_a_report(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "library", partial(synthetic.library, n_readers=150, n_papers=200))
    result = as_json(capsys, "demo", "--out", tmp_path / "d", "--epochs", 1)
    page = (tmp_path / "d" / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "new readers, new papers" in page
    assert set(result["models"]) == {"popularity", "item-knn", "content-profile", "dualnet"}
    assert len(result["recommendations"]["items"]) == 10
    assert as_json(capsys, "recommend", tmp_path / "d", "--user", result["reader"], "-k", 10) == result["recommendations"]
    manifest = json.loads((tmp_path / "d" / "model" / "manifest.json").read_text())
    others = [one["model"] for one in manifest["metrics"]["against"]]  # what "side by side" and the model's page show
    assert others == ["popularity", "item-knn", "content-profile"]
    assert set(result["models"]) == {*others, "dualnet"}
    assert "against" not in result["models"]["dualnet"]
    assert [story["page"].partition("#/recommendations?")[2].partition("=")[0] for story in result["stories"]][:2] == [
        "user",
        "history",
    ]


def test_a_demo_that_was_stopped_is_made_anew_and_what_is_no_demo_is_kept(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "library", partial(synthetic.library, n_readers=60, n_papers=80))
    stopped, other = tmp_path / "stopped", tmp_path / "other"
    for folder, names in ((stopped, ["log.jsonl"]), (other, ["log.jsonl", "run.json"])):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("")
    assert call(capsys, "demo", "--out", stopped, "--epochs", 1)[0] == 0
    assert (stopped / "report.html").exists()
    code, _, err = call(capsys, "demo", "--out", other, "--epochs", 1)
    assert (code, "is not a demo folder" in err) == (2, True)


def test_columns_by_other_names_and_items_without_a_row(capsys, tmp_path):
    pairs = [f"u{user},s{item}" for user in range(12) for item in range(user % 4, 8, 2)]
    (tmp_path / "events.csv").write_text("\n".join(["customer,sku", *pairs, "u0,unknown"]) + "\n")
    (tmp_path / "items.csv").write_text(
        "\n".join(["sku,title", *[f"s{item},word{item % 2} thing" for item in range(8)]]) + "\n"
    )
    fit = ["fit", tmp_path / "events.csv", "--items", tmp_path / "items.csv", "--text", "title", "--model", "content-profile"]
    code, _, err = call(capsys, *fit, "--out", tmp_path / "run")
    assert (code, "--user-column" in err, err.count("customer")) == (3, True, 1)
    fit += ["--user-column", "customer", "--item-column", "sku"]
    code, _, err = call(capsys, *fit, "--out", tmp_path / "run")
    assert (code, "--missing-content" in err) == (3, True)
    assert call(capsys, *fit, "--out", tmp_path / "run", "--missing-content", "drop")[0] == 0
    (tmp_path / "new.csv").write_text("sku,title\ns9,word1 thing\n")
    (tmp_path / "more.csv").write_text("customer,sku\nu1,s9\n")
    columns = ["--user-column", "customer", "--item-column", "sku"]
    more = ["--events", tmp_path / "more.csv", "--items", tmp_path / "new.csv", "--out", tmp_path / "run2"]
    assert call(capsys, "update", tmp_path / "run", *more, *columns)[0] == 0
    ask = ["recommend", tmp_path / "run", "--user", "u1", "-k", 20, "--new-items"]
    code, out, _ = call(capsys, *ask, tmp_path / "new.csv")
    assert (code, "s9" in out) == (0, True)  # read by the columns of the fit
    (tmp_path / "other.csv").write_text("code,title\ns9,word1 thing\n")
    code, _, err = call(capsys, *ask, tmp_path / "other.csv")
    assert (code, "Call the column with the ids item_id" in err) == (3, True)
    assert call(capsys, *ask, tmp_path / "other.csv", "--item-column", "code")[0] == 0


def test_a_run_that_is_not_there_or_not_finished(capsys, tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text("{}")
    for command in ("recommend", "serve"):
        arguments = ["--user", "u"] if command == "recommend" else ["--port", "0"]
        code, _, err = call(capsys, command, tmp_path / "none", *arguments)
        assert (code, f"there is no folder {tmp_path / 'none'}" in err) == (5, True)
        code, _, err = call(capsys, command, tmp_path / "half", *arguments)
        assert (code, "did not come to its end; go on with the same `dualnet fit ...` and --resume" in err) == (5, True)


def test_reproduce_prints_tables_keeps_results_and_resumes(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "library", partial(synthetic.library, n_readers=150, n_papers=200))
    command = ["reproduce", "table3", "--quick", "--datasets", "demo", "--seeds", "0,1", "--out", tmp_path / "r",
               "--set", "dualnet.epochs=1", "--set", "dualnet.levels=[8, 4]"]  # fmt: skip
    code, out, err = call(capsys, *command)
    assert code == 0, err
    assert "multi-level branching minus basic" in out
    assert "paper's order" in out
    assert "6 cells and" in err
    records = as_json(capsys, *command)
    assert [(r["label"], r["seed"]) for r in records if r["task"] == "known-known"] == [
        (label, seed) for label in ("basic", "multi-level", "multi-level branching") for seed in (0, 1)
    ]
    assert all(set(r["metrics"]["recall@50"]) == {"mean", "ci95"} for r in records)
    folder = tmp_path / "r" / "table3-quick"
    assert {"report.md", "report.html", "results.jsonl", "comparisons.jsonl", "plots"} <= {p.name for p in folder.iterdir()}
    pending = as_json(capsys, *command[:6], "0,1,2", *command[7:], "--report-only")
    assert [r["seed"] for r in pending if r["reason"] == "pending: not run yet"] == [2, 2, 2]


def test_defects_of_ours_are_not_hidden(capsys, monkeypatch):
    from dualnet.cli import doctor

    def broken(*arguments):
        raise RuntimeError("boom")

    monkeypatch.setattr(doctor, "print_json", broken)
    code, _, err = call(capsys, "doctor", "--json")
    assert code == 1
    assert "this should not have happened (RuntimeError: boom)" in err


def test_a_fitted_model_is_replaced_only_on_request(tmp_path, capsys):
    command = ["fit", "demo", "--model", "item-knn", "--out", str(tmp_path / "r")]
    assert main([*command, "--set", "neighbours=5"]) == 0
    assert main([*command, "--set", "neighbours=9"]) == 2
    assert "holds a fitted model already" in capsys.readouterr().err
    assert load(tmp_path / "r" / "model").neighbours == 5
    assert main([*command, "--set", "neighbours=9", "--overwrite"]) == 0
    assert load(tmp_path / "r" / "model").neighbours == 9


def test_a_warning_is_said_once(tmp_path, capsys):
    events, items = tmp_path / "events.csv", tmp_path / "items.csv"
    pairs = [(user, item) for user in range(12) for item in range(10) if (user + item) % 3]
    events.write_text("user_id,item_id\n" + "".join(f"u{user},i{item}\n" for user, item in pairs))
    items.write_text("item_id,title\n" + "".join(f"i{item},{'same words here' if item else ''}\n" for item in range(10)))
    arguments = [
        "bench",
        str(events),
        "--items",
        str(items),
        "--text",
        "title",
        "--models",
        "content-profile",
        "--seeds",
        "0,1,2",
    ]
    assert main([*arguments, "--at", "5"]) == 0
    assert capsys.readouterr().err.count("1 of 10 rows have no content at all") == 1
