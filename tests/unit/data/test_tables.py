"""Tables in: every kind reads alike; every bad file gets one sentence with place and remedy."""

import gzip
import inspect
import json
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from dualnet import Content, ContentSpec, Dataset, IdMap, Interactions
from dualnet.cli.arguments import TableOptions
from dualnet.data.table_spec import SEVERAL, TableSpec
from dualnet.data.tables import dataset_tables, read_table, to_arrow, write_table
from dualnet.errors import DataError, DualNetWarning, ResourceError, UsageError
from dualnet.models.new_tables import new_items

EVENTS = "user_id,item_id,rating\n007,a,5\n7,b,4\nNA,a,2\n007,b,5\n"
ITEMS = "item_id,title\na,Graph kernels\nb,Deep nets\nc,New things\n"


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    return path


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text(ITEMS)
    return path


def test_ids_of_text_files_stay_as_written(events, items):
    data = Dataset.from_tables(events, items, text="title")
    assert data.interactions.users.keys == ["007", "7", "NA"]
    assert data.interactions.items.keys == ["a", "b", "c"]
    assert data.interactions.n_pairs == 4
    assert data.items.title(2) == "New things"
    assert data.known_items().tolist() == [0, 1]


def test_every_format_reads_alike(tmp_path, events, items):
    expected = Dataset.from_tables(events, items, text="title").fingerprint()
    table = read_table(events)
    for name in ("e.parquet", "e.tsv", "e.jsonl"):
        assert Dataset.from_tables(write_table(table, tmp_path / name), items, text="title").fingerprint() == expected
    packed = tmp_path / "e.csv.gz"
    packed.write_bytes(gzip.compress(EVENTS.encode()))
    assert Dataset.from_tables(packed, items, text="title").fingerprint() == expected
    bom = tmp_path / "bom.csv"
    bom.write_bytes(b"\xef\xbb\xbf" + EVENTS.replace("\n", "\r\n").encode())
    assert Dataset.from_tables(bom, items, text="title").fingerprint() == expected
    for frame in (pd.read_csv(events, dtype=str, keep_default_na=False), pl.read_csv(events, infer_schema=False), table):
        assert Dataset.from_tables(frame, items, text="title").fingerprint() == expected


def test_ratings_and_thresholds(events):
    data = Dataset.from_tables(events, rating="rating", threshold=4)
    assert data.interactions.n_pairs == 3
    with pytest.raises(DataError, match="no rating in column 'rating' reaches the threshold 9"):
        Dataset.from_tables(events, rating="rating", threshold=9)
    with pytest.raises(UsageError, match="needs a threshold"):
        Dataset.from_tables(events, rating="rating")


def test_integer_ids_on_one_side_and_text_on_the_other_meet(items):
    frame = pd.DataFrame({"user_id": [1, 2], "item_id": [7, 8]})
    content = pa.table({"item_id": ["7", "8"], "title": ["graph nets", "deep graph"]})
    data = Dataset.from_tables(frame, content, text="title")
    assert data.interactions.items.keys == ["7", "8"]
    assert data.interactions.users.keys == [1, 2]


@pytest.mark.parametrize(
    ("content", "name", "text"),
    [
        (b"", "e.csv", "e.csv is empty"),
        (b"user_id,item_id\n", "e.csv", "has a header but no rows"),
        (b"user,item\n1,2\n", "e.csv", "has no user column 'user_id'; found user, item. Did you mean 'user'"),
        (b"user_id;item_id\n1;2\n3\n", "e.csv", "has no user column 'user_id'; found user_id;item_id"),
        (b"user_id,item_id\n1,2\n3\n", "e.csv", r"line 3: 1 fields where the header has 2"),
        (b"user_id,item_id\n1,2,3\n", "e.csv", r"line 2: 3 fields where the header has 2"),
        (b"user_id,item_id\n1,caf\xe9\n", "e.csv", r"line 2: byte 0xe9 at offset 21 is not UTF-8"),
        ("user_id,item_id\n1,2\n".encode("utf-16-le"), "e.csv", "holds NUL bytes"),
        (b"user_id,item_id\n1,\0\n", "e.csv", "holds NUL bytes"),
        (b"user_id,item_id\n1,\n", "e.csv", r"line 2: the item id in column 'item_id' is missing"),
        (b"u,u\n1,2\n", "e.csv", "names column 'u' more than once"),
        (b'user_id,item_id\n1,"2\n', "e.csv", "mend the quotes"),
        (b'{"user_id": 1, "item_id": NaN}\n', "e.jsonl", "line 1 is not valid JSON .NaN is not a number"),
        (b"[1, 2]\n", "e.jsonl", "line 1 is not a JSON object"),
        (b'{"user_id": 1.5, "item_id": 2}\n', "e.jsonl", "line 1: the user id 1.5 in column 'user_id' is a float"),
        (b"PAR1 cut", "e.parquet", "is not a whole Parquet file"),
        (b"x", "e.pkl", "is a pickle, which could run code"),
        (b"x", "e.docx", "unknown table format '.docx'"),
        (b"user_id,item_id\n1," + b"x" * 2000 + b"\n", "e.csv", "longer than 1024 bytes"),
    ],
)
def test_bad_files(tmp_path, content, name, text):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=text) as caught:
        Dataset.from_tables(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rating", "text"),
    [("nan", "line 2: nan in column 'rating' must be a finite"), ("4,5 or so", "not a number; write all of them alike, with a decimal point or comma"), ("inf", "finite")],
)  # fmt: skip
def test_bad_ratings(tmp_path, rating, text):
    path = tmp_path / "e.tsv"
    path.write_text(f"user_id\titem_id\trating\n1\t2\t{rating}\n")
    with pytest.raises(DataError, match=text):
        Dataset.from_tables(path, rating="rating", threshold=1)


