"""What only PostgreSQL has: its types, functions that write, sessions that end, passwords."""

import contextlib
import traceback

import psycopg
import pytest

from dualnet import Dataset
from dualnet.data.sql.read import read_sql
from dualnet.errors import DataError, MissingExtraError, ResourceError, UsageError

SECRET = "correct-horse-7"


def test_types(postgresql):
    with psycopg.connect(postgresql) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
    table = read_sql(
        postgresql,
        """
        SELECT 1::int2 AS small, 9007199254740993::int8 AS big, 1.25::numeric(6, 2) AS price, 2::float4 AS f,
               '550e8400-e29b-41d4-a716-446655440000'::uuid AS id, 'glad'::mood AS mood, true AS yes,
               '2024-01-02 03:04:05+02'::timestamptz AS at, '2024-01-02'::timestamp AS local, '2024-01-02'::date AS day,
               ARRAY['a', 'b']::text[] AS tags, ARRAY[0.5, 1]::numeric[] AS vector, '["a"]'::jsonb AS json,
               '\\x00ff'::bytea AS picture, '1 day'::interval AS span, NULL::text AS nothing, '%s %'::text AS percent
        """,
    )
    row = table.to_pylist()[0]
    assert (row["small"], row["big"], row["price"], row["f"]) == (1, 9007199254740993, 1.25, 2.0)
    assert (row["id"], row["mood"], row["yes"]) == ("550e8400-e29b-41d4-a716-446655440000", "glad", True)
    assert row["at"].isoformat() == "2024-01-02T01:04:05+00:00"
    assert (row["local"].isoformat(), row["day"].isoformat()) == ("2024-01-02T00:00:00", "2024-01-02")
    assert (row["tags"], row["vector"], row["json"]) == (["a", "b"], [0.5, 1.0], '["a"]')
    assert (row["picture"], row["span"], row["nothing"], row["percent"]) == (b"\x00\xff", "1 day", None, "%s %")
    with pytest.raises(DataError, match=r"column 'moods' is of type mood\[\]; cast it to text\[\]"):
        read_sql(postgresql, "SELECT ARRAY['sad']::mood[] AS moods")
    with pytest.raises(DataError, match="year 10K"):
        read_sql(postgresql, "SELECT 'infinity'::timestamptz AS at")
    with pytest.raises(DataError, match="column 'grid' mixes kinds of values or holds one that is no plain value"):
        read_sql(postgresql, "SELECT ARRAY[[1, 2], [3, 4]] AS grid")


def test_arrays_json_and_vectors_as_content(postgresql):
    data = Dataset.from_sql(
        postgresql,
        "SELECT 'u' || k AS user_id, k AS item_id, date '2024-01-01' + k AS day FROM generate_series(1, 3) AS k",
        """SELECT k AS item_id, ARRAY['t' || k, 'all'] AS tags, to_jsonb(ARRAY['j' || k]) AS more, ARRAY[k, 1.5] AS numbers,
                  '[' || k || ',0.25]' AS vector FROM generate_series(1, 3) AS k""",
        tags=["tags", "more"], vectors=["numbers", "vector"], time="day",
    )  # fmt: skip
    assert data.items.table.slice(1, 1).to_pylist() == [
        {"tags": ["t2", "all"], "more": ["j2"], "numbers": [2.0, 1.5], "vector": [2.0, 0.25]}
    ]
    assert data.interactions.times.tolist() == [1704153600, 1704240000, 1704326400]


def test_users_may_be_described(postgresql):
    data = Dataset.from_sql(
        postgresql,
        "SELECT 'u' AS reader, 'i' AS item_id",
        users="SELECT 'u' AS reader, 'biology' AS field",
        user="reader",
        user_categories="field",
    )
    assert data.users.table.to_pylist() == [{"field": "biology"}]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("nextval('numbers')", "cannot execute nextval.* in a read-only transaction; a query may only read"),
        ("wipe()", "cannot execute DELETE in a read-only transaction; a query may only read"),
        ("set_config('transaction_read_only', 'off', true)", "read-write mode must be set before any query"),
    ],
)
def test_functions_that_write_are_refused(postgresql, call, text):
    with psycopg.connect(postgresql) as connection:
        connection.execute("CREATE SEQUENCE numbers")
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        connection.execute("CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM kept RETURNING n'")
    with pytest.raises(DataError, match=text):
        read_sql(postgresql, f"SELECT {call} AS x")
    with psycopg.connect(postgresql) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_what_slips_through_is_not_kept(postgresql):
    with contextlib.suppress(DataError):  # PostgreSQL 16 refuses it, 15 does not
        read_sql(postgresql, "SELECT lo_create(7) AS made")
    with psycopg.connect(postgresql) as connection:
        assert connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)


