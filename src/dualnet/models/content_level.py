"""The level below the first: content matched as it is, with a weight chosen on validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.space import ItemSpace
from ..data.tasks import RankingTask
from ..ids import Rows
from ..retrieval.vectors import Vectors, join
from ..train.best_figure import best_place
from .choosing import Scorer, mean_recalls, sample_users
from .content_cosine import unit_profile, unit_vectors

DEFAULT_WEIGHT = 0.5  # without a validation to choose on
USERS = 10_000  # of a task that the choice is made on
LEAST = 1e-6  # orders what the embeddings leave equal, as new items are to factors, and nothing else
WEIGHTS = (LEAST, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)

Embedded = tuple[ItemSpace, NDArray[np.float32], NDArray[np.float32]]


def items_with_content(embeddings: NDArray[np.float32], space: ItemSpace, rows: Rows) -> Vectors:
    """Return item vectors with their content at unit length beside them, shape (len(rows), width + n_features)."""
    return join(embeddings, unit_vectors(space, rows))


def users_with_content(embeddings: NDArray[np.float32], space: ItemSpace, history: csr_array, weight: float) -> Vectors:
    """Return user vectors with the mean content of their histories beside them, at length `weight`.

    The inner product with `items_with_content` is that of the embeddings plus `weight` times the cosine of the contents.
    """
    return join(embeddings, unit_profile(space, history) * np.float32(weight))


def best_content_weight(tasks: Sequence[RankingTask], embed: Callable[[RankingTask], Embedded], seed: int) -> float:
    """Return the weight of `WEIGHTS` with the best mean recall over validation tasks; of equal ones the nearest to the default.

    It is never 0: where no task asks for new items, 0 may be the best, and would leave all new items equal.

    Parameters
    ----------
    tasks : sequence of RankingTask
        Validation tasks.
    embed : callable
        From a task to its space, the embeddings of its users, shape (n_users, width), and of its candidates.
    seed : int
        Decides who is asked where a task has more than 10,000 users.

    Returns
    -------
    float
        Recall at the cut-off of `choosing.auto_cut` decides.
    """
    asked = [sample_users(task, USERS, seed) for task in tasks]
    parts = [_scorers(task, *embed(task)) for task in asked]
    found = mean_recalls(asked, parts, lambda scores: (scores[0] + np.float32(w) * scores[1] for w in WEIGHTS), len(WEIGHTS))
    return WEIGHTS[best_place(found.tolist(), [abs(weight - DEFAULT_WEIGHT) for weight in WEIGHTS])]


def _scorers(
    task: RankingTask, space: ItemSpace, users: NDArray[np.float32], items: NDArray[np.float32]
) -> tuple[Scorer, Scorer]:
    content = Scorer(unit_profile(space, task.history), unit_vectors(space, task.candidates))
    return Scorer(users, items), content
