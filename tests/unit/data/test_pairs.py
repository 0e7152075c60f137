"""Pairs as other people publish them: pair tables and inline lists, ids from 0 or 1 or text, header or none."""

import gzip
import warnings

import pyarrow as pa
import pytest

from dualnet.data.pairs import PairFormat, read_candidates, read_pairs
from dualnet.data.protocols.published import read_files
from dualnet.data.tables import write_table
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
    with pytest.warns(DualNetWarning, match=r"the first line \(who, what\) names the columns and was left out"):
        assert found(other, base=0) == [(3, 8)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found(other, header=True) == [("3", "8")]  # that it is a header was said
    assert found(other, user="who", item="what") == [("3", "8")]
    assert ("who", "what") in found(other, header=False)
    text = written(tmp_path, "who,what\nann,tea\n", "text.csv")
    assert ("who", "what") in found(text)  # text ids, nothing says that this is a header


@pytest.mark.parametrize(
    "text",
    [
        "userId,movieId\n1,2\n2,2\n",
        "user movie\n1 2\n2 2\n",
        "uid\tsid\n1\t2\n2\t2\n",
        "who,what\n1,2\n2,2\n",
        "reviewerID,asin\nA1,B1\nA2,B1\n",
        "user:token,item:token\nann,tea\nbob,tea\n",
        "User-ID;ISBN\n1;2\n2;2\n".replace(";", ","),
        "visitor,page\nx1,home\nx2,home\n",
    ],
)
@pytest.mark.parametrize("kind", [".csv", ".txt"])
def test_a_header_of_other_names_is_no_pair(tmp_path, text, kind):
    path = written(tmp_path, text.replace("\t", "," if kind == ".csv" else "\t"), f"p{kind}")
    if kind == ".csv":
        path.write_text(path.read_text().replace(" ", ","))
    with pytest.warns(DualNetWarning, match="names the columns and was left out; the first column was read as users"):
        pairs = found(path)
    assert len(pairs) == 2
    assert len({item for _, item in pairs}) == 1


@pytest.mark.parametrize(
    "text",
    ["ann,tea\nbob,tea\n", "u1,i1\nu2,i1\n", "user,tea\nbob,user\nuser,x\n", "a,b\n", "anna,7\n7,8\n", "1,tea\n2,milk\n"],
)
def test_a_first_pair_of_words_is_a_pair(tmp_path, text):
    assert len(found(written(tmp_path, text, "p.csv"))) == text.count("\n")


@pytest.mark.parametrize("text", ["userId,movieId,rating\n1,2,5\n", "movieId,userId\n1,2\n", "rating,user,item\n5,1,2\n"])
@pytest.mark.parametrize("form", [{}, {"base": 1}, {"header": True}])
def test_a_header_that_says_too_little_is_refused_with_what_to_do(tmp_path, text, form):
    path = written(tmp_path, text, "p.csv")
    with pytest.raises(DataError, match="does not name 'user_id' and 'item_id'; rename its columns so"):
        found(path, **form)
    renamed = text.replace("userId", "user_id").replace("movieId", "item_id").replace("user,item", "user_id,item_id")
    path.write_text(renamed)  # the remedy
    assert len(found(path, **form)) == 1


@pytest.mark.parametrize("name", ["p.txt", "p.dat", "p.csv", "p.tsv"])
@pytest.mark.parametrize("header", ["", "user_id   item_id rating\n"])
def test_columns_that_blanks_align(tmp_path, name, header):
    path = written(tmp_path, header + "    1     23   5\n   10      5   4\n", name)
    with pytest.warns(DualNetWarning, match="only the user and item columns"):
        assert found(path) == [("1", "23"), ("10", "5")]


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


@pytest.mark.parametrize(
    ("text", "users", "items"),
    [
        ("1::5::4\n2::7::3\n", ["1", "2"], ["5", "7"]),
        ("1 :: 5\n2 :: 7\n", ["1", "2"], ["5", "7"]),
        ("shop::u1 shop::i5\nshop::u2 shop::i7\n", ["shop::u1", "shop::u2"], ["shop::i5", "shop::i7"]),
        ("a::1,b::1\na::2,b::2\n", ["a::1", "a::2"], ["b::1", "b::2"]),
    ],
)
@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_two_colons_separate_where_nothing_else_does(tmp_path, text, users, items):
    (tmp_path / "pairs.dat").write_text(text)
    read = read_pairs(tmp_path / "pairs.dat", PairFormat("pairs"))
    assert (list(read.users), list(read.items)) == (users, items)


@pytest.mark.parametrize(
    ("text", "form", "found"),
    [
        ("movieId\n5\n7\n", PairFormat(header=True), ["5", "7"]),
        ("movieId\n5\n7\n", PairFormat(base=0), [5, 7]),
        ("item_id\n5\n7\n", PairFormat(base=1), [4, 6]),
        ("a\nb\n", PairFormat(), ["a", "b"]),
        ("item_id\n5\n", PairFormat(header=False), ["item_id", "5"]),
        ("5 7 9", PairFormat(base=0), [5, 7, 9]),
    ],
)
def test_files_of_candidates_have_a_header_as_files_of_pairs_have(tmp_path, text, form, found):
    (tmp_path / "items.txt").write_text(text)
    assert read_candidates(tmp_path / "items.txt", form) == found


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.parquet"])
def test_candidates_are_read_as_the_ids_of_the_files_and_those_that_nobody_knows_are_told(tmp_path, name):
    train, test = (
        {"user_id": list(range(8)), "item_id": [(user + step) % 6 for user in range(8)]} for step in (0, 1)
    )  # fmt: skip
    for part, columns in (("train", train), ("test", test)):
        write_table(pa.table(columns), tmp_path / f"{part}-{name}")
    (tmp_path / "items.txt").write_text("".join(f"{item}\n" for item in range(9)))
    files = {"train": tmp_path / f"train-{name}", "test": tmp_path / f"test-{name}"}
    with pytest.warns(DualNetWarning, match="3 of 9 candidates are in no file"):
        split = read_files(**files, candidates=tmp_path / "items.txt")
    assert len(split.tasks[0].candidates) == 6