def test_the_server_refuses_a_second_statement_by_itself(postgresql, monkeypatch):
    from dualnet.data.sql.query import Query

    monkeypatch.setattr(Query, "__post_init__", lambda self: None)
    with pytest.raises(DataError, match="cannot insert multiple commands"):
        read_sql(postgresql, "SELECT 1 AS x; COMMIT; CREATE TABLE mine (n int)")
    with psycopg.connect(postgresql) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchall() == [(None,)]


def test_a_lost_connection_is_said(postgresql):
    with pytest.raises((ResourceError, DataError), match="connection"):
        read_sql(postgresql, "SELECT pg_terminate_backend(pg_backend_pid()) AS gone")


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            lambda url: url.replace(SECRET, "wrong-pony-3"),
            ResourceError,
            r"database 't\d+' at /tmp/dualnet-pg-.*authentication failed",
        ),
        (lambda url: url.replace("@/t", "@/missing_t"), ResourceError, r'database "missing_t\d+" does not exist'),
        (
            lambda url: f"postgresql://owner:{SECRET}@127.0.0.1:1/papers",
            ResourceError,
            "'papers' at 127.0.0.1, port 1: .*refused",
        ),
        (lambda url: f"postgresql://owner:{SECRET}@/papers?host=/nowhere", ResourceError, "'papers' at /nowhere"),
        (lambda url: f"postgresql://owner:p@{SECRET}@h/d", UsageError, "characters such as @ : / in the password as %40"),
        (lambda url: f"postgresql://owner:12/{SECRET}@h/d", UsageError, "cannot be understood"),
        (lambda url: f"postgresql://owner:p@h/{SECRET}@h/d", UsageError, "cannot be understood"),
        (lambda url: f"postgresql://owner:{SECRET}?x@127.0.0.1:1/d", ResourceError, "'d' at 127.0.0.1, port 1"),
        (lambda url: f"postgresql://owner@h:{SECRET}/d", UsageError, "cannot be understood"),
        (lambda url: f"postgresql://owner:%zz{SECRET}@h/d", UsageError, "cannot be understood"),
        (lambda url: f"postgresql://h/d?pasword={SECRET}", UsageError, "cannot be understood"),
    ],
)
def test_no_connection_is_one_sentence_without_the_password(postgresql, change, error, text):
    with pytest.raises(error, match=text) as caught:
        read_sql(change(postgresql), "SELECT 1 AS one")
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in str(caught.value)
    assert "wrong-pony-3" not in shown
    assert str(caught.value).count("\n") == 0


def test_rights_and_limits_of_the_server(postgresql):
    with psycopg.connect(postgresql) as connection:
        connection.execute("CREATE TABLE papers AS SELECT 1 AS n")
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'open-sesame-1'")
        connection.execute("ALTER ROLE reader SET statement_timeout = '200ms'")
    url = postgresql.replace("owner:" + SECRET, "reader:open-sesame-1")
    with pytest.raises(DataError, match="permission denied for table papers; grant that right to the user of the URL"):
        read_sql(url, "SELECT n FROM papers")
    with pytest.raises(ResourceError, match="the rows query: canceling statement due to statement timeout"):
        read_sql(url, "SELECT pg_sleep(60)::text AS x")


def test_a_missing_driver_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"reading from PostgreSQL needs the package 'psycopg'.*dualnet\[sql\]"):
        read_sql("postgresql://h/d", "SELECT 1")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r"dualnet\[sql\]"):
        read_sql("duckdb:///x.db", "SELECT 1")
