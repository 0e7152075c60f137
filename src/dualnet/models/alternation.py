"""The alternation of CDL: exact half-steps for users and items, epochs of Adam for the autoencoder; needs torch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import TrainingError
from ..nn.sdae import Autoencoder
from ..train.denoising import DenoisingRows
from ..train.device import choose_device
from ..train.options import RunOptions
from ..train.pretraining import PretrainingSettings, train_autoencoder
from ..train.progress import EpochLog, EpochProgress
from .als import half_step, weighted_error
from .base import Prepared
from .content_encoder import ContentEncoder
from .descent import threads

if TYPE_CHECKING:
    from .cdl import CDL

Array = NDArray[np.float32]


def alternate(
    model: CDL,
    known: Prepared,
    rounds: int,
    validate: Callable[[], Mapping[str, float]] | None,
    run: RunOptions,
    phase: str = "train",
) -> list[float]:
    """Fit the factors and the encoder of a model, and record the objective.

    Parameters
    ----------
    model : CDL
        Parameters, checked; gets ``item_factors_``, ``encoder_`` and ``objective_``.
    known : Prepared
        Known users and items only, with their features.
    rounds : int
        Alternations.
    validate : callable, optional
        Returns the figures of the model as it stands; the round with the best ``recall@auto`` is kept, of equal ones the last.
    run : RunOptions
        Threads, progress, and the log, which gets a line a round: its objective, its figure, its seconds.
    phase : str
        Name of this fit in the log.

    Returns
    -------
    list of float
        ``recall@auto`` of each round; empty without `validate`.

    Raises
    ------
    TrainingError
        If the autoencoder diverges.
    """
    with (
        threads(run.threads),
        EpochLog(run.log, phase, [], run.trackers) as log,
        EpochProgress(run.progress, phase, rounds, 0) as progress,
    ):
        state, found = _Alternation(model, known), list[float]()
        for number in range(1, rounds + 1):
            started = time.perf_counter()
            state.round(number)
            model.item_factors_, model.encoder_ = state.items, state.encoder
            figures = {"epoch": float(number), "objective": float(state.lines[-1]["objective"])}
            if validate is not None:
                figures |= validate()
                found.append(figures["recall@auto"])
                if found[-1] >= max(found):
                    best = state.items, state.encoder
            log.write(figures, time.perf_counter() - started)
            progress.round(figures, number)
        if validate is not None:
            model.item_factors_, model.encoder_ = best
    model.objective_ = state.lines
    return found


class _Alternation:
    """Where an alternation is.

    Parameters
    ----------
    model : CDL
        Parameters.
    known : Prepared
        What it is fitted on.
    """

    def __init__(self, model: CDL, known: Prepared) -> None:
        self.model, self.matrix = model, known.data.interactions.matrix
        self.transposed = csr_array(self.matrix.T)
        features = known.content(model.name)
        self.device = choose_device(model.device)
        settings = PretrainingSettings(
            noise=model.noise,
            dropout=model.dropout,
            epochs=model.pretraining_epochs,
            joint_epochs=model.pretraining_epochs,
            batch=model.batch,
            learning_rate=model.learning_rate,
            seed=model.random_state,
        )
        # equation 5 has squares for every kind of content
        self.network, _ = train_autoencoder(
            features, model.levels, settings,
            activation=model.activation, top="identity", kind="squares", device=self.device,
        )  # fmt: skip
        self.rows = DenoisingRows(
            features, noise=model.noise, batch=model.batch, seed=model.random_state, stream="cdl", device=self.device
        )
        # the penalty lw |theta|^2, shared among the items as the other terms are
        decay = 2 * model.weight_penalty / len(self.rows)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=model.learning_rate, weight_decay=decay, fused=True)
        self.encoder, self.codes, self.of_content = self._encoded()
        self.items = self.codes
        self.users = np.zeros((self.matrix.shape[0], self.items.shape[1]), np.float32)
        self.lines: list[dict[str, int | str | float]] = []
        self._record(0, "start")

    def round(self, number: int) -> None:
        """Step over the autoencoder, the users and the items; in the first round, items are still codes and it stays."""
        model = self.model
        if number > 1:
            for epoch in range(model.epochs):
                self._descend((number - 2) * model.epochs + epoch)
            self.encoder, self.codes, self.of_content = self._encoded()
            self._record(number, "encoder")
        self.users = half_step(self.items, self.matrix, model.zero_weight, model.user_penalty)
        self._record(number, "users")
        self.items = half_step(self.users, self.transposed, model.zero_weight, model.content_weight, prior=self.codes)
        self._record(number, "items")

    def _descend(self, epoch: int) -> None:
        """One pass of Adam over the items: the terms of the objective that the autoencoder has part in."""
        model, network = self.model, self.network
        factors = torch.from_numpy(self.items).to(self.device)
        total = 0.0
        for batch in self.rows.epoch(epoch):
            self.optimizer.zero_grad()
            code = network.encode(batch.noisy, batch.dropout)
            drawn = factors.index_select(0, torch.from_numpy(batch.rows).to(self.device))
            target = batch.clean if model.reconstruct == "clean" else batch.masked
            error = network.code_error(code, target, batch.dropout)
            loss = model.content_weight * (drawn - code).square().sum() + model.reconstruction_weight * error
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
        return encoder, codes, self.model.reconstruction_weight * error + self.model.weight_penalty * weights

    def _record(self, number: int, step: str) -> None:
        """Note the whole objective, without noise."""
        model = self.model
        matching = weighted_error(self.users, self.items, self.matrix, model.zero_weight, model.user_penalty, 0.0)
        gap = model.content_weight * float(np.square(self.items.astype(np.float64) - self.codes).sum())
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
