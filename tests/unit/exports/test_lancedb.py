"""LanceDB: candidates by embedding, exact scores of them, tables that are ours or left alone."""

import numpy as np
import pytest

from dualnet.errors import CapabilityError, DualNetError, UsageError
from dualnet.exports.lancedb import describe, lancedb_best, open_lancedb, write_lancedb
from dualnet.exports.source import items_of, query_vectors, users_of

HISTORY = ["i2-1", "i2-2", "new-1"]
pytest.importorskip("lancedb")


def test_all_candidates_give_the_exact_list(tmp_path, dualnet_model, agrees):
    database = open_lancedb(tmp_path / "store")
    assert write_lancedb(items_of(dualnet_model), database, "items") == len(dualnet_model.catalogue_)
    table = open_lancedb(tmp_path / "store").open_table("items")
    agrees(dualnet_model, HISTORY, lancedb_best(table, query_vectors(dualnet_model, history=HISTORY), k=6, seen=HISTORY), 6)
    assert describe(table)["sparse_width"] == items_of(dualnet_model).layout.sparse_width
    assert len(lancedb_best(table, query_vectors(dualnet_model, history=HISTORY), k=2, candidates=2)) == 2


def test_only_our_tables_are_replaced_and_only_if_asked(tmp_path, dualnet_model, sparse_model):
    database = open_lancedb(tmp_path)
    write_lancedb(items_of(dualnet_model), database, "items")
    with pytest.raises(UsageError, match="table 'items' exists; replace it with --overwrite"):
        write_lancedb(users_of(dualnet_model), database, "items")
    write_lancedb(users_of(dualnet_model), database, "items", overwrite=True)
    assert database.open_table("items").count_rows() == len(dualnet_model.users_)
    database.create_table("orders", [{"id": 1}])
    with pytest.raises(UsageError, match="was not written by dualnet export"):
        write_lancedb(users_of(dualnet_model), database, "orders", overwrite=True)
    with pytest.raises(CapabilityError, match="vectors of model 'content-profile' are sparse"):
        write_lancedb(items_of(sparse_model), database, "sparse")


def test_a_failure_in_the_middle_keeps_the_old_table(tmp_path, dualnet_model, monkeypatch):
    database = open_lancedb(tmp_path)
    source = items_of(dualnet_model)
    write_lancedb(source, database, "items")
    broken = np.full((len(source), source.layout.width), np.nan, np.float32)
    bad = type(source)(
        "users", source.model, source.ids, type(source.layout)(source.layout.width, 0), lambda part: broken[part]
    )
    with pytest.raises(DualNetError, match="vectors that are not numbers"):
        write_lancedb(bad, database, "items", overwrite=True)
    assert database.open_table("items").schema.names == ["id", "title", "vector", "content_index", "content_value"]
    assert database.open_table("items").count_rows() == len(source)
