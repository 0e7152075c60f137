"""Work of several processes gives what one gives, each row once, whoever is killed on the way."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dualnet
import dualnet.batch
from dualnet.batch import parts, ray_data
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world, library
from dualnet.data.tables import dataset_tables, write_table
from dualnet.distributed.cluster import cluster

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")

MODELS = {
    "wmf": {"factors": 8, "iterations": 2},
    "dualnet": {"levels": (8, 4), "epochs": 1, "factors": 4},
    "item-knn": {},
}


@pytest.fixture(scope="module")
def ray():
    with cluster(None, 3) as module:
        yield module


@pytest.fixture(scope="module")
def data():
    return library(n_readers=1_300, n_papers=300, pairs_per_reader=10.0)


@pytest.fixture(scope="module")
def split(data):
    return dualnet.splits.citeulike2(data)


@pytest.fixture(scope="module")
def folders(split, tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    return {name: dualnet.create(name, **settings).fit(split.train).save(place / name) for name, settings in MODELS.items()}


def table(path):
    return pq.read_table(path).combine_chunks()


def of_parts(folder):
    """The table of all parts in their order, each file read by itself."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(Path(folder).glob("part-*.parquet"))]).combine_chunks()


@pytest.mark.parametrize("name", [pytest.param("wmf", marks=pytest.mark.scale), "dualnet", "item-knn"])
def test_the_same_from_one_process_and_from_three(name, folders, split, ray, tmp_path):
    model = dualnet.load(folders[name])
    wanted = {"k": 4, "exclude": ["p001"], "unknown": "ignore"}
    model.recommend_all(tmp_path / "one.parquet", **wanted)
    written = dualnet.batch.recommend_all(folders[name], tmp_path / "lists", workers=3, **wanted)
    assert written.parts == 3
    assert of_parts(tmp_path / "lists").equals(table(tmp_path / "one.parquet"))
    users = of_parts(tmp_path / "lists")["user"].to_pylist()
    assert users[::4] == model.users_.keys
    for what in ("items", "users"):
        assert (
            main(["encode", str(folders[name]), "--out", str(tmp_path / f"{what}.parquet"), *(["--users"] * (what == "users"))])
            == 0
        )
        dualnet.batch.encode(folders[name], tmp_path / what, workers=3, what=what)
        assert of_parts(tmp_path / what).equals(table(tmp_path / f"{what}.parquet"))
    one = dualnet.evaluate(model, split, at=(5, 20), bootstrap=20)
    three = dualnet.batch.evaluate(folders[name], split, workers=3, at=(5, 20), bootstrap=20)
    assert same_figures(three) == same_figures(one)


def same_figures(report):
    told = json.loads(json.dumps(report.to_json(), default=np.ndarray.tolist))
    for task in told["tasks"] if "tasks" in told else told["results"]:
        task.pop("seconds")
    return told


