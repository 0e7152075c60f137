"""Objectives of training: the losses of one score, and their weighted sum over the pairs of a block (equation 4).

With weight a_ij on positives and q_j on zeros, the error of scores s = UV' under a loss l(s, t) of score and target is

    sum_ij c_ij l(s_ij, R_ij) = sum over zeros of q_j l(s_ij, 0) + sum over positives of a_ij l(s_ij, 1).

Under squares, l(s, t) = (t - s)^2, the zeros have a Gram form, <U'U, V'QV>, and only the positives are visited one by one; nothing
is approximated. A loss without such a form, as the logistic one, visits every cell. This file does not import PyTorch: a served model
has none, and the names of the losses are needed there too.

A new loss is a class of this file, with a row in `LOSSES` and its name in `LossName`, which is for the type checker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .sparse import SparseMatrix

LossName = Literal["squares", "logistic"]

ROWS_AT_ONCE = 4096  # of a product with fewer bits, whose result is added on the way
MANY_ROWS = 6144  # from so many on a Gram matrix is computed by halves; fewer keep the bits that they always had


class Loss(ABC):
    """Loss of one score against its target: 1 for a positive, 0 for a zero."""

    square_zeros: ClassVar[bool] = False
    """Whether a zero costs the square of its score, so that zeros have a Gram form."""

    @abstractmethod
    def of(self, scores: Tensor, target: Tensor | float) -> tuple[Tensor, Tensor]:
        """Return the loss of each score, and its derivative by the score.

        Parameters
        ----------
        scores : Tensor, any shape
        target : Tensor or float
            0 or 1 for each score, or for all of them.
        """

    def of_cells(self, users: Tensor, items: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and derivative of every cell of a block.

        Parameters
        ----------
        users, items : Tensor, shapes (n_users, width), (n_items, width)
        target : Tensor, shape (n_users, n_items)
        """
        return self.of(users @ items.T, target)


class Squares(Loss):
    """Squared error (t - s)^2: equation 4."""

    square_zeros = True

    def of(self, scores: Tensor, target: Tensor | float) -> tuple[Tensor, Tensor]:
        """Return (t - s)^2 and 2 (s - t)."""
        gap = scores - target
        return gap * gap, 2 * gap

    def of_cells(self, users: Tensor, items: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same; the product takes the target out as it is summed."""
        gap = target.addmm(users, items.T, beta=-1)
        return gap * gap, 2 * gap


class Logistic(Loss):
    """Logistic loss log(1 + exp(-s)) of a positive and log(1 + exp(s)) of a zero (section 5.3, a tactic that did not work)."""

    def of(self, scores: Tensor, target: Tensor | float) -> tuple[Tensor, Tensor]:
        """Return log(1 + exp(s - 2 t s)), without overflow, and sigmoid(s) - t."""
        against = scores - 2 * target * scores
        return against.logaddexp(scores.new_zeros(())), scores.sigmoid() - target


LOSSES: dict[LossName, Loss] = {"squares": Squares(), "logistic": Logistic()}


def block_error(loss: Loss, users: Tensor, items: Tensor, positives: SparseMatrix, item_zero: Tensor) -> Tensor:
    """Return the weighted error of one block by its definition: the readable twin of what training computes.

    Parameters
    ----------
    loss : Loss
        Of one score.
    users, items : Tensor, shapes (n_users, width), (n_items, width)
        Embeddings.
    positives : SparseMatrix, shape (n_users, n_items)
        Weight a_ij >= 0 of each positive pair. Weight 0 takes a pair out of the error altogether: it is neither a
        positive nor a zero (decision 7, visible pairs of a masked history).
    item_zero : Tensor, shape (n_items,) or (1,)
        Weight q_j of zeros.

    Returns
    -------
    Tensor, scalar
        Source: equation 4 of the paper, with the loss in place of the square.
    """
    target = positives.pattern()
    weight = item_zero * (1 - target) + positives.csr().to_dense()
    return (weight * loss.of(users @ items.T, target)[0]).sum()


def pair_error(loss: Loss, rows: Tensor, items: Tensor, pairs: SparseMatrix, target: float) -> Tensor:
    """Return the sum over stored pairs of weight times loss against one target, by its definition.

    Parameters
    ----------
    loss : Loss
        Of one score.
    rows : Tensor, shape (n_rows, width)
        One encoding for each row of `pairs`.
    items : Tensor, shape (n_items, width)
    pairs : SparseMatrix, shape (n_rows, n_items)
        Weight of each pair.
    target : float
        1 for the positives of the leave-one-out mask, 0 for what known zeros weigh beyond other zeros.

    Returns
    -------
    Tensor, scalar
    """
    return (pairs.csr().to_dense() * loss.of(rows @ items.T, target)[0]).sum()


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
        return _square(vectors).mul_(zero)
    return vectors.T @ (vectors * zero[:, None])


def _square(vectors: Tensor) -> Tensor:
    """Return V'V; of many constant rows on a CPU only one half is computed, in half the time."""
    if len(vectors) < MANY_ROWS or vectors.device.type != "cpu" or vectors.requires_grad:
        return vectors.T @ vectors
    import torch
    from scipy.linalg import blas

    product = {torch.float32: blas.ssyrk, torch.float64: blas.dsyrk}[vectors.dtype]
    half = torch.from_numpy(product(1.0, vectors.contiguous().numpy().T, lower=1))
    return torch.tril(half) + torch.tril(half, -1).T


def add_zero_gradient(
    gradient: Tensor, vectors: Tensor, zero: Tensor, other_gram: Tensor, products: torch.dtype | None = None
) -> Tensor:
    """Add, in place, the derivative of <U'U, V'QV> by the vectors of one side.

    Parameters
    ----------
    gradient : Tensor, shape (n, width)
        Changed in place.
    vectors, zero
        As in `zero_gram`; a side whose zeros all weigh 1 has ``zero = (1,)``.
    other_gram : Tensor, shape (width, width)
        `zero_gram` of the other side.
    products : torch.dtype, optional
        Of what is multiplied; by default that of the vectors.

    Returns
    -------
    Tensor, shape (n, width)
        `gradient`.
    """
    rows, gram = (vectors, other_gram * zero) if len(zero) == 1 else (vectors * zero[:, None], other_gram)
    if products is None:
        return gradient.addmm_(rows, gram, alpha=2)
    coarse = gram.to(products)
    for sums, some in zip(gradient.split(ROWS_AT_ONCE), rows.split(ROWS_AT_ONCE), strict=True):
        sums.add_(some.to(products) @ coarse, alpha=2)
    return gradient
