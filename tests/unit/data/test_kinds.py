"""Values by kind: the same thing is the same in every type of table, and what does not fit is named with its remedy."""

import datetime as dt
import decimal
import itertools

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dualnet import Content, ContentProfile, ContentSpec, Dataset, IdMap
from dualnet.data import kinds
from dualnet.data.frames import cells_of, to_arrow
from dualnet.data.kinds import RowNames, cast_table, comparable, noted_kind
from dualnet.data.list_text import separator_of
from dualnet.data.picture_files import picture_bytes
from dualnet.data.tag_values import tags_of
from dualnet.data.values import UnfitError, date_of, label_of, number_of, text_of, vector_of
from dualnet.errors import DataError, DualNetWarning
from dualnet.retrieval.filters import condition

EVENTS = pa.table({"user_id": ["a", "a", "b", "b"], "item_id": ["x", "y", "x", "z"]})


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("1", [1, 1.0, "1", "1.0", " 1 ", np.int64(1), np.float32(1), decimal.Decimal("1.00"), b"1"]),
        ("true", [True, "True", "true", "TRUE", np.True_]),
        ("wine", ["wine", " wine", "wine\u00a0", "wine\n", b"wine"]),
        ("2.5", [2.5, "2.5", decimal.Decimal("2.50")]),
        ("2020-01-02", [dt.date(2020, 1, 2), "2020-01-02", "2020-01-02 00:00:00", "2020-01-02T00:00:00Z", pd.Timestamp("2020-01-02")]),
        ("2020-01-02T10:00:00", [dt.datetime(2020, 1, 2, 10), "2020-01-02 10:00:00", pd.Timestamp("2020-01-02 10:00", tz="UTC")]),
        ("caf\u00e9", ["caf\u00e9", "cafe\u0301"]),
        ("0", [0, -0.0, "-0.0", "0"]),
        (None, [None, "", "  ", float("nan"), pd.NA, pd.NaT]),
        ("007", ["007"]), ("NA", ["NA"]), ("1.10", ["1.10"]), ("[Unknown]", ["[Unknown]"]),
    ],
)  # fmt: skip
def test_a_label_is_the_same_in_every_type(label, values):
    assert {label_of(value) for value in values} == {label}


@pytest.mark.parametrize(
    "value", [["a"], {"a": 1}, ("a", "b"), "['a', 'b']", '["a"]', '{"name": "a"}', np.array(["a"]), b"\xff"]
)
def test_what_is_no_single_label_is_refused(value):
    with pytest.raises(UnfitError, match="tags|decode"):
        label_of(value)


@pytest.mark.parametrize(
    "cell",
    [
        ["a", "b"], ("a", "b"), np.array(["a", "b"]), "a|b", " a | b ", "a, b", "a; b", "a\nb", "a\uff0cb", "a\u3001b", '["a", "b"]',
        "['a', 'b']", "('a', 'b')", "{'a', 'b'}", "['a' 'b']", "['a'\n 'b']", "[a, b]", "{a,b}", "<a><b>", '"a","b"', "[u'a', u'b']",
        '[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', "[{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}]",
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], [{"tag": "a"}, {"tag": "b"}], ["a", None, "b", ""], b"a|b",
        "array(['a', 'b'], dtype=object)",
    ],
)  # fmt: skip
def test_tags_however_they_are_written(cell):
    assert tags_of(cell, separator_of([cell])) == ["a", "b"]


@pytest.mark.parametrize(
    "cell", ["['a', 'b'", '[{"id": 1, "na', [["a"]], "[['a']]", [{"id": 1}], "{'a': 1, 'b': 2}", "[('a', 1)]", "['a']['b']"]
)
def test_a_list_that_cannot_be_read_is_refused_and_never_one_label(cell):
    with pytest.raises(UnfitError, match="list|object"):
        tags_of(cell, separator_of([cell]))


