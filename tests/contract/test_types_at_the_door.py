"""Every type of table to fit from, every type of new items, every way in: the same vectors."""

import datetime
import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from dualnet import ContentProfile, Dataset, load
from dualnet.cli.app import app
from dualnet.models.catalogue import catalogue_of
from dualnet.retrieval.questions import NewItem
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.changes import put
from dualnet.serve.new_content import content_columns
from dualnet.serve.replies import ModelLabel

N = 12
EVENTS = pa.table({"user_id": [f"u{k % 7}" for k in range(36)], "item_id": [f"i{k * 5 % N}" for k in range(36)]})
NAMED = {
    "text": "title", "tags": "tags", "categories": ["brand", "shelf", "new"], "numbers": ["year", "price", "released"],
    "vectors": "look",
}  # fmt: skip


def day(k):
    return datetime.datetime(2001 + k, 1 + k % 12, 3)


BASE = {
    "item_id": [f"i{k}" for k in range(N)],
    "title": ["red wine", "white hat", "1984"] * 4,
    "tags": [["drama", "sea"], ["sea"], ["drama", "war"]] * 4,
    "brand": ["A", "B"] * 6,
    "shelf": [1, 2, None] * 4,
    "new": [True, False] * 6,
    "year": [1999, 2001, 1990] * 4,
    "price": [9.5, None, 12.25] * 4,
    "released": [day(k) for k in range(N)],
    "look": [[0.5, 0.25 + k, 1.0] for k in range(N)],
    "shop": ["x", 5, None] * 4,  # nobody names it
}
NEW = {
    "item_id": ["n1", "n2"], "title": ["red wine", "hat"], "tags": [["sea", "war"], ["drama"]], "brand": ["B", "A"], "shelf": [2, 1],
    "new": [False, True], "year": [2000, 1995], "price": [10.0, 11.0], "released": [day(3), day(5)],
    "look": [[0.5, 0.5, 0.5], [1.0, 2.0, 3.0]], "shop": ["y", "z"],
}  # fmt: skip


def plain(columns):
    """Return columns whose values have one kind each, for libraries that know no other."""
    return {**columns, "shop": [None if value is None else str(value) for value in columns["shop"]]}


def as_csv(columns, folder):
    frame = pd.DataFrame({**columns, "tags": ["|".join(tags) for tags in columns["tags"]]})
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def as_parquet(columns, folder):
    table = pa.table(plain(columns))
    coded = table.set_column(3, "brand", table["brand"].dictionary_encode()).set_column(
        4, "shelf", table["shelf"].cast(pa.float32())
    )
    pa.parquet.write_table(coded, folder / "t.parquet")
    return folder / "t.parquet"


def as_lines(columns, folder):
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    (folder / "t.jsonl").write_text("".join(json.dumps(row, default=lambda value: value.isoformat()) + "\n" for row in rows))
    return folder / "t.jsonl"


def as_pandas(columns, folder):
    return pd.DataFrame(columns).astype({"brand": "category"})


def as_polars(columns, folder):
    frame = pl.DataFrame(plain(columns)).with_columns(pl.col("brand").cast(pl.Categorical), pl.col("year").cast(pl.Int16))
    return frame.with_columns(pl.col("look").cast(pl.Array(pl.Float32, 3)), pl.col("released").cast(pl.Date))


def as_arrow(columns, folder):
    table = pa.table(plain(columns))
    views = [table[name].cast(pa.string_view()) if name in ("title", "shop") else table[name] for name in table.column_names]
    views[4] = views[4].cast(pa.decimal128(21, 2))
    views[6] = pa.RunEndEncodedArray.from_arrays(range(1, len(table) + 1), views[6].combine_chunks())
    return pa.table(views, names=table.column_names)


MAKERS = {"csv": as_csv, "parquet": as_parquet, "lines": as_lines, "pandas": as_pandas, "polars": as_polars, "arrow": as_arrow}


