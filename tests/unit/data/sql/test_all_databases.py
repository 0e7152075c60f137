"""The same world in three databases gives the same data set; nothing can be written, whatever the statement."""

import sqlite3
from contextlib import contextmanager
from datetime import date, datetime
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pytest

from dualnet import Dataset
from dualnet.data.sql import read
from dualnet.data.sql.read import read_sql
from dualnet.data.tables import write_table
from dualnet.errors import DataError, ResourceError, UsageError

EVENTS = [(1, "a", "2024-01-05 10:00:00", 4.5), (1, "b", "2024-02-01 00:00:00", 3.0), (2, "a", "2024-03-01 00:00:00", 5.0),
          (3, "c", "2024-03-02 12:30:00", 4.0)]  # fmt: skip
ITEMS = [("a", "Graph kernels", '["x", "y"]', "[1, 0]"), ("b", "Deep nets", '["y"]', "[0.5, 0.5]"), ("c", "New", None, None),
         ("d", "Unread", '["x|y", "z"]', "[0, 1]")]  # fmt: skip
SCHEMA = (
    "CREATE TABLE events (user_id INTEGER, item_id VARCHAR, seen TIMESTAMP, stars NUMERIC(4, 2))",
    "CREATE TABLE items (item_id VARCHAR, title VARCHAR, tags VARCHAR, vector VARCHAR)",
    "CREATE TABLE seats (n INTEGER)",
)


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request, tmp_path):
    """A URL, and what runs a statement with all rights."""
    kind = request.param
    if kind == "postgresql":
        import psycopg

        url = request.getfixturevalue("postgresql")

        def run(statement, rows=None):
            with psycopg.connect(url) as connection, connection.cursor() as cursor:
                if rows is not None:
                    return cursor.executemany(statement.replace("?", "%s"), rows)
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
    else:
        path = tmp_path / "world.db"
        url = f"{kind}:///{path}"

        def run(statement, rows=None):
            connection = sqlite3.connect(path) if kind == "sqlite" else duckdb.connect(str(path))
            try:
                done = connection.execute(statement) if rows is None else connection.executemany(statement, rows)
                found = done.fetchall() if rows is None else []
                connection.commit()
                return found
            finally:
                connection.close()

    for statement in SCHEMA:
        run(statement)
    run("INSERT INTO events VALUES (?, ?, ?, ?)", EVENTS)
    run("INSERT INTO items VALUES (?, ?, ?, ?)", ITEMS)
    return SimpleNamespace(kind=kind, url=url, run=run)


def test_the_data_set_is_that_of_the_tables(database):
    data = Dataset.from_sql(
        database.url,
        "SELECT user_id, item_id, seen, stars FROM events;",
        "SELECT * FROM items",
        text="title", tags="tags", vectors="vector", rating="stars", threshold=4, time="seen",
    )  # fmt: skip
    events = pa.table({name: list(column) for name, column in zip(("user_id", "item_id", "seen", "stars"), zip(*EVENTS))})
    items = pa.table(
        {
            "item_id": ["a", "b", "c", "d"],
            "title": [row[1] for row in ITEMS],
            "tags": pa.array([["x", "y"], ["y"], None, ["x|y", "z"]]),
            "vector": pa.array([[1, 0], [0.5, 0.5], None, [0, 1]], pa.list_(pa.float32())),
        }
    )
    expected = Dataset.from_tables(
        events, items, text="title", tags="tags", vectors="vector", rating="stars", threshold=4, time="seen"
    )
    assert data.fingerprint() == expected.fingerprint()
    assert data.interactions.users.keys == [1, 2, 3]
    assert data.name == database.kind


def test_parameters_are_bound_and_never_pasted(database):
    query = "SELECT user_id, item_id FROM events WHERE item_id = :item AND user_id >= :least"
    assert read_sql(database.url, query, parameters={"item": "a", "least": 2}).num_rows == 1
    assert (
        read_sql(
            database.url, "SELECT user_id FROM events GROUP BY user_id HAVING count(*) >= :n", parameters={"n": 2}
        ).num_rows
        == 1
    )
    late = read_sql(
        database.url, "SELECT item_id FROM events WHERE seen >= :day ORDER BY seen", parameters={"day": date(2024, 2, 15)}
    )
    assert late.column("item_id").to_pylist() == ["a", "c"]
    late = read_sql(database.url, "SELECT item_id FROM events WHERE seen > :t", parameters={"t": datetime(2024, 3, 1, 0, 0)})
    assert late.column("item_id").to_pylist() == ["c"]
    with pytest.raises(DataError, match="returned no rows"):
        read_sql(database.url, query, parameters={"item": "a' OR '1'='1", "least": 1})
    with pytest.raises(UsageError, match="the rows query needs a value for :least; give it with --sql-param least=VALUE"):
        read_sql(database.url, query, parameters={"item": "a"})
    with pytest.raises(UsageError, match=r"no query has a parameter :itm. Did you mean 'item'"):
        read_sql(database.url, query, parameters={"item": "a", "least": 1, "itm": 2})


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM seats",
        "INSERT INTO seats VALUES (1) RETURNING n",
        "DROP TABLE seats",
        "CREATE TEMPORARY TABLE mine AS SELECT 1 AS n",
        "WITH gone AS (DELETE FROM seats RETURNING n) SELECT n FROM gone",
        "COMMIT",
        "SELECT n FROM seats; DELETE FROM seats",
        "COMMIT; DELETE FROM seats",
        "PRAGMA user_version = 7",
        "ATTACH DATABASE 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "COPY seats TO 'copy.csv'",
        "COPY (SELECT 1) TO PROGRAM 'touch copy.csv'",
        "SET default_transaction_read_only = off",
        "BEGIN READ WRITE",
    ],
)
def test_whatever_writes_is_refused(database, statement, tmp_path, monkeypatch):
    database.run("INSERT INTO seats VALUES (5)")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(DataError, match="the rows query"):
        read_sql(database.url, statement)
    assert database.run("SELECT n FROM seats") == [(5,)]
    assert list((tmp_path / "empty").iterdir()) == []