def test_separators_are_those_of_the_column():
    cells = ["Comedy, romantic|Drama", "Comedy, romantic", "Rock &amp; Roll"]
    assert [tags_of(cell, separator_of(cells)) for cell in cells] == [
        ["Comedy, romantic", "Drama"], ["Comedy, romantic"], ["Rock & Roll"],
    ]  # fmt: skip
    assert tags_of("Comedy, romantic", ",", {"Comedy, romantic"}) == ["Comedy, romantic"]
    items = pa.table({"item_id": ["x", "y", "z"], "tags": ["a, b", "b", "a"]})
    with pytest.warns(DualNetWarning, match="tags of column 'tags' are text with ',' in it, and were divided there"):
        data = Dataset.from_tables(EVENTS, items, tags="tags")
    assert data.items.table["tags"].to_pylist() == [["a", "b"], ["b"], ["a"]]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1), ("1", 1), (" 1.5 ", 1.5), (decimal.Decimal("2.5"), 2.5), ("1e3", 1000.0), ("$5", 5), ("5.50 \u20ac", 5.5),
        ("$1,299.00", 1299.0), (True, 1), ("False", 0), ("", None), ("NA", None), (float("nan"), None), ("\u22125", -5), (np.int8(3), 3),
    ],
)  # fmt: skip
def test_numbers(value, number):
    assert number_of(value) == number


