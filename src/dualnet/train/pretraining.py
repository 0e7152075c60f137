"""Unsupervised pretraining of an encoder as a stacked denoising autoencoder (Vincent et al. 2010)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from torch import Generator, Tensor, nn

from ..distributed.collectives import ALONE, Collectives, row_counts
from ..distributed.divided_matrix import own_rows
from ..errors import TrainingError, UsageError
from ..nn.sdae import Autoencoder, Reconstruction
from ..nn.spec import Activation
from ..rng import derive_seed
from .denoising import DenoisingBatch, DenoisingRows


@dataclass(frozen=True)
class PretrainingSettings:
    """Hyper-parameters of the pretraining.

    Parameters
    ----------
    noise : float
        Share of the entries of each layer's input that become zero (masking noise).
    dropout : float
        Dropout of hidden units in the end-to-end stage.
    epochs : int
        Passes over the rows for each layer, greedily; 0 leaves the greedy stages out.
    joint_epochs : int
        Passes end to end afterwards; 0 leaves this stage out.
    batch : int
        Rows of a step.
    learning_rate : float
        Of Adam.
    seed : int
        Seed of weights, order and noise.

    Raises
    ------
    UsageError
        If one is outside its range.
    """

    noise: float = 0.3
    dropout: float = 0.0
    epochs: int = 5
    joint_epochs: int = 5
    batch: int = 256
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("noise", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"pretraining {name}={getattr(self, name)!r} must be at least 0 and below 1")
        for name, least in (("epochs", 0), ("joint_epochs", 0), ("batch", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise UsageError(f"pretraining {name}={value!r} must be a whole number of at least {least}")
        if not self.learning_rate > 0:
            raise UsageError(f"pretraining learning_rate={self.learning_rate!r} must be above 0")


@dataclass(frozen=True, eq=False)
class PretrainedEncoder:
    """The encoder half of a trained autoencoder.

    Parameters
    ----------
    weights : list of Tensor, each (inputs, outputs)
    biases : list of Tensor, each (outputs,)
    history : list of dict
        One entry an epoch: ``stage`` (1 for the first layer, 2 for the second, ..., one more than the layers for the
        end-to-end stage), ``epoch`` (from 1, within the stage) and ``error`` (mean over the rows of the stage's summed
        reconstruction error, under noise).
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
    group: Collectives = ALONE,
) -> PretrainedEncoder:
    """Return an encoder n_features -> widths[0] -> widths[1] ... that was trained to undo noise.

    Parameters
    ----------
    features : csr_array or ndarray of float32, shape (n_rows, n_features)
        Clean content. Sparse rows are never made dense beyond one batch.
    widths : sequence of int
        Encoder layers, bottom to top.
    activation : Activation
        After each layer.
    settings : PretrainingSettings
        Noise, lengths, seed; the same seed gives the same bits.
    device : torch.device or str
        Where to train; the tensors returned are there too.
    group : Collectives
        The ranks that share each batch; all have the whole content, and get the same encoder.

    Returns
    -------
    PretrainedEncoder

    Raises
    ------
    UsageError
        If there are no widths, rows or features.
    TrainingError
        If the error is no longer finite.
    """
    network, history = train_autoencoder(
        features, widths, settings, activation=activation, top=activation, kind=reconstruction_of(features), device=device,
        group=group,
    )  # fmt: skip
    return PretrainedEncoder(
        [weight.detach() for weight in network.weights], [bias.detach() for bias in network.biases], history
    )


def reconstruction_of(features: csr_array | NDArray[np.float32]) -> Reconstruction:
    """Return the error that suits some inputs: cross entropy for binary ones, squares for all others.

    Counts and TF-IDF values count as real: their size says how much a term matters, which a probability would not; they are far
    from 1, so that a sigmoid would spend itself on the zeros; and under squares the zeros of sparse rows cost nothing
    (`dualnet.nn.sdae.gram_squares`), under the cross entropy each costs an exponential.

    Parameters
    ----------
    features : csr_array or ndarray, shape (n_rows, n_features)
    """
    values = features.data if issparse(features) else np.asarray(features)
    return "cross-entropy" if np.logical_or(values == 0, values == 1).all() else "squares"


