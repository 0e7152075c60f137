"""Allowed values of the parameters of the solved levels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import UsageError
from ..limits import Limit

if TYPE_CHECKING:
    from ..level_learning import Learner


HEAVIEST = 1_000_000  # of a level beside another: what is heavier leaves nothing of the other in single precision
CHOSEN = ", or None to have it chosen"
_WEIGHTS = ("relation", "content_scale", "content_weight", "network_weight", "new_scale", "unliked_scale")
SOLVED_LIMITS: dict[str, Limit] = {
    "factors": Limit(at_least=0, whole=True),
    "trials": Limit(at_least=0, whole=True, remedy=", or None for as many as are useful"),
    "factor_zero_weight": Limit(above=0, below=1, remedy=f"{CHOSEN}; positives weigh 1"),
    "regularization": Limit(above=0, remedy=CHOSEN),
    "prior": Limit(above=0, remedy=CHOSEN),
    **{name: Limit(at_least=0, at_most=HEAVIEST, number=True, remedy=CHOSEN) for name in _WEIGHTS},
}


def check_solved(model: Learner) -> None:
    """Check what the limits of the solved levels cannot tell.

    Raises
    ------
    UsageError
        If the penalty is infinite.
    """
    if model.regularization == math.inf:
        raise UsageError(
            "regularization=inf would leave nothing of the factors; give a number, such as 2, or None to have it chosen"
        )
