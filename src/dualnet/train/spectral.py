"""A spectral start: every level begins as the linear model of the data (``init="spectral"``)."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Generator, Tensor, nn

from ..distributed.collectives import ALONE, Collectives
from ..ids import Rows
from ..nn.blocks import BatchNorm, LayerNorm
from ..nn.losses import zero_gram
from ..nn.spec import walk
from ..nn.towers import LevelSteps, Tower
from .inputs import DualInputs, columns_of, evenly_spaced
from .item_factors import item_factors

LINEAR_RANGE = 0.5  # scale before an activation: tanh bends little there, but can learn to
FIRST_LAYER = 0.2  # root mean square of first-layer sums: sets how far an Adam step goes
UPPER_LEVELS = 0.5  # share of a level above the first in the score
SAMPLE = 20_000  # rows of each side that the maps are fitted to
RIDGE = 1e-4
LARGEST_SCALE = 100.0  # of scores that are below 1 as a rule: where clean rows are all alike, they normalise to nothing


@torch.no_grad()
def spectral_start(inputs: DualInputs, zero_weight: float, generator: Generator, group: Collectives = ALONE) -> None:
    """Set the weights of both towers so that the score is that of a linear model, solved in closed form.

    The first layers become the leading singular vectors of histories and content together; the residual of a known item is
    what content cannot say of it. Every map above is fitted by least squares to pass the factors on, so that each level is a
    fair copy to be improved, and the scale of the scores is the one with the least error. Training starts where a linear
    model ends.

    Parameters
    ----------
    inputs : DualInputs
        The training data and the network, whose weights are set.
    zero_weight : float
        Weight b of zeros, for the scale of the scores.
    generator : torch.Generator
        For the random start of the subspace iteration.
    group : Collectives
        The ranks that share the work; all hold the whole tables, and get the same weights.
    """
    network, matrix = inputs.network, inputs.matrix
    factors = item_factors(matrix, inputs.features, network.shape.levels[0], generator, group)
    stretch = FIRST_LAYER * np.sqrt(matrix.shape[1])
    known = (factors.items * stretch).to(inputs.device, inputs.dtype)
    weight = None if factors.content is None else (factors.content * stretch).to(inputs.device, inputs.dtype)
    _set_columns(network.item_weight, weight)
    _set_columns(network.user_weight, weight)
    _set_columns(network.item_residual, known)
    _set_columns(network.user_table, known)
    if network.user_columns is not None:
        network.user_columns.zero_()
    _leave_the_rest(inputs)
    user_rows, item_rows = (evenly_spaced(count, SAMPLE) for count in matrix.shape)
    table = inputs.table(None)
    item_first = inputs.items(item_rows, None)
    user_first = inputs.users(user_rows, inputs.histories(user_rows, None), table)
    for tower, first in ((network.item_tower, item_first), (network.user_tower, user_first)):
        walk(tower.spec, _Fitted(tower, first), first)
    _fit_scale(inputs, user_rows, item_rows, user_first, item_first, zero_weight)


def _set_columns(table: Tensor | None, values: Tensor | None) -> None:
    """Write the leading columns; those beyond the rank of the data stay random."""
    if table is not None and values is not None:
        table[:, : values.shape[1]] = values


def _leave_the_rest(inputs: DualInputs) -> None:
    """Take from each residual what content says already, so that both together make the factors."""
    network = inputs.network
    for residual, weight in ((network.item_residual, network.item_weight), (network.user_table, network.user_weight)):
        if residual is not None and weight is not None:
            residual.sub_(inputs.content_product(weight))


class _Fitted(LevelSteps):
    """The steps of a tower; each fits the map that it uses, bottom to top, to pass on the first-layer sums."""

    def __init__(self, tower: Tower, first: Tensor) -> None:
        super().__init__(tower)
        self.targets = first / first.square().mean().sqrt().clamp(min=1e-12)

    def mapped(self, level: int, below: Tensor) -> Tensor:
        linear = self.tower.linear(level)
        return below if linear is None else _fit_map(linear, below, self.targets)

    def normed(self, level: int, sums: Tensor) -> Tensor:
        norm = self.tower.norms[level]
        if isinstance(norm, BatchNorm):
            norm.calibrate(sums)
        if isinstance(norm, BatchNorm | LayerNorm):
            norm.scale.fill_(LINEAR_RANGE)
        return super().normed(level, sums)

    def matched(self, level: int, output: Tensor) -> Tensor:
        branch = self.tower.branch(level)
        return output if branch is None else _fit_map(branch, output, self.targets)


def _fit_map(layer: nn.Linear, inputs: Tensor, targets: Tensor) -> Tensor:
    """Set a linear layer to the ridge regression of the leading targets on its inputs; return what it makes of them."""
    width = min(layer.out_features, targets.shape[1])
    mean, target_mean = inputs.mean(0), targets[:, :width].mean(0)
    centred = inputs - mean
    gram = centred.T @ centred
    gram.diagonal().add_(RIDGE * gram.diagonal().mean().clamp(min=1e-12))
    solution = torch.linalg.solve(gram, centred.T @ (targets[:, :width] - target_mean))
    layer.weight[:width] = solution.T
    if layer.bias is not None:
        layer.bias[:width] = target_mean - mean @ solution
    made: Tensor = layer(inputs)
    return made


def _fit_scale(
    inputs: DualInputs, user_rows: Rows, item_rows: Rows, user_first: Tensor, item_first: Tensor, zero_weight: float
) -> None:
    """Set the scale of the scores to the one with the least weighted squared error on the sampled cells."""
    network = inputs.network
    n_levels = len(network.item_scale)
    share = torch.full((n_levels,), UPPER_LEVELS, dtype=inputs.dtype, device=inputs.device)
    share[0] = 1.0
    for scale in (network.item_scale, network.user_scale):
        scale.copy_(share.sqrt())
    network.eval()
    users, items = network.encode_users(user_first), network.encode_items(item_first)
    network.train()
    pairs = inputs.sparse(columns_of(csr_array(inputs.matrix[user_rows]), item_rows))
    scores = pairs.inner_products(users, items)
    uniform = torch.full((1,), 1.0, dtype=inputs.dtype, device=inputs.device)
    zeros = zero_weight * torch.vdot(zero_gram(users, uniform).view(-1), zero_gram(items, uniform).view(-1))
    curvature = ((pairs.values - zero_weight) * scores.square()).sum() + zeros
    best = float((pairs.values * scores).sum() / curvature.clamp(min=1e-12))
    if 0 < best <= LARGEST_SCALE:  # else the linear model knows nothing, and the configured scale stays
        for scale in (network.item_scale, network.user_scale):
            scale.mul_(best**0.5)
    else:
        for scale in (network.item_scale, network.user_scale):
            scale.fill_(network.shape.output_scale)
