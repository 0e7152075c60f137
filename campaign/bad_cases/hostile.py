"""Rows 65 to 84: what somebody made who means harm."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .case import EVENTS, Case, config, folder, question, table
from .files import told_as, unreadable

LONG = "9" * 5000
ESCAPES = ("\x1b[31mred", "a\x07b", "abc\u202edef", "z\u200bero", "\x9b31m", "line\u2028end")


def wide(path: Path, columns: int, rows: int = 1) -> None:
    """Write a table with very many columns."""
    names = ["user_id", "item_id", *(f"c{number}" for number in range(columns))]
    line = ",".join(["u1", "i1", *("0" for _ in range(columns))])
    path.write_text("\n".join([",".join(names), *[line] * rows]) + "\n")


def parquet_columns(path: Path) -> None:
    """Write a Parquet file of 5,000 columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"user_id": ["u1"], "item_id": ["i1"], **{f"c{n}": [0] for n in range(5_000)}}), path)


def parquet_rows(path: Path) -> None:
    """Write a small Parquet file of 30 million equal rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000_000, "i1")), pa.array(["u1"]))
    pq.write_table(pa.table({"user_id": one, "item_id": one}), path)


def parquet_text(path: Path) -> None:
    """Write a small Parquet file with 1.5 GB of one text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1500, "i4")), pa.array(["x" * 10**6]))
    table_of = pa.table({"item_id": [f"i{n}" for n in range(1500)], "title": text})
    pq.write_table(table_of, path, compression="zstd", store_schema=False)


