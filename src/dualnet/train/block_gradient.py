"""Error of one dual mini-batch and its gradient by the embeddings: hand-written, in bounded memory (equation 4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from ..distributed.collectives import Alone, Collectives
from ..nn.losses import Loss, add_zero_gradient, zero_gram
from ..nn.sparse import SparseMatrix, TransposedSum
from .device import full_precision
from .inputs import UserPart

CELLS_AT_ONCE = 2**23  # 32 MB an array
DECAY = 0.9  # share of the past in a running mean


class BlockGradient(ABC):
    """Error of a block and its gradient by the item embeddings, gathered while the users of the block come in parts.

    Parameters
    ----------
    loss : Loss
        Of one score.
    own_items : Tensor, shape (own items, width)
        Embeddings of the items of the block, constants here; of several processes each gives those of its own items.
    item_zero : Tensor, shape (n_items,) or (1,)
        Weights q_j of zeros.
    scale : float
        Factor of every gradient, not of the error.
    group : Collectives, optional
        The processes that share the block; each adds its own users.
    counts : sequence of int, optional
        Items of the block that each process has.

    Attributes
    ----------
    items : Tensor, shape (n_items, width)
        Embeddings of all items of the block.
    error : Tensor, scalar
        Sum over the users so far.
    gradient : Tensor, shape (own items, width)
        By the own items, of the users of all processes; there after `finish`.
    """

    def __init__(
        self,
        loss: Loss,
        own_items: Tensor,
        item_zero: Tensor,
        scale: float,
        *,
        group: Collectives | None = None,
        counts: Sequence[int] | None = None,
    ) -> None:
        self.group = Alone() if group is None else group
        self._counts = [len(own_items)] if counts is None else list(counts)
        self.loss, self.own_items, self.item_zero, self.scale = loss, own_items, item_zero, scale
        self.items = items = self.group.all_gather(own_items, self._counts)
        self.error, self.gradient = items.new_zeros(()), items.new_empty(0)
        self._by_pairs = TransposedSum(self._start())  # of the gradient by all items

    def add(self, users: Tensor, part: UserPart) -> Tensor:
        """Take in some users; return the gradient by their embeddings.

        Parameters
        ----------
        users : Tensor, shape (n_users + n_alone, width)
            Embeddings of the rows of `part.first`, constants here.
        part : UserPart
            What is asked of them.

        Returns
        -------
        Tensor, of the shape of `users`
        """
        whole, alone = users.split([part.positives.shape[0], len(users) - part.positives.shape[0]])
        gradient = self.add_block(whole, part.positives)
        if part.known_zeros is not None:
            gradient = gradient + self._add_pairs(whole, part.known_zeros, 0.0)
        return gradient if part.alone is None else torch.cat([gradient, self._add_pairs(alone, part.alone, 1.0)])

    @abstractmethod
    def add_block(self, users: Tensor, positives: csr_array) -> Tensor:
        """Take in positives and zeros of some users, shape (n_users, width); return the gradient by them, of the same shape."""

    def finish(self) -> float:
        """Complete the gradient after the last users, of all processes; return the error of the block."""
        total = self._by_pairs.total()
        self.gradient = self.group.reduce_scatter(torch.zeros_like(self.items) if total is None else total, self._counts)
        self.error = self.group.all_reduce(self.error)
        return float(self.error)

    @property
    def own_zero(self) -> Tensor:
        """Weights q_j of the own items, shape (own items,) or (1,)."""
        start = sum(self._counts[: self.group.rank])
        return self.item_zero if len(self.item_zero) == 1 else self.item_zero[start : start + len(self.own_items)]

    def _start(self) -> Tensor | None:
        """Return what the gradient by stored pairs is added to, shape (n_items, width); None for nothing."""
        return None

    def _add_pairs(self, rows: Tensor, weights: csr_array, target: float) -> Tensor:
        """Take in stored pairs with one target; return the gradient by the rows."""
        pairs = self._constant(weights)
        error, slope = self.loss.of(pairs.inner_products(rows, self.items), target)
        self.error += (pairs.values * error).sum()
        return self._through(pairs.with_values(self.scale * pairs.values * slope), rows)

    def _through(self, derivative: SparseMatrix, rows: Tensor) -> Tensor:
        """Gather the items' gradient of the derivative by some scores; return the rows' gradient."""
        self._by_pairs.add(derivative, rows)
        return derivative.times(self.items)

    def _constant(self, matrix: csr_array) -> SparseMatrix:
        return SparseMatrix(matrix, self.items.dtype, self.items.device)


class CellGradient(BlockGradient):
    """Gradient of a block whose cells are all visited, some users at a time: for any loss, and cheapest for small blocks."""

    def _start(self) -> Tensor:
        """Return the gradient by all cells so far, which that by single pairs is added to."""
        self._by_cells = torch.zeros_like(self.items)
        return self._by_cells

    def add_block(self, users: Tensor, positives: csr_array) -> Tensor:
        """Take in positives and zeros cell by cell."""
        size = max(1, CELLS_AT_ONCE // len(self.items))
        chunks = users.split(size)
        rows = [slice(size * k, size * k + len(chunk)) for k, chunk in enumerate(chunks)]
        found = [
            self._add_cells(chunk, self._constant(positives if len(chunks) == 1 else csr_array(positives[part])))
            for chunk, part in zip(chunks, rows, strict=True)
        ]
        return found[0] if len(found) == 1 else torch.cat(found)

    def _add_cells(self, users: Tensor, positives: SparseMatrix) -> Tensor:
        target = positives.pattern()
        weight = (self.item_zero * (1 - target)).add_(positives.csr().to_dense())
        error, slope = self.loss.of_cells(users, self.items, target)
        self.error += torch.vdot(weight.view(-1), error.view(-1))
        slope = slope.mul_(weight).mul_(self.scale)
        self._by_cells.addmm_(slope.T, users)
        return slope @ self.items


class GramGradient(BlockGradient):
    """Gradient of a block whose zeros are summed as <U'U, V'QV>; of a loss with square zeros.

    Parameters
    ----------
    loss, own_items, item_zero, scale, group, counts
        As in `BlockGradient`.
    means : GramMeans, optional
        Where the step goes along running means.
    products : torch.dtype, optional
        Of the products that give the gradient of the zeros, not of the Gram matrices; by default that of the items.
    """

    def __init__(
        self,
        loss: Loss,
        own_items: Tensor,
        item_zero: Tensor,
        scale: float,
        means: GramMeans | None = None,
        *,
        products: torch.dtype | None = None,
        group: Collectives | None = None,
        counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__(loss, own_items, item_zero, scale, group=group, counts=counts)
        self._products = products
        self._means, self._n_users, self._one = means, 0, own_items.new_ones(1)
        self._user_gram = own_items.new_zeros(own_items.shape[1], own_items.shape[1])
        with full_precision():
            self._item_gram = self.group.all_reduce(zero_gram(own_items, self.own_zero))
        self._step_gram = self._item_gram if means is None else means.taken("item", self._item_gram, len(self.items))

    def add_block(self, users: Tensor, positives: csr_array) -> Tensor:
        """Take in the positives beyond what they would cost as zeros, and the users' share of the zeros."""
        pairs = self._constant(positives)
        scores, zero = pairs.inner_products(users, self.items), self._zero_of(pairs)
        (error, slope), (error_as_zero, slope_as_zero) = self.loss.of(scores, 1.0), self.loss.of(scores, 0.0)
        self.error += (pairs.values * error - zero * error_as_zero).sum()
        gradient = self._through(pairs.with_values((pairs.values * slope - zero * slope_as_zero).mul_(self.scale)), users)
        with full_precision():
            add_zero_gradient(gradient, users, self._one, self._step_gram * self.scale, self._products)
            self._user_gram += zero_gram(users, self._one)
        self._n_users += len(users)
        return gradient

    def finish(self) -> float:
        """Add the gradient of the zeros by the items; return the error, with that of the zeros."""
        super().finish()
        user_gram = self.group.all_reduce(self._user_gram)
        step = user_gram
        if self._means is not None:
            step = self._means.taken("user", user_gram, int(self.group.all_reduce(np.array(self._n_users))))
        with full_precision():
            add_zero_gradient(self.gradient, self.own_items, self.own_zero, step * self.scale, self._products)
        return float(self.error + torch.vdot(user_gram.view(-1), self._item_gram.view(-1)))

    def _zero_of(self, pairs: SparseMatrix) -> Tensor:
        """Return the weight q_j that each stored pair would have as a zero, shape (nnz,) or (1,)."""
        if len(self.item_zero) == 1:
            return self.item_zero
        return pairs.inner_products(self.items.new_ones(pairs.shape[0], 1), self.item_zero[:, None].contiguous())


