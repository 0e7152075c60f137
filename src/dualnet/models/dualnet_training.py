"""Training of a DualNet: from its parameters and a training set to trained towers; needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.dataset import Dataset
from ..data.space import ItemSpace
from ..data.tasks import RankingTask
from ..errors import UsageError
from ..nn.dual import DualNetwork, DualShape
from ..nn.export import export_network
from ..retrieval.vectors import Vectors
from ..rng import derive_seed
from ..train.batches import DualBatches, choose_blocks
from ..train.checkpoint import discard_checkpoints, sole_writer
from ..train.device import choose_device, threads
from ..train.inputs import InputSettings
from ..train.objective import DualObjective, LossSettings
from ..train.options import RunOptions
from ..train.pretraining import PretrainedEncoder, PretrainingSettings
from ..train.spectral import spectral_start
from ..train.stages import Stage, install_encoder, plan_stages, pretrained_encoder, scale_first_layers, stack
from ..train.trainer import Trainer, TrainerSettings, TrainingState
from ..train.warm_start import restore_network, start_new_rows
from .base import Prepared
from .choosing import ValidationTasks
from .dualnet_parameters import DualNetParameters
from .known_zeros import known_zeros
from .level_learning import phase_of_seed
from .runtime import DualRuntime

FEWEST = 5  # users, and items, below which what is drawn within a block is more than what is learned
PATIENCE, VALIDATE_EVERY, VALIDATION_USERS = 10, 1, 2000  # of `RunOptions`, by default
PHASES = ("train", "choose", "final")  # one fit for all, or one to choose on and one for use


def descend(
    model: DualNetParameters,
    known: Prepared,
    tasks: Sequence[RankingTask],
    run: RunOptions,
    *,
    phase: str,
    stop_after: int | None,
    number: int = 0,
) -> tuple[TrainingState, DualRuntime]:
    """Train the towers of a model, stage by stage, and return them without torch.

    Parameters
    ----------
    model : DualNetParameters
        Parameters, checked, and featurizers, fitted.
    known : Prepared
        Known users and items only, with their features.
    tasks : sequence of RankingTask
        Validation tasks; none trains to the end of the schedule.
    run : RunOptions
        Progress, log, checkpoints, threads.
    phase : {"train", "choose", "final"}
        Name of this fit in logs and checkpoints; each stage adds its own, as in ``"train/refine-1"``.
    stop_after : int, optional
        Epochs of the last stage to run.
    number : int
        Of the seed, from 0, where the networks of several are averaged; phases are named after it (`phase_of_seed`).

    Returns
    -------
    state : TrainingState
        Figures of each epoch of the last stage; the log has those of all.
    runtime : DualRuntime
        The towers as arrays.

    Raises
    ------
    UsageError
        If a stage has nothing or too little to work on, or a checkpoint is of another run.
    """
    run = run.with_defaults(patience=PATIENCE, validate_every=VALIDATE_EVERY, validation_users=VALIDATION_USERS)
    if number:
        model, phase = _of_another_seed(model, number), phase_of_seed(phase, number)
    stages = plan_stages(
        model.stages,
        len(model.levels),
        pretrain_epochs=model.pretrain_epochs,
        refine_epochs=model.refine_epochs,
        epochs=model.epochs,
        seed=model.seed_,
    )
    few = min(known.data.interactions.matrix.shape) < FEWEST
    if "refine" in model.stages and few:  # with 3 or fewer a quarter of the fits diverged
        users, items = known.data.interactions.matrix.shape
        raise UsageError(
            f"stages has 'refine', which needs at least {FEWEST} users and items to train on, and there are {users:,} and"
            f" {items:,}: what is drawn within a block is then more than what is learned, and training diverges; leave 'refine' out"
        )
    encoder: PretrainedEncoder | None = None
    network: DualNetwork | None = None
    with threads(run.threads), _claimed(run, phase):
        for stage in stages:
            where, identity = f"{phase}/{stage.name}", {**_identity(model, known.data, stop_after, run), "stage": stage.name}
            if stage.kind == "pretrain":
                encoder = _pretrain(model, known, stage, run, where, identity)
                continue
            objective = _objective(model, known, stage, run)
            last = stage is stages[-1]
            trainer = Trainer(
                objective,
                _batches(model, known, stage),
                _settings(model, stage, stop_after if last else None, run),
                n_pairs=known.data.interactions.n_pairs,
                zero_error=None if few else objective.zero_error,  # a loss of few rows is by chance, not what diverges
                validate=_validator(model, tasks, objective.network, run) if tasks and last else None,
                identity=identity,
                translated=model._completed,
                run=run if last and number == 0 else replace(run, after_epoch=None),
                phase=where,
                start=partial(_start, model, objective, network, encoder),
            )
            state, network = trainer.fit(), objective.network
    if network is None:
        raise UsageError(f"stages={model.stages!r}: no stage trains both networks")
    return state, DualRuntime(*export_network(network))


def _of_another_seed(model: DualNetParameters, number: int) -> DualNetParameters:
    """Return a prepared model, sharing everything but the seed that weights, order and noise are drawn with."""
    other = copy(model)
    other.drawn_seed_ = derive_seed(model.seed_, "network", number)
    return other


def descend_further(
    model: DualNetParameters,
    known: Prepared,
    tensors: Mapping[str, NDArray[Any]],
    run: RunOptions,
    *,
    n_old: int,
    epochs: int,
    learning_rate: float,
    phase: str,
) -> tuple[TrainingState, DualRuntime]:
    """Train saved towers further, on data that may hold new users and items, and return them without torch.

    A model folder has no optimiser state: the optimiser starts afresh, and its rate from near zero.

    Parameters
    ----------
    model : DualNetParameters
        Parameters.
    known : Prepared
        Old and new users and items; the old items come first, in their order.
    tensors : mapping of str to ndarray
        The towers, as exported.
    run : RunOptions
        Progress, log, threads; checkpoints are not written, for a model is there to start from again.
    n_old : int
        Items that the towers were trained on; they come first.
    epochs : int
        Passes over all pairs; 0 returns the towers with room for the new items.
    learning_rate : float
        Peak rate.
    phase : str
        Name in the log, and of the random numbers.
    """
    stage = Stage("optimise", phase, len(model.levels), epochs, derive_seed(model.seed_, phase))
    with threads(run.threads):
        objective = _objective(model, known, stage, run)
        restore_network(objective.inputs, tensors)
        if epochs == 0:
            return TrainingState(done=True), DualRuntime(*export_network(objective.network))
        start_new_rows(objective.inputs, n_old)
        settings = replace(_settings(model, stage, None, run), learning_rate=learning_rate, schedule="warm-up")
        trainer = Trainer(
            objective,
            _batches(model, known, stage),
            settings,
            n_pairs=known.data.interactions.n_pairs,
            zero_error=objective.zero_error,
            validate=None,
            identity={},
            run=replace(run, checkpoint=None, resume=False),
            phase=phase,
        )
        state = trainer.fit()
    return state, DualRuntime(*export_network(objective.network))


def item_zero(matrix: csr_array, power: float) -> NDArray[np.float32]:
    """Return q_j: popularity to a power, scaled to mean 1 so that `zero_weight` keeps its meaning; shape (1,) if all are 1."""
    if power == 0:
        return np.ones(1, np.float32)
    popularity = np.bincount(matrix.indices, minlength=matrix.shape[1]).clip(min=1).astype(np.float64)
    weight = popularity**power
    return (weight / weight.mean()).astype(np.float32)


def _pretrain(
    model: DualNetParameters, known: Prepared, stage: Stage, run: RunOptions, where: str, identity: dict[str, Any]
) -> PretrainedEncoder:
    if known.features is None:
        raise UsageError("stages has 'pretrain', but the items have no content; give content, or leave 'pretrain' out")
    settings = PretrainingSettings(noise=model.noise, epochs=stage.epochs, joint_epochs=stage.epochs, seed=stage.seed)
    return pretrained_encoder(
        known.features, model.levels, model.activation, settings, run=run, phase=where,
        identity=identity, translated=model._completed, device=choose_device(run.device),
    )  # fmt: skip


def _objective(model: DualNetParameters, known: Prepared, stage: Stage, run: RunOptions) -> DualObjective:
    """Return the networks of a stage with their loss."""
    matrix = known.data.interactions.matrix
    weights = torch.Generator().manual_seed(derive_seed(model.seed_, "weights"))
    return DualObjective(
        DualNetwork(_shape(model, known, stage.depth), weights).to(choose_device(run.device)),
        matrix,
        known.features,
        known.user_features,
        item_zero(matrix, model.zero_popularity),
        InputSettings(
            model.mask, model.fold, model.noise, model.history_noise, model.residual_dropout, stage.seed, model.column_dropout
        ),
        LossSettings(model.zero_weight, model.loss, model.zeros, model.precision),
        known_zeros=known_zeros(known.data.interactions, model.dislike_weight),
        group=run.group,
    )


def _shape(model: DualNetParameters, known: Prepared, depth: int) -> DualShape:
    return DualShape(
        n_items=known.data.interactions.n_items,
        n_features=0 if known.features is None else known.features.shape[1],
        n_user_features=0 if known.user_features is None else known.user_features.shape[1],
        levels=tuple(model.levels[:depth]),
        design=model.design,
        activation=model.activation,
        norm=model.norm,
        dropout=model.dropout,
        top_branch=model.top_branch,
        user_input=model.user_input,
        item_residual=model.item_residual,
        output_scale=model.output_scale,
        learned_scale=model.optimizer != "sgd",
    )


def _batches(model: DualNetParameters, known: Prepared, stage: Stage) -> DualBatches:
    matrix = known.data.interactions.matrix
    user_batch, item_batch = choose_blocks(matrix.shape[0], matrix.shape[1], model.user_batch, model.item_batch)
    return DualBatches(matrix, user_batch=user_batch, item_batch=item_batch, seed=stage.seed, skip_empty=model.skip_empty)


def _settings(model: DualNetParameters, stage: Stage, stop_after: int | None, run: RunOptions) -> TrainerSettings:
    return TrainerSettings(
        optimizer=model.optimizer,
        learning_rate=model.learning_rate,
        momentum=model.momentum,
        weight_decay=model.weight_decay,
        schedule=model.schedule,
        epochs=stage.epochs,
        stop_after=stop_after,
        patience=run.patience or PATIENCE,
        monitor=run.monitor,
        validate_every=run.validate_every or VALIDATE_EVERY,
        clip=model.clip,
    )


def _start(
    model: DualNetParameters, objective: DualObjective, before: DualNetwork | None, encoder: PretrainedEncoder | None
) -> None:
    """Set the weights of a stage before its first step: those of the stage before, and for new levels what else is known."""
    if before is not None:
        stack(before, objective.network)
    elif model.init == "spectral":
        generator = torch.Generator().manual_seed(derive_seed(model.seed_, "spectral"))
        spectral_start(objective.inputs, model.zero_weight, generator, objective.group)
    if encoder is not None:
        install_encoder(encoder, objective.inputs, since=0 if before is None else len(before.shape.levels))
    if before is None and model.first_length is not None:
        scale_first_layers(objective.network, model.first_length)


def _validator(
    model: DualNetParameters, tasks: Sequence[RankingTask], network: DualNetwork, run: RunOptions
) -> Callable[[], dict[str, float]]:
    """Return a function that ranks validation users with the weights of the moment; they are calibrated before each call."""
    asked = ValidationTasks(model, tasks, users=run.validation_users or VALIDATION_USERS, seed=model.seed_)
    return lambda: asked.figures(partial(_encode, DualRuntime(*export_network(network))))


def _encode(runtime: DualRuntime, task: RankingTask, space: ItemSpace, columns: Matrix | None) -> tuple[Vectors, Vectors]:
    table = runtime.history_table(space.features, space.known)
    return runtime.user_vectors(task.history, table, columns), runtime.item_vectors(space.features, space.known)


def _identity(model: DualNetParameters, data: Dataset, stop_after: int | None, run: RunOptions) -> dict[str, Any]:
    parameters = {name: list(v) if isinstance(v, tuple) else v for name, v in model._written_params().items()}
    return {**parameters, **run.choices, "data": data.fingerprint(), "stop_after": stop_after}


@contextmanager
def _claimed(run: RunOptions, phase: str) -> Iterator[None]:
    """Hold the checkpoint folder; a fresh run removes what a former one has left in any stage of this phase or a later one."""
    if run.checkpoint_path is None:
        yield
        return
    with sole_writer(run.checkpoint_path, run.group):
        if not run.resume and run.group.rank == 0:
            phases = (phase,) if phase not in PHASES[:-1] else PHASES
            of_seeds = "*" if phase in PHASES else ""  # the first seed comes first, and discards those of all
            for later in phases:
                for stage in run.checkpoint_path.glob(f"{later}{of_seeds}/*/"):
                    discard_checkpoints(stage)
        yield
