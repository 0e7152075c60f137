"""Files as people have them: packed, in parts, in other separators and encodings, without a header; and what is no file."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from dualnet import DataError, Dataset, DualNetWarning, UsageError
from dualnet.data.delimited import TableForm, _check_header
from dualnet.data.read_table import load_table

ROWS = [("ann", "x", "red wine"), ("ann", "y", "hat, blue"), ("bob", "x", "Straße")]
TABLE = pa.table({"user_id": [r[0] for r in ROWS], "item_id": [r[1] for r in ROWS], "note": [r[2] for r in ROWS]})
COLUMNS = ("user_id", "item_id", "note")
CSV = 'user_id,item_id,note\nann,x,red wine\nann,y,"hat, blue"\nbob,x,Straße\n'
JSON = "".join(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in ROWS)


def zipped(*files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return target.getvalue()


def zstandard(data):
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(data)
    return target.getvalue().to_pybytes()


def parquet(table=TABLE):
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


def arrow(table=TABLE):
    target = io.BytesIO()
    feather.write_feather(table, target)
    return target.getvalue()


def rows_of(loaded):
    return [tuple(row[name] for name in COLUMNS) for row in loaded.table.to_pylist()]


def read(folder, name, data, **form):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return load_table(folder / name, TableForm(**form))


PYTHON = "".join(repr(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("e.csv", CSV, {}),
        ("E.CSV", CSV, {}),
        ("e.csv", CSV.replace("\n", "\r\n"), {}),
        ("e.csv", CSV.replace("\n", "\r"), {}),
        ("e.csv", b"\xef\xbb\xbf" + CSV.encode(), {}),
        ("e.csv", CSV.encode("utf-16"), {}),
        ("e.csv", CSV.encode("latin-1"), {"encoding": "latin-1"}),
        ("e.csv", CSV.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("e.csv", CSV.replace("ß", "\u00df").encode("cp1252"), {"encoding": "windows-1252"}),
        ("e.csv", '"user_id";"item_id";"note"\n"ann";"x";"red wine"\n"ann";"y";"hat, blue"\n"bob";"x";"Straße"\n', {}),
        ("e.csv", "user_id;item_id;note\nann;x;red wine\nann;y;hat, blue\nbob;x;Straße\n", {}),
        ("e.csv", "user_id\titem_id\tnote\nann\tx\tred wine\nann\ty\that, blue\nbob\tx\tStraße\n", {}),
        ("e.txt", "user_id|item_id|note\nann|x|red wine\nann|y|hat, blue\nbob|x|Straße\n", {}),
        ("e.dat", "ann::x::red wine\nann::y::hat, blue\nbob::x::Straße\n", {"columns": COLUMNS}),
        ("e", "ann;x;red wine\nann;y;hat, blue\nbob;x;Straße\n", {"columns": COLUMNS, "separator": "semicolon"}),
        ("e.txt", "user_id~item_id~note\nann~x~red wine\nann~y~hat, blue\nbob~x~Straße\n", {"separator": "~"}),
        ("e.weird", CSV.replace(",", "\t").replace('"hat\t blue"', "hat, blue"), {"separator": "tab"}),
        ("e.csv", "sep=;\r\nuser_id;item_id;note\r\nann;x;red wine\r\nann;y;hat, blue\r\nbob;x;Straße\r\n", {}),
        ("e.csv", "# exported 2020, by me\n#\n" + CSV, {}),
        ("e.csv", "#" + CSV, {}),
        ("e.csv", "% one\n" + CSV.replace("ann,y", "% two\nann,y"), {"comment": "%"}),
        ("e.csv", 'user_id,item_id,note\nann,x,red wine\nann,y,"hat, blue"\n\nbob,x,Straße', {}),
        ("e.csv", 'user_id, item_id, note\nann,x, red wine\nann,y, "hat, blue"\nbob,x, Straße\n', {}),
        ("e.tsv", CSV.replace(",", "\t").replace('"hat\t blue"', "hat, blue"), {}),
        ("e.tab", CSV.replace(",", "\t").replace('"hat\t blue"', "hat, blue"), {}),
        *((f"e{suffix}", JSON, {}) for suffix in (".jsonl", ".ndjson", ".jl", ".json", ".jsonlines", ".JSONL", "", ".log.json")),
        ("e.json", json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS], indent=1), {}),
        ("e.jsonl", JSON.replace("\n", "\n\n"), {}),
        ("e.jsonl", JSON.replace("\n", "\r\n"), {}),
        ("e.csv.gz", gzip.compress(CSV.encode()), {}),
        ("e.gz", gzip.compress(JSON.encode()), {}),
        ("e.csv", gzip.compress(CSV.encode()), {}),
        ("e.csv.bz2", bz2.compress(CSV.encode()), {}),
        ("e.csv.xz", lzma.compress(CSV.encode()), {}),
        ("e.jsonl.zst", zstandard(JSON.encode()), {}),
        ("e.csv.zst", zstandard(CSV.encode()), {}),
        ("e.zip", zipped(("inner/e.csv", CSV.encode()), ("__MACOSX/._e.csv", b"x")), {}),
        ("e.csv.zip", zipped(("e", CSV.encode())), {}),
        ("e.zip", zipped(("e.jsonl", JSON.encode())), {}),
        ("e.zip", zipped(("e.parquet", parquet())), {}),
        ("e.csv.gz", gzip.compress(CSV.encode("latin-1")), {"encoding": "latin-1"}),
        *((f"e{suffix}", parquet(), {}) for suffix in (".parquet", ".pq", ".PARQUET", "")),
        *((f"e{suffix}", arrow(), {}) for suffix in (".feather", ".arrow", ".ipc", "")),
    ],
)  # fmt: skip
def test_files_that_are_right_are_read(tmp_path, name, data, form):
    loaded = read(tmp_path, name, data, **form)
    assert [(u, i, n.strip()) for u, i, n in rows_of(loaded)] == ROWS
    assert loaded.name == name


def test_lines_that_python_wrote_are_read_and_said_and_never_run(tmp_path):
    with pytest.warns(DualNetWarning, match="the lines are Python's own and not JSON"):
        assert rows_of(read(tmp_path, "e.json", PYTHON)) == ROWS
    for odd in ("{'user_id': __import__('os').getcwd()}", "{'user_id': " + "[" * 200 + "]" * 200 + "}", "{'user_id': 1"):
        with pytest.raises(DataError, match="line 1 is neither JSON nor a Python literal"), pytest.warns(DualNetWarning):
            read(tmp_path, "e.json", odd + "\n")


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_only_line_feeds_end_a_line(tmp_path, odd):
    text = json.dumps({"user_id": "a", "item_id": f"x{odd}y", "note": odd}, ensure_ascii=False) + "\n"
    text = text.replace("\\u001c", "\x1c") if odd == "\x00" else text
    loaded = read(tmp_path, "e.jsonl", text + text.replace("x", "z"))
    assert loaded.table.column("item_id").to_pylist() == [f"x{odd}y", f"z{odd}y"]
    assert loaded.place(1) == "e.jsonl, line 2"
    loaded = read(tmp_path, "e.csv", f"user_id,item_id,note\na,x,one{odd}two\nb,y,three\n")
    assert loaded.table.column("note").to_pylist() == [f"one{odd}two", "three"]
    assert loaded.place(1) == "e.csv, line 3"


def test_quotes_written_with_backslashes(tmp_path):
    text = 'user_id;item_id;note\n"a";"x";"The \\"J.\\" &amp; co"\n"b";"y";"say ""hi"""\n'
    assert read(tmp_path, "e.csv", text).table.column("note").to_pylist() == ['The "J." &amp; co', 'say "hi"']


