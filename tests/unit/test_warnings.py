"""Warnings stand at the line of the caller, whatever depth of the package they come from."""

import warnings
from pathlib import Path

import pyarrow as pa
import pytest

from dualnet import Dataset, Interactions, ItemKNN
from dualnet.data.synthetic import blocks_world
from dualnet.errors import DualNetWarning

PAIRS = pa.table({"user_id": [" a", "a", "b"], "item_id": ["x", "x", "y"]})
ITEMS = pa.table({"item_id": ["x", "x"], "title": ["one", "one"]})


def named_twice(folder):
    path = folder / "events.csv"
    path.write_text("userId,movieId\n1,2\n3,4\n")
    return Dataset.from_tables(path, column_names=("user_id", "item_id"))


def list_too_long(_):
    return ItemKNN().fit(blocks_world()).recommend("u0-0", k=10_000)


@pytest.mark.parametrize(
    "door",
    [
        lambda _: Dataset.from_tables(PAIRS, ITEMS, text="title", missing_content="drop"),
        lambda _: Interactions.from_pairs(["a", "a"], ["x", "x"]),
        lambda _: Dataset.from_tables(PAIRS.append_column("time", pa.array([1, 2, 3])), time="time"),
        named_twice,
        list_too_long,
    ],
    ids=["tables", "pairs", "times", "file", "answer"],
)
def test_a_warning_stands_at_the_line_of_the_caller(door, tmp_path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        door(tmp_path)
    ours = [warning for warning in said if issubclass(warning.category, DualNetWarning)]
    assert ours
    assert {Path(warning.filename).name for warning in ours} == {Path(__file__).name}
