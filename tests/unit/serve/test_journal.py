"""What was acknowledged is there after any crash; what is damaged is said, with file and line."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dualnet
from dualnet import files
from dualnet.errors import DataError, ResourceError, UsageError
from dualnet.serve import journal as module
from dualnet.serve.journal import FILE, Journal
from dualnet.serve.live_state import LiveState

KILLS = int(os.environ.get("DUALNET_KILLS", "10"))
CHILD = Path(__file__).parent / "journal_child.py"


def put(key, title="x"):
    return {"put": [[key, {"title": title}]]}


def state_of(changes):
    state = LiveState()
    for change in changes:
        state.apply(change)
    return state


def read(folder):
    journal, changes = Journal.open(folder)
    journal.close()
    return changes


def test_changes_come_back_in_order_and_the_model_is_remembered(tmp_path):
    journal, changes = Journal.open(tmp_path / "state")
    assert changes == []
    journal.append([put("a"), {"delete": "b"}])
    journal.note_model("abc")
    size = journal.size
    journal.note_model("abc")
    assert journal.size == size == (tmp_path / "state" / FILE).stat().st_size
    journal.append([{"events": [["u", "ä\n"]]}])
    journal.close()
    journal, changes = Journal.open(tmp_path / "state")
    assert changes == [put("a"), {"delete": "b"}, {"events": [["u", "ä\n"]]}]
    assert (journal.model, journal.lines, journal.dropped) == ("abc", 4, 0)
    journal.close()


def test_one_writer_a_folder(tmp_path):
    journal, _ = Journal.open(tmp_path)
    with pytest.raises(UsageError, match="in use by another server"):
        Journal.open(tmp_path)
    journal.close()
    read(tmp_path)


@pytest.mark.parametrize("cut", [1, 2, 10, 40])
def test_an_unfinished_last_line_is_dropped_and_writing_goes_on(tmp_path, cut):
    journal, _ = Journal.open(tmp_path)
    for key in "abc":
        journal.append([put(key)])
    journal.close()
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-cut])
    journal, changes = Journal.open(tmp_path)
    assert changes == [put("a"), put("b")]
    assert journal.dropped > 0
    journal.append([put("d")])
    journal.close()
    assert read(tmp_path) == [put("a"), put("b"), put("d")]


@pytest.mark.parametrize("line", [1, 2, 3])
def test_damage_before_the_last_line_names_file_and_line(tmp_path, line):
    journal, _ = Journal.open(tmp_path)
    for key in "abc":
        journal.append([put(key)])
    journal.close()
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    for damaged in (lines[line - 1].replace(b"seq", b"seQ"), b"\n", b"\x00" * 30 + b"\n"):
        (tmp_path / FILE).write_bytes(b"".join([*lines[: line - 1], damaged, *lines[line:]]))
        with pytest.raises(DataError, match=rf"{FILE}, line {line} is damaged"):
            Journal.open(tmp_path)
    if line > 1:  # a line that is missing
        (tmp_path / FILE).write_bytes(b"".join([*lines[: line - 1], *lines[line:]]))
        with pytest.raises(DataError, match=rf"line {line} is out of sequence"):
            Journal.open(tmp_path)


def test_compaction_keeps_the_state_and_goes_on(tmp_path):
    journal, _ = Journal.open(tmp_path)
    journal.note_model("abc")
    for round_ in range(50):
        journal.append([put("a", str(round_)), put(f"k{round_}"), {"events": [["u", f"k{round_}"]]}])
        journal.append([{"delete": f"k{round_}"}, {"restore": "z"}])
    before, old = state_of(read_open(journal)), journal.size
    journal.compact(before.changes())
    assert journal.size < old
    journal.append([put("last")])
    journal.close()
    journal, changes = Journal.open(tmp_path)
    assert journal.model == "abc"
    journal.close()
    after = state_of(changes)
    before.apply(put("last"))
    assert (list(after.items.items()), list(after.deleted), after.events) == (
        list(before.items.items()), list(before.deleted), before.events,
    )  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, "lock"]


def read_open(journal):
    return [
        change for line in journal._path.read_bytes().splitlines() for change in json.loads(line)["record"].get("changes", [])
    ]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_write_that_fails_is_an_error_and_never_half_there(tmp_path, monkeypatch, call):
    journal, _ = Journal.open(tmp_path)
    journal.append([put("a")])
    full = OSError(errno.ENOSPC, "No space left on device")

    class HalfFile:
        def __init__(self, inner):
            self.inner, self.calls = inner, 0

        def write(self, data):
            self.calls += 1
            if self.calls == 1:
                return self.inner.write(data[:7])
            raise full

        def __getattr__(self, name):
            return getattr(self.inner, name)

    inner = journal._file
    if call == "write":
        journal._file = HalfFile(inner)
        with pytest.raises(ResourceError, match="cannot be written .No space left"):
            journal.append([put("b")])
        journal._file = inner
        journal.append([put("c")])  # with room again it goes on
    else:

        def failing(descriptor):
            raise full

        with monkeypatch.context() as patch:
            patch.setattr(module.os, "fsync", failing)
            with pytest.raises(ResourceError, match="could not be synchronised"):
                journal.append([put("b")])
        with pytest.raises(ResourceError, match="takes no more changes"):
            journal.append([put("c")])
    journal.close()
    assert read(tmp_path) == ([put("a"), put("c")] if call == "write" else [put("a")])


def test_a_compaction_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    journal, _ = Journal.open(tmp_path)
    journal.append([put("a")])
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(ResourceError, match="the old file goes on"):
            journal.compact([put("other")])
    journal.append([put("b")])
    journal.close()
    assert read(tmp_path) == [put("a"), put("b")]


def test_after_a_compaction_whose_folder_is_not_synchronised_nothing_is_acknowledged(tmp_path, monkeypatch):
    journal, _ = Journal.open(tmp_path)
    journal.append([put("a")])

    def failing(folder):
        raise OSError(errno.EIO, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(module, "sync", failing)
        with pytest.raises(ResourceError, match="restart the server"):
            journal.compact([put("a")])
    with pytest.raises(ResourceError, match="takes no more changes"):  # it would be written to a file without a name
        journal.append([put("b")])
    journal.close()
    assert read(tmp_path) == [put("a")]


def test_new_folders_are_synchronised_with_those_above_them(tmp_path, monkeypatch):
    plain, seen = module.sync, []
    for place in (module, files):
        monkeypatch.setattr(place, "sync", lambda folder: (seen.append(folder), plain(folder)))
    read(tmp_path / "a" / "b")
    assert set(seen) == {tmp_path, tmp_path / "a", tmp_path / "a" / "b"}
    seen.clear()
    read(tmp_path / "a" / "b")
    assert seen == [tmp_path / "a" / "b"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be used"):
        Journal.open(tmp_path / "file" / "state")


def test_changes_of_an_unknown_kind_are_refused():
    for change in ({"rename": 1}, {"put": 3}, {"events": [["u"]]}, {}, {"put": [], "delete": "a"}):
        with pytest.raises(DataError, match="this version of dualnet"):
            LiveState().apply(change)


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path):
    """Child processes write and acknowledge over a pipe; each is killed at a random point, in the middle of whatever."""
    rng = np.random.default_rng(0)
    acknowledged: list[str] = []
    environment = {**os.environ, "PYTHONPATH": str(Path(dualnet.__file__).parent.parent)}
    for attempt in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(tmp_path), str(attempt)], stdout=subprocess.PIPE, env=environment
        )
        for _ in range(int(rng.integers(1, 60))):
            acknowledged.append(child.stdout.readline().decode().strip())
            assert acknowledged[-1], "the child ended by itself"
        child.send_signal(signal.SIGKILL)
        acknowledged += [line.decode().strip() for line in child.stdout if line.endswith(b"\n")]
        child.wait()
        child.stdout.close()
        journal, changes = Journal.open(tmp_path)
        state = state_of(changes)
        missing = [key for key in acknowledged if key not in state.items]
        assert missing == []
        assert all(content["title"] == f"title of {key}" for key, content in state.items.items())
        journal.append([put(f"after {attempt}", f"title of after {attempt}")])  # and it still works
        journal.close()
    assert len(acknowledged) >= KILLS
