"""How large the first layers start: under normalisation that decides how fast plain gradient descent can move them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..nn.dual import DualNetwork


@torch.no_grad()
def scale_first_layers(network: DualNetwork, length: float) -> None:
    """Scale the first layers so that the columns of each side have a root mean square of `length`.

    Behind batch or layer normalisation the scale does not change what the network computes, but a gradient is as much larger as the
    weights are smaller: a step changes them by the square of that. Tables of rows drawn from N(0, 1/width) have columns of length
    sqrt(rows / width), about ten for twenty thousand rows; a column of length 1 is the usual draw by fan-in.

    Parameters
    ----------
    network : DualNetwork
        Changed in place; its levels are normalised, and batch statistics that are stored move along.
    length : float
        Wanted; above 0.
    """
    for tower, tables in (
        (network.item_tower, (network.item_weight, network.item_residual)),
        (network.user_tower, (network.user_weight, network.user_table, network.user_columns)),
    ):
        own = [table for table in tables if table is not None]
        factor = length / _column_length(own)
        for table in own:
            table.mul_(factor)
        statistics = dict(tower.norms[0].named_buffers())
        if "mean" in statistics:
            statistics["mean"].mul_(factor)
            statistics["variance"].mul_(factor**2)


def _column_length(tables: Sequence[Tensor]) -> float:
    squares = sum(float(table.square().sum()) for table in tables)
    return max((squares / tables[0].shape[1]) ** 0.5, 1e-12)