@pytest.mark.parametrize("values", [[5.0, "$5"], [{}, []], [1, "a"], [True, "x"], [2**70, 1], [[1], "x"], [{"a": 1}, "x"], [[], [None], ["a"]]])  # fmt: skip
def test_a_column_that_nobody_names_may_hold_anything(tmp_path, values):
    lines = [json.dumps({"user_id": f"u{k}", "item_id": "x", "odd": value}) for k, value in enumerate([*values, None])]
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(lines))
    assert Dataset.from_tables(path).interactions.n_pairs == len(values) + 1


def write_parts(folder, names, write):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, TABLE.slice(number, 1))
    return folder


def csv_part(path, table):
    path.write_text(
        "user_id,item_id,note\n" + "".join(f'{r["user_id"]},{r["item_id"]},"{r["note"]}"\n' for r in table.to_pylist())
    )


def json_part(path, table):
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()))


@pytest.mark.parametrize(
    ("names", "write"),
    [
        (["part-0.parquet", "part-1.parquet", "part-2.parquet"], lambda p, t: pq.write_table(t, p)),
        (["a.parquet", "b.parquet", "c.parquet"], lambda p, t: pq.write_table(t, p)),
        (["part-00000-ab.csv", "part-00001-ab.csv", "part-00002-ab.csv"], csv_part),
        (["000.json.gz", "001.json.gz", "002.json.gz"], json_part),
        (["0.feather", "1.feather", "2.feather"], lambda p, t: feather.write_feather(t, p)),
    ],
)
def test_folders_of_parts(tmp_path, names, write):
    folder = write_parts(tmp_path / "events.parquet", names, write)
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.crc").write_bytes(b"x")
    (folder / "_temporary").mkdir()
    (folder / "part-9.parquet").touch()  # parts without rows are empty files
    if not names[0].endswith(".parquet"):
        (folder / "part-9.parquet").unlink()
    loaded = load_table(folder)
    assert rows_of(loaded) == ROWS
    assert loaded.place(2) == ("part-00002-ab.csv, line 2" if "csv" in names[0] else f"{names[2]}, line 1" if "json" in names[0] else f"{names[2]}, row 1")  # fmt: skip
    assert Dataset.from_tables(str(folder)).interactions.n_pairs == 3
    assert rows_of(load_table(str(tmp_path / "events.parquet" / f"*{Path(names[0]).suffix}"))) == ROWS


