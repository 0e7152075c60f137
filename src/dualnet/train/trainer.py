"""The training loop: one epoch after another, validated, logged, checkpointed, resumable at any step."""

from __future__ import annotations

import hashlib
import json
import math
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any, Literal, NoReturn, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..distributed.collectives import agreed
from ..errors import DivergenceError, TrainingError, TrainingInterruptedError, UsageError
from .batches import DualBatch, DualBatches
from .best_figure import at_least
from .checkpoint import (
    discard_checkpoints,
    load_checkpoint,
    refuse_other_run,
    save_checkpoint,
    sole_writer,
    written_by_first,
)
from .device import keep_freed_memory, tensor_cores
from .divergence import check_loss
from .division import ItemTables
from .options import RunOptions
from .progress import EpochLog, EpochProgress
from .signals import StoppedError, StopRequest

Optimizer = Literal["adam", "sgd"]
Schedule = Literal["constant", "one-cycle", "cosine", "linear", "warm-up"]

WARM_UP = 0.3  # share of a one-cycle run in which the rate rises
SHORT_WARM_UP = 0.1  # share of an update: a fresh optimiser knows no gradient scale in its first steps


def constant(done: float) -> float:
    """Return 1 throughout."""
    return 1.0


def one_cycle(done: float) -> float:
    """Rise from 1/25 to 1 over the first 30 % of the run, then fall along a cosine to near 0 (Smith 2018)."""
    if done < WARM_UP:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * done / WARM_UP))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def cosine(done: float) -> float:
    """Fall from 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * done))


def linear(done: float) -> float:
    """Fall from 1 to 0 in a straight line."""
    return 1.0 - done


def warm_up(done: float) -> float:
    """Rise from near 0 to 1 over the first 10 % of the run, then fall along a cosine: for weights that are trained already."""
    if done < SHORT_WARM_UP:
        return 0.02 + 0.98 * done / SHORT_WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - SHORT_WARM_UP) / (1 - SHORT_WARM_UP)))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "one-cycle": one_cycle,
    "cosine": cosine,
    "linear": linear,
    "warm-up": warm_up,
}


class Trainable(Protocol):
    """Methods that the trainer needs of an objective."""

    @property
    def network(self) -> nn.Module:
        """The networks in training."""

    @property
    def tables(self) -> ItemTables:
        """The tables of the networks that several processes divide."""

    @property
    def state(self) -> dict[str, Tensor]:
        """Tensors beside the weights that a checkpoint must keep."""

    def backward(self, batch: DualBatch) -> float:
        """Add the gradient of a block to that of the parameters; return the block's plain error."""

    def calibrate(self) -> None:
        """Make the network fit for inference after an epoch."""


@dataclass(frozen=True)
class TrainerSettings:
    """Hyper-parameters of the descent.

    Parameters
    ----------
    optimizer : {"adam", "sgd"}
        Adam, or stochastic gradient descent with momentum (the paper).
    learning_rate, momentum, weight_decay : float
        Peak rate; momentum of sgd; decoupled decay of weight matrices (not of biases, scales or norms).
    schedule : {"constant", "one-cycle", "cosine", "linear", "warm-up"}
        How the rate changes over `epochs`.
    epochs : int
        Length of the schedule.
    stop_after : int, optional
        Epochs to run of it; all by default. A refit stops where validation was best.
    patience : int
        Validations without a better figure before stopping.
    monitor : str
        The validation figure to maximise.
    validate_every : int
        Epochs between validations.
    clip : float, optional
        Longest gradient of a step, as Euclidean norm over all parameters; longer ones are scaled down.
    """

    optimizer: Optimizer
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: Schedule
    epochs: int
    stop_after: int | None
    patience: int
    monitor: str
    validate_every: int = 1
    clip: float | None = None


