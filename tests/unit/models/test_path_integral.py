"""Integrated gradients against finite differences and a dense sum, for every form of the towers."""

import itertools

import numpy as np
import pytest

pytest.importorskip("torch")

from dualnet.models.content_encoder import ContentEncoder
from dualnet.models.path_integral import Tower
from dualnet.models.runtime import DualRuntime

FORMS = list(
    itertools.product(["basic", "multi-level", "branching"], ["tanh", "relu", "sigmoid", "identity"], ["layer", "batch"])
)


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
    tower, rng = Tower.of(net, side), np.random.default_rng(1)
    first, directions = rng.normal(size=(3, 8)), rng.normal(size=(2, net.width))
    found, kept = tower.forward(first)
    np.testing.assert_allclose(found, net._tower(side, first.astype(np.float32)), atol=1e-5)
    gradient = tower.gradient(kept, directions)
    for place in range(8):
        step = np.zeros(8)
        step[place] = 1e-6
        slope = (tower.forward(first + step)[0] - tower.forward(first - step)[0]) @ directions.T / 2e-6
        np.testing.assert_allclose(gradient[:, :, place].T, slope, atol=1e-6)


@pytest.mark.parametrize(("design", "activation", "norm"), [form for form in FORMS if form[1] != "relu"])
def test_the_line_adds_up_and_agrees_with_a_dense_sum(design, activation, norm):
    net = runtime(design, activation, norm)
    tower, rng = Tower.of(net, "user"), np.random.default_rng(2)
    pieces, directions = rng.normal(size=(5, 8)), rng.normal(size=(3, net.width))
    step = pieces.sum(axis=0)
    base, mean = tower.integrate(np.zeros(8), step, directions)
    ends = tower.forward(np.stack([np.zeros(8), step]))[0] @ directions.T
    np.testing.assert_allclose(base, ends[0], atol=1e-12)
    np.testing.assert_allclose(base + (mean @ pieces.T).sum(axis=1), ends[1], atol=1e-7)
    # the slow twin: many small steps, midpoints
    at = (np.arange(4000) + 0.5)[:, None] / 4000 * step
    slow = tower.gradient(tower.forward(at)[1], directions).mean(axis=1)
    np.testing.assert_allclose(mean @ pieces.T, slow @ pieces.T, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_encoder_of_cdl_as_a_tower(layers):
    rng = np.random.default_rng(3)
    sizes = [7, 6, 5, 4][: layers + 1]
    weights = [rng.normal(size=pair).astype(np.float32) for pair in itertools.pairwise(sizes)]
    encoder = ContentEncoder("sigmoid", weights, [rng.normal(size=size).astype(np.float32) for size in sizes[1:]])
    features = rng.normal(size=(3, 7)).astype(np.float32)
    tower = Tower.of_encoder(encoder)
    found = tower.forward((features @ weights[0]).astype(np.float64))[0]
    np.testing.assert_allclose(found, encoder.encode(features), atol=1e-5)
