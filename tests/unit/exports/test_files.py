"""Parquet and npz: the pieces give back the exact score, in blocks of any size, whole or not at all."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_array

from dualnet import IdMap, Interactions
from dualnet.data.synthetic import blocks_world
from dualnet.errors import DataError, ResourceError, UsageError
from dualnet.exports import source as source_module
from dualnet.exports.npz import write_npz
from dualnet.exports.parquet import write_parquet
from dualnet.exports.source import items_of, layout_of, query_vectors, users_of
from dualnet.models.ease import EASE
from dualnet.models.wmf import WMF

HISTORY = ["i2-1", "i2-2"]
KINDS = ["dualnet_model", "sparse_model", "neighbour_model", "ease_model", "wmf_model"]


@pytest.fixture(scope="session")
def ease_model():
    """Users sparse, items dense: both are written dense."""
    return EASE(regularization=10.0).fit(blocks_world())


@pytest.fixture(scope="session")
def wmf_model():
    return WMF(factors=4).fit(blocks_world())


def read_parquet(path):
    table = pq.read_table(path)
    origin = json.loads(table.schema.metadata[b"dualnet"])
    dense = sparse = None
    if origin["width"]:
        dense = np.array(table.column("vector").to_pylist(), np.float32).reshape(len(table), origin["width"])
    name = "content" if origin["width"] else "embedding"
    if origin["sparse_width"]:
        index, value = (table.column(f"{name}_{part}").combine_chunks() for part in ("index", "value"))
        parts = (value.values.to_numpy(), index.values.to_numpy(), index.offsets.to_numpy())
        sparse = csr_array(parts, shape=(len(table), origin["sparse_width"]))
    return table.column("id").to_pylist(), dense, sparse


def read_npz(path):
    arrays = np.load(path, allow_pickle=False)
    name = "content" if "vectors" in arrays else "embedding"
    sparse = None
    if f"{name}_shape" in arrays:
        parts = tuple(arrays[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
        sparse = csr_array(parts, shape=tuple(arrays[f"{name}_shape"]))
    return arrays["ids"].tolist(), arrays.get("vectors"), sparse


def scores(dense, sparse, query):
    total = 0.0
    if query.dense is not None:
        total = total + dense @ query.dense[0]
    if query.sparse is not None:
        total = total + (sparse @ query.sparse.T).toarray()[:, 0]
    return total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("write", "read", "suffix"), [(write_parquet, read_parquet, "parquet"), (write_npz, read_npz, "npz")])
@pytest.mark.parametrize("block", [5, 4096])
def test_the_pieces_give_the_exact_score(tmp_path, request, monkeypatch, kind, write, read, suffix, block):
    model = request.getfixturevalue(kind)
    monkeypatch.setattr(source_module.VectorSource.blocks, "__defaults__", (block, 0, None))
    path = tmp_path / "new folder" / f"items.{suffix}"
    assert write(items_of(model), path) == len(model.catalogue_)
    ids, dense, sparse = read(path)
    assert ids == model.catalogue_.ids.keys
    found = scores(dense, sparse, query_vectors(model, history=HISTORY))
    np.testing.assert_allclose(found, model.score(ids, history=HISTORY), rtol=1e-5, atol=1e-6)

    write(users_of(model), path)
    users, dense, sparse = read(path)
    assert users == model.users_.keys
    one = query_vectors(model, user=users[3])
    if dense is not None:
        np.testing.assert_allclose(dense[3], one.dense[0], atol=1e-6)
    if sparse is not None:
        np.testing.assert_allclose(sparse[[3]].toarray(), one.sparse.toarray(), atol=1e-6)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_titles_and_other_histories(tmp_path, dualnet_model):
    write_parquet(items_of(dualnet_model), tmp_path / "items.parquet")
    titles = pq.read_table(tmp_path / "items.parquet").column("title").to_pylist()
    assert titles[4] == dualnet_model.catalogue_.content.title(4)
    events = Interactions.from_pairs(["x", "x"], HISTORY, item_ids=dualnet_model.catalogue_.ids)
    block = next(users_of(dualnet_model, events).blocks())
    asked = query_vectors(dualnet_model, history=HISTORY)
    np.testing.assert_allclose(block.dense, asked.dense, atol=1e-6)
    np.testing.assert_allclose(block.sparse.toarray(), asked.sparse.toarray(), atol=1e-6)
    with pytest.raises(UsageError, match="give either user="):
        query_vectors(dualnet_model)


def test_whole_numbers_stay_whole_numbers(tmp_path, wmf_model):
    source = users_of(wmf_model)
    numbers = type(source)("users", wmf_model, IdMap(range(100, 100 + len(source))), source.layout, source.encode)
    for write, read, suffix in ((write_parquet, read_parquet, "parquet"), (write_npz, read_npz, "npz")):
        write(numbers, tmp_path / f"u.{suffix}")
        assert read(tmp_path / f"u.{suffix}")[0][:2] == [100, 101]
    assert np.load(tmp_path / "u.npz")["ids"].dtype == np.int64


@pytest.mark.parametrize(("write", "suffix"), [(write_parquet, "parquet"), (write_npz, "npz")])
def test_whole_or_not_at_all(tmp_path, wmf_model, write, suffix):
    source = users_of(wmf_model)
    path = tmp_path / f"u.{suffix}"
    write(source, path)
    before = path.read_bytes()

    def broken(part):
        return np.full((part.stop - part.start, source.layout.width), np.inf if part.start else 1.0, np.float32)

    bad = type(source)("users", wmf_model, IdMap(range(5000)), layout_of(wmf_model), broken)
    with pytest.raises(DataError, match="vectors that are not numbers"):
        write(bad, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    with pytest.raises(UsageError, match=f"does not end in .{suffix}"):
        write(source, tmp_path / "u.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="choose another place"):
        write(source, tmp_path / "file" / f"u.{suffix}")


def test_npz_says_what_text_of_fixed_width_would_lose(tmp_path, wmf_model):
    source = users_of(wmf_model)
    odd = type(source)("users", wmf_model, IdMap(["a\0", *source.ids.keys[1:]]), source.layout, source.encode)
    with pytest.raises(DataError, match="ends in a NUL character"):
        write_npz(odd, tmp_path / "u.npz")
