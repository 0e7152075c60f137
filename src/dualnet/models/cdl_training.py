"""Training of CDL: exact half-steps for users and items in turn with epochs of Adam for the autoencoder; needs torch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..errors import TrainingError
from ..nn.sdae import Autoencoder
from ..nn.spec import Activation
from ..train.best_figure import at_least
from ..train.denoising import DenoisingRows
from ..train.device import choose_device, threads
from ..train.options import RunOptions
from ..train.pretraining import PretrainingSettings, train_autoencoder
from ..train.progress import EpochLog, EpochProgress
from .als import half_step, weighted_error
from .content_encoder import ContentEncoder

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Penalties:
    """Coefficients of equation 5.

    Parameters
    ----------
    zero_weight : float
        b, the weight of zeros.
    user, code, reconstruction, weight : float
        lu of the users, lv between factors and codes, ln of the reconstruction, lw of the autoencoder's weights.
    """

    zero_weight: float
    user: float
    code: float
    reconstruction: float
    weight: float


@dataclass(frozen=True)
class AlternationSettings:
    """Settings of an alternation, apart from the data.

    Parameters
    ----------
    penalties : Penalties
        The objective.
    levels : sequence of int
        Widths of the encoder, bottom to top.
    activation : str
        After each layer but the last.
    reconstruct : {"clean", "noisy"}
        What the autoencoder restores.
    pretraining : PretrainingSettings
        Of the autoencoder; noise, batch, learning rate and seed count in the alternation too.
    epochs : int
        Passes over the items in a round.
    """

    penalties: Penalties
    levels: Sequence[int]
    activation: Activation
    reconstruct: Literal["clean", "noisy"]
    pretraining: PretrainingSettings
    epochs: int


@dataclass(frozen=True, eq=False)
class Alternated:
    """Result of an alternation.

    Parameters
    ----------
    items : ndarray of float32, shape (n_items, levels[-1])
        Factors of the items.
    encoder : ContentEncoder
        From content to codes.
    lines : list of dict
        The objective after each half-step: ``round``, ``step``, ``objective``.
    figures : list of float
        The figure that decides (`RunOptions.monitor`), of each round; empty without validation.
    """

    items: Array
    encoder: ContentEncoder
    lines: list[dict[str, int | str | float]]
    figures: list[float]


def alternate(
    settings: AlternationSettings,
    matrix: csr_array,
    features: Matrix,
    rounds: int,
    validate: Callable[[Array, ContentEncoder], Mapping[str, float]] | None,
    run: RunOptions,
    phase: str = "train",
) -> Alternated:
    """Fit factors and encoder, and record the objective.

    Parameters
    ----------
    settings : AlternationSettings
        Checked.
    matrix : csr_array of float32, shape (n_users, n_items)
        Weights of the positives.
    features : csr_array or ndarray, shape (n_items, n_features)
        Content.
    rounds : int
        Alternations.
    validate : callable, optional
        From item factors and encoder to figures; the round with the best ``run.monitor`` is kept, of equal ones the last.
    run : RunOptions
        Threads, progress, and the log, which gets a line a round: its objective, its figures, its seconds.
    phase : str
        Name of this fit in the log.

    Raises
    ------
    TrainingError
        If the autoencoder diverges.
    """
    with (
        threads(run.threads),
        EpochLog(run.log_path, phase, [], run.trackers) as log,
        EpochProgress.of(run, phase, rounds) as progress,
    ):
        state, found = _Alternation(settings, matrix, features, choose_device(run.device)), list[float]()
        for number in range(1, rounds + 1):
            started = time.perf_counter()
            state.round(number)
            figures = {"epoch": float(number), "objective": float(state.lines[-1]["objective"])}
            if validate is not None:
                figures |= validate(state.items, state.encoder)
                found.append(figures[run.monitor])
            if validate is None or at_least(found[-1], max(found)):
                kept = state.items, state.encoder
            log.write(figures, time.perf_counter() - started)
            progress.round(figures, number)
    return Alternated(*kept, state.lines, found)


class _Alternation:
    """State of a running alternation.

    Parameters
    ----------
    settings, matrix, features
        As in `alternate`.
    device : torch.device
        Where the autoencoder trains.
    """

    def __init__(self, settings: AlternationSettings, matrix: csr_array, features: Matrix, device: torch.device) -> None:
        self.settings, self.penalties, self.matrix = settings, settings.penalties, matrix
        self.transposed = csr_array(matrix.T)
        self.device = device
        training = settings.pretraining
        # equation 5 has squares for every kind of content
        self.network, _ = train_autoencoder(
            features, settings.levels, training,
            activation=settings.activation, top="identity", kind="squares", device=self.device,
        )  # fmt: skip
        self.rows = DenoisingRows(
            features, noise=training.noise, batch=training.batch, seed=training.seed, stream="cdl", device=self.device
        )
        # the penalty lw |theta|^2, shared among the items as the other terms are
        decay = 2 * self.penalties.weight / len(self.rows)
        parameters = self.network.parameters()
        self.optimizer = torch.optim.Adam(parameters, lr=training.learning_rate, weight_decay=decay, fused=True)
        self.encoder, self.codes, self.of_content = self._encoded()
        self.items = self.codes
        self.users = np.zeros((self.matrix.shape[0], self.items.shape[1]), np.float32)
        self.lines: list[dict[str, int | str | float]] = []
        self._record(0, "start")

    def round(self, number: int) -> None:
        """Step over the autoencoder, the users and the items; in the first round, items are still codes and it stays."""
        epochs, penalties = self.settings.epochs, self.penalties
        if number > 1:
            for epoch in range(epochs):
                self._descend((number - 2) * epochs + epoch)
            self.encoder, self.codes, self.of_content = self._encoded()
            self._record(number, "encoder")
        self.users = half_step(self.items, self.matrix, penalties.zero_weight, penalties.user)
        self._record(number, "users")
        self.items = half_step(self.users, self.transposed, penalties.zero_weight, penalties.code, prior=self.codes)
        self._record(number, "items")

    def _descend(self, epoch: int) -> None:
        """One pass of Adam over the items: the terms of the objective that the autoencoder has part in."""
        penalties, network = self.penalties, self.network
        factors = torch.from_numpy(self.items).to(self.device)
        total = 0.0
        for batch in self.rows.epoch(epoch):
            self.optimizer.zero_grad()
            code = network.encode(batch.noisy, batch.dropout)
            drawn = factors.index_select(0, torch.from_numpy(batch.rows).to(self.device))
            target = batch.clean if self.settings.reconstruct == "clean" else batch.masked
            error = network.code_error(code, target, batch.dropout)
            loss = penalties.code * (drawn - code).square().sum() + penalties.reconstruction * error
            (loss / len(batch.rows)).backward()
            self.optimizer.step()
            total += loss.item()
        if not math.isfinite(total):
            raise TrainingError(f"the autoencoder of CDL diverged in epoch {epoch + 1}; use a lower learning rate")

    @torch.no_grad()
    def _encoded(self) -> tuple[ContentEncoder, Array, float]:
        """Return the encoder, the codes of all items, and what content and weights add to the objective."""
        encoder = exported_encoder(self.network)
        codes, error = np.empty((len(self.rows), self.network.biases[-1].shape[0]), np.float32), 0.0
        for part, rows in self.rows.blocks():
            code = self.network.encode(rows)
            codes[part] = code.cpu().numpy()
            error += self.network.code_error(code, rows).item()
        weights = sum(float(value.double().square().sum()) for value in self.network.parameters())
        return encoder, codes, self.penalties.reconstruction * error + self.penalties.weight * weights

    def _record(self, number: int, step: str) -> None:
        """Note the whole objective, without noise."""
        penalties = self.penalties
        matching = weighted_error(self.users, self.items, self.matrix, penalties.zero_weight, penalties.user, 0.0)
        gap = penalties.code * float(np.square(self.items.astype(np.float64) - self.codes).sum())
        self.lines.append({"round": number, "step": step, "objective": matching + gap + self.of_content})


@torch.no_grad()
def exported_encoder(network: Autoencoder) -> ContentEncoder:
    """Return the encoder of an autoencoder with linear codes as arrays.

    Parameters
    ----------
    network : Autoencoder
        With ``top="identity"``.
    """
    weights, biases = (
        [np.array(value.to("cpu", torch.float32).numpy(), order="C") for value in part]
        for part in (network.weights, network.biases)
    )
    return ContentEncoder(network.activation, weights, biases)
