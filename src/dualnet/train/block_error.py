"""The error of one part of a block and its derivative by the embeddings: every user of the part with every item of the block."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..nn.losses import add_zero_gradient, positive_error, positive_logistic, softplus, zero_gram
from ..nn.sparse import SparseMatrix

CELLS_AT_ONCE = 2**23  # of the logistic loss: 32 MB an array


@dataclass(eq=False)
class ItemSide:
    """The items of a block while its users pass by: their embeddings, and the gradient that gathers for them.

    Parameters
    ----------
    vectors : Tensor, shape (n_items, width)
        Embeddings, constants here.
    zero : Tensor, shape (n_items,) or (1,)
        Factors q_j of the weight of zeros.
    scale : float
        Factor of every gradient: the loss is divided by the size of the block.
    gradient : Tensor, shape (n_items, width)
        Gathered so far.
    error : Tensor, scalar
        Gathered so far.
    """

    vectors: Tensor
    zero: Tensor
    scale: float
    gradient: Tensor
    error: Tensor

    @classmethod
    def of(cls, vectors: Tensor, zero: Tensor, scale: float) -> ItemSide:
        """Return a side with nothing gathered yet."""
        return cls(vectors, zero, scale, torch.zeros_like(vectors), vectors.new_zeros(()))

    def add_positives(self, users: Tensor, positives: SparseMatrix, user_zero: Tensor) -> Tensor:
        """Gather the error of the positives beyond that of zeros; return its gradient by the users, shape of `users`."""
        error, derivative = positive_error(users, self.vectors, positives, user_zero, self.zero)
        derivative.values.mul_(self.scale)
        self.error += error
        self.gradient += derivative.transposed_times(users)
        return derivative.times(self.vectors)

    def add_pairs(self, alone: Tensor, pairs: SparseMatrix) -> Tensor:
        """Gather a (1 - s)^2 over single pairs, one user row each; return the gradient by those rows."""
        gap = 1 - pairs.inner_products(alone, self.vectors)
        derivative = pairs.with_values(-2 * self.scale * pairs.values * gap)
        self.error += (pairs.values * gap * gap).sum()
        self.gradient += derivative.transposed_times(alone)
        return derivative.times(self.vectors)

    def add_dense(self, users: Tensor, positives: SparseMatrix, user_zero: Tensor) -> Tensor:
        """Gather the error of all cells one by one; return its gradient by the users: cheapest for small blocks."""
        target = positives.pattern()
        weight = (user_zero[:, None] * self.zero * (1 - target)).add_(positives.csr().to_dense())
        gap = torch.addmm(target, users, self.vectors.T, beta=-1)
        weighted = weight * gap
        self.error += torch.vdot(weighted.view(-1), gap.view(-1))
        weighted *= 2 * self.scale
        self.gradient.addmm_(weighted.T, users)
        return weighted @ self.vectors

    def add_logistic(self, users: Tensor, positives: SparseMatrix, user_zero: Tensor) -> Tensor:
        """Gather the logistic loss of all cells, a few users at a time; return its gradient by the users.

        Every cell is first taken for a zero; what the positives add to that is sparse.
        """
        error, derivative = positive_logistic(users, self.vectors, positives, user_zero, self.zero)
        derivative.values.mul_(self.scale)
        self.error += error
        self.gradient += derivative.transposed_times(users)
        gradient = derivative.times(self.vectors)
        weight = user_zero.expand(len(users))[:, None]
        rows = max(1, CELLS_AT_ONCE // len(self.vectors))
        for some, weights, found in zip(users.split(rows), weight.split(rows), gradient.split(rows), strict=True):
            scores = some @ self.vectors.T
            self.error += (softplus(scores) @ self.zero.expand(len(self.vectors)) @ weights).squeeze()
            chance = scores.sigmoid_().mul_(self.zero).mul_(weights * self.scale)
            self.gradient.addmm_(chance.T, some)
            found.addmm_(chance, self.vectors)
        return gradient

    def add_logistic_pairs(self, alone: Tensor, pairs: SparseMatrix) -> Tensor:
        """Gather a log(1 + exp(-s)) over single pairs, one user row each; return the gradient by those rows."""
        nothing = self.zero.new_zeros(1)
        error, derivative = positive_logistic(alone, self.vectors, pairs, nothing, nothing)
        derivative.values.mul_(self.scale)
        self.error += error
        self.gradient += derivative.transposed_times(alone)
        return derivative.times(self.vectors)

    def add_known_zeros(self, users: Tensor, pairs: SparseMatrix, *, logistic: bool) -> Tensor:
        """Gather what known zeros (dislikes) weigh beyond other zeros, c s^2 or c log(1 + exp(s)); return the users' gradient."""
        score = pairs.inner_products(users, self.vectors)
        error, slope = (softplus(score), score.sigmoid()) if logistic else (score * score, 2 * score)
        self.error += (pairs.values * error).sum()
        derivative = pairs.with_values(self.scale * pairs.values * slope)
        self.gradient += derivative.transposed_times(users)
        return derivative.times(self.vectors)

    def add_zeros(self, user_gram: Tensor, item_gram: Tensor, *, step_gram: Tensor) -> None:
        """Gather the error of the zeros from both Gram matrices, and the items' gradient with `step_gram` of the users."""
        self.error += torch.vdot(user_gram.view(-1), item_gram.view(-1))
        add_zero_gradient(self.gradient, self.vectors, self.zero, step_gram * self.scale)

    def user_zeros(self, gradient: Tensor, users: Tensor, user_zero: Tensor, item_gram: Tensor) -> Tensor:
        """Add to the users' gradient what the zeros contribute, in place; return the users' own Gram matrix."""
        add_zero_gradient(gradient, users, user_zero, item_gram * self.scale)
        return zero_gram(users, user_zero)