def as_file(made, folder):
    """Return the file of a table: frames are written by their own library."""
    if isinstance(made, pd.DataFrame):
        made.to_parquet(folder / "own.parquet")
    elif isinstance(made, pl.DataFrame):
        made.write_parquet(folder / "own.parquet")
    elif isinstance(made, pa.Table):
        plain = made.set_column(6, "year", pa.array(NEW["year"]))
        views = [field.with_type(pa.string()) if field.type == pa.string_view() else field for field in plain.schema]
        pa.parquet.write_table(plain.cast(pa.schema(views)), folder / "own.parquet")  # older PyArrow writes no views
    else:
        return made
    return folder / "own.parquet"


def as_json(kind, made):
    """Return the rows as the JSON that somebody makes of such a table."""
    if kind == "csv":
        rows = pd.read_csv(made, dtype=str).to_dict("records")
    elif kind == "lines":
        rows = [json.loads(line) for line in made.read_text().splitlines()]
    elif kind == "pandas":
        rows = json.loads(made.to_json(orient="records"))  # dates in milliseconds
    elif kind == "polars":
        rows = json.loads(made.write_json())
    else:
        rows = (pa.parquet.read_table(made) if kind == "parquet" else made).to_pylist()
        rows = json.loads(
            json.dumps(rows, default=lambda value: float(value) if hasattr(value, "as_tuple") else value.isoformat())
        )
    return rows


def of_the_page(rows, columns):
    """Return rows as the page sends them: what a person types into its fields (`web/fields.js`)."""
    for row in rows:
        typed = {}
        for name, value in row.items():
            kind = columns.get(name)
            if name == "item_id" or kind == "vectors":
                typed[name] = value
            elif kind == "tags":
                typed[name] = value if isinstance(value, str) else "|".join(value)
            elif kind == "numbers":
                typed[name] = float(value)
            else:
                typed[name] = f" {value} " if name == "brand" else str(value)
        yield typed


def vectors(model, space=None):
    return model.encode_items(model.catalogue_ if space is None else space).toarray()[-2:]


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def fitted(kind, folder):
    return ContentProfile().fit(Dataset.from_tables(EVENTS, MAKERS[kind](BASE, folder), **NAMED))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    model = fitted("arrow", tmp_path_factory.mktemp("arrow"))
    return vectors(model.add_items(pa.table(plain(NEW))))


@pytest.mark.parametrize("first", MAKERS)
def test_new_items_of_every_type_in_every_way_have_the_same_vectors(first, wanted, tmp_path):
    (tmp_path / "base").mkdir()
    saved = fitted(first, tmp_path / "base").save(tmp_path / "model")
    assert math.isclose(np.linalg.norm(wanted[0]), 1.0, rel_tol=1e-5)
    for second, make in MAKERS.items():
        folder = tmp_path / second
        folder.mkdir()
        made, model = make(NEW, folder), load(saved)
        file = as_file(made, folder)
        found = {"new_items=": catalogue_of(model).bring(made).vectors.toarray()}
        listed = model.recommend(history=["n1"], new_items=made, k=5)
        shown = json.loads(run("recommend", saved, "--history", "n1", "--new-items", file, "-k", 5, "--json"))
        assert [one["item"] for one in shown["items"]] == listed.ids
        np.testing.assert_allclose([one["score"] for one in shown["items"]], listed.scores, rtol=1e-6)
        run("update", saved, "--items", file, "--out", folder / "run")
        found["update"] = vectors(load(folder / "run" / "model"))
        live = open_catalogue(model, ModelLabel("content-profile", "0" * 12))
        rows = as_json(second, made)
        for way, sent in {"PUT": rows, "page": list(of_the_page(rows, content_columns(model)))}.items():
            view = put(live, [NewItem(row["item_id"], {n: v for n, v in row.items() if n != "item_id"}) for row in sent])[0]
            found[way] = view.vectors.toarray()[-2:]
        model.add_items(made).save(folder / "grown")
        found["add_items"] = vectors(load(folder / "grown"))
        for way, got in found.items():
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7, err_msg=f"fit {first}, {second} by {way}")


def test_every_type_gives_the_same_data(tmp_path):
    prints = {}
    for kind, make in MAKERS.items():
        (tmp_path / kind).mkdir()
        prints[kind] = Dataset.from_tables(EVENTS, make(BASE, tmp_path / kind), **NAMED).items.fingerprint()
    assert len(set(prints.values())) == 1, prints
