"""The stacked denoising autoencoder (Vincent et al. 2010) and its reconstruction losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from .blocks import Share, activation_function, dropout
from .sparse import SparseMatrix, sparse_product
from .spec import Activation

Reconstruction = Literal["squares", "cross-entropy"]
Rows = SparseMatrix | Tensor


class _GramSquares(torch.autograd.Function):
    """||X - L R'||^2 with the gradient written by hand: a third fewer products with the many rows of R."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, target: SparseMatrix) -> Tensor:
        product, left_gram, right_gram = target.times(right), left.T @ left, right.T @ right
        ctx.target = target
        ctx.save_for_backward(left, right, product, left_gram, right_gram)
        stored = (target.values * target.values).sum()
        return stored - 2 * (product * left).sum() + (left_gram * right_gram).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        left, right, product, left_gram, right_gram = ctx.saved_tensors
        grad = 2 * grads[0]
        left_grad = (left @ right_gram).sub_(product).mul_(grad)
        right_grad = (right @ left_gram).sub_(ctx.target.transposed_times(left)).mul_(grad)
        return left_grad, right_grad, None


def gram_squares(hidden: Tensor, weight: Tensor, bias: Tensor, target: SparseMatrix) -> Tensor:
    """Return ||X - (H W' + 1 c')||^2 without an array of rows x inputs; exact in value and gradient.

    With L = [H, 1] and R = [W, c] the square is ||X||^2 - 2 <X R, L> + <L'L, R'R>, so that only the stored entries of X and two
    Gram matrices are visited. Cheaper than `dense_squares` where there are fewer hidden units than rows.

    Parameters
    ----------
    hidden : Tensor, shape (rows, width)
        H, what the last decoder layer reads.
    weight, bias : Tensor, shape (inputs, width), (inputs,)
        W and c of a linear decoder layer.
    target : SparseMatrix, shape (rows, inputs)
        X.

    Returns
    -------
    Tensor, scalar
    """
    left = torch.cat([hidden, hidden.new_ones(len(hidden), 1)], dim=1)
    result: Tensor = _GramSquares.apply(left, torch.cat([weight, bias[:, None]], dim=1), target)
    return result


