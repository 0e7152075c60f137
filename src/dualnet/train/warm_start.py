"""From saved towers back to a network that can train: the inverse of `nn.export`, for warm updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from ..nn.blocks import ACTIVATIONS, EPSILON, BatchNorm, LayerNorm
from ..nn.sparse import sparse_product
from ..nn.towers import Tower
from .inputs import DualInputs, evenly_spaced

SHRINKAGE = 3.0  # events that an item needs before its users count as much as its content
RIDGE = 1e-3
SAMPLE = 20_000  # rows of each side whose statistics batch normalisation starts from

Arrays = Mapping[str, NDArray[Any]]


@torch.no_grad()
def restore_network(inputs: DualInputs, tensors: Arrays) -> None:
    """Set the weights of a network so that it computes what exported arrays compute.

    Tables with a row for each item may have grown: the rows beyond the saved ones are zero, so that a new item is still what
    its content says. Batch normalisation, which the export folded into the weights, is set to undo itself on the clean
    training data: its scale and shift are the statistics that it takes out, and the saved bias.

    Parameters
    ----------
    inputs : DualInputs
        The training data, old and new, and a network of the saved shape, whose weights are set.
    tensors : mapping of str to ndarray
        From `dualnet.nn.export.export_network`.
    """
    network = inputs.network
    network.eval()
    for name, table in (
        ("item.content", network.item_weight),
        ("item.residual", network.item_residual),
        ("user.content", network.user_weight),
        ("user.table", network.user_table),
        ("user.columns", network.user_columns),
    ):
        if table is not None:
            saved = _tensor(tensors[name], table)
            table.zero_()
            table[: len(saved)].copy_(saved)
    user_rows, item_rows = (evenly_spaced(count, SAMPLE) for count in inputs.matrix.shape)
    users = inputs.users(user_rows, inputs.histories(user_rows, None), inputs.table(None))
    _restore_tower("item", network.item_tower, network.item_scale, inputs.items(item_rows, None), tensors)
    _restore_tower("user", network.user_tower, network.user_scale, users, tensors)


def _restore_tower(side: str, tower: Tower, scale: Tensor, first: Tensor, tensors: Arrays) -> None:
    """Set everything of a tower above its first-layer sums, shape (n, levels[0])."""
    starts = np.concatenate([[0], np.cumsum(tower.widths)[:-1]])
    scale.copy_(_tensor(tensors[f"{side}.scale"][starts], scale))
    for name, branch in tower.branches.items():
        linear = cast(nn.Linear, branch)
        linear.weight.copy_(_tensor(tensors[f"{side}.branch{name}.weight"].T, scale))
        linear.bias.copy_(_tensor(tensors[f"{side}.branch{name}.bias"], scale))
    below = first
    for level, norm in enumerate(tower.norms):
        bias = _tensor(tensors[f"{side}.level{level}.bias"], scale)
        if level:
            linear = cast(nn.Linear, tower.linears[level - 1])
            linear.weight.copy_(_tensor(tensors[f"{side}.level{level}.weight"].T, scale))
            if linear.bias is not None:
                linear.bias.copy_(bias)
            below = linear(below)
        elif tower.bias is not None:
            tower.bias.copy_(bias)
            below = below + bias
        if isinstance(norm, BatchNorm):
            norm.calibrate(below)
            norm.scale.copy_((norm.variance + EPSILON).sqrt())
            norm.shift.copy_(norm.mean + bias)
        elif isinstance(norm, LayerNorm):
            norm.scale.copy_(_tensor(tensors[f"{side}.level{level}.norm_scale"], scale))
            norm.shift.copy_(_tensor(tensors[f"{side}.level{level}.norm_shift"], scale))
        below = ACTIVATIONS[tower.activation](norm(below))


def _tensor(values: NDArray[Any], like: Tensor) -> Tensor:
    return torch.from_numpy(np.array(values, order="C")).to(like.device, like.dtype)


@torch.no_grad()
def start_new_rows(inputs: DualInputs, n_old: int) -> None:
    """Give new items the rows that old items with such users and such content have learned.

    From zero a row needs as many epochs as a fit has. What old items learned is, to a good part, a linear function of the
    first-layer sums of their users and of their own content; ridge regression on the old items gives new ones a start.

    Parameters
    ----------
    inputs : DualInputs
        With a restored network; its tables are changed beyond row `n_old`.
    n_old : int
        Items that were trained before; they come first.
    """
    network, matrix = inputs.network, inputs.matrix
    tables = [table for table in (network.item_residual, network.user_table) if table is not None]
    if not tables or matrix.shape[1] == n_old:
        return
    users = np.arange(matrix.shape[0])
    first = inputs.users(users, inputs.histories(users, None), inputs.table(None))
    pairs = inputs.sparse(csr_array(matrix.T))
    counts = torch.from_numpy(np.diff(csr_array(matrix.T).indptr)).to(first.device, first.dtype)
    known = [sparse_product(pairs, first) / (counts + SHRINKAGE)[:, None], (counts / (counts + SHRINKAGE))[:, None]]
    for weight in (network.item_weight, network.user_weight):
        if weight is not None:
            known.append(inputs.content_product(weight))
    signs = torch.cat(known, dim=1).double()
    old = signs[:n_old]
    gram = old.T @ old
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    for table in tables:
        solution = torch.linalg.solve(gram, old.T @ table[:n_old].double())
        table[n_old:].copy_(signs[n_old:] @ solution)
