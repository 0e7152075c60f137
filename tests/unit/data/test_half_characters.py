"""Half a character (a lone surrogate) is refused in ids at every door, and becomes U+FFFD in all other values."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dualnet import Content, ContentProfile, ContentSpec, DataError, Dataset, IdMap, Interactions
from dualnet.data.pairs import read_pairs

HALVES = ["a\ud800", "a\udfff"]  # with U+FFFD in place of the halves they would be one id
EVENTS = {"user_id": ["u", "u", "v"], "item_id": ["x", "y", "x"]}
ITEMS = {"item_id": ["x", "y"], "title": ["red fish", "red bird"]}


def rows_of(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def lines(columns, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_of(columns)))
    return path


def array(columns, path):
    path = path.with_suffix(".json")
    path.write_text(json.dumps(rows_of(columns)))
    return path


def python_lines(columns, path):
    path.write_text("".join(ascii(row) + "\n" for row in rows_of(columns)))
    return path


def parts(columns, path):
    path.with_suffix("").mkdir(exist_ok=True)
    whole = {name: [value.replace("\ud800", "").replace("\udfff", "") for value in values] for name, values in columns.items()}
    lines(whole, path.with_suffix("") / "1.jsonl")
    lines(columns, path.with_suffix("") / "2.jsonl")
    return path.with_suffix("")


FORMS = {
    "mapping": lambda columns, path: columns,
    "rows": lambda columns, path: rows_of(columns),
    "arrays": lambda columns, path: {name: np.array(values) for name, values in columns.items()},
    "pandas": lambda columns, path: pd.DataFrame(columns, dtype=object),
    "polars": lambda columns, path: pl.DataFrame(
        {name: pl.Series(values, dtype=pl.Object) for name, values in columns.items()}
    ),
    "JSON lines": lines,
    "JSON array": array,
    "Python lines": python_lines,
    "parts": parts,
}


@pytest.fixture(params=FORMS)
def table(request, tmp_path):
    return lambda columns: FORMS[request.param](columns, tmp_path / "table.jsonl")


def refused(ask, told):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match=told) as caught:
            ask()
    assert "half a character" in str(caught.value)
    str(caught.value).encode()  # the sentence itself can be written


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_tables_of_events(table, column):
    refused(lambda: Dataset.from_tables(table({**EVENTS, column: [*HALVES, "b"]})), f"id in column '{column}'.*2 such rows")


def test_tables_of_items(table):
    items = {"item_id": ["x", "y", *HALVES], "title": ["red fish", "red bird", "blue bird", "blue fish"]}
    refused(lambda: Dataset.from_tables(EVENTS, items=table(items), text=["title"]), ": the id in column 'item_id'")


def test_tables_of_users(table):
    users = {"user_id": ["u", "v", *HALVES], "about": ["red fish", "red bird", "blue bird", "blue fish"]}
    refused(lambda: Dataset.from_tables(EVENTS, users=table(users), user_categories=["about"]), ": the id in column 'user_id'")


@pytest.mark.parametrize("ids", [HALVES, HALVES[:1]])
def test_items_that_are_added(table, ids):
    model = ContentProfile().fit(Dataset.from_tables(EVENTS, items=ITEMS, text=["title"]))
    new = {"item_id": ids, "title": ["red sky"] * len(ids)}
    refused(lambda: model.add_items(table(new)), "column 'item_id'")
    refused(lambda: model.recommend(user="u", new_items=table(new)), "column 'item_id'")
    assert model.catalogue_.ids.keys == ["x", "y"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: IdMap(HALVES),
        lambda: IdMap(["a"]).extend(HALVES[:1]),
        lambda: IdMap.from_values(["a", *HALVES]),
        lambda: IdMap(["a\ud83d", "\ude00"]),  # two halves that would be one whole beside each other
        lambda: Interactions.from_pairs(HALVES, ["x", "y"]),
        lambda: Interactions.from_pairs(["u", "v"], np.array(HALVES)),
        lambda: Content.from_rows(HALVES, {"t": ["a", "b"]}, ContentSpec(text=("t",), min_df=1)),
    ],
)
def test_ids_in_python(ask):
    refused(ask, r"id 'a\\ud")


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "raw_unicode_escape"])
def test_encodings_that_can_write_a_half(tmp_path, encoding):
    half = {"utf-7": "+2AA-"}.get(encoding, "\\ud800")
    (tmp_path / "e.csv").write_text(f"user_id,item_id\nu,x\na{half},y\n")
    refused(lambda: Dataset.from_tables(tmp_path / "e.csv", encoding=encoding), "e.csv, line 3: half a character")


def test_files_of_pairs(tmp_path):
    path = lines({**EVENTS, "item_id": ["x", *HALVES]}, tmp_path / "e.jsonl")
    refused(lambda: read_pairs(path), "e.jsonl, line 2: the item id in column 'item_id'")


def test_whole_pairs_and_a_replacement_character_of_the_owner_are_ids(tmp_path):
    path = lines({"user_id": ["\U0001f600", "a\ufffd"], "item_id": ["x", "y"]}, tmp_path / "e.jsonl")
    with pytest.warns(match="cannot be asked for over HTTP, such as 'a\ufffd'"):
        found = Dataset.from_tables(path)
    assert set(found.interactions.users.keys) == {"\U0001f600", "a\ufffd"}


def test_other_columns_keep_their_rows():
    with pytest.warns(match="2 values hold half a character"):
        found = Dataset.from_tables({"user_id": ["a", "b"], "item_id": ["x", "y"], "note": HALVES})
    assert found.interactions.n_pairs == 2


@pytest.mark.parametrize("kind", ["tags", "text"])
def test_lists_written_as_text_with_a_half(tmp_path, kind):
    items = tmp_path / "i.csv"
    items.write_text('item_id,genres\nx,"[""a\\ud800"", ""b""]"\ny,"[""b"", ""c""]"\n')
    found = Dataset.from_tables(EVENTS, items=items, **{kind: ["genres"]}).items.table.column("genres").to_pylist()
    assert json.dumps(found, ensure_ascii=False).encode().count("\ufffd".encode()) == (1 if kind == "tags" else 0)


@pytest.mark.parametrize("form", ["mapping", "JSON lines"])
def test_names_of_columns(form, tmp_path):
    columns = {**EVENTS, "\ud800": ["1", "2", "3"]}
    refused(lambda: Dataset.from_tables(FORMS[form](columns, tmp_path / "e.jsonl")), r"'\\ud800' of a column")


def test_a_text_column_with_a_half_is_read(tmp_path: Path):
    items = lines({"item_id": ["x", "y"], "title": ["red \ud800", "red bird"]}, tmp_path / "i.jsonl")
    with pytest.warns(match="1 values hold half a character"):
        found = Dataset.from_tables(EVENTS, items=items, text=["title"])
    assert found.items.table.column("title").to_pylist() == ["red \ufffd", "red bird"]