def dense_squares(hidden: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Return ||X - (H W' + c)||^2 by its definition: for real-valued rows, and the readable twin of `gram_squares`.

    Parameters
    ----------
    hidden, weight, bias
        As in `gram_squares`.
    target : Tensor, shape (rows, inputs)
    """
    return (target - functional.linear(hidden, weight, bias)).square().sum()


def cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy of sigmoid(H W' + c) as the probabilities of ones, for rows with values in [0, 1].

    Parameters
    ----------
    hidden, weight, bias
        As in `gram_squares`.
    target : Tensor, shape (rows, inputs)
    """
    logits = functional.linear(hidden, weight, bias)
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")


def reconstruction_error(kind: Reconstruction, hidden: Tensor, weight: Tensor, bias: Tensor, target: Rows) -> Tensor:
    """Return the error of a batch of rows, summed over rows and inputs, in the cheapest exact way.

    Parameters
    ----------
    kind : {"squares", "cross-entropy"}
        Which error.
    hidden, weight, bias
        As in `gram_squares`.
    target : SparseMatrix or Tensor, shape (rows, inputs)
        A sparse batch is made dense where that is cheaper or, for the cross entropy, the only way.
    """
    if kind == "squares":
        if isinstance(target, SparseMatrix):
            if hidden.shape[1] < len(hidden):
                return gram_squares(hidden, weight, bias, target)
            target = target.csr().to_dense()
        return dense_squares(hidden, weight, bias, target)
    return cross_entropy(hidden, weight, bias, target.csr().to_dense() if isinstance(target, SparseMatrix) else target)


class Autoencoder(nn.Module):
    """An encoder inputs -> widths[0] -> ... -> widths[-1], and a decoder that mirrors it with weights of its own.

    Every layer but the last decoder layer ends in the activation; the code may be linear. The last decoder layer is linear
    under squares, and gives logits under the cross entropy.

    Parameters
    ----------
    inputs : int
        Features of a row.
    widths : sequence of int
        Encoder layers, bottom to top.
    activation : Activation
        After each layer.
    top : Activation
        After the code layer.
    dropout_rate : float
        Of hidden units, between layers.
    kind : {"squares", "cross-entropy"}
        Error of the reconstructed inputs; hidden units are reconstructed under squares.
    generator : torch.Generator
        For the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        *,
        activation: Activation,
        top: Activation,
        dropout_rate: float,
        kind: Reconstruction,
        generator: Generator,
    ) -> None:
        super().__init__()
        sizes = list(pairwise([inputs, *widths]))
        self.activation, self.top, self.dropout_rate, self.kind = activation, top, dropout_rate, kind
        self.weights, self.decoders = nn.ParameterList(), nn.ParameterList()
        for layer, (below, above) in enumerate(sizes):
            # rows of content are sparse or of unit length: only the width decides the size of the first sums
            self.weights.append(_normal(below, above, above if layer == 0 else below, generator))
            # random decoders of many inputs start far worse than none; but relu would not wake up from zero
            self.decoders.append(_normal(below, above, above, generator) if layer else torch.zeros(below, above))
        self.biases = nn.ParameterList([torch.zeros(above) for _, above in sizes])
        self.decoder_biases = nn.ParameterList([torch.zeros(below) for below, _ in sizes])

    def layer(self, place: int, rows: Rows) -> Tensor:
        """Return the output of one encoder layer, shape (n, widths[place]), from its input rows."""
        weight = self.weights[place]
        product = sparse_product(rows, weight) if isinstance(rows, SparseMatrix) else rows @ weight
        activate = activation_function(self.activation if place < len(self.weights) - 1 else self.top)
        return activate(product + self.biases[place])

    def encode(self, rows: Rows, generator: Generator | None = None, share: Share | None = None) -> Tensor:
        """Return codes, shape (n, widths[-1]); the generator is for dropout, none at inference, the share for own rows of a batch."""
        hidden = self.layer(0, rows)
        for place in range(1, len(self.weights)):
            hidden = self.layer(place, dropout(hidden, self.dropout_rate, generator, share))
        return hidden

    def layer_error(self, place: int, noisy: Rows, clean: Rows) -> Tensor:
        """Return the summed error with which one layer alone restores its own input (the greedy stage).

        Parameters
        ----------
        place : int
            The layer, from 0.
        noisy, clean : SparseMatrix or Tensor, shape (n, inputs of the layer)
            What it reads, and what it should restore.
        """
        return self._restored_error(place, self.layer(place, noisy), clean)

    def code_error(self, code: Tensor, target: Rows, generator: Generator | None = None, share: Share | None = None) -> Tensor:
        """Return the summed error of the rows decoded from codes.

        Parameters
        ----------
        code : Tensor, shape (n, widths[-1])
            From `encode`.
        target : SparseMatrix or Tensor, shape (n, inputs)
            What the rows should be.
        generator : torch.Generator, optional
            For dropout.
        share : Share, optional
            Where the rows stand in a batch that several processes share.
        """
        hidden = code
        for place in range(len(self.weights) - 1, 0, -1):
            hidden = dropout(self._decoded(place, hidden), self.dropout_rate, generator, share)
        return self._restored_error(0, hidden, target)

    def _restored_error(self, place: int, hidden: Tensor, target: Rows) -> Tensor:
        if place == 0:
            return reconstruction_error(self.kind, hidden, self.decoders[0], self.decoder_biases[0], target)
        if isinstance(target, SparseMatrix):
            raise TypeError("only the first layer reads sparse rows")
        return (target - self._decoded(place, hidden)).square().sum()

    def _decoded(self, place: int, hidden: Tensor) -> Tensor:
        sums = functional.linear(hidden, self.decoders[place], self.decoder_biases[place])
        return activation_function(self.activation)(sums)


def _normal(rows: int, columns: int, size: int, generator: Generator) -> Tensor:
    return torch.empty(rows, columns).normal_(0.0, 1.0 / math.sqrt(size), generator=generator)
