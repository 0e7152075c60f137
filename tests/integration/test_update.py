"""`dualnet update` as a nightly job meets it: files in, a whole new run or nothing."""

import errno
import fcntl
import json
import os
import shutil
import signal

import numpy as np
import pytest

from dualnet import files, load
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.models.base import Recommender
from dualnet.runs.writing import locked

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WORLD = blocks_world()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("nightly")
    old = WORLD.select(users=np.arange(36), items=np.arange(44))
    for name, data in (("", old), ("new-", WORLD)):
        for kind, table in dataset_tables(data).items():
            write_table(table.drop_columns(["weight"]) if kind == "events" else table, place / f"{name}{kind}.csv")
    tables = [str(place / "events.csv"), "--items", str(place / "items.csv"), "--text", "title"]
    sizes = ["--set", "levels=[16, 8]", "--set", "epochs=10", "--set", "user_batch=20"]
    assert main(["fit", *tables, "--out", str(place / "run"), *sizes]) == 0
    return place


def call(capsys, *arguments):
    capsys.readouterr()
    code = main(["update", *[str(argument) for argument in arguments]])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


def new(folder):
    return ["--events", folder / "new-events.csv", "--items", folder / "new-items.csv"]


def test_a_new_run_beside_the_old_one(capsys, folder, tmp_path):
    before = (folder / "run" / "model" / "manifest.json").read_bytes()
    code, out, _ = call(capsys, folder / "run", *new(folder), "--out", tmp_path / "next", "--json")
    assert code == 0
    added = json.loads(out)["update"]
    assert (added["users"], added["items"], added["number"]) == (4, 4, 1)
    assert (folder / "run" / "model" / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "next").iterdir()) == ["log.jsonl", "model", "run.json"]
    phases = [json.loads(line)["phase"] for line in (tmp_path / "next" / "log.jsonl").read_text().splitlines()]
    phases = [phase for phase in phases if not phase.endswith("-solved")]
    assert phases == ["train/optimise"] * 10 + ["update-1"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["next"]
    assert len(load(tmp_path / "next" / "model").users_) == 40
    code, _, err = call(capsys, folder / "run", *new(folder), "--out", tmp_path / "next")
    assert code == 2
    assert "--overwrite" in err
    code, _, err = call(capsys, tmp_path / "next", *new(folder), "--overwrite")
    assert code == 0
    assert "0 new pairs (328 were known)" in err
    assert [path.name for path in tmp_path.iterdir()] == ["next"]


def test_words_of_new_items_that_the_model_lacks_are_reported(capsys, folder, tmp_path):
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\nn1,genomes quarks gluons\n")
    code, _, err = call(capsys, folder / "run", "--items", items, "--out", tmp_path / "next")
    assert code == 0
    assert "2 of 3 words of the new items are unknown" in err


def test_events_are_read_as_fit_read_them(capsys, folder, tmp_path):
    lines = [line.split(",")[:2] for line in (folder / "new-events.csv").read_text().splitlines()[1:]]
    known = tmp_path / "known.csv"
    known.write_text("reader,book,stars\n" + "".join(f"{user},{book},5\n" for user, book in lines))
    columns = ["--user-column", "reader", "--item-column", "book", "--rating", "stars", "--threshold", "4"]
    sizes = ["--set", "levels=[16, 8]", "--set", "epochs=1", "--set", "user_batch=20"]
    assert main(["fit", str(known), *columns, "--out", str(tmp_path / "run"), *sizes]) == 0
    fresh = tmp_path / "fresh.csv"
    fresh.write_text(f"reader,book,stars\nnew,{lines[0][1]},5\nnew,{lines[1][1]},3\n")
    code, out, err = call(capsys, tmp_path / "run", "--events", fresh, "--out", tmp_path / "next", "--json")
    assert code == 0
    assert "users in column 'reader', items in 'book', ratings in 'stars' that count from 4 on" in err
    assert json.loads(out)["update"]["pairs"] == 1
    # what one update was told otherwise is not kept
    was, after = (json.loads((tmp_path / place / "run.json").read_text()) for place in ("run", "next"))
    assert was.pop("data") == str(known)  # which is not all that the updated model was fitted on
    assert after == was
    other = ["--rating", "", "--user-column", "reader", "--overwrite"]
    assert call(capsys, tmp_path / "next", "--events", fresh, *other, "--json")[0] == 0
    assert json.loads((tmp_path / "next" / "run.json").read_text()) == was
    # an update of the update, and of the model folder alone, still know
    for place, rating, pairs in ((tmp_path / "next", [], 1), (tmp_path / "run" / "model", ["--rating", ""], 2)):
        target = tmp_path / f"again-{pairs}"
        code, out, _ = call(capsys, place, "--events", fresh, "--out", target, "--json", *rating)
        assert code == 0
        assert json.loads(out)["update"]["pairs"] + json.loads(out)["update"]["repeated"] == pairs
    code, _, err = call(capsys, tmp_path / "run", "--events", fresh, "--rating", "weight", "--out", tmp_path / "other")
    assert code == 2
    assert "needs a threshold" in err


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "[1]",
        "[" * 60_000,
        '{"events": {"user": 5}}',
        '{"events": {"who": "x"}}',
        '{"events": {"rating": "r", "threshold": NaN}}',
        "x" * 70_000,
    ],
)
def test_a_damaged_run_file_is_refused_in_a_sentence(capsys, folder, tmp_path, text):
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(text)
    code, _, err = call(capsys, tmp_path / "run", *new(folder), "--out", tmp_path / "next")
    assert code == 5
    assert "run.json does not say how the run's events were read" in err
    assert not (tmp_path / "next").exists()


