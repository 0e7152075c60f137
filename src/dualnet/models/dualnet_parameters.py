"""Parameters of DualNet: names, types, defaults, limits, and what goes with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import UsageError, nearest
from ..nn.losses import LOSSES, LossName
from ..nn.spec import Activation
from ..rng import RandomState
from ..train.options import CHOICES
from .known_zeros import check_dislike_weight
from .level_model import LevelModel
from .limits import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Limit
from .parameters import Former
from .solved.parameters import SOLVED_LIMITS, check_solved

STAGES = ("pretrain", "refine", "optimise")
WIDEST = 2**20
_BATCH = Limit(at_least=1, whole=True, remedy="; leave it out for the rule that chooses it")

LIMITS: dict[str, Limit] = {
    **SOLVED_LIMITS,
    "residual_dropout": SHARE,
    "column_dropout": SHARE,
    "fold": Limit(above=0, below=1),
    "noise": SHARE,
    "history_noise": SHARE,
    "dropout": SHARE,
    "output_scale": POSITIVE,
    "ensemble": COUNT,
    "first_length": Limit(above=0, remedy=", or None to start as drawn"),
    "zero_weight": Limit(
        above=0,
        below=1,
        remedy=", the weight of positives: without zeros, or with zeros as sure as positives, there is nothing to learn",
    ),
    "skip_empty": Limit(at_least=0, at_most=1),
    "pretrain_epochs": COUNT,
    "refine_epochs": COUNT,
    "learning_rate": POSITIVE,
    "momentum": SHARE,
    "weight_decay": NOT_NEGATIVE,
    "clip": Limit(above=0, remedy=", or None for no limit"),
    "epochs": COUNT,
    "user_batch": _BATCH,
    "item_batch": _BATCH,
}


@dataclass(kw_only=True, eq=False, repr=False)
class DualNetParameters(LevelModel):
    """Parameters of a DualNet, which its docstring describes, with their defaults and checks."""

    former: ClassVar[tuple[Former, ...]] = tuple(
        Former("loss", zeros, {"loss": "squares", "zeros": zeros}) for zeros in ("auto", "exact", "dense", "estimated")
    )
    moved: ClassVar[tuple[str, ...]] = CHOICES
    options_read: ClassVar[tuple[str, ...]] = CHOICES
    limits: ClassVar[Mapping[str, Limit]] = LIMITS

    levels: Sequence[int] = (450, 200, 50)
    design: Literal["branching", "multi-level", "basic"] = "branching"
    user_input: Literal["shared", "reference"] = "shared"
    item_residual: bool = True
    residual_dropout: float = 0.3
    column_dropout: float = 0.8
    factors: int = 300
    factor_zero_weight: float | None = None
    regularization: float | None = None
    relation: float | None = None
    prior: float | None = None
    content_scale: float | None = None
    network_weight: float | None = None
    content_weight: float | None = None
    new_scale: float | None = None
    unliked_scale: float | None = None
    trials: int | None = None
    ensemble: int = 1
    mask: Literal["none", "fold", "leave-one-out"] = "none"
    fold: float = 0.3
    noise: float = 0.5
    history_noise: float = 0.5
    dropout: float = 0.1
    activation: Activation = "tanh"
    norm: Literal["batch", "layer", "none"] = "batch"
    top_branch: bool = False
    output_scale: float = 0.1
    first_length: float | None = None
    zero_weight: float = 0.01
    zero_popularity: float = 0.0
    dislike_weight: float = 0.0
    loss: LossName = "squares"
    zeros: Literal["auto", "exact", "dense", "estimated"] = "auto"
    precision: Literal["single", "bfloat16"] = "single"
    skip_empty: float = 0.0
    init: Literal["spectral", "random"] = "spectral"
    stages: Sequence[Literal["pretrain", "refine", "optimise"]] = ("optimise",)
    pretrain_epochs: int = 5
    refine_epochs: int = 5
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float | None = None
    schedule: Literal["one-cycle", "constant", "cosine", "linear"] = "one-cycle"
    epochs: int = 10
    user_batch: int | None = None
    item_batch: int | None = None
    random_state: RandomState = 0

    def _check(self) -> None:
        """Check what the limits cannot tell: values that exclude each other, or leave nothing to fit; raises `UsageError`."""
        _check_levels(self)
        check_solved(self)
        _check_stages(self)
        check_dislike_weight(self)
        _check_losses(self)


def _check_levels(model: DualNetParameters) -> None:
    if any(not isinstance(width, int) or width < 1 for width in model.levels):
        raise UsageError(f"levels={model.levels!r}: give positive widths, such as (450, 200, 50)")
    if any(width > WIDEST for width in model.levels):
        raise UsageError(f"levels={model.levels!r}: a level is at most {WIDEST:,} wide; give widths such as (450, 200, 50)")
    if not model.levels and not model.factors:
        raise UsageError(
            "levels=() and factors=0 leave nothing to fit: give widths, such as (450, 200, 50), or factors, such as 300"
        )
    if not model.factors and model.network_weight == 0:
        raise UsageError(
            "factors=0 and network_weight=0 leave nothing that counts: give factors, such as 300, or a weight above 0"
        )
    if model.first_length is not None and model.norm == "none":
        raise UsageError(
            "first_length is for levels that are normalised, where it leaves what they compute as it is; with norm='none' leave it out"
        )


def _check_losses(model: DualNetParameters) -> None:
    if model.zeros in ("exact", "estimated") and model.loss in LOSSES and not LOSSES[model.loss].square_zeros:
        raise UsageError(
            f"loss={model.loss!r} has no Gram form that zeros={model.zeros!r} could use, for a zero costs no square; write zeros='auto' or"
            " zeros='dense'"
        )


def _check_stages(model: DualNetParameters) -> None:
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
