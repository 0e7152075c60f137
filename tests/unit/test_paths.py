"""A path is text or any `os.PathLike`, everywhere; anything else is refused before anything is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dualnet import Dataset, DualNet, RunOptions, UsageError, load
from dualnet.data.split_files import load_split, save_split
from dualnet.data.splits import out_matrix
from dualnet.data.write_table import write_table
from dualnet.exports.npz import write_npz
from dualnet.exports.source import items_of

EVENTS = pa.table({"user_id": [f"u{k % 4}" for k in range(20)], "item_id": [f"i{k * 3 % 5}" for k in range(20)]}).slice(0, 9)
ITEMS = pa.table({"item_id": [f"i{k}" for k in range(5)], "title": ["one two", "two", "one three", "three", "two one"]})


class Place:
    """An `os.PathLike` of somebody's own."""

    def __init__(self, path: object) -> None:
        self.path = str(path)

    def __fspath__(self) -> str:
        return self.path


@pytest.mark.parametrize("kind", [str, Path, Place])
def test_every_kind_of_path(kind: Callable[[Any], Any], tmp_path: Path) -> None:
    events, items = kind(tmp_path / "e.csv"), kind(tmp_path / "i.parquet")
    write_table(EVENTS, events)
    write_table(ITEMS, items)
    data = Dataset.from_tables(events, items, text="title")
    run = RunOptions(log=kind(tmp_path / "log.jsonl"), checkpoint=kind(tmp_path / "checkpoints"))
    model = DualNet(levels=[4], epochs=2, learning_rate=1e-7).fit(data, run=run)
    assert (tmp_path / "log.jsonl").read_text().count("\n") >= 2
    assert any((tmp_path / "checkpoints").rglob("*"))
    model.save(kind(tmp_path / "model"))
    again = load(kind(tmp_path / "model"))
    again.add_items(kind(write_table(pa.table({"item_id": ["new"], "title": ["two"]}), kind(tmp_path / "n.csv"))))
    write_npz(items_of(again), kind(tmp_path / "v.npz"))
    assert len(np.load(tmp_path / "v.npz")["ids"]) == 6
    save_split(out_matrix(data, cold=0.4), kind(tmp_path / "split"))
    assert load_split(kind(tmp_path / "split")).tasks


@pytest.mark.parametrize("value", [5, b"x", "", ["a"], 2.5, True, "a\0b"])
@pytest.mark.parametrize("name", ["log", "checkpoint"])
def test_what_is_no_path_is_refused_at_once(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} must be the path of a file or folder"):
        RunOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [5, b"x", "", ["a"], None])
def test_folders_and_files_that_are_no_path(value: Any) -> None:
    for call in (load, load_split, lambda path: write_table(EVENTS, path)):
        with pytest.raises(UsageError, match="must be the path of a file or folder"):
            call(value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"threads": 0}, "threads=0 must be at least 1"), ({"threads": "2"}, "threads='2' must be a whole number"),
        ({"threads": True}, "threads=True must be"), ({"checkpoint_every": 0}, "checkpoint_every=0 must be at least 1"),
        ({"checkpoint_every": 1.5}, "must be a whole number"), ({"resume": "yes"}, "resume='yes' must be true or false"),
        ({"progress": 3}, "progress=3 must be true or false"), ({"trackers": "mlflow"}, "trackers must be a tuple"),
        ({"after_epoch": 5}, "after_epoch must be a function"), ({"log": os.curdir}, "is a folder; name a file in it"),
        ({"checkpoint": __file__}, "is a file; name a folder"),
    ],
)  # fmt: skip
def test_run_options_are_checked_when_they_are_made(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        RunOptions(**given)
    assert RunOptions(threads=np.int64(2)).threads == 2  # type: ignore[arg-type]
    assert RunOptions(log="~/log.jsonl").log == Path.home() / "log.jsonl"
