"""pgvector: the exact score is one ORDER BY, tables are ours or left alone, passwords stay where they are."""

import psycopg
import pytest
from pgvector.psycopg import register_vector

from dualnet import IdMap
from dualnet.errors import DataError, ResourceError, UsageError
from dualnet.exports import postgresql
from dualnet.exports.postgresql import write_postgresql
from dualnet.exports.postgresql_connection import connect
from dualnet.exports.postgresql_query import nearest_parameters, nearest_query
from dualnet.exports.source import items_of, layout_of, query_vectors, users_of

HISTORY = ["i2-1", "i2-2", "new-1"]


def rows(environment, statement, parameters=None):
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        if connection.execute("SELECT to_regtype('vector')").fetchone() != (None,):
            register_vector(connection)
        return connection.execute(statement, parameters).fetchall()


@pytest.mark.parametrize("index", ["hnsw", "none"])
def test_the_query_gives_the_exact_score(pgvector, dualnet_model, agrees, index):
    model = dualnet_model
    assert write_postgresql(items_of(model), "items", index=index, environment=pgvector) == len(model.catalogue_)
    query = nearest_query(layout_of(model), "items")
    found = rows(pgvector, query, nearest_parameters(query_vectors(model, history=HISTORY), k=6, seen=HISTORY))
    agrees(model, HISTORY, [(key, score) for key, _, score in found], 6)
    assert found[0][1] == model.catalogue_.content.title(model.catalogue_.ids.row(found[0][0]))
    indexes = [name for (name,) in rows(pgvector, "SELECT indexdef FROM pg_indexes WHERE tablename = 'items'")]
    assert any("hnsw" in name and "vector_ip_ops" in name for name in indexes) == (index == "hnsw")


def test_candidates_of_the_embedding_are_scored_exactly(pgvector, dualnet_model, agrees):
    model = dualnet_model
    write_postgresql(items_of(model), "items", environment=pgvector)
    asked = query_vectors(model, history=HISTORY)
    every = nearest_query(layout_of(model), "items", candidates=len(model.catalogue_))
    found = rows(pgvector, every, nearest_parameters(asked, k=5, seen=HISTORY))
    agrees(model, HISTORY, [(key, score) for key, _, score in found], 5)
    few = nearest_query(layout_of(model), "items", candidates=3)
    assert len(rows(pgvector, few, nearest_parameters(asked, k=5))) == 3
    with pytest.raises(UsageError, match="candidates=0 must be at least 1"):
        nearest_query(layout_of(model), "items", candidates=0)


def test_sparse_vectors_and_users(pgvector, sparse_model, agrees):
    write_postgresql(items_of(sparse_model), "items", environment=pgvector)
    history = ["i1-0", "i1-1"]
    parameters = nearest_parameters(query_vectors(sparse_model, history=history), k=4, seen=history)
    found = rows(pgvector, nearest_query(layout_of(sparse_model), "items"), parameters)
    agrees(sparse_model, history, [(key, score) for key, _, score in found], 4)
    assert write_postgresql(users_of(sparse_model), "readers", environment=pgvector) == len(sparse_model.users_)
    best = rows(pgvector, nearest_query(layout_of(sparse_model), "readers", titles=False), parameters)
    assert best[0][0].startswith("u1-")


