"""Training that runs away: a loss far above that of scoring nothing is an error long before it is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from ..errors import DivergenceError, TrainingError

NEAR = 2.0  # times the loss of the zero model: below it, an epoch of few blocks may be that far from the usual by chance
FAR = 10.0  # times the loss of the zero model, or of the run's own median epoch


def check_loss(loss: float, zero: float | None, before: Sequence[float], place: str, remedy: str) -> None:
    """Refuse a loss that is not finite, or that shows that the run diverges.

    A model that gives every pair the score 0 has a loss that is known without training. A run is stopped where it
    is `FAR` times that loss, or `FAR` times the median of its own epochs and `NEAR` times that loss.

    Parameters
    ----------
    loss : float
        Of an epoch.
    zero : float, optional
        Of the zero model, on the same scale; None where it is not known.
    before : sequence of float
        Losses of earlier epochs.
    place : str
        Which epoch, for the text.
    remedy : str
        What to change.

    Raises
    ------
    TrainingError
        If it is not finite.
    DivergenceError
        If it is far above.
    """
    if not math.isfinite(loss):
        raise TrainingError(f"the loss became {loss} in {place}; {remedy}")
    if zero is None or loss <= NEAR * zero:
        return
    usual = median(before) if len(before) >= 3 else math.inf
    if loss > FAR * zero or loss > FAR * usual:
        than = f"{zero:.3g} of a model that scores everything 0" if loss > FAR * zero else f"{usual:.3g} of its usual epoch"
        raise DivergenceError(f"training diverges: the loss is {loss:.3g} in {place}, against {than}; {remedy}")
