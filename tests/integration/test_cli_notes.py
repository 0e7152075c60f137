"""What commands say beside their figures: what is missing, what a mark means, what was left out, what to do next."""

import json
import re
import shutil

import numpy as np
import pytest

from dualnet.cli import main
from dualnet.cli.output import print_table
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.experiments.report_page import ReportPage
from dualnet.experiments.result_lines import claimed

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    for name, table in dataset_tables(blocks_world()).items():
        write_table(table.drop_columns(["weight"]) if name == "events" else table, place / f"{name}.csv")
    return place / "events.csv", place / "items.csv"


def call(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def with_items(tables):
    return [tables[0], "--items", tables[1], "--text", "title"]


def test_fit_on_a_protocol_prints_the_test_figures(capsys, tables, tmp_path):
    wanted = ["--protocol", "out-matrix", "--model", "content-profile"]
    code, out, _ = call(capsys, "fit", *with_items(tables), *wanted, "--out", tmp_path / "a")
    assert code == 0
    assert "known-new" in out
    assert "recall" in out
    code, out, _ = call(capsys, "fit", *with_items(tables), *wanted, "--out", tmp_path / "b", "--json")
    record = json.loads(out)
    assert record["test"]["tasks"][0]["metrics"]["recall@10"]["mean"] > 0
    division = tmp_path / "s"
    call(capsys, "split", *with_items(tables), "--protocol", "citeulike2", "--out", division)
    wmf = [division, "--model", "wmf", "--set", "factors=4", "--no-compare"]
    _, out, _ = call(capsys, "fit", *wmf, "--out", tmp_path / "c", "--verbose")
    assert "\nknown-all: " in out
    assert "of the first 10 places" in out
    assert "WMF(factors=4): " in out
    card = json.loads((tmp_path / "c" / "model" / "manifest.json").read_text())["metrics"]
    assert [task["task"] for task in card["tasks"]] == ["known-known", "known-all"]


def test_a_fit_ends_with_a_verdict_the_table_and_the_next_command(capsys, tables, tmp_path):
    wanted = ["--protocol", "four-quadrants", "--model", "content-profile"]
    code, out, err = call(capsys, "fit", *with_items(tables), *wanted, "--out", tmp_path / "a")
    assert code == 0
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    assert lines[0].startswith("For people of the training data, one list of all items: content-profile is ")
    order = [next(k for k, line in enumerate(lines) if line.startswith(start))
             for start in ("For new people", "recall@10  ", "known-all  ", "recall@10: the share of", "known-...: users who", "the model is in",
                           "dualnet recommend", "dualnet serve", "dualnet evaluate")]  # fmt: skip
    assert order == sorted(order)
    assert len(lines) <= 20
    told = [line.split(" ")[0] for line in err.splitlines()]
    assert told.index("fitted") < told.index("measured")
    assert "the part of the data that is not held out" in err
    code, out, err = call(capsys, "fit", *with_items(tables), "--model", "content-profile", "--out", tmp_path / "b")
    assert out.startswith("the model is in ")
    assert "All pairs trained, so there are no figures" in out
    assert "held out" not in err


def test_a_fit_without_a_figure_says_why(capsys, tmp_path):
    (tmp_path / "one.csv").write_text("user_id,item_id\n" + "".join(f"u,i{k}\n" for k in range(2)))
    words = ["fit", tmp_path / "one.csv", "--model", "wmf", "--set", "factors=1"]
    code, out, err = call(capsys, *words, "--protocol", "citeulike2", "--out", tmp_path / "run")
    assert code == 0, err
    assert "n/a: no user has a held-out positive among the candidates" in out
    assert "cannot answer" not in out
    _, out, _ = call(capsys, *words, "--out", tmp_path / "all")
    assert "with --protocol citeulike2 and another --out" in out  # without content no item is new


def test_a_fit_says_what_it_learned_from(capsys, tmp_path):
    rows = [f"u{u},i{(u + k) % 8},{5 if k % 3 else 1}\n" for u in range(9) for k in range(4)]
    (tmp_path / "e.csv").write_text("user_id,item_id,stars\n" + "".join(rows))
    (tmp_path / "i.csv").write_text("item_id,title\n" + "".join(f"i{k},Film number {k}\n" for k in range(10)))
    words = [tmp_path / "e.csv", "--items", tmp_path / "i.csv", "--text", "title", "--rating", "stars", "--threshold", "4"]
    code, out, err = call(capsys, "fit", *words, "--model", "content-profile", "--out", tmp_path / "run")
    assert code == 0
    assert "on 18 likes of 9 users for 8 items\nit can list 10 items: those, and 2 without a like, known by content\n" in err
    assert "18 likes; beside them 18 dislikes (ratings below 4), never listed to the same user again\n" in err
    code, out, _ = call(capsys, "data", "check", *words)
    counts = dict(re.findall(r"  (\S.*?)  +([\d,.]+)\n", out))
    assert counts["items with an event or a row"] == "10"
    assert counts["likes (pairs of a user and an item)"] == "18"
    assert counts["items with a like"] == "8"
    assert main(["split", *map(str, words), "--protocol", "four-quadrants", "--out", str(tmp_path / "s")]) == 0
    assert "\nfour-quadrants: known and new users are asked for known and new items\n" in f"\n{capsys.readouterr().out}"


def figures(report):
    return [{name: value for name, value in task.items() if name != "seconds"} for task in report["tasks"]]


def test_a_run_knows_its_own_test(capsys, tables, tmp_path, monkeypatch):
    made = ["--protocol", "four-quadrants", "--seed", "2", "--model", "content-profile", "--json"]
    division = tmp_path / "s"
    call(capsys, "split", *with_items(tables), "--protocol", "citeulike2", "--out", division)
    config = tmp_path / "run.toml"
    config.write_text(
        f'[data]\nsource = "{tables[0]}"\nitems = "{tables[1]}"\ntext = "title"\n'
        '[split]\nprotocol = "citeulike2"\n[model]\nname = "item-knn"\n'
    )
    for name, arguments in (
        ("tables", [*with_items(tables), *made]), ("split", [division, "--model", "item-knn", "--json"]), ("toml", [config, "--json"])
    ):  # fmt: skip
        _, out, _ = call(capsys, "fit", *arguments, "--out", tmp_path / name)
        fitted = json.loads(out)["test"]
        monkeypatch.chdir(tmp_path)  # paths are those of the fit, wherever `evaluate` runs
        code, out, err = call(capsys, "evaluate", tmp_path / name, "--json")
        assert code == 0, err
        assert "other data" not in err
        assert figures(json.loads(out)) == figures(fitted)
    call(capsys, "fit", tables[0], "--model", "item-knn", "--out", tmp_path / "all")
    code, _, err = call(capsys, "evaluate", tmp_path / "all")
    assert code == 2
    assert "has no test of its own: it trained on everything" in err
    assert "fit again into another --out with --protocol" in err
    for name, held in (("all", False), ("toml", True)):
        code, _, err = call(capsys, "recommend", tmp_path / name, "--user", "nobody")
        assert code == 3
        assert "unknown user 'nobody'; for someone new give --history" in err
        assert ("a part of the people did not train here" in err) == held
    (tmp_path / "tables" / "run.json").write_text('{"test": {"data": "x"}}')
    code, _, err = call(capsys, "evaluate", tmp_path / "tables")
    assert code == 2
    assert "does not say what it was measured on" in err
    told = {"data": str(tmp_path / "gone.csv"), "tables": {}, "content": None, "protocol": "citeulike2", "seed": 0}
    (tmp_path / "tables" / "run.json").write_text(json.dumps({"test": told}))
    code, _, err = call(capsys, "evaluate", tmp_path / "tables")
    assert "gone.csv" in err
    assert "does not say what it was measured on" not in err  # it says, and the file is gone
    told |= {"data": None, "tables": {"events_sql": "q.sql", "database_url_env": "DATABASE_URL"}}
    (tmp_path / "tables" / "run.json").write_text(json.dumps({"test": told}))
    code, _, err = call(capsys, "evaluate", tmp_path / "tables")
    assert code == 2
    assert "no database is asked for a run" in err
    (tmp_path / "tables" / "run.json").write_text('{"test": "x"}')
    assert call(capsys, "evaluate", tmp_path / "tables")[0] == 5


def test_bench_prints_the_served_list_and_marks_the_best(capsys, tables):
    arguments = ["--models", "popularity,content-profile", "--protocol", "four-quadrants", "--at", "5"]
    _, out, _ = call(capsys, "bench", *with_items(tables), *arguments)
    served = out.split("one list of all items, as it is served")[1]
    assert "P@10" in served
    assert "new@10" in served
    assert served.count("*: the best of its column") == 1
    best = next(line for line in served.splitlines() if line.startswith(" content-profile"))
    assert "*" in best
    _, out, _ = call(capsys, "bench", *with_items(tables), *arguments, "--seeds", "0,1")
    assert "*: the best of its column on the same seed and fold" in out
    _, out, _ = call(
        capsys, "bench", *with_items(tables), "--models", "content-profile", "--protocol", "citeulike2", "--at", "5"
    )
    assert "the best" not in out  # of one


def test_fit_says_once_that_new_items_cannot_be_scored(capsys, tables, tmp_path):
    small = ["--set", "levels=[8]", "--set", "epochs=1"]
    _, _, err = call(capsys, "fit", tables[0], *small, "--out", tmp_path / "a")
    assert err.count("without item content (no --items), so items that it has not seen cannot be scored") == 1
    _, _, err = call(capsys, "fit", *with_items(tables), *small, "--out", tmp_path / "b")
    assert "cannot be scored" not in err
    _, _, err = call(capsys, "fit", *with_items(tables), "--model", "popularity", "--out", tmp_path / "c")
    assert "does not read content, so items that it has not seen cannot be scored" in err


def test_cut_offs_above_the_candidates_are_left_out(capsys, tables):
    _, out, _ = call(
        capsys, "bench", *with_items(tables), "--protocol", "four-quadrants", "--models", "content-profile", "--at", "5,20,300"
    )
    known, new, served = out.split("known-new")[0], out.split("known-new")[1].split("new-known")[0], out.split("known-all")[1]
    assert "R@5 " in known
    assert "R@20" in known
    assert "R@300" not in out
    assert "R@20" in served
    assert "left out: @300, above the number of candidates (37)" in known
    assert "R@20" not in new
    assert "left out: @20, @300, above the number of candidates (10)" in new


def test_evaluate_leaves_them_out_too(capsys, tables, tmp_path):
    call(capsys, "split", *with_items(tables), "--protocol", "four-quadrants", "--out", tmp_path / "s")
    call(capsys, "fit", tmp_path / "s", "--model", "content-profile", "--out", tmp_path / "r")
    _, out, _ = call(capsys, "evaluate", tmp_path / "r", tmp_path / "s", "--at", "5,20,300")
    head, *rows = out.splitlines()
    assert "@20" in head
    assert "@300" not in head
    assert next(row for row in rows if row.startswith("known-new")).endswith(" -")
    assert "-: the task has fewer candidates than the list is long" in out
    assert "left out: @300" in out
    _, out, _ = call(capsys, "evaluate", tmp_path / "r", tmp_path / "s", "--at", "300")
    assert "@300" in out.splitlines()[0]  # a table needs a column


def test_marks_are_explained_where_they_occur(capsys):
    print_table(["task", "R@5"], [["a", "0.5* 0.4-0.6"], ["b", "n/a"]])
    out = capsys.readouterr().out
    assert out.count("*: the best of its column") == 1
    assert out.count("n/a: the model cannot answer") == 1
    print_table(["task", "R@5"], [["a", "0.5"], ["b", "n/a"]], notes=["n/a: no content", "n/a: no content"])
    out = capsys.readouterr().out
    assert "best of its column" not in out
    assert out.count("n/a: no content") == 1


def test_bench_says_why_a_model_has_no_figure(capsys, tables):
    _, out, _ = call(
        capsys, "bench", *with_items(tables), "--protocol", "out-matrix", "--models", "popularity,content-profile", "--at", "2"
    )
    line = next(line for line in out.splitlines() if line.startswith("n/a: "))
    assert line.startswith("n/a: popularity: ")


def test_missing_data_is_named_before_missing_pictures(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DUALNET_DATA", str(tmp_path))
    (tmp_path / "movielens-20m").mkdir()
    code, _, err = call(capsys, "bench", "movielens-20m", "--models", "popularity")
    assert code == 6
    assert err.index("is not here: put ml-20m.zip") < err.index("pictures")


def test_a_second_search_on_one_folder_stops(capsys, tables, tmp_path):
    arguments = ["tune", tables[0], "--model", "wmf", "--grid", "factors=[2]", "--set", "iterations=1", "--out", tmp_path / "t"]
    with claimed(tmp_path / "t", ".search") as ours:
        assert ours
        code, _, err = call(capsys, *arguments)
    assert code == 6
    assert f"another search is writing to {tmp_path / 't'}" in err
    assert call(capsys, *arguments)[0] == 0


def test_a_page_is_not_wider_than_a_screen(tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    api = pytest.importorskip("playwright.sync_api")
    if browser is None:
        pytest.skip("no chromium")
    page = ReportPage("title", "subtitle")
    text = "more than noise over users and over runs of the same division (one run)"
    row = [(f"{'logistic loss minus weighted squares'}", "", False), ("R@50", "", False)]
    row += [("-0.026", "-0.031 to -0.022", False)] * 3 + [(text, "", False)]
    page.table("Paired tests", ["difference", "at", "over users", "over runs", "relative", "verdict"], [row] * 2)
    path = page.write(tmp_path / "page.html")
    with api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        view = opened.new_page(viewport={"width": 1200, "height": 800})
        view.goto(path.as_uri())
        widths = view.evaluate("[...document.querySelectorAll('.scroll')].map(part => [part.clientWidth, part.scrollWidth])")
        opened.close()
    assert np.all([inner >= whole for inner, whole in widths])