def test_errors_of_the_database_come_with_their_place(database, tmp_path):
    path = tmp_path / "events.sql"
    path.write_text("SELECT user_id,\n  nope_x\nFROM events WHERE item_id <> :item")
    with pytest.raises(DataError, match=r"events\.sql, line 2, column 3: .*nope_x"):
        read_sql(database.url, path, parameters={"item": "z"})
    path.write_text("SELECT user_id\nFORM events WHERE :item = item_id")
    with pytest.raises(DataError, match=r"events\.sql, line 2, column \d+: .*syntax error"):
        read_sql(database.url, path, parameters={"item": "z"})
    path.write_text("SELECT * FROM nowhere_y")
    with pytest.raises(DataError, match=r"events\.sql, line 1, column 15: .*nowhere_y"):
        read_sql(database.url, path)


def test_rows_and_columns_that_cannot_be_used(database):
    events = "SELECT user_id, item_id FROM events"
    for query, text in [
        (
            "SELECT user_id AS reader, item_id FROM events",
            "the events query has no user column 'user_id'; found reader, item_id",
        ),
        (
            f"{events} UNION ALL SELECT NULL, 'a' ORDER BY 2, 1",
            r"the events query, row \d: the user id in column 'user_id' is missing",
        ),
        ("SELECT stars AS user_id, item_id FROM events", "make ids text or integers"),
        (f"{events} WHERE 1 = 0", "the events query returned no rows"),
        ("SELECT e.*, i.* FROM events e JOIN items i ON i.item_id = e.item_id", "returns column 'item_id' more than once"),
    ]:
        with pytest.raises(DataError, match=text):
            Dataset.from_sql(database.url, query)
    with pytest.raises(DataError, match=r"the items query, row 1: 'Graph kernels' in column 'title' is not a vector"):
        Dataset.from_sql(database.url, events, "SELECT * FROM items ORDER BY item_id", vectors="title")
    with pytest.raises(DataError, match="the items query has no content column 'titel'"):
        Dataset.from_sql(database.url, events, "SELECT * FROM items", text="titel")


def test_a_query_stops_when_time_is_up(database):
    endless = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 2000000000) SELECT count(*) AS c FROM n"
    with pytest.raises(ResourceError, match=r"the rows query took longer than 0\.2 seconds"):
        read_sql(database.url, endless, timeout=0.2)
    assert read_sql(database.url, "SELECT 1 AS one", timeout=60).to_pylist() == [{"one": 1}]
    with pytest.raises(UsageError, match="above 0"):
        read_sql(database.url, "SELECT 1 AS one", timeout=0)


def test_many_rows_arrive_in_batches_of_one_type(database):
    database.run(
        "INSERT INTO seats WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 25000) SELECT k FROM n"
    )
    table = read_sql(database.url, "SELECT n, CASE WHEN n > 24000 THEN n END AS late FROM seats ORDER BY n")
    assert table.column("n").to_pylist() == list(range(1, 25001))
    assert table.column("late").null_count == 24000
    assert table.column("n").num_chunks > 1


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)  # a DuckDB file has readers or a writer
def test_events_and_items_are_of_one_moment(database, monkeypatch):
    opened = read.open_session

    @contextmanager
    def meddled(address, timeout):
        with opened(address, timeout) as session:

            def reading(query, values):
                table = session.read(query, values)
                database.run(f"INSERT INTO seats VALUES ({table.num_rows})")
                return table

            yield SimpleNamespace(read=reading)

    database.run("INSERT INTO seats VALUES (0)")
    if database.kind == "sqlite":
        database.run("PRAGMA journal_mode = WAL")
    monkeypatch.setattr(read, "open_session", meddled)
    tables = read.read_queries(
        read.Address.parse(database.url), {name: read.Query("SELECT n FROM seats", name) for name in ("a", "b")}, {}, None
    )
    assert [table.table.num_rows for table in tables.values()] == [1, 1]
    assert len(database.run("SELECT n FROM seats")) == 3


def test_what_is_no_database_is_said(tmp_path):
    (tmp_path / "text.db").write_text("user_id,item_id\n" * 100)
    for kind in ("sqlite", "duckdb"):
        with pytest.raises(ResourceError, match=r"cannot open the \w+ database .*/missing\.db: .*check the path"):
            read_sql(f"{kind}:///{tmp_path}/missing.db", "SELECT 1 AS one")
        with pytest.raises(ResourceError, match=r"cannot open the \w+ database .*/text\.db: "):
            read_sql(f"{kind}:///{tmp_path}/text.db", "SELECT 1 AS one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.db"]


def test_duckdb_reads_files_without_a_database(tmp_path):
    write_table(pa.table({"user_id": ["u", "v"], "item_id": [1, 2]}), tmp_path / "events.parquet")
    data = Dataset.from_sql("duckdb:///:memory:", f"FROM '{tmp_path}/events.parquet'")
    assert data.interactions.users.keys == ["u", "v"]


def test_sqlite_columns_that_mix_kinds_are_refused_across_batches(tmp_path):
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE e (user_id, item_id)")
    connection.executemany("INSERT INTO e VALUES (?, 'a')", [(k,) for k in range(10_000)] + [("7",)])
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match=r"column 'user_id' mixes kinds of values \(int64, string\); CAST it"):
        read_sql(f"sqlite:///{tmp_path}/x.db", "SELECT user_id, item_id FROM e")