def test_folders_of_hive_carry_keys(tmp_path):
    names = ["country=de/day=2020-01-01/p.parquet", "country=fr%20x/day=2020-01-02/p.parquet", "country=__HIVE_DEFAULT_PARTITION__/day=2020-01-02/p.parquet"]  # fmt: skip
    folder = write_parts(tmp_path / "events", names, lambda p, t: pq.write_table(t, p))
    table = load_table(folder).table
    assert sorted(zip(table["country"].to_pylist(), table["day"].to_pylist(), strict=True), key=str) == [
        ("de", "2020-01-01"), ("fr x", "2020-01-02"), (None, "2020-01-02")
    ]  # fmt: skip
    data = Dataset.from_tables(folder, time="day")
    assert sorted(set(data.interactions.times.tolist())) == [1577836800, 1577923200]


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "e.csv").write_text(CSV)
    assert Dataset.from_tables("~/e.csv").interactions.n_pairs == 3
    assert Dataset.from_tables("~/*.csv").interactions.n_pairs == 3


@pytest.mark.parametrize(
    "url", ["s3://bucket/e.parquet", "https://example.org/e.csv", "gs://b/x", "hdfs://n:80/x", Path("s3://bucket/e.csv")]
)
def test_addresses_are_said_to_be_what_they_are(url):
    with pytest.raises(DataError, match=f"{str(url).replace(':/', '://').replace(':///', '://')} is an address, and tables are read from files only"):  # fmt: skip
        Dataset.from_tables(url)


def make_folder(tmp_path, **files):
    for name, data in files.items():
        path = tmp_path / "t" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "t"


