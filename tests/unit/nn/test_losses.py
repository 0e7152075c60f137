"""The hand-written gradients are those of the definition, for every loss and weight, in float64; the losses are what they say."""

import math
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet import DualNet
from dualnet.data.synthetic import blocks_world
from dualnet.models import dualnet_parameters
from dualnet.nn.losses import LOSSES, Loss, block_error, pair_error
from dualnet.nn.sparse import SparseMatrix, sparse_product
from dualnet.train.block_gradient import BlockGradient, CellGradient, GramGradient
from dualnet.train.inputs import UserPart

WAYS = [("squares", GramGradient), ("squares", CellGradient), ("logistic", CellGradient)]


def block(seed: int, users: int, items: int, width: int, density: float):
    rng = np.random.default_rng(seed)
    pattern = rng.random((users, items)) < density
    weights = np.where(pattern, rng.choice([0.0, 1.0, 2.5], size=pattern.shape), 0.0)
    rows, columns = np.nonzero(pattern)
    indptr = np.concatenate([[0], np.cumsum(pattern.sum(axis=1))])
    positives = csr_array((weights[rows, columns], columns, indptr), shape=pattern.shape)

    def leaf(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape)).requires_grad_()

    return pattern, weights, positives, leaf(users, width), leaf(items, width), torch.from_numpy(rng.uniform(0.001, 0.1, items))


def by_hand(way: type[BlockGradient], loss: str, u: torch.Tensor, v: torch.Tensor, zero: torch.Tensor, *parts: UserPart):
    """Return error and gradients of a block whose users come in parts."""
    sums, found, start = way(LOSSES[loss], v.detach(), zero, 1.0), [], 0
    for part in parts:
        end = start + part.positives.shape[0] + (0 if part.alone is None else part.alone.shape[0])
        found.append(sums.add(u.detach()[start:end], part))
        start = end
    return sums.finish(), torch.cat(found), sums.gradient


def asked(positives: csr_array, alone: csr_array | None = None, known_zeros: csr_array | None = None) -> UserPart:
    return UserPart(torch.empty(0), positives, alone, known_zeros)


def assert_same(found, error: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> None:
    assert found[0] == pytest.approx(error.item(), rel=1e-9, abs=1e-9)
    for left, right in zip(found[1:], torch.autograd.grad(error, (u, v)), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("loss", "way"), WAYS)
@given(
    seed=st.integers(0, 10_000), users=st.integers(1, 12), items=st.integers(1, 15), width=st.integers(1, 9),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]), uniform=st.booleans(),
)  # fmt: skip
def test_gradients_by_hand_are_those_of_the_definition(loss, way, seed, users, items, width, density, uniform):
    _, _, positives, u, v, zero = block(seed, users, items, width, density)
    zero = zero[:1] if uniform else zero
    error = block_error(LOSSES[loss], u, v, SparseMatrix(positives, torch.float64), zero)
    assert_same(by_hand(way, loss, u, v, zero, asked(positives)), error, u, v)
    cut = users // 2
    if cut:
        halves = [asked(csr_array(positives[:cut])), asked(csr_array(positives[cut:]))]
        assert_same(by_hand(way, loss, u, v, zero, *halves), block_error(
            LOSSES[loss], u, v, SparseMatrix(positives, torch.float64), zero), u, v)  # fmt: skip


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_single_pairs_and_known_zeros_by_hand_are_those_of_the_definition(loss, way):
    _, _, positives, u, v, zero = block(7, 6, 9, 4, 0.3)
    _, _, alone, more, _, _ = block(8, 5, 9, 4, 0.2)
    _, _, known, _, _, _ = block(9, 6, 9, 4, 0.3)
    rows = torch.cat([u, more]).detach().requires_grad_()
    error = block_error(LOSSES[loss], rows[:6], v, SparseMatrix(positives, torch.float64), zero)
    error = error + pair_error(LOSSES[loss], rows[6:], v, SparseMatrix(alone, torch.float64), 1.0)
    error = error + pair_error(LOSSES[loss], rows[:6], v, SparseMatrix(known, torch.float64), 0.0)
    assert_same(by_hand(way, loss, rows, v, zero, asked(positives, alone, known)), error, rows, v)


