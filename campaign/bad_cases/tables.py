"""Rows 1 to 8, 13 to 26, 31 and 63: events that are wrong, and how their files are."""

from __future__ import annotations

from pathlib import Path

from .case import EVENTS, Case, table

RATED = "user_id,item_id,rating\nu1,i1,4\nu1,i2,{}\nu2,i1,5\nu2,i3,4\n"
LIKES = {"rating": "rating", "threshold": 3}


def rated(value: str) -> str:
    """Return events of which one has this rating."""
    return RATED.format(value)


def long_line(path: Path) -> None:
    """Write a table with a line of 100 MB, in pieces."""
    with path.open("wb") as file:
        file.write(b"user_id,item_id\nu1,")
        for _ in range(100):
            file.write(b"x" * 10**6)


RATINGS = [
    *(table(1, f"rating {v}", "refused", "line 3", events=rated(v), **LIKES) for v in ("NaN", "nan", "-nan")),
    table(1, "no rating", "warned", "no rating|without a rating|missing", events=rated(""), **LIKES),
    *(table(1, f"weight {v}", "refused", "line 3", events=rated(v), weight="rating") for v in ("NaN", "nan", "-nan", "")),
    *(table(2, f"rating {v}", "refused", "line 3", events=rated(v), **LIKES) for v in ("inf", "-inf", "Infinity", "1e999")),
    *(table(2, f"weight {v}", "refused", "line 3", events=rated(v), weight="rating") for v in ("inf", "1e39", "-Infinity")),
    *(table(3, f"weight {v}", "refused", "threshold|above 0", events=rated(v), weight="rating") for v in ("-1", "-0.5", "-1e-30")),
    table(3, "negative rating beside a threshold", "accepted", events=rated("-1"), **LIKES),
    table(3, "a rating column without a threshold", "refused", "threshold", events=rated("-1"), rating="rating"),
    table(4, "weight 0", "refused", "above 0", events=rated("0"), weight="rating"),
    table(6, "all ratings under the threshold", "refused", "threshold|like", events=rated("1"), rating="rating", threshold=6),
    *(table(6, f"threshold {v}", "refused", "threshold", events=rated("1"), rating="rating", threshold=float(v)) for v in ("nan", "inf", "-inf")),
    table(7, "a pair twice", "warned", "repeat", events=EVENTS + "u1,i1\n"),
    table(7, "a pair a thousand times", "warned", "repeat", events=EVENTS + "u1,i1\n" * 1000),
    table(8, "a pair with two weights", "refused", "duplicates", events=rated("2") + "u1,i1,2\n", weight="rating"),
    table(8, "a pair with two weights, the last counts", "warned", "repeat", events=rated("2") + "u1,i1,2\n", weight="rating", duplicates="last"),
    table(13, "an item with no likes", "warned", "liked by nobody", events=rated("1"), check=True, **LIKES),
]  # fmt: skip