OTHER = pa.table({"item_id": ["x"], "title": ["t"]})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"events.parquet": parquet(), "items.parquet": parquet(OTHER)},
            "tables with different columns, such as events.parquet",
        ),
        (
            {"_delta_log__0.json": b"{}", "part-0.parquet": parquet()},
            "is a Delta table, whose folder also holds rows that were",
        ),
        ({"metadata__v1.json": b"{}", "data__p.parquet": parquet()}, "is an Iceberg table"),
        ({"part-0.parquet": parquet(), "readme.txt": b"x"}, "files of several kinds"),
        ({"a__part-0.parquet": parquet()}, "holds other folders"),
        ({"a=1__p.parquet": parquet(), "b=1__p.parquet": parquet()}, "do not all carry the same keys"),
        ({"_SUCCESS": b""}, "a folder without a table in it"),
    ],
)
def test_folders_that_are_no_table(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        load_table(make_folder(tmp_path, **files))


@pytest.mark.parametrize(
    ("name", "data", "form", "message"),
    [
        ("e.csv", CSV.encode("latin-1"), {}, r"line 4: byte 0xdf .* is not UTF-8; .*\(--encoding latin-1"),
        ("e.csv", CSV.encode("utf-16-le"), {}, "holds NUL bytes"),
        ("e.csv", CSV.encode(), {"encoding": "ascii"}, "is not ascii; say another encoding"),
        ("e.txt", "one two\nthree\n", {}, "it is not clear what separates .*--separator tab"),
        ("e.dat", "ann::x::a::b\nann::y\n", {"columns": ("a", "b")}, "4 fields where 2 columns are named|not clear what separates"),
        ("e.csv", "1,2\n1,3\n", {}, "has no user column"),
        ("e.csv", "1,1\n1,3\n", {}, r"names column '1' more than once; .*\(--column-names"),
        ("e.csv", "# a remark\n", {}, "has comments alone"),
        ("e.zip", zipped(("a.csv", b"x"), ("b.csv", b"y")), {}, r"holds 2 files \(a.csv, b.csv\); unpack it"),
        ("e.xlsx", zipped(("[Content_Types].xml", b"x"), ("s.xml", b"y")), {}, "workbook of a spreadsheet; save the sheet as CSV"),
        ("e.csv.gz", gzip.compress(CSV.encode() * 9)[:-9], {}, "cut short or damaged"),
        ("e.csv.zst", zstandard(CSV.encode() * 9)[:-9], {}, "cut short or damaged|has no|fields"),
        ("e.csv.xz", lzma.compress(CSV.encode())[:-9], {}, "cut short or damaged"),
        ("e.zip", zipped(("a.csv", CSV.encode()))[:-30], {}, "cut short or damaged"),
        ("e.csv.gz", gzip.compress(b"\n" * (70 * 2**20)), {}, "unpacks to more than 100 times its size"),
        ("e.zip", zipped(("a.csv", b"\n" * (70 * 2**20))), {}, "unpacks to more than 100 times its size"),
        ("e.json", '{\n "user_id": 1\n}\n', {}, "write each object on one line, or all of them as an array"),
        ("e.json", '[{"user_id": 1}, 2]', {}, "entry 2 is not a JSON object"),
        ("e.jsonl", '{"user_id": 1}\n{"user_id": 1, "a": 2, "a": 3}\n', {}, "line 2 .*the key 'a' occurs twice in one object"),
        ("e.json", '[{"user_id": 1, "a": 2, "a": 2}]', {}, "the key 'a' occurs twice in one object"),
        ("e.feather", arrow()[:-20], {}, "is not a whole Feather file"),
        ("e.docx", b"x", {}, "unknown table format '.docx'"),
        ("e.joblib", b"x", {}, "is a pickle"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_are_told_with_the_remedy(tmp_path, name, data, form, message):
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(DataError, match=message) as caught:
        Dataset.from_tables(tmp_path / name, **{"column_names" if k == "columns" else k: v for k, v in form.items()})
    assert "\n" not in str(caught.value)


ALIGNED = "user_id  item_id   rating\n1        23        5\n10       5         4\n\n   7     2         1 \n"


@pytest.mark.parametrize("name", ["e.txt", "e.dat", "e.csv", "e.tsv", "e.data"])
@pytest.mark.parametrize("separator", [None, "blanks", r"\s+", "whitespace"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [ALIGNED, "# c\n" + ALIGNED, ALIGNED.replace("  ", "\t ", 1)])
def test_columns_that_blanks_align(tmp_path, name, separator, end, text):
    if name == "e.tsv" and separator is None and "\t" in text:
        pytest.skip("one tab in a file of tabs separates")
    (tmp_path / name).write_bytes(text.replace("\n", end).encode())
    loaded = load_table(tmp_path / name, TableForm(separator=separator))
    assert loaded.table.to_pydict() == {"user_id": ["1", "10", "7"], "item_id": ["23", "5", "2"], "rating": ["5", "4", "1"]}
    assert loaded.place(2).endswith(f"line {5 + text.count('#')}")


def test_aligned_columns_without_a_header(tmp_path):
    (tmp_path / "e.txt").write_text("1   23   5\n2   4    5\n")
    with pytest.raises(DataError, match=r"found 1, 23, 5.*if the first line is a row, name the columns with column_names="):
        Dataset.from_tables(tmp_path / "e.txt")
    found = Dataset.from_tables(tmp_path / "e.txt", column_names=["user_id", "item_id", "rating"])  # the remedy
    assert found.interactions.n_pairs == 2


def test_several_blanks_where_one_separates_are_told(tmp_path):
    (tmp_path / "e.txt").write_text("user_id   item_id\n1   23\n")
    with pytest.raises(DataError, match="several blanks stand between fields; say so with separator='blanks'"):
        Dataset.from_tables(tmp_path / "e.txt", separator=" ")
    (tmp_path / "e.txt").write_text("user_id item_id\n1   23\n")
    with pytest.raises(DataError, match="where columns are aligned: --separator blanks"):
        Dataset.from_tables(tmp_path / "e.txt", separator="blank")
    assert Dataset.from_tables(tmp_path / "e.txt", separator="blanks").interactions.n_pairs == 1


def test_texts_with_double_blanks_are_no_aligned_columns(tmp_path):
    (tmp_path / "e.csv").write_text("title\nred  fish\nblue bird here\n")
    assert load_table(tmp_path / "e.csv").table.column_names == ["title"]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"encoding": "latin-7x"}, "encoding 'latin-7x' is not known"),
        ({"encoding": "hex"}, "is not known"),
        ({"separator": ""}, "cannot stand between fields"),
        ({"separator": '"'}, "cannot stand between fields"),
        ({"comment": ""}, "comment must be"),
        ({"columns": ("a", "a")}, "distinct names"),
    ],
)
def test_forms_that_cannot_be(form, message):
    with pytest.raises(UsageError, match=message):
        TableForm(**form)


def test_what_is_no_regular_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "e.csv")
    with pytest.raises(DataError, match="is a pipe, a socket or a device"):
        load_table(tmp_path / "e.csv")
    with pytest.raises(DataError, match="no file is called"):
        load_table(tmp_path / "x*.csv")


