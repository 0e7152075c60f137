"""The stages of a fit as data: unsupervised pretraining, refinement level by level, optimisation (section 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from ..distributed.collectives import Collectives
from ..nn.blocks import BatchNorm
from ..nn.dual import DualNetwork
from ..nn.spec import Activation, walk
from ..nn.towers import LevelSteps, Tower
from ..rng import derive_seed
from .checkpoint import discard_checkpoints, load_checkpoint, refuse_other_run, save_checkpoint, written_by_first
from .inputs import DualInputs, evenly_spaced
from .options import RunOptions
from .pretraining import PretrainedEncoder, PretrainingSettings, pretrain
from .progress import EpochLog, EpochProgress

StageKind = Literal["pretrain", "refine", "optimise"]

SAMPLE = 20_000  # items whose statistics batch normalisation starts from


@dataclass(frozen=True)
class Stage:
    """One part of a fit, with weights, log and checkpoints of its own.

    Parameters
    ----------
    kind : {"pretrain", "refine", "optimise"}
        What is done.
    name : str
        Of its checkpoints and in the log, such as ``"refine-2"``.
    depth : int
        Lowest levels that take part.
    epochs : int
        Length.
    seed : int
        Of order and noise.
    """

    kind: StageKind
    name: str
    depth: int
    epochs: int
    seed: int


def plan_stages(
    kinds: Sequence[StageKind], n_levels: int, *, pretrain_epochs: int, refine_epochs: int, epochs: int, seed: int
) -> list[Stage]:
    """Return the stages of a fit in order; refinement is one stage for each level (section 4).

    Parameters
    ----------
    kinds : sequence of {"pretrain", "refine", "optimise"}
        Which there are.
    n_levels : int
        Levels of the whole network.
    pretrain_epochs, refine_epochs, epochs : int
        Length of each stage of a kind.
    seed : int
        Seed of the run; the optimisation draws as it does alone, the other stages have seeds of their own.
    """
    planned: list[Stage] = []
    for kind in kinds:
        if kind == "pretrain":
            planned.append(Stage(kind, kind, n_levels, pretrain_epochs, derive_seed(seed, kind)))
        elif kind == "refine":
            depths = range(1, n_levels + 1)
            planned += [Stage(kind, f"{kind}-{k}", k, refine_epochs, derive_seed(seed, kind, k)) for k in depths]
        else:
            planned.append(Stage(kind, kind, n_levels, epochs, seed))
    return planned


def pretrained_encoder(
    features: csr_array | NDArray[np.float32],
    levels: Sequence[int],
    activation: Activation,
    settings: PretrainingSettings,
    *,
    run: RunOptions,
    phase: str,
    identity: Mapping[str, Any],
    device: torch.device,
    translated: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> PretrainedEncoder:
    """Pretrain the item network, or read what a former run with checkpoints has pretrained.

    A run killed inside this stage starts it again, and ends with the same bits.

    Parameters
    ----------
    features : csr_array or ndarray of float32, shape (n_items, n_features)
        Content of the training items.
    levels, activation, settings, device
        As in `pretrain`.
    run : RunOptions
        Log and checkpoints.
    phase : str
        Name in the log, and the checkpoint's folder.
    identity : mapping
        What the run is; a checkpoint of another run is refused.
    translated : callable
        From the identity that an older version may have written to that of this version.

    Raises
    ------
    UsageError
        If `run.resume` meets a checkpoint of another run.
    """
    folder = None if run.checkpoint_path is None else run.checkpoint_path / phase
    encoder = None
    if folder is not None and run.resume:
        encoder = _load(folder, identity, device, translated, run.group)
    elif folder is not None and run.group.rank == 0:
        discard_checkpoints(folder)
    with (
        EpochLog(run.log_path, phase, [] if encoder is None else encoder.history, run.trackers) as log,
        EpochProgress.of(run, phase, 1),
    ):
        if encoder is None:
            started = time.perf_counter()
            encoder = pretrain(features, levels, activation, settings, device=device, group=run.group)
            seconds = (time.perf_counter() - started) / max(len(encoder.history), 1)  # a mean
            for epoch, entry in enumerate(encoder.history, 1):
                log.write({"epoch": epoch, "layer": entry["stage"], "loss": entry["error"]}, seconds)
            if folder is not None:
                written_by_first(run.group, partial(_save, folder, encoder, identity))
    return encoder


@torch.no_grad()
def stack(lower: DualNetwork, network: DualNetwork) -> None:
    """Copy the weights of a network with fewer levels, or as many, into one that stacks levels on top of it.

    What is new keeps its random start. A level that was the top gets its matching branch now: it starts as the identity, so
    that the embedding that was tuned is still the one that is matched. Under the basic design the new top level is matched
    instead, at its initial scale.

    Parameters
    ----------
    lower : DualNetwork
        Refined.
    network : DualNetwork
        Changed in place; of the same shape but for `levels`, which start with those of `lower`.
    """
    kept = lower.state_dict()
    for (side, tower, scale), (_, below, _) in zip(network.sides(), lower.sides(), strict=True):
        factors = kept.pop(f"{side}_scale")
        for level, factor in zip(below.spec.matched, factors, strict=True):
            if level in tower.spec.matched:
                scale[tower.spec.matched.index(level)] = factor
        for level in set(tower.spec.branches) - set(below.spec.branches):
            branch = tower.branch(level)
            if branch is not None and level < len(below.spec.levels):
                nn.init.eye_(branch.weight)
                nn.init.zeros_(branch.bias)
    network.load_state_dict(kept, strict=False)


@torch.no_grad()
def install_encoder(encoder: PretrainedEncoder, inputs: DualInputs, since: int = 0) -> None:
    """Start the levels of the item network from a pretrained encoder; those below `since` stay as they are.

    Batch normalisation is set to undo itself on clean content: its scale and shift are the statistics that it takes out, and
    the pretrained bias. So a level passes on what the pretrained layer does. The user network is not touched (section 4).

    Parameters
    ----------
    encoder : PretrainedEncoder
        With at least as many layers as the network has levels.
    inputs : DualInputs
        Content and network.
    since : int
        First level to set.
    """
    network, tower = inputs.network, inputs.network.item_tower
    if since == 0 and network.item_weight is not None:
        network.item_weight.copy_(encoder.weights[0])
        if tower.bias is not None:
            tower.bias.copy_(encoder.biases[0])
    walk(tower.spec, _Installed(tower, encoder, since), inputs.items(evenly_spaced(inputs.matrix.shape[1], SAMPLE), None))


class _Installed(LevelSteps):
    """The steps of a tower; from level `since` on, each sets the weights that it uses from a pretrained encoder."""

    def __init__(self, tower: Tower, encoder: PretrainedEncoder, since: int) -> None:
        super().__init__(tower)
        self.encoder, self.since = encoder, since

    def mapped(self, level: int, below: Tensor) -> Tensor:
        linear = self.tower.linear(level)
        if linear is not None and level >= self.since:
            linear.weight.copy_(self.encoder.weights[level].T)
            if linear.bias is not None:
                linear.bias.copy_(self.encoder.biases[level])
        return super().mapped(level, below)

    def normed(self, level: int, sums: Tensor) -> Tensor:
        norm = self.tower.norms[level]
        if isinstance(norm, BatchNorm):
            if level >= self.since:
                norm.undo_itself(sums, self.encoder.biases[level])
            else:
                norm.calibrate(sums)
        return super().normed(level, sums)


@torch.no_grad()
def scale_first_layers(network: DualNetwork, length: float) -> None:
    """Scale the first layers so that the columns of each side have a root mean square of `length`.

    Behind batch or layer normalisation the scale does not change what the network computes, but a gradient is as much larger as the
    weights are smaller: a step changes them by the square of that. Tables of rows drawn from N(0, 1/width) have columns of length
    sqrt(rows / width), about ten for twenty thousand rows; a column of length 1 is the usual draw by fan-in.

    Parameters
    ----------
    network : DualNetwork
        Changed in place; its levels are normalised, and batch statistics that are stored move along.
    length : float
        Wanted; above 0.
    """
    for tower, tables in (
        (network.item_tower, (network.item_weight, network.item_residual)),
        (network.user_tower, (network.user_weight, network.user_table, network.user_columns)),
    ):
        own = [table for table in tables if table is not None]
        factor = length / _column_length(own)
        for table in own:
            table.mul_(factor)
        statistics = dict(tower.norms[0].named_buffers())
        if "mean" in statistics:
            statistics["mean"].mul_(factor)
            statistics["variance"].mul_(factor**2)


def _column_length(tables: Sequence[Tensor]) -> float:
    squares = sum(float(table.square().sum()) for table in tables)
    return max((squares / tables[0].shape[1]) ** 0.5, 1e-12)


def _save(folder: Path, encoder: PretrainedEncoder, identity: Mapping[str, Any]) -> None:
    tensors = {f"weight/{level}": weight.cpu().numpy() for level, weight in enumerate(encoder.weights)}
    tensors |= {f"bias/{level}": bias.cpu().numpy() for level, bias in enumerate(encoder.biases)}
    save_checkpoint(folder, len(encoder.history), tensors, {"identity": dict(identity), "history": encoder.history})


def _load(
    folder: Path,
    identity: Mapping[str, Any],
    device: torch.device,
    translated: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    group: Collectives,
) -> PretrainedEncoder | None:
    loaded = load_checkpoint(folder, group)
    if loaded is None:
        return None
    tensors, state = loaded
    refuse_other_run(identity, translated(state["identity"]), folder)

    def of(kind: str) -> list[Tensor]:
        count = len(tensors) // 2
        return [torch.from_numpy(tensors[f"{kind}/{level}"].copy()).to(device) for level in range(count)]

    return PretrainedEncoder(of("weight"), of("bias"), state["history"])
