"""Allowed values of the parameters of the solved levels."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

from ...errors import UsageError

if TYPE_CHECKING:
    from ..level_learning import Learner


HEAVIEST = 1_000_000  # of a level beside another: what is heavier leaves nothing of the other in single precision


def check_solved(model: Learner) -> None:
    """Check the parameters of the solved levels before anything is fitted.

    Raises
    ------
    UsageError
        If one is outside its range; the text names the value and what it may be.
    """
    if isinstance(model.factors, bool) or not isinstance(model.factors, int) or model.factors < 0:
        raise UsageError(f"factors={model.factors!r} must be a whole number of at least 0")
    if model.trials is not None and (isinstance(model.trials, bool) or not isinstance(model.trials, int) or model.trials < 0):
        raise UsageError(f"trials={model.trials!r} must be a whole number of at least 0, or None for as many as are useful")
    for name in ("factor_zero_weight", "regularization", "prior"):
        value = getattr(model, name)
        if value is not None and not (_is_number(value) and value > 0):
            raise UsageError(f"{name}={value!r} must be above 0, or None to have it chosen")
    if model.regularization == math.inf:
        raise UsageError(
            "regularization=inf would leave nothing of the factors; give a number, such as 2, or None to have it chosen"
        )
    if model.factor_zero_weight is not None and not model.factor_zero_weight < 1:
        raise UsageError(f"factor_zero_weight={model.factor_zero_weight!r} must be below the weight 1 of positives")
    for name in ("relation", "content_scale", "content_weight", "network_weight", "new_scale", "unliked_scale"):
        value = getattr(model, name)
        if value is not None and not (_is_number(value) and 0 <= value <= HEAVIEST):
            raise UsageError(
                f"{name}={value!r} must be a number of at least 0 and at most {HEAVIEST:,}, or None to have it chosen"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
