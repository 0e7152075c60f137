"""Pairs as other people publish them: pair tables and inline lists, ids from 0 or 1 or text, header or none."""

import gzip

import pytest

from dualnet.data.pairs import PairFormat, read_pairs
from dualnet.errors import DataError, DualNetWarning, UsageError


def found(path, **form):
    interactions = read_pairs(path, PairFormat(**form))
    rows, columns = interactions.pairs()
    return list(zip(interactions.users.take(rows), interactions.items.take(columns), strict=True))


def written(tmp_path, text, name="pairs.txt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


COUNTED = "2 5 7\n0\n3 1 5 9\n"


def test_counted_lists_are_recognised_and_the_count_is_not_an_item(tmp_path):
    path = written(tmp_path, COUNTED, "users.dat")
    expected = [(0, 5), (0, 7), (2, 1), (2, 5), (2, 9)]
    assert found(path, base=0) == expected
    assert found(path, base=1) == [(user, item - 1) for user, item in expected]
    assert found(path) == [(user, str(item)) for user, item in expected]


def test_gzip_is_unpacked(tmp_path):
    path = tmp_path / "users.dat.gz"
    path.write_bytes(gzip.compress(COUNTED.encode()))
    assert found(path, base=0)[0] == (0, 5)


def test_lists_by_line_number_and_by_user_id(tmp_path):
    path = written(tmp_path, "5 7\n\n1 5 9\n")
    assert found(path, layout="lists", base=0) == [(0, 5), (0, 7), (2, 1), (2, 5), (2, 9)]
    assert found(path, layout="user-lists", base=1) == [(0, 4), (0, 8), (4, 6)]


@pytest.mark.parametrize(
    ("text", "name"),
    [("3 8\n4 9\n", "p.txt"), ("3,8\n4,9\n", "p.csv"), ("3\t8\n4\t9\n", "p.tsv"), ("3, 8\n4, 9\n", "p.dat")],
)
def test_pairs_without_header(tmp_path, text, name):
    path = written(tmp_path, text, name)
    assert found(path) == [("3", "8"), ("4", "9")]
    assert found(path, base=1) == [(2, 7), (3, 8)]


def test_header_is_known_by_its_names_or_because_it_is_no_number(tmp_path):
    named = written(tmp_path, "item_id,user_id\n8,3\n9,4\n", "named.csv")
    assert found(named) == [("3", "8"), ("4", "9")]
    other = written(tmp_path, "who,what\n3,8\n", "other.csv")
    assert found(other, base=0) == [(3, 8)]
    assert found(other, header=True) == [("3", "8")]
    assert found(other, user="who", item="what") == [("3", "8")]
    assert ("who", "what") in found(other)  # text ids, nothing says that this is a header


def test_leading_zeros_survive_as_text(tmp_path):
    assert found(written(tmp_path, "007,a b\n7,c\n", "p.csv")) == [("007", "a b"), ("7", "c")]


def test_parquet_and_json_lines(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"user_id": [1, 2], "item_id": [4, 5]}), tmp_path / "p.parquet")
    assert found(tmp_path / "p.parquet") == [(1, 4), (2, 5)]
    assert found(tmp_path / "p.parquet", base=1) == [(0, 3), (1, 4)]
    path = written(tmp_path, '{"user_id": "a", "item_id": "x"}\n', "p.jsonl")
    assert found(path) == [("a", "x")]
    with pytest.raises(DataError, match=r"no user column 'who'; found user_id, item_id"):
        found(path, user="who")


def test_further_columns_are_left_out_loudly(tmp_path):
    path = written(tmp_path, "1 2 5.0\n1 3 1.0\n")
    with pytest.warns(DualNetWarning, match="every row counts as a positive"):
        assert len(found(path, base=0)) == 2


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("3 5 7\n", {"layout": "counted-lists"}, r"line 1: the line begins with '3' but 2 items follow"),
        ("1 x\n", {"layout": "pairs", "base": 0, "header": False}, r"line 1: the item id 'x' is not a whole number"),
        ("1 2\n1 0\n", {"layout": "pairs", "base": 1}, r"line 2: the item id 0 is below 1"),
        ("1 2\n1\n", {"layout": "pairs"}, r"line 2: 1 fields where the first line has 2"),
        ("a\nb\n", {"layout": "pairs"}, r"line 1: 'a' is one field"),
        ("0\n0\n", {"layout": "counted-lists"}, r"has no pairs"),
        ("", {}, r"is empty"),
        ("user rating item\n1 2 3\n", {"layout": "pairs", "header": True}, r"does not name 'user_id' and 'item_id'"),
    ],
)
def test_bad_lines_name_file_line_and_value(tmp_path, text, form, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        found(path, **form)
    assert "pairs.txt" in str(caught.value)


@pytest.mark.parametrize("text", ["1 5\n1 7\n", "1 2 3\n4 5\n", "7 1 2 3 4 5\n7 1 2 3 4 6\n"])
def test_what_could_be_read_in_two_ways_is_asked(tmp_path, text):
    with pytest.raises(UsageError, match="say layout="):
        found(written(tmp_path, text))


def test_bad_options(tmp_path):
    with pytest.raises(UsageError, match="layout 'inline' is not known"):
        PairFormat(layout="inline")
    with pytest.raises(UsageError, match="base must be 0 or 1"):
        PairFormat(base=2)
    with pytest.raises(DataError, match="there is no file"):
        found(tmp_path / "none.csv")
