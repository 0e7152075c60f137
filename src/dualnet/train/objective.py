"""The loss of one dual mini-batch, with its gradient in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ..ids import Rows
from ..nn.dual import DualNetwork
from ..nn.losses import dense_logistic, dense_squares, exact_squares, pair_logistic, pair_squares, softplus, zero_gram
from ..nn.sparse import SparseMatrix
from .batches import DualBatch
from .block_error import ItemSide
from .device import full_precision
from .gram_memory import GramMemory
from .inputs import DualInputs, Histories, InputSettings, Place, columns_of, evenly_spaced
from .leave_one_out import without_one
from .signals import StoppedError

LossForm = Literal["auto", "exact", "dense", "estimated", "logistic"]

USERS_AT_ONCE = 8192  # of a block: some 10 kB of activations each
ITEMS_AT_ONCE = 32768


@dataclass(frozen=True)
class LossSettings:
    """How the loss of equation 4 is weighted and computed.

    Parameters
    ----------
    zero_weight : float
        Weight b of zeros.
    form : {"auto", "exact", "dense", "estimated", "logistic"}
        How the squared error is computed; auto takes the cheaper of exact and dense by block size. "logistic" is another
        loss, with the same weights.
    """

    zero_weight: float
    form: LossForm = "auto"


class DualObjective:
    """Turns a dual mini-batch into an error and gradients for both networks.

    Users and items pass through their towers in parts. The users of a part meet the embeddings of all items of the block;
    the items are encoded first without a graph, and once more with one when their whole gradient is known (a gradient
    cache, Gao et al. 2021). So the gradient is that of the whole block in the memory of a part. Where all items fit in one
    part, they are encoded once. Noise belongs to the part, and both passes draw the same; batch statistics are those of the
    part, so the passes cannot disagree.

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
        Rows of a part.
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
    ) -> None:
        self.network, self.matrix, self.settings = network, matrix, settings
        self.inputs = DualInputs(network, matrix, features, user_features, inputs, dtype)
        self.known_zeros = known_zeros
        self.users_at_once, self.items_at_once = users_at_once, items_at_once
        self._memory = GramMemory() if settings.form == "estimated" else None
        self._item_zero = torch.from_numpy(item_zero).to(self.inputs.device, dtype) * settings.zero_weight
        self.stopped: Callable[[], bool] = lambda: False  # asked between the parts of a block
        self._user_zero = torch.ones(1, dtype=dtype, device=self.inputs.device)

    @property
    def state(self) -> dict[str, Tensor]:
        """Running means that a checkpoint must keep; empty unless the form is ``"estimated"``."""
        return {} if self._memory is None else self._memory.state

    @property
    def zero_error(self) -> float:
        """Error of the whole matrix if every score were 0, by which a run that diverges is told."""
        positives = float(self.matrix.data.sum())
        if self.settings.form != "logistic":
            return positives
        items = self._item_zero.sum() if len(self._item_zero) > 1 else self._item_zero * self.matrix.shape[1]
        return math.log(2) * (positives + float(items) * self.matrix.shape[0])

    def backward(self, batch: DualBatch) -> float:
        """Add the gradient of one block to that of the parameters; return the block's weighted error.

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
        parts = list(_parts(batch.item_rows, self.items_at_once))
        with torch.set_grad_enabled(len(parts) == 1):
            encoded = [self._encode_items(rows, batch, part) for part, rows in enumerate(parts)]
        vectors = encoded[0].detach() if len(parts) == 1 else torch.cat(encoded)
        side = ItemSide.of(vectors, self._zero_of(batch.item_rows), self._scale(batch))
        self._backward_users(batch, side)
        start = 0
        for part, rows in enumerate(parts):
            again = encoded[0] if len(parts) == 1 else self._encode_items(rows, batch, part)
            again.backward(side.gradient[start : start + len(rows)])
            start += len(rows)
        return float(side.error)

    def loss(self, batch: DualBatch) -> tuple[Tensor, Tensor]:
        """Return the scaled loss and the error of a block by automatic differentiation: the readable twin of `backward`.

        The block passes as one part; shapes and scaling as in `backward`.
        """
        place = Place(batch.epoch, batch.step)
        logistic = self.settings.form == "logistic"
        whole = dense_logistic if logistic else dense_squares if self._is_dense(batch) else exact_squares
        items = self._encode_items(batch.item_rows, batch, 0)
        table, histories = self.inputs.table(place), self.inputs.histories(batch.user_rows, place)
        first = self.inputs.users(batch.user_rows, histories, table, place)
        positives = self.inputs.sparse(histories.positives(batch.item_rows))
        zeros = self._user_zero, self._zero_of(batch.item_rows)
        dropout = self.inputs.generator("user-dropout", place, device=self.inputs.device)
        if self.inputs.settings.mask == "leave-one-out":
            without, pairs = without_one(self.inputs, batch.user_rows, histories, table, batch.item_rows, place)
            users, alone = self.network.encode_users(torch.cat([first, without]), dropout).split([len(first), len(without)])
            silent = positives.with_values(torch.zeros_like(positives.values))
            error = whole(users, items, silent, *zeros) + (pair_logistic if logistic else pair_squares)(alone, items, pairs)
        else:
            users = self.network.encode_users(first, dropout)
            error = whole(users, items, positives, *zeros)
        known = self._known_zeros(batch.user_rows, batch)
        if known is not None:
            scores = users @ items.T
            error = error + (known.csr().to_dense() * (softplus(scores) if logistic else scores * scores)).sum()
        return error * self._scale(batch), error.detach()

    @torch.no_grad()
    def calibrate(self, limit: int = 20_000) -> None:
        """Set batch-norm statistics from a pass over the training data without noise (at most `limit` evenly spaced rows a side).

        Columns are left out for as many users as in training: statistics of people with columns are not those of people without.
        """
        user_rows, item_rows = (evenly_spaced(count, limit) for count in self.matrix.shape)
        users = self.inputs.users(user_rows, self.inputs.histories(user_rows, None), self.inputs.table(None), Place(0, 0))
        self.network.calibrate(self.inputs.items(item_rows, None), users)

    def _backward_users(self, batch: DualBatch, side: ItemSide) -> None:
        """Encode the users part by part, each with its gradient at once; gather the items' gradient in `side`."""
        block = Place(batch.epoch, batch.step)
        table = self.inputs.table(block)
        leaf = table.detach().requires_grad_(table.requires_grad)
        dense = self._is_dense(batch)
        width = side.vectors.shape[1]
        with full_precision():
            item_gram = None if dense else zero_gram(side.vectors, side.zero)
        step_gram = None if item_gram is None else self._blended("item", item_gram, len(batch.item_rows))
        user_gram = side.vectors.new_zeros(width, width)
        for part, rows in enumerate(_parts(batch.user_rows, self.users_at_once)):
            if part and self.stopped():
                raise StoppedError
            place = Place(batch.epoch, batch.step, part)
            histories = self.inputs.histories(rows, place)
            encoded, gradient = self._user_part(rows, histories, place, leaf, batch, side, dense=dense)
            if step_gram is not None:
                users = encoded.detach()[: len(rows)]
                with full_precision():
                    user_gram += side.user_zeros(gradient[: len(rows)], users, self._user_zero, step_gram)
            encoded.backward(gradient)
        if item_gram is not None:
            blended = self._blended("user", user_gram, len(batch.user_rows))
            with full_precision():
                side.add_zeros(user_gram, item_gram, step_gram=blended)
        if leaf.grad is not None:
            table.backward(leaf.grad)

    def _user_part(
        self, rows: Rows, histories: Histories, place: Place, table: Tensor, batch: DualBatch, side: ItemSide, *, dense: bool
    ) -> tuple[Tensor, Tensor]:
        """Return what the user tower made of a part, with its graph, and the gradient of all but the zeros' Gram form."""
        first = self.inputs.users(rows, histories, table, place)
        positives = self.inputs.sparse(histories.positives(batch.item_rows))
        dropout = self.inputs.generator("user-dropout", place, device=self.inputs.device)
        logistic = self.settings.form == "logistic"
        add = side.add_logistic if logistic else side.add_dense if dense else side.add_positives
        known = self._known_zeros(rows, batch)
        if self.inputs.settings.mask != "leave-one-out":
            encoded = self.network.encode_users(first, dropout)
            gradient = add(encoded.detach(), positives, self._user_zero)
            if known is not None:
                gradient = gradient + side.add_known_zeros(encoded.detach(), known, logistic=logistic)
            return encoded, gradient
        without, pairs = without_one(self.inputs, rows, histories, table, batch.item_rows, place)
        encoded = self.network.encode_users(torch.cat([first, without]), dropout)
        users, alone = encoded.detach().split([len(first), len(without)])
        silent = positives.with_values(torch.zeros_like(positives.values))
        add_pairs = side.add_logistic_pairs if logistic else side.add_pairs
        gradient = add(users, silent, self._user_zero)
        if known is not None:
            gradient = gradient + side.add_known_zeros(users, known, logistic=logistic)
        return encoded, torch.cat([gradient, add_pairs(alone, pairs)])

    def _known_zeros(self, rows: Rows, batch: DualBatch) -> SparseMatrix | None:
        if self.known_zeros is None:
            return None
        return self.inputs.sparse(columns_of(csr_array(self.known_zeros[rows]), batch.item_rows))

    def _encode_items(self, rows: Rows, batch: DualBatch, part: int) -> Tensor:
        place = Place(batch.epoch, batch.step, part)
        first = self.inputs.items(rows, place)
        return self.network.encode_items(first, self.inputs.generator("item-dropout", place, device=self.inputs.device))

    def _blended(self, side: str, gram: Tensor, rows: int) -> Tensor:
        return gram if self._memory is None else self._memory.blend(side, gram, rows)

    def _zero_of(self, rows: Rows) -> Tensor:
        zero = self._item_zero
        return zero if len(zero) == 1 else zero.index_select(0, torch.from_numpy(rows).to(zero.device))

    def _scale(self, batch: DualBatch) -> float:
        return self.matrix.shape[1] / (len(batch.user_rows) * len(batch.item_rows))

    def _is_dense(self, batch: DualBatch) -> bool:
        """Whether every cell of the block is visited, so that no Gram matrix is needed."""
        if self.settings.form == "auto":
            # Gram products pay off once the block is larger than the embedding is wide (decision 6)
            users, items = len(batch.user_rows), len(batch.item_rows)
            width = sum(self.network.item_tower.widths)
            return 2 * users * items <= width * (users + items) and users <= self.users_at_once
        return self.settings.form in ("dense", "logistic")


def _parts(rows: Rows, size: int) -> list[Rows]:
    """Return the rows in parts of at most `size`, as equal as can be: a part of one row would have no batch statistics."""
    return np.array_split(rows, -(-len(rows) // size))
