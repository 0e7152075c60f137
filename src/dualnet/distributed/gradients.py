"""Sums over ranks and gathered rows with gradients: the gradient of a sum is a sum, that of gathered rows is scattered back.

The loss of a step is the sum of what each rank computes of it. So a rank's gradient by a value that all ranks have is its own share, and
the whole gradient is the sum of the shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.autograd import Function

from .collectives import Collectives


class _Summed(Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, group: Collectives) -> Tensor:
        ctx.group = group
        return group.all_reduce(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.group.all_reduce(grads[0]), None


class _Gathered(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: Collectives, counts: Sequence[int]) -> Tensor:
        ctx.group, ctx.counts = group, counts
        return group.all_gather(rows, counts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.group.reduce_scatter(grads[0], ctx.counts), None, None


def summed(value: Tensor, group: Collectives) -> Tensor:
    """Return the sum of a value over the ranks, with its gradient; all ranks go backward through it, or none.

    Parameters
    ----------
    value : Tensor
        Of one shape on all ranks.
    group : Collectives
        The ranks.
    """
    total: Tensor = value if group.size == 1 else _Summed.apply(value, group)
    return total


def gathered(rows: Tensor, group: Collectives, counts: Sequence[int]) -> Tensor:
    """Return the rows of all ranks in rank order, with their gradient; all ranks go backward through it, or none.

    Parameters
    ----------
    rows : Tensor, shape (own rows, width)
        Of this rank.
    group : Collectives
        The ranks.
    counts : sequence of int
        Rows of each rank.
    """
    whole: Tensor = rows if group.size == 1 else _Gathered.apply(rows, group, counts)
    return whole
