"""From a trained network to plain arrays: batch statistics folded into weights, ready for the NumPy runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .blocks import BatchNorm, LayerNorm
from .dual import DualNetwork
from .spec import EPSILON, LevelNames, scale_name


@torch.no_grad()
def export_network(network: DualNetwork) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Return the network as a JSON-ready description and float32 arrays.

    Batch normalisation after a linear map is itself a linear map, so it disappears into the weights (decision 8). The names are
    those of `DualNetwork.first_layers`, `LevelNames` and `scale_name`; `train.warm_start.restore_network` is the inverse.

    Parameters
    ----------
    network : DualNetwork
        Trained and calibrated.

    Returns
    -------
    config : dict
        From `TowerSpec.to_config`.
    tensors : dict of str to ndarray
    """
    tensors: dict[str, Tensor] = {}
    for side, tower, scale in network.sides():
        tables = {name: table for name, table in network.first_layers().items() if name.startswith(f"{side}.")}
        for level, width in enumerate(tower.spec.levels):
            names, linear, branch, norm = (
                LevelNames.of(side, level),
                tower.linear(level),
                tower.branch(level),
                tower.norms[level],
            )
            factor, shift = _folded(norm, scale.new_ones(width))
            if linear is None:
                tensors |= {name: table * factor for name, table in tables.items()}
                tensors[names.bias] = _shifted(tower.bias, factor, shift)
            else:
                tensors[names.weight] = linear.weight.T * factor
                tensors[names.bias] = _shifted(linear.bias, factor, shift)
            if isinstance(norm, LayerNorm):
                tensors |= {names.norm_scale: norm.scale, names.norm_shift: norm.shift}
            if branch is not None:
                tensors |= {names.branch_weight: branch.weight.T, names.branch_bias: branch.bias}
        tensors[scale_name(side)] = torch.cat([scale[k].expand(width) for k, width in enumerate(tower.widths)])
    arrays = {name: np.ascontiguousarray(value.to("cpu", torch.float32).numpy()) for name, value in tensors.items()}
    return network.item_tower.spec.to_config(), arrays


def _shifted(bias: Tensor | None, factor: Tensor, shift: Tensor) -> Tensor:
    return shift if bias is None else bias * factor + shift


def _folded(norm: nn.Module, ones: Tensor) -> tuple[Tensor, Tensor]:
    if not isinstance(norm, BatchNorm):
        return ones, torch.zeros_like(ones)
    factor = norm.scale * torch.rsqrt(norm.variance + EPSILON)
    return factor, norm.shift - norm.mean * factor
