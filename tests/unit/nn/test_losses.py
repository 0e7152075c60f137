"""The exact loss is the dense loss: value and gradient, for every weight, in float64; the logistic loss by its definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet.nn.losses import (
    dense_logistic,
    dense_squares,
    exact_squares,
    pair_logistic,
    pair_squares,
    positive_logistic,
    softplus,
)
from dualnet.nn.sparse import SparseMatrix, sparse_product


def block(seed: int, users: int, items: int, width: int, density: float):
    rng = np.random.default_rng(seed)
    pattern = rng.random((users, items)) < density
    weights = np.where(pattern, rng.choice([0.0, 1.0, 2.5], size=pattern.shape), 0.0)
    rows, columns = np.nonzero(pattern)
    indptr = np.concatenate([[0], np.cumsum(pattern.sum(axis=1))])
    positives = SparseMatrix(csr_array((weights[rows, columns], columns, indptr), shape=pattern.shape), torch.float64)

    def leaf(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape)).requires_grad_()

    zeros = [torch.from_numpy(rng.uniform(0.001, 0.1, size)) for size in (users, items)]
    return pattern, weights, positives, leaf(users, width), leaf(items, width), zeros


@given(
    seed=st.integers(0, 10_000), users=st.integers(1, 12), items=st.integers(1, 15), width=st.integers(1, 9),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)  # fmt: skip
def test_exact_equals_dense_in_value_and_gradient(seed, users, items, width, density):
    _, _, positives, u, v, zeros = block(seed, users, items, width, density)
    dense = dense_squares(u, v, positives, *zeros)
    expected = torch.autograd.grad(dense, (u, v))
    exact = exact_squares(u, v, positives, *zeros)
    found = torch.autograd.grad(exact, (u, v))
    assert exact.item() == pytest.approx(dense.item(), rel=1e-9, abs=1e-9)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


def test_dense_is_equation_4_written_out():
    pattern, weights, positives, u, v, zeros = block(3, 5, 7, 4, 0.4)
    total = 0.0
    for i in range(5):
        for j in range(7):
            score = float((u[i] @ v[j]).detach())
            if pattern[i, j]:
                total += weights[i, j] * (1 - score) ** 2
            else:
                total += float(zeros[0][i] * zeros[1][j]) * score**2
    assert dense_squares(u, v, positives, *zeros).item() == pytest.approx(total, rel=1e-12)


def test_weight_zero_takes_a_pair_out_of_the_loss():
    _, _, positives, u, v, zeros = block(5, 6, 6, 3, 0.5)
    gone = positives.with_values(torch.zeros_like(positives.values))
    moved = v.detach().clone()
    loss = exact_squares(u, v, gone, *zeros)
    gradient = torch.autograd.grad(loss, v)[0]
    only_zeros = dense_squares(u, moved.requires_grad_(), gone, *zeros)
    torch.testing.assert_close(gradient, torch.autograd.grad(only_zeros, moved)[0])


def test_pair_squares_value_and_gradient():
    _, _, pairs, u, v, _ = block(7, 6, 9, 4, 0.3)
    torch.autograd.gradcheck(lambda a, b: pair_squares(a, b, pairs), (u, v))
    torch.autograd.gradcheck(
        lambda a, b: exact_squares(a, b, pairs, torch.full((6,), 0.1, dtype=u.dtype), torch.full((9,), 0.2, dtype=u.dtype)),
        (u, v),
    )


def test_sparse_product_gradient():
    _, weights, matrix, _, weight, _ = block(9, 6, 9, 4, 0.3)
    torch.autograd.gradcheck(lambda w: sparse_product(matrix, w), (weight,))
    torch.testing.assert_close(sparse_product(matrix, weight), torch.from_numpy(weights) @ weight)


def test_dense_logistic_is_its_definition_written_out():
    pattern, weights, positives, u, v, zeros = block(3, 5, 7, 4, 0.4)
    total = pairs = 0.0
    for i in range(5):
        for j in range(7):
            score = float((u[i] @ v[j]).detach())
            if pattern[i, j]:
                pairs += weights[i, j] * math.log1p(math.exp(-score))
            else:
                total += float(zeros[0][i] * zeros[1][j]) * math.log1p(math.exp(score))
    assert dense_logistic(u, v, positives, *zeros).item() == pytest.approx(total + pairs, rel=1e-12)
    assert pair_logistic(u, v, positives).item() == pytest.approx(pairs, rel=1e-12)


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
def test_positives_turn_the_logistic_loss_of_an_empty_block_into_that_of_the_block(size):
    """Also for scores so large that exp(s) is not a number any more."""
    _, _, positives, u, v, zeros = block(3, 6, 8, 4, 0.4)
    u, v = (size * u.detach()).requires_grad_(), v.detach()
    silent = (zeros[0][:, None] * zeros[1] * softplus(u @ v.T)).sum()
    gradient = torch.autograd.grad(silent, u)[0]
    error, derivative = positive_logistic(u.detach(), v, positives, *zeros)
    whole = dense_logistic(u, v, positives, *zeros)
    assert silent.item() + error.item() == pytest.approx(whole.item(), rel=1e-9)
    assert math.isfinite(whole.item())
    torch.testing.assert_close(gradient + derivative.times(v), torch.autograd.grad(whole, u)[0], rtol=1e-9, atol=1e-9)


def test_softplus_is_exact_and_never_overflows():
    scores = torch.tensor([-800.0, -5.0, 0.0, 5.0, 39.0, 41.0, 800.0], dtype=torch.float64)
    expected = [math.log1p(math.exp(-abs(score))) + max(score, 0.0) for score in scores.tolist()]
    torch.testing.assert_close(softplus(scores), torch.tensor(expected, dtype=torch.float64), rtol=1e-15, atol=0)
