"""What enters by the command line and by configuration files: one sentence, a code of ours, nothing left behind."""

import io
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Content, ContentSpec, IdMap
from dualnet.cli import main
from dualnet.cli.visible import visible
from dualnet.data.features import Featurizer
from dualnet.errors import DataError


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "ev.csv").write_text("user_id,item_id\nu1,i1\nu1,i2\nu2,i1\n")
    (tmp_path / "it.csv").write_text("item_id,title\ni1,red fish\ni2,red bird\n")
    return tmp_path


CONFIGS = {
    "data a number": "data = 5",
    "model a list": "model = [1]",
    "split a text": 'split = "x"',
    "source a number": "[data]\nsource = 5",
    "rating a number": '[data]\nsource = "ev.csv"\nrating = 5\nthreshold = 1',
    "threshold a text": '[data]\nsource = "ev.csv"\nrating = "r"\nthreshold = "1"',
    "threshold not finite": '[data]\nsource = "ev.csv"\nthreshold = inf',
    "items a list": '[data]\nsource = "ev.csv"\nitems = ["a"]',
    "text a list of numbers": '[data]\nsource = "ev.csv"\ntext = [1, 2]',
    "user a table": '[data]\nsource = "ev.csv"\nuser = {a = 1}',
    "content a date": '[data]\nsource = "ev.csv"\ncontent = 2020-01-01',
    "protocol a number": '[data]\nsource = "ev.csv"\n[split]\nprotocol = 5',
    "seed a text": '[data]\nsource = "ev.csv"\n[split]\nprotocol = "citeulike2"\nseed = "a"',
    "seed a boolean": '[data]\nsource = "ev.csv"\n[split]\nprotocol = "citeulike2"\nseed = true',
    "option a table": '[data]\nsource = "ev.csv"\n[split]\nprotocol = "citeulike2"\nfolds = {a = 1}',
    "name a number": '[data]\nsource = "ev.csv"\n[model]\nname = 5',
    "unknown section": "[system]\nx = 1",
    "unknown key": '[data]\nsource = "ev.csv"\nsauce = "x"',
    "deep lists": "x = " + "[" * 50_000,
    "deep tables": "[data]\nx = " + "{a=" * 20_000,
    "many dots": "a" + ".a" * 100_000 + " = 1",
    "many dots in a section": "[a" + ".a" * 100_000 + "]",
    "many digits": "[data]\nx = " + "9" * 6_000,
    "key twice": "[data]\nsource = 'a'\nsource = 'b'",
    "not text": b"\xff\xfe\x00",
    "empty": "",
    "large": "#" * 2**20,
}


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_has_a_schema(tables, capsys, config):
    told = CONFIGS[config]
    (tables / "c.toml").write_bytes(told if isinstance(told, bytes) else told.encode())
    assert main(["fit", str(tables / "c.toml"), "--out", str(tables / "run")]) in (2, 3)
    err = capsys.readouterr().err
    assert len(err) < 1000
    assert err.count("\n") == 1
    assert not (tables / "run").exists()


@pytest.mark.parametrize("value", ["9" * 6_000, "[" * 50_000, "{a=" * 20_000])
def test_a_setting_is_no_bomb(tables, capsys, value):
    assert main(["fit", str(tables / "ev.csv"), "--set", f"epochs={value}", "--out", str(tables / "run")]) == 2
    assert len(capsys.readouterr().err) < 1000


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "missing"])
@pytest.mark.parametrize("name", ["c.toml", "t.csv", "t.parquet", "t.jsonl.gz"])
def test_what_is_no_file_does_not_hang(tables, capsys, kind, name):
    path = tables / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    assert main(["fit", str(path), "--model", "popularity", "--out", str(tables / "run")]) in (2, 3)
    assert not (tables / "run").exists()


def test_the_place_of_a_run_is_a_folder(tables, capsys):
    assert main(["fit", str(tables / "ev.csv"), "--model", "popularity", "--out", str(tables / "it.csv")]) == 2
    (tables / "loop").symlink_to(tables / "loop")
    assert main(["fit", str(tables / "ev.csv"), "--model", "popularity", "--out", str(tables / "loop")]) in (2, 6)
    assert main(["update", str(tables / "loop"), "--events", str(tables / "ev.csv"), "--overwrite"]) != 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31mred", "\\x1b[31mred"), ("a\x07b", "a\\x07b"), ("abc\u202edef", "abc\\u202edef"), ("z\u200bero", "z\\u200bero"),
     ("\x9b31m", "\\x9b31m"), ("line\u2028end", "line\\u2028end"), ("two\nlines\tand tab", "two\nlines\tand tab"),
     ("Größe 日本語 العربية हिन्दी", "Größe 日本語 العربية हिन्दी"), ("👩\u200d🚀", "👩\u200d🚀"), ("क्\u200dष", "क्\u200dष")],
)  # fmt: skip
def test_a_terminal_is_not_commanded(text, shown):
    assert visible(text) == shown


def test_titles_ids_and_errors_reach_the_terminal_escaped(tables, capsys):
    (tables / "it.csv").write_text("item_id,title\ni1,\x1b[31mred fish\ni2,red \u202ebird\n", encoding="utf-8")
    run, events = str(tables / "run"), str(tables / "ev.csv")
    assert (
        main(["fit", events, "--items", str(tables / "it.csv"), "--text", "title", "--model", "content-profile", "--out", run])
        == 0
    )
    assert main(["recommend", run, "--user", "u1", "--keep-seen"]) == 0
    assert main(["recommend", run, "--user", "\x1b]0;x\x07"]) == 3
    assert main(["explain", run, "--user", "u1", "--item", "i1"]) == 0
    told = capsys.readouterr()
    for sent in (told.out, told.err):
        assert not set("\x1b\x07\u202e") & set(sent)
    assert "\\x1b[31mred fish" in told.out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")  # noqa: PTH110
def test_an_output_that_takes_nothing_is_told(tables):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-c", "from dualnet.cli import run; run()", "data", "check", str(tables / "ev.csv")],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 6
    assert b"this should not have happened" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_want_of_memory_and_of_space_are_no_defects(monkeypatch, capsys):
    import dualnet.cli

    for error in (MemoryError(), OSError(28, "No space left on device", "/x/y"), PermissionError(13, "Permission denied", "z")):

        def broken(*given, _error=error, **more):
            raise _error

        monkeypatch.setattr(dualnet.cli, "command_tree", lambda broken=broken: broken)
        assert main([]) == 6
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("size", [1e-30, 1e-19, 1.0, 1e19, 1e25, 1e37])
def test_vectors_of_any_size_have_unit_length(size):
    rows = (np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]]) * size).astype("f4")
    for given in ({"table": pa.table({"v": rows.tolist()})}, {"table": pa.table({}), "matrices": {"v": rows}}):
        content = Content(IdMap(["a", "b", "c"]), given["table"], ContentSpec(vectors=("v",)), given.get("matrices", {}))
        with pytest.warns(match="no content"):
            found = Featurizer.fit(content).transform(content)
        np.testing.assert_allclose(found, [[0.6, 0.8], [1, 0], [0, 0]], rtol=1e-5)


def test_a_number_that_would_wipe_its_column_is_refused():
    content = Content(IdMap(["a", "b"]), pa.table({"n": [1.0, 1e300]}), ContentSpec(numbers=("n",)))
    with pytest.raises(DataError, match="outweigh"):
        Featurizer.fit(content)


def test_output_without_a_file_behind_it_is_flushed(monkeypatch, tables):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["data", "check", str(tables / "ev.csv")]) == 0
