"""The Gram matrix of many rows, of which one half is computed, is that of the plain product."""

import pytest
import torch

from dualnet.nn import losses


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("contiguous", [True, False])
def test_half_of_a_gram_matrix_is_enough(monkeypatch, kind, contiguous):
    rows = torch.randn(50, 14, dtype=kind, generator=torch.Generator().manual_seed(0))
    rows = rows[:, :7].contiguous() if contiguous else rows[:, ::2]
    whole = losses.zero_gram(rows, torch.tensor([0.5], dtype=kind))
    assert torch.equal(whole, (rows.T @ rows) * 0.5)
    monkeypatch.setattr(losses, "MANY_ROWS", 50)
    half = losses.zero_gram(rows, torch.tensor([0.5], dtype=kind))
    torch.testing.assert_close(half, whole)
    assert torch.equal(half, half.T)


def test_a_gram_matrix_of_many_rows_has_a_gradient(monkeypatch):
    monkeypatch.setattr(losses, "MANY_ROWS", 2)
    rows = torch.randn(5, 3, requires_grad=True)
    losses.zero_gram(rows, torch.ones(1)).sum().backward()
    assert rows.grad is not None
