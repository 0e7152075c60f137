"""Somebody else's files -> `split` -> `bench` and `evaluate`, with exit codes where the files are wrong."""

import json

import pytest

from dualnet.cli import main

TRAIN = "2 1 2\n2 2 3\n2 1 3\n2 1 4\n"
TEST = "1 3\n1 1\n1 2\n1 2\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "train.dat").write_text(TRAIN)
    (tmp_path / "test.dat").write_text(TEST)
    (tmp_path / "events.csv").write_text("user_id,item_id\n0,0\n")
    return tmp_path


def split(files, *more):
    return main(
        ["split", str(files / "events.csv"), "--protocol", "files", "--train", str(files / "train.dat"), "--test",
         str(files / "test.dat"), "--layout", "counted-lists", "--out", str(files / "split"), *more]
    )  # fmt: skip


def test_published_files_to_a_table(files, capsys):
    assert split(files, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["train"] == {"users": 4, "items": 4, "pairs": 8}
    assert [task["hidden_pairs"] for task in made["tasks"]] == [4]
    assert (
        main(["bench", str(files / "split"), "--models", "popularity,item-knn", "--seeds", "0,1", "--at", "1,2", "--json"]) == 0
    )
    records = json.loads(capsys.readouterr().out)
    assert {r["task"] for r in records} == {"known-known", "known-all"}
    records = [r for r in records if r["task"] == "known-known"]
    assert [(r["model"], r["seed"]) for r in records] == [(m, s) for s in (0, 1) for m in ("popularity", "item-knn")]
    assert {r["split"] for r in records} == {made["split"]}
    assert {r["protocol"] for r in records} == {"files"}


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--kind", "cold"), 3, "the division is not cold"),
        (("--base", "0", "--layout", "counted-lists"), 3, "begins with '2' but 1 items follow"),
        (("--layout", "inline"), 2, "layout 'inline' is not known"),
        (("--cold", "0.1"), 2, "protocol 'files' has no option 'cold'"),
    ],
)
def test_wrong_files_leave_nothing_behind(files, capsys, more, code, words):
    (files / "test.dat").write_text("1 3\n2 1\n" if "--base" in more else TEST)
    assert split(files, *more) == code
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert not [path.name for path in files.iterdir() if "split" in path.name]