@pytest.mark.parametrize(
    "value", ["1,5", "1_000", "inf", float("-inf"), "five", "5%", "$1 - $2", [1], {}, dt.date(2020, 1, 1), b"1"]
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(UnfitError, match="not a (finite )?number"):
        number_of(value)


@pytest.mark.parametrize(
    "value",
    [
        dt.date(2005, 1, 31), "2005-01-31", "20050131", 20050131, 1107129600, 1107129600.0, "1107129600", 1107129600000,
        1107129600 * 10**6, 1107129600 * 10**9, "2005-01-31T02:00:00+02:00", pd.Timestamp("2005-01-31"), np.datetime64("2005-01-31"),
    ],
)  # fmt: skip
def test_a_date_is_the_same_however_it_is_written(value):
    assert date_of(value) == dt.datetime(2005, 1, 31)


@pytest.mark.parametrize("value", ["yesterday", "31.01.2005", "2005", 2005, True, 1e30, float("inf"), [1]])
def test_what_is_no_date_is_refused_and_never_1970(value):
    with pytest.raises(UnfitError, match="not a date; write an ISO date"):
        date_of(value)


@pytest.mark.parametrize(
    "value", [[1, 2], (1.0, 2.0), np.array([1, 2]), "[1, 2]", "[1. 2.]", "{1,2}", "1 2", "1,2", [decimal.Decimal(1), 2]]
)
def test_a_vector_however_it_is_written(value):
    assert vector_of(value) == [1.0, 2.0]


@pytest.mark.parametrize("value", [0.1, "0.1", ["a"], "[a, b]", [1, None], [True], [[1]], {"a": 1}])
def test_what_is_no_vector_is_refused(value):
    with pytest.raises(UnfitError, match="not a vector"):
        vector_of(value)


def test_text():
    assert [text_of(v) for v in (1984, 1984.0, 2.5, ["red", "wine"], b"red", None)] == [
        "1984",
        "1984",
        "2.5",
        "red wine",
        "red",
        None,
    ]
    for value in (True, {"en": "red"}, dt.date(2020, 1, 1), [{"a": 1}], b"\xff"):
        with pytest.raises(UnfitError, match="text"):
            text_of(value)


TABLE = {"item_id": ["x", "y", "z"], "tags": [["a", "b"], ["a"], None], "year": [1, 2, None]}


class Stream:
    def __arrow_c_stream__(self, requested_schema=None):
        return pa.table(TABLE).__arrow_c_stream__(requested_schema)


FRAMES = {
    "pandas": lambda: pd.DataFrame(TABLE),
    "pandas of Arrow types": lambda: pd.DataFrame(TABLE).convert_dtypes(dtype_backend="pyarrow"),
    "pandas with a named index": lambda: pd.DataFrame(TABLE).set_index("item_id"),
    "pandas category": lambda: pd.DataFrame(TABLE).astype({"item_id": "category", "year": "Int8"}),
    "pandas sparse": lambda: pd.DataFrame(TABLE).astype({"year": "Sparse[float]"}),
    "polars": lambda: pl.DataFrame(TABLE),
    "polars lazy": lambda: pl.LazyFrame(TABLE),
    "polars categories": lambda: pl.DataFrame(TABLE, schema_overrides={"item_id": pl.Categorical, "tags": pl.List(pl.Categorical)}),
    "polars objects": lambda: pl.DataFrame(TABLE).with_columns(pl.Series("odd", [object()] * 3, dtype=pl.Object)),
    "narwhals": lambda: nw.from_native(pl.DataFrame(TABLE)),
    "arrow": lambda: pa.table(TABLE),
    "arrow batch": lambda: pa.table(TABLE).to_batches()[0],
    "arrow reader": lambda: pa.table(TABLE).to_reader(),
    "arrow of polars": lambda: pa.table(pl.DataFrame(TABLE)),
    "arrow views": lambda: pa.table(
        {**TABLE, "item_id": pa.array("xyz", pa.string_view()), "tags": pa.array(TABLE["tags"], pa.list_view(pa.string_view()))}
    ),
    "arrow large": lambda: pa.table(
        {**TABLE, "item_id": pa.array("xyz", pa.large_string()), "tags": pa.array(TABLE["tags"], pa.large_list(pa.large_string()))}
    ),
    "arrow run ends": lambda: pa.table({**TABLE, "year": pa.RunEndEncodedArray.from_arrays([1, 2, 3], pa.array([1, 2, None]))}),
    "arrow dictionaries": lambda: pa.table(
        {**TABLE, "item_id": pa.array("xyz").dictionary_encode(), "tags": pa.array(TABLE["tags"], pa.list_(pa.dictionary(pa.int8(), pa.string())))}
    ),
    "duckdb": lambda: duckdb.from_arrow(pa.table(TABLE)),
    "stream": Stream,
    "columns": lambda: TABLE,
    "rows": lambda: pa.table(TABLE).to_pylist(),
    "arrays": lambda: {**TABLE, "item_id": np.array(list("xyz"))},
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_every_table_in_memory_is_the_same_table(name):
    table = to_arrow(FRAMES[name]())
    rows = table.select(["item_id", "tags", "year"]).to_pylist()
    assert rows == pa.table(TABLE).to_pylist()
    data = Dataset.from_tables(EVENTS, FRAMES[name](), tags="tags", numbers="year")
    assert (
        data.items.fingerprint()
        == Dataset.from_tables(EVENTS, pa.table(TABLE), tags="tags", numbers="year").items.fingerprint()
    )


ODD = {
    "kinds": [1, "a", None], "prices": ["$5", 5.0, None], "objects": [{"a": 1}, [1], "x"], "flags": [True, "x", 1], "bytes": [b"x", "y", None],
    "dates": [dt.date(2020, 1, 1), "x", 3], "big": [10**30, 1, None], "complex": [1j, 2j, None], "sets": [{1}, {2}, set()],
    "decimals": [decimal.Decimal(1), 2.5, None], "matrices": [np.ones((2, 2))] * 3, "periods": list(pd.period_range("2020-01", periods=3, freq="M")),
    "intervals": list(pd.interval_range(0, 3)), "deltas": [dt.timedelta(1)] * 3, "times": [dt.time(1)] * 3, "empty": [None] * 3,
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_column_that_nobody_named_never_fails(name, tmp_path):
    items = pd.DataFrame({"item_id": ["x", "y", "z"], "title": ["red wine", "hat", "red hat"]}).assign(
        odd=pd.Series(ODD[name], dtype=object)
    )
    events = EVENTS.to_pandas().assign(odd=pd.Series([*ODD[name], None], dtype=object))
    model = ContentProfile().fit(Dataset.from_tables(events, items, text="title"))
    model.add_items(items.assign(item_id=["n1", "n2", "n3"]))
    model.add_items(pa.table({"item_id": ["n4"], "title": ["wine"], "odd": [7], "more": ["never seen"]}))
    model.add_items(pa.table({"item_id": ["n5"], "title": ["wine"]}))
    model.save(tmp_path / "model")
    assert ContentProfile.load(tmp_path / "model").catalogue_.content.table.column_names == ["title", "odd"]


def test_values_of_a_mixed_column_come_back_as_they_were():
    table = to_arrow(pd.DataFrame({"odd": pd.Series([1, "1", None, {"a": [1.5]}], dtype=object)}))
    assert cells_of(table, "odd") == [1, "1", None, {"a": [1.5]}]
    assert cells_of(table.take(pa.array([3, 0])), "odd") == [{"a": [1.5]}, 1]


@pytest.mark.parametrize(
    ("spec", "cell", "text"),
    [
        ({"text": "c"}, "{'en': 'red'}", None),
        ({"numbers": "c"}, "five", "i.csv, line 4: column 'c' of 'z' is 'five', not a number; leave the cell empty where there is none"),
        ({"numbers": "c"}, '"1,5,7"', "line 4: column 'c' of 'z' is '1,5,7', not a number; write decimals with a point, and nothing between thousands"),
        ({"categories": "c"}, "\"['a', 'b']\"", "line 4: column 'c' of 'z' is .*, a list written as text, not one label; name the column as tags"),
        ({"tags": "c"}, "\"['a', 'b'\"", "line 4: column 'c' of 'z' is .*, a list that is cut short"),
        ({"vectors": "c"}, "0.5", "line 4: column 'c' of 'z' is '0.5', not a vector; write a list of numbers"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named_with_its_place(tmp_path, spec, cell, text):
    path = tmp_path / "i.csv"
    path.write_text(f"item_id,c\nx,\ny,\nz,{cell}\n")
    if text is None:
        assert Dataset.from_tables(EVENTS, path, **spec).items.table["c"].to_pylist()[2] == cell
        return
    with pytest.raises(DataError, match=text) as caught:
        Dataset.from_tables(EVENTS, path, **spec)
    assert "\n" not in str(caught.value)


def test_numbers_and_dates_of_a_csv_are_numbers_and_dates(tmp_path):
    path = tmp_path / "i.csv"
    path.write_text(
        "item_id,title,year,born,seen,price,code,isbn,mixed,sold\n"
        "x,1984,1999,2001-02-03,2001-02-03 10:00:00,9.50,007,1,1,True\n"
        "y,300,,,,10,010,2,a,False\n"
        "z,Up,2001,2002-02-03,2001-02-03T11:00:00,,1,,,\n"
    )
    table = Dataset.from_tables(EVENTS, path, text="title", numbers=["year", "born"]).items.table
    assert [str(table.schema.field(name).type) for name in table.column_names] == [
        "string", "int64", "timestamp[us]", "timestamp[us]", "double", "string", "int64", "string", "bool",
    ]  # fmt: skip
    assert table["code"].to_pylist() == ["007", "010", "1"]
    assert table["title"].to_pylist() == ["1984", "300", "Up"]
    named = Dataset.from_tables(EVENTS, path, numbers="year", title="isbn").items.table
    assert named["isbn"].to_pylist() == ["1", "2", ""]


def test_dates_as_numbers_are_learned_saved_and_cast(tmp_path):
    items = pd.DataFrame({"item_id": ["x", "y", "z"], "title": ["red wine", "hat", "red hat"]})
    model = ContentProfile().fit(
        Dataset.from_tables(
            EVENTS, items.assign(born=pd.to_datetime(["2001-01-01", "2003-01-01", None])), text="title", numbers="born"
        )
    )
    model.save(tmp_path / "model")
    model = ContentProfile.load(tmp_path / "model")
    model.add_items(pa.table({"item_id": ["n1", "n2"], "title": ["hat", "hat"], "born": ["2003-01-01", "1041379200"]}))
    features = model.catalogue_.features.toarray()
    np.testing.assert_array_equal(features[-1], features[1])
    np.testing.assert_array_equal(features[-2], features[1])
    with pytest.raises(DataError, match="row 1: column 'born' of 'n3' is 'long ago', not a date; write an ISO date"):
        model.add_items(pa.table({"item_id": ["n3"], "title": ["hat"], "born": ["long ago"]}))


def test_plain_columns_of_new_rows_follow_the_first_table():
    items = pa.table(
        {"item_id": ["x", "y", "z"], "title": ["red", "hat", "red hat"], "price": [1, 2, 3], "day": [dt.date(2020, 1, 1)] * 3}
    )
    model = ContentProfile().fit(Dataset.from_tables(EVENTS, items, text="title"))
    with pytest.warns(
        DualNetWarning, match="column 'price' is no content and has 1 values that are no number, such as 'ask' of 'n2'"
    ):
        model.add_items(
            pa.table({"item_id": ["n1", "n2"], "title": ["red", "hat"], "price": ["$4.50", "ask"], "day": ["2021-01-01", None]})
        )
    assert model.catalogue_.content.table["price"].to_pylist() == [1.0, 2.0, 3.0, 4.5, None]
    assert model.recommend("a", k=5, filter={"price": {"min": "4"}}).ids == ["n1"]
    assert model.recommend("a", k=5, filter={"day": {"min": "2020-06-01"}}).ids == ["n1"]
    with pytest.warns(DualNetWarning, match="the list is shorter"):
        assert model.recommend("a", k=1, filter={"day": {"min": "2022-06-01"}}).ids == []


VALUES = {"text": pa.array(["1999", "2001", None]), "number": pa.array([1999, 2001, None]), "half": pa.array([1999.0, 2001.5, None]),
          "label": pa.array(["a", "1", None]), "day": pa.array([dt.datetime(1999, 1, 1), dt.datetime(2001, 1, 1, 5), None]),
          "flag": pa.array([False, True, None]), "tags": pa.array([["b"], ["a", "1"], None])}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "operation", "value"),
    [
        ("text", "min", 2000), ("text", "min", "2000"), ("text", "is", 2001), ("text", "any", [2001, 5]), ("text", "contains", "001"),
        ("number", "min", 2000), ("number", "min", "2000"), ("number", "min", 1999.5), ("number", "is", 2001.0), ("number", "any", ["2001"]),
        ("half", "min", 2000), ("half", "is", 2001.5), ("label", "is", 1), ("label", "is", 1.0), ("label", "any", [" 1 ", 7]),
        ("day", "min", "2000-01-01"), ("day", "min", 946684800), ("day", "min", 946684800000), ("day", "contains", "2001-01"),
        ("day", "is", "2001-01-01 05:00"), ("day", "any", ["2001-01-01T05:00:00Z"]), ("flag", "is", True), ("flag", "is", "true"),
        ("flag", "is", 1), ("tags", "is", "a"), ("tags", "is", 1), ("tags", "contains", "a"), ("label", "max", "9"),
    ],
)  # fmt: skip
def test_filters_ask_in_any_type(column, operation, value):
    assert condition(pa.chunked_array([VALUES[column]]), column, operation, value, comparable).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "x"),
        ("number", True),
        ("number", None),
        ("number", [1]),
        ("day", "soon"),
        ("day", True),
        ("flag", "a"),
        ("label", 5),
        ("day", ""),
    ],
)
def test_bounds_that_do_not_fit_are_refused(column, value):
    with pytest.raises(DataError, match=f"the filter 'min' of '{column}' does not fit its values"):
        condition(pa.chunked_array([VALUES[column]]), column, "min", value, comparable)


def test_models_of_earlier_versions_find_their_labels():
    from dualnet.data.features import Featurizer
    from dualnet.data.featurizers.terms import CategoryBlock, TermBlock

    spec = ContentSpec(categories=("c",), tags=("t",))
    old = Featurizer(
        spec, [CategoryBlock("c", ["1.0", "True", " wine"]), TermBlock("t", "tags", ["2.0", "a, b"], np.ones(2, np.float32))]
    )
    for shelf, tag in itertools.product((1, "1.0", 1.0), (["2"], [2.0], "2.0")):
        content = Content(IdMap(["n"]), pa.table({"c": [shelf], "t": pa.array([tag])}), spec)
        assert old.transform(content).toarray().tolist() == [[1, 0, 0, 1, 0]]
    content = Content(IdMap(["n"]), pa.table({"c": ["wine"], "t": ["a, b"]}), spec)
    assert old.transform(content).toarray().tolist() == [[0, 0, 1, 0, 1]]


def test_pictures_by_path_and_by_bytes_stand_in_one_column(tmp_path):
    (tmp_path / "p.png").write_bytes(b"picture")
    rows = RowNames(["x", "y", "z"].__getitem__)
    cells = pa.table({"p": [{"bytes": b"raw", "path": None}, {"bytes": None, "path": str(tmp_path / "p.png")}, None]})
    column = cast_table(cells, {"p": "picture"}, rows)["p"]
    assert [picture_bytes(cell, "") for cell in column.to_pylist()] == [b"raw", b"picture", None]
    spec = ContentSpec(images=("p",))
    paths = Content(IdMap(["x"]), pa.table({"p": [str(tmp_path / "p.png")]}), spec)
    both = paths.append(Content(IdMap(["n"]), pa.table({"p": [b"raw"]}), spec))
    assert [picture_bytes(cell, "") for cell in both.table["p"].to_pylist()] == [b"picture", b"raw"]
    with pytest.raises(DataError, match="is not base64"):
        picture_bytes("data:image/png;base64,???", "column 'p'")


def test_a_table_that_was_cast_is_not_cast_again():
    table = pa.table({"c": ["['a']"]})
    rows = RowNames(["x"].__getitem__)
    once = cast_table(table, {"c": "tags"}, rows)
    assert cast_table(once, {"c": "tags"}, rows) is once
    assert cast_table(once.set_column(0, "c", pa.array([["[b]"]])), {"c": "tags"}, rows)["c"].to_pylist() == [["[b]"]]
    with pytest.raises(DataError, match="^column 'c' of 'x' is .'a'., a list or an object, not one label"):
        cast_table(once, {"c": "category"}, rows)


@pytest.mark.parametrize("first", ["csv", "frame"])
def test_columns_of_users_have_kinds_too(first, tmp_path):
    frame = pd.DataFrame({"user_id": ["a", "b"], "age": [30, 50], "plan": [1.0, 2.0], "new": [True, False]})
    frame.to_csv(tmp_path / "u.csv", index=False)
    named = {"user_categories": ["plan", "new"], "user_numbers": "age"}
    from dualnet import DualNet

    model = DualNet(levels=(4,), epochs=1).fit(
        Dataset.from_tables(EVENTS, users=tmp_path / "u.csv" if first == "csv" else frame, **named)
    )
    wanted = model.recommend(user_columns={"age": 30, "plan": 1, "new": True}, k=3).scores
    for columns in (
        {"age": "30", "plan": "1.0", "new": "True"},
        {"age": 30.0, "plan": " 1", "new": "true"},
        {"age": np.int64(30), "plan": np.float32(1), "new": np.True_},
    ):
        assert model.recommend(user_columns=columns, k=3).scores == wanted
    for table in (frame, pl.DataFrame(frame.to_dict("list")), pd.read_csv(tmp_path / "u.csv", dtype=str)):
        listed = model.recommend(users=["b", "a"], user_columns=table, k=3, filter_seen=False)
        assert len(listed) == 2
        for user, found, row in zip("ba", listed, frame.to_dict("records")[::-1], strict=True):
            row.pop("user_id")
            alone = model.recommend(user, user_columns=row, k=3, filter_seen=False)
            np.testing.assert_allclose(found.scores, alone.scores, rtol=1e-4, atol=1e-6)
    with pytest.raises(DataError, match="^user column 'age' is 'old', not a number"):
        model.recommend(user_columns={"age": "old"}, k=3)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (number_of, 10**400), (vector_of, [10**400]), (date_of, 10**400), (date_of, "0001-01-01T00:00:00+10:00"),
        (date_of, dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-5)))),
    ],
)  # fmt: skip
def test_values_beyond_what_python_can_count_do_not_fit(read, value):
    with pytest.raises(UnfitError):
        read(value)


