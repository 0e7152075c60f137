"""The weighted squared error over a users x items block (equation 4), dense and exact, with hand-written gradients.

With weight a_ij on positives and p_i q_j on zeros, the error of scores s = UV' is

    sum_ij c_ij (R_ij - s_ij)^2 = <U'PU, V'QV> + sum over positives of [a (1 - s)^2 - p q s^2],

so that the zeros cost two Gram matrices and only the positives are visited one by one. Nothing is approximated.

The logistic loss (section 5.3, a tactic that did not work) has no such form: its zeros are visited cell by cell.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .sparse import SparseMatrix

EXACT_SOFTPLUS = 40.0  # above it softplus(s) is s to the last bit of float64


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
        Factors p_i and q_j of the weight of zeros; shape (1,) where all are the same.

    Returns
    -------
    Tensor, scalar
        Source: equation 4 of the paper.
    """
    target = positives.pattern()
    weight = user_zero[:, None] * item_zero * (1 - target) + positives.csr().to_dense()
    return (weight * (target - users @ items.T) ** 2).sum()


def zero_gram(vectors: Tensor, zero: Tensor) -> Tensor:
    """Return the Gram matrix of one side, weighted as its zeros are: sum of zero_k v_k v_k'.

    Parameters
    ----------
    vectors : Tensor, shape (n, width)
    zero : Tensor, shape (n,) or (1,)

    Returns
    -------
    Tensor, shape (width, width)
    """
    if len(zero) == 1:
        return (vectors.T @ vectors).mul_(zero)
    return vectors.T @ (vectors * zero[:, None])


def add_zero_gradient(gradient: Tensor, vectors: Tensor, zero: Tensor, other_gram: Tensor) -> Tensor:
    """Add, in place, the derivative of <U'PU, V'QV> by the vectors of one side.

    Parameters
    ----------
    gradient : Tensor, shape (n, width)
        Changed in place.
    vectors, zero
        As in `zero_gram`.
    other_gram : Tensor, shape (width, width)
        `zero_gram` of the other side.

    Returns
    -------
    Tensor, shape (n, width)
        `gradient`.
    """
    if len(zero) == 1:
        return gradient.addmm_(vectors, other_gram * zero, alpha=2)
    return gradient.addmm_(vectors * zero[:, None], other_gram, alpha=2)


def positive_error(
    users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor
) -> tuple[Tensor, SparseMatrix]:
    """Return what the positives add to the Gram form, and its derivative by the score of each.

    Parameters
    ----------
    users, items, positives, user_zero, item_zero
        As in `dense_squares`.

    Returns
    -------
    error : Tensor, scalar
        Sum of a (1 - s)^2 - p q s^2.
    derivative : SparseMatrix, shape (n_users, n_items)
    """
    score, zero = positives.inner_products(users, items), _zero_of_pairs(positives, user_zero, item_zero)
    missed, silent = positives.values * (1 - score), zero * score
    error = (missed * (1 - score) - silent * score).sum()
    return error, positives.with_values(missed.add_(silent).mul_(-2))


class _ExactSquares(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor
    ) -> Tensor:
        user_gram, item_gram = zero_gram(users, user_zero), zero_gram(items, item_zero)
        error, derivative = positive_error(users, items, positives, user_zero, item_zero)
        user_grad = add_zero_gradient(derivative.times(items), users, user_zero, item_gram)
        item_grad = add_zero_gradient(derivative.transposed_times(users), items, item_zero, user_gram)
        ctx.save_for_backward(user_grad, item_grad)
        return torch.vdot(user_gram.view(-1), item_gram.view(-1)) + error

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
        ctx.save_for_backward(error.times(items), error.transposed_times(users))
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


def dense_logistic(users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor) -> Tensor:
    """Return the weighted logistic loss of one block by its definition; the form to read and to test against.

    Parameters
    ----------
    users, items, positives, user_zero, item_zero
        As in `dense_squares`.

    Returns
    -------
    Tensor, scalar
        Sum of a log(1 + exp(-s)) over the positives and of p q log(1 + exp(s)) over the zeros. Source: section 5.3.
    """
    target = positives.pattern()
    scores = users @ items.T
    silent = user_zero[:, None] * item_zero * (1 - target) * softplus(scores)
    return (positives.csr().to_dense() * softplus(-scores) + silent).sum()


def pair_logistic(users: Tensor, items: Tensor, pairs: SparseMatrix) -> Tensor:
    """Return sum of a log(1 + exp(-<u, v>)) over stored pairs only, by its definition; arguments as in `pair_squares`."""
    return (pairs.csr().to_dense() * softplus(-(users @ items.T))).sum()


def positive_logistic(
    users: Tensor, items: Tensor, positives: SparseMatrix, user_zero: Tensor, item_zero: Tensor
) -> tuple[Tensor, SparseMatrix]:
    """Return what the positives add to the logistic loss of an empty block, and its derivative by the score of each.

    Parameters
    ----------
    users, items, positives, user_zero, item_zero
        As in `dense_squares`.

    Returns
    -------
    error : Tensor, scalar
        Sum of a log(1 + exp(-s)) - p q log(1 + exp(s)).
    derivative : SparseMatrix, shape (n_users, n_items)
    """
    score, zero = positives.inner_products(users, items), _zero_of_pairs(positives, user_zero, item_zero)
    error = (positives.values * softplus(-score) - zero * softplus(score)).sum()
    chance = torch.sigmoid(score)
    return error, positives.with_values(positives.values * (chance - 1) - zero * chance)


def softplus(scores: Tensor) -> Tensor:
    """Return log(1 + exp(s)) of each score, without overflow."""
    return functional.softplus(scores, threshold=EXACT_SOFTPLUS)


def _zero_of_pairs(pairs: SparseMatrix, user_zero: Tensor, item_zero: Tensor) -> Tensor:
    """Return the weight p_i q_j that each stored pair would have as a zero, shape (nnz,) or (1,)."""
    if len(user_zero) == len(item_zero) == 1:
        return user_zero * item_zero
    left, right = (zero.expand(count)[:, None] for zero, count in zip((user_zero, item_zero), pairs.shape, strict=True))
    return pairs.inner_products(left.contiguous(), right.contiguous())
