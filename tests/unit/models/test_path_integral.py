"""Integrated gradients against finite differences and a dense sum, for every form of the towers."""

import itertools

import numpy as np
import pytest

pytest.importorskip("torch")

from dualnet.models.content_encoder import ContentEncoder
from dualnet.models.explain import path_integral
from dualnet.models.explain.path_integral import integrate
from dualnet.models.runtime import DualRuntime
from dualnet.nn.spec import ACTIVATIONS

FORMS = list(itertools.product(["basic", "multi-level", "branching"], ACTIVATIONS, ["layer", "batch"]))


def runtime(design, activation, norm, seed=0):
    import torch

    from dualnet.nn.dual import DualNetwork, DualShape
    from dualnet.nn.export import export_network

    shape = DualShape(30, 12, 0, (8, 6, 4), design, activation, norm, 0.5, False, "shared", True, 0.1)
    network = DualNetwork(shape, torch.Generator().manual_seed(seed)).eval()
    return DualRuntime(*export_network(network))


@pytest.mark.parametrize(("design", "activation", "norm"), FORMS)
@pytest.mark.parametrize("side", ["item", "user"])
def test_forward_and_gradient(design, activation, norm, side):
    net = runtime(design, activation, norm)
    tower, rng = net.differentiable(side), np.random.default_rng(1)
    first, directions = rng.normal(size=(3, 8)), rng.normal(size=(2, net.width))
    found = tower.forward(first)
    np.testing.assert_allclose(found, net.towers[side].forward(first.astype(np.float32)), atol=1e-5)
    pulls, constant = tower.pulls(directions)
    kept = tower.run(first)
    np.testing.assert_allclose(tower.products(kept, pulls) + constant[:, None], directions @ found.T, atol=1e-12)
    gradient = tower.gradient(kept, pulls)
    for place in range(8):
        step = np.zeros(8)
        step[place] = 1e-6
        slope = (tower.forward(first + step) - tower.forward(first - step)) @ directions.T / 2e-6
        np.testing.assert_allclose(gradient[:, :, place].T, slope, atol=1e-6)


@pytest.mark.parametrize(("design", "activation", "norm"), FORMS)
def test_the_line_adds_up_and_agrees_with_a_dense_sum(design, activation, norm):
    net = runtime(design, activation, norm)
    tower, rng = net.differentiable("user"), np.random.default_rng(2)
    pieces, directions = rng.normal(size=(2, 5, 8)), rng.normal(size=(3, net.width))
    starts, steps = np.stack([np.zeros(8), rng.normal(size=8)]), pieces.sum(axis=1)
    base, mean = integrate(tower, starts, steps, directions)
    np.testing.assert_allclose(base, directions @ tower.forward(starts).T, atol=1e-12)
    rise = np.einsum("mpk,pik->mp", mean, pieces)
    np.testing.assert_allclose(base + rise, directions @ tower.forward(starts + steps).T, atol=1e-6)
    # the slow twin: many steps and their midpoints, ever smaller near the start, where without a bias normalisation is steepest;
    # they do not see where between them a rectified unit switches
    near = 1e-5 if activation != "relu" else 5e-4
    edges = np.concatenate([[0], np.geomspace(1e-14, 1, 20_001)])
    pulls, _ = tower.pulls(directions)
    for line in range(2):
        at = starts[line] + (edges[1:, None] + edges[:-1, None]) / 2 * steps[line]
        slow = np.einsum("q,mqk->mk", np.diff(edges), tower.gradient(tower.run(at), pulls))
        np.testing.assert_allclose(mean[:, line] @ pieces[line].T, slow @ pieces[line].T, atol=near)


def test_a_steep_tower_is_halved_and_what_remains_is_left_as_a_gap(monkeypatch):
    net = runtime("branching", "tanh", "batch")
    tower, rng = net.differentiable("user"), np.random.default_rng(2)
    step, directions = 60 * rng.normal(size=(1, 8)), rng.normal(size=(3, net.width))

    def gap():
        base, mean = integrate(tower, np.zeros((1, 8)), step, directions)
        return np.abs(directions @ tower.forward(step).T - base - mean @ step[0]).max()

    assert gap() < 1e-6
    monkeypatch.setattr(path_integral, "MOST_NODES", 8)
    assert gap() > 1e-4


def test_weights_in_float64_are_kept_with_their_runtime():
    net = runtime("basic", "tanh", "batch")
    assert net.differentiable("user") is net.differentiable("user")
    assert net.differentiable("user").scale.dtype == np.float64
    assert net.differentiable("user") is not runtime("basic", "tanh", "batch").differentiable("user")


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_encoder_of_cdl_in_double_precision(layers):
    rng = np.random.default_rng(3)
    sizes = [7, 6, 5, 4][: layers + 1]
    weights = [rng.normal(size=pair).astype(np.float32) for pair in itertools.pairwise(sizes)]
    encoder = ContentEncoder("sigmoid", weights, [rng.normal(size=size).astype(np.float32) for size in sizes[1:]])
    features = rng.normal(size=(3, 7)).astype(np.float32)
    found = encoder.differentiable.forward((features @ weights[0]).astype(np.float64))
    np.testing.assert_allclose(found, encoder.encode(features), atol=1e-5)
