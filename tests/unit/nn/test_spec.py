"""One specification for every back end: PyTorch, NumPy and ONNX against a tower written out, and an activation as one row."""

import itertools
import subprocess
import sys
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet import DualNet, load
from dualnet.data.space import ItemSpace
from dualnet.data.synthetic import blocks_world
from dualnet.errors import ArtifactError
from dualnet.exports import onnx_graph
from dualnet.ids import IdMap
from dualnet.models import cdl, dualnet_parameters
from dualnet.models.cdl import CDL
from dualnet.models.content_encoder import ContentEncoder
from dualnet.models.levels import Levels, LevelWeights
from dualnet.models.runtime import DualRuntime
from dualnet.nn.blocks import activation_function
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.nn.export import export_network
from dualnet.nn.spec import ACTIVATIONS, Activation, ActivationForms, TowerSpec
from dualnet.train.inputs import DualInputs, InputSettings
from dualnet.train.warm_start import restore_network

TEXTBOOK = {
    "tanh": lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    "relu": lambda x: np.where(x > 0, x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "identity": lambda x: x,
    "arctan": np.arctan,
}
ARCTAN = ActivationForms(np.arctan, lambda y: np.cos(y) ** 2, "atan", "Atan")  # the row of an activation that we do not have
LEVELS = (8, 6, 4)


def written_out(runtime, side, first, activation):
    """The slow twin of `walk`: three levels one after another, from the arrays by their names, in double precision."""
    arrays, embeddings, below = {name: a.astype(np.float64) for name, a in runtime.tensors.items()}, [], first
    for level in range(3):
        mapped = np.einsum("ni,io->no", below, arrays[f"{side}.level{level}.weight"]) if level else below
        sums = mapped + arrays[f"{side}.level{level}.bias"]
        if f"{side}.level{level}.norm_scale" in arrays:
            sums = (sums - sums.mean(1)[:, None]) / np.sqrt(sums.var(1) + 1e-5)[:, None]
            sums = sums * arrays[f"{side}.level{level}.norm_scale"] + arrays[f"{side}.level{level}.norm_shift"]
        below = TEXTBOOK[activation](sums)
        if level in runtime.config["matched"]:
            branched = f"{side}.branch{level}.weight" in arrays
            embeddings.append(
                below @ arrays[f"{side}.branch{level}.weight"] + arrays[f"{side}.branch{level}.bias"] if branched else below
            )
    return np.concatenate(embeddings, axis=1) * arrays[f"{side}.scale"]


def network(design, activation, norm, top_branch=False):
    """Networks with weights and statistics that are all at random."""
    shape = DualShape(15, 9, 0, LEVELS, design, activation, norm, 0.0, top_branch, "shared", True, 0.5)
    made, noise = DualNetwork(shape, torch.Generator().manual_seed(3)).eval(), torch.Generator().manual_seed(4)
    for value in (*made.parameters(), *made.buffers()):
        value.data.add_(torch.rand(value.shape, generator=noise) * 0.6)
    return made


def exported_sums(norm, first):
    """First-layer sums as exported tables give them: the factor of batch normalisation is in the tables."""
    return first * (norm.scale * torch.rsqrt(norm.variance + 1e-5)).detach().numpy() if hasattr(norm, "variance") else first


def agrees(design, activation, norm, top_branch=False):
    """Check every back end, on both sides, against the tower written out."""
    made = network(design, activation, norm, top_branch)
    runtime = DualRuntime(*export_network(made))
    given = np.random.default_rng(1).normal(size=(5, 8))
    for side, tower, scale in made.sides():
        first = exported_sums(tower.norms[0], given)
        wanted = written_out(runtime, side, first, activation)
        with torch.no_grad():
            np.testing.assert_allclose(tower(torch.from_numpy(given).float(), scale), wanted, atol=2e-5)
        np.testing.assert_allclose(runtime.towers[side].forward(first.astype(np.float32)), wanted, atol=2e-5)
        double = runtime.differentiable(side)
        np.testing.assert_allclose(double.forward(first), wanted, atol=1e-9)
        slopes = double.gradient(double.run(first), double.pulls(np.ones((1, runtime.width)))[0])[0]
        for column, step in enumerate(1e-6 * np.eye(8)):
            rise = double.forward(first + step).sum(1) - double.forward(first - step).sum(1)
            np.testing.assert_allclose(slopes[:, column], rise / 2e-6, atol=1e-6)
    features = np.random.default_rng(2).normal(size=(4, 9)).astype(np.float32)
    levels = Levels(None, runtime, LevelWeights(), IdMap([]))
    space = ItemSpace(IdMap(np.arange(15)), np.arange(15), np.zeros((15, 9), np.float32))
    graph = onnx_graph.item_graph(levels, space)
    session = pytest.importorskip("onnxruntime").InferenceSession(graph.SerializeToString())
    found = session.run(None, {"features": features, "item_row": np.array([0, 3, 14, -1])})[0]
    entered = features.astype(np.float64) @ runtime.tensors["item.content"]
    entered[:3] += runtime.tensors["item.residual"][[0, 3, 14]]
    np.testing.assert_allclose(found, written_out(runtime, "item", entered, activation), atol=2e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize(
    ("design", "top_branch"), [("basic", False), ("multi-level", False), ("branching", False), ("branching", True)]
)
def test_every_back_end_computes_the_tower_written_out(design, norm, activation, top_branch):
    agrees(design, activation, norm, top_branch)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_form_of_an_activation_is_the_same_function(name):
    forms, x = ACTIVATIONS[name], np.linspace(-3, 3, 24)  # 0 is not among them
    y = forms.forward(x)
    np.testing.assert_allclose(y, TEXTBOOK[name](x), atol=1e-12)
    assert forms.forward(x.astype(np.float32)).dtype == forms.slope(y.astype(np.float32)).dtype == np.float32
    assert np.isfinite(forms.forward(np.array([-1e4, 1e4], np.float32))).all()
    numeric = (forms.forward(x + 1e-6) - forms.forward(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(forms.slope(y), numeric, atol=1e-8)
    before, after = forms.slope(forms.forward(np.array([-1e-9, 1e-9])))
    assert forms.kinked == (abs(before - after) > 1e-6)
    tensor = torch.from_numpy(x).requires_grad_()
    out = activation_function(name)(tensor)
    np.testing.assert_allclose(out.detach(), y, atol=1e-12)
    np.testing.assert_allclose(torch.autograd.grad(out.sum(), tensor)[0], forms.slope(y), atol=1e-12)


def test_lists_of_activations_are_those_of_the_table():
    assert get_args(Activation) == tuple(ACTIVATIONS)
    listed = ", ".join(f'"{name}"' for name in ACTIVATIONS)
    assert all(f"activation : {{{listed}}}" in model.__doc__ for model in (DualNet, CDL))


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_a_new_activation_is_one_row(monkeypatch, tmp_path):
    """Computed by every back end, fitted, saved, loaded and explained: no other part of the library has to hear of it."""
    monkeypatch.setitem(ACTIVATIONS, "arctan", ARCTAN)
    for module in (dualnet_parameters, cdl):  # the constructors' annotations, which are the type of the table's names
        monkeypatch.setattr(module, "Activation", Literal["tanh", "arctan"])
    for norm in ("batch", "layer", "none"):
        agrees("branching", "arctan", norm)
    world = blocks_world(groups=2, users=5, items=6)
    for model in (
        DualNet(levels=(8, 4), epochs=1, activation="arctan"),
        CDL(levels=(6, 4), alternations=1, activation="arctan"),
    ):
        again = load(model.fit(world).save(tmp_path / model.name))
        user = world.interactions.users.key(0)
        found = again.recommend(user, k=3)
        assert found.ids == model.recommend(user, k=3).ids
        told = again.explain(found.ids[0], user=user)
        assert told.score == pytest.approx(found.scores[0], abs=1e-5)


def test_the_encoder_of_cdl_is_its_layers_written_out():
    rng = np.random.default_rng(3)
    for sizes in ((7, 4), (7, 6, 4), (7, 6, 5, 4)):
        weights = [rng.normal(size=pair).astype(np.float32) for pair in itertools.pairwise(sizes)]
        biases = [rng.normal(size=size).astype(np.float32) for size in sizes[1:]]
        features = rng.normal(size=(3, 7)).astype(np.float32)
        wanted = features @ weights[0] + biases[0]
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            wanted = TEXTBOOK["sigmoid"](wanted) @ weight + bias
        encoder = ContentEncoder("sigmoid", weights, biases)
        np.testing.assert_allclose(encoder.encode(features), wanted, atol=1e-5)
        np.testing.assert_allclose(encoder.encode(csr_array(features)), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("design", "top_branch", "matched", "branches"),
    [("basic", True, (2,), ()), ("multi-level", True, (0, 1, 2), ()), ("branching", False, (0, 1, 2), (0, 1)),
     ("branching", True, (0, 1, 2), (0, 1, 2))],
)  # fmt: skip
def test_the_designs_of_the_paper(design, top_branch, matched, branches):
    spec = TowerSpec.of_design([8, 6, 4], design=design, norm="layer", activation="relu", top_branch=top_branch)
    assert (spec.matched, spec.branches, spec.levels) == (matched, branches, (8, 6, 4))
    assert spec.widths == tuple(LEVELS[level] for level in matched)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("design", ["basic", "multi-level", "branching"])
def test_shape_and_arrays_of_an_export_say_the_same(design, norm):
    """And `restore_network` is the inverse of `export_network`."""
    made = network(design, "relu", norm, top_branch=True)
    config, tensors = export_network(made)
    for side in ("item", "user"):
        spec = TowerSpec.of_arrays(config, tensors, side)
        assert spec == replace(made.shape.tower, norm="layer" if norm == "layer" else "none")
        first = {"item.content", "item.residual", "user.content", "user.table"}
        assert set(spec.shapes(side)) == {name for name in tensors if name.startswith(side)} - first
    rng = np.random.default_rng(0)
    matrix, features = (csr_array((rng.random((rows, n)) < 0.4).astype(np.float32)) for rows, n in ((12, 15), (15, 9)))
    other = DualNetwork(made.shape, torch.Generator().manual_seed(9))
    settings = InputSettings("none", 0.3, 0.0, 0.0, 0.0, 0)
    restore_network(DualInputs(other, matrix, features, None, settings, torch.float32), tensors)
    again = export_network(other)[1]
    assert again.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_allclose(again[name], value, atol=2e-5, err_msg=name)


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [("item.level1.weight", None, r"'item.level1.weight' should have shape \(8, 6\), found None"),
     ("user.level2.bias", np.ones(3), r"'user.level2.bias' should have shape \(4,\), found \(3,\)"),
     ("user.branch0.weight", np.ones((8, 7)), r"should have shape \(8, 8\), found \(8, 7\)"),
     ("user.branch1.weight", None, r"'user.branch1.weight' should have shape \(6, 6\), found None"),
     ("item.level0.norm_shift", None, r"'item.level0.norm_shift' should have shape \(8,\), found None"),
     ("item.level2.norm_", None, r"'item.level2.norm_scale' should have shape \(4,\), found None")],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(name, array, text):
    config, tensors = export_network(network("branching", "tanh", "layer"))
    others = {other: value for other, value in tensors.items() if not other.startswith(name)}
    with pytest.raises(ArtifactError, match=f"{text}; the model folder is damaged"):
        DualRuntime(config, others if array is None else {**others, name: array})


@pytest.mark.parametrize("activation", ["tanhh", ["tanh"]])
def test_an_unknown_activation_is_refused(activation):
    config, tensors = export_network(network("basic", "tanh", "none"))
    with pytest.raises(ArtifactError, match="activation '.*tanh.*' of the model folder is not known"):
        DualRuntime({**config, "activation": activation}, tensors)


def test_the_specification_and_its_readers_need_no_torch():
    names = "dualnet.nn.spec, dualnet.models.dualnet, dualnet.models.cdl, dualnet.exports.onnx_graph"
    code = f"import sys, {names}; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
