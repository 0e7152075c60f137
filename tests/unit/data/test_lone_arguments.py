"""What says how something is read that is not there is refused by the library too; what a data set holds is written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from dualnet import DataError, Dataset, UsageError
from dualnet.data.check import check_dataset
from dualnet.data.csr import values_at
from dualnet.data.tables import dataset_tables, write_table
from dualnet.experiments.bench import Bench
from dualnet.models.registry import create

EVENTS = pa.table({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"]})
ITEMS = pa.table({"item_id": ["x", "y"], "title": ["one two", "two three"]})
USERS = pa.table({"user_id": ["a", "b"], "town": ["r", "s"], "age": [20.0, 30.0]})


@pytest.mark.parametrize(
    ("given", "partner"),
    [
        ({"time_format": "ms"}, "time="),
        ({"missing_content": "zero"}, "items= or users="),
        ({"image_model": "a:b", "items": ITEMS, "text": "title"}, "images="),
        ({"text_encoder": "hashing"}, "items="),
        ({"tokenizer": str.split}, "items="),
        ({"stop_words": ["one"]}, "items="),
        ({"stop_words": Path("words.txt")}, "items="),
        ({"token_pattern": "x"}, "items="),
        ({"title": "title"}, "items="),
        ({"item_column_names": ["a"]}, "items="),
        ({"user_column_names": "a"}, "users="),
        ({"user_categories": "town"}, "users="),
        ({"user_numbers": ["age"]}, "users="),
    ],
)
def test_arguments_without_what_they_are_about(given: dict[str, Any], partner: str) -> None:
    with pytest.raises(UsageError, match=f"means nothing without {partner}"):
        Dataset.from_tables(EVENTS, **given)


@pytest.mark.parametrize("given", [{"separator": ";"}, {"encoding": "latin-1"}, {"comment": "#"}, {"column_names": ["a", "b"]}])
@pytest.mark.parametrize("kind", ["memory", ".parquet", ".feather", ".jsonl"])
def test_the_form_of_text_where_there_is_none(given: dict[str, Any], kind: str, tmp_path: Path) -> None:
    events = EVENTS if kind == "memory" else tmp_path / f"e{kind}"
    if kind == ".feather":
        pyarrow.feather.write_feather(EVENTS, events)
    elif kind != "memory":
        write_table(EVENTS, events)
    if (kind, *given) == (".jsonl", "encoding"):
        assert Dataset.from_tables(events, **given).interactions.n_pairs == 3
        return
    with pytest.raises(UsageError, match="leave (it|them) out"):
        Dataset.from_tables(events, **given)
    items = tmp_path / "i.csv"  # one text table is enough
    items.write_text("item_id;title\nx;one two\ny;two three\n")
    if "separator" in given:
        assert Dataset.from_tables(events, items, text="title", **given).items is not None


def test_a_converted_data_set_is_whole(tmp_path: Path) -> None:
    vectors = np.array([[1.0, 2.0], [3.0, 4.0]])
    data = Dataset.from_tables(
        EVENTS, ITEMS, text="title", vectors={"v": vectors}, users=USERS, user_categories="town", user_numbers="age"
    )
    files = {name: write_table(table, tmp_path / f"{name}.parquet") for name, table in dataset_tables(data).items()}
    again = Dataset.from_tables(
        files["events"],
        files["items"],
        text="title",
        vectors="v",
        users=files["users"],
        user_categories="town",
        user_numbers="age",
    )
    assert again.users is not None
    assert again.items is not None
    assert again.users.table.column("town").to_pylist() == ["r", "s"]
    assert again.items.table.column("v").to_pylist() == vectors.tolist()


def test_a_check_says_what_is_known_of_users_and_what_pairs_weigh() -> None:
    weighed = EVENTS.append_column("plays", pa.array([1.0, 3.0, 2.0]))
    data = Dataset.from_tables(
        weighed, ITEMS, text="title", text_encoder="hashing", weight="plays", users=USERS, user_numbers="age"
    )
    totals = check_dataset(data).totals
    assert totals["weights (min, median, max)"] == [1, 2, 3]
    assert totals["user columns"] == ["age"]
    assert totals["users with age"] == 2
    assert totals["text encoder"] == "hashing"
    assert "weights (min, median, max)" not in check_dataset(Dataset.from_tables(EVENTS)).totals


def test_a_finished_run_of_other_tables_is_run_again(tmp_path: Path) -> None:
    from dualnet.data.splits import citeulike2
    from dualnet.data.synthetic import blocks_world

    data, told = blocks_world(density=0.5), []

    def play(tables: str) -> None:
        divide = lambda seed, fold: citeulike2(data, seed=seed)  # noqa: E731
        models = [("popularity", lambda seed: create("popularity"))]
        list(Bench(data, "title", "citeulike2", divide, models, [0], [None], [5], tables=tables).records(tmp_path, told.append))

    play("read so")
    play("read so")
    assert len(told) == 1
    play("read otherwise")
    assert len(told) == 2


def test_the_values_of_no_cells_are_none() -> None:
    from scipy.sparse import csr_array

    matrix = csr_array(np.array([[0, 2], [3, 0]]))
    assert values_at(matrix, np.array([0, 1]), np.array([1, 1])).tolist() == [2, 0]
    assert values_at(matrix, np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


def test_truth_among_numbers_is_no_number(tmp_path: Path) -> None:
    mixed, truths = tmp_path / "m.jsonl", tmp_path / "t.jsonl"
    mixed.write_text('{"user_id":"a","item_id":"x","r":true}\n{"user_id":"b","item_id":"x","r":5}\n')
    truths.write_text('{"user_id":"a","item_id":"x","r":true}\n{"user_id":"b","item_id":"x","r":false}\n')
    with pytest.raises(DataError, match="True in column 'r' is not a number"):
        Dataset.from_tables(mixed, rating="r", threshold=1)
    assert Dataset.from_tables(truths, rating="r", threshold=1).interactions.n_pairs == 1


@pytest.mark.parametrize(("given", "says"), [({"weight": "w"}, "Name one of these"), ({"user": "w"}, "with user= ")])
def test_a_column_that_is_not_there(given: dict[str, str], says: str) -> None:
    with pytest.raises(DataError, match=says) as met:
        Dataset.from_tables(EVENTS, **given)
    assert "--number-column" not in str(met.value)
