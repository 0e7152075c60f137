"""The objective of the dual networks: one dual mini-batch in, its error and all gradients out, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ..distributed.collectives import Alone, Collectives
from ..ids import Rows
from ..nn.blocks import Share
from ..nn.dual import DualNetwork
from ..nn.losses import LOSSES, LossName, block_error, pair_error
from ..nn.sparse import SharedFactor
from .batches import DualBatch
from .block_gradient import BlockGradient, CellGradient, GramGradient, GramMeans
from .division import Division, Part
from .inputs import DualInputs, InputSettings, Place, UserPart, evenly_spaced
from .signals import StoppedError

Zeros = Literal["auto", "exact", "dense", "estimated"]
Precision = Literal["single", "bfloat16"]

USERS_AT_ONCE = ITEMS_AT_ONCE = 4096  # of a block: some 10 kB of activations each
ITEMS_KEPT = 65536  # blocks of up to so many items keep the activations of all parts, larger ones compute them a second time


@dataclass(frozen=True)
class LossSettings:
    """Settings of the objective (equation 4) and of the computation of its zeros.

    Parameters
    ----------
    zero_weight : float
        Weight b of zeros.
    loss : {"squares", "logistic"}
        Loss of one score (`nn.losses.LOSSES`).
    zeros : {"auto", "exact", "dense", "estimated"}
        ``"exact"`` sums the zeros by Gram matrices, ``"dense"`` visits every cell, ``"estimated"`` steps along running means of the Gram
        matrices; ``"auto"`` takes the cheaper of the first two by block size. All report the same error. A loss whose zeros have no
        Gram form visits every cell.
    precision : {"single", "bfloat16"}
        Of what the towers compute from level to level, and of the products that give the gradient of the zeros. ``"bfloat16"`` has
        eight bits of fraction: products take half of the time on a processor that has such numbers. Embeddings, the error with its
        Gram matrices, sums over pairs and weights stay in single precision.
    """

    zero_weight: float
    loss: LossName = "squares"
    zeros: Zeros = "auto"
    precision: Precision = "single"


class DualObjective:
    """Turns a dual mini-batch into an error and gradients for both networks.

    Users and items pass through their towers in parts. The users of a part meet the embeddings of all items of the block;
    the items are encoded first without a graph, and once more with one when their whole gradient is known (a gradient
    cache, Gao et al. 2021). So the gradient is that of the whole block in the memory of a part, of the items' first-layer sums and of
    their embeddings. The items of a block of at most `items_kept` are encoded once: the graphs of all their parts are kept. Dropout
    belongs to the part, and both passes draw the same; batch statistics are those of the part, so the passes cannot disagree.

    Several processes share a block: each encodes the users and items of its own ranges. Users meet the embeddings of all items,
    which are gathered, as is what items add to histories; the gradients by them are added up and scattered back. Noise and statistics
    are those of the whole part, so error and gradient do not depend on the number of processes.

    Parameters
    ----------
    network : DualNetwork
        The towers.
    matrix : csr_array of float32, shape (n_users, n_items)
        The training matrix with weights; its pattern is the histories.
    features : csr_array or ndarray, shape (n_items, n_features), optional
        Content of the training items.
    user_features : csr_array or ndarray, shape (n_users, n_user_features), optional
        Columns of the training users.
    item_zero : ndarray, shape (n_items,) or (1,)
        Factor q_j of the weight of zeros (p_i is 1).
    inputs : InputSettings
        Masks and noise.
    settings : LossSettings
        Weights and form.
    dtype : torch.dtype
        float32, or float64 in tests.
    known_zeros : csr_array of float32, shape (n_users, n_items), optional
        What pairs that are known to be no positives (dislikes) weigh beyond other zeros.
    users_at_once, items_at_once : int
        Rows of a part: so few that what is computed of them stays in a processor's cache.
    items_kept : int
        Items of the largest block whose graph is kept.
    group : Collectives, optional
        The processes that train together; all call the same methods with the same blocks. This one alone by default.
    """

    def __init__(
        self,
        network: DualNetwork,
        matrix: csr_array,
        features: csr_array | NDArray[np.float32] | None,
        user_features: csr_array | NDArray[np.float32] | None,
        item_zero: NDArray[np.float32],
        inputs: InputSettings,
        settings: LossSettings,
        dtype: torch.dtype = torch.float32,
        *,
        known_zeros: csr_array | None = None,
        users_at_once: int = USERS_AT_ONCE,
        items_at_once: int = ITEMS_AT_ONCE,
        items_kept: int = ITEMS_KEPT,
        group: Collectives | None = None,
    ) -> None:
        self.network, self.matrix, self.settings = network, matrix, settings
        self.group = Alone() if group is None else group
        self.inputs = DualInputs(network, matrix, features, user_features, inputs, dtype, known_zeros, self.group)
        self.tables, self._items = self.inputs.tables, self.inputs.division
        self._users = Division(matrix.shape[0], self.group)
        self.users_at_once, self.items_at_once, self.items_kept = users_at_once, items_at_once, items_kept
        self.stopped: Callable[[], bool] = lambda: False  # asked between the parts of a block
        self._loss = LOSSES[settings.loss]
        self._item_zero = torch.from_numpy(item_zero).to(self.inputs.device, dtype) * settings.zero_weight
        self._means = GramMeans() if settings.zeros == "estimated" else None

    @property
    def state(self) -> dict[str, Tensor]:
        """Running means that a checkpoint must keep; empty unless zeros are ``"estimated"``."""
        return {} if self._means is None else self._means.state

    @property
    def zero_error(self) -> float:
        """Error of the whole matrix if every score were 0, by which a run that diverges is told."""
        (positive, _), (zero, _) = (self._loss.of(torch.zeros((), dtype=torch.float64), target) for target in (1.0, 0.0))
        items = self._item_zero.sum() if len(self._item_zero) > 1 else self._item_zero * self.matrix.shape[1]
        return float(self.matrix.data.sum()) * float(positive) + float(items) * self.matrix.shape[0] * float(zero)

    def backward(self, batch: DualBatch) -> float:
        """Add the gradient of one block to that of the parameters; return the block's weighted error (equation 4, section 4).

        Parameters
        ----------
        batch : DualBatch
            Some users and some items. Histories are read whole, also where the block has part of the items.

        Returns
        -------
        float
            The blocks of an epoch sum to the error of the whole matrix. The gradient is that of the error divided by the
            number of users and the share of the items in the block, so that the step size does not depend on batch sizes.
        """
        item_parts = self._items.parts(batch.item_rows, self.items_at_once)
        once = len(item_parts) == 1 or len(batch.item_rows) <= self.items_kept
        first = self._item_first(batch)
        leaves = [first.detach()[part.places].contiguous().requires_grad_(first.requires_grad) for part in item_parts]
        with torch.set_grad_enabled(once):
            encoded = [self._encode_items(batch, *each) for each in zip(leaves, item_parts, strict=True)]
        block = self._block(batch, _in_order(encoded, item_parts))
        table = SharedFactor(self.inputs.table(_place(batch)))  # what each item adds to a history
        for part in self._users.parts(batch.user_rows, self.users_at_once):
            if part.number and self.stopped():
                raise StoppedError
            users, asked = self._encode_users(batch, table, part)
            users.backward(block.add(users.detach(), asked))  # to the user network, and to what items add to histories
        error = block.finish()
        table.backward()
        for leaf, part, kept in zip(leaves, item_parts, encoded, strict=True):
            items = kept if once else self._encode_items(batch, leaf, part)
            items.backward(block.gradient[part.places])  # to the item network
        if first.requires_grad:
            first.backward(_in_order([_gradient(leaf) for leaf in leaves], item_parts))
        self.tables.sum_gradients()
        return error

    def loss(self, batch: DualBatch) -> tuple[Tensor, Tensor]:
        """Return the scaled loss and the error of a block by definition and automatic differentiation: the readable twin of `backward`.

        The block passes as one part, every cell is visited; shapes and scaling as in `backward`.
        """
        (item_part,), (user_part,) = (
            side.parts(rows, len(rows)) for side, rows in ((self._items, batch.item_rows), (self._users, batch.user_rows))
        )
        items = self._encode_items(batch, self._item_first(batch), item_part)
        users, asked = self._encode_users(batch, self.inputs.table(_place(batch)), user_part)
        whole, alone = users.split([len(batch.user_rows), len(users) - len(batch.user_rows)])
        error = block_error(self._loss, whole, items, self.inputs.sparse(asked.positives), self._zero_of(batch.item_rows))
        if asked.alone is not None:
            error = error + pair_error(self._loss, alone, items, self.inputs.sparse(asked.alone), 1.0)
        if asked.known_zeros is not None:
            error = error + pair_error(self._loss, whole, items, self.inputs.sparse(asked.known_zeros), 0.0)
        return error * self._scale(batch), error.detach()

    @torch.no_grad()
    def calibrate(self, limit: int = 20_000) -> None:
        """Set batch-norm statistics from a pass over the training data without noise (at most `limit` evenly spaced rows a side).

        Columns are left out for as many users as in training: statistics of people with columns are not those of people without.
        """
        user_rows, item_rows = (evenly_spaced(count, limit) for count in self.matrix.shape)
        users = self.inputs.users(user_rows, self.inputs.histories(user_rows, None), self.inputs.table(None), Place(0, 0))
        self.network.calibrate(self.inputs.items(item_rows, None), users)

    def _item_first(self, batch: DualBatch) -> Tensor:
        """Return the first-layer sums of the own items of a block: of all at once, for their gradient has the size of the tables."""
        (whole,) = self._items.parts(batch.item_rows, len(batch.item_rows))
        return self.inputs.items(whole.own_rows, self._place(batch, whole))

    def _encode_items(self, batch: DualBatch, first: Tensor, part: Part) -> Tensor:
        """Return the embeddings of the own items of a part from their first-layer sums."""
        dropout = self.inputs.generator("item-dropout", self._place(batch, part), device=self.inputs.device)
        with self._precision():
            return self.network.encode_items(first, dropout, self._share(part)).to(first.dtype)

    def _encode_users(self, batch: DualBatch, table: Tensor | SharedFactor, part: Part) -> tuple[Tensor, UserPart]:
        """Return the embeddings of the own users of a part, and what is asked of them."""
        place = self._place(batch, part)
        asked = self.inputs.user_part(part.own_rows, batch.item_rows, table, place)
        dropout = self.inputs.generator("user-dropout", place, device=self.inputs.device)
        with self._precision():
            users = self.network.encode_users(asked.first, dropout, self._share(part, asked.alone))
        return users.to(asked.first.dtype), asked

    def _precision(self) -> AbstractContextManager[object]:
        """Return the context that what a tower computes runs in."""
        if self.settings.precision == "single":
            return nullcontext()
        return torch.autocast(self.inputs.device.type, dtype=torch.bfloat16)

    def _place(self, batch: DualBatch, part: Part) -> Place:
        return Place(batch.epoch, batch.step, part.number, None if self.group.size == 1 else part)

    def _share(self, part: Part, alone: csr_array | None = None) -> Share | None:
        """Return where the own rows of a part, and those of users who are asked for one pair each, stand among those of all."""
        if self.group.size == 1:
            return None
        total = self.group.all_reduce
        if alone is None:
            return Share(len(part.rows), [part.own], total)
        counts = self.group.all_gather(np.array([alone.shape[0]]), [1] * self.group.size)
        start = len(part.rows) + int(counts[: self.group.rank].sum())
        return Share(len(part.rows) + int(counts.sum()), [part.own, slice(start, start + alone.shape[0])], total)

    def _block(self, batch: DualBatch, items: Tensor) -> BlockGradient:
        """Return an empty sum for a block, by cells or by Gram matrices."""
        zero, scale, counts = self._zero_of(batch.item_rows), self._scale(batch), self._items.counts_of(batch.item_rows)
        if self._visits_cells(batch):
            return CellGradient(self._loss, items, zero, scale, group=self.group, counts=counts)
        products = None if self.settings.precision == "single" else torch.bfloat16
        return GramGradient(self._loss, items, zero, scale, self._means, products=products, group=self.group, counts=counts)

    def _visits_cells(self, batch: DualBatch) -> bool:
        """Whether every cell of the block is visited, so that no Gram matrix is needed."""
        if not self._loss.square_zeros or self.settings.zeros == "dense":
            return True
        if self.settings.zeros != "auto":
            return False
        # Gram products pay off once the block is larger than the embedding is wide (decision 6)
        users, items = len(batch.user_rows), len(batch.item_rows)
        width = sum(self.network.item_tower.widths)
        return 2 * users * items <= width * (users + items) and users <= self.users_at_once

    def _zero_of(self, rows: Rows) -> Tensor:
        zero = self._item_zero
        return zero if len(zero) == 1 else zero.index_select(0, torch.from_numpy(rows).to(zero.device))

    def _scale(self, batch: DualBatch) -> float:
        return self.matrix.shape[1] / (len(batch.user_rows) * len(batch.item_rows))


def _place(batch: DualBatch) -> Place:
    return Place(batch.epoch, batch.step)


def _gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


def _in_order(encoded: Sequence[Tensor], parts: Sequence[Part]) -> Tensor:
    """Return rows of all parts, such as embeddings, in the order of the block, as constants."""
    if len(parts) == 1:
        return encoded[0].detach()
    items = encoded[0].new_empty(sum(map(len, encoded)), encoded[0].shape[1])
    for part, rows in zip(parts, encoded, strict=True):
        items[part.places] = rows.detach()
    return items
