"""The weighted squared error over a users x items block (equation 4), dense and exact, with hand-written gradients.

With weight a_ij on positives and p_i q_j on zeros, the error of scores s = UV' is

    sum_ij c_ij (R_ij - s_ij)^2 = <U'PU, V'QV> + sum over positives of [a (1 - s)^2 - p q s^2],

so that the zeros cost two Gram matrices and only the positives are visited one by one. Nothing is approximated.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .sparse import SparseMatrix


def dense_squares(users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor) -> Tensor:
    """Return the weighted squared error of one block by its definition: the readable twin of `exact_squares`.

    Cheaper than the exact form where a block is small (rows x columns / (rows + columns) below the embedding width).

    Parameters
    ----------
    users : Tensor, shape (n_users, width)
    items : Tensor, shape (n_items, width)
    positives : SparseMatrix, shape (n_users, n_items)
        Weight a_ij >= 0 of each positive pair. Weight 0 takes a pair out of the loss altogether: it is neither a
        positive nor a zero (decision 7, visible pairs of a masked history).
    user_zero, item_zero : Tensor, shape (n_users,), (n_items,)
        Factors p_i and q_j of the weight of zeros.

    Returns
    -------
    Tensor, scalar
        Source: equation 4 of the paper.
    """
    target = positives.pattern()
    weight = torch.outer(user_zero, item_zero) * (1 - target) + positives.csr().to_dense()
    return (weight * (target - users @ items.T) ** 2).sum()


class _ExactSquares(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor
    ) -> Tensor:
        weighted_users, weighted_items = users * user_zero[:, None], items * item_zero[:, None]
        user_gram, item_gram = users.T @ weighted_users, items.T @ weighted_items
        score = positives.inner_products(users, items)
        zero = positives.inner_products(user_zero[:, None], item_zero[:, None])
        missed = positives.values * (1 - score)
        error = positives.with_values(-2 * (missed + zero * score))  # derivative of each positive's term by its score
        user_grad = torch.addmm(error.csr() @ items, weighted_users, item_gram, alpha=2)
        item_grad = torch.addmm(error.transposed_csr() @ users, weighted_items, user_gram, alpha=2)
        ctx.save_for_backward(user_grad, item_grad)
        return (user_gram * item_gram).sum() + (missed * (1 - score) - zero * score * score).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        user_grad, item_grad = ctx.saved_tensors
        return user_grad * grads[0], item_grad * grads[0], None, None, None


def exact_squares(users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor) -> Tensor:
    """Return the same error as `dense_squares` without a users x items array; value and gradient are exact.

    Parameters
    ----------
    users, items, positives, user_zero, item_zero
        As in `dense_squares`.

    Returns
    -------
    Tensor, scalar
        Cost: 4 width^2 (n_users + n_items) + 6 width nnz multiply-adds for value and gradient together.
    """
    result: Tensor = _ExactSquares.apply(users, items, positives, user_zero, item_zero)
    return result


class _PairSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, pairs: SparseMatrix) -> Tensor:
        gap = 1 - pairs.inner_products(users, items)
        error = pairs.with_values(-2 * pairs.values * gap)
        ctx.save_for_backward(error.csr() @ items, error.transposed_csr() @ users)
        return (pairs.values * gap * gap).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        user_grad, item_grad = ctx.saved_tensors
        return user_grad * grads[0], item_grad * grads[0], None


def pair_squares(users: Tensor, items: Tensor, pairs: SparseMatrix) -> Tensor:
    """Return sum of a (1 - <u, v>)^2 over stored pairs only; the positives of the leave-one-out mask.

    Parameters
    ----------
    users : Tensor, shape (n_rows, width)
        One encoding for each row of `pairs`.
    items : Tensor, shape (n_items, width)
    pairs : SparseMatrix, shape (n_rows, n_items)
        Weight a of each pair.

    Returns
    -------
    Tensor, scalar
    """
    result: Tensor = _PairSquares.apply(users, items, pairs)
    return result