FORMS = [
    table(14, "empty file", "refused", "empty", events=""),
    table(14, "blank lines only", "refused", "empty|no rows|column|header", events="\n\n \n"),
    *(table(14, f"empty {suffix}", "refused", "", events="", suffix=suffix) for suffix in (".jsonl", ".json", ".parquet", ".feather", ".tsv", ".csv.gz")),
    table(15, "header only", "refused", "no rows|header|empty", events="user_id,item_id\n"),
    table(16, "wrong header", "refused", "user_id", events="person,thing\nu1,i1\n"),
    table(16, "header with another case", "refused", "user_id", events="USER_ID,ITEM_ID\nu1,i1\n"),
    table(16, "no header", "refused", "column", events="u1,i1\nu1,i2\n"),
    table(17, "duplicate header", "refused", "twice|more than once|user_id", events="user_id,item_id,user_id\nu1,i1,u2\n"),
    table(18, "a row with more fields", "refused", "line 3", events="user_id,item_id\nu1,i1\nu1,i2,i3\n"),
    table(18, "a row with fewer fields", "refused", "line 3", events="user_id,item_id\nu1,i1\nu1\n"),
    table(19, "semicolons in a .csv", "accepted", events=EVENTS.replace(",", ";")),
    table(19, "tabs in a .csv", "accepted", events=EVENTS.replace(",", "\t")),
    table(19, "a separator that is not there", "refused", "separator|column", events=EVENTS, separator="|"),
    table(19, "a separator of no characters", "refused", "separator", events=EVENTS, separator=""),
    table(20, "decimal comma", "warned", "3,5 as 3.5", events=rated("3").replace(",", ";").replace("3\n", "3,5\n"), **LIKES),
    table(20, "decimal comma as weight", "warned", "3,5 as 3.5", events=rated("3").replace(",", ";").replace("3\n", "3,5\n"), weight="rating"),
    table(20, "a comma that may group thousands", "refused", "line 3|comma", events=rated("3").replace(",", ";").replace("3\n", "3,500\n"), weight="rating"),
    table(21, "ids 007 and 7", "accepted", events="user_id,item_id\nu1,007\nu1,7\nu2,007\n"),
    table(22, "ids NA, null and nan", "accepted", events="user_id,item_id\nNA,null\nnan,None\nNA,nan\n"),
    *(table(23, f"missing id in {line}", "refused", "line 3", events=f"user_id,item_id\nu1,i1\n{line}\nu2,i1\n") for line in (",i3", "u3,", ",", " ,i1", "u1,\t")),
    table(23, "missing id in JSON", "refused", "line 2", events='{"user_id": "u1", "item_id": "i1"}\n{"user_id": null, "item_id": "i2"}\n', suffix=".jsonl"),
    table(23, "no id in JSON", "refused", "line 2", events='{"user_id": "u1", "item_id": "i1"}\n{"item_id": "i2"}\n', suffix=".jsonl"),
    table(24, "ids written as floats", "warned", r"1\.0|float|decimal", events="user_id,item_id\n1.0,5.0\n2.0,6.0\n1.0,6.0\n", check=True),
    table(25, "ids beyond 2^63 and below 0", "accepted", events=f"user_id,item_id\n{2**64},-5\n{2**70},i2\n-1,-5\n"),
    table(25, "an id of 10 kB", "refused", "line 3|long", events="user_id,item_id\nu1,i1\nu1," + "x" * 10_000 + "\n"),
    table(26, "blanks around ids", "warned", "blank", events="user_id,item_id\nu1,i1\nu1 ,i2\nu2, i1\n"),
    table(26, "ids in two Unicode forms", "warned", "Unicode", events="user_id,item_id\nu1,caf\u00e9\nu2,cafe\u0301\n"),
    table(26, "ids with a zero-width space", "warned", "alike|look|invisible|zero", events="user_id,item_id\nu1,ab\nu2,a\u200bb\n", check=True),
    table(31, "every pair is positive", "warned", "every user", events="user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u in range(4) for i in range(3)), check=True),
    table(31, "one item that everybody took", "warned", "every user", events="user_id,item_id\nu1,all\nu2,all\nu3,all\nu3,i2\n", check=True),
    table(44, "UTF-8 with a byte order mark", "accepted", events="\ufeff" + EVENTS),
    table(45, "UTF-16 with its mark", "accepted", events=EVENTS.encode("utf-16")),
    table(45, "UTF-16 without its mark", "refused", "UTF-16|NUL|encoding", events=EVENTS.encode("utf-16-le")),
    table(46, "NUL in an id", "refused", "NUL|binary", events=EVENTS + "u\0,i1\n"),
    table(46, "NUL after the first MiB", "refused", "NUL|binary", events=EVENTS + "".join(f"u{n},i1\n" for n in range(150_000)) + "u\0,i1\n"),
    table(46, "a program as a table", "refused", "", events=b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20),
    table(46, "a picture as a table", "refused", "", events=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20),
    table(47, "mixed line ends and no last one", "accepted", events="user_id,item_id\r\nu1,i1\nu1,i2\r\nu2,i1"),
    table(48, "a line of 100 MB", "refused", "long|line 2|MiB", events=long_line),
    table(49, "a quoted field with a line end", "accepted", events='user_id,item_id\nu1,"a\nb"\nu2,"a\nb"\n'),
    table(49, "a quote that nothing ends", "refused", "quot", events='user_id,item_id\nu1,"i1\nu1,i2\nu2,i1\n'),
    *(table(63, f"time {v}", "warned", told, events=f"user_id,item_id,time\nu1,i1,{v}\nu1,i2,{v}\nu2,i1,{v}\n", time="time", check=True)
      for v, told in (("0", "1970|same"), ("4102444800", "future"), ("32503680000", "future|seconds"))),
    table(63, "times in milliseconds", "warned", "millisecond", events="user_id,item_id,time\nu1,i1,1600000000000\nu1,i2,1600000001000\n", time="time"),
    *(table(63, f"time {v!r}", "refused", "line 3", events=f"user_id,item_id,time\nu1,i1,1600000000\nu1,i2,{v}\n", time="time") for v in ("yesterday", "NaN", "inf", "1e300", "99999999999999999999")),
]  # fmt: skip

CASES: list[Case] = RATINGS + FORMS
