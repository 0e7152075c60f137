"""From a trained network to plain arrays: batch statistics folded into weights, ready for the NumPy runtime."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .blocks import EPSILON, BatchNorm, LayerNorm
from .dual import DualNetwork
from .towers import Tower


@torch.no_grad()
def export_network(network: DualNetwork) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Return the network as a JSON-ready description and float32 arrays.

    Batch normalisation after a linear map is itself a linear map, so it disappears into the weights (decision 8). Names:
    ``<side>.<table>`` for first layers, ``<side>.level<k>.weight|bias`` and ``<side>.branch<k>.weight|bias`` (inputs x
    outputs), ``<side>.level<k>.norm_scale|norm_shift`` for layer normalisation, ``<side>.scale`` for the output.

    Parameters
    ----------
    network : DualNetwork
        Trained and calibrated.

    Returns
    -------
    config : dict
        Levels, matched levels, widths and activation.
    tensors : dict of str to ndarray
    """
    tower = network.item_tower
    config = {
        "levels": list(tower.levels),
        "matched": list(tower.matched),
        "widths": list(tower.widths),
        "activation": tower.activation,
    }
    tensors: dict[str, Tensor] = {}
    first_layers = {
        "item": {"content": network.item_weight, "residual": network.item_residual},
        "user": {"content": network.user_weight, "table": network.user_table, "columns": network.user_columns},
    }
    for side, side_tower, scale in (
        ("item", network.item_tower, network.item_scale),
        ("user", network.user_tower, network.user_scale),
    ):
        tensors |= _export_tower(side, side_tower, scale, first_layers[side])
        tensors[f"{side}.scale"] = torch.cat([scale[k].expand(width) for k, width in enumerate(side_tower.widths)])
    return config, {name: np.ascontiguousarray(value.to("cpu", torch.float32).numpy()) for name, value in tensors.items()}


def _export_tower(side: str, tower: Tower, scale: Tensor, first_layers: dict[str, nn.Parameter | None]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for level, norm in enumerate(tower.norms):
        factor, shift = _folded(norm, scale.new_ones(tower.levels[level]))
        if level == 0:
            for name, table in first_layers.items():
                if table is not None:
                    tensors[f"{side}.{name}"] = table * factor
            tensors[f"{side}.level0.bias"] = _shifted(tower.bias, factor, shift)
        else:
            linear = cast(nn.Linear, tower.linears[level - 1])
            tensors[f"{side}.level{level}.weight"] = linear.weight.T * factor
            tensors[f"{side}.level{level}.bias"] = _shifted(linear.bias, factor, shift)
        if isinstance(norm, LayerNorm):
            tensors[f"{side}.level{level}.norm_scale"] = norm.scale
            tensors[f"{side}.level{level}.norm_shift"] = norm.shift
    for name, branch in tower.branches.items():
        linear = cast(nn.Linear, branch)
        tensors[f"{side}.branch{name}.weight"] = linear.weight.T
        tensors[f"{side}.branch{name}.bias"] = linear.bias
    return tensors


def _shifted(bias: Tensor | None, factor: Tensor, shift: Tensor) -> Tensor:
    return shift if bias is None else bias * factor + shift


def _folded(norm: nn.Module, ones: Tensor) -> tuple[Tensor, Tensor]:
    if not isinstance(norm, BatchNorm):
        return ones, torch.zeros_like(ones)
    factor = norm.scale * torch.rsqrt(norm.variance + EPSILON)
    return factor, norm.shift - norm.mean * factor
