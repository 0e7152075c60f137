"""`dualnet export` as a user meets it: what it writes, says and refuses."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from dualnet import load
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.models.dualnet import DualNet
from dualnet.models.neighbours import ItemKNN


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    DualNet(levels=(16, 8), epochs=2, user_batch=20, content_weight=0.5).fit(blocks_world()).save(place / "model")
    ItemKNN().fit(blocks_world()).save(place / "knn")
    return place


def call(capsys, *arguments):
    capsys.readouterr()
    code = main(["export", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


def test_files(capsys, run, tmp_path):
    code, out, _ = call(capsys, run, "--to", "parquet", "--out", tmp_path / "i.parquet", "--json")
    report = json.loads(out)
    assert (code, report["what"], report["width"], report["where"]) == (
        0,
        "items",
        24 + 40,
        str(tmp_path / "i.parquet"),
    )  # networks and factors
    assert pq.read_table(tmp_path / "i.parquet").num_rows == report["written"] == blocks_world().interactions.n_items
    code, out, err = call(capsys, run, "--to", "npz", "--what", "users", "--out", tmp_path / "u.npz")
    assert (code, err) == (0, "")
    assert out.startswith("wrote the vectors of 40 users (64 dense numbers and ")
    assert np.load(tmp_path / "u.npz", allow_pickle=False)["vectors"].shape == (40, 24 + 40)


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_a_file_that_exists_is_kept(capsys, run, tmp_path, suffix):
    file = tmp_path / f"precious.{suffix}"
    file.write_text("precious")
    code, out, err = call(capsys, run, "--to", suffix, "--out", file)
    assert (code, out) == (2, "")
    assert err == f"dualnet: {file} exists; replace it with --overwrite or choose another --out\n"
    assert file.read_text() == "precious"
    assert call(capsys, run, "--to", suffix, "--out", file, "--overwrite")[0] == 0
    assert file.read_bytes() != b"precious"


def test_stores_say_what_the_dense_piece_alone_keeps(capsys, run, tmp_path):
    pytest.importorskip("lancedb")
    code, out, err = call(capsys, run, "--to", "lancedb", "--out", tmp_path / "store")
    assert code == 0
    assert out.endswith("to dualnet_items\n")
    assert "% of the exact top 10" in err
    code, out, err = call(capsys, run, "--to", "lancedb", "--out", tmp_path / "store")
    assert (code, out) == (2, "")
    assert err == "dualnet: table 'dualnet_items' exists; replace it with --overwrite or choose another --table\n"
    code, out, _ = call(capsys, run, "--to", "lancedb", "--out", tmp_path / "store", "--overwrite", "--json")
    assert code == 0
    assert 0 < json.loads(out)["embedding_overlap"] <= 1


def test_qdrant_folder_and_onnx(capsys, run, tmp_path):
    pytest.importorskip("qdrant_client")
    code, out, _ = call(capsys, run / "knn", "--to", "qdrant", "--out", tmp_path / "q", "--collection", "shop", "--json")
    assert (code, json.loads(out)["where"]) == (0, "shop")
    code, out, err = call(capsys, run, "--to", "onnx", "--out", tmp_path / "encoders")
    n_features = load(run / "model").catalogue_.features.shape[1]
    pieces = f"{24 + 40} dense numbers and {n_features} sparse numbers"
    assert (code, out) == (0, f"wrote item and user encoders (opset 17, {pieces}) to {tmp_path / 'encoders'}\n")
    assert "score = inner product of the vectors of item and user + inner product of their content outputs" in err
    assert (tmp_path / "encoders" / "item-encoder.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--to", "parquet"], 2, "--to parquet needs --out, the file or folder to write"),
        (["--to", "parquet", "--out", "x.csv"], 2, "x.csv does not end in .parquet"),
        (["--to", "pgvector", "--out", "x"], 2, "--out means nothing for --to pgvector; leave it out"),
        (["--to", "npz", "--out", "x.parquet"], 2, "x.parquet does not end in .npz"),
        (["--to", "onnx", "--out", "x", "--what", "users"], 2, "--what means nothing for --to onnx"),
        (["--to", "pgvector", "--database-url-env", "NOWHERE_URL"], 2, "environment variable NOWHERE_URL is not set"),
        (["--to", "qdrant", "--qdrant-url-env", "NOWHERE_URL"], 2, "say where Qdrant is"),
    ],
)
def test_mistakes(capsys, run, tmp_path, monkeypatch, arguments, code, text):
    monkeypatch.chdir(tmp_path)
    found, out, err = call(capsys, run, *arguments)
    assert (found, out) == (code, "")
    assert text in err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_names_the_extra(capsys, run, tmp_path, monkeypatch):
    for to, package in (("onnx", "onnx"), ("lancedb", "lancedb"), ("qdrant", "qdrant_client"), ("pgvector", "psycopg")):
        monkeypatch.setitem(__import__("sys").modules, package, None)
        out = [] if to == "pgvector" else ["--out", tmp_path / to]
        code, _, err = call(capsys, run, "--to", to, *out)
        assert code == 6
        assert err.endswith("which is not installed; run: pip install 'dualnet[export]'\n")
