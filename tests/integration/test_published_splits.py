"""Somebody else's files -> `split` -> `bench` and `evaluate`, with exit codes where the files are wrong."""

import json
import random
from pathlib import Path

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


TOPICS = ["wine cellar grape", "neural network layer", "glacier ice alpine", "castle wall tower"]


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A table of items as CSV, ids from 0, and a division of pairs of users who keep to one topic."""
    rng = random.Random(0)
    monkeypatch.chdir(tmp_path)
    topic = [rng.randrange(4) for _ in range(90)]
    titles = [f"{TOPICS[t]} {rng.choice(TOPICS[t].split())} w{item}" for item, t in enumerate(topic)]
    Path("items.csv").write_text("item_id,title\n" + "".join(f"{item},{title}\n" for item, title in enumerate(titles)))
    Path("events.csv").write_text("user_id,item_id\n0,1\n")
    # the last items of the table are in no pair, and item 0 neither: shifted ids are all in range
    fitting = [[item for item in range(1, 85) if topic[item] == user % 4] for user in range(60)]
    return {user: rng.sample(fitting[user], 12) for user in range(60)}


def write_pairs(pairs, first, between=" ", shift=0, order=False):
    for name, part in (("train", slice(first)), ("test", slice(first, None))):
        rows = [(user, item) for user, items in pairs.items() for item in (sorted(items) if order else items)[part]]
        Path(f"{name}.txt").write_text("".join(f"{user + shift}{between}{item + shift}\n" for user, item in rows))


SPLIT = ["split", "events.csv", "--items", "items.csv", "--text", "title", "--protocol", "files", "--train", "train.txt"]
SPLIT += ["--test", "test.txt", "--layout", "pairs", "--out", "split"]


@pytest.mark.parametrize("between", [" ", ",", "\t", "::"])
def test_ids_from_one_are_told_with_an_option_that_mends_them(published, capsys, between):
    write_pairs(published, 9, between, shift=1)
    assert main(SPLIT) == 3
    message = capsys.readouterr().err
    assert "count from 1, those of the table from 0; say --base 1, or say --base 0" in message
    assert main([*SPLIT, "--base", "1"]) == 0
    assert main(["bench", "split", "--models", "content-profile", "--at", "10", "--json"]) == 0
    out = capsys.readouterr().out
    right = json.loads(out[out.index("[") :])[0]["metrics"]["recall@10"]["mean"]
    assert right > 0.4, "the content is that of the items again: 10 of 22 or so of one topic"


def test_a_division_in_the_order_of_ids_is_told_wherever_it_is_measured(published, capsys):
    write_pairs(published, 8, order=True)
    told = "users have all training items before (or after) all test items by id"
    fit = ["fit", "split", "--model", "content-profile", "--out", "run"]
    for command in (SPLIT, ["bench", "split", "--models", "popularity", "--at", "10"], fit, ["evaluate", "run", "--at", "10"]):
        assert main(command) == 0
        assert capsys.readouterr().err.count(told) == 1, command
    write_pairs(published, 8)
    assert main([*SPLIT[:-1], "random"]) == 0
    assert told not in capsys.readouterr().err


def test_a_file_of_candidates_and_all_items_in_one_list(published, capsys):
    write_pairs(published, 9)
    Path("candidates.txt").write_text("".join(f"{item}\n" for item in range(1, 87)))
    for given, ranked in (("candidates.txt", 86), ("all", 90)):
        assert main([*SPLIT[:-1], given.partition(".")[0], "--candidates", given, "--json"]) == 0
        out = capsys.readouterr().out
        tasks = json.loads(out)
        assert {task["candidates"] for task in tasks["tasks"]} == {ranked}
        assert tasks["served"][0]["candidates"] == 90
    assert main([*SPLIT, "--candidates", "nobody.txt"]) == 3
    assert "there is no file nobody.txt" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bench", "fit", "tune"])
def test_the_protocol_of_files_says_which_command_divides(published, capsys, command):
    out = [] if command == "bench" else ["--out", "run"]
    assert main([command, "events.csv", "--protocol", "files", *out]) == 2
    assert "make its folder with `dualnet split DATA --protocol files" in capsys.readouterr().err


def test_items_without_a_row_are_told_with_an_option_that_keeps_them(published, capsys):
    write_pairs({**published, 61: [3, 500, 7]}, 2)
    assert main(SPLIT) == 3
    assert "pass --missing-content zero" in capsys.readouterr().err
    assert main([*SPLIT, "--missing-content", "zero"]) == 0
    capsys.readouterr()
    assert main([*SPLIT[:-1], "dropped", "--missing-content", "drop"]) == 0
    assert "pairs of the files were left out, for their items have no content row" in capsys.readouterr().err


def test_files_beside_a_named_data_set_are_read_by_their_own_columns(published, capsys):
    for name, step in (("train", 0), ("test", 7)):
        rows = "".join(f"{user},{(3 * user + step + k) % 20}\n" for user in range(15) for k in range(3 if step == 0 else 1))
        Path(f"{name}-named.csv").write_text(f"reader,paper\n{rows}")
    ask = ["split", "demo", "--out", "named", "--user-column", "reader", "--item-column", "paper"]
    files = ["--protocol", "files", "--train", "train-named.csv", "--test", "test-named.csv"]
    assert main([*ask, *files, "--missing-content", "zero"]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main([*ask, "--protocol", "citeulike2"]) == 2
    assert "--user-column, --item-column mean nothing for 'demo'" in capsys.readouterr().err
