"""A tower in NumPy: in single precision to serve, in double precision with its gradient to explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..nn.spec import ACTIVATIONS, Array, LevelNames, TowerSpec, scale_name, walk
from ..nn.spec import EPSILON as EXACT_EPSILON

Numbers = NDArray[np.float64]
Pulls = list[Numbers | None]

EPSILON = np.float32(EXACT_EPSILON)  # as the network in single precision has it, also in double


@dataclass(frozen=True)
class LevelArrays:
    """Arrays of one level; None for what the level does not have.

    Parameters
    ----------
    weight, bias : ndarray
        The map from the level below; level 0 has no weight.
    norm : (ndarray, ndarray), optional
        Scale and shift of layer normalisation.
    branch : (ndarray, ndarray), optional
        Weight and bias of the matching branch.
    """

    weight: Array | None
    bias: Array
    norm: tuple[Array, Array] | None
    branch: tuple[Array, Array] | None


class NumpyTower:
    """A tower in single precision: the steps of `nn.spec.walk` on exported arrays.

    Parameters
    ----------
    spec : TowerSpec
        Shape.
    tensors : mapping of str to ndarray
        Holds the arrays named by `TowerSpec.shapes`.
    side : str
        Side in these names: ``"item"`` or ``"user"``.
    """

    dtype: ClassVar[Any] = np.float32

    def __init__(self, spec: TowerSpec, tensors: Mapping[str, NDArray[Any]], side: str) -> None:
        self.spec = spec
        own = {name: np.asarray(tensors[name], self.dtype) for name in spec.shapes(side)}
        self.layers = []
        for level in range(len(spec.levels)):
            names = LevelNames.of(side, level)
            norm = (own[names.norm_scale], own[names.norm_shift]) if spec.norm == "layer" else None
            branch = (own[names.branch_weight], own[names.branch_bias]) if level in spec.branches else None
            self.layers.append(LevelArrays(own.get(names.weight), own[names.bias], norm, branch))
        self.scale = own[scale_name(side)]
        self._activate = ACTIVATIONS[spec.activation].forward

    def forward(self, first: Array) -> Array:
        """Return embeddings, shape (n, sum(widths)), of first-layer sums, shape (n, levels[0])."""
        return walk(self.spec, self, first)

    def mapped(self, level: int, below: Array) -> Array:
        """Return the sums of a level, shape (n, width)."""
        layer = self.layers[level]
        sums: Array = (below if layer.weight is None else below @ layer.weight) + layer.bias
        return sums

    def normed(self, level: int, sums: Array) -> Array:
        """Return the sums, normalised where the level has layer normalisation."""
        norm = self.layers[level].norm
        return sums if norm is None else standardised(sums)[0] * norm[0] + norm[1]

    def activated(self, level: int, sums: Array) -> Array:
        """Return the output of a level."""
        return self._activate(sums)

    def matched(self, level: int, output: Array) -> Array:
        """Return the embedding of a level, shape (n, its width)."""
        branch = self.layers[level].branch
        return output if branch is None else output @ branch[0] + branch[1]

    def joined(self, embeddings: Sequence[Array]) -> Array:
        """Return the scaled embeddings side by side."""
        return np.concatenate(embeddings, axis=1) * self.scale


def standardised(sums: Array) -> tuple[Array, Array]:
    """Return each row with mean 0 and deviation 1, and the deviations that it had, shape (n, 1)."""
    centred = sums - sums.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + EPSILON)
    return centred / spread, spread


@dataclass(frozen=True)
class LevelValues:
    """Numbers that a batch has at one level, shape (n, width): `DifferentiableTower.gradient` needs them.

    Parameters
    ----------
    sums, output : ndarray
        What enters the activation, and what leaves it.
    standard : (ndarray, ndarray), optional
        From `standardised`, where levels are normalised.
    """

    sums: Numbers
    output: Numbers
    standard: tuple[Numbers, Numbers] | None


class DifferentiableTower(NumpyTower):
    """A tower in double precision, with the gradient of inner products, written by hand; parameters as in `NumpyTower`."""

    dtype = np.float64

    @property
    def normalised(self) -> bool:
        """Whether levels are normalised."""
        return self.spec.norm == "layer"

    @property
    def kinked(self) -> bool:
        """Whether the slope of the activation jumps where its input is 0."""
        return ACTIVATIONS[self.spec.activation].kinked

    def run(self, first: Numbers) -> list[LevelValues]:
        """Return the numbers of each level for first-layer sums, shape (n, levels[0]): `products` and `gradient` need them."""
        recorder = _Recorder(self)
        walk(self.spec, recorder, first)
        return recorder.levels

    def pulls(self, directions: Numbers) -> tuple[Pulls, Numbers]:
        """Return inner products of embeddings with some directions as products with the outputs of the levels.

        Branches and scales are linear: taken to the other side they cost once a direction, not once a point of a line.

        Parameters
        ----------
        directions : ndarray, shape (m, width)
            Vectors of the other side.

        Returns
        -------
        pulls : list of ndarray or None, each of shape (m, width of the level)
            None for a level that is not matched.
        constant : ndarray, shape (m,)
            To be added to the sum over levels of pull times output.
        """
        pulls: Pulls = [None] * len(self.layers)
        constant = np.zeros(len(directions))
        pieces = np.split(directions * self.scale, np.cumsum(self.spec.widths)[:-1], axis=1)
        for level, piece in zip(self.spec.matched, pieces, strict=True):
            layer, pulls[level] = self.layers[level], piece
            if layer.branch is not None:
                pulls[level] = piece @ layer.branch[0].T
                constant = constant + piece @ layer.branch[1]
        return pulls, constant

    def products(self, levels: list[LevelValues], pulls: Pulls) -> Numbers:
        """Return the inner products but for their constants, shape (m, n)."""
        found = [pull @ values.output.T for pull, values in zip(pulls, levels, strict=True) if pull is not None]
        return np.asarray(sum(found))

    def gradient(self, levels: list[LevelValues], pulls: Pulls) -> Numbers:
        """Return the gradient of the inner products by the first-layer sums, shape (m, n, levels[0]).

        Parameters
        ----------
        levels : list of LevelValues
            From `run`, for n inputs.
        pulls : list
            From `pulls`, for m directions.
        """
        slope = ACTIVATIONS[self.spec.activation].slope
        arriving: Numbers | None = None
        for layer, values, pull in reversed(list(zip(self.layers, levels, pulls, strict=True))):
            if pull is not None:
                arriving = pull[:, None, :] if arriving is None else arriving + pull[:, None, :]
            if arriving is None:
                continue  # levels above the highest matched one give nothing
            arriving = arriving * slope(values.output)
            if layer.norm is not None and values.standard is not None:
                standard, spread = values.standard
                arriving = arriving * layer.norm[0]
                along = standard * (arriving * standard).mean(axis=2, keepdims=True)
                arriving = (arriving - arriving.mean(axis=2, keepdims=True) - along) / spread
            if layer.weight is not None:
                arriving = arriving @ layer.weight.T
        return np.asarray(arriving)


class _Recorder:
    """The steps of a tower that keep the numbers of each level, and make no embeddings."""

    def __init__(self, tower: DifferentiableTower) -> None:
        self.tower, self.levels = tower, list[LevelValues]()
        self.mapped = tower.mapped
        self._standard: tuple[Numbers, Numbers] | None = None

    def normed(self, level: int, sums: Numbers) -> Numbers:
        norm = self.tower.layers[level].norm
        if norm is None:
            return sums
        self._standard = standardised(sums)
        return np.asarray(self._standard[0] * norm[0] + norm[1])

    def activated(self, level: int, sums: Numbers) -> Numbers:
        output = self.tower.activated(level, sums)
        self.levels.append(LevelValues(sums, output, self._standard))
        return output

    def matched(self, level: int, output: Numbers) -> Numbers:
        return output

    def joined(self, embeddings: Sequence[Numbers]) -> Numbers:
        return embeddings[-1]