class GramMeans:
    """Mean Gram matrix of a row of each side over the recent blocks (SOGram; Krichene et al. 2019).

    A block sees few of the items, so its own Gram matrix is a noisy guess of the catalogue's. The running mean is a steadier
    one, though it lags behind the weights. Only the direction of the step uses it: the error that is reported is computed
    from the block's own matrices, and so adds up to that of the whole matrix.

    Attributes
    ----------
    state : dict of str to Tensor
        The means and their weights; a checkpoint keeps them.
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}

    def taken(self, side: str, gram: Tensor, rows: int) -> Tensor:
        """Take in a block's Gram matrix; return the running mean, scaled to as many rows.

        Parameters
        ----------
        side : str
            ``"user"`` or ``"item"``.
        gram : Tensor, shape (width, width)
            Of this block.
        rows : int
            Rows that it sums over.

        Returns
        -------
        Tensor, shape (width, width)
        """
        if side not in self.state:
            self.state[side] = torch.zeros_like(gram)
            self.state[f"{side}-weight"] = gram.new_zeros(())
        mean, weight = self.state[side], self.state[f"{side}-weight"]
        mean.mul_(DECAY).add_(gram, alpha=(1 - DECAY) / rows)
        weight.mul_(DECAY).add_(1 - DECAY)  # takes out the zero start
        return mean * (rows / weight)