def test_a_run_file_beside_a_model_of_another_name_is_not_its_own(capsys, folder, tmp_path):
    shutil.copytree(folder / "run" / "model", tmp_path / "mine")
    (tmp_path / "run.json").write_text('{"events": {"user": "reader"}}')
    code, _, err = call(capsys, tmp_path / "mine", *new(folder), "--out", tmp_path / "next")
    assert code == 0, err
    assert "reader" not in err


def test_a_failure_leaves_nothing(capsys, folder, tmp_path):
    events = tmp_path / "events.csv"
    events.write_text("user_id,item_id\nu0-0,nowhere\n")
    code, _, err = call(capsys, folder / "run", "--events", events, "--out", tmp_path / "next")
    assert code == 3
    assert "'nowhere' of the new events is not in the catalogue" in err
    code, _, err = call(capsys, folder / "run", *new(folder))
    assert code == 2
    assert "--out" in err
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_a_gate_on_pairs_held_out(capsys, folder, tmp_path, monkeypatch):
    arguments = [folder / "run", *new(folder), "--out", tmp_path / "next", "--hold-out", "0.4"]
    monkeypatch.setattr("dualnet.runs.update.is_worse", lambda figures: bool(figures))
    code, out, err = call(capsys, *arguments)
    assert code == 4
    assert "nothing was written" in err
    assert "before" in out
    assert list(tmp_path.iterdir()) == []
    code, out, _ = call(capsys, *arguments, "--json")
    assert (code, out) == (4, "")
    monkeypatch.setattr("dualnet.runs.update.is_worse", lambda figures: False)
    code, out, _ = call(capsys, *arguments, "--json")
    assert code == 0
    assert {entry["items"] for entry in json.loads(out)["held_out"]} == {"old", "new"}