def test_commands(folders, ray, tmp_path, capsys, monkeypatch):
    run = str(folders["wmf"])
    assert main(["recommend", run, "--all", "--workers", "3", "-k", "2", "--out", str(tmp_path / "lists"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["parts"], told["found"]) == (3, 0)
    assert told["rows"] == 2 * len(dualnet.load(run).users_)
    assert main(["recommend", run, "--all", "--workers", "2", "-k", "2", "--out", str(tmp_path / "lists")]) == 0
    assert "3 parts were there" in capsys.readouterr().out
    assert main(["recommend", run, "--all", "--workers", "2", "-k", "3", "--out", str(tmp_path / "lists")]) == 2
    assert "--overwrite" in capsys.readouterr().err
    events = tmp_path / "events.csv"
    events.write_text("user_id,item_id\nann,p001\nann,p002\nbob,p003\n")
    given = ["encode", run, "--histories", str(events), "--out"]
    assert main([*given, str(tmp_path / "h"), "--workers", "2"]) == main([*given, str(tmp_path / "h.parquet")]) == 0
    assert of_parts(tmp_path / "h").equals(table(tmp_path / "h.parquet"))


def test_workers_warn_and_fail_as_one_process_does(folders, ray, tmp_path):
    with pytest.warns(dualnet.DualNetWarning, match="nowhere"):
        dualnet.batch.recommend_all(folders["wmf"], tmp_path / "lists", workers=2, k=2, exclude=["nowhere"])
    with pytest.raises(dualnet.UsageError, match="colour"):
        dualnet.batch.recommend_all(folders["wmf"], tmp_path / "more", workers=2, filter={"colour": {"is": "red"}})
    dualnet.batch.recommend_all(
        folders["wmf"], tmp_path / "more", workers=2, k=2
    )  # nothing was finished, so that nothing bars it


GRID = ["--model", "item-knn", "--grid", "neighbours=[1, 20]", "--grid", "shrinkage=[0.0, 5.0]", "--seeds", "3,4", "--at", "3"]


def lines_of(folder):
    """The trials of a search without their times, in the order of their parameters."""
    found = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    assert [trial["trial"] for trial in found] == list(range(len(found)))
    kept = [{name: value for name, value in trial.items() if name not in ("trial", "seconds")} for trial in found]
    return sorted(kept, key=lambda trial: json.dumps(trial["params"]))


def test_a_search_has_the_same_trials_and_goes_on(ray, tmp_path, capsys):
    tables = [str(place) for place in written_tables(tmp_path)]
    command = ["tune", *tables, *GRID, "--out"]
    assert main([*command, str(tmp_path / "one")]) == main([*command, str(tmp_path / "two"), "--workers", "2"]) == 0
    assert lines_of(tmp_path / "two") == lines_of(tmp_path / "one")
    chosen = [(tmp_path / name / "best.toml").read_text().partition("[model]")[2] for name in ("one", "two")]
    assert chosen[0] == chosen[1]
    cut = tmp_path / "two" / "trials.jsonl"
    cut.write_text("".join(cut.read_text().splitlines(keepends=True)[:2]) + '{"trial": 2, "sta')  # killed while it wrote
    capsys.readouterr()
    assert main([*command, str(tmp_path / "two"), "--workers", "3"]) == 0
    captured = capsys.readouterr()
    assert "2 trials found" in captured.err
    assert captured.out.startswith("best of 4 trials")
    assert lines_of(tmp_path / "two") == lines_of(tmp_path / "one")


def written_tables(place):
    for name, table in dataset_tables(blocks_world(density=0.5)).items():
        write_table(table.drop_columns(["weight"]) if name == "events" else table, place / f"{name}.csv")
    return [place / "events.csv"]


def test_optuna_with_workers(ray, tmp_path):
    tables = [str(place) for place in written_tables(tmp_path)]
    command = ["tune", *tables, "--model", "wmf", "--set", "iterations=1", "--grid", "factors=[2, 4]", "--grid",
               "zero_weight={low = 0.01, high = 0.1, log = true}", "--method", "optuna", "--workers", "2"]  # fmt: skip
    for trials in (2, 3):
        assert main([*command, "--trials", str(trials), "--out", str(tmp_path / "t")]) == 0
        found = lines_of(tmp_path / "t")
        assert [trial["state"] for trial in found] == ["complete"] * trials
        assert all(trial["params"]["factors"] in (2, 4) and 0.01 <= trial["params"]["zero_weight"] <= 0.1 for trial in found)


def test_a_question_that_no_trial_can_answer_is_told(ray, tmp_path, capsys):
    tables = [*(str(place) for place in written_tables(tmp_path)), "--items", str(tmp_path / "items.csv"), "--text", "title"]
    command = ["tune", *tables, "--model", "item-knn", "--protocol", "out-matrix", "--grid", "neighbours=[1]", "--workers", "2"]
    assert main([*command, "--out", str(tmp_path / "t")]) == 2
    assert "can serve none of the validation tasks" in capsys.readouterr().err


class DiesOnce:
    """A job whose worker is killed at the first try of each part but one."""

    def __init__(self, place):
        self.place = place

    def answer(self, part):
        mark = Path(self.place) / str(part.number)
        if part.number and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return part.number


class DiesAlways:
    def answer(self, part):
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_workers_are_replaced(ray, tmp_path):
    made = parts.parts_of(4, 1)
    found = [answer for _, answer in ray_data.answers(DiesOnce(str(tmp_path)), made, 2, None, "testing")]
    assert sorted(found) == [0, 1, 2, 3]


@pytest.mark.scale
def test_a_part_that_kills_every_worker_ends_the_job(ray):
    with pytest.raises(dualnet.ResourceError, match="Ray lost a part of the work"), cluster(None, 1):
        list(ray_data.answers(DiesAlways(), parts.parts_of(1, 1), 1, None, "testing"))


KILLED = """
import os, signal, sys
from pathlib import Path
import dualnet.batch, dualnet.batch.jobs as jobs, dualnet.files as files

model, out, marks, *kills = sys.argv[1:]
driver = os.getpid()

class Killed(jobs._Lists):
    def answer(self, part):
        victim, _, moment = (kills[part.number] if part.number < len(kills) else "").partition(" ")

        def kill(here):
            if here == moment:
                try:
                    (Path(marks) / str(part.number)).touch(exist_ok=False)
                except FileExistsError:
                    return
                os.kill(driver if victim == "driver" else os.getpid(), signal.SIGKILL)

        def sync(path):  # all is written, and has not taken its place
            if path.name.startswith(".part-"):
                kill("within")

        kill("before")
        files.sync = sync
        done = super().answer(part)
        kill("after")
        return done

jobs._Lists = Killed
dualnet.batch.recommend_all(model, out, workers=3, k=4)
"""
SHORT = ["worker within", "driver after"]
TEN = [
    "worker before", "worker within", "driver within", "worker after", "worker within", "driver before", "worker before",
    "worker within", "driver after", "worker after",
]  # fmt: skip


def check_killed(model, kills, place):
    """Run a job, with kills of its workers and its drivers, until it ends; check that nothing is missing or there twice."""
    marks = place / "marks"
    marks.mkdir()
    for _ in range(1 + len(kills)):
        done = subprocess.run([sys.executable, "-c", KILLED, str(model), str(place / "lists"), str(marks), *kills], check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert len(list(marks.iterdir())) == len(kills)
    fitted = dualnet.load(model)
    fitted.recommend_all(place / "one.parquet", k=4)
    assert of_parts(place / "lists").equals(table(place / "one.parquet"))
    assert of_parts(place / "lists")["user"].to_pylist()[::4] == fitted.users_.keys
    record = json.loads((place / "lists" / parts.RECORD).read_text())
    assert record["complete"]
    assert record["rows"] == 4 * len(fitted.users_)
    assert not list((place / "lists").glob(".part-*"))


def test_a_killed_job_ends_complete(folders, tmp_path):
    check_killed(folders["wmf"], SHORT, tmp_path)


@pytest.mark.scale
def test_a_job_killed_ten_times_ends_complete(tmp_path):
    data = library(n_readers=5_600, n_papers=200, pairs_per_reader=6.0, text=False)
    model = dualnet.WMF(factors=4, iterations=1).fit(data).save(tmp_path / "model")
    check_killed(model, TEN, tmp_path)
