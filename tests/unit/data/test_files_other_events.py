"""A division that somebody else made keeps what was disliked or only seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from dualnet import Dataset
from dualnet.data.interactions import Interactions
from dualnet.data.splits import from_files, make
from dualnet.data.write_table import write_table


def pairs(*written: tuple[str, str, str]) -> Interactions:
    users, items, types = zip(*written, strict=True)
    return Interactions.from_pairs(np.array(users, object), np.array(items, object), types=types)


TRAIN = [("a", "x", "like"), ("a", "y", "like"), ("b", "x", "like"), ("b", "z", "like"), ("c", "y", "like"), ("c", "z", "like")]
TEST = [("a", "z", "like"), ("b", "y", "like")]


def others(found: Interactions) -> set[tuple[object, object, int]]:
    if found.others is None:
        return set()
    rows, columns = found.others.pairs()
    kinds = found.others.kinds.data.tolist()
    return set(zip(found.users.take(rows), found.items.take(columns), kinds, strict=True))


def test_other_events_of_the_training_part_all_train() -> None:
    train = pairs(*TRAIN, ("c", "x", "dislike"), ("a", "w", "seen"), ("b", "w", "like"))
    split = from_files(train, pairs(*TEST))
    assert others(split.train.interactions) == {("c", "x", 2), ("a", "w", 1)}
    without = from_files(pairs(*TRAIN, ("b", "w", "like")), pairs(*TEST))
    assert others(without.train.interactions) == set()
    task = split.tasks[0]
    assert task.seen.nnz > without.tasks[0].seen.nnz  # what was seen is not ranked


def test_a_pair_that_a_file_holds_is_a_like() -> None:
    data = Dataset(pairs(*TRAIN, *TEST[:1], ("b", "y", "dislike"), ("c", "x", "dislike"), ("q", "x", "seen")))
    split = from_files(pairs(*TRAIN), pairs(*TEST), data=data)
    assert ("b", "y", 2) not in others(split.train.interactions)
    assert others(split.train.interactions) <= {("c", "x", 2)}


def test_ratings_below_the_threshold_stay_with_files(tmp_path: Path) -> None:
    rated = [(user, item, 5.0) for user, item, _ in (*TRAIN, *TEST)] + [("c", "x", 1.0)]
    users, items, ratings = zip(*rated, strict=True)
    data = Dataset.from_tables({"user_id": users, "item_id": items, "rating": ratings}, rating="rating", threshold=4)
    for name, part in {"train": TRAIN, "test": TEST}.items():
        table = pa.table({"user_id": [one[0] for one in part], "item_id": [one[1] for one in part]})
        write_table(table, tmp_path / f"{name}.csv")
    split = make("files", data, train=tmp_path / "train.csv", test=tmp_path / "test.csv")
    assert others(split.train.interactions) == {("c", "x", 2)}  # all likes of c train, so all of c's other events do