def test_users_and_items_are_not_one_column(events):
    with pytest.raises(UsageError, match="user and item name the same column 'user_id'"):
        Dataset.from_tables(events, item="user_id")


def test_duplicates(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("user_id,item_id,w\n1,a,1\n1,a,1\n")
    with pytest.warns(DualNetWarning, match="1 repeated user-item pairs were collapsed"):
        assert Dataset.from_tables(path, weight="w").interactions.n_pairs == 1
    path.write_text("user_id,item_id,w\n1,a,1\n1,a,3\n")
    with pytest.raises(DataError, match="user '1' and item 'a' with 1 and 3; say which counts with duplicates="):
        Dataset.from_tables(path, weight="w")
    with pytest.warns(DualNetWarning, match="with different weights, by duplicates='max'"):
        assert Dataset.from_tables(path, weight="w", duplicates="max").interactions.matrix.data.tolist() == [3.0]


def test_items_without_content(events, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("item_id,title\na,Graph kernels\n")
    with pytest.raises(DataError, match="1 item of the events has no row in the items table, such as 'b'"):
        Dataset.from_tables(events, few, text="title")
    with pytest.warns(DualNetWarning, match="2 events of items without a content row"):
        assert Dataset.from_tables(events, few, text="title", missing_content="drop").interactions.n_pairs == 2
    assert Dataset.from_tables(events, few, text="title", missing_content="zero").interactions.n_pairs == 4


def test_users_without_a_row(events, tmp_path):
    few = tmp_path / "users.csv"
    few.write_text("user_id,land\n007,DE\n")
    named = {"users": few, "user_categories": "land"}
    with pytest.raises(DataError, match="user"):
        Dataset.from_tables(events, **named)
    with pytest.warns(DualNetWarning, match="events of users without a row were left out"):
        data = Dataset.from_tables(events, missing_content="drop", **named)
    assert {str(key) for key in data.interactions.users} == {"007"}
    whole = Dataset.from_tables(events, missing_content="zero", **named)
    assert whole.interactions.n_pairs == Dataset.from_tables(events).interactions.n_pairs
    lands = dict(zip(whole.users.ids, whole.users.table["land"].to_pylist(), strict=True))
    assert {str(key): land for key, land in lands.items() if land} == {"007": "DE"}


def test_content_twins(events, tmp_path):
    path = tmp_path / "i.csv"
    path.write_text(ITEMS + "a,Graph kernels\n")
    with pytest.warns(DualNetWarning, match="1 repeated row of the same id was dropped"):
        Dataset.from_tables(events, path, text="title")
    path.write_text(ITEMS + "a,Other\n")
    with pytest.raises(DataError, match="line 5: id 'a' occurs again with other content"):
        Dataset.from_tables(events, path, text="title")
    with pytest.raises(DataError, match="no content column 'titel'.*Did you mean 'title'"):
        Dataset.from_tables(events, tmp_path / "i.csv", text="titel") if path.write_text(ITEMS) else None


def test_times(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("user_id,item_id,t\n1,a,1577836800000\n1,b,1577836801000\n")
    with pytest.warns(DualNetWarning, match="look like milliseconds"):
        assert Dataset.from_tables(path, time="t").interactions.times.tolist() == [1577836800, 1577836801]
    path.write_text("user_id,item_id,t\n1,a,2020-01-01T00:00:00\n")
    assert Dataset.from_tables(path, time="t").interactions.times.tolist() == [1577836800]
    path.write_text("user_id,item_id,t\n1,a,yesterday\n")
    with pytest.raises(DataError, match="'yesterday' in column 't' is not a time"):
        Dataset.from_tables(path, time="t")


def test_write_is_whole_or_nothing_and_spreadsheet_safe(tmp_path, events, items):
    table = pa.table({"id": ["=cmd()", "plain"], "tags": [["a", "b"], []]})
    assert write_table(table, tmp_path / "o.csv").read_text().splitlines() == ["id,tags", "'=cmd(),a|b", "plain,"]
    assert json.loads(write_table(table, tmp_path / "o.jsonl").read_text().splitlines()[0]) == {
        "id": "=cmd()",
        "tags": ["a", "b"],
    }
    with pytest.raises(UsageError, match="cannot tell the format"):
        write_table(table, tmp_path / "o.xyz")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot write"):
        write_table(table, tmp_path / "file" / "o.csv")
    tables = dataset_tables(Dataset.from_tables(events, items, text="title"))
    assert tables["events"].num_rows == 4
    assert tables["items"].column_names == ["item_id", "title"]


def test_what_is_not_a_table():
    with pytest.raises(DataError, match="expected a pandas, Polars or Arrow table or a file path, got int"):
        to_arrow(3)
    with pytest.raises(DataError, match="there is no file nowhere.csv"):
        Dataset.from_tables("nowhere.csv")


def test_ready_vectors_and_bags(tmp_path, events):
    import numpy as np
    from scipy.sparse import csr_array, save_npz

    items = tmp_path / "i.csv"
    items.write_text("item_id,title\nb,Deep nets\na,Graph kernels\n")
    np.save(tmp_path / "v.npy", np.array([[1.0, 0.0], [0.0, 2.0]]))
    np.savez_compressed(tmp_path / "v.npz", np.array([[1.0, 0.0], [0.0, 2.0]]))
    save_npz(tmp_path / "bag.npz", csr_array(np.array([[1, 0, 3], [0, 2, 0]])))
    for name in ("v.npy", "v.npz"):
        data = Dataset.from_tables(
            events, items, text="title", vectors={"image": tmp_path / name}, bags={"words": tmp_path / "bag.npz"}
        )
        assert data.items.ids.keys == ["a", "b"]  # sorted, and the rows went along
        assert data.items.matrices["image"].tolist() == [[0.0, 2.0], [1.0, 0.0]]
        assert data.items.matrices["words"].toarray().tolist() == [[0, 2, 0], [1, 0, 3]]

    header = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    claim = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 500000), }".ljust(117) + b"\n"
    (tmp_path / "huge.npy").write_bytes(header + claim)
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}, None], dtype=object))
    np.save(tmp_path / "short.npy", np.ones((3, 2)))
    np.save(tmp_path / "flat.npy", np.ones(2))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "v.npy").read_bytes()[:-4])
    (tmp_path / "no.npz").write_bytes(b"PK nothing")
    for name, text in (
        ("huge.npy", "is not a whole numeric array file"), ("objects.npy", "is not a whole numeric array file"),
        ("short.npy", "has 3 rows for 2 rows of the table"), ("flat.npy", "has 1 dimensions, expected 2"),
        ("cut.npy", "is not a whole numeric array file"), ("no.npz", "is not a whole numeric array file"),
        ("none.npy", "cannot be read"), ("v.txt", "expected a .npy or .npz file"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=text):
            Dataset.from_tables(events, items, vectors={"image": tmp_path / name})


def test_integer_ids_of_every_width_and_order_are_found():
    from dualnet.ids import IdMap

    ids = IdMap([30, 10, 20])
    for kind in (np.int8, np.int64, np.uint16, np.uint64):
        assert ids.find(np.array([20, 11, 30], kind)).tolist() == [2, -1, 0]
    assert ids.find(np.array([2**64 - 1, 10], np.uint64)).tolist() == [-1, 1]
    assert IdMap(np.empty(0, np.int64)).find(np.array([1, 2])).tolist() == [-1, -1]
    big = np.array([2**53, 2**53 + 1], np.int64)
    assert IdMap(big).find(big.astype(np.uint64)).tolist() == [0, 1]


def test_columns_of_text_integers_and_categories_give_the_same_data():
    events = {"user_id": ["b", "a", "b"], "item_id": ["x", "x", "y"]}
    plain = Dataset.from_tables(pa.table(events))
    coded = Dataset.from_tables(pa.table({name: pa.array(values).dictionary_encode() for name, values in events.items()}))
    large = Dataset.from_tables(pa.table({name: pa.array(values, pa.large_string()) for name, values in events.items()}))
    assert plain.fingerprint() == coded.fingerprint() == large.fingerprint()
    numbers = Dataset.from_tables(
        pa.table({"user_id": pa.array([2, 1, 2], pa.int16()), "item_id": pa.array([5, 5, 6], pa.uint32())})
    )
    assert numbers.interactions.users.keys == [1, 2]
    assert (numbers.interactions.matrix.toarray() == plain.interactions.matrix.toarray()).all()


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table, dict])
def test_a_rating_that_is_nan_is_missing_in_every_library(make):
    table = make({"user_id": [1, 1, 2], "item_id": [1, 2, 1], "r": [5.0, float("nan"), 4.0]})
    with pytest.warns(DualNetWarning, match="1 of 3 events have no rating"):
        data = Dataset.from_tables(table, rating="r", threshold=3)
    assert data.interactions.others.n_seen == 1


