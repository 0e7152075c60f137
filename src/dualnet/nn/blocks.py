"""The small parts of a tower: activation, normalisation, dropout, input noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from .spec import ACTIVATIONS, EPSILON, Activation, Norm


def activation_function(name: Activation) -> Callable[[Tensor], Tensor]:
    """Return an activation of the table `spec.ACTIVATIONS` as a function of tensors."""
    found: Callable[[Tensor], Tensor] = attrgetter(ACTIVATIONS[name].torch)(torch)
    return found


@dataclass(frozen=True, eq=False)
class Share:
    """Rows of a batch that one of several processes has: dropout and batch statistics are those of the whole batch.

    Parameters
    ----------
    count : int
        Rows of the whole batch.
    own : sequence of slice
        Where the rows of this process stand in it, in their order.
    total : callable
        The sum of a tensor over the processes.
    """

    count: int
    own: Sequence[slice]
    total: Callable[[Tensor], Tensor]

    def rows_of(self, whole: Tensor) -> Tensor:
        """Return the rows of this process, of a tensor with those of the whole batch."""
        return torch.cat([whole[part] for part in self.own])


class _Centred(torch.autograd.Function):
    """Rows of a batch, less its mean and over its deviation, where other processes have the other rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: Share) -> Tensor:
        mean = share.total(x.sum(dim=0)) / share.count
        centred = x - mean
        variance = share.total(centred.square().sum(dim=0)) / share.count
        factor = torch.rsqrt(variance + EPSILON)
        normed = centred.mul_(factor)
        ctx.share = share
        ctx.save_for_backward(normed, factor)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (normed, factor), grad = ctx.saved_tensors, grads[0]
        through = ctx.share.total(torch.stack([grad.sum(dim=0), (grad * normed).sum(dim=0)])) / ctx.share.count
        return factor * (grad - through[0] - normed * through[1]), None


class BatchNorm(nn.Module):
    """Batch normalisation whose stored statistics are set by `calibrate`, not by a moving average.

    A moving average sees noisy, half-trained batches; here the statistics that will be folded into the weights are those
    of one clean pass over the training data.

    Parameters
    ----------
    width : int
        Number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor, share: Share | None = None) -> Tensor:
        """Normalise a batch, shape (n, width), or the own rows of one; a batch of one row uses the stored statistics."""
        of_batch = self.training and (len(x) if share is None else share.count) > 1
        if of_batch and share is not None:
            normed: Tensor = _Centred.apply(x.to(self.scale.dtype), share)
            return torch.addcmul(self.shift, normed, self.scale)
        mean, variance = (None, None) if of_batch else (self.mean, self.variance)
        return functional.batch_norm(x, mean, variance, self.scale, self.shift, of_batch, 0.0, EPSILON)

    def calibrate(self, x: Tensor) -> None:
        """Store the statistics of a clean batch, shape (n, width).

        One row has none: its variance of 0 would blow up whatever differs from it in the least, so the stored ones stay.
        """
        if len(x) < 2:
            return
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        self.mean.copy_(mean)
        self.variance.copy_(variance)

    def undo_itself(self, x: Tensor, shift: Tensor) -> None:
        """Set scale and shift so that the layer adds `shift`, shape (width,), to a clean batch x, shape (n, width), and no more.

        The scale and the shift become the statistics that the layer takes out.
        """
        self.calibrate(x)
        self.scale.copy_((self.variance + EPSILON).sqrt())
        self.shift.copy_(self.mean + shift)


class LayerNorm(nn.Module):
    """Layer normalisation: each row by itself, so that no pass disagrees with another.

    Parameters
    ----------
    width : int
        Number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each row of a batch, shape (n, width)."""
        return functional.layer_norm(x, self.scale.shape, self.scale, self.shift, EPSILON)


def make_norm(kind: Norm, width: int) -> nn.Module:
    """Return a normalisation layer of one kind."""
    return {"batch": BatchNorm, "layer": LayerNorm, "none": lambda _: nn.Identity()}[kind](width)


def dropout(x: Tensor, rate: float, generator: Generator | None, share: Share | None = None) -> Tensor:
    """Zero a share of the entries and scale up the rest, with numbers from the given generator.

    Parameters
    ----------
    x : Tensor
        Any shape.
    rate : float
        Share of entries that become zero, in [0, 1).
    generator : torch.Generator, optional
        Source of randomness; none means no dropout (inference).
    share : Share, optional
        Where x, of shape (n, width), has some of the rows of a batch.
    """
    if rate == 0.0 or generator is None:
        return x
    kept = keep_mask(x.numel() if share is None else share.count * x.shape[1], rate, generator, x.dtype)
    if kept is None:
        return x
    kept = kept if share is None else share.rows_of(kept.view(share.count, x.shape[1]))
    return x * kept.view_as(x).mul_(1 / (1 - rate))


def keep_mask(count: int, rate: float, generator: Generator | None, dtype: torch.dtype = torch.float32) -> Tensor | None:
    """Return a 0/1 mask of `count` entries that drops a share `rate` (section 5.3, noise injection), or None for no noise.

    Sixteen random bits decide each entry, four entries a random word: a draw costs a third of `bernoulli_`, and the share is
    met to 1/65536; so much is kept at least.
    """
    if rate == 0.0 or generator is None:
        return None
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=generator.device).random_(-(2**63), None, generator=generator)
    dropped = min(round(rate * 65536), 65535)  # 65536 would be beyond int16, and keep everything
    return (words.view(torch.int16)[:count] >= dropped - 32768).to(dtype)