def test_pairs_held_out_are_learned_when_they_come_again(capsys, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("dualnet.runs.update.is_worse", lambda figures: False)
    added, run = [], folder / "run"
    for night in ("monday", "tuesday"):
        code, out, _ = call(capsys, run, *new(folder), "--hold-out", "0.4", "--out", tmp_path / night, "--epochs", 1, "--json")
        assert code == 0
        added.append(json.loads(out)["update"]["pairs"])
        run = tmp_path / night
    assert added[1] > 0


def test_a_gate_that_could_ask_nothing_says_so(capsys, folder, tmp_path):
    events = tmp_path / "events.csv"
    events.write_text("user_id,item_id\nu0-0,i0-1\n")  # known already, so there is nothing to hide
    code, _, err = call(capsys, folder / "run", "--events", events, "--hold-out", "0.5", "--out", tmp_path / "next")
    assert code == 0
    assert "--hold-out had nothing to ask" in err


@pytest.mark.parametrize(("least", "said"), [(1, False), (10_000, True)])
def test_few_pairs_held_out_decide_little(capsys, folder, tmp_path, monkeypatch, least, said):
    monkeypatch.setattr("dualnet.runs.update.FEW_PAIRS", least)
    monkeypatch.setattr("dualnet.runs.update.is_worse", lambda figures: False)
    code, _, err = call(capsys, folder / "run", *new(folder), "--out", tmp_path / "next", "--hold-out", "0.4")
    assert (code, "decide little" in err) == (0, said)


def test_what_others_keep_in_a_replaced_run_stays(capsys, folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    (run / "state").mkdir()
    (run / "state" / "journal.jsonl").write_text("added live\n")
    (run / "report.html").write_text("figures\n")
    assert call(capsys, run, *new(folder), "--overwrite")[0] == 0
    assert len(load(run / "model").users_) == 40
    assert (run / "state" / "journal.jsonl").read_text() == "added live\n"
    assert (run / "report.html").read_text() == "figures\n"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_updates_do_not_replace_one_run_at_a_time(capsys, folder, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    told, real = [], Recommender.update

    def meanwhile(model, *pairs, **settings):
        told.append(main(["update", str(run), *(str(part) for part in new(folder)), "--overwrite"]))
        return real(model, *pairs, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(Recommender, "update", meanwhile)
        code, _, err = call(capsys, run, *new(folder), "--overwrite")
    assert (code, told) == (0, [2])
    assert "another update of" in err
    assert len(load(run / "model").users_) == 40


def test_a_run_where_folders_cannot_be_locked_is_updated_all_the_same(capsys, folder, tmp_path, monkeypatch):
    shutil.copytree(folder / "run", tmp_path / "run")

    def refused(descriptor, operation):
        raise OSError(errno.EBADF, "a folder cannot be locked here, as on NFS")

    monkeypatch.setattr(fcntl, "flock", refused)
    assert call(capsys, tmp_path / "run", *new(folder), "--overwrite")[0] == 0


def test_a_run_that_is_replaced_before_it_is_locked_is_locked_anew(tmp_path, monkeypatch):
    run, real, opened = tmp_path / "run", os.open, []
    run.mkdir()

    def replaced_meanwhile(path, flags, **more):
        opened.append(real(path, flags, **more))
        if len(opened) == 1:
            run.rename(tmp_path / "old")
            run.mkdir()
        return opened[-1]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", replaced_meanwhile)
        descriptor = locked(run, RuntimeError("busy"))
    assert len(opened) == 2
    assert os.path.samestat(os.fstat(descriptor), run.stat())
    os.close(descriptor)


def test_integer_ids_of_a_text_file(capsys, tmp_path):
    pairs = [(user, item) for user in range(6) for item in range(user, user + 3)]
    old, fresh = tmp_path / "old.jsonl", tmp_path / "new.csv"
    old.write_text("".join(json.dumps({"user_id": user, "item_id": item}) + "\n" for user, item in pairs))
    fresh.write_text("user_id,item_id\n7,2\n0,5\n")
    assert main(["fit", str(old), "--model", "wmf", "--set", "factors=2", "--out", str(tmp_path / "run")]) == 0
    code, out, _ = call(capsys, tmp_path / "run", "--events", fresh, "--out", tmp_path / "next", "--json")
    assert code == 0
    assert json.loads(out)["update"]["users"] == 1
    assert 7 in load(tmp_path / "next" / "model").users_
    fresh.write_text("user_id,item_id\nseven,2\n")
    code, _, err = call(capsys, tmp_path / "run", "--events", fresh, "--out", tmp_path / "other")
    assert code == 3
    assert "'seven' in column 'user_id' is text" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_update_leaves_the_old_run_and_nothing_else(capsys, folder, tmp_path, monkeypatch, number):
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    before = {path.name: path.read_bytes() for path in (run / "model").iterdir()}

    def interrupt(self, figures, seconds):
        os.kill(os.getpid(), number)

    monkeypatch.setattr("dualnet.train.progress.EpochLog.write", interrupt)
    code, _, err = call(capsys, run, *new(folder), "--overwrite")
    assert code == 128 + number
    assert "interrupted" in err
    assert {path.name: path.read_bytes() for path in (run / "model").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_swap_that_fails_puts_the_old_run_back(capsys, folder, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)

    def fail(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_swap", fail)
    code, _, err = call(capsys, run, *new(folder), "--overwrite")
    assert code == 6
    assert "No space left" in err
    assert len(load(run / "model").users_) == 36
    assert [path.name for path in (*tmp_path.iterdir(), *run.iterdir()) if path.name.startswith(".")] == []


def test_what_was_tracked_goes_along(capsys, folder, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    for arguments in (["--overwrite"], ["--overwrite", "--epochs", 1]):
        events = folder / "new-events.csv"
        if "--epochs" in arguments:
            events = tmp_path / "later.csv"
            events.write_text("user_id,item_id\nu0-0,i3-11\n")
        code, _, err = call(
            capsys, run, "--events", events, "--items", folder / "new-items.csv", "--track", "mlflow", *arguments
        )
        assert code == 0, err
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{run / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("dualnet").experiment_id])
    assert [each.info.run_name for each in found] == ["run", "run"]
    assert {each.data.params["update"] for each in found} == {"1", "2"}


FORGOTTEN = ["u0-0", "u1-3"]


def users_of(run):
    return set(load(run / "model").users_)


def as_file(place, how):
    """A list of users to forget as a file of one kind, or as the words themselves."""
    if how == "ids":
        return ["--forget", ",".join([*FORGOTTEN, "nobody"])]
    if how == "one by one":
        return ["--forget", "u0-0", "--forget", "u1-3", "--forget", "nobody"]
    path = place / f"gone{how}"
    if how in (".txt", ".lst"):
        path.write_bytes("\ufeffu0-0\r\n\n u1-3 \nnobody".encode())
    else:
        import pyarrow as pa

        write_table(pa.table({"user_id": [*FORGOTTEN, "nobody"]}), path)
    return ["--forget", path]


@pytest.mark.parametrize("how", ["ids", "one by one", ".txt", ".lst", ".csv", ".parquet", ".jsonl"])
def test_users_are_forgotten(capsys, folder, tmp_path, how):
    gone = as_file(tmp_path, how)
    code, out, err = call(capsys, folder / "run", *gone, "--out", tmp_path / "next", "--json")
    assert code == 0, err
    assert json.loads(out)["forgotten"] == {"named": 3, "users": 2, "users_of_new_events": 0}
    assert users_of(tmp_path / "next") == users_of(folder / "run") - set(FORGOTTEN)
    written = b"".join(path.read_bytes() for path in (tmp_path / "next").rglob("*") if path.is_file())
    assert not any(f'"{user}"'.encode() in written for user in FORGOTTEN)
    code, out, err = call(
        capsys, tmp_path / "next", *gone, *new(folder), "--epochs", 0, "--overwrite"
    )  # they are in the events
    assert code == 0, err
    assert "forgot 0 of the 3 users that --forget names" in err
    assert "left 2 users out of the new events" in err
    assert not set(FORGOTTEN) & users_of(tmp_path / "next")
    assert len(users_of(tmp_path / "next")) == 38


def test_a_new_user_who_is_forgotten_before_the_first_update(capsys, folder, tmp_path):
    fresh = sorted(set(WORLD.interactions.users) - users_of(folder / "run"))[0]
    ask = (
        folder / "run",
        "--forget",
        f"{fresh},u0-0",
        *new(folder),
        "--epochs",
        0,
        "--hold-out",
        0.2,
        "--out",
        tmp_path / "next",
    )
    assert call(capsys, *ask)[0] in (0, 4)
    if (tmp_path / "next").exists():
        assert not {fresh, "u0-0"} & users_of(tmp_path / "next")


@pytest.mark.parametrize(
    ("values", "code", "text"),
    [
        (["--forget", "missing.txt"], 2, "there is no such file, and no user of that id"),
        (["--forget", " , "], 2, "names nobody"),
        (["--forget", '"u1'], 2, "quotes"),
        (["--forget", "empty.txt"], 3, "holds no id"),
        (["--forget", "headless.csv"], 3, "has no user column 'user_id'"),
        (["--forget", "binary.txt"], 3, "one id a line"),
        (["--forget", "u0-1"], 2, "is both a file and a user"),
        (["--forget", "."], 3, "is a folder"),
        (["--forget", "u0-0", "--users", "u.csv"], 2, "means nothing with --forget alone"),
        (["--forget", "u0-0", "--hold-out", "0.1"], 2, "needs --events"),
        (["--forget", "u0-0", "--epochs", "1"], 2, "means nothing without --events"),
    ],
)  # fmt: skip
def test_what_cannot_be_forgotten_is_told_and_changes_nothing(capsys, folder, tmp_path, monkeypatch, values, code, text):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "headless.csv").write_text("u0-0\nu1-1\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00u")
    (tmp_path / "u0-1").write_text("u0-0\n")
    monkeypatch.chdir(tmp_path)
    before = (folder / "run" / "model" / "manifest.json").read_bytes()
    got, _, err = call(capsys, folder / "run", *values, "--overwrite")
    assert (got, text in " ".join(err.split())) == (code, True), err
    assert (folder / "run" / "model" / "manifest.json").read_bytes() == before


def test_every_kind_of_model_forgets_also_one_that_cannot_be_updated(capsys, folder, tmp_path):
    tables = [str(folder / "events.csv"), "--model", "item-knn", "--out", str(tmp_path / "run")]
    assert main(["fit", *tables]) == 0
    assert call(capsys, tmp_path / "run", "--forget", "u0-0", "--overwrite")[0] == 0
    assert "u0-0" not in users_of(tmp_path / "run")
