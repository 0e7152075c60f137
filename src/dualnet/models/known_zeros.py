"""Dislikes as known zeros: they weigh more than the pairs of which nothing is known."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..data.event_weights import DISLIKE
from ..data.interactions import Interactions
from ..errors import UsageError


def known_zeros(interactions: Interactions, weight: float) -> csr_array | None:
    """Return what each dislike weighs beyond other zeros, over the same users and items; None where nothing does.

    Parameters
    ----------
    interactions : Interactions
        What a model is fitted on.
    weight : float
        Of one dislike.
    """
    others = interactions.others
    if others is None or weight == 0:
        return None
    disliked = others.keep(others.kinds.data == DISLIKE)
    return disliked.pattern() * np.float32(weight) if len(disliked) else None


def with_known_zeros(matrix: csr_array, zeros: csr_array | None) -> csr_array:
    """Return weights of positives and, below 0, what known zeros weigh beyond others: what `als.half_step` solves for.

    Parameters
    ----------
    matrix : csr_array, shape (n_users, n_items)
        Weights of the positives.
    zeros : csr_array, shape (n_users, n_items), optional
        From `known_zeros`; no pair is in both.
    """
    return matrix if zeros is None else csr_array(matrix - zeros, dtype=np.float32)


def learned_dislikes(model: Any, seen: csr_array | None, n_items: int) -> int:
    """Return how many dislikes a model learns from: those of items with pairs, which come first, if they weigh anything."""
    if seen is None or not getattr(model, "dislike_weight", 0):
        return 0
    return int((csr_array(seen[:, :n_items]).data == DISLIKE).sum())


def check_dislike_weight(model: Any) -> None:
    """Refuse a `dislike_weight` that is no number of at least 0; raises `UsageError`."""
    weight = model.dislike_weight
    if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 <= float(weight) < math.inf:
        raise UsageError(f"dislike_weight={weight!r} must be a number of at least 0")
