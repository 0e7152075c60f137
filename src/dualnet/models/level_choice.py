"""Choice of the weights of a DualNet's levels, on validation, from scores that are computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import RankingTask
from ..distributed.collectives import ALONE, Collectives
from ..train.best_figure import best_place
from .choosing import Scorer, mean_recalls
from .content_cosine import unit_profile, unit_vectors
from .levels import Levels, LevelWeights
from .runtime import DualRuntime

Array = NDArray[np.float32]

NETWORK = (0.0, 0.15, 0.3, 0.6, 1.0, 1.5, 2.5)
CONTENT = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
FURTHER = (0.0, 0.5, 1.0)  # of networks of further seeds, each beside the first
STANDING = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.1, 2.5)


@dataclass(frozen=True, eq=False)
class Question:
    """A validation task, encoded for the choice of the weights.

    Parameters
    ----------
    task : RankingTask
    space : ItemSpace
        Of its items.
    columns : csr_array or ndarray, optional
        Features of its users.
    """

    task: RankingTask
    space: ItemSpace
    columns: Matrix | None


@dataclass(frozen=True)
class Compared:
    """What networks added on validation.

    Parameters
    ----------
    whole : float
        Mean recall of all levels with their weights.
    without : float
        The same with the weight of the networks at 0.
    """

    whole: float
    without: float

    @property
    def gain(self) -> float:
        """By how much the networks raised the recall."""
        return self.whole - self.without


def choose_weights(
    levels: Levels,
    asked: Sequence[Question],
    *,
    network: float | None,
    content: float | None,
    reads_content: bool,
    group: Collectives = ALONE,
) -> tuple[LevelWeights, Compared | None]:
    """Return the weights of the network levels and of the content that are best on validation tasks, and what the networks added.

    Given weights stay; nothing is compared where that of the networks is given, or cannot be 0.

    One after the other: the network with no content beside it, then the content, beside this network and beside none, then the network
    once more, then networks of further seeds. With 0 among the weights the whole is never worse there than the solved levels
    alone, or with the content that is best for them. Of equal weights the smallest is taken.

    Parameters
    ----------
    levels : Levels
        Fitted; their weights do not count.
    asked : sequence of Question
        Validation tasks.
    network, content : float, optional
        Given weights; None is chosen.
    reads_content : bool
        Whether the items have content.
    group : Collectives
        The ranks that the users of the tasks are divided among.
    """
    if levels.solved is None:
        network = 1.0 if network is None else network  # one part alone has no weight to choose
    if levels.runtime is None:
        network = 0.0
    if not reads_content:
        content = 0.0
    parts = [_parts(levels, question, reads_content) for question in asked]
    # somebody with columns and no history is known to the networks alone
    networks = NETWORK[1:] if any(question.columns is not None for question in asked) else NETWORK
    weights = LevelWeights(1.0 if network is None else network, 0.0 if content is None else content)
    count = 1 + len(levels.further)

    def best(tried: list[LevelWeights]) -> tuple[LevelWeights, list[float]]:
        def combine(scores: list[Array]) -> Iterator[Array]:
            for now in tried:
                first, *others = (np.float32(weight) for weight in now.of_networks(count))
                total = scores[0] + first * scores[1] + np.float32(now.content) * scores[2]
                for weight, score in zip(others, scores[3:], strict=True):
                    total += weight * score
                yield total

        recalls = mean_recalls([question.task for question in asked], parts, combine, len(tried), group).tolist()
        return tried[best_place(recalls)], recalls

    recalls: list[float] = []  # by the weight of the networks
    if network is None:
        weights, recalls = best([replace(weights, network=value) for value in networks])
    if content is None:
        beside = sorted({weights.network if network is not None else networks[0], weights.network})
        weights, _ = best([replace(weights, network=value, content=scale) for value in beside for scale in CONTENT])
        if network is None:
            weights, recalls = best([replace(weights, network=value) for value in networks])
    compared = Compared(max(recalls), recalls[0]) if recalls and networks[0] == 0 else None
    if levels.further and weights.network:
        weights, further = best([replace(weights, further=value) for value in FURTHER])
        compared = compared and replace(compared, whole=max(further))
    return weights, compared


def choose_standing(
    levels: Levels, served: Sequence[Question], *, new: float | None, unliked: float | None, group: Collectives = ALONE
) -> LevelWeights:
    """Return the weights of the levels with those of new items and of items that nobody liked, chosen on served lists.

    Parameters
    ----------
    levels : Levels
        With the weights that are to be used.
    served : sequence of Question
        Lists of all items.
    new, unliked : float, optional
        Given; None is chosen, and 1 where the lists hold no such item.
    group : Collectives
        The ranks that the users of the lists are divided among.
    """
    weights = replace(levels.weights, new=1.0 if new is None else new, unliked=1.0 if unliked is None else unliked)
    plain = replace(levels, weights=replace(levels.weights, new=1.0, unliked=1.0))
    parts = []
    kinds = []
    for question in served:
        task, space = question.task, question.space
        users = plain.user_vectors(task.history, space, plain.history_table(space), question.columns)
        parts.append((Scorer(users, plain.item_vectors(space, task.candidates)),))
        is_new = space.known[task.candidates] < 0
        is_unliked = np.zeros_like(is_new)
        if len(levels.unliked):
            is_unliked = is_new & (levels.unliked.find(space.ids.subset(task.candidates)) >= 0)
        kinds.append((is_new & ~is_unliked, is_unliked))
    for name, given, which in (("new", new, 0), ("unliked", unliked, 1)):
        chosen = [k for k, kind in enumerate(kinds) if kind[which].any()]
        if given is not None or not chosen:
            continue
        recalls = np.zeros(len(STANDING))
        for k in chosen:

            def combine(
                scores: list[Array],
                kind: tuple[NDArray[np.bool_], NDArray[np.bool_]] = kinds[k],
                name: str = name,
                at: LevelWeights = weights,
            ) -> Iterator[Array]:
                for value in STANDING:
                    now = replace(at, **{name: value})
                    yield scores[0] * np.where(kind[0], now.new, np.where(kind[1], now.unliked, 1)).astype(np.float32)

            recalls += mean_recalls([served[k].task], [parts[k]], combine, len(STANDING), group)
        nearest_to_one = [abs(value - 1) for value in STANDING]  # of equal ones the one that changes least
        weights = replace(weights, **{name: STANDING[best_place(recalls.tolist(), nearest_to_one)]})
    return weights


def _parts(levels: Levels, question: Question, reads_content: bool) -> tuple[Scorer, ...]:
    """Return the scorers of the solved levels, of the networks and of the content, zeros where there are none, then those of
    networks of further seeds.
    """
    task, space = question.task, question.space
    nothing = Scorer(np.zeros((len(task.users), 1), np.float32), np.zeros((len(task.candidates), 1), np.float32))
    solved = network = content = nothing
    if levels.solved is not None:
        solved = Scorer(levels.solved.user_vectors(task.history, space), levels.solved.item_vectors(space, task.candidates))
    if levels.runtime is not None:
        network = _network_scorer(levels.runtime, question)
    if reads_content:
        content = Scorer(unit_profile(space, csr_array(task.history)), unit_vectors(space, task.candidates))
    return solved, network, content, *(_network_scorer(runtime, question) for runtime in levels.further)


def _network_scorer(runtime: DualRuntime, question: Question) -> Scorer:
    task, space = question.task, question.space
    features = None if space.features is None else space.features[task.candidates]
    users = runtime.user_vectors(task.history, runtime.history_table(space.features, space.known), question.columns)
    return Scorer(users, runtime.item_vectors(features, space.known[task.candidates]))