def train_autoencoder(
    features: csr_array | NDArray[np.float32],
    widths: Sequence[int],
    settings: PretrainingSettings,
    *,
    activation: Activation,
    top: Activation,
    kind: Reconstruction,
    device: torch.device | str = "cpu",
    group: Collectives = ALONE,
) -> tuple[Autoencoder, list[dict[str, float]]]:
    """Train a stacked denoising autoencoder, layer by layer and then end to end.

    Each layer learns to restore the clean outputs of the layer below from noisy ones, while those below stay as they are; then
    all layers together restore the inputs. Arguments as in `pretrain`, and

    Parameters
    ----------
    features, widths, settings, activation, device, group
        As in `pretrain`.
    top : Activation
        After the code layer.
    kind : {"squares", "cross-entropy"}
        Error of the inputs.

    Returns
    -------
    network : Autoencoder
        Encoder and decoder.
    history : list of dict
        As in `PretrainedEncoder`.

    Raises
    ------
    UsageError, TrainingError
        As in `pretrain`.
    """
    rows, inputs = features.shape
    if not widths or min(rows, inputs, *widths) < 1:
        raise UsageError(f"an autoencoder needs rows, features and widths; got {rows} x {inputs} and widths {tuple(widths)}")
    weights = Generator().manual_seed(derive_seed(settings.seed, "autoencoder-weights"))
    network = Autoencoder(
        inputs, widths, activation=activation, top=top, dropout_rate=settings.dropout, kind=kind, generator=weights
    ).to(device)

    def noisy_rows(matrix: csr_array | NDArray[np.float32], stage: int) -> DenoisingRows:
        return DenoisingRows(
            matrix,
            noise=settings.noise,
            batch=settings.batch,
            seed=settings.seed,
            stream=f"stage{stage}",
            device=device,
            group=group,
        )

    history: list[dict[str, float]] = []
    below = features
    for place in range(len(widths)) if settings.epochs else ():
        data = noisy_rows(below, place + 1)

        def greedy(batch: DenoisingBatch, place: int = place) -> Tensor:
            return network.layer_error(place, batch.noisy, batch.clean)

        parts = (network.weights, network.biases, network.decoders, network.decoder_biases)
        history += _descend([part[place] for part in parts], data, greedy, settings, place + 1, settings.epochs)
        if place + 1 < len(widths):
            below = layer_outputs(network, place, data)

    def end_to_end(batch: DenoisingBatch) -> Tensor:
        code = network.encode(batch.noisy, batch.dropout, batch.share)
        return network.code_error(code, batch.clean, batch.dropout, batch.share)

    stage = len(widths) + 1
    data = noisy_rows(features, stage)
    history += _descend(network.parameters(), data, end_to_end, settings, stage, settings.joint_epochs)
    return network, history


@torch.no_grad()
def layer_outputs(network: Autoencoder, place: int, data: DenoisingRows) -> NDArray[np.float32]:
    """Return what one layer makes of all clean rows of its input, shape (n_rows, widths[place])."""
    found = np.empty((len(data), network.biases[place].shape[0]), np.float32)
    for part, rows in data.blocks():
        found[part] = network.layer(place, rows).cpu().numpy()
    return data.group.all_gather(own_rows(found, data.group), row_counts(len(data), data.group.size))


def _descend(
    parameters: Iterable[nn.Parameter],
    data: DenoisingRows,
    error: Callable[[DenoisingBatch], Tensor],
    settings: PretrainingSettings,
    stage: int,
    epochs: int,
) -> list[dict[str, float]]:
    """Lower the error of some parameters over the rows; return one entry an epoch."""
    own = list(parameters)
    optimizer = torch.optim.Adam(own, lr=settings.learning_rate, fused=True)
    history = []
    for epoch in range(epochs):
        total = 0.0
        for batch in data.epoch(epoch):
            optimizer.zero_grad()
            loss = error(batch)
            (loss / batch.whole).backward()
            total += _summed_gradients(own, loss, data.group)
            optimizer.step()
        if not math.isfinite(total):
            raise TrainingError(
                f"the reconstruction error of pretraining stage {stage} is {total} after epoch {epoch + 1}; use a lower learning rate"
            )
        history.append({"stage": stage, "epoch": epoch + 1, "error": total / len(data)})
    return history


@torch.no_grad()
def _summed_gradients(parameters: Sequence[nn.Parameter], loss: Tensor, group: Collectives) -> float:
    """Add up the gradients of the ranks; return the error of the whole batch."""
    if group.size == 1:
        return loss.item()
    gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
    total = group.all_reduce(torch.cat([loss.reshape(1), *(gradient.reshape(-1) for gradient in gradients)]))
    for each, found in zip(parameters, total[1:].split([each.numel() for each in parameters]), strict=True):
        each.grad = found.view_as(each)
    return float(total[0])
