"""Sixteen users, twenty-four items, two tables of each kind: enough that every way of reading them reads something else."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DATABASE = "OPTIONS_DATABASE"
USERS, ITEMS = 16, 24
WORDS = ["deep", "nets", "for", "learning", "über", "graph_walks", "the", "markov", "chains", "of", "music", "films"]
READ = "--duplicates last"  # of every command on the tables


def make_tables(place: Path) -> None:
    """Write all tables of the world."""
    draw = np.random.default_rng(0)
    events = []
    for user in range(USERS):
        for item in map(int, draw.choice(ITEMS, 9, replace=False)):
            near = (user % 4) == (item % 4)
            events.append((user, item, int(draw.integers(1, 4)) + 2 * near, int(draw.integers(1, 9))))
    head = "user_id,item_id,reader,book,rating,plays,kind,when"
    lines = [
        f"u{user},i{item},r{(user * 5 + 3) % 8},b{item // 2},{rating},{plays},"
        f"{('like', 'seen', 'dislike')[(rating < 3) + (rating < 2)]},{1_500_000_000 + 86_400 * number}"
        for number, (user, item, rating, plays) in enumerate(events)
    ]
    (place / "e.csv").write_text("\n".join([head, *lines, *lines[:2]]) + "\n")  # two pairs come again
    (place / "more.csv").write_text(f"{head}\nu1,i1,r1,b1,5,2,like,1600000000\nnew,i2,r9,b2,1,1,dislike,1600000001\n")
    rows = []
    for item in range(ITEMS):
        title = " ".join([WORDS[item % 4 * 3], *draw.choice(WORDS, 3)])
        rows.append((f"i{item}", f"b{item}", title, f"t{item % 4}|t{item % 3}", f"g{item % 5}", 1990 + item))
    names = ["item_id", "book", "title", "tags", "genre", "year"]
    (place / "i.csv").write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n")
    pages = [f"i{item},film {item},Film {item},https://x.org/{item}.png,https://x.org/{item}" for item in range(ITEMS)]
    (place / "pages.csv").write_text("\n".join(["item_id,title,name,cover,page", *pages]) + "\n")
    columns = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    vectors = draw.normal(size=(ITEMS, 3)).round(3)
    pq.write_table(
        pa.table({**columns, "vec": vectors.tolist(), "pic": [f"p{n % 3}.png" for n in range(ITEMS)]}), place / "i.parquet"
    )
    np.save(place / "v.npy", vectors)
    (place / "rules.toml").write_text('quotas = [{each = "genre", at_most = 1}]\n')
    pictures(place)
    (place / "half.csv").write_text(
        "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows[: ITEMS // 2])]) + "\n"
    )
    (place / "fresh.csv").write_text(
        "item_id,book,title,tags,genre,year\nf1,bf1,deep markov films,t1,g1,2020\nf2,bf2,the music,t2,g2,2021\n"
    )
    (place / "fresh.txt").write_text("item_id§title§tags§year\nf1§deep markov films§t1§2020\n")
    (place / "fresh_latin.csv").write_bytes("item_id,title,tags,year\nf1,deep über films,t1,2020\n".encode("latin-1"))
    (place / "fresh_notes.csv").write_text("item_id,title,tags,year\nf1,deep markov films,t1,2020\n% a note of mine\n")
    (place / "fresh_commas.csv").write_text("item_id;title;tags;year\nf1;deep markov films;t1;2,020\n")
    (place / "fresh_bare.csv").write_text("f1,deep markov films,t1,2020\nf2,the music,t2,2021\n")
    (place / "fresh_books.csv").write_text("item_id,book,title,tags,year\nf1,g1,deep markov films,t1,2020\n")
    (place / "u.csv").write_text(
        "user_id,reader,town,age\n" + "".join(f"u{n},r{n % 8},c{n % 3},{20 + n}\n" for n in range(USERS))
    )
    shown = {"question": {"history": ["i3"], "k": 3}, "items": ["i4", "i5", "i6"], "probabilities": [1, 1, 0.5]}
    told = [{"format": 1, "key": "00"}, *({"shown": {**shown, "request": f"r{n}"}} for n in range(12))]
    (place / "shown.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    (place / "gone.txt").write_text("u1\nu2\n")
    (place / "newcomers.csv").write_text("user_id,town,age\nnew,c1,30\n")
    (place / "many.csv").write_text(
        f"{head}\n" + "".join(f"n{u},i{u * k % ITEMS},r1,b1,5,1,like,1600000000\n" for u in range(1, 9) for k in (1, 2, 3))
    )
    (place / "older.csv").write_text("user_id,item_id,book\nu1,i1,i5\nnew,i2,i6\n")
    odd_ones(place)
    divided(place)
    written_otherwise(place, head, lines)
    with contextlib.closing(sqlite3.connect(place / "events.db")) as base, base:
        base.execute("CREATE TABLE e (user_id TEXT, item_id TEXT, rating INTEGER)")
        base.executemany("INSERT INTO e VALUES (?, ?, ?)", [(f"u{u}", f"i{i}", r) for u, i, r, _ in events])
        base.execute("CREATE TABLE i (item_id TEXT, title TEXT)")
        base.executemany("INSERT INTO i VALUES (?, ?)", [(row[0], row[2]) for row in rows])
        base.execute("CREATE TABLE u (user_id TEXT, town TEXT)")
        base.executemany("INSERT INTO u VALUES (?, ?)", [(f"u{n}", f"c{n % 3}") for n in range(USERS)])
    (place / "e.sql").write_text("SELECT user_id, item_id FROM e")
    (place / "since.sql").write_text("SELECT user_id, item_id FROM e WHERE rating >= :least")
    (place / "i.sql").write_text("SELECT item_id, title FROM i")
    (place / "u.sql").write_text("SELECT user_id, town FROM u")


def odd_ones(place: Path) -> None:
    """Write tables that have to be told how to be read."""
    (place / "counts.csv").write_text("user_id,item_id,plays\nu1,i1,3\nu1,i2,40\nu1,i1,2\nu2,i1,1\nu2,i3,7\n")
    (place / "books.csv").write_text("reader,book\nr1,i3\nr1,i4\nr2,i5\n")
    (place / "twice.csv").write_text("user_id,user_id\na,x\nb,y\n")
    (place / "wide.csv").write_text("a;x,1\nb;y\n")
    (place / "table.foo").write_text("user_id;item_id\na;x\nb;y\n")
    (place / "dates.csv").write_text("user_id,item_id,when\na,x,31.12.2020/7\nb,y,30.12.2020/8\n")
    (place / "vague.lists").write_text("2 1 4 5\n3 6 7\n3 4 9 1\n3 5 8 6\n3 7 9 4\n")
    np.save(place / "half.npy", np.eye(ITEMS // 2))
    (place / "parts").mkdir()
    (place / "parts" / "one.csv").write_text("user_id,item_id\na,x\n")
    pq.write_table(pa.table({"user_id": ["a"], "item_id": ["x"]}), place / "parts" / "two.parquet")
    source = '[data]\nsource = "e.csv"\nduplicates = "last"\n'
    model = '[model]\nname = "popularity"\n'
    (place / "source.toml").write_text(source + model)
    (place / "nosource.toml").write_text('[data]\nduplicates = "last"\n' + model)
    (place / "wrongkey.toml").write_text(source + 'ratin = "rating"\n' + model)
    (place / "splitless.toml").write_text(f"{source}[split]\nseed = 1\n{model}")


def divided(place: Path) -> None:
    """Write training, validation and test pairs of others, as tables and as lists of whole numbers."""
    pairs = [(user, (user * 7 + step * 5) % ITEMS) for user in range(USERS) for step in range(6)]
    parts = {"train": pairs[0::2] + pairs[1::6], "valid": pairs[3::6], "test": pairs[5::6]}
    parts["train2"] = parts["train"] + [(0, 23), (1, 22)]
    parts["newer"] = [*parts["test"], (90, 3)]
    parts["shown"] = [(90, 5), (90, 7)]
    for name, rows in parts.items():
        (place / f"{name}.csv").write_text("user_id,item_id\n" + "".join(f"u{user},i{item}\n" for user, item in rows))
    (place / "numbered.csv").write_text("user_id,item_id\n" + "".join(f"{n % 5},{n}\n" for n in range(12)))
    (place / "train.lists").write_text("3 1 4 5\n3 6 7 8\n3 4 9 1\n3 5 8 6\n3 7 9 4\n")
    (place / "test.lists").write_text("2 6 7\n2 1 4\n2 8 5\n2 9 1\n2 6 8\n")
    (place / "bare_train.csv").write_text("".join(f"{n % 5},{(n * 3) % 12}\n" for n in range(10)))
    (place / "bare_test.csv").write_text("".join(f"{n % 5},{(n * 3 + 1) % 12}\n" for n in range(1, 5)))


def pictures(place: Path) -> None:
    """Write three small pictures."""
    import struct
    import zlib

    for number in range(3):
        rows = b"".join(b"\0" + bytes((number * 90 + x * y) % 256 for x in range(96)) for y in range(32))

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        (place / f"p{number}.png").write_bytes(data)


def written_otherwise(place: Path, head: str, lines: list[str]) -> None:
    """Write the events with another separator, encoding, comments, and without a header."""
    (place / "bar.txt").write_text("\n".join([head, *lines]).replace(",", "§") + "\n")
    (place / "latin.csv").write_bytes("\n".join([head, *lines, "ü1,i1,r1,b1,5,1,like,1500000000"]).encode("latin-1") + b"\n")
    (place / "notes.csv").write_text("\n".join([head, *lines[:40], "%u1,i1,r1,b1,5,1,like,1500000000", *lines[40:]]) + "\n")
    stars = "".join(f"u{user};i{user + k};{k},500\n" for user in (1, 2) for k in (1, 4, 5))
    (place / "stars.csv").write_text(f"user_id;item_id;rating\n{stars}")
    prices = "".join(f"i{n};{WORDS[n % 9]} {WORDS[n % 5]};{n % 7 + 1},{n:03}\n" for n in range(ITEMS))
    (place / "commas.csv").write_text(f"item_id;title;price\n{prices}")
    bare = [",".join(line.split(",")[:2]) for line in lines]
    (place / "bare.csv").write_text("\n".join(bare) + "\n")
    (place / "bare_items.csv").write_text("\n".join(f"i{n},{WORDS[n % 9]} {WORDS[n % 5]}" for n in range(ITEMS)) + "\n")
    (place / "bare_users.csv").write_text("\n".join(f"u{n},c{n % 3}" for n in range(USERS)) + "\n")


def make_models(main: Callable[[list[str]], int]) -> None:
    """Fit what other commands start from, with the command line."""
    content = "--items i.csv --text title --tags tags --numbers year"
    for words in (
        f"fit e.csv {READ} {content} --model content-profile --out run",
        f"fit e.csv {READ} {content} --users u.csv --user-categories town --set levels=[4] --set epochs=1 --set factors=0 --out users",
        f"fit e.csv {READ} --rating rating --threshold 4 --model wmf --set factors=2 --set iterations=1 --out rated",
        f"split e.csv {READ} {content} --protocol citeulike2 --out split",
        "fit split --model content-profile --out of_split",
    ):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main(words.split()) == 0, words
