"""From the parameters of a DualNet and a training set to trained towers: everything that needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from ..data.dataset import Dataset
from ..data.tasks import RankingTask
from ..nn.dual import DualNetwork, DualShape
from ..nn.export import export_network
from ..rng import derive_seed
from ..train.batches import DualBatches
from ..train.device import choose_device
from ..train.inputs import InputSettings
from ..train.objective import DualObjective, LossSettings
from ..train.options import RunOptions
from ..train.regime import choose_blocks
from ..train.spectral import spectral_start
from ..train.trainer import Trainer, TrainerSettings, TrainingState
from .base import Prepared
from .runtime import DualRuntime
from .validation import ValidationRanking, sample_users

if TYPE_CHECKING:
    from .dualnet import DualNet


def descend(
    model: DualNet,
    known: Prepared,
    tasks: Sequence[RankingTask],
    run: RunOptions,
    *,
    phase: str,
    stop_after: int | None,
) -> tuple[TrainingState, DualRuntime]:
    """Train the towers of a model and return them without torch.

    Parameters
    ----------
    model : DualNet
        Parameters, checked, and featurizers, fitted.
    known : Prepared
        Known users and items only, with their features.
    tasks : sequence of RankingTask
        Validation tasks; none trains to the end of the schedule.
    run : RunOptions
        Progress, log, checkpoints, threads.
    phase : str
        Name of this descent in logs and checkpoints.
    stop_after : int, optional
        Epochs of the schedule to run.

    Returns
    -------
    state : TrainingState
        Figures of each epoch.
    runtime : DualRuntime
        The towers as arrays.
    """
    data, matrix = known.data, known.data.interactions.matrix
    device = choose_device(model.device)
    network = DualNetwork(
        _shape(model, known),
        torch.Generator().manual_seed(derive_seed(model.random_state, "weights")),
    ).to(device)
    inputs = InputSettings(model.mask, model.fold, model.noise, model.history_noise, model.residual_dropout, model.random_state)
    loss = LossSettings(model.zero_weight, model.loss)
    objective = DualObjective(
        network, matrix, known.features, known.user_features, item_zero(matrix, model.zero_popularity), inputs, loss
    )
    user_batch, item_batch = choose_blocks(matrix.shape[0], matrix.shape[1], model.user_batch, model.item_batch)
    trainer = Trainer(
        objective,
        DualBatches(matrix, user_batch=user_batch, item_batch=item_batch, seed=model.random_state, skip_empty=model.skip_empty),
        TrainerSettings(
            optimizer=model.optimizer,
            learning_rate=model.learning_rate,
            momentum=model.momentum,
            weight_decay=model.weight_decay,
            schedule=model.schedule,
            epochs=model.epochs,
            stop_after=stop_after,
            patience=model.patience,
            monitor=model.monitor,
            validate_every=model.validate_every,
        ),
        n_pairs=data.interactions.n_pairs,
        validate=_validator(model, tasks, network) if tasks else None,
        identity=_identity(model, data, stop_after),
        run=run,
        phase=phase,
        start=_start(model, objective),
    )
    with _threads(run.threads):
        state = trainer.fit()
    return state, DualRuntime(*export_network(network))


def item_zero(matrix: csr_array, power: float) -> NDArray[np.float32]:
    """Return q_j: popularity to a power, scaled to mean 1 so that `zero_weight` keeps its meaning; shape (1,) if all are 1."""
    if power == 0:
        return np.ones(1, np.float32)
    popularity = np.bincount(matrix.indices, minlength=matrix.shape[1]).clip(min=1).astype(np.float64)
    weight = popularity**power
    return (weight / weight.mean()).astype(np.float32)


def _shape(model: DualNet, known: Prepared) -> DualShape:
    return DualShape(
        n_items=known.data.interactions.n_items,
        n_features=0 if known.features is None else known.features.shape[1],
        n_user_features=0 if known.user_features is None else known.user_features.shape[1],
        levels=tuple(model.levels),
        design=model.design,
        activation=model.activation,
        norm=model.norm,
        dropout=model.dropout,
        top_branch=model.top_branch,
        user_input=model.user_input,
        item_residual=model.item_residual,
        output_scale=model.output_scale,
    )


def _start(model: DualNet, objective: DualObjective) -> Callable[[], None] | None:
    """Return what sets the weights before the first step of a run that does not resume."""
    if model.init == "random":
        return None
    generator = torch.Generator().manual_seed(derive_seed(model.random_state, "spectral"))
    return lambda: spectral_start(objective.inputs, model.zero_weight, generator)


def _validator(model: DualNet, tasks: Sequence[RankingTask], network: DualNetwork) -> ValidationRanking:
    prepared = []
    for task in tasks:
        sample = sample_users(task, model.validation_users, model.random_state)
        columns = None if sample.user_content is None else model.user_features(sample.user_content)
        prepared.append((sample, model.space(task.items, task.content), columns))
    return ValidationRanking(prepared, network)


def _identity(model: DualNet, data: Dataset, stop_after: int | None) -> dict[str, Any]:
    parameters = {name: list(v) if isinstance(v, tuple) else v for name, v in model.get_params().items()}
    return {**parameters, "data": data.fingerprint(), "stop_after": stop_after}


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Run with a number of threads in torch and in the products of NumPy, and put the former numbers back."""
    before = torch.get_num_threads()
    with threadpool_limits(limits=count):
        if count is not None:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
