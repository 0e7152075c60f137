"""The method on one page is the method that trains: a step of the trainer changes the weights as a step of `nn.paper` does."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

import dualnet.nn.paper
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.nn.paper import DualNetworks, Network, random_network
from dualnet.train.batches import DualBatches
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.options import RunOptions
from dualnet.train.trainer import Trainer, TrainerSettings

USERS, ITEMS, FEATURES, LEVELS = 17, 23, 6, (7, 5, 4)
RATE, MOMENTUM, ZERO_WEIGHT = 0.003, 0.9, 0.05
DESIGNS = ["basic", "multi-level", "branching"]
SOURCE = Path(dualnet.nn.paper.__file__)


def world() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    matrix = (rng.random((USERS, ITEMS)) < 0.3).astype(np.float32)
    matrix[3] = 0  # one user without a history
    return matrix, rng.normal(size=(ITEMS, FEATURES)).astype(np.float32)


def library(design: str, zeros: str, *, parts: dict | None = None) -> DualObjective:
    """Return our networks with the paper's settings: no residuals, no normalisation, no noise, no scales, table input."""
    shape = DualShape(
        ITEMS, FEATURES, 0, LEVELS, design, "tanh", "none", 0.0, False, "reference", False, 1.0, learned_scale=False
    )
    network = DualNetwork(shape, torch.Generator().manual_seed(2)).double()
    matrix, features = world()
    inputs, loss = InputSettings("none", 0.3, 0.0, 0.0, 0.0, 1), LossSettings(ZERO_WEIGHT, zeros=zeros)
    return DualObjective(
        network, csr_array(matrix), features, None, np.ones(1, np.float32), inputs, loss, torch.float64, **(parts or {})
    )


def on_the_page(network: DualNetwork, side: str) -> Network:
    """Return one side of our networks in the form of `nn.paper`, with weights of its own."""
    tower = network.item_tower if side == "item" else network.user_tower
    first = network.item_weight if side == "item" else network.user_table
    pairs = [(first, tower.bias), *((linear.weight.T, linear.bias) for linear in tower.linears)]
    branches = [(branch.weight.T, branch.bias) for branch in tower.branches.values()]

    def copied(layers):
        return [tuple(value.detach().clone().requires_grad_() for value in layer) for layer in layers]

    return Network(copied(pairs), copied(branches), network.shape.design)


def step_on_the_page(networks: DualNetworks, batch) -> float:
    matrix, features = (torch.from_numpy(array).double() for array in world())
    users, items = torch.from_numpy(batch.user_rows), torch.from_numpy(batch.item_rows)
    return networks.step(features, matrix, users, items, RATE, MOMENTUM, ZERO_WEIGHT)


def assert_same_weights(network: DualNetwork, networks: DualNetworks) -> None:
    for side, there in (("item", networks.item), ("user", networks.user)):
        here = on_the_page(network, side)
        assert len(here.parameters) == len(there.parameters)
        for left, right in zip(here.parameters, there.parameters, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-12)


def settings(epochs: int) -> TrainerSettings:
    return TrainerSettings("sgd", RATE, MOMENTUM, 0.0, "constant", epochs, None, 1, "none")


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("zeros", ["exact", "dense", "auto"])
@pytest.mark.parametrize("block", [(USERS, ITEMS), (6, 8)], ids=["whole matrix", "blocks"])
@pytest.mark.parametrize("parts", [{}, {"users_at_once": 2, "items_at_once": 3}], ids=["whole block", "parts"])
def test_training_changes_every_weight_as_the_page_does(design, zeros, block, parts):
    """Two epochs of steps with momentum, and the loss of each."""
    objective = library(design, zeros, parts=parts)
    twin = DualNetworks(on_the_page(objective.network, "item"), on_the_page(objective.network, "user"))
    start = [parameter.detach().clone() for parameter in twin.item.parameters]
    batches = DualBatches(csr_array(world()[0]), user_batch=block[0], item_batch=block[1], seed=3)
    n_pairs = int(world()[0].sum())
    trainer = Trainer(
        objective, batches, settings(2), n_pairs=n_pairs, validate=None, identity={}, run=RunOptions(progress=False),
        phase="train",
    )  # fmt: skip
    history = trainer.fit().history
    for epoch in range(2):
        error = sum(step_on_the_page(twin, batches.batch(epoch, step)) for step in range(len(batches)))
        assert history[epoch]["loss"] == pytest.approx(error / n_pairs, rel=1e-9)
    assert_same_weights(objective.network, twin)
    assert all(not torch.allclose(now, before) for now, before in zip(twin.item.parameters, start, strict=True))


@pytest.mark.parametrize("design", DESIGNS)
def test_the_page_learns_what_it_is_told(design):
    """From random weights the error of a matrix that content explains falls to a tenth."""
    draws = torch.Generator().manual_seed(0)
    content = torch.eye(4, dtype=torch.float64).repeat(3, 1)
    liked = (torch.eye(4).repeat(2, 3) > 0).double()
    networks = DualNetworks(random_network(4, (8, 6), design, draws), random_network(12, (8, 6), design, draws))
    everyone, everything = torch.arange(8), torch.arange(12)
    errors = [networks.step(content, liked, everyone, everything, 0.005, 0.9, 0.1) for _ in range(200)]
    assert errors[-1] < 0.1 * errors[0]


def test_the_page_stays_a_page():
    assert len(SOURCE.read_text().splitlines()) <= 150


def test_the_explanation_quotes_the_page():
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "method.md").read_text()
    quoted = re.findall(r"^```{literalinclude} (\S+)\n(?::\S+:.*\n)*:pyobject: (\S+)\n", page, flags=re.M)
    assert len(quoted) >= 3
    for path, name in quoted:
        assert (Path(__file__).parents[3] / "docs" / "explanation" / path).resolve() == SOURCE.resolve()
        found = getattr(dualnet.nn.paper, name.split(".")[0])
        for part in name.split(".")[1:]:
            found = getattr(found, part)