@pytest.mark.parametrize("value", ["1_000", 10**400])
def test_a_weight_that_only_python_reads_is_refused(value):
    with pytest.raises(DataError, match="in column 'w'"):
        Dataset.from_tables({"user_id": [1, 2], "item_id": [1, 1], "w": [1, value]}, weight="w")


@pytest.mark.parametrize("threshold", ["3", float("nan"), float("inf")])
def test_a_threshold_is_a_number(threshold):
    with pytest.raises(UsageError, match="threshold must be a finite number"):
        Dataset.from_tables({"user_id": [1], "item_id": [1], "r": [1]}, rating="r", threshold=threshold)


def test_pictures_of_new_items_lie_beside_a_file_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "new.csv").write_text("item_id,picture\nz,z.png\n")
    reader = SimpleNamespace(spec=ContentSpec(images=("picture",)), cast=lambda content, *_: content)
    found = new_items("~/new.csv", IdMap(["a"]), reader, None)
    assert found.table.column("picture").to_pylist() == [str(tmp_path / "z.png")]


def test_ready_vectors_become_list_columns_in_the_order_of_their_names():
    rows = np.eye(3, dtype=np.float32)
    names = ("zeta", "alpha", "mu", "beta", "omega")
    spec = ContentSpec(text=("title",), vectors=names)
    ready = {name: csr_array(rows) if name == "mu" else rows for name in names}
    items = Content(IdMap(["a", "b", "c"]), pa.table({"title": ["x", "y", "z"]}), spec, ready)
    table = dataset_tables(Dataset(Interactions.from_pairs(["u", "v", "w"], ["a", "b", "c"]), items))["items"]
    assert table.column_names == ["item_id", "title", "alpha", "beta", "mu", "omega", "zeta"]
    assert table["mu"].to_pylist() == rows.tolist()


