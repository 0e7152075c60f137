"""SQLite files from anybody: views and columns that do more than read, values and rows out of nothing, files that are none."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from dualnet import Dataset
from dualnet.data.sql import sqlite as reader
from dualnet.data.sql.read import read_sql
from dualnet.errors import DataError, DualNetError, ResourceError

MILLION = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 1000000000000)"
VIEWS = {
    "an extension": "SELECT load_extension('{evil}') AS user_id, 'i' AS item_id",
    "an extension with an entry": "SELECT load_extension('{evil}', 'run') AS user_id, 'i' AS item_id",
    "a pointer as tokenizer": "SELECT fts3_tokenizer('simple', x'4141414141414141') AS user_id, 'i' AS item_id",
    "the path of the file": "SELECT file AS user_id, name AS item_id FROM pragma_database_list",
    "pages": "SELECT data AS user_id, 'i' AS item_id FROM sqlite_dbpage",
    "a long value": "SELECT 'u' AS user_id, CAST(zeroblob(900000000) AS TEXT) AS item_id",
    "a long random value": "SELECT 'u' AS user_id, hex(randomblob(400000000)) AS item_id",
    "a long printed value": "SELECT 'u' AS user_id, printf('%.*c', 100000000, 'x') AS item_id",
    "a long joined value": f"SELECT 'u' AS user_id, group_concat(k || printf('%.*c', 1000, 'x')) AS item_id FROM ({MILLION} SELECT k FROM n)",
    "endless rows": f"SELECT k AS user_id, k AS item_id FROM ({MILLION} SELECT k FROM n)",
    "rows of long values": f"SELECT k AS user_id, printf('%.*c', 1000000, 'x') AS item_id FROM ({MILLION} SELECT k FROM n)",
    "itself": "SELECT * FROM events",
    "a regular expression": "SELECT 'a' REGEXP 'a' AS user_id, 'i' AS item_id",
}


def made(place, *statements):
    connection = sqlite3.connect(place)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return f"sqlite:///{place}"


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_is_called_like_a_table_does_no_more_than_read(tmp_path, monkeypatch, view):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reader, "ALWAYS_FINE", 2**24)
    (tmp_path / "evil.so").write_bytes(b"\x7fELF")
    before = sorted(path.name for path in tmp_path.iterdir())
    url = made(tmp_path / "evil.db", f"CREATE VIEW events AS {VIEWS[view].format(evil=tmp_path / 'evil.so')}")
    if "joined" in view:  # SQLite goes on counting when the value has become too long
        monkeypatch.setattr(reader, "SILENCE", 1.0)
    with pytest.raises(DualNetError, match="the events query"):
        Dataset.from_sql(url, "SELECT user_id, item_id FROM events")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "evil.db"])


def test_a_generated_column_and_a_trigger_do_no_more_than_read(tmp_path):
    url = made(
        tmp_path / "evil.db",
        "CREATE TABLE events (user_id TEXT, item_id TEXT, long BLOB AS (zeroblob(900000000)))",
        "INSERT INTO events (user_id, item_id) VALUES ('u', 'i'), ('v', 'i')",
        "CREATE TRIGGER steals AFTER INSERT ON events BEGIN DELETE FROM events; END",
        "CREATE VIEW other AS SELECT * FROM events",
    )
    assert Dataset.from_sql(url, "SELECT user_id, item_id FROM events").interactions.n_pairs == 2
    with pytest.raises(DataError, match="too big"):
        read_sql(url, "SELECT long FROM events")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM pragma_writable_schema",
        "SELECT writefile('x', 'y')",
        "SELECT readfile('/etc/hostname')",
        "SELECT * FROM fsdir('.')",
        "SELECT * FROM events; ATTACH 'x.db' AS x",
        "ATTACH 'x.db' AS x",
        "CREATE VIRTUAL TABLE temp.t USING fts5(x)",
        "PRAGMA writable_schema = ON",
        "PRAGMA temp_store_directory = '.'",
        "REINDEX",
        "SELECT * FROM events\0; ATTACH 'x.db' AS x",
    ],
)
def test_a_query_does_no_more_than_read(tmp_path, monkeypatch, statement):
    monkeypatch.chdir(tmp_path)
    url = made(tmp_path / "a.db", "CREATE TABLE events AS SELECT 'u' AS user_id, 'i' AS item_id")
    with pytest.raises(DualNetError):
        read_sql(url, statement)
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize(
    "kind", ["pipe", "device", "folder", "loop", "empty", "text", "pipe beside", "folder beside", "link beside"]
)
def test_what_is_no_database_does_not_hang(tmp_path, kind):
    path, beside = tmp_path / "a.db", tmp_path / "a.db-wal"
    if kind.endswith("beside"):
        made(path, "CREATE TABLE events AS SELECT 'u' AS user_id, 'i' AS item_id")
        path.write_bytes(path.read_bytes()[:18] + b"\x02\x02" + path.read_bytes()[20:])  # it says that it has a log
    target = beside if kind.endswith("beside") else path
    {
        "pipe": lambda: os.mkfifo(target), "device": lambda: target.symlink_to("/dev/zero"), "folder": target.mkdir,
        "loop": lambda: target.symlink_to(target), "empty": lambda: target.write_bytes(b""), "link": lambda: target.symlink_to("/dev/zero"),
        "text": lambda: target.write_text("user_id,item_id\nu,i\n" * 100),
    }[kind.split()[0]]()  # fmt: skip
    found = []

    def ask():
        try:
            found.append(read_sql(f"sqlite:///{path}", "SELECT * FROM events"))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(300)
    assert found, "it hangs"
    assert isinstance(found[0], ResourceError | DataError), found


def test_damaged_files_are_refused_or_read(tmp_path):
    good = tmp_path / "good.db"
    rows = ", ".join(f"('u{k % 40}', 'i{k * 7 % 50}', {k})" for k in range(2000))
    made(good, "PRAGMA page_size = 1024", "CREATE TABLE events (user_id TEXT, item_id TEXT, n INT)", f"INSERT INTO events VALUES {rows}",
         "CREATE INDEX of_users ON events (user_id)")  # fmt: skip
    data, draw, bad = good.read_bytes(), random.Random(0), tmp_path / "bad.db"
    refused = 0
    for trial in range(300):
        changed = bytearray(data)
        if trial % 10 == 9:
            del changed[draw.randrange(len(changed)) :]
        for _ in range(1 + trial % 4):
            if changed:
                place = draw.randrange(200) if trial % 3 == 0 else draw.randrange(len(changed))
                changed[min(place, len(changed) - 1)] = draw.randrange(256)
        bad.write_bytes(bytes(changed))
        for statement in ("SELECT * FROM events", "SELECT user_id, count(*) AS n FROM events GROUP BY user_id"):
            try:
                read_sql(f"sqlite:///{bad}", statement)
            except DualNetError:
                refused += 1
    assert refused > 30


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_is_heard_in_an_endless_query(tmp_path):
    url = made(tmp_path / "evil.db", f"CREATE VIEW events AS {MILLION} SELECT max(k) AS user_id, 'i' AS item_id FROM n")
    code = (
        "import signal, sys\nfrom dualnet.data.sql.read import read_sql\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background is started without\n"
        "from dualnet.data.sql import sqlite\nreal = sqlite.SqliteSession.read\n"
        "def read(*given):\n    print('now', flush=True)\n    return real(*given)\n"
        "sqlite.SqliteSession.read = read\n"
        f"try:\n    read_sql({url!r}, 'SELECT * FROM events')\nexcept KeyboardInterrupt:\n    sys.exit(7)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"now\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(300) == 7
    finally:
        child.kill()
        child.stdout.close()