@pytest.mark.parametrize("asked", [10**400, "0001-01-01T00:00:00+10:00"])
@pytest.mark.parametrize("cells", [pa.array([1, 2]), pa.array([dt.datetime(2024, 1, 1)])])
def test_a_filter_beyond_what_python_can_count_does_not_fit(cells, asked):
    with pytest.raises(UnfitError):
        comparable(pa.chunked_array([cells]), [asked], ordered=True)


def test_labels_of_the_edges():
    assert label_of(decimal.Decimal("Infinity")) == "Infinity"
    assert label_of("0001-01-01T00:00:00+10:00") == "0001-01-01T00:00:00+10:00"


@pytest.mark.parametrize("value", [20050131120000, "20050131120000", 20050131120000.0])
def test_a_date_with_a_clock_in_one_number_is_what_the_times_of_events_take_it_for(value):
    assert date_of(value) == dt.datetime(2005, 1, 31, 12)


def test_half_characters_and_odd_objects_trouble_nobody():
    with pytest.warns(DualNetWarning, match="2 values hold half a character"):
        table = to_arrow({"a": ["\ud800 x", "\ud83d\ude00", "y"]})
    assert cells_of(table, "a") == ["\ufffd x", "\U0001f600", "y"]
    assert cells_of(to_arrow({"a": [{(1, 2): 3}, {"x": 1}]}), "a")[1] == {"x": 1}
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16)))
    (found,) = cells_of(to_arrow(pa.table({"a": pa.ListArray.from_arrays([0, 1], uuids)})), "a")
    assert found == ["30303030-3030-3030-3030-303030303030"]


def test_years_that_python_has_not():
    table = pa.table({"a": pa.array([900_000_000_000, 0], pa.timestamp("s"))})
    content = Content(IdMap([1, 2]), table.append_column("t", pa.array(["red", "blue"])), ContentSpec(text=("t",)))
    assert content.canonical().table.num_rows == 2
    assert cast_table(table, {"a": "category"}, RowNames()).column("a").to_pylist()[1] == "1970-01-01"
    with pytest.raises(DataError, match="column 'a' is '30489"):
        cast_table(table, {"a": "number"}, RowNames())


def test_content_is_read_once_however_often_it_is_used(monkeypatch):
    raw = pa.table({"genres": [["a", "b"], ["b"], ["a"]]})
    content = Content(IdMap(["x", "y", "z"]), raw, ContentSpec(tags=("genres",)))
    data = Dataset(Dataset.from_tables(EVENTS).interactions, content)
    assert noted_kind(data.items.table.schema.field("genres")) == "tags"
    monkeypatch.setattr(kinds, "_read", None)  # a second reading would call it
    model = ContentProfile().fit(data)
    model.encode_items(model.space(data.items.ids, data.items.take(np.array([2, 0, 1])).align(data.items.ids)))
