"""The loss of one dual mini-batch: masks, noise, both towers, weighted squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor

from ..nn.blocks import keep_mask
from ..nn.dual import DualNetwork
from ..nn.losses import dense_squares, exact_squares, pair_squares
from ..nn.sparse import SparseMatrix, sparse_product
from ..rng import derive_seed
from .batches import DualBatch

Mask = Literal["none", "fold", "leave-one-out"]
LossForm = Literal["auto", "exact", "dense"]


@dataclass(frozen=True)
class ObjectiveSettings:
    """How the loss of equation 4 is weighted, masked and disturbed.

    Parameters
    ----------
    mask : {"none", "fold", "leave-one-out"}
        How the answer is kept out of the question (decision 7).
    fold : float
        Share of each history that ``mask="fold"`` hides from the input and asks for.
    noise, history_noise : float
        Share of the item content and of the history entries set to zero (section 5.3).
    residual_dropout : float
        Share of items whose residual is left out of a step, so that content alone serves new items (decision 4).
    zero_weight : float
        Weight b of zeros.
    form : {"auto", "exact", "dense"}
        How the loss is computed; auto takes the cheaper by block size.
    seed : int
        Seed of all noise.
    """

    mask: Mask
    fold: float
    noise: float
    history_noise: float
    residual_dropout: float
    zero_weight: float
    form: LossForm
    seed: int


class DualObjective:
    """Turns a dual mini-batch into a scalar loss with gradients for both networks.

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
    item_zero : ndarray, shape (n_items,)
        Factor q_j of the weight of zeros (p_i is 1).
    settings : ObjectiveSettings
        Weights, masks and noise.
    dtype : torch.dtype
        float32, or float64 in tests.
    """

    def __init__(
        self,
        network: DualNetwork,
        matrix: csr_array,
        features: csr_array | NDArray[np.float32] | None,
        user_features: csr_array | NDArray[np.float32] | None,
        item_zero: NDArray[np.float32],
        settings: ObjectiveSettings,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.network, self.matrix, self.settings, self.dtype = network, matrix, settings, dtype
        self._features, self._user_features = features, user_features
        self._content = None if features is None else _constant(features, dtype)
        self._item_zero = torch.from_numpy(item_zero).to(dtype) * settings.zero_weight

    def loss(self, batch: DualBatch) -> tuple[Tensor, float]:
        """Return the loss of one block, scaled for the optimiser and as it is.

        Parameters
        ----------
        batch : DualBatch
            Some users, some items, their positives. Histories are read whole, also where the block has part of the items.

        Returns
        -------
        scaled : Tensor, scalar
            The error for each user and whole row of R, so that the step size does not depend on the batch sizes.
        error : float
            The weighted squared error of the block; the blocks of an epoch sum to that of the whole matrix.
        """
        settings, network = self.settings, self.network
        history = csr_array(self.matrix[batch.user_rows])
        asked, kept = self._mask(history, batch)
        weights = history.data if asked is None else history.data * asked
        positives = csr_array((weights, history.indices, history.indptr), shape=history.shape)
        if len(batch.item_rows) < self.matrix.shape[1]:
            positives = csr_array(positives[:, batch.item_rows])
            positives.sort_indices()

        items = network.encode_items(self._item_first(batch), self._generator("item-dropout", batch))
        table = network.history_table(self._content, self._residual(network.user_table, batch, "history-residual"))
        user_zero = torch.ones(len(batch.user_rows), dtype=self.dtype)
        item_zero = self._item_zero.index_select(0, torch.from_numpy(batch.item_rows))
        first, counts = self._history_first(history, kept, table)
        columns = self._columns(batch.user_rows)
        if settings.mask == "leave-one-out":
            without, pairs = self._without_one(history, kept, counts, first, table, columns, positives, batch)
            first = first / counts.clamp(min=1).sqrt()[:, None]
            encoded = network.encode_users(
                torch.cat([first if columns is None else first + columns, without]), self._generator("user-dropout", batch)
            )
            users, alone = encoded.split([len(batch.user_rows), len(without)])
            squares = self._squares(users, items)
            silent = SparseMatrix(positives, self.dtype)
            error = squares(users, items, silent.with_values(torch.zeros_like(silent.values)), user_zero, item_zero)
            error = error + pair_squares(alone, items, pairs)
        else:
            first = first / counts.clamp(min=1).sqrt()[:, None]
            users = network.encode_users(first if columns is None else first + columns, self._generator("user-dropout", batch))
            squares = self._squares(users, items)
            error = squares(users, items, SparseMatrix(positives, self.dtype), user_zero, item_zero)
        share = len(batch.item_rows) / self.matrix.shape[1]
        return error / (len(batch.user_rows) * share), float(error.detach())

    @torch.no_grad()
    def calibrate(self, limit: int = 20_000) -> None:
        """Set batch-norm statistics from a clean pass over the training data (at most `limit` evenly spaced rows a side)."""
        network = self.network
        n_users, n_items = self.matrix.shape
        item_rows = np.unique(np.linspace(0, n_items - 1, min(limit, n_items)).astype(np.int64))
        content = self._content_rows(item_rows, None)
        network.item_tower.calibrate(network.item_first(content, _rows(network.item_residual, item_rows)))
        table = network.history_table(self._content, network.user_table)
        user_rows = np.unique(np.linspace(0, n_users - 1, min(limit, n_users)).astype(np.int64))
        first, counts = self._history_first(csr_array(self.matrix[user_rows]), None, table)
        first = first / counts.clamp(min=1).sqrt()[:, None]
        columns = self._columns(user_rows)
        network.user_tower.calibrate(first if columns is None else first + columns)

    def _mask(self, history: csr_array, batch: DualBatch) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Return which history entries are asked for (None: all) and which the input shows (None: all)."""
        asked = None
        kept = keep_mask(history.nnz, self.settings.history_noise, self._generator("history-noise", batch))
        shown = None if kept is None else kept.numpy()
        if self.settings.mask == "fold":
            hidden = torch.empty(history.nnz).bernoulli_(self.settings.fold, generator=self._generator("fold", batch)).numpy()
            asked = hidden
            shown = 1 - hidden if shown is None else shown * (1 - hidden)
        return asked, shown

    def _item_first(self, batch: DualBatch) -> Tensor:
        residual = self._residual(self.network.item_residual, batch, "item-residual")
        if residual is not None and len(batch.item_rows) < self.matrix.shape[1]:
            residual = residual.index_select(0, torch.from_numpy(batch.item_rows))
        return self.network.item_first(self._content_rows(batch.item_rows, self._generator("item-noise", batch)), residual)

    def _content_rows(self, rows: NDArray[np.int64], generator: Generator | None) -> SparseMatrix | Tensor | None:
        if self._features is None or self._content is None:
            return None
        content = self._content if len(rows) == self.matrix.shape[1] else _constant(self._features[rows], self.dtype)
        values = content.values if isinstance(content, SparseMatrix) else content
        kept = keep_mask(values.numel(), self.settings.noise, generator, self.dtype)
        if kept is None:
            return content
        noisy = values * kept.view_as(values) / (1 - self.settings.noise)
        return content.with_values(noisy) if isinstance(content, SparseMatrix) else noisy

    def _residual(self, table: Tensor | None, batch: DualBatch, stream: str) -> Tensor | None:
        if table is None or self._features is None:
            return table  # without content the table is all there is to know of an item
        kept = keep_mask(len(table), self.settings.residual_dropout, self._generator(stream, batch), self.dtype)
        return table if kept is None else table * kept[:, None]

    def _history_first(self, history: csr_array, kept: NDArray[np.float32] | None, table: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the table rows of each history, and how many entries it has."""
        shown = np.ones(history.nnz, np.float32) if kept is None else kept
        visible = csr_array((shown, history.indices, history.indptr), shape=history.shape)
        counts = torch.from_numpy(np.asarray(visible.sum(axis=1))).to(self.dtype)
        return sparse_product(SparseMatrix(visible, self.dtype), table), counts

    def _without_one(
        self,
        history: csr_array,
        kept: NDArray[np.float32] | None,
        counts: Tensor,
        sums: Tensor,
        table: Tensor,
        columns: Tensor | None,
        positives: csr_array,
        batch: DualBatch,
    ) -> tuple[Tensor, SparseMatrix]:
        """Return the first-layer sums of each positive's user without that positive, and the positives as rows."""
        shown = np.ones(history.nnz, np.float32) if kept is None else kept
        numbered = csr_array(
            (np.arange(1, history.nnz + 1, dtype=np.int64), history.indices, history.indptr), shape=history.shape
        )
        if len(batch.item_rows) < self.matrix.shape[1]:
            numbered = csr_array(numbered[:, batch.item_rows])
            numbered.sort_indices()
        entry = numbered.data - 1
        user = np.repeat(np.arange(positives.shape[0]), np.diff(positives.indptr))
        left = np.maximum(counts.numpy()[user] - shown[entry], 1)
        n_pairs, ones = len(entry), np.arange(len(entry) + 1)
        select = csr_array((1 / np.sqrt(left), user, ones), shape=(n_pairs, positives.shape[0]))
        remove = csr_array((shown[entry] / np.sqrt(left), history.indices[entry], ones), shape=(n_pairs, history.shape[1]))
        first = sparse_product(SparseMatrix(select, self.dtype), sums) - sparse_product(SparseMatrix(remove, self.dtype), table)
        if columns is not None:
            whole = csr_array((np.ones(n_pairs, np.float32), user, ones), shape=select.shape)
            first = first + sparse_product(SparseMatrix(whole, self.dtype), columns)
        pairs = csr_array((positives.data, positives.indices, ones), shape=(n_pairs, positives.shape[1]))
        return first, SparseMatrix(pairs, self.dtype)

    def _columns(self, rows: NDArray[np.int64]) -> Tensor | None:
        weight = self.network.user_columns
        if self._user_features is None or weight is None:
            return None
        return self.network.column_first(_constant(self._user_features[rows], self.dtype))

    def _squares(self, users: Tensor, items: Tensor) -> Callable[..., Tensor]:
        form = self.settings.form
        if form == "auto":
            # Gram products pay off once the block is larger than the embedding is wide (decision 6)
            form = "dense" if len(users) * len(items) <= users.shape[1] * (len(users) + len(items)) else "exact"
        return dense_squares if form == "dense" else exact_squares

    def _generator(self, stream: str, batch: DualBatch) -> Generator:
        return Generator().manual_seed(derive_seed(self.settings.seed, stream, batch.epoch, batch.step))


def _constant(matrix: csr_array | NDArray[np.float32], dtype: torch.dtype) -> SparseMatrix | Tensor:
    return (
        SparseMatrix(csr_array(matrix), dtype) if issparse(matrix) else torch.from_numpy(np.ascontiguousarray(matrix)).to(dtype)
    )


def _rows(table: Tensor | None, rows: NDArray[np.int64]) -> Tensor | None:
    return None if table is None else table.index_select(0, torch.from_numpy(rows))
