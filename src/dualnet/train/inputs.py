"""Inputs of the towers: rows of content, histories and columns, clean or with the noise of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor

from ..distributed.collectives import Alone, Collectives
from ..ids import Rows
from ..nn.blocks import keep_mask
from ..nn.dual import DualNetwork
from ..nn.sparse import SharedFactor, SparseMatrix, sparse_product
from ..rng import derive_seed
from .division import Division, ItemTables, Part

Mask = Literal["none", "fold", "leave-one-out"]

COLUMNS_ALONE = 0.5  # of the users who are shown with columns, so many are shown without a history


@dataclass(frozen=True)
class InputSettings:
    """Settings of masks and noise of the inputs in training.

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
    seed : int
        Seed of all noise.
    column_dropout : float
        Share of users whose columns are left out of a step, so that a history alone is answered too.
    """

    mask: Mask
    fold: float
    noise: float
    history_noise: float
    residual_dropout: float
    seed: int
    column_dropout: float = 0.0


@dataclass(frozen=True)
class Place:
    """Position in training; it seeds the noise, so the same position always gives the same noise.

    Parameters
    ----------
    epoch, step, part : int
        Epoch, block of the epoch, part of the block.
    among : Part, optional
        The whole part, where other processes have some of its rows: the noise is that of the part, whoever draws it.
    """

    epoch: int
    step: int
    part: int = 0
    among: Part | None = None


@dataclass(frozen=True, eq=False)
class Histories:
    """The histories of some users.

    Parameters
    ----------
    matrix : csr_array of float32, shape (n_users, n_items)
        Weights of all their pairs.
    asked : ndarray of float32, shape (nnz,), optional
        1 where the pair is asked for; None: all are.
    shown : ndarray of float32, shape (nnz,), optional
        1 where the input shows the pair; None: all are shown.
    """

    matrix: csr_array
    asked: NDArray[np.float32] | None
    shown: NDArray[np.float32] | None

    def visible(self) -> NDArray[np.float32]:
        """Return 1 for each shown entry and 0 for each hidden one, shape (nnz,)."""
        return np.ones(self.matrix.nnz, np.float32) if self.shown is None else self.shown

    def counts(self) -> NDArray[np.float64]:
        """Return the number of shown entries of each user, at least 1, shape (n_users,)."""
        pattern = csr_array((self.visible(), self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape)
        return np.maximum(np.asarray(pattern.sum(axis=1), np.float64), 1)

    def positives(self, item_rows: Rows) -> csr_array:
        """Return the weights of the asked pairs within some items, shape (n_users, len(item_rows)).

        A pair that is not asked for keeps its place with weight 0: it is neither a positive nor a zero.
        """
        weights = self.matrix.data if self.asked is None else self.matrix.data * self.asked
        return columns_of(csr_array((weights, self.matrix.indices, self.matrix.indptr), shape=self.matrix.shape), item_rows)


@dataclass(frozen=True, eq=False)
class UserPart:
    """Some users of a block: what the user tower reads, and what is asked of its embeddings.

    Parameters
    ----------
    first : Tensor, shape (n_users + n_alone, levels[0])
        First-layer sums of the users and, below them, of those who are asked for one pair each.
    positives : csr_array, shape (n_users, n_items of the block)
        Weights of the positives; weight 0 is neither a positive nor a zero.
    alone : csr_array, shape (n_alone, n_items of the block), optional
        Under the leave-one-out mask, one weighted positive a row: its user's history comes without it.
    known_zeros : csr_array, shape (n_users, n_items of the block), optional
        What known zeros weigh beyond other zeros.
    """

    first: Tensor
    positives: csr_array
    alone: csr_array | None
    known_zeros: csr_array | None


class DualInputs:
    """First-layer sums of any users and items of the training data.

    Parameters
    ----------
    network : DualNetwork
        Whose first layers are applied.
    matrix : csr_array of float32, shape (n_users, n_items)
        The training matrix with weights; its pattern is the histories.
    features : csr_array or ndarray, shape (n_items, n_features), optional
        Content of the training items.
    user_features : csr_array or ndarray, shape (n_users, n_user_features), optional
        Columns of the training users.
    settings : InputSettings
        Masks and noise.
    dtype : torch.dtype
        float32, or float64 in tests.
    known_zeros : csr_array of float32, shape (n_users, n_items), optional
        What pairs that are known to be no positives (dislikes) weigh beyond other zeros.
    group : Collectives, optional
        The processes that train together. Each is asked for rows of its own users and items alone while the tables are divided.
    """

    def __init__(
        self,
        network: DualNetwork,
        matrix: csr_array,
        features: csr_array | NDArray[np.float32] | None,
        user_features: csr_array | NDArray[np.float32] | None,
        settings: InputSettings,
        dtype: torch.dtype,
        known_zeros: csr_array | None = None,
        group: Collectives | None = None,
    ) -> None:
        self.network, self.matrix, self.settings, self.dtype = network, matrix, settings, dtype
        self.device = network.item_scale.device
        self.features, self._user_features, self.known_zeros = features, user_features, known_zeros
        group = Alone() if group is None else group
        self.division = Division(matrix.shape[1], group)
        self.tables = ItemTables(network, network.item_tables(), self.division, group)
        self._constants: dict[range, SparseMatrix | Tensor] = {}

    def items(self, rows: Rows, place: Place | None) -> Tensor:
        """Return the first-layer sums of some items, shape (len(rows), levels[0]); without a place they are clean."""
        network, held = self.network, self.tables.held
        residual: Tensor | None = network.item_residual
        kept = self._kept_residuals("item-residual", place)
        if len(rows) < len(held):
            index = torch.from_numpy(rows - held.start).to(self.device)
            residual = None if residual is None else residual.index_select(0, index)
            kept = None if kept is None else kept.index_select(0, index)
        return network.item_first(self._content_rows(rows, place), residual, kept)

    def table(self, place: Place | None) -> Tensor:
        """Return what each item adds to a history, shape (n_items, levels[0])."""
        kept = self._kept_residuals("history-residual", place)
        held = self.network.history_table(self._held_content, self.network.user_table, kept)
        return self.tables.gathered(held)

    def histories(self, rows: Rows, place: Place | None) -> Histories:
        """Return the histories of some users, with what is asked of them and what is shown."""
        matrix, settings = csr_array(self.matrix[rows]), self.settings
        if place is None:
            return Histories(matrix, None, None)
        kept = self._kept(rows, self._pairs, settings.history_noise, "history-noise", place)
        shown = None if kept is None else kept.numpy()
        columns_alone = self._alone(rows, place)
        if columns_alone is not None:
            visible = np.repeat(~columns_alone, np.diff(matrix.indptr)).astype(np.float32)
            shown = visible if shown is None else shown * visible
        if settings.mask != "fold":
            return Histories(matrix, None, shown)
        kept = self._kept(rows, self._pairs, settings.fold, "fold", place)
        visible = np.ones(matrix.nnz, np.float32) if kept is None else kept.numpy()
        return Histories(matrix, 1 - visible, visible if shown is None else shown * visible)

    def users(self, rows: Rows, histories: Histories, table: Tensor | SharedFactor, place: Place | None = None) -> Tensor:
        """Return the first-layer sums of some users: their shown items at unit length, and their columns; clean without a place."""
        matrix = histories.matrix
        values = histories.visible() / np.repeat(np.sqrt(histories.counts()), np.diff(matrix.indptr))
        first = sparse_product(self.sparse(csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)), table)
        columns = self.columns(rows, place)
        return first if columns is None else first + columns

    def user_part(self, rows: Rows, item_rows: Rows, table: Tensor | SharedFactor, place: Place) -> UserPart:
        """Return what some users of a block are shown and asked for, disturbed as the settings say.

        Parameters
        ----------
        rows, item_rows : ndarray of int64
            Users, and the items of the block.
        table : Tensor or SharedFactor, shape (n_items, levels[0])
            From `table`, of the whole block.
        place : Place
            The part.
        """
        histories = self.histories(rows, place)
        first, positives = self.users(rows, histories, table, place), histories.positives(item_rows)
        known = None if self.known_zeros is None else columns_of(csr_array(self.known_zeros[rows]), item_rows)
        if self.settings.mask != "leave-one-out":
            return UserPart(first, positives, None, known)
        without, alone = self._without_one(rows, histories, table, item_rows, place)
        silent = csr_array((np.zeros_like(positives.data), positives.indices, positives.indptr), shape=positives.shape)
        return UserPart(torch.cat([first, without]), silent, alone, known)

    def _without_one(
        self, rows: Rows, histories: Histories, table: Tensor | SharedFactor, item_rows: Rows, place: Place
    ) -> tuple[Tensor, csr_array]:
        """Return the first-layer sums of each positive's user without that positive, and the positives, one a row (decision 7)."""
        matrix, shown = histories.matrix, histories.visible()
        numbered = columns_of(
            csr_array((np.arange(1, matrix.nnz + 1, dtype=np.int64), matrix.indices, matrix.indptr), shape=matrix.shape),
            item_rows,
        )
        entry = numbered.data - 1
        user = np.repeat(np.arange(matrix.shape[0]), np.diff(numbered.indptr))
        total = np.bincount(np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), shown, minlength=matrix.shape[0])
        scale = 1 / np.sqrt(np.maximum(total[user] - shown[entry], 1))
        n_pairs, ones = len(entry), np.arange(len(entry) + 1)
        sums = sparse_product(self.sparse(csr_array((shown, matrix.indices, matrix.indptr), shape=matrix.shape)), table)
        select = csr_array((scale, user, ones), shape=(n_pairs, matrix.shape[0]))
        remove = csr_array((shown[entry] * scale, matrix.indices[entry], ones), shape=(n_pairs, matrix.shape[1]))
        first = sparse_product(self.sparse(select), sums) - sparse_product(self.sparse(remove), table)
        columns = self.columns(rows, place)
        if columns is not None:
            whole = csr_array((np.ones(n_pairs, np.float32), user, ones), shape=select.shape)
            first = first + sparse_product(self.sparse(whole), columns)
        return first, csr_array((matrix.data[entry], numbered.indices, ones), shape=(n_pairs, len(item_rows)))

    def columns(self, rows: Rows, place: Place | None) -> Tensor | None:
        """Return what the columns of some users add to their first-layer sums, shape (len(rows), levels[0]), if any; clean without a place."""
        if self._user_features is None or self.network.user_columns is None:
            return None
        first = self.network.column_first(self._constant(self._user_features[rows]))
        if place is None:
            return first
        kept = self._kept_columns(rows, place)
        return first if kept is None else first * torch.from_numpy(kept).to(self.device, self.dtype)[:, None]

    def _kept_columns(self, rows: Rows, place: Place) -> NDArray[np.float32] | None:
        """Return 1 for each user who is shown with columns and 0 for the others, None where all are."""
        kept = self._kept(rows, len, self.settings.column_dropout, "user-columns", place)
        return None if kept is None else kept.numpy()

    def _alone(self, rows: Rows, place: Place) -> NDArray[np.bool_] | None:
        """Return which users are shown with columns alone: half of those who are shown with any."""
        if self._user_features is None or (kept := self._kept_columns(rows, place)) is None:
            return None
        features = self._user_features[rows]
        given = np.asarray(abs(features).sum(axis=1)).ravel() > 0
        drawn = self._kept(rows, len, COLUMNS_ALONE, "columns-alone", place)
        assert drawn is not None
        return given & (kept > 0) & (drawn.numpy() == 0)

    def content_product(self, weight: Tensor) -> Tensor:
        """Return the clean content of all items that are held here times a first-layer weight, shape (n_items, width)."""
        content = self._held_content
        if content is None:
            raise ValueError("there is no content")
        return content.times(weight) if isinstance(content, SparseMatrix) else content @ weight

    def sparse(self, matrix: csr_array) -> SparseMatrix:
        """Return a constant of the right type on the right device."""
        return SparseMatrix(matrix, self.dtype, self.device)

    def generator(self, stream: str, place: Place, *, device: torch.device | str = "cpu") -> Generator:
        """Return the generator of one kind of noise at one place."""
        seed = derive_seed(self.settings.seed, stream, place.epoch, place.step, place.part)
        return Generator(device).manual_seed(seed)

    def _kept(
        self,
        rows: Rows,
        entries: Callable[[Rows], int],
        rate: float,
        stream: str,
        place: Place,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor | None:
        """Return `keep_mask` for the entries of some rows, drawn for those of the whole part: who has which rows changes nothing."""
        generator = self.generator(stream, place, device=device)
        if place.among is None:
            return keep_mask(entries(rows), rate, generator, dtype)
        part = place.among
        kept = keep_mask(entries(part.rows), rate, generator, dtype)
        before = entries(part.rows[: part.own.start])
        return None if kept is None else kept[before : before + entries(rows)]

    def _kept_residuals(self, stream: str, place: Place | None) -> Tensor | None:
        """Return 1 for each item held here whose residual counts and 0 for the others, None where all do."""
        if place is None or self.features is None:
            return None  # without content the residual is all there is to know of an item
        generator = self.generator(stream, Place(place.epoch, place.step), device=self.device)  # one draw a block
        kept = keep_mask(self.matrix.shape[1], self.settings.residual_dropout, generator, self.dtype)
        return kept if kept is None or not self.tables.divided else kept[self.tables.held.start : self.tables.held.stop]

    @property
    def _held_content(self) -> SparseMatrix | Tensor | None:
        """Content of the items that are held here, if there is any."""
        held = self.tables.held
        if self.features is None:
            return None
        if held not in self._constants:
            whole = len(held) == self.matrix.shape[1]
            self._constants[held] = self._constant(self.features if whole else self.features[held.start : held.stop])
        return self._constants[held]

    def _pairs(self, rows: Rows) -> int:
        """Return the number of pairs in the histories of some users."""
        return int(np.diff(self.matrix.indptr)[rows].sum())

    def _values(self, rows: Rows) -> int:
        """Return the number of stored content values of some items."""
        features = self.features
        if features is None:
            return 0
        return (
            len(rows) * int(features.shape[1])
            if isinstance(features, np.ndarray)
            else int(np.diff(features.indptr)[rows].sum())
        )

    def _content_rows(self, rows: Rows, place: Place | None) -> SparseMatrix | Tensor | None:
        content = self._held_content
        if self.features is None or content is None:
            return None
        content = content if len(rows) == len(self.tables.held) else self._constant(self.features[rows])
        if place is None or self.settings.noise == 0:
            return content
        values = content.values if isinstance(content, SparseMatrix) else content
        kept = self._kept(rows, self._values, self.settings.noise, "item-noise", place, self.dtype, self.device)
        if kept is None:
            return content
        noisy = kept.view_as(values).mul_(values).mul_(1 / (1 - self.settings.noise))
        return content.with_values(noisy) if isinstance(content, SparseMatrix) else noisy

    def _constant(self, matrix: csr_array | NDArray[np.float32]) -> SparseMatrix | Tensor:
        if issparse(matrix):
            return self.sparse(csr_array(matrix))
        return torch.from_numpy(np.ascontiguousarray(matrix)).to(self.device, self.dtype)


def columns_of(matrix: csr_array, rows: Rows) -> csr_array:
    """Return some columns of a matrix with sorted indices; all of them cost nothing."""
    if len(rows) == matrix.shape[1]:
        return matrix
    part = csr_array(matrix[:, rows])
    part.sort_indices()
    return part


def evenly_spaced(count: int, limit: int) -> Rows:
    """Return at most `limit` of `count` rows, evenly spaced: a sample that needs no seed."""
    return np.unique(np.linspace(0, count - 1, min(limit, count)).astype(np.int64))
