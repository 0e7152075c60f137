"""Qdrant without a server: a formula query gives the exact score, names are switched when all points are there."""

import pytest

from dualnet.errors import ResourceError, UsageError
from dualnet.exports import qdrant
from dualnet.exports.qdrant import open_qdrant, point_id, qdrant_query, write_qdrant
from dualnet.exports.source import items_of, query_vectors, users_of

HISTORY = ["i2-1", "i2-2", "new-1"]
models = pytest.importorskip("qdrant_client.models")
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


@pytest.fixture
def client():
    with open_qdrant(":memory:") as opened:
        yield opened


def ask(client, name, *arguments, **more):
    answer = client.query_points(name, **qdrant_query(*arguments, **more))
    return [(point.payload["id"], point.score) for point in answer.points]


@pytest.mark.parametrize("kind", ["dualnet_model", "sparse_model", "neighbour_model"])
def test_the_query_gives_the_exact_score(client, agrees, request, kind):
    model = request.getfixturevalue(kind)
    history = [key for key in HISTORY if key in model.catalogue_.ids]
    assert write_qdrant(items_of(model), client, "items") == len(model.catalogue_)
    found = ask(client, "items", query_vectors(model, history=history), k=6, seen=history)
    if kind == "neighbour_model":  # points that share nothing with the query are not listed
        found += [(key, 0.0) for key in model.recommend(history=history, k=6).ids[len(found) :]]
    agrees(model, history, found, 6)


def test_a_folder_keeps_points_and_names(tmp_path, dualnet_model, agrees):
    with open_qdrant(tmp_path / "store") as client:
        write_qdrant(items_of(dualnet_model), client, "items")
    with open_qdrant(tmp_path / "store") as client:
        found = ask(client, "items", query_vectors(dualnet_model, history=HISTORY), k=3, seen=HISTORY)
        agrees(dualnet_model, HISTORY, found, 3)
        with pytest.raises(ResourceError, match="cannot open Qdrant in folder"), open_qdrant(tmp_path / "store"):
            pass


def test_only_our_collections_are_replaced_and_only_if_asked(client, dualnet_model):
    write_qdrant(items_of(dualnet_model), client, "items")
    with pytest.raises(UsageError, match="collection 'items' exists; replace it with --overwrite"):
        write_qdrant(users_of(dualnet_model), client, "items")
    write_qdrant(users_of(dualnet_model), client, "items", overwrite=True)
    assert client.count("items").count == len(dualnet_model.users_)
    assert len(client.get_collections().collections) == 1
    client.create_collection("orders", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    with pytest.raises(UsageError, match="was not written by dualnet export"):
        write_qdrant(items_of(dualnet_model), client, "orders", overwrite=True)


def test_a_failure_in_the_middle_leaves_nothing(client, dualnet_model, monkeypatch):
    write_qdrant(items_of(dualnet_model), client, "items")
    calls = []

    def broken(block, name):
        calls.append(block)
        if len(calls) == 2:
            raise ValueError("broken")
        return original(block, name)

    original = qdrant._points
    monkeypatch.setattr(qdrant, "_points", broken)
    monkeypatch.setattr(qdrant, "ROWS", 5)
    with pytest.raises(ResourceError, match="did not take collection 'items': ValueError; nothing was changed"):
        write_qdrant(users_of(dualnet_model), client, "items", overwrite=True)
    assert len(calls) == 2
    assert client.count("items").count == len(dualnet_model.catalogue_)
    assert len(client.get_collections().collections) == 1


def test_point_ids():
    assert point_id(7) == 7
    assert len({point_id(-7), point_id("7"), point_id("-8"), 7}) == 4
    assert point_id("paper 1") == point_id("paper 1")


def test_where_it_is_has_to_be_said():
    nowhere = "--out FOLDER without a server, or a server's URL in environment variable HERE"
    with pytest.raises(UsageError, match=nowhere), open_qdrant(url_variable="HERE", environment={}):
        pass
    wrong = {"QDRANT_URL": "http://user:pony@host:notaport"}
    hidden = "cannot open Qdrant in the server of environment variable QDRANT_URL$"
    with pytest.raises(ResourceError, match=hidden), open_qdrant(environment=wrong):
        pass


def test_a_server_that_does_not_answer(dualnet_model):
    wrong = {"QDRANT_URL": "http://user:pony@127.0.0.1:1"}
    with open_qdrant(environment=wrong) as client, pytest.raises(ResourceError, match="does not answer; check") as caught:
        write_qdrant(items_of(dualnet_model), client, "items")
    assert "pony" not in str(caught.value)
