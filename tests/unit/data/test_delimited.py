"""Text tables are read by Arrow or row by row: both ways give the same, and neither holds the cells as Python strings."""

import random
import tracemalloc
from pathlib import Path

import pytest

from dualnet import DataError, UsageError
from dualnet.data import delimited, delimited_arrow, delimited_rows
from dualnet.data.delimited import TableForm, read_delimited
from dualnet.data.read_table import load_table

CELLS = (
    "", "a", "7", " ", "x y", '"q"', '"a,b"', '"a\nb"', '"a""b"', '5" x', '"', '""', '"""', "é", "\x01", "#c", '"#c"', ' "b, c"',
    '\\"', "\u2028", "\x0c", '"x"y', '"\r\n"', '"a;b"', "NA", "null", "\x1f", "\ufeff",
)  # fmt: skip


def both(text, separator=None, comment=None, columns=()):
    """Return what Arrow reads, and what is read row by row: cells, lines, left-out header; or the text of the error."""
    file = delimited._described(text.encode(), Path("t.csv"), ".csv", TableForm(separator, None, comment, columns))
    found = []
    for way in (delimited._by_arrow, delimited._row_by_row):
        try:
            read = way(file)
            found.append(None if read is None else (read[0].to_pydict(), [int(line) for line in read[1]], read[2]))
        except DataError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("a,b\n1,2\n3,4\n", {}),
        ("a,b\r\n1,2\r\n\r\n3,4", {}),
        ("\n\na,b\n\n1,NA\n\n3,\n", {}),
        ('"a","b"\n"1","x,""y"""\n"2","one\n\ntwo"\n\n"3",""\n', {}),
        ('a,b\n1,5" disc\n2,say "x"\n', {}),
        ('a\tb\n1\tsay "x"\n', {"separator": "\t"}),
        ("a::b\n1::x y\n2::\n", {"separator": "::"}),
        ("1::x::5\n2::y::4\n", {"columns": ("u", "i", "r")}),
        ("user::item::r\n1::x::5\n2::y::4\n", {"columns": ("u", "i", "r")}),
        ("a；b\n1；é\n", {"separator": "；"}),
        ("# made by x\n# a,b\n1,2\n", {}),
        ("sep=;\na;b\n1;2\n", {}),
        ("% x\na,b\n1,2\n", {"comment": "%"}),
        ("a\n1\n\n2\n", {}),
    ],
)
def test_arrow_reads_what_is_written_as_usual(text, more):
    quick, slow = both(text, **more)
    assert quick == slow
    assert isinstance(quick, tuple)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("a,b\r1,2\r", {}),  # a return alone
        ('a,b\n1,"x"y\n', {}),  # a quote that does not end its cell
        ('a,b\n1,"x\n', {}),
        ('a,b\n1, "x, y"\n', {}),  # blanks before a quote
        ('a, "b"\n1, x\n', {}),  # and before one of the header alone
        ('a,b\n1,"x, ""y"""\n', {}),
        ('a,b\n"1","5" disc"\n', {}),
        ("a,b\n1,2\n#x\n3,4\n", {"comment": "#"}),
        ("a,b\n1,2\n3\n", {}),
        ("a,b\n", {}),
        ("a::b\n1::\x01\n", {"separator": "::"}),
        ("a,b\n\ufeff1,2\n", {}),  # a mark of UTF-8 in a cell
        (f"a,b\n1,{'x' * 2**21}\n", {}),  # a cell that is too long
    ],
)
def test_arrow_leaves_what_it_would_read_in_another_way(text, more):
    assert both(text, **more)[0] is None


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_read_the_same(seed):
    rng, taken = random.Random(seed), 0
    for _ in range(400):
        separator, end = rng.choice(",,;\t|； ") if rng.random() < 0.9 else "::", rng.choice(["\n", "\n", "\r\n", "\r"])
        width, pool = rng.randint(1, 4), rng.sample(CELLS, rng.randint(1, 5))
        rows = [[rng.choice(pool) for _ in range(width if rng.random() < 0.98 else 5)] for _ in range(rng.randint(1, 8))]
        lines = [separator.join(row) for row in ([f"h{place}" for place in range(width)], *rows)]
        if rng.random() < 0.3:
            lines.insert(rng.randint(1, len(lines)), rng.choice(["", " ", "#x", separator * (width - 1)]))
        quick, slow = both(end.join(lines) + rng.choice(["", end]), separator, rng.choice([None, "#"]))
        taken += quick is not None
        assert quick in (None, slow), lines
    assert taken > 80  # and Arrow reads many of them


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("comment", [None, "#"])  # with comments between the rows they are read one by one
def test_a_large_table_is_not_held_as_python_strings(quote, comment, monkeypatch):
    monkeypatch.setattr(delimited_rows, "BATCH", 1_000)
    monkeypatch.setattr(delimited_arrow, "STEP", 2**14)
    rows = "".join(f"{quote}{n % 999}{quote},{quote}{n % 77}{quote},4.5,{10**9 + n}\n" for n in range(30_000))
    data = ("user,item,rating,time\n" + rows + (f"{comment} the end\n" if comment else "")).encode()
    tracemalloc.start()
    table, lines = read_delimited(data, Path("e.csv"), ".csv", TableForm(comment=comment))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (table.num_rows, lines[0], lines[-1]) == (30_000, 2, 30_001)
    assert peak < 4 * len(data)  # as Python strings they take more than 30 times the size of the file


def read(text, suffix=".csv", **form):
    table, lines = read_delimited(text.encode(), Path(f"e{suffix}"), suffix, TableForm(**form))
    return table.to_pydict(), list(lines)


@pytest.mark.parametrize("suffix", [".csv", ".txt", ""])
@pytest.mark.parametrize(("before", "comment"), [("\n", None), ("# a remark\n", "#")])
def test_any_number_of_blank_lines_and_comments_may_stand_before_a_table(suffix, before, comment):
    count = 2**19 // len(before)
    assert read(before * count + "a,b\n1,2\n", suffix, comment=comment)[1] == [count + 2]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("width", [1, 2, 40_000])
def test_a_header_may_be_longer_than_what_is_looked_at(end, width):
    names = [f"column{place}" for place in range(width)]
    names[-1] = "h" * 300_000
    table, _ = read(",".join(names) + end + ",".join(["1"] * width) + end, separator=",")
    assert list(table) == names


def test_an_encoding_that_no_name_can_be_is_refused():
    for name in ("\0", "x\0y", "", "no-such"):
        with pytest.raises(UsageError, match="is not known; use one such as"):
            TableForm(encoding=name)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(b"\xef\xbb\xbf", None), (b"\xef\xbb\xbf \r\n", None), (b"\xff\xfe", "utf-16"), (b"\xff\xfe \0", None)],
)
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".jsonl", ""])
def test_a_file_of_a_mark_alone_is_empty(tmp_path, data, encoding, suffix):
    path = tmp_path / f"e{suffix}"
    path.write_bytes(data)
    with pytest.raises(DataError, match="is empty"):
        load_table(path, TableForm(encoding=encoding))