def test_the_keywords_of_from_tables_are_the_fields_of_the_spec():
    given = inspect.signature(Dataset.from_tables).parameters
    own = {field.name: field.default for field in fields(TableSpec)}
    assert {name: one.default for name, one in given.items() if name not in ("events", "items", "users")} == own
    options = {field.name for field in fields(TableOptions)}
    assert set(own) - options == {"bags", "name"}  # bags of words are matrices, which no option holds
    assert set(SEVERAL) <= set(own)


def test_names_of_columns_are_one_or_several_and_values_are_checked():
    spec = TableSpec(text="a", tags=["b", "c"], vectors="v", user=0, categories="")
    assert (spec.text, spec.tags, spec.vectors, spec.user, spec.categories) == (("a",), ("b", "c"), ("v",), "0", ())
    for wrong in ({"missing_content": "x"}, {"rating": "r"}, {"threshold": 4}, {"user": "item_id"}, {"time_format": "h"}):
        with pytest.raises(UsageError):
            TableSpec(**wrong).check()


@pytest.mark.parametrize("field", [*SEVERAL, "vectors"])
def test_none_names_no_column_and_what_is_no_name_is_refused(events, field):
    assert Dataset.from_tables(events, **{field: None}).fingerprint() == Dataset.from_tables(events).fingerprint()
    for given in (2.5, b"title"):
        with pytest.raises(UsageError, match=f"{field} must be a name or a list of names, got {given!r}"):
            Dataset.from_tables(events, **{field: given})
