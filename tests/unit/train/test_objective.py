"""Masks and noise: each equals a slow twin that encodes one user and one pair at a time."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.nn import sparse
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train import block_gradient
from dualnet.train.batches import DualBatches
from dualnet.train.inputs import InputSettings, Place
from dualnet.train.objective import DualObjective, LossSettings

USERS, ITEMS, FEATURES = 7, 9, 5
ZERO = 0.05
FORMS = {  # loss, and how zeros are computed
    "exact": ("squares", "exact"), "dense": ("squares", "dense"), "estimated": ("squares", "estimated"),
    "logistic": ("logistic", "auto"),
}  # fmt: skip


def world(seed: int = 0):
    rng = np.random.default_rng(seed)
    pattern = rng.random((USERS, ITEMS)) < 0.45
    pattern[:, 0] |= ~pattern.any(axis=1)
    matrix = csr_array((pattern * rng.uniform(0.5, 2, pattern.shape)).astype(np.float32))
    features = csr_array((rng.normal(size=(ITEMS, FEATURES)) * (rng.random((ITEMS, FEATURES)) < 0.6)).astype(np.float32))
    columns = rng.normal(size=(USERS, 2)).astype(np.float32)
    return matrix, features, columns


def dislikes() -> csr_array:
    """Return weights of some pairs that are no positives."""
    matrix = world()[0].toarray()
    rng = np.random.default_rng(4)
    return csr_array(((matrix == 0) * (rng.random(matrix.shape) < 0.4) * rng.uniform(0.1, 1, matrix.shape)).astype(np.float32))


def objective(
    mask: str,
    form: str = "exact",
    *,
    norm: str = "none",
    noise: float = 0.0,
    popular: bool = False,
    disliked: bool = False,
    parts: dict | None = None,
    dtype: torch.dtype = torch.float64,
    precision: str = "single",
    **changes,
) -> DualObjective:
    matrix, features, columns = world()
    shape = dict(
        n_items=ITEMS, n_features=FEATURES, n_user_features=2, levels=(6, 4, 3), design="branching", activation="tanh",
        norm=norm, dropout=0.0, top_branch=False, user_input="shared", item_residual=True, output_scale=0.7,
    )  # fmt: skip
    shape.update(changes)
    network = DualNetwork(DualShape(**shape), torch.Generator().manual_seed(0)).to(dtype)
    for table in (network.item_residual, network.user_table):
        if table is not None:
            torch.nn.init.normal_(table, generator=torch.Generator().manual_seed(1))
    inputs, settings = InputSettings(mask, 0.4, noise, noise, noise, 3), LossSettings(ZERO, *FORMS[form], precision)
    weights = np.linspace(0.5, 1.5, ITEMS).astype(np.float32) if popular else np.ones(1, np.float32)
    return DualObjective(network, matrix, features, columns, weights, inputs, settings, dtype,
                         known_zeros=dislikes() if disliked else None, **(parts or {}))  # fmt: skip


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


def cost(target: DualObjective, score: torch.Tensor, truth: int) -> torch.Tensor:
    """Return the loss of one score against 1 or 0."""
    if target.settings.loss == "logistic":
        return torch.log1p(torch.exp(-score if truth else score))
    return (truth - score) ** 2


def slow_twin(target: DualObjective, users: np.ndarray, items: np.ndarray, hidden: dict[int, set[int]] | None) -> torch.Tensor:
    """Add up the loss pair by pair."""
    matrix, known = world()[0].toarray(), np.zeros((USERS, ITEMS))
    if target.inputs.known_zeros is not None:
        known = target.inputs.known_zeros.toarray()
    vectors, total = item_vectors(target), torch.zeros((), dtype=torch.float64)
    for user in users:
        history = np.flatnonzero(matrix[user])
        asked = hidden[user] if hidden is not None else set(history.tolist())
        shown = history if hidden is None else np.array([j for j in history if j not in asked], int)
        encoded = encode(target, user, shown)
        for item in items:
            if matrix[user, item] and item in asked:
                if target.inputs.settings.mask == "leave-one-out":
                    encoded_here = encode(target, user, np.array([j for j in history if j != item], int))
                else:
                    encoded_here = encoded
                total = total + float(matrix[user, item]) * cost(target, encoded_here @ vectors[item], 1)
            elif not matrix[user, item]:
                total = total + (ZERO + float(known[user, item])) * cost(target, encoded @ vectors[item], 0)
    return total


@pytest.mark.parametrize("mask", ["none", "leave-one-out", "fold"])
@pytest.mark.parametrize("form", ["exact", "dense", "logistic"])
@pytest.mark.parametrize("item_batch", [ITEMS, 4])
@pytest.mark.parametrize("disliked", [False, True])
def test_block_loss_and_gradient_equal_the_slow_twin(mask, form, item_batch, disliked):
    target = objective(mask, form, disliked=disliked)
    batch = DualBatches(world()[0], user_batch=4, item_batch=item_batch, seed=1).batch(0, 1)
    hidden = None
    if mask == "fold":
        histories = target.inputs.histories(batch.user_rows, Place(batch.epoch, batch.step))
        history, asked = histories.matrix, histories.asked
        rows = np.repeat(batch.user_rows, np.diff(history.indptr))
        hidden = {user: set() for user in batch.user_rows}
        for user, item, hide in zip(rows, history.indices, asked, strict=True):
            if hide:
                hidden[user].add(int(item))
        assert any(hidden.values())
    scaled, error = target.loss(batch)
    expected = slow_twin(target, batch.user_rows, batch.item_rows, hidden)
    assert float(error) == pytest.approx(float(expected.detach()), rel=1e-9)
    share = len(batch.item_rows) / ITEMS
    parameters = list(target.network.parameters())
    found = torch.autograd.grad(scaled, parameters, allow_unused=True)
    wanted = torch.autograd.grad(expected / (len(batch.user_rows) * share), parameters, allow_unused=True)
    for left, right in zip(found, wanted, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-12)


def gradients(target: DualObjective, batch, *, twin: bool) -> tuple[float, list[torch.Tensor | None]]:
    target.network.train()
    target.network.zero_grad()
    if twin:
        scaled, error = target.loss(batch)
        scaled.backward()
        found = float(error)
    else:
        found = target.backward(batch)
    return found, [parameter.grad for parameter in target.network.parameters()]


def assert_same(found, wanted):
    assert found[0] == pytest.approx(wanted[0], rel=1e-10)
    for left, right in zip(found[1], wanted[1], strict=True):
        if left is None or right is None:
            assert left is None
            assert right is None
        else:
            torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mask", ["none", "leave-one-out", "fold"])
@pytest.mark.parametrize("form", ["exact", "dense", "logistic"])
@pytest.mark.parametrize("item_batch", [ITEMS, 4])
@pytest.mark.parametrize("changes", [{"norm": "batch"}, {"norm": "layer", "user_input": "reference", "dropout": 0.3},
                                     {"noise": 0.4, "dropout": 0.2, "norm": "batch"}, {"popular": True, "design": "basic"},
                                     {"item_residual": False, "design": "multi-level"}, {"disliked": True, "norm": "layer"}])  # fmt: skip
def test_hand_written_backward_equals_automatic_differentiation(mask, form, item_batch, changes):
    target = objective(mask, form, **changes)
    batch = DualBatches(world()[0], user_batch=4, item_batch=item_batch, seed=1).batch(0, 1)
    assert_same(gradients(target, batch, twin=False), gradients(target, batch, twin=True))


@pytest.mark.parametrize("mask", ["none", "leave-one-out"])
@pytest.mark.parametrize("form", ["exact", "dense", "logistic"])
@pytest.mark.parametrize(
    ("norm", "items_kept", "waiting"), [("none", 4, 1), ("layer", 4, 3), ("none", ITEMS, 3), ("layer", ITEMS, 1)]
)
def test_parts_give_the_gradient_of_the_whole_block(monkeypatch, mask, form, norm, items_kept, waiting):
    """Two users and four items at a time, items encoded once or twice, gradients waiting: the same error and gradient as in one piece."""
    monkeypatch.setattr(sparse, "ROWS_AT_ONCE", waiting)
    batch = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=1).batch(0, 0)
    parts = objective(
        mask, form, norm=norm, disliked=True, parts={"users_at_once": 2, "items_at_once": 4, "items_kept": items_kept}
    )
    whole = objective(mask, form, norm=norm, disliked=True)
    assert_same(gradients(parts, batch, twin=False), gradients(whole, batch, twin=True))


@pytest.mark.parametrize("form", ["exact", "dense"])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_products_with_eight_bits_give_nearly_the_same_gradient_in_single_precision(form, norm):
    batch = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=1).batch(0, 0)
    found = {}
    for precision in ("single", "bfloat16"):
        target = objective("none", form, norm=norm, dtype=torch.float32, precision=precision)
        found[precision] = gradients(target, batch, twin=False)
    (error, wanted), (near, coarse) = found["single"], found["bfloat16"]
    assert near != error
    assert near == pytest.approx(error, rel=0.02)
    for one, other in zip(wanted, coarse, strict=True):
        assert other is None if one is None else other.dtype == torch.float32
        if one is not None and one.norm() > 1e-4:
            assert 0 < (one - other).norm() < 0.08 * one.norm()


@pytest.mark.parametrize("items_kept", [5, ITEMS])
def test_both_passes_over_a_part_see_the_same_noise_and_batch_statistics(items_kept):
    """With noise and batch norm the parts are a loss of their own; central differences confirm its gradient."""
    parts = {"users_at_once": 4, "items_at_once": 5, "items_kept": items_kept}
    target = objective("none", norm="batch", noise=0.4, dropout=0.3, parts=parts)
    batch = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=1).batch(0, 0)
    _, found = gradients(target, batch, twin=False)
    for parameter, gradient in zip(target.network.parameters(), [g if g is None else g.clone() for g in found], strict=True):
        flat = parameter.data.view(-1)
        before, values = float(flat[0]), []
        for moved in (before + 1e-5, before - 1e-5):
            flat[0] = moved
            values.append(target.backward(batch) / USERS)
        flat[0] = before
        assert float(gradient.view(-1)[0]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-7)


def test_estimated_form_reports_the_exact_error_and_steps_along_running_means():
    batches = DualBatches(world()[0], user_batch=4, item_batch=5, seed=1)
    exact, estimated = objective("none", "exact"), objective("none", "estimated")
    for step in range(len(batches)):
        batch = batches.batch(0, step)
        error, gradient = gradients(exact, batch, twin=False)
        assert_same((estimated.backward(batch), []), (error, []))
        if step == 0:  # a mean of one block is that block
            assert_same((error, [p.grad for p in estimated.network.parameters()]), (error, gradient))
            first = exact_gram(estimated, batch)
    assert sorted(estimated.state) == ["item", "item-weight", "user", "user-weight"]
    means = [exact_gram(estimated, batches.batch(0, step)) for step in range(len(batches))]
    weights = 0.1 * 0.9 ** np.arange(len(batches))[::-1]
    mean = sum(weight * gram for weight, gram in zip(weights, means, strict=True))
    torch.testing.assert_close(estimated.state["item"], mean)
    assert not torch.allclose(mean / weights.sum(), first)


def exact_gram(target: DualObjective, batch) -> torch.Tensor:
    vectors = item_vectors(target)[torch.from_numpy(batch.item_rows)].detach()
    return ZERO * vectors.T @ vectors / len(vectors)


@pytest.mark.parametrize("form", ["dense", "logistic"])
@pytest.mark.parametrize("mask", ["none", "leave-one-out", "fold"])
def test_cells_are_visited_for_few_users_at_a_time(monkeypatch, form, mask):
    """Two users at a time or all at once: the same error and gradient."""
    batch = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=1).batch(0, 0)
    whole = gradients(objective(mask, form, popular=True), batch, twin=False)
    seen = []
    real = block_gradient.CellGradient._add_cells
    monkeypatch.setattr(block_gradient.CellGradient, "_add_cells", lambda *given: (seen.append(len(given[1])), real(*given))[1])
    monkeypatch.setattr(block_gradient, "CELLS_AT_ONCE", 2 * ITEMS)
    assert_same(gradients(objective(mask, form, popular=True), batch, twin=False), whole)
    assert seen == [2, 2, 2, 1]


@pytest.mark.parametrize("form", ["exact", "logistic"])
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_blocks_of_an_epoch_sum_to_the_whole_matrix(norm, form):
    target = objective("none", form, norm=norm)
    whole = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=0).batch(0, 0)
    parts = DualBatches(world()[0], user_batch=3, item_batch=4, seed=0)
    total = sum(target.backward(parts.batch(0, step)) for step in range(len(parts)))
    assert total == pytest.approx(target.backward(whole), rel=1e-10)


def test_noise_depends_on_epoch_and_step_only():
    target = objective("none", noise=0.5)
    batches = DualBatches(world()[0], user_batch=USERS, item_batch=ITEMS, seed=0)
    first = target.backward(batches.batch(0, 0))
    assert target.backward(batches.batch(1, 0)) != first
    assert target.backward(batches.batch(0, 0)) == first


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
