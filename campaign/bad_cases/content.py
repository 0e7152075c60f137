"""Rows 33 to 43: items whose content is wrong, in tables, in new items and in requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .case import EVENTS, ITEMS, Case, question, table

NUMBERS = "item_id,n\ni1,1\ni2,{}\ni3,3\n"
BAD = {"missing": None, "a text": "x", "a list": [1], "an object": {"a": 1}}


def vectors(*rows: Any) -> str:
    """Return items with vectors as JSON lines."""
    import json

    return "".join(json.dumps({"item_id": f"i{n}", "v": row}) + "\n" for n, row in enumerate(rows, 1))


def put(content: Any) -> tuple[str, str, Any]:
    """Return the request that adds an item."""
    return "PUT", "/v1/items/new1", {"content": content}


def parquet(column: Any) -> Any:
    """Return what writes items with a column of any type."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"item_id": ["i1", "i2", "i3"], "c": column() if callable(column) else column}), path)

    return write


def bytes_column() -> Any:
    """Return binary values that are no text."""
    import pyarrow as pa

    return pa.array([b"\xff\xfe", b"b", b"c"])


GOOD = [0.1, 0.2, 0.3, 0.4]
NEW = {"title": "red thing", "tags": ["a"], "year": 1990, "v": GOOD}

CASES: list[Case] = [
    table(33, "content of items that nobody took", "warned", "known by content alone", items=ITEMS + "i9,new thing\n", text="title", check=True),
    table(34, "an item of the events without content", "refused", "missing_content|missing-content", items="item_id,title\ni1,red fish\ni2,red bird\n", text="title"),
    *(table(34, f"the same with missing_content {v}", "accepted", items="item_id,title\ni1,red fish\ni2,red bird\n", text="title", missing_content=v) for v in ("zero", "drop")),
    table(34, "missing_content of another kind", "refused", "missing_content|missing-content", items=ITEMS, text="title", missing_content="ignore"),
    table(35, "two rows of an item that differ", "refused", "i1", items=ITEMS + "i1,other fish\n", text="title"),
    table(35, "two rows of an item that agree", "warned", "repeat", items=ITEMS + "i1,red fish\n", text="title"),
    table(36, "all content empty", "refused", "", items="item_id,title\ni1,\ni2,\ni3,\n", text="title"),
    table(36, "content of no words", "refused", "", items="item_id,title\ni1,!!!\ni2,...\ni3,the\n", text="title"),
    table(36, "one empty text", "warned", "no content|empty|known content", items="item_id,title\ni1,red fish\ni2,\ni3,red bird\n", text="title"),
    question(36, "a new item with empty content", "refused", "", request=put({})),
    table(37, "a constant column", "warned", "constant|same", items=NUMBERS.format(1).replace("3\n", "1\n"), numbers="n", check=True),
    *(table(38, f"number {v}", "refused", "line 3", items=NUMBERS.format(v), numbers="n") for v in ("inf", "-Infinity", "1e999")),
    *(table(38, f"vector with {v}", "refused", "line 2|i2", items=vectors([1.0, 2.0], [0, 0], [3.0, 4.0]).replace("[0, 0]", f"[1.0, {v}]"), suffix=".jsonl", vectors="v") for v in ("NaN", "Infinity", "1e999", "null", '"x"', "[1]")),
    *(question(38, f"a new item with {name} as year", "refused", "year", request=put({**NEW, "year": value})) for name, value in BAD.items() if value is not None),
    *(question(38, f"a new item with the year {v}", "refused", "", request=("PUT", "/v1/items/new1", b'{"content": {"year": %s}}' % v)) for v in (b"NaN", b"Infinity", b"1e999", b"-1e400")),
    *(question(38, f"a new item with {v} in its vector", "refused", "", request=("PUT", "/v1/items/new1", b'{"content": {"title": "a", "v": [1, 2, 3, %s]}}' % v)) for v in (b"NaN", b"1e999", b'"x"', b"null", b"[1]", b"{}")),
    table(39, "a number of 1e30", "warned", "outweigh|large|scale|1e", items=NUMBERS.format("1e30"), numbers="n", check=True),
    table(39, "a number of 1e300", "refused", "outweigh", items=NUMBERS.format("1e300"), numbers="n"),
    table(40, "vectors of two lengths", "refused", "length|long|dimension", items=vectors([1.0, 2.0], [1.0], [3.0, 4.0]), suffix=".jsonl", vectors="v"),
    table(40, "empty vectors", "refused", "", items=vectors([], [], []), suffix=".jsonl", vectors="v"),
    *(question(41, f"a vector of {n} numbers for 4", "refused", f"(?s)({n}|one|no).*4|4.*{n}", ask=lambda model, n=n: model.add_items({"item_id": ["n1"], **{name: [value] for name, value in NEW.items()}, "v": [[0.5] * n]}), request=put({**NEW, "v": [0.5] * n})) for n in (3, 5, 512)),
    question(41, "a vector of no numbers is a missing one", "accepted", request=put({**NEW, "v": []})),
    *(table(42, f"text column of {name}", "refused", "c", items=parquet(values), suffix=".parquet", text="c") for name, values in (("objects", [{"a": 1}, None, None]), ("binary", bytes_column), ("lists of objects", [[{"a": 1}], None, None]))),
    *(table(42, f"number column of {name}", "refused", "c", items=parquet(values), suffix=".parquet", numbers="c") for name, values in (("text", ["a", "b", "c"]), ("lists", [[1], [2], [3]]), ("objects", [{"a": 1}] * 3))),
    *(table(42, f"vector column of {name}", "refused", "c", items=parquet(values), suffix=".parquet", vectors="c") for name, values in (("text", ["a", "b", "c"]), ("numbers", [1, 2, 3]), ("lists of text", [["a"], ["b"], ["c"]]), ("lists of lists", [[[1.0]], [[2.0]], [[3.0]]]))),
    *(question(42, f"a new item with {name} as title", "refused", "title", request=put({**NEW, "title": value})) for name, value in (("an object", {"a": 1}), ("lists", [["a"]]))),
    *(question(42, f"a new item with {name} as tags", "refused", "tags", request=put({**NEW, "tags": value})) for name, value in (("an object", {"a": 1}), ("lists", [["a"]]), ("objects", [{}]))),
    question(42, "a new item with an unknown column", "refused", "titel", request=put({**NEW, "titel": "x"})),
    table(43, "text that is not UTF-8", "refused", "UTF-8", items=ITEMS.replace("blue", "bl\xfce").encode("latin-1"), text="title"),
    table(43, "events that are not UTF-8", "refused", "UTF-8", events=EVENTS.encode() + b"u\xff,i1\n"),
    table(43, "an encoding that there is not", "refused", "encoding", events=EVENTS, encoding="utf-99"),
    *(table(43, f"an encoding that is none of text: {v}", "refused", "encoding", events=EVENTS, encoding=v) for v in ("zlib", "rot13", "base64", "hex", "")),
    question(43, "a body that is not UTF-8", "refused", "", request=("POST", "/v1/recommend", b'{"user": "\xff\xfe"}')),
    question(43, "half a character in a body", "refused", "", request=("POST", "/v1/recommend", b'{"user": "\\ud800"}')),
]  # fmt: skip