def of_one(loss: str, score: float, target: float) -> float:
    """Return the loss of one score from its definition."""
    return (target - score) ** 2 if loss == "squares" else math.log1p(math.exp(-score if target else score))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_definition_is_equation_4_written_out(loss):
    pattern, weights, positives, u, v, zero = block(3, 5, 7, 4, 0.4)
    total = pairs = 0.0
    for i in range(5):
        for j in range(7):
            score = float((u[i] @ v[j]).detach())
            if pattern[i, j]:
                pairs += weights[i, j] * of_one(loss, score, 1.0)
            else:
                total += float(zero[j]) * of_one(loss, score, 0.0)
    stored = SparseMatrix(positives, torch.float64)
    assert block_error(LOSSES[loss], u, v, stored, zero).item() == pytest.approx(total + pairs, rel=1e-12)
    assert pair_error(LOSSES[loss], u, v, stored, 1.0).item() == pytest.approx(pairs, rel=1e-12)


@pytest.mark.parametrize(("loss", "way"), WAYS)
def test_weight_zero_takes_a_pair_out_of_the_loss(loss, way):
    pattern, _, positives, u, v, zero = block(5, 6, 6, 3, 0.5)
    gone = csr_array((np.zeros_like(positives.data), positives.indices, positives.indptr), shape=positives.shape)
    silent = (zero * torch.from_numpy(~pattern) * LOSSES[loss].of(u @ v.T, 0.0)[0]).sum()
    assert_same(by_hand(way, loss, u, v, zero, asked(gone)), silent, u, v)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_slope_of_a_loss_is_its_derivative(loss, target):
    scores = torch.tensor([-800.0, -5.0, -0.1, 0.0, 0.3, 5.0, 39.0, 41.0, 800.0], dtype=torch.float64, requires_grad=True)
    error, slope = LOSSES[loss].of(scores, target)
    torch.testing.assert_close(slope, torch.autograd.grad(error.sum(), scores)[0], rtol=1e-12, atol=1e-15)
    one_by_one, targets = torch.eye(1, dtype=torch.float64), torch.full((1, 9), target, dtype=torch.float64)
    for left, right in zip(LOSSES[loss].of_cells(one_by_one, scores.detach()[:, None], targets), (error, slope), strict=True):
        torch.testing.assert_close(left[0], right.detach(), rtol=1e-12, atol=1e-15)


def test_the_logistic_loss_is_exact_and_never_overflows():
    scores = torch.tensor([-800.0, -5.0, 0.0, 5.0, 39.0, 41.0, 800.0], dtype=torch.float64)
    expected = [math.log1p(math.exp(-abs(score))) + max(score, 0.0) for score in scores.tolist()]
    for signs, target in ((1, 0.0), (-1, 1.0)):
        found, _ = LOSSES["logistic"].of(signs * scores, target)
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-15, atol=0)


def test_a_loss_says_truly_whether_its_zeros_are_squares():
    scores = torch.linspace(-3, 3, 13, dtype=torch.float64)
    for loss in LOSSES.values():
        assert loss.square_zeros == torch.equal(loss.of(scores, 0.0)[0], scores * scores)


class Quartic(Loss):
    """A loss that we do not have."""

    def of(self, scores, target):
        gap = scores - target
        return gap**4, 4 * gap**3


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_a_new_loss_is_one_class(monkeypatch):
    """Trained with the right gradient; no other part of the library has to hear of it but the annotation of the constructor."""
    monkeypatch.setitem(LOSSES, "quartic", Quartic())
    monkeypatch.setattr(dualnet_parameters, "LossName", Literal["squares", "quartic"])
    _, _, positives, u, v, zero = block(7, 6, 9, 4, 0.3)
    error = block_error(LOSSES["quartic"], u, v, SparseMatrix(positives, torch.float64), zero)
    assert_same(by_hand(CellGradient, "quartic", u, v, zero, asked(positives)), error, u, v)
    world = blocks_world(groups=2, users=5, items=6)
    history = DualNet(levels=(8, 4), factors=0, epochs=20, loss="quartic").fit(world).training_.history
    assert history[-1]["loss"] < history[0]["loss"]


def test_sparse_product_gradient():
    _, weights, matrix, _, weight, _ = block(9, 6, 9, 4, 0.3)
    constant = SparseMatrix(matrix, torch.float64)
    torch.autograd.gradcheck(lambda w: sparse_product(constant, w), (weight,))
    torch.testing.assert_close(sparse_product(constant, weight), torch.from_numpy(weights) @ weight)
