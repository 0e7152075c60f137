"""ONNX: the graphs compute what the networks compute, for every design, activation and normalisation; and the folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet import DualNet
from dualnet.data.features import Featurizer
from dualnet.data.space import ItemSpace
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, ResourceError, UsageError
from dualnet.exports import onnx_folder
from dualnet.exports.onnx_folder import write_onnx
from dualnet.exports.onnx_graph import item_graph, user_graph
from dualnet.ids import IdMap
from dualnet.models.levels import Levels, LevelWeights
from dualnet.models.runtime import DualRuntime
from dualnet.nn.spec import ACTIVATIONS, TowerSpec

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def session(model):
    source = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def random_runtime(design, activation, norm, *, content=True, residual=True, columns=False):
    """Weights of every kind at random: 9 features, 7 known items, 3 user columns."""
    rng = np.random.default_rng(5)
    spec = TowerSpec.of_design((8, 6, 4), design=design, norm=norm, activation=activation, top_branch=False)
    tensors = {}
    for side in ("item", "user"):
        shapes = spec.shapes(side)
        shapes |= {f"{side}.content": (9, 8)} if content else {}
        shapes |= {"item.residual" if side == "item" else "user.table": (7, 8)} if residual else {}
        shapes |= {"user.columns": (3, 8)} if columns and side == "user" else {}
        tensors |= {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return DualRuntime(spec.to_config(), tensors)


def alone(runtime):
    """The networks and no other level."""
    return Levels(None, runtime, LevelWeights(), IdMap([]))


@pytest.mark.parametrize("design", ["basic", "multi-level", "branching"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", ["layer", "none"])  # batch normalisation is in the weights already
@pytest.mark.parametrize("kind", [{}, {"residual": False}, {"content": False}, {"columns": True}], ids=str)
def test_graphs_equal_the_runtime(design, activation, norm, kind):
    runtime = random_runtime(design, activation, norm, **kind)
    rng = np.random.default_rng(1)
    features = rng.normal(size=(10, 9)).astype(np.float32) if kind.get("content", True) else None
    known = np.array([0, 1, 2, 3, 4, 5, 6, -1, -1, -1])  # three items of the catalogue came after training
    levels, space = alone(runtime), ItemSpace(IdMap(np.arange(10)), known, features)
    graph = item_graph(levels, space)
    onnx.checker.check_model(graph, full_check=True)
    inputs = {"features": features, "item_row": np.arange(10)}
    encoder = session(graph)
    asked = {entry.name: inputs[entry.name] for entry in encoder.get_inputs()}
    found = encoder.run(None, asked)[0]
    np.testing.assert_allclose(found, runtime.item_vectors(features, known), rtol=1e-5, atol=1e-5)
    if "item_row" in asked:
        fresh = encoder.run(None, asked | {"item_row": np.full(10, -1)})[0]
        np.testing.assert_allclose(fresh, runtime.item_vectors(features, np.full(10, -1)), rtol=1e-5, atol=1e-5)
        assert np.abs(fresh - found)[:7].max() > 1e-3

    table = runtime.history_table(features, known)
    graph = user_graph(levels, space)
    onnx.checker.check_model(graph, full_check=True)
    histories = [[3, 1, 9], [], [0], [2, 4, 5, 6, 7]]
    matrix = csr_array(np.array([[row in history for row in range(10)] for history in histories], np.float32))
    columns = rng.normal(size=(4, 3)).astype(np.float32) if kind.get("columns") else None
    padded = np.array([history + [-1] * (6 - len(history)) for history in histories])
    asked = {"item_rows": padded} | ({} if columns is None else {"columns": columns})
    found = session(graph).run(None, asked)[0]
    np.testing.assert_allclose(found, runtime.user_vectors(matrix, table, columns), rtol=1e-5, atol=1e-5)


def test_nobody_and_no_history():
    runtime = random_runtime("branching", "tanh", "none", content=False)
    graph = session(user_graph(alone(runtime), ItemSpace(IdMap(np.arange(7)), np.arange(7))))
    assert graph.run(None, {"item_rows": np.empty((0, 4), np.int64)})[0].shape == (0, 18)
    empty = graph.run(None, {"item_rows": np.empty((2, 0), np.int64)})[0]
    np.testing.assert_array_equal(empty, graph.run(None, {"item_rows": np.full((2, 3), -1)})[0])


@pytest.mark.parametrize(
    "parameters",
    [
        {"norm": "batch"},
        {"norm": "layer", "design": "basic"},
        {"user_input": "reference"},
        {"factors": 6, "content_scale": 0.5},
    ],
)
def test_a_trained_model_as_a_folder(tmp_path, parameters):
    world = blocks_world()
    settings = {"levels": (16, 8), "epochs": 2, "user_batch": 20, "content_weight": 0.5, "factors": 0, "new_scale": 1.0}
    model = DualNet(**{**settings, **parameters}).fit(world)
    manifest = write_onnx(model, tmp_path / "encoders")
    assert manifest["content_width"] == model.catalogue_.features.shape[1]
    assert manifest["score"] == "score = inner product of the vectors of item and user + inner product of their content outputs"
    ids = json.loads((tmp_path / "encoders" / "items.json").read_text())
    assert ids == model.catalogue_.ids.keys
    described = json.loads((tmp_path / "encoders" / "features.json").read_text())
    assert described["names"] == model.featurizer_.names()
    assert described["blocks"][0]["idf"] == pytest.approx(model.featurizer_.blocks[0].idf.tolist())

    # what another program does: features from features.json, rows from items.json
    arrays = {
        f"{k}.{name}": np.array(v, np.float32)
        for k, b in enumerate(described["blocks"])
        for name, v in b.items()
        if name == "idf"
    }
    features = Featurizer.from_state(described, arrays).transform(world.items).toarray()
    items = session(str(tmp_path / "encoders" / "item-encoder.onnx"))
    assert items.get_modelmeta().custom_metadata_map["score"] == manifest["score"]
    found = items.run(["vectors", "content"], {"features": features, "item_row": np.arange(len(ids))})
    assert [part.shape[1] for part in found] == [manifest["width"], manifest["content_width"]]
    rows = np.array([[ids.index("i1-0"), ids.index("i1-1"), -1]])
    user = session(str(tmp_path / "encoders" / "user-encoder.onnx")).run(["vectors", "content"], {"item_rows": rows})
    score = (found[0] @ user[0].T + found[1] @ user[1].T)[:, 0]
    np.testing.assert_allclose(score, model.score(ids, history=["i1-0", "i1-1"]), atol=1e-5)


def test_large_tables_go_to_a_file_beside(tmp_path, dualnet_model, monkeypatch):
    write_onnx(dualnet_model, tmp_path / "small")
    monkeypatch.setattr(onnx_folder, "LARGEST", 100)
    write_onnx(dualnet_model, tmp_path / "large")
    assert (tmp_path / "large" / "user-encoder.onnx.data").exists()
    rows = {"item_rows": np.array([[0, 3]])}
    found = [session(str(tmp_path / kind / "user-encoder.onnx")).run(None, rows)[0] for kind in ("small", "large")]
    np.testing.assert_array_equal(*found)


def test_only_our_folders_are_replaced_and_only_if_asked(tmp_path, dualnet_model, neighbour_model, monkeypatch):
    write_onnx(dualnet_model, tmp_path / "encoders")
    with pytest.raises(UsageError, match="encoders exists; replace it with --overwrite"):
        write_onnx(dualnet_model, tmp_path / "encoders")
    (tmp_path / "encoders" / "items.json").write_text("[]")
    write_onnx(dualnet_model, tmp_path / "encoders", overwrite=True)
    assert json.loads((tmp_path / "encoders" / "items.json").read_text()) == dualnet_model.catalogue_.ids.keys
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="was not written by dualnet export"):
        write_onnx(dualnet_model, tmp_path / "mine", overwrite=True)
    with pytest.raises(CapabilityError, match="model 'item-knn' has no networks to write as ONNX, nor solved levels"):
        write_onnx(neighbour_model, tmp_path / "knn")
    monkeypatch.setattr(onnx, "save_model", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ResourceError, match="No space left on device; choose another place"):
        write_onnx(dualnet_model, tmp_path / "encoders", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoders", "mine"]
    assert json.loads((tmp_path / "encoders" / "items.json").read_text()) == dualnet_model.catalogue_.ids.keys


def test_a_swap_that_fails_puts_the_old_folder_back(tmp_path, dualnet_model, monkeypatch):
    target, real = tmp_path / "encoders", Path.rename
    write_onnx(dualnet_model, target)

    def fail(self, place):
        if self.name.endswith(".tmp"):
            raise OSError(28, "No space left on device")
        return real(self, place)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(ResourceError, match="No space left"):
        write_onnx(dualnet_model, target, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["encoders"]
    assert (target / "export.json").is_file()