def test_lines_of_a_table_whose_quotes_are_characters_count_what_stands_before_the_header(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('# made by x\n# again\nuser\titem\tt\n1\t2\tsay "x"\n3\t"4" a\tb\n5\t6\n')
    with pytest.raises(
        DataError, match=r"line 6: 2 fields where the header has 3; quote fields that hold the separator '\\t',"
    ):
        load_table(path)


def test_a_table_in_parts_has_the_types_of_the_same_table_in_one_file(tmp_path):
    (tmp_path / "parts").mkdir()
    rows = [f"{item},{year},2020-01-0{day},some words" for item, year, day in (("x", 2000, 1), ("y", 2001, 2))]
    for place, row in enumerate(rows):
        (tmp_path / "parts" / f"part-{place}.csv").write_text(f"item_id,year,day,text\n{row}\n")
    (tmp_path / "one.csv").write_text("item_id,year,day,text\n" + "\n".join(rows) + "\n")
    events = {"user_id": [1, 1], "item_id": ["x", "y"]}
    parts, one = (Dataset.from_tables(events, tmp_path / name, text="text").items.table for name in ("parts", "one.csv"))
    assert parts.equals(one, check_metadata=True)


@pytest.mark.parametrize("name", ["x" * 5_000 + ".csv", "~nobody-of-this-name/x.csv", "http://" + "x" * 5_000])
def test_names_that_cannot_be_files(name):
    with pytest.raises(DataError):
        load_table(name)


@pytest.mark.parametrize("given", [{"separator": 5}, {"encoding": 5}, {"comment": 5}, {"separator": "\r"}])
def test_forms_of_another_type(given):
    with pytest.raises(UsageError):
        TableForm(**given)


def test_a_wide_header_is_checked_without_comparing_all_pairs():
    compared = []

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            compared.append(other)
            return str.__eq__(self, other)

    _check_header([Name(f"c{n}") for n in range(500)], Path("e.csv"))
    assert len(compared) < 5_000


@pytest.mark.parametrize("comment", ["#", "//", "%"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_of_a_quoted_field_is_no_comment(tmp_path, comment, end):
    lines = [
        f"{comment} a remark", "item_id,title", f'a,"one{end}{comment} two{end}{end}{comment}three"', f"{comment} b,left out",
        f'c,"{comment} four"', f'd,"""{end}{comment} five"', f"{comment}", "e,six",
    ]  # fmt: skip
    (tmp_path / "i.csv").write_text(end.join(lines) + end, newline="")
    found = load_table(tmp_path / "i.csv", TableForm(comment=comment))
    titles = [title.replace("\r", "") for title in found.table.column("title").to_pylist()]
    assert found.table.column("item_id").to_pylist()[::3] == ["a", "e"]
    assert titles == [f"one\n{comment} two\n\n{comment}three", f"{comment} four", f'"\n{comment} five', "six"]
    assert found.place(3).endswith("line 12")


def test_the_cost_of_a_header_is_linear_in_its_columns(tmp_path):
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    _check_header([Name(f"c{number}") for number in range(2_000)], tmp_path / "w.csv")
    assert compared < 10 * 2_000  # comparing each with each takes 2,000,000


@pytest.mark.parametrize(
    ("text", "names"), [("u1: 5\nu2: 7\nu3: 9\n", ("user_id", "item_id")), ("user_id: item_id\na: 5\nb: 7\nc: 9\n", ())]
)
def test_a_colon_may_separate_where_it_is_said(tmp_path, text, names):
    """Without a word such lines look like the fields of a record."""
    (tmp_path / "pairs.txt").write_text(text)
    table = load_table(tmp_path / "pairs.txt", TableForm(separator=":", columns=names)).table
    assert (table.column_names, table.num_rows) == (["user_id", "item_id"], 3)
    with pytest.raises(DataError, match="one field a line"):
        load_table(tmp_path / "pairs.txt")
