"""The method of the paper on one page: two networks, their objective and one training step, dense and without options.

A reader who is new to the code begins here. The library computes the same in less time and memory and adds options; a test holds
that a step of its trainer changes every weight as `step` does. Equations, figures and sections are those of the paper (Xiong, Lin,
Niu, Cheng & Li: Collaborative Deep Embedding via Dual Networks).

There are m users and n items. R is the matching matrix, shape (m, n): R_ij is 1 where user i likes item j, else 0. X holds the
content of the items, one row x_j an item. The history r_i of user i is row i of R. Two things are ours, for the paper leaves them
open: a history is scaled to unit length, and the error of a block to a length of step that does not depend on the block's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

from .spec import Design

Layer = tuple[Tensor, Tensor]  # weights of shape (inputs, outputs), and shifts of shape (outputs,)


@dataclass
class Network:
    """One of the two networks: a layer for each level, bottom to top, and matching branches (figure 1)."""

    layers: list[Layer]
    branches: list[Layer]  # one for each level but the top, in the branching design alone
    design: Design

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and shifts, W_u of the user network or W_v of the item network."""
        return [parameter for layer in (*self.layers, *self.branches) for parameter in layer]


def random_network(inputs: int, levels: Sequence[int], design: Design, generator: Generator) -> Network:
    """Return a network with random weights for inputs of some width."""
    below = list(levels[:-1]) if design == "branching" else []
    layers = [random_layer(*widths, generator) for widths in pairwise((inputs, *levels))]
    return Network(layers, [random_layer(width, width, generator) for width in below], design)


def random_layer(inputs: int, outputs: int, generator: Generator) -> Layer:
    """Return weights drawn from N(0, 1 / inputs) and shifts of zero."""
    weights = torch.randn(inputs, outputs, generator=generator, dtype=torch.float64) / inputs**0.5
    return weights.requires_grad_(), torch.zeros(outputs, dtype=torch.float64, requires_grad=True)


def embeddings(network: Network, inputs: Tensor) -> list[Tensor]:
    """Return the embeddings that are matched: f(x; W_v) of items or g(r; W_u) of users (equation 3 and section 3.2).

    Parameters
    ----------
    network : Network
        The item network f or the user network g.
    inputs : Tensor, shape (rows, inputs)
        Content or histories.

    Returns
    -------
    list of Tensor, each of shape (rows, width of its level)
    """
    outputs = [inputs]
    for weights, shifts in network.layers:
        outputs.append(torch.tanh(outputs[-1] @ weights + shifts))  # the abstraction path
    levels, top = outputs[1:], outputs[-1]
    if network.design == "basic":  # figure 1 (a): the top level is matched
        return [top]
    if network.design == "multi-level":  # figure 1 (b): every level is matched
        return levels
    branches = zip(levels[:-1], network.branches, strict=True)  # figure 1 (c): the path is not bent by the matching
    return [level @ weights + shifts for level, (weights, shifts) in branches] + [top]


def scores(users: Sequence[Tensor], items: Sequence[Tensor]) -> Tensor:
    """Return <f(x_j), g(r_i)>: the inner products of all levels, added (figure 1), shape (users, items)."""
    products: list[Tensor] = [of_users @ of_items.T for of_users, of_items in zip(users, items, strict=True)]
    return torch.stack(products).sum(dim=0)


def objective(predicted: Tensor, R: Tensor, zero_weight: float) -> Tensor:
    """Return sum_ij c_ij (R_ij - <f(x_j), g(r_i)>)^2, where c_ij is 1 for positives and `zero_weight` for zeros (equation 4)."""
    c = R + zero_weight * (1 - R)
    return (c * (R - predicted) ** 2).sum()


def histories(R: Tensor) -> Tensor:
    """Return r_i of each user: the rows of R at unit length; an empty row stays empty."""
    return R / R.sum(dim=1, keepdim=True).clamp(min=1).sqrt()


@dataclass
class DualNetworks:
    """The item network f, the user network g, and the velocity of each of their parameters."""

    item: Network
    user: Network

    def __post_init__(self) -> None:
        self.velocities = [torch.zeros_like(parameter) for parameter in (*self.item.parameters, *self.user.parameters)]

    def step(
        self, X: Tensor, R: Tensor, users: Tensor, items: Tensor, learning_rate: float, momentum: float, zero_weight: float
    ) -> float:
        """Take one step of SGD with momentum along a dual mini-batch, and return its error (section 4).

        Parameters
        ----------
        X, R : Tensor, shapes (n, features) and (m, n)
            Content and matching matrix. Histories are read whole, also where the block has some of the items.
        users, items : Tensor of int64, shapes (B_u,) and (B_v,)
            The rows and columns of R in this dual mini-batch.
        learning_rate, momentum, zero_weight : float
            Size of the step, share of the velocity that is kept, and weight of zeros.
        """
        predicted = scores(embeddings(self.user, histories(R[users])), embeddings(self.item, X[items]))
        error = objective(predicted, R[users][:, items], zero_weight)
        scale = X.shape[0] / predicted.numel()  # so that the step does not depend on the size of the block
        parameters = [*self.item.parameters, *self.user.parameters]
        gradients = torch.autograd.grad(error * scale, parameters)  # each network's gradient comes through the other
        with torch.no_grad():
            for parameter, gradient, velocity in zip(parameters, gradients, self.velocities, strict=True):
                velocity.mul_(momentum).add_(gradient)
                parameter.sub_(learning_rate * velocity)
        return float(error.detach())
