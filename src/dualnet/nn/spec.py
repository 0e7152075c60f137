"""The specification of a tower: its activations, shape, names of weights, and the function that goes through its levels.

Each is written here once. PyTorch (`nn.towers`), NumPy (`models.numpy_tower`) and ONNX (`exports.onnx_tower`) are back ends: each
says how it takes one step, and `walk` calls the steps in order. This file does not import PyTorch, because a served model has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ArtifactError, nearest

Array = NDArray[Any]
Values = TypeVar("Values")  # what flows through a back end: a tensor, an array, the name of a node

Design = Literal["branching", "multi-level", "basic"]
Norm = Literal["batch", "layer", "none"]
Activation = Literal["tanh", "relu", "sigmoid", "identity"]

EPSILON = 1e-5  # added to a variance before its square root


@dataclass(frozen=True)
class ActivationForms:
    """An activation in the form that each back end needs.

    Parameters
    ----------
    forward : callable
        NumPy, entry by entry; keeps the precision of its argument.
    slope : callable
        NumPy; the derivative, from the *output* of `forward`.
    torch : str
        Name of the function in ``torch``; dots lead into its modules, as in ``nn.functional.softplus``.
    onnx : str
        ONNX operator.
    kinked : bool
        Whether the slope jumps where the input is 0. An integral along a line has to stop there.
    """

    forward: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    torch: str
    onnx: str
    kinked: bool = False


# one row an activation, in all that the library does; its name stands in `Activation` above, for the type checker
ACTIVATIONS: dict[Activation, ActivationForms] = {
    "tanh": ActivationForms(np.tanh, lambda y: 1 - y * y, "tanh", "Tanh"),
    "relu": ActivationForms(lambda x: np.maximum(x, 0), lambda y: (y > 0).astype(y.dtype), "relu", "Relu", kinked=True),
    # 1 / (1 + exp(-x)) would overflow
    "sigmoid": ActivationForms(lambda x: 0.5 * (1 + np.tanh(0.5 * x)), lambda y: y * (1 - y), "sigmoid", "Sigmoid"),
    "identity": ActivationForms(lambda x: x, np.ones_like, "positive", "Identity"),
}


@dataclass(frozen=True)
class LevelNames:
    """Names of the exported arrays of one level; maps are (inputs, outputs)."""

    weight: str
    bias: str
    norm_scale: str
    norm_shift: str
    branch_weight: str
    branch_bias: str

    @classmethod
    def of(cls, side: str, level: int) -> Self:
        """Return the names of a level, counted from 0, of the tower of one side (``"item"`` or ``"user"``)."""
        own, branch = f"{side}.level{level}", f"{side}.branch{level}"
        return cls(
            f"{own}.weight", f"{own}.bias", f"{own}.norm_scale", f"{own}.norm_shift", f"{branch}.weight", f"{branch}.bias"
        )


def scale_name(side: str) -> str:
    """Return the name of the exported factors of the embedding of one side, one a column."""
    return f"{side}.scale"


@dataclass(frozen=True)
class TowerSpec:
    """Shape of a tower: all that a back end has to know besides the weights.

    Parameters
    ----------
    levels : tuple of int
        Width of each level, bottom to top.
    matched : tuple of int
        Levels that end in an embedding, from 0, ascending.
    widths : tuple of int
        Width of each of these embeddings.
    branches : tuple of int
        Matched levels with a linear map of their own before the embedding.
    norm : {"batch", "layer", "none"}
        Before each activation; exported towers have ``"none"`` where they were trained with ``"batch"``, which is in the weights.
    activation : Activation
        After each level.
    """

    levels: tuple[int, ...]
    matched: tuple[int, ...]
    widths: tuple[int, ...]
    branches: tuple[int, ...]
    norm: Norm
    activation: Activation

    @classmethod
    def of_design(cls, levels: Sequence[int], *, design: Design, norm: Norm, activation: Activation, top_branch: bool) -> Self:
        """Return the shape that one of the designs of the paper (section 3.2) gives to some levels.

        ``basic`` matches the top level alone, ``multi-level`` every level, ``branching`` every level through a matching branch
        of its own, so that the abstraction path is not bent by the matching.

        Parameters
        ----------
        levels, norm, activation
            As in the class.
        design : {"branching", "multi-level", "basic"}
            Which levels are matched, and how.
        top_branch : bool
            Whether the top level of ``branching`` also has a branch (figure 1 gives it none).
        """
        top = len(levels) - 1
        matched = (top,) if design == "basic" else tuple(range(len(levels)))
        branches = () if design != "branching" else matched if top_branch else matched[:-1]
        return cls(tuple(levels), matched, tuple(levels[level] for level in matched), branches, norm, activation)

    @classmethod
    def of_arrays(cls, config: Mapping[str, Any], tensors: Mapping[str, Array], side: str) -> Self:
        """Return the shape of an exported tower, and check its arrays.

        Parameters
        ----------
        config : mapping
            From `to_config`.
        tensors : mapping of str to ndarray
            The exported arrays; which of them are there tells branches and layer normalisation.
        side : str
            ``"item"`` or ``"user"``.

        Raises
        ------
        ArtifactError
            If the activation is unknown, or an array is missing or has the wrong shape.
        """
        activation: Any = str(config["activation"])
        if activation not in ACTIVATIONS:
            raise ArtifactError(
                f"activation '{activation}' of the model folder is not known.{nearest(activation, ACTIVATIONS)}"
            )
        levels, matched, widths = (tuple(config[name]) for name in ("levels", "matched", "widths"))
        names = [LevelNames.of(side, level) for level in range(len(levels))]
        branches = tuple(k for k in matched if {names[k].branch_weight, names[k].branch_bias} & tensors.keys())
        normed = any({own.norm_scale, own.norm_shift} & tensors.keys() for own in names)
        spec = cls(levels, matched, widths, branches, "layer" if normed else "none", activation)
        for name, shape in spec.shapes(side).items():
            found = tensors[name].shape if name in tensors else None
            if found != shape:
                raise ArtifactError(f"weight '{name}' should have shape {shape}, found {found}; the model folder is damaged")
        return spec

    def to_config(self) -> dict[str, Any]:
        """Return what a model folder says of the shape besides the arrays, ready for JSON."""
        return {
            "levels": list(self.levels),
            "matched": list(self.matched),
            "widths": list(self.widths),
            "activation": self.activation,
        }

    def shapes(self, side: str) -> dict[str, tuple[int, ...]]:
        """Return name and shape of each exported array above the first-layer sums of one side."""
        found: dict[str, tuple[int, ...]] = {scale_name(side): (sum(self.widths),)}
        for level, (below, width) in enumerate(pairwise((0, *self.levels))):
            names = LevelNames.of(side, level)
            if level:
                found[names.weight] = (below, width)
            found[names.bias] = (width,)
            if self.norm == "layer":
                found |= {names.norm_scale: (width,), names.norm_shift: (width,)}
            if level in self.branches:
                embedding = self.widths[self.matched.index(level)]
                found |= {names.branch_weight: (width, embedding), names.branch_bias: (embedding,)}
        return found


class Steps(Protocol[Values]):
    """The steps of a back end: what `walk` calls at each level, counted from 0."""

    def mapped(self, level: int, below: Values) -> Values:
        """Return the sums of a level from what comes from below; level 0 is given first-layer sums and adds its bias alone."""

    def normed(self, level: int, sums: Values) -> Values:
        """Return the normalised sums of a level."""

    def activated(self, level: int, sums: Values) -> Values:
        """Return the output of a level."""

    def matched(self, level: int, output: Values) -> Values:
        """Return the embedding of a matched level: the output itself, or what its branch makes of it."""

    def joined(self, embeddings: Sequence[Values]) -> Values:
        """Return all embeddings side by side; the sum of their inner products is then one inner product."""


def walk(spec: TowerSpec, steps: Steps[Values], first: Values) -> Values:
    """Take a batch up a tower, level by level, and return its embeddings.

    Parameters
    ----------
    spec : TowerSpec
        Shape of the tower.
    steps : Steps
        A back end with the weights.
    first : tensor, ndarray or str, shape (n, levels[0])
        Sums of the first layer, before bias, normalisation and activation.

    Returns
    -------
    tensor, ndarray or str, shape (n, sum(widths))
    """
    below, embeddings = first, []
    for level in range(len(spec.levels)):
        below = steps.activated(level, steps.normed(level, steps.mapped(level, below)))
        if level in spec.matched:
            embeddings.append(steps.matched(level, below))
    return steps.joined(embeddings)
