"""Comparison of an updated model with the old one, on new pairs that are hidden from both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from ..data.csr import values_at
from ..data.interactions import Interactions
from ..data.tasks import RankingTask
from ..errors import UsageError
from ..evaluation import evaluate
from ..models.choosing import auto_cut
from ..rng import generator

if TYPE_CHECKING:
    from ..models.base import Recommender


def hide_pairs(model: Recommender, new: Interactions, share: float, seed: int = 0) -> tuple[Interactions, Interactions]:
    """Divide new pairs into those to learn from and those to ask for; pairs that the model knows are never asked for.

    Parameters
    ----------
    model : Recommender
        Before the update.
    new : Interactions
        New pairs.
    share : float
        To ask for, above 0 and below 1.
    seed : int
        Of the draw.

    Raises
    ------
    UsageError
        If the share is out of range.
    """
    if not 0 < share < 1:
        raise UsageError(f"the share to hold out must be above 0 and below 1, got {share:g}")
    rows, columns = new.pairs()
    users, items = model.users_.find(new.users.keys)[rows], model.items_.find(new.items.keys)[columns]
    both = np.flatnonzero((users >= 0) & (items >= 0))
    asked = generator(seed, "hold-out").random(new.n_pairs) < share
    asked[both] &= values_at(model.histories_, users[both], items[both]) == 0
    return new.keep(~asked), new.keep(asked)


def compare_models(
    before: Recommender, after: Recommender, n_old_items: int, hidden: Interactions
) -> list[dict[str, float | int | str]]:
    """Return mean recall of both models on hidden pairs, of old items among old ones and of new among new ones.

    Parameters
    ----------
    before, after : Recommender
        With the same histories and catalogue: the old one merged them without learning (``update(..., epochs=0)``).
    n_old_items : int
        Items that the old model was trained on; they come first.
    hidden : Interactions
        From `hide_pairs`.

    Returns
    -------
    list of dict
        ``items`` ("old" or "new"), ``users``, ``pairs``, ``cut``, ``before``, ``after``; no entry where there is nothing to ask.
    """
    ids, users = after.catalogue_.ids, after.users_
    rows, columns = hidden.pairs()
    rows, columns = users.find(hidden.users.keys)[rows], ids.find(hidden.items.keys)[columns]
    shape = (len(users), len(ids))
    stored = after.histories_
    history = csr_array((stored.data, stored.indices, stored.indptr), shape=shape)
    found: list[dict[str, float | int | str]] = []
    for name, candidates in (("old", np.arange(n_old_items)), ("new", np.arange(n_old_items, len(ids)))):
        inside = (rows >= 0) & (columns >= 0) & np.isin(columns, candidates)
        if not inside.any():
            continue
        truth = csr_array((np.ones(int(inside.sum()), np.float32), (rows[inside], columns[inside])), shape=shape)
        task = RankingTask("known-known", users, ids, history, history, candidates, truth)
        cut = auto_cut(task)
        results = [evaluate(model, task, at=(cut,))["known-known"] for model in (before, after)]
        if any(result.reason is not None for result in results):
            continue
        old, new = (result.mean(f"recall@{cut}") for result in results)
        found.append({"items": name, "users": results[1].n_users, "pairs": truth.nnz, "cut": cut, "before": old, "after": new})
    return found


def is_worse(figures: list[dict[str, float | int | str]]) -> bool:
    """Return whether the mean recall fell."""
    return sum(float(entry["after"]) - float(entry["before"]) for entry in figures) < 0
