"""A kill at every rename, synchronisation and removal of a command: the old or the new is there, whole; the command mends the rest."""

import os
import shutil
from pathlib import Path

import pytest

import dualnet
from dualnet import files
from dualnet.cli import main
from dualnet.data.read_table import read_table
from dualnet.data.split_files import load_split
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table
from dualnet.train.checkpoint import save_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
CALLS = [(os, name) for name in ("rename", "replace", "fsync", "unlink", "rmdir", "mkdir")] + [(files, "_swap")]


class Killed(BaseException):
    """The process is no more: nothing of ours runs after it but what the interpreter undoes, such as locks."""


class Kill:
    """Stops the process before or after its n-th call, and lets nothing change the disk from there on."""

    def __init__(self, monkeypatch, at, after):
        self.at, self.after, self.count, self.dead = at, after, 0, False
        for module, name in CALLS:
            monkeypatch.setattr(module, name, self.wrapped(getattr(module, name)))

    def wrapped(self, real):
        def call(*given, **more):
            if self.dead:
                raise Killed
            self.count += 1
            hit = self.count == self.at
            if hit and not self.after:
                self.dead = True
                raise Killed
            result = real(*given, **more)
            if hit:
                self.dead = True
                raise Killed
            return result

        return call


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Tables, and a run with what others keep in it."""
    place = tmp_path_factory.mktemp("world")
    for kind, table in dataset_tables(blocks_world()).items():
        write_table(table, place / f"{kind}.csv")
    (place / "new.csv").write_text("user_id,item_id\nnobody,i0-0\nnobody,i0-1\n")
    assert main(fit(place, place / "run")) == 0
    (place / "run" / "state").mkdir()
    (place / "run" / "state" / "journal.jsonl").write_text("acknowledged\n")
    (place / "run" / "notes.txt").write_text("mine\n")
    return place


def fit(world, run, *more):
    return [
        "fit",
        str(world / "events.csv"),
        "--model",
        "wmf",
        "--set",
        "factors=2",
        "--set",
        "iterations=1",
        "--out",
        str(run),
        *more,
    ]


def whole_run(out):
    assert dualnet.load(out / "model").recommend(history=["i0-0"], k=2).ids
    assert (out / "state" / "journal.jsonl").read_text() == "acknowledged\n"
    assert (out / "notes.txt").read_text() == "mine\n"


def nothing_or_model(out):
    if (out / "model").exists():
        assert dualnet.load(out / "model").recommend(history=["i0-0"], k=2).ids


# command, what has to be there whatever happens, and how the place is before
COMMANDS = {
    "fit": (lambda w, out: fit(w, out), nothing_or_model, None),
    "fit --overwrite": (lambda w, out: fit(w, out, "--overwrite"), whole_run, "run"),
    "update --overwrite": (
        lambda w, out: ["update", str(out), "--events", str(w / "new.csv"), "--overwrite"], whole_run, "run",
    ),
    "update --out": (
        lambda w, out: ["update", str(w / "run"), "--events", str(w / "new.csv"), "--out", str(out)], nothing_or_model, None,
    ),
    "update --out --overwrite": (
        lambda w, out: ["update", str(w / "run"), "--events", str(w / "new.csv"), "--out", str(out), "--overwrite"], whole_run,
        "run",
    ),
    "split": (
        lambda w, out: ["split", str(w / "events.csv"), "--protocol", "citeulike2", "--out", str(out)],
        lambda out: load_split(out) if out.exists() else None, None,
    ),
    "recommend --all": (
        lambda w, out: ["recommend", str(w / "run"), "--all", "--out", str(out / "lists.parquet")],
        lambda out: read_table(out / "lists.parquet") if (out / "lists.parquet").exists() else None, "folder",
    ),
    "export": (
        lambda w, out: ["export", str(w / "run"), "--out", str(out / "v.npz"), "--to", "npz"],
        lambda out: None, "folder",
    ),
}  # fmt: skip


def prepare(world, out, before):
    for path in (out, *out.parent.glob(f".{out.name}*"), *out.parent.glob(f"{out.name}-*")):
        shutil.rmtree(path, ignore_errors=True)
    if before == "run":
        shutil.copytree(world / "run", out)
    elif before == "folder":
        out.mkdir()


def litter(out):
    return [
        path.name for path in (*out.parent.iterdir(), *out.rglob("*")) if path.name.startswith(".") and path.name != ".lock"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_at_any_point_leaves_the_old_or_the_new(world, tmp_path, monkeypatch, capsys, command):
    arguments, check, before = COMMANDS[command]
    out, points = tmp_path / "out", 0
    for after in (False, True):
        for at in range(1, 200):
            prepare(world, out, before)
            with monkeypatch.context() as patch:
                kill = Kill(patch, at, after)
                try:
                    code = main(arguments(world, out))
                except Killed:
                    code = None
            if not kill.dead:
                assert code == 0, capsys.readouterr().err
                break
            points += 1
            check(out)
            again = arguments(world, out)
            # what was begun is gone on with, as the message says
            if main(again) != 0:
                more = ["--resume"] if command == "fit" else ["--overwrite"]
                assert main([*again, *more]) == 0, (at, after, capsys.readouterr().err)
            check(out)
            assert litter(out) == [], (at, after)
    assert points >= 5


def test_what_another_writer_writes_is_not_swept(tmp_path):
    target = tmp_path / "model"
    with files.new_folder(target) as first:
        (first / "a").write_text("1")
        with files.new_folder(target) as second:
            (second / "a").write_text("2")
            assert first.is_dir()
        assert first.is_dir()
    assert (target / "a").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("step", [1, 2])
def test_a_system_without_exchange_is_mended_by_the_next_writer(tmp_path, monkeypatch, step):
    """Two renames are all that some file systems have: whoever is killed between them leaves the old one, and it is found."""

    def none(*given):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(files, "_swap", none)
    target = tmp_path / "model"
    for text in ("old", "middle"):
        with files.new_folder(target) as new:
            (new / "a").write_text(text)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    with monkeypatch.context() as patch:
        kill = Kill(patch, 0, True)
        real, calls = Path.rename, []

        def rename(self, place):
            calls.append(self.suffix)
            result = real(self, place)
            if len(calls) == 1 + step:
                kill.dead = True
                raise Killed
            return result

        patch.setattr(Path, "rename", rename)
        with pytest.raises(Killed), files.new_folder(target) as new:
            (new / "a").write_text("new")
    files.sweep(target)
    assert (target / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_run_that_an_earlier_version_left_in_pieces_is_put_together(world, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(world / "run", tmp_path / ".run.123.old")
    assert main(["update", str(run), "--events", str(world / "new.csv"), "--overwrite"]) != 0  # says what is missing
    shutil.copytree(world / "run", run)
    shutil.rmtree(run / "state")
    assert main(["update", str(run), "--events", str(world / "new.csv"), "--overwrite"]) == 0
    assert (run / "state" / "journal.jsonl").read_text() == "acknowledged\n"


def test_an_unfinished_run_is_not_thrown_away_unasked(world, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text('{"format_version": 1}')
    save_checkpoint(run / "checkpoints" / "train", 1, {}, {"epoch": 0, "done": False})
    assert main(fit(world, run)) == 2
    assert "unfinished run" in capsys.readouterr().err
    assert (run / "checkpoints" / "train" / "step-0000000001").is_dir()


def test_a_run_is_resumed_as_the_model_it_is(world, tmp_path, capsys):
    assert main(fit(world, tmp_path / "run")) == 0
    (tmp_path / "run" / "model").rename(tmp_path / "away")
    assert main(["fit", str(world / "events.csv"), "--model", "popularity", "--out", str(tmp_path / "run"), "--resume"]) == 2
    assert "a run of the model 'wmf'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [["--set", "factors=0"], ["--model", "content-profile"], ["--model", "cdl"]],
)
def test_a_fit_that_is_refused_leaves_nothing(world, tmp_path, wrong):
    assert main(["fit", str(world / "events.csv"), "--model", "wmf", *wrong, "--out", str(tmp_path / "run")]) in (2, 3)
    assert list(tmp_path.iterdir()) == []