def column(values: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return what writes events as Parquet with item ids of any type."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"user_id": ["u1", "u2"], "item_id": values(pa)}), path)

    return write


def lines(*values: str) -> str:
    """Return events as JSON lines with these item ids, as they are written."""
    return "".join(f'{{"user_id": "u{n}", "item_id": {value}}}\n' for n, value in enumerate(values))


def formulas() -> object:
    """Write ids that a spreadsheet would run, and see that none begins as a formula does."""
    import pyarrow as pa

    from dualnet.data.write_table import write_table

    told = ["=cmd()|' /C calc'!A0", "+1", "@SUM(A1)", "\t=1", "\r=1", "-2+3"]
    write_table(pa.table({"item_id": told}), Path("out.csv"))
    with Path("out.csv").open(newline="") as file:
        began = [cell for row in csv.reader(file) for cell in row if cell[:1] in ("=", "+", "@", "-", "\t", "\r")]
    assert not began, began
    return None


def sql(what: str, query: str, told: str = "") -> Case:
    """Return a case of a query to SQLite that is refused and changes nothing."""

    def made(path: Path) -> None:
        import sqlite3

        with sqlite3.connect(path) as database:
            database.execute("create table e (user_id text, item_id text)")
            database.execute("insert into e values ('u1', 'i1')")

    def library() -> object:
        from dualnet import Dataset

        return Dataset.from_sql("sqlite:///d.db", query, timeout=5)

    return Case(79, what, "refused", told, {"d.db": made}, library)


def keys(what: str, text: Any, told: str = "") -> Case:
    """Return a case of a file of API keys that is refused."""

    def library() -> object:
        from dualnet.serve.http.keys import ApiKeys

        return ApiKeys.read("keys.txt")

    return Case(84, what, "refused", told, {} if text is None else {"keys.txt": text}, library)


TABLES = [
    table(65, "a Parquet file of 5,000 columns", "accepted", events=parquet_columns, suffix=".parquet"),
    table(66, "30 million rows that are only counted", "refused", "claims", events=parquet_rows, suffix=".parquet"),
    table(67, "1.5 GB of one text", "refused", "unpacked", items=parquet_text, suffix=".parquet", text="title"),
    table(68, "80 MB of zeros as gzip", "refused", "unpacks", events=gzip.compress(bytes(80_000_000), 1), suffix=".csv.gz"),
    table(69, "gzip of several members", "accepted", events=gzip.compress(EVENTS.encode()) + gzip.compress(b"u9,i1\n"), suffix=".csv.gz"),
    table(69, "gzip named .csv", "accepted", events=gzip.compress(EVENTS.encode())),
    table(69, "gzip that is cut short", "refused", "cut short|damaged", events=gzip.compress(EVENTS.encode() * 99)[:-12], suffix=".csv.gz"),
    table(69, "something else named .gz", "accepted", events=EVENTS, suffix=".csv.gz"),
    table(70, "a table of 20,000 columns", "accepted", events=lambda path: wide(path, 20_000)),
    table(70, "20,000 columns of one name", "refused", "more than once", events="user_id,item_id" + ",c" * 20_000 + "\nu1,i1" + ",0" * 20_000 + "\n"),
    *(table(71, f"a cyclic link as {suffix}", "refused", "", events=unreadable("a loop"), suffix=suffix) for suffix in (".csv", ".parquet")),
    Case(71, "a cyclic link as run", "refused", "", {"run": unreadable("a loop")}, lambda: __import__("dualnet").load("run"), ["evaluate", "run"]),
    Case(71, "a cyclic link that is served", "refused", "", {"run": unreadable("a loop")}, None, ["serve", "run", "--port", "0"]),
    Case(71, "a cyclic link that is updated", "refused", "", {"run": unreadable("a loop"), "events.csv": EVENTS}, None, ["update", "run", "--events", "events.csv", "--overwrite"]),
    *(Case(row, f"{kind} as {name}", "refused", "", {name: unreadable(kind)}, None, command) for row, kind in ((72, "a pipe"), (73, "a device")) for name, command in (
        ("e.csv", ["data", "check", "e.csv"]), ("e.csv.gz", ["data", "check", "e.csv.gz"]), ("e.feather", ["data", "check", "e.feather"]), ("c.toml", ["fit", "c.toml", "--out", "run"]),
        ("m/manifest.json", ["inspect", "m"]), ("m/state.json", ["inspect", "m"]), ("i.parquet", ["encode", "model", "--items", "i.parquet", "--out", "out.parquet"]),
    )),
    *(keys(f"{kind} as key file", unreadable(kind)) for kind in ("a pipe", "a device", "a loop")),
]  # fmt: skip

TEXTS = [
    *(table(74, what, "refused", "line 2|deep|JSON", events=lines('"i1"', text), suffix=".jsonl") for what, text in (
        ("lists 100,000 deep", "[" * 100_000), ("whole lists 100,000 deep", "[" * 100_000 + "]" * 100_000), ("objects 50,000 deep", '{"a":' * 50_000 + "1" + "}" * 50_000),
    )),
    *(question(74, f"a body {what}", "refused", "", request=("POST", "/v1/recommend", body)) for what, body in (
        ("of 1,000 levels", b'{"history": ' + b"[" * 1000 + b"]" * 1000 + b"}"), ("of 100,000 brackets", b"[" * 100_000), ("of a list", b"[]"), ("of a text", b'"x"'), ("of nothing", b""), ("of null", b"null"), ("with a comment", b'{"user": "u01"} // x'),
        ("with two objects", b'{"user": "u01"}{"user": "u02"}'), ("with a NUL", b'{"user": "u01"}\x00'), ("of 2 MB", b'{"user": "' + b"x" * 2_000_000 + b'"}'),
    )),
    *(table(75, f"{what} as id", "refused", "", events=lines('"i1"', text), suffix=".jsonl") for what, text in (
        ("5,000 digits", LONG), ("1e999", "1e999"), ("NaN", "NaN"), ("an object", '{"a": 1}'), ("a list", "[1]"), ("true", "true"), ("a decimal", "1.5"),
    )),
    table(75, "half a character as id", "refused", "line 2.*half a character", events=lines('"i1"', '"\\ud800"'), suffix=".jsonl"),
    table(75, "a key twice", "refused", "twice", events='{"user_id": "u1", "user_id": "u2", "item_id": "i1"}\n', suffix=".jsonl"),
    question(75, "a key twice in a body", "refused", "", request=("POST", "/v1/recommend", b'{"user": "u01", "user": "u02"}')),
    *(question(75, f"{what} in a body", "refused", "", request=("POST", "/v1/recommend", b'{"history": [%s]}' % text)) for what, text in (("5,000 digits", LONG.encode()), ("1e999", b"1e999"), ("a decimal", b"1.0"), ("half a character", b'"\\udfff"'))),
    *(table(76, f"the id {text!a}", "accepted", events=f'user_id,item_id\nu1,"{text}"\nu2,"{text}"\n') for text in ESCAPES),
    *(question(76, f"an unknown id {text!a}", "refused", "", ask=lambda model, t=text: model.recommend(user=t), command=["recommend", "model", "--user", text], request=("POST", "/v1/recommend", {"user": text})) for text in ESCAPES),
    *(table(77, f"ids of {what}", policy, "", events=column(values), suffix=".parquet") for what, policy, values in (
        ("2^63 to 2^64", "refused", lambda pa: pa.array([2**63, 2**64 - 1], pa.uint64())),
        ("booleans", "refused", lambda pa: pa.array([True, False])), ("decimals with a fraction", "refused", lambda pa: pa.array([1.5, 2.5])),
        ("NaN", "refused", lambda pa: pa.array([float("nan"), 1.0])), ("objects", "refused", lambda pa: pa.array([{"a": 1}, {"a": 2}])),
        ("lists", "refused", lambda pa: pa.array([[1], [2]])), ("binary that is no text", "refused", lambda pa: pa.array([b"\xff", b"\xfe"])),
    )),
    Case(50, "ids that a spreadsheet would run, in a table that we write", "accepted", "", {}, formulas),
    Case(78, "formulas in a CSV file that we write", "accepted", "", {}, formulas),
    *(table(78, "formulas as ids", "accepted", events='user_id,item_id\nu1,"=cmd()"\nu2,-5\n') for _ in range(1)),
]  # fmt: skip

COMMANDS = [
    sql("two statements", "select * from e; drop table e"),
    sql("a deletion", "delete from e"),
    sql("another database", "attach 'x.db' as x"),
    sql("an extension", "select load_extension('x.so') as user_id, 1 as item_id"),
    sql("a setting", "pragma writable_schema = 1"),
    sql("a name in quotes that is code", "select * from \"e; drop table e\""),
    sql("an endless recursion", "with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) as user_id, 1 as item_id from r", "time"),
    *(Case(80, f"export to {to} as {name}", "refused", "", {}, None, ["export", "model", "--to", to, "--out", "out", option, name]) for to, option in (("lancedb", "--table"), ("qdrant", "--collection")) for name in ("../evil", "a/b", "", "x" * 300)),
    *(config(81, what, "", text) for what, text in (
        ("100,000 brackets", "x = " + "[" * 100_000), ("100,000 dots", "a" + ".a" * 100_000 + " = 1"), ("5,000 digits", "[data]\nx = " + LONG), ("not text", b"\xff\xfe\x00"), ("a key twice", "[data]\nsource = 'a'\nsource = 'b'"),
        ("a data section that is a number", "data = 5"), ("a model that is a list", "model = [1]"), ("a seed that is text", '[data]\nsource = "events.csv"\n[split]\nprotocol = "citeulike2"\nseed = "a"'),
    )),
    *(folder(82, f"a manifest that names {name}", "", told_as("manifest.json", lambda told, name=name: told["files"].update({name: {"sha256": "0" * 64, "bytes": 1}}))) for name in ("../x", "/etc/passwd", "..", "a/../b", "a\\b", "", "x\0")),
    folder(82, "a link to another file", "", lambda path: ((path / "ids.json").unlink(), (path / "ids.json").symlink_to("/etc/passwd"))),
    folder(82, "a manifest without files", "", told_as("manifest.json", lambda told: told.update(files={}))),
    *(folder(82, f"a manifest that is {what}", "", lambda path, text=text: (path / "manifest.json").write_text(text)) for what, text in (("deep", "[" * 100_000), ("a list", "[]"), ("empty", ""), ("a number", "5"), ("null", "null"), ("of NaN", '{"files": NaN}'))),
    *(folder(83, f"{name} that is {what}", "", lambda path, name=name, text=text: (path / name).write_text(text), signed=True) for name in ("state.json", "ids.json") for what, text in (("empty", "{}"), ("a list", "[]"), ("a number", "5"), ("deep", "[" * 100_000), ("nothing", ""))),
    folder(83, "content that is no table", "", lambda path: (path / "content.arrow").write_bytes(b"ARROW1\0\0" + bytes(100)), signed=True),
    *(folder(83, f"a state in which {key} is {value!r}", "", told_as("state.json", lambda told, key=key, value=value: told.update({key: value})), signed=True) for key in ("model", "content_spec", "items_featurizer") for value in (5, [], "x")),
    keys("no key file", None),
    *(keys(f"a key file that {what}", text) for what, text in (("is empty", ""), ("has comments alone", "# x\n"), ("has no sums", "alice secret\n"), ("names one twice", f"a {'0' * 64}\na {'1' * 64}\n"), ("has another role", f"a {'0' * 64} root\n"), ("is no text", b"\xff\xfe\xff"), ("is a folder", lambda path: path.mkdir()))),
    *(Case(84, f"serving on {host}", "refused", "", {}, None, ["serve", "model", "--host", host, "--port", "0"]) for host in ("0.0.0.0", "::", "no.such.host.invalid", "256.1.1.1", "")),
    *(Case(84, f"a key for {name!r}", "refused", "", {}, None, ["serve", "--make-key", name]) for name in ("", "a b", "../x", "x" * 65, "\x1b[31m", "a\nb")),
]  # fmt: skip

CASES: list[Case] = TABLES + TEXTS + COMMANDS
