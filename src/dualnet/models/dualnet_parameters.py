"""Allowed values of the parameters of DualNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from ..errors import UsageError, nearest
from ..nn.losses import LOSSES
from ..nn.spec import ACTIVATIONS, Design, Norm
from .known_zeros import check_dislike_weight
from .solved.parameters import check_solved

if TYPE_CHECKING:
    from .dualnet import DualNet

STAGES = ("pretrain", "refine", "optimise")

CHOICES: dict[str, tuple[str, ...]] = {
    "design": get_args(Design),
    "user_input": ("shared", "reference"),
    "mask": ("none", "fold", "leave-one-out"),
    "activation": tuple(ACTIVATIONS),
    "norm": get_args(Norm),
    "loss": tuple(LOSSES),
    "zeros": ("auto", "exact", "dense", "estimated"),
    "init": ("spectral", "random"),
    "optimizer": ("adam", "sgd"),
    "schedule": ("one-cycle", "constant", "cosine", "linear"),
}


WIDEST = 2**20


def check_parameters(model: DualNet) -> None:
    """Check every constructor argument of a DualNet before anything is fitted.

    Raises
    ------
    UsageError
        If one is outside its range; the text names the value and what it may be.
    """
    if any(not isinstance(width, int) or width < 1 for width in model.levels):
        raise UsageError(f"levels={model.levels!r}: give positive widths, such as (450, 200, 50)")
    if any(width > WIDEST for width in model.levels):
        raise UsageError(f"levels={model.levels!r}: a level is at most {WIDEST:,} wide; give widths such as (450, 200, 50)")
    for name in ("user_batch", "item_batch"):
        size = getattr(model, name)
        if size is not None and size < 1:
            raise UsageError(f"{name}={size!r} must be at least 1; leave it out for the rule that chooses it")
    if not model.levels and not model.factors:
        raise UsageError(
            "levels=() and factors=0 leave nothing to fit: give widths, such as (450, 200, 50), or factors, such as 300"
        )
    check_solved(model)
    if not model.factors and model.network_weight == 0:
        raise UsageError(
            "factors=0 and network_weight=0 leave nothing that counts: give factors, such as 300, or a weight above 0"
        )
    _check_stages(model)
    for name, choices in CHOICES.items():
        value = getattr(model, name)
        if value not in choices:
            raise UsageError(f"{name}={value!r} is not known.{nearest(str(value), choices)}")
    if model.zeros in ("exact", "estimated") and not LOSSES[model.loss].square_zeros:
        raise UsageError(
            f"loss={model.loss!r} has no Gram form that zeros={model.zeros!r} could use, for a zero costs no square; write zeros='auto' or"
            " zeros='dense'"
        )
    for name in ("noise", "history_noise", "dropout", "residual_dropout", "column_dropout", "momentum"):
        if not 0 <= getattr(model, name) < 1:
            raise UsageError(f"{name}={getattr(model, name)!r} must be at least 0 and below 1")
    if not 0 <= model.skip_empty <= 1:
        raise UsageError(f"skip_empty={model.skip_empty!r} must be at least 0 and at most 1")
    if not 0 < model.fold < 1:
        raise UsageError(f"fold={model.fold!r} must be above 0 and below 1")
    check_dislike_weight(model)
    if not 0 < model.zero_weight < 1:
        raise UsageError(
            f"zero_weight={model.zero_weight!r} must be above 0 and below the weight 1 of positives: without zeros, or with"
            " zeros as sure as positives, there is nothing to learn"
        )
    for name in ("learning_rate", "output_scale"):
        if not getattr(model, name) > 0:
            raise UsageError(f"{name}={getattr(model, name)!r} must be above 0")
    for name in ("epochs", "pretrain_epochs", "refine_epochs"):
        if not isinstance(getattr(model, name), int) or getattr(model, name) < 1:
            raise UsageError(f"{name}={getattr(model, name)!r} must be a whole number of at least 1")
    if model.first_length is not None:
        if not model.first_length > 0:
            raise UsageError(f"first_length={model.first_length!r} must be above 0, or None to start as drawn")
        if model.norm == "none":
            raise UsageError(
                "first_length is for levels that are normalised, where it leaves what they compute as it is; with norm='none' leave it out"
            )
    if model.clip is not None and not model.clip > 0:
        raise UsageError(f"clip={model.clip!r} must be above 0, or None for no limit")
    if model.weight_decay < 0:
        raise UsageError(f"weight_decay={model.weight_decay!r} must not be negative")


def _check_stages(model: DualNet) -> None:
    for stage in model.stages:
        if stage not in STAGES:
            raise UsageError(f"stages={model.stages!r}: '{stage}' is not known.{nearest(str(stage), STAGES)}")
    if list(model.stages) != [stage for stage in STAGES if stage in model.stages]:
        raise UsageError(f"stages={model.stages!r}: name each stage once, in the order {', '.join(STAGES)}")
    if not {"refine", "optimise"} & set(model.stages):
        raise UsageError(f"stages={model.stages!r}: nothing would train the user network; add 'refine' or 'optimise'")
    if "pretrain" in model.stages and model.init == "spectral":
        raise UsageError(
            "stages has 'pretrain' and init='spectral': each sets the first weights of the item network; take init='random',"
            " or leave 'pretrain' out"
        )
