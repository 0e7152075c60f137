"""The spectral start: training begins where a linear model ends, for every design and with or without content."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatches
from dualnet.train.inputs import InputSettings
from dualnet.train.item_factors import item_factors
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.spectral import spectral_start

USERS, ITEMS, GROUPS, WORDS = 60, 48, 4, 20


def world(seed: int = 0):
    """Four groups of users who take the items of their group; content names the group, with noise."""
    rng = np.random.default_rng(seed)
    same = (np.arange(USERS)[:, None] % GROUPS) == (np.arange(ITEMS) % GROUPS)
    matrix = csr_array((rng.random((USERS, ITEMS)) < np.where(same, 0.6, 0.02)).astype(np.float32))
    content = rng.random((ITEMS, WORDS)) < 0.1
    content[np.arange(ITEMS), np.arange(ITEMS) % GROUPS] = True
    return matrix, csr_array(content.astype(np.float32)), same


def start(matrix, features, *, spectral: bool = True, **changes):
    shape = {
        "n_items": ITEMS, "n_features": 0 if features is None else WORDS, "n_user_features": 0, "levels": (12, 8),
        "design": "branching", "activation": "tanh", "norm": "batch", "dropout": 0.0, "top_branch": False, "user_input": "shared",
        "item_residual": True, "output_scale": 0.1, **changes,
    }  # fmt: skip
    network = DualNetwork(DualShape(**shape), torch.Generator().manual_seed(0))
    inputs = InputSettings("none", 0.3, 0.0, 0.0, 0.0, 0)
    objective = DualObjective(network, matrix, features, None, np.ones(1, np.float32), inputs, LossSettings(0.01))
    if spectral:
        spectral_start(objective.inputs, 0.01, torch.Generator().manual_seed(1))
    objective.calibrate()
    return objective


def scores(objective: DualObjective) -> np.ndarray:
    network, rows = objective.network.eval(), np.arange(USERS)
    with torch.no_grad():
        table = objective.inputs.table(None)
        users = network.encode_users(objective.inputs.users(rows, objective.inputs.histories(rows, None), table))
        return (users @ network.encode_items(objective.inputs.items(np.arange(ITEMS), None)).T).numpy()


def hit_rate(objective: DualObjective, same: np.ndarray) -> float:
    best = np.argsort(-scores(objective), axis=1)[:, : ITEMS // GROUPS]
    return float(np.take_along_axis(same, best, axis=1).mean())


@pytest.mark.parametrize("design", ["basic", "multi-level", "branching"])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("changes", [{}, {"activation": "relu"}, {"activation": "sigmoid"}, {"user_input": "reference"},
                                     {"item_residual": False}, {"levels": (30, 40)}, {"levels": (6,)}])  # fmt: skip
def test_untrained_network_ranks_like_a_linear_model(design, norm, changes):
    matrix, features, same = world()
    # a level without a branch cannot weigh its coordinates, and a sigmoid's cannot even be negative
    least = 0.65 if design == "branching" else 0.3 if changes.get("activation") == "sigmoid" else 0.5
    assert hit_rate(start(matrix, features, design=design, norm=norm, **changes), same) > least
    assert hit_rate(start(matrix, features, spectral=False, design=design, norm=norm, **changes), same) < 0.4


@pytest.mark.parametrize("content", ["none", "dense"])
def test_without_content_and_with_dense_content(content):
    matrix, features, same = world()
    given = None if content == "none" else np.ascontiguousarray(features.toarray())
    assert hit_rate(start(matrix, given), same) > 0.8


def test_the_scale_of_the_scores_has_the_least_error():
    """With one level the scale is one number: no other does better on the whole matrix."""
    matrix, features, _ = world()
    objective = start(matrix, features, levels=(12,))
    whole = DualBatches(matrix, user_batch=USERS, item_batch=ITEMS, seed=0).batch(0, 0)
    errors = []
    for factor in (1.0, 0.9, 1.1):
        with torch.no_grad():
            objective.network.user_scale.mul_(factor)
            errors.append(float(objective.loss(whole)[1]))
            objective.network.user_scale.div_(factor)
    assert errors[0] == min(errors)


def test_first_loss_is_far_below_that_of_a_random_start():
    matrix, features, _ = world()
    whole = DualBatches(matrix, user_batch=USERS, item_batch=ITEMS, seed=0).batch(0, 0)
    linear, random = (float(start(matrix, features, spectral=spectral).loss(whole)[1]) for spectral in (True, False))
    assert linear < 0.7 * random


def test_item_factors_are_the_leading_singular_vectors():
    """Against a dense decomposition of the same stacked matrix."""
    matrix, features, _ = world()
    found = item_factors(matrix, features, 5, torch.Generator().manual_seed(0))
    histories = (matrix.toarray() > 0) * np.maximum(matrix.toarray().astype(bool).sum(0), 1) ** -0.25
    histories = histories / np.sqrt((matrix.toarray() > 0).sum(1, keepdims=True))
    content = features.toarray() / np.linalg.norm(features.toarray(), axis=1, keepdims=True)
    content *= 0.75 * np.linalg.norm(histories) / np.linalg.norm(content)
    expected = np.linalg.svd(np.vstack([histories, content.T]))[2][:5]
    overlap = np.linalg.svd(expected @ found.items.numpy())[1]
    np.testing.assert_allclose(overlap[:4], 1, atol=1e-2)  # the fifth is one of many alike
    np.testing.assert_allclose(found.items.numpy().T @ found.items.numpy(), np.eye(5), atol=1e-4)


def test_fewer_directions_than_levels_are_wide():
    matrix = csr_array(np.tile(np.eye(3, dtype=np.float32), (4, 1)))
    assert item_factors(matrix, None, 10, torch.Generator().manual_seed(0)).items.shape == (3, 3)


@pytest.mark.parametrize("kind", [csr_array, np.asarray])
@pytest.mark.parametrize("empty", [0.3, 0.6, 0.95, 1.0])
def test_items_without_content_do_not_decide_how_long_content_is(empty, kind):
    """The typical length was the median over all rows: 0 where most have no content, and the map was 1e12 times too large."""
    matrix, features, _ = world()
    dense = features.toarray()
    dense[: int(empty * ITEMS)] = 0
    found = item_factors(matrix, kind(dense), 8, torch.Generator().manual_seed(0))
    assert torch.isfinite(found.items).all()
    assert found.content.abs().max() < 1
    assert (found.content.abs().max() > 0) == (empty < 1)
