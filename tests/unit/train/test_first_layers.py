"""How large the first layers start: of a set length, without changing what a normalised network computes."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatch
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.stages import scale_first_layers

ITEMS, USERS, FEATURES, LEVELS = 40, 30, 12, (8, 6)
INPUTS = InputSettings("none", 0.3, 0.0, 0.0, 0.0, 0)


def objective(**changes):
    """A network of random weights with its data, calibrated."""
    rng = np.random.default_rng(0)
    matrix = csr_array((rng.random((USERS, ITEMS)) < 0.2).astype(np.float32))
    features = csr_array((rng.random((ITEMS, FEATURES)) < 0.3).astype(np.float32))
    shape = dict(
        n_items=ITEMS, n_features=FEATURES, n_user_features=0, levels=LEVELS, design="branching", activation="tanh",
        norm="batch", dropout=0.0, top_branch=False, user_input="shared", item_residual=True, output_scale=0.3,
    )  # fmt: skip
    network = DualNetwork(DualShape(**{**shape, **changes}), torch.Generator().manual_seed(1))
    for table in (network.item_residual, network.user_table):
        if table is not None:
            table.data.normal_(generator=torch.Generator().manual_seed(2))
    found = DualObjective(network, matrix, features, None, np.ones(1, np.float32), INPUTS, LossSettings(0.01))
    found.calibrate()
    return found


def embeddings(found):
    """Item and user embeddings of clean inputs, with the statistics that are stored."""
    network, inputs = found.network.eval(), found.inputs
    users = inputs.users(np.arange(USERS), inputs.histories(np.arange(USERS), None), inputs.table(None))
    return network.encode_items(inputs.items(np.arange(ITEMS), None)), network.encode_users(users)


def sides(network):
    """The tables of each side on top of each other."""
    tables = [(network.item_weight, network.item_residual), (network.user_weight, network.user_table)]
    return [torch.cat([table for table in side if table is not None]) for side in tables]


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("user_input", ["shared", "reference"])
def test_the_columns_get_the_length_and_what_is_computed_stays(norm, user_input):
    found = objective(norm=norm, user_input=user_input)
    before = embeddings(found)
    scale_first_layers(found.network, 2.0)
    for table in sides(found.network):
        assert float(table.square().sum(dim=0).mean().sqrt().detach()) == pytest.approx(2.0, rel=1e-5)
    for now, then in zip(embeddings(found), before, strict=True):
        torch.testing.assert_close(now, then, rtol=1e-3, atol=1e-3)


def test_a_smaller_start_has_a_larger_gradient():
    """Behind a normalisation the gradient is as much larger as the weights are smaller."""
    gradients = []
    for length in (4.0, 2.0):
        found = objective()
        scale_first_layers(found.network, length)
        found.loss(DualBatch(np.arange(USERS), np.arange(ITEMS), 0, 0))[0].backward()
        gradients.append(float(found.network.item_weight.grad.norm()))
    assert gradients[1] / gradients[0] == pytest.approx(2.0, rel=1e-2)
