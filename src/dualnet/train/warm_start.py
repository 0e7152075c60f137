"""From saved towers back to a network that can train: the inverse of `nn.export`, for warm updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ..nn.blocks import BatchNorm, LayerNorm
from ..nn.sparse import sparse_product
from ..nn.spec import LevelNames, scale_name, walk
from ..nn.towers import LevelSteps, Tower
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
    for name, table in network.first_layers().items():
        saved = _tensor(tensors[name], table)
        table.zero_()
        table[: len(saved)].copy_(saved)
    user_rows, item_rows = (evenly_spaced(count, SAMPLE) for count in inputs.matrix.shape)
    users = inputs.users(user_rows, inputs.histories(user_rows, None), inputs.table(None))
    clean = {"item": inputs.items(item_rows, None), "user": users}
    for side, tower, scale in network.sides():
        starts = np.concatenate([[0], np.cumsum(tower.widths)[:-1]])
        scale.copy_(_tensor(tensors[scale_name(side)][starts], scale))
        walk(tower.spec, _Restored(tower, side, tensors), clean[side])


class _Restored(LevelSteps):
    """The steps of a tower; each sets the weights that it uses, from exported arrays."""

    def __init__(self, tower: Tower, side: str, tensors: Arrays) -> None:
        super().__init__(tower)
        self.side, self.tensors = side, tensors

    def mapped(self, level: int, below: Tensor) -> Tensor:
        names, linear = LevelNames.of(self.side, level), self.tower.linear(level)
        if linear is not None:
            linear.weight.copy_(_tensor(self.tensors[names.weight].T, below))
        bias = self.tower.bias if linear is None else linear.bias
        if bias is not None:
            bias.copy_(_tensor(self.tensors[names.bias], below))
        return super().mapped(level, below)

    def normed(self, level: int, sums: Tensor) -> Tensor:
        names, norm = LevelNames.of(self.side, level), self.tower.norms[level]
        if isinstance(norm, BatchNorm):
            norm.undo_itself(sums, _tensor(self.tensors[names.bias], sums))
        elif isinstance(norm, LayerNorm):
            norm.scale.copy_(_tensor(self.tensors[names.norm_scale], sums))
            norm.shift.copy_(_tensor(self.tensors[names.norm_shift], sums))
        return super().normed(level, sums)

    def matched(self, level: int, output: Tensor) -> Tensor:
        names, branch = LevelNames.of(self.side, level), self.tower.branch(level)
        if branch is not None:
            branch.weight.copy_(_tensor(self.tensors[names.branch_weight].T, output))
            branch.bias.copy_(_tensor(self.tensors[names.branch_bias], output))
        return output


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