def test_only_our_tables_are_replaced_and_only_if_asked(pgvector, dualnet_model, sparse_model):
    source, smaller = items_of(dualnet_model), users_of(dualnet_model)
    write_postgresql(source, "items", index="hnsw", environment=pgvector)
    with pytest.raises(UsageError, match="table 'items' exists; replace it with --overwrite"):
        write_postgresql(smaller, "items", environment=pgvector)
    write_postgresql(smaller, "items", overwrite=True, index="hnsw", environment=pgvector)
    assert rows(pgvector, "SELECT count(*) FROM items") == [(len(smaller),)]
    with psycopg.connect(pgvector["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE orders (id int)")
        connection.execute("CREATE VIEW recent AS SELECT * FROM orders")
    for name in ("orders", "recent"):
        with pytest.raises(UsageError, match=f"'{name}' is in the database already and was not written by dualnet"):
            write_postgresql(source, name, overwrite=True, environment=pgvector)
    assert rows(pgvector, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace") == [
        (2,)
    ]


def test_a_failure_in_the_middle_keeps_the_old_table(pgvector, dualnet_model, monkeypatch):
    source = items_of(dualnet_model)
    write_postgresql(source, "items", environment=pgvector)
    monkeypatch.setattr(postgresql, "sparse_values", lambda block: (_ for _ in ()).throw(OSError("broken")))
    with pytest.raises(OSError, match="broken"):
        write_postgresql(source, "items", overwrite=True, environment=pgvector)
    assert rows(pgvector, "SELECT count(*) FROM items") == [(len(source),)]
    assert rows(pgvector, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'dualnet%'") == [(0,)]


def test_names_are_taken_letter_by_letter(pgvector, neighbour_model):
    with psycopg.connect(pgvector["DATABASE_URL"]) as connection:
        connection.execute('CREATE SCHEMA "Shop; DROP"')
    name = 'Shop; DROP.Items" --'
    assert write_postgresql(items_of(neighbour_model), name, environment=pgvector) == len(neighbour_model.items_)
    found = rows(pgvector, 'SELECT count(*) FROM "Shop; DROP"."Items"" --"')
    assert found == [(len(neighbour_model.items_),)]
    for wrong, text in (("a.b.c", "is not a table"), ("", "is not a table"), ("x" * 64, "longer than PostgreSQL's 63")):
        with pytest.raises(UsageError, match=text):
            write_postgresql(items_of(neighbour_model), wrong, environment=pgvector)
    with pytest.raises(ResourceError, match="cannot write table 'nowhere.items': schema \"nowhere\" does not exist"):
        write_postgresql(items_of(neighbour_model), "nowhere.items", environment=pgvector)


def test_what_the_database_refuses_is_said(pgvector, neighbour_model, monkeypatch):
    source = items_of(neighbour_model)
    odd = type(source)("users", source.model, IdMap(["a\0b", *source.ids.keys[1:]]), source.layout, source.encode)
    with pytest.raises(DataError, match=r"refuses a value of table 'items': invalid byte sequence"):
        write_postgresql(odd, "items", environment=pgvector)
    monkeypatch.setattr(postgresql, "LONGEST_VECTOR", 1)
    with pytest.raises(DataError, match="non-zeros, and pgvector stores 1; export as Parquet"):
        write_postgresql(source, "items", environment=pgvector)


def test_connection_errors_never_show_the_url(pgvector, neighbour_model, capsys):
    url = pgvector["DATABASE_URL"]
    source = items_of(neighbour_model)
    for wrong, reason in (
        (url.replace("correct-horse-7", "wrong-pony-8"), "user or password is wrong"),
        (url.replace("/fresh?", "/nowhere?"), "the database or the user does not exist"),
        (url.replace("?host=", "?host=/nowhere"), "there is no server at its socket"),
        ("postgresql://u:wrong-pony-8@127.0.0.1:1/x", "nothing listens at its host and port"),
        ("postgres//u:wrong-pony-8@h/x", "the URL or the server is not right"),
    ):
        with pytest.raises(ResourceError, match=f"of environment variable HERE: {reason}") as caught:
            write_postgresql(source, "items", url_variable="HERE", environment={"HERE": wrong})
        assert "pony" not in str(caught.value)
        assert caught.value.__suppress_context__
    with pytest.raises(UsageError, match="environment variable DATABASE_URL is not set"):
        write_postgresql(source, "items", environment={})


def test_a_table_is_replaced_where_it_is(pgvector, neighbour_model):
    write_postgresql(items_of(neighbour_model), "items", environment=pgvector)
    with psycopg.connect(pgvector["DATABASE_URL"]) as connection:
        connection.execute("CREATE SCHEMA AUTHORIZATION CURRENT_USER")  # comes before public in the search path
    write_postgresql(items_of(neighbour_model), "items", overwrite=True, environment=pgvector)
    assert rows(pgvector, "SELECT schemaname FROM pg_tables WHERE tablename = 'items'") == [("public",)]


@pytest.mark.parametrize(("asked", "patience"), [("", 10), ("?connect_timeout=3", "3")])
def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch, asked, patience):
    given = {}
    monkeypatch.setattr(psycopg, "connect", lambda *_, **settings: given.update(settings))
    connect("HERE", {"HERE": f"postgresql://u:pony@h/x{asked}"})
    assert (given["host"], given["connect_timeout"]) == ("h", patience)


def test_lengths_are_checked_before_anything_is_asked():
    from dualnet.exports.source import Layout

    with pytest.raises(UsageError, match=r"vectors of 16,001 numbers are longer than pgvector's 16,000"):
        postgresql._check_lengths(Layout(16_001, 0), "none")
    with pytest.raises(UsageError, match=r"takes vectors of 2,000 numbers, these have 2,001; use --index none"):
        postgresql._check_lengths(Layout(2_001, 0), "hnsw")


def test_a_database_without_the_extension(pgvector, dualnet_model):
    with psycopg.connect(pgvector["DATABASE_URL"]) as connection:
        connection.execute("DROP ROLE IF EXISTS shop")
        connection.execute("CREATE ROLE shop LOGIN PASSWORD 'horse'")
        connection.execute("GRANT CREATE ON SCHEMA public TO shop")
    url = pgvector["DATABASE_URL"].replace("owner:correct-horse-7", "shop:horse")
    text = r"has no extension 'vector' \(permission denied .*\); install pgvector 0\.7 or newer and run CREATE EXTENSION"
    with pytest.raises(ResourceError, match=text):
        write_postgresql(items_of(dualnet_model), "items", environment={"DATABASE_URL": url})
    with psycopg.connect(pgvector["DATABASE_URL"]) as connection:
        connection.execute("CREATE EXTENSION vector")
    assert write_postgresql(items_of(dualnet_model), "items", environment={"DATABASE_URL": url}) == len(
        dualnet_model.catalogue_
    )
