"""Which of several figures on validation is the best, written once: what counts as equal, and which of equal ones is taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NOISE = 1e-9  # figures nearer than this differ by the order of sums alone


def best_place(figures: Sequence[float], rank: Sequence[float] | None = None) -> int:
    """Return the place of the best figure; of equal ones that of the least rank, and of those the first.

    Every choice on validation goes through here, or through `at_least` and `above` where figures come one by one. The figures
    themselves count equal scores at their expected value (`retrieval.topk.chance_above`), so that neither what is compared nor how
    equals are told apart depends on the order of the data.

    Parameters
    ----------
    figures : sequence of float
        More is better; what is no number is the worst.
    rank : sequence of float, optional
        Which of equal figures is preferred, such as the distance of a weight from the one that changes nothing.
    """
    values = np.nan_to_num(np.asarray(figures, np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    equal = np.flatnonzero(values >= values.max() - NOISE)
    return int(equal[0] if rank is None else min(equal.tolist(), key=lambda place: rank[place]))


def last_best(figures: Sequence[float]) -> int:
    """Return the place of the best figure, of equal ones the last: that of the epoch or round with the most training."""
    return best_place(figures, [-place for place in range(len(figures))])


def at_least(figure: float, best: float) -> bool:
    """Whether a figure is as good as the best before it: with more training it takes its place."""
    return figure >= best - NOISE


def above(figure: float, best: float) -> bool:
    """Whether a figure is better than the best before it, so that a search goes on."""
    return figure > best + NOISE