@dataclass
class TrainingState:
    """Position of a run; together with weights and the state of the optimiser it is the content of a checkpoint."""

    epoch: int = 0
    step: int = 0
    error: float = 0.0
    best_epoch: int = 0
    best_figure: float = -math.inf
    done: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Runs the descent of one objective; holds everything that is thrown away after training.

    Parameters
    ----------
    objective : Trainable
        Network and loss.
    batches : DualBatches
        The blocks of R.
    settings : TrainerSettings
        Hyper-parameters.
    n_pairs : int
        Positive pairs, to report the loss for each.
    validate : callable, optional
        Returns named figures, higher is better; called after `calibrate`.
    identity : mapping
        What the run is (parameters, data fingerprint); a checkpoint of another run is refused.
    translated : callable
        From the identity that an older version may have written to that of this version.
    run : RunOptions
        Progress, log, checkpoints.
    phase : str
        Name of this descent within the fit, such as ``"choose"``; its checkpoints live in a folder of that name.
    start : callable, optional
        Sets the weights before the first step; not called where a checkpoint has them.
    zero_error : float, optional
        Error of a whole epoch if every score were 0: a run that is far above diverges.
    """

    def __init__(
        self,
        objective: Trainable,
        batches: DualBatches,
        settings: TrainerSettings,
        *,
        n_pairs: int,
        validate: Callable[[], dict[str, float]] | None,
        identity: Mapping[str, Any],
        run: RunOptions,
        phase: str,
        translated: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
        start: Callable[[], None] | None = None,
        zero_error: float | None = None,
    ) -> None:
        self.objective, self.batches, self.settings = objective, batches, settings
        self.n_pairs, self.validate, self.run, self.phase = n_pairs, validate, run, phase
        self.start, self.zero_error = start, zero_error
        self.identity, self._translated = dict(identity), translated
        self.state = TrainingState()
        self.best: dict[str, Tensor] = {}
        self.optimizer = _make_optimizer(objective.network, settings)
        names = {parameter: name for name, parameter in objective.network.named_parameters()}
        self._names = [names[parameter] for group in self.optimizer.param_groups for parameter in group["params"]]
        self.folder = None if run.checkpoint_path is None else run.checkpoint_path / phase

    def fit(self) -> TrainingState:
        """Train to the end, to the stop of patience, or to a signal; leave the network with its best weights.

        Returns
        -------
        TrainingState
            With the history of figures and the best epoch.

        Raises
        ------
        TrainingError
            If the loss is no longer finite.
        DivergenceError
            If it is far above that of the zero model, or above its own median; the network then has the best weights that there
            were, and the last checkpoint is the one before.
        TrainingInterruptedError
            If a signal asked to stop; the state was saved first.
        Exception
            Whatever `run.after_epoch` raises.
        UsageError
            If `run.resume` meets a checkpoint of another run.
        """
        with ExitStack() as stack:
            if self.folder is not None:
                stack.enter_context(sole_writer(self.folder, self.run.group))
                if self.run.resume:
                    self._restore()
                elif self.run.group.rank == 0:
                    discard_checkpoints(self.folder)
            log = stack.enter_context(EpochLog(self.run.log_path, self.phase, self.state.history, self.run.trackers))
            stop = stack.enter_context(StopRequest(enabled=self.folder is not None, group=self.run.group, relay=self.run.relay))
            last = self.settings.stop_after or self.settings.epochs
            total = last * len(self.batches)
            if hasattr(self.objective, "stopped") and self.run.group.size == 1:  # several stop together, between blocks
                self.objective.stopped = lambda: stop.signal is not None
            if self.start is not None and self._steps_done() == 0:
                self.start()
            self.objective.tables.divide()
            keep_freed_memory()
            stack.enter_context(tensor_cores(next(self.objective.network.parameters()).device))
            progress = stack.enter_context(EpochProgress.of(self.run, self.phase, total, self._steps_done()))
            while not self.state.done:
                started = time.perf_counter()
                self._train_epoch(progress, stop)
                self._check_error()
                self._finish_epoch(last)
                seconds = time.perf_counter() - started
                log.write(self.state.history[-1], seconds)
                progress.figures(self.state.history[-1], self._steps_done())
                if self.folder is not None and (self.state.done or self.state.epoch % self.run.checkpoint_every == 0):
                    self.save()
                if self.run.after_epoch is not None:
                    self.run.after_epoch(self.state.history[-1])
                if not self.state.done and (signal_number := stop.asked()) is not None:
                    self.save()
                    raise TrainingInterruptedError(signal_number, str(self.folder))
        self._take_best()
        return self.state

    def save(self) -> None:
        """Write a checkpoint of weights, optimiser and state; of several processes all call it, and the first writes."""
        if self.folder is None:
            raise UsageError("this run has no checkpoint folder; pass RunOptions(checkpoint=...)")
        state = {**vars(self.state), "identity": self.identity, "threads": torch.get_num_threads()}
        state["best_figure"] = None if self.state.best_figure == -math.inf else self.state.best_figure
        tensors = self._tensors(kept=self.run.group.rank == 0)
        write = partial(save_checkpoint, self.folder, self._steps_done(), tensors, state)
        written_by_first(self.run.group, write)

    def digest(self) -> str:
        """Return one SHA-256 over weights, optimiser state and figures: equal for an interrupted and a whole run."""
        digest = hashlib.sha256(json.dumps(self.state.history, sort_keys=True).encode())
        for name, value in sorted(self._tensors().items()):
            digest.update(name.encode() + value.tobytes())
        return digest.hexdigest()

    def _train_epoch(self, progress: EpochProgress, stop: StopRequest) -> None:
        network, state = self.objective.network, self.state
        schedule = SCHEDULES[self.settings.schedule]
        total = self.settings.epochs * len(self.batches)
        while state.step < len(self.batches):
            if self.batches.skips(state.epoch, state.step):
                state.step += 1
                continue
            rate = self.settings.learning_rate * schedule(self._steps_done() / total)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            batch = self.batches.batch(state.epoch, state.step)
            before = {name: value.clone() for name, value in self.objective.state.items()}
            network.train()
            self.optimizer.zero_grad(set_to_none=True)
            try:
                error = self.objective.backward(batch)
            except StoppedError:  # in the middle of a block: nothing of it counts
                self._stop_in_block(stop, before)
            if not math.isfinite(error):
                raise TrainingError(
                    f"the loss became {error} in epoch {state.epoch + 1}, step {state.step + 1}, at learning rate {rate:.3g};"
                    f" lower learning_rate (now {self.settings.learning_rate:g}) and look for very large content values"
                )
            if self.settings.clip is not None:
                self.objective.tables.clip_gradients(self.settings.clip)
            self.optimizer.step()
            state.error += error
            state.step += 1
            share = state.step / len(self.batches)  # blocks are of like size
            passes = self.settings.stop_after or self.settings.epochs
            progress.step(batch, state.error / self.n_pairs / share, self._steps_done(), passes)
            if state.step < len(self.batches) and (signal_number := stop.asked()) is not None:
                self.save()
                raise TrainingInterruptedError(signal_number, str(self.folder))

    def _stop_in_block(self, stop: StopRequest, before: dict[str, Tensor]) -> NoReturn:
        """Save the state before a block that was left, and end."""
        self.objective.state.clear()
        self.objective.state.update(before)
        self.save()
        raise TrainingInterruptedError(stop.signal or signal.SIGTERM, str(self.folder))

    def _check_error(self) -> None:
        """Raise if the epoch that ends shows that training diverges."""
        zero = None if self.zero_error is None else self.zero_error / self.n_pairs
        kept = "" if self.folder is None else f"; the state before it is kept in {self.folder}"
        try:
            check_loss(
                self.state.error / self.n_pairs, zero, [entry["loss"] for entry in self.state.history],
                f"epoch {self.state.epoch + 1}",
                f"lower learning_rate (now {self.settings.learning_rate:g}) and look for very large content values{kept}",
            )  # fmt: skip
        except DivergenceError:
            self._take_best()
            raise

    def _take_best(self) -> None:
        """Leave the network whole, with its best weights."""
        if self.best:
            self.objective.network.load_state_dict(self.best)
        self.objective.tables.unite()

    def _finish_epoch(self, last: int) -> None:
        state, settings = self.state, self.settings
        state.epoch += 1
        figures: dict[str, float] = {"epoch": state.epoch, "loss": state.error / self.n_pairs}
        self.optimizer.zero_grad(set_to_none=True)  # makes room for the vectors of a validation
        self.objective.network.eval()
        validated = self.validate is not None and (state.epoch % settings.validate_every == 0 or state.epoch == last)
        with self.objective.tables.whole():
            self.objective.calibrate()
            if self.validate is not None and validated:
                figures.update(agreed(self.run.group, self.validate()))
        if validated and at_least(figures[settings.monitor], state.best_figure):  # of equal figures the one with more training
            state.best_figure, state.best_epoch = max(figures[settings.monitor], state.best_figure), state.epoch
            for name, value in self.objective.network.state_dict().items():
                if name in self.best:  # over what was best before: no second copy
                    self.best[name].copy_(value)
                else:
                    self.best[name] = value.clone()
        state.history.append(figures)
        state.step, state.error = 0, 0.0
        waited = (state.epoch - state.best_epoch) // settings.validate_every
        state.done = state.epoch >= last or (self.validate is not None and waited >= settings.patience)

    def _steps_done(self) -> int:
        return self.state.epoch * len(self.batches) + self.state.step

    def _tensors(self, *, kept: bool = True) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps, with the rows that other processes have; whoever does not write need not keep it."""
        tables = self.objective.tables
        found = [
            (f"network/{name}", name, value, tables.divided) for name, value in self.objective.network.state_dict().items()
        ]
        found += [(f"best/{name}", name, value, True) for name, value in self.best.items()]
        found += [(f"objective/{name}", name, value, False) for name, value in self.objective.state.items()]
        for index, entries in self.optimizer.state_dict()["state"].items():
            of = self._names[index]
            found += [(f"optimizer/{index}/{key}", of, value, True) for key, value in entries.items() if value is not None]
        tensors = {}
        for key, name, value, divided in sorted(found, key=itemgetter(0)):  # all processes gather in one order
            whole = tables.whole_of(name, value.detach()) if divided else value.detach()
            if kept:
                tensors[key] = whole.cpu().numpy()
        return tensors

    def _restore(self) -> None:
        loaded = load_checkpoint(self.folder, self.run.group) if self.folder is not None else None
        if loaded is None:
            return
        tensors, state = loaded
        refuse_other_run(self.identity, self._translated(state.pop("identity")), self.folder)
        self._take_threads(state.pop("threads", None))
        state["best_figure"] = -math.inf if state["best_figure"] is None else state["best_figure"]
        self.state = TrainingState(**state)
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}, "objective": {}}
        for name, value in tensors.items():
            kind, rest = name.split("/", 1)
            parts[kind][rest] = torch.from_numpy(value.copy())
        self.objective.network.load_state_dict(parts["network"])
        own_of = self.objective.tables.own_of
        self.best = {name: own_of(name, value) for name, value in parts["best"].items()}
        device = next(self.objective.network.parameters()).device
        self.objective.state.update({name: value.to(device) for name, value in parts["objective"].items()})
        entries: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, key = name.split("/")
            entries.setdefault(int(index), {})[key] = own_of(self._names[int(index)], tensor)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": entries})

    def _take_threads(self, then: int | None) -> None:
        """Go on with the threads of the checkpoint: sums of another number of threads have other last bits."""
        now = torch.get_num_threads()
        if then is None or then == now:
            return
        if self.run.threads is not None:
            raise UsageError(
                f"the checkpoint in {self.folder} was made with {then} threads, {now} now, and would end with other bits; go on with"
                f" threads={then} (--threads {then}), or start afresh in another folder"
            )
        torch.set_num_threads(then)  # `threads` puts the former number back


def _make_optimizer(network: nn.Module, settings: TrainerSettings) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in network.parameters() if parameter.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if settings.optimizer == "adam":
        return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum, fused=True)
    raise UsageError(f"optimizer must be 'adam' or 'sgd', got {settings.optimizer!r}")
