"""Stores and graphs that somebody else wrote: LanceDB tables, ONNX files and DuckDB files in the place that a command names."""

import json
import os

import numpy as np
import pyarrow as pa
import pytest

from dualnet import DualNet
from dualnet.data.sql.read import read_sql
from dualnet.data.synthetic import blocks_world
from dualnet.errors import DataError, DualNetError, UsageError


@pytest.fixture(scope="module")
def model():
    return DualNet(levels=(16, 8), epochs=1, user_batch=20, content_weight=0.5).fit(blocks_world())


def everything(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


# LanceDB


def hostile_table(folder, how):
    """A table in a LanceDB folder that an export would replace."""
    place = folder / "items.lance"
    if how == "a link":
        (folder / "elsewhere").mkdir()
        (folder / "elsewhere" / "mine").write_text("mine")
        place.symlink_to(folder / "elsewhere")
    elif how == "a file":
        place.write_bytes(b"LANC" * 100)
    elif how == "nothing that is a table":
        (place / "_versions").mkdir(parents=True)
        (place / "_versions" / "1.manifest").write_bytes(os.urandom(500))
    elif how == "an empty manifest":
        (place / "_versions").mkdir(parents=True)
        (place / "_versions" / "1.manifest").write_bytes(b"")
    else:
        (place / "_versions").mkdir(parents=True)
        (place / "_versions" / "1.manifest").write_bytes(b"\xff" * 16 + (2**63 - 1).to_bytes(8, "little") + b"LANC")


@pytest.mark.parametrize("how", ["a link", "a file", "nothing that is a table", "an empty manifest", "a length of 2^63"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_lance_table_that_is_none_is_left_alone(tmp_path, model, how, overwrite):
    pytest.importorskip("lancedb", reason="the extra export (LanceDB) is not installed")
    from dualnet.exports.lancedb import open_lancedb, write_lancedb
    from dualnet.exports.source import items_of

    hostile_table(tmp_path, how)
    before = everything(tmp_path)
    with pytest.raises(DualNetError, match=r"items\.lance|table 'items'"):
        write_lancedb(items_of(model), open_lancedb(tmp_path), "items", overwrite=overwrite)
    assert everything(tmp_path) == before


ROW = {"id": "i", "vector": [0.5] * 4, "content_index": [0, 2], "content_value": [1.0, 2.0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"content_index": [0, 2**31 - 1]},
        {"content_index": [-1, 0]},
        {"content_index": [0, 5]},
        {"content_index": [0]},
        {"content_value": [1.0, float("nan")]},
        {"content_value": ["a", "b"]},
        {"content_index": "text"},
        {"content_index": None},
        {"id": None},
        {"content_index": ...},
        {"id": ...},
    ],
    ids=str,
)
def test_a_lance_table_of_others_gives_a_sentence(tmp_path, changes):
    lancedb = pytest.importorskip("lancedb", reason="the extra export (LanceDB) is not installed")
    from scipy.sparse import csr_array

    from dualnet.exports.lancedb import describe, lancedb_best
    from dualnet.exports.source import VectorBlock

    rows = [{name: value for name, value in {**ROW, **changes}.items() if value is not ...}] * 3
    table = lancedb.connect(str(tmp_path)).create_table("t", pa.Table.from_pylist(rows).set_column(
        list(rows[0]).index("vector"), "vector", pa.array([[0.5] * 4] * 3, pa.list_(pa.float32(), 4)),
    ))  # fmt: skip
    query = VectorBlock(
        ids=["me"], titles=None, dense=np.full((1, 4), 0.5, np.float32), sparse=csr_array(np.ones((1, 5), np.float32))
    )
    with pytest.raises(DataError, match="LanceDB"):
        lancedb_best(table, query)
    with pytest.raises(DataError, match="metadata"):
        describe(table)


# ONNX: an export reads back what it has written, and nothing else


def hostile_graph(onnx, path, how):
    """A graph that would harm whoever loads it."""
    helper = onnx.helper
    node = helper.make_node("Evil" if how == "an operator of others" else "Identity", ["w"], ["y"], domain="evil.example")
    weight = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT)
    weight.dims.extend([2**40, 2**20] if how == "a huge shape" else [4])
    if how == "data elsewhere":
        weight.data_location = onnx.TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", "../../../../etc/passwd"
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 1, [4])], [weight])
    path.write_bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("how", ["an operator of others", "a huge shape", "data elsewhere", "links", "no graph"])
