"""Ranking a sample of the validation users with the weights of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import RankingTask, Validation
from ..evaluation import quick_recall
from ..rng import generator
from .base import Prepared
from .runtime import DualRuntime

if TYPE_CHECKING:
    from ..nn.dual import DualNetwork

CUTS = (50, 100, 200)
FIGURES = ("recall@auto", *(f"recall@{cut}" for cut in CUTS))


class ValidationRanking:
    """Called after an epoch: exports the network and returns mean recall over the tasks.

    Parameters
    ----------
    prepared : sequence of (RankingTask, ItemSpace, user features or None)
        Tasks with everything that does not change while training.
    network : DualNetwork
        The network in training, calibrated before each call.
    """

    def __init__(self, prepared: Sequence[tuple[RankingTask, ItemSpace, Matrix | None]], network: DualNetwork) -> None:
        self._prepared, self._network = prepared, network

    def __call__(self) -> dict[str, float]:
        """Return ``recall@50``, ``@100``, ``@200`` and ``@auto`` (100, or a tenth of fewer than 1,000 candidates).

        ``half-width`` is that of the 95 % interval of ``recall@auto`` over the sampled users.
        """
        from ..nn.export import export_network

        runtime = DualRuntime(*export_network(self._network))
        figures: dict[str, list[float]] = {name: [] for name in FIGURES}
        widths = []
        for task, space, columns in self._prepared:
            items = runtime.item_vectors(space.features, space.known)
            users = runtime.user_vectors(task.history, runtime.history_table(space.features, space.known), columns)
            auto = auto_cut(task)
            recall = quick_recall(users, items, task, sorted({*CUTS, auto}))
            for cut in CUTS:
                figures[f"recall@{cut}"].append(recall[cut].mean)
            figures["recall@auto"].append(recall[auto].mean)
            widths.append(recall[auto].half_width)
        means = {name: float(np.mean(values)) for name, values in figures.items()}
        return {**means, "half-width": float(np.sqrt(np.square(widths).sum())) / len(widths)}


def needs_no_refit(validation: Validation, known: Prepared) -> bool:
    """Return whether one fit serves both for choosing and for use: no training pair was set aside to choose on.

    Parameters
    ----------
    validation : Validation
        With the part of the training set that choices may see; a part, so that the numbers of pairs tell.
    known : Prepared
        What the model that is used is fitted on.
    """
    return validation.train.interactions.n_pairs == known.data.interactions.n_pairs


def auto_cut(task: RankingTask) -> int:
    """Return the cut-off of ``recall@auto``: 100, or a tenth of the candidates where those are fewer than 1,000."""
    return max(1, min(100, len(task.candidates) // 10))


def sample_users(task: RankingTask, limit: int, seed: int) -> RankingTask:
    """Return a task over at most `limit` users with something to find, drawn once."""
    rows = np.flatnonzero(np.diff(task.truth.indptr))
    if len(rows) > limit:
        rows = np.sort(generator(seed, "validation-users").choice(rows, limit, replace=False))
    return replace(
        task,
        users=task.users.subset(rows),
        history=csr_array(task.history[rows]),
        seen=csr_array(task.seen[rows]),
        truth=csr_array(task.truth[rows]),
        user_content=None if task.user_content is None else task.user_content.take(rows),
    )
