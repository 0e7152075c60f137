"""Towers in PyTorch: from first-layer sums to one embedding for each level, in the paper's three designs (section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from .blocks import BatchNorm, Share, activation_function, dropout, make_norm
from .spec import TowerSpec, walk


class Tower(nn.Module):
    """A stack of levels, and the embeddings that are matched with the dual tower.

    All embeddings are concatenated: the sum of per-level inner products is the inner product of the concatenations.

    Parameters
    ----------
    spec : TowerSpec
        Shape; every branch is as wide as its level.
    dropout_rate : float
        On the path from one level to the next.
    generator : torch.Generator
        For the initial weights.
    """

    def __init__(self, spec: TowerSpec, *, dropout_rate: float, generator: Generator) -> None:
        super().__init__()
        self.spec, self.dropout_rate = spec, dropout_rate
        # a shift before batch normalisation is taken out again by it
        biased = spec.norm != "batch"
        self.linears = nn.ModuleList(_linear(below, above, generator, bias=biased) for below, above in pairwise(spec.levels))
        self.norms = nn.ModuleList(make_norm(spec.norm, width) for width in spec.levels)
        self.bias = nn.Parameter(torch.zeros(spec.levels[0])) if biased else None
        self.branches = nn.ModuleDict(
            {str(level): _linear(spec.levels[level], spec.levels[level], generator) for level in spec.branches}
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each matched embedding, bottom to top."""
        return self.spec.widths

    def linear(self, level: int) -> nn.Linear | None:
        """Return the map to a level from the one below; level 0 has none, for the first layer is not part of the tower."""
        return cast(nn.Linear, self.linears[level - 1]) if level else None

    def branch(self, level: int) -> nn.Linear | None:
        """Return the matching branch of a level, if it has one."""
        return cast(nn.Linear, self.branches[str(level)]) if level in self.spec.branches else None

    def forward(self, first: Tensor, scale: Tensor, generator: Generator | None = None, share: Share | None = None) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        first : Tensor, shape (n, levels[0])
            Sums of the first layer, before bias, normalisation and activation.
        scale : Tensor, shape (len(widths),)
            Factor of each embedding.
        generator : torch.Generator, optional
            For dropout; none at inference.
        share : Share, optional
            Which rows of a batch these are, where other processes have the others.

        Returns
        -------
        Tensor, shape (n, sum(widths))
        """
        return walk(self.spec, _Scaled(self, scale, generator, share), first)

    @torch.no_grad()
    def calibrate(self, first: Tensor) -> None:
        """Set each batch normalisation to the statistics of clean first-layer sums, shape (n, levels[0])."""
        walk(self.spec, _Calibrated(self), first)


class LevelSteps:
    """The steps of a tower from level to level, without embeddings; what sets weights level by level builds on it.

    Parameters
    ----------
    tower : Tower
        Whose weights are used.
    generator : torch.Generator, optional
        For dropout.
    share : Share, optional
        Which rows of a batch pass, where other processes have the others.
    """

    def __init__(self, tower: Tower, generator: Generator | None = None, share: Share | None = None) -> None:
        self.tower, self.generator, self.share = tower, generator, share
        self._activate = activation_function(tower.spec.activation)

    def mapped(self, level: int, below: Tensor) -> Tensor:
        """Return the sums of a level, shape (n, width)."""
        linear = self.tower.linear(level)
        if linear is None:
            return below if self.tower.bias is None else below + self.tower.bias
        sums: Tensor = linear(dropout(below, self.tower.dropout_rate, self.generator, self.share))
        return sums

    def normed(self, level: int, sums: Tensor) -> Tensor:
        """Return the normalised sums."""
        norm = self.tower.norms[level]
        found: Tensor = norm(sums, self.share) if isinstance(norm, BatchNorm) else norm(sums)
        return found

    def activated(self, level: int, sums: Tensor) -> Tensor:
        """Return the output of a level."""
        return self._activate(sums)

    def matched(self, level: int, output: Tensor) -> Tensor:
        """Return the output as it is."""
        return output

    def joined(self, embeddings: Sequence[Tensor]) -> Tensor:
        """Return the last one: nothing is joined."""
        return embeddings[-1]


class _Scaled(LevelSteps):
    """With embeddings, each scaled by its factor."""

    def __init__(self, tower: Tower, scale: Tensor, generator: Generator | None, share: Share | None) -> None:
        super().__init__(tower, generator, share)
        self.scale = scale

    def matched(self, level: int, output: Tensor) -> Tensor:
        factor, branch = self.scale[self.tower.spec.matched.index(level)], self.tower.branch(level)
        if branch is None:
            return output * factor
        # scaling the map costs width^2, scaling what comes out of it n x width
        return functional.linear(output, branch.weight * factor, branch.bias * factor)

    def joined(self, embeddings: Sequence[Tensor]) -> Tensor:
        return embeddings[0] if len(embeddings) == 1 else torch.cat(list(embeddings), dim=1)


class _Calibrated(LevelSteps):
    """With the statistics of each batch normalisation set before it is used."""

    def normed(self, level: int, sums: Tensor) -> Tensor:
        norm = self.tower.norms[level]
        if isinstance(norm, BatchNorm):
            norm.calibrate(sums)
        return super().normed(level, sums)


def _linear(below: int, above: int, generator: Generator, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer with N(0, 1/below) weights and zero bias."""
    layer = nn.Linear(below, above, bias=bias)
    with torch.no_grad():
        layer.weight.normal_(0.0, 1.0 / math.sqrt(below), generator=generator)
        if bias:
            layer.bias.zero_()
    return layer
