"""Unsupervised pretraining of an encoder as a stacked denoising autoencoder (Vincent et al. 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ..nn.blocks import Activation


@dataclass(frozen=True)
class PretrainingSettings:
    """Hyper-parameters of the pretraining.

    Parameters
    ----------
    noise : float
        Share of the entries of each layer's input that become zero.
    dropout : float
        Dropout of hidden units in the end-to-end stage.
    epochs : int
        Passes over the rows for each layer, greedily.
    joint_epochs : int
        Passes end to end afterwards.
    batch : int
        Rows of a step.
    learning_rate : float
        Of Adam.
    seed : int
        Seed of weights, order and noise.
    """

    noise: float = 0.3
    dropout: float = 0.0
    epochs: int = 5
    joint_epochs: int = 5
    batch: int = 256
    learning_rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class PretrainedEncoder:
    """The encoder half of a trained autoencoder.

    Parameters
    ----------
    weights : list of Tensor, each (inputs, outputs)
    biases : list of Tensor, each (outputs,)
    history : list of dict
        One entry an epoch: ``stage`` (1 for the first layer, ...; 0 for end to end), ``epoch`` and ``error``.
    """

    weights: list[Tensor]
    biases: list[Tensor]
    history: list[dict[str, float]]


def pretrain(
    features: csr_array | NDArray[np.float32],
    widths: Sequence[int],
    activation: Activation,
    settings: PretrainingSettings,
    *,
    device: torch.device | str = "cpu",
) -> PretrainedEncoder:
    """Return an encoder n_features -> widths[0] -> widths[1] ... that was trained to undo noise."""
    raise NotImplementedError
