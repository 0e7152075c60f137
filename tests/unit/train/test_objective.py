"""Masks and noise: each equals a slow twin that encodes one user and one pair at a time."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatches
from dualnet.train.objective import DualObjective, ObjectiveSettings

USERS, ITEMS, FEATURES = 7, 9, 5
ZERO = 0.05


def world(seed: int = 0):
    rng = np.random.default_rng(seed)
    pattern = rng.random((USERS, ITEMS)) < 0.45
    pattern[:, 0] |= ~pattern.any(axis=1)
    matrix = csr_array((pattern * rng.uniform(0.5, 2, pattern.shape)).astype(np.float32))
    features = csr_array((rng.normal(size=(ITEMS, FEATURES)) * (rng.random((ITEMS, FEATURES)) < 0.6)).astype(np.float32))
    columns = rng.normal(size=(USERS, 2)).astype(np.float32)
    return matrix, features, columns


def objective(mask: str, form: str = "exact", *, norm: str = "none", noise: float = 0.0, **changes) -> DualObjective:
    matrix, features, columns = world()
    shape = dict(
        n_items=ITEMS, n_features=FEATURES, n_user_features=2, levels=(6, 4, 3), design="branching", activation="tanh",
        norm=norm, dropout=0.0, top_branch=False, user_input="shared", item_residual=True, output_scale=0.7,
    )  # fmt: skip
    shape.update(changes)
    network = DualNetwork(DualShape(**shape), torch.Generator().manual_seed(0)).double()
    for table in (network.item_residual, network.user_table):
        if table is not None:
            torch.nn.init.normal_(table, generator=torch.Generator().manual_seed(1))
    settings = ObjectiveSettings(mask, 0.4, noise, noise, noise, ZERO, form, 3)
    return DualObjective(network, matrix, features, columns, np.ones(ITEMS, np.float32), settings, torch.float64)


def encode(target: DualObjective, user: int, items: np.ndarray) -> torch.Tensor:
    """Encode one user from some items, straight from the definition."""
    network = target.network
    _, features, columns = world()
    table = network.history_table(torch.from_numpy(features.toarray()).double(), network.user_table)
    first = table[items].sum(0) / np.sqrt(max(len(items), 1))
    first = first + torch.from_numpy(columns[user]).double() @ network.user_columns
    return network.encode_users(first[None])[0]


def item_vectors(target: DualObjective) -> torch.Tensor:
    network = target.network
    _, features, _ = world()
    return network.encode_items(network.item_first(torch.from_numpy(features.toarray()).double(), network.item_residual))


def slow_twin(target: DualObjective, users: np.ndarray, items: np.ndarray, hidden: dict[int, set[int]] | None) -> torch.Tensor:
    """Add up the loss pair by pair."""
    matrix = world()[0].toarray()
    vectors, total = item_vectors(target), torch.zeros((), dtype=torch.float64)
    for user in users:
        history = np.flatnonzero(matrix[user])
        asked = hidden[user] if hidden is not None else set(history.tolist())
        shown = history if hidden is None else np.array([j for j in history if j not in asked], int)
        encoded = encode(target, user, shown)
        for item in items:
            if matrix[user, item] and item in asked:
                if target.settings.mask == "leave-one-out":
                    encoded_here = encode(target, user, np.array([j for j in history if j != item], int))
                else:
                    encoded_here = encoded
                total = total + float(matrix[user, item]) * (1 - encoded_here @ vectors[item]) ** 2
            elif not matrix[user, item]:
                total = total + ZERO * (encoded @ vectors[item]) ** 2
    return total


@pytest.mark.parametrize("mask", ["none", "leave-one-out", "fold"])
@pytest.mark.parametrize("form", ["exact", "dense"])
@pytest.mark.parametrize("item_batch", [ITEMS, 4])
def test_block_loss_and_gradient_equal_the_slow_twin(mask, form, item_batch):
    target = objective(mask, form)
    batch = DualBatches(world()[0], user_batch=4, item_batch=item_batch, seed=1).batch(0, 1)
    hidden = None
    if mask == "fold":
        history = csr_array(world()[0][batch.user_rows])
        asked, _ = target._mask(history, batch)
        rows = np.repeat(batch.user_rows, np.diff(history.indptr))
        hidden = {user: set() for user in batch.user_rows}
        for user, item, hide in zip(rows, history.indices, asked, strict=True):
            if hide:
                hidden[user].add(int(item))
        assert any(hidden.values())
    scaled, error = target.loss(batch)
    expected = slow_twin(target, batch.user_rows, batch.item_rows, hidden)
    assert error == pytest.approx(float(expected.detach()), rel=1e-9)
    share = len(batch.item_rows) / ITEMS
    parameters = list(target.network.parameters())
    found = torch.autograd.grad(scaled, parameters, allow_unused=True)
    wanted = torch.autograd.grad(expected / (len(batch.user_rows) * share), parameters, allow_unused=True)
    for left, right in zip(found, wanted, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_blocks_of_an_epoch_sum_to_the_whole_matrix(norm):
    target = objective("none", norm=norm)
    whole = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=0).batch(0, 0)
    parts = DualBatches(world()[0], user_batch=3, item_batch=4, seed=0)
    total = sum(target.loss(parts.batch(0, step))[1] for step in range(len(parts)))
    assert total == pytest.approx(target.loss(whole)[1], rel=1e-10)


def test_noise_depends_on_epoch_and_step_only():
    target = objective("none", noise=0.5)
    batches = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=0)
    first = target.loss(batches.batch(0, 0))[1]
    assert target.loss(batches.batch(1, 0))[1] != first
    assert target.loss(batches.batch(0, 0))[1] == first


@pytest.mark.parametrize("changes", [{"design": "basic"}, {"design": "multi-level"}, {"top_branch": True}, {"user_input": "reference"},
                                     {"levels": (5,)}, {"activation": "sigmoid"}, {"norm": "batch"}])  # fmt: skip
def test_gradients_agree_with_central_differences(changes):
    target = objective("none", **changes)
    target.network.train()
    batch = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=0).batch(0, 0)
    loss, _ = target.loss(batch)
    loss.backward()
    rng = np.random.default_rng(0)
    for parameter in target.network.parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        at = int(rng.integers(len(flat)))
        before, step = float(flat[at]), 1e-5
        values = []
        for moved in (before + step, before - step):
            flat[at] = moved
            values.append(float(target.loss(batch)[0].detach()))
        flat[at] = before
        assert float(gradient[at]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-7)
