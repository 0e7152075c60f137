"""What the campaign found, each as a test that needs no campaign."""

import errno
import json
import os
from pathlib import Path

import pytest

from dualnet import files
from dualnet.data import split_files
from dualnet.data.protocols.in_matrix import citeulike2
from dualnet.data.synthetic import blocks_world
from dualnet.errors import ResourceError
from dualnet.train import checkpoint
from dualnet.train.checkpoint import KEEP_LAST, save_checkpoint, sole_writer
from dualnet.train.progress import EpochLog, begin_log

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_old_checkpoints_that_a_killed_writer_left_are_gone_when_all_is_done(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_remove_old", lambda folder: None)
        for number in range(1, 5):
            save_checkpoint(tmp_path, number, {}, {"epoch": number})
    with sole_writer(tmp_path):
        assert len(list(tmp_path.glob("step-*"))) == 4
    assert sorted(path.name[-1] for path in tmp_path.glob("step-*")) == ["3", "4"]
    assert KEEP_LAST == 2


def test_old_checkpoints_stay_where_the_work_fails(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_remove_old", lambda folder: None)
        for number in range(1, 5):
            save_checkpoint(tmp_path, number, {}, {"epoch": number})
    with pytest.raises(KeyboardInterrupt), sole_writer(tmp_path):
        raise KeyboardInterrupt
    assert len(list(tmp_path.glob("step-*"))) == 4


class FullFile:
    """Takes a part of the first line, then no more."""

    def __init__(self, file):
        self.file, self.calls = file, 0

    def write(self, data):
        self.calls += 1
        if self.calls > 1:
            raise FULL
        return self.file.write(data[: len(data) // 2])

    def close(self):
        self.file.close()


def test_a_log_on_a_full_disk_is_an_error_of_ours_and_its_half_line_is_dropped(tmp_path):
    path = tmp_path / "log.jsonl"
    with EpochLog(path, "train", []) as log:
        log.write({"epoch": 1, "loss": 0.5}, 1.0)
        log._handle = FullFile(log._handle)
        with pytest.raises(ResourceError, match=r"cannot write the log .*No space left on device; free space"):
            log.write({"epoch": 2, "loss": 0.4}, 1.0)
    assert not path.read_text().endswith("\n")
    with EpochLog(path, "train", [{"epoch": 1, "loss": 0.5}]) as log:
        log.write({"epoch": 2, "loss": 0.4}, 1.0)
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize("call", ["open", "unlink"])
def test_a_log_that_cannot_be_begun_is_an_error_of_ours(tmp_path, monkeypatch, call):
    path = tmp_path / "log.jsonl"
    path.write_text("")

    def full(*given, **more):
        raise FULL

    monkeypatch.setattr(Path, call, full)
    with pytest.raises(ResourceError, match="cannot write the log"):
        begin_log(path) if call == "unlink" else EpochLog(path, "train", []).__enter__()


def test_the_log_of_earlier_phases_stays_where_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    line = '{"phase": "pretrain", "epoch": 1}\n'
    path.write_text(line + '{"phase": "train", "epo')
    with monkeypatch.context() as patch:
        patch.setattr(files, "sync", lambda path: (_ for _ in ()).throw(FULL))
        with pytest.raises(ResourceError):
            EpochLog(path, "train", []).__enter__()
    assert path.read_text().startswith(line)
    with EpochLog(path, "train", []):
        assert path.read_text() == line


def test_a_split_on_a_full_disk_is_an_error_of_ours(tmp_path, monkeypatch):
    split = citeulike2(blocks_world(), seed=0)
    split_files.save_split(split, tmp_path / "split")
    before = {path.name: path.read_bytes() for path in (tmp_path / "split").iterdir()}
    monkeypatch.setattr(split_files, "write_tensors", lambda path, arrays: (_ for _ in ()).throw(FULL))
    with pytest.raises(ResourceError, match="cannot write the split to .*No space left"):
        split_files.save_split(split, tmp_path / "split")
    assert {path.name: path.read_bytes() for path in (tmp_path / "split").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["split"]


def test_each_folder_that_is_made_is_on_the_disk_by_name(tmp_path, monkeypatch):
    synced, real = [], files.sync
    monkeypatch.setattr(files, "sync", lambda path: (synced.append(path), real(path)))
    with files.new_file(tmp_path / "a" / "b" / "file") as file:
        file.write_text("x")
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= set(synced)
