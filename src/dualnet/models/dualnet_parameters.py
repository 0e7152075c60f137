"""What the parameters of DualNet may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError, nearest
from ..nn.losses import LOSSES
from .known_zeros import check_dislike_weight
from .limits import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Limit
from .solved.parameters import SOLVED_LIMITS, check_solved

if TYPE_CHECKING:
    from .dualnet import DualNet

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


def check_parameters(model: DualNet) -> None:
    """Check what the limits of a DualNet's parameters cannot tell, before anything is fitted.

    Raises
    ------
    UsageError
        If values exclude each other or leave nothing to fit; the text names them and a remedy.
    """
    if any(not isinstance(width, int) or width < 1 for width in model.levels):
        raise UsageError(f"levels={model.levels!r}: give positive widths, such as (450, 200, 50)")
    if any(width > WIDEST for width in model.levels):
        raise UsageError(f"levels={model.levels!r}: a level is at most {WIDEST:,} wide; give widths such as (450, 200, 50)")
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
    check_dislike_weight(model)
    if model.zeros in ("exact", "estimated") and model.loss in LOSSES and not LOSSES[model.loss].square_zeros:
        raise UsageError(
            f"loss={model.loss!r} has no Gram form that zeros={model.zeros!r} could use, for a zero costs no square; write zeros='auto' or"
            " zeros='dense'"
        )
    if model.first_length is not None and model.norm == "none":
        raise UsageError(
            "first_length is for levels that are normalised, where it leaves what they compute as it is; with norm='none' leave it out"
        )


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
