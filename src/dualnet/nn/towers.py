"""Towers: from first-layer sums to one embedding for each level, in the paper's three designs (section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from .blocks import ACTIVATIONS, Activation, BatchNorm, Norm, dropout, make_norm

Design = Literal["basic", "multi-level", "branching"]


class Tower(nn.Module):
    """A stack of levels, and the embeddings that are matched with the dual tower.

    ``basic`` matches the top level alone, ``multi-level`` every level, ``branching`` every level through a matching branch
    of its own, so that the abstraction path is not bent by the matching. All embeddings are concatenated: the sum of
    per-level inner products is the inner product of the concatenations.

    Parameters
    ----------
    levels : sequence of int
        Width of each level, bottom to top.
    design : {"basic", "multi-level", "branching"}
        Which levels are matched, and how.
    activation : {"tanh", "relu", "sigmoid", "identity"}
        After each level.
    norm : {"batch", "layer", "none"}
        Before each activation.
    dropout_rate : float
        On the path from one level to the next.
    top_branch : bool
        Whether the top level also has a branch (figure 1 gives it none).
    generator : torch.Generator
        For the initial weights.
    """

    def __init__(
        self,
        levels: Sequence[int],
        *,
        design: Design,
        activation: Activation,
        norm: Norm,
        dropout_rate: float,
        top_branch: bool,
        generator: Generator,
    ) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.activation: Activation = activation
        self.dropout_rate = dropout_rate
        # a shift before batch normalisation is taken out again by it
        biased = norm != "batch"
        self.linears = nn.ModuleList(_linear(below, above, generator, bias=biased) for below, above in pairwise(levels))
        self.norms = nn.ModuleList(make_norm(norm, width) for width in levels)
        self.bias = nn.Parameter(torch.zeros(levels[0])) if biased else None
        top = len(levels) - 1
        matched = [top] if design == "basic" else list(range(len(levels)))
        branched = [] if design != "branching" else matched if top_branch else matched[:-1]
        self.matched = tuple(matched)
        self.branches = nn.ModuleDict({str(level): _linear(levels[level], levels[level], generator) for level in branched})

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each matched embedding, bottom to top."""
        return tuple(self.levels[level] for level in self.matched)

    def forward(self, first: Tensor, scale: Tensor, generator: Generator | None = None) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        first : Tensor, shape (n, levels[0])
            Sums of the first layer, before bias, normalisation and activation.
        scale : Tensor, shape (len(widths),)
            Factor of each embedding.
        generator : torch.Generator, optional
            For dropout; none at inference.

        Returns
        -------
        Tensor, shape (n, sum(widths))
        """
        return self._encode(first, scale, generator, calibrate=False)

    @torch.no_grad()
    def calibrate(self, first: Tensor, scale: Tensor) -> Tensor:
        """Encode clean inputs, setting each batch normalisation to their statistics; shapes as in `forward`."""
        return self._encode(first, scale, None, calibrate=True)

    def _encode(self, first: Tensor, scale: Tensor, generator: Generator | None, *, calibrate: bool) -> Tensor:
        activate = ACTIVATIONS[self.activation]
        embeddings: list[Tensor] = []
        below = first if self.bias is None else first + self.bias
        for level, norm in enumerate(self.norms):
            if level:
                below = self.linears[level - 1](dropout(below, self.dropout_rate, generator))
            if calibrate and isinstance(norm, BatchNorm):
                norm.calibrate(below)
            below = activate(norm(below))
            if level in self.matched:
                factor = scale[len(embeddings)]
                embeddings.append(self._scaled_branch(level, below, factor))
        return embeddings[0] if len(embeddings) == 1 else torch.cat(embeddings, dim=1)

    def _scaled_branch(self, level: int, below: Tensor, factor: Tensor) -> Tensor:
        if str(level) not in self.branches:
            return below * factor
        branch = cast(nn.Linear, self.branches[str(level)])
        # scaling the map costs width^2, scaling what comes out of it n x width
        return functional.linear(below, branch.weight * factor, branch.bias * factor)


def _linear(below: int, above: int, generator: Generator, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer with N(0, 1/below) weights and zero bias."""
    layer = nn.Linear(below, above, bias=bias)
    with torch.no_grad():
        layer.weight.normal_(0.0, 1.0 / math.sqrt(below), generator=generator)
        if bias:
            layer.bias.zero_()
    return layer