def test_graphs_in_the_place_of_an_export_are_not_opened(tmp_path, model, monkeypatch, how):
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from dualnet.exports.onnx_folder import MANIFEST, write_onnx

    place, victim = tmp_path / "encoders", tmp_path / "victim"
    place.mkdir()
    victim.write_text("mine")
    (place / MANIFEST).write_text("{}")
    for name in ("item-encoder.onnx", "user-encoder.onnx"):
        if how == "links":
            (place / name).symlink_to(victim)
            (place / f"{name}.data").symlink_to(victim)
        elif how == "no graph":
            (place / name).write_bytes(os.urandom(2000))
        else:
            hostile_graph(onnx, place / name, how)
    monkeypatch.setattr(onnx, "load", lambda *given, **more: pytest.fail("it opens a graph"))
    monkeypatch.setattr(onnx, "load_model", onnx.load)
    with pytest.raises(UsageError, match="--overwrite"):
        write_onnx(model, place)
    monkeypatch.setattr("dualnet.exports.onnx_folder.LARGEST", 10)  # weights go into files of their own, beside the graph
    write_onnx(model, place, overwrite=True)
    assert victim.read_text() == "mine"
    assert json.loads((place / MANIFEST).read_text())["items"] == 48
    for path in place.iterdir():
        assert path.is_file()
        assert not path.is_symlink()
    monkeypatch.undo()
    found = onnx.load(str(place / "item-encoder.onnx"), load_external_data=False)
    told = [entry.value for weight in found.graph.initializer for entry in weight.external_data if entry.key == "location"]
    assert set(told) == {"item-encoder.onnx.data"}
    assert {node.domain for node in found.graph.node} == {""}


# DuckDB


@pytest.mark.parametrize(
    "view",
    [
        "SELECT content AS user_id, 'i' AS item_id FROM read_text('{secret}')",
        "SELECT column0 AS user_id, 'i' AS item_id FROM read_csv('{secret}', header = false)",
        "SELECT file AS user_id, 'i' AS item_id FROM glob('{folder}/*')",
        "SELECT content AS user_id, 'i' AS item_id FROM read_blob('{secret}')",
        "SELECT * FROM '{folder}/other.csv'",
        "SELECT 'u' AS user_id, 'i' AS item_id FROM read_csv('http://127.0.0.1:9/x')",
    ],
)
def test_a_view_of_a_duckdb_file_reads_no_other_file(tmp_path, monkeypatch, view):
    duckdb = pytest.importorskip("duckdb", reason="the extra sql (DuckDB) is not installed")
    monkeypatch.delenv("DUALNET_TRUST_PATHS", raising=False)
    (tmp_path / "secret.txt").write_text("secret words\n")
    (tmp_path / "other.csv").write_text("user_id,item_id\nsecret words,i\n")
    with duckdb.connect(str(tmp_path / "evil.duckdb")) as connection:
        statement = view.format(secret=tmp_path / "secret.txt", folder=tmp_path)
        if "http" in view:
            statement = "SELECT 'u' AS user_id, 'i' AS item_id"
        connection.execute(f"CREATE VIEW events AS {statement}")
    url = f"duckdb:///{tmp_path}/evil.duckdb"
    query = "SELECT * FROM read_csv('http://127.0.0.1:9/x')" if "http" in view else "SELECT * FROM events"
    with pytest.raises(DataError, match="the rows query") as caught:
        read_sql(url, query)
    assert "secret words" not in str(caught.value)
    if "http" in view:
        return
    assert "--trust-paths" in str(caught.value)
    monkeypatch.setenv("DUALNET_TRUST_PATHS", "1")
    assert read_sql(url, query).num_rows >= 1


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "text"])
def test_what_is_no_duckdb_file_does_not_hang(tmp_path, kind):
    pytest.importorskip("duckdb", reason="the extra sql (DuckDB) is not installed")
    path = tmp_path / "a.duckdb"
    make = {"pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero"), "folder": path.mkdir}
    make.get(kind, lambda: path.write_text("user_id,item_id\n" * 1000))()
    with pytest.raises(DualNetError):
        read_sql(f"duckdb:///{path}", "SELECT 1 AS n")
