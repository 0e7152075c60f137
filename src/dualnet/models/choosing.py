"""Choice on validation: a model is fitted on a part of the data, what is open is chosen, and the model is fitted on all data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..data.tasks import RankingTask, Validation
from ..distributed.collectives import ALONE, Collectives, row_range
from ..evaluation import quick_recall
from ..ids import Rows
from ..retrieval.topk import EXCLUDED, best_of, block_rows, chance_above, inner_products
from ..retrieval.vectors import Vectors
from ..rng import generator
from ..train.options import CUTS, FIGURES, RunOptions
from .base import Prepared, Recommender

Model = TypeVar("Model", bound=Recommender)
Choice = TypeVar("Choice")
Encode = Callable[[RankingTask, ItemSpace, Matrix | None], tuple[Vectors, Vectors]]


@dataclass(frozen=True)
class Phase(Generic[Choice]):
    """One fit among those that `choose_then_refit` asks for.

    Parameters
    ----------
    name : {"train", "choose", "final"}
        "train" is a single fit, which chooses where there is something to choose on; "choose" is the fit on the smaller training
        set of the validation; "final" is the fit on all data after it. Logs and checkpoints carry the name.
    tasks : tuple of RankingTask
        What to choose on; empty in "final", and where there is no validation.
    served : tuple of RankingTask
        Lists of all items, to choose on how new items stand beside known ones; empty where `tasks` are.
    chosen : object, optional
        What "choose" has found; in "final" only.
    run : RunOptions
        Progress, log, checkpoints, threads.
    """

    name: Literal["train", "choose", "final"]
    tasks: tuple[RankingTask, ...]
    served: tuple[RankingTask, ...]
    chosen: Choice | None
    run: RunOptions


def choose_then_refit(
    model: Model,
    known: Prepared,
    validation: Validation | None,
    run: RunOptions,
    learn: Callable[[Model, Prepared, Phase[Choice]], Choice],
) -> Choice:
    """Fit a model, and choose on a validation what its parameters leave open.

    Without a validation, or where no training pair was set aside for it, one fit serves (`needs_no_refit`). Otherwise a twin
    with the same parameters is fitted on the training set of the validation and chooses on its tasks; then the model is fitted on
    all data with what the twin has chosen.

    Parameters
    ----------
    model : Recommender
        Prepared (`Recommender._prepare`); learns all it needs to answer.
    known : Prepared
        What the model is fitted on in the end.
    validation : Validation, optional
        None also where the parameters leave nothing to choose.
    run : RunOptions
        For `Phase.run`.
    learn : callable
        Fits a model on data and returns what was chosen; the method of a class, such as ``type(self)._learn``. It chooses on
        ``phase.tasks``, takes ``phase.chosen`` if that is there, and else falls back on defaults.

    Returns
    -------
    object
        What was chosen.
    """
    if validation is None or needs_no_refit(validation, known):
        run.steps.plan(model._phases_in_words("train", chooses=validation is not None))
        return learn(model, known, Phase("train", *_asked(validation), None, run))
    words = model._phases_in_words("choose", chooses=True) | model._phases_in_words("final", chooses=False)
    run.steps.plan(words)
    twin = model._twin()
    chosen = learn(twin, twin._prepare(validation.train), Phase("choose", *_asked(validation), None, run))
    learn(model, known, Phase("final", (), (), chosen, run))
    return chosen


def _asked(validation: Validation | None) -> tuple[tuple[RankingTask, ...], tuple[RankingTask, ...]]:
    return ((), ()) if validation is None else (validation.tasks, validation.served)


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


class ValidationTasks:
    """Validation tasks that a model in training is measured on after each epoch: users are drawn and items translated once.

    Parameters
    ----------
    model : Recommender
        Prepared.
    tasks : sequence of RankingTask
        The tasks.
    users : int
        At most this many of each task are ranked.
    seed : int
        Of the draw.
    """

    def __init__(self, model: Recommender, tasks: Sequence[RankingTask], *, users: int, seed: int) -> None:
        self._model = model
        self._asked: list[tuple[RankingTask, ItemSpace, Matrix | None]] = []
        for task in (sample_users(task, users, seed) for task in tasks):
            columns = None if task.user_content is None else model._user_features(task.user_content)
            self._asked.append((task, model.space(task.items, task.content), columns))

    def figures(self, encode: Encode | None = None) -> dict[str, float]:
        """Rank, and return means over the tasks.

        Parameters
        ----------
        encode : callable, optional
            From a task, the space of its items and the features of its users to the vectors of these users and items; by default
            those of the model as it is.

        Returns
        -------
        dict of str to float
            ``recall@50``, ``@100``, ``@200`` and ``@auto`` (100, or a tenth of fewer than 1,000 candidates), and ``half-width``, that
            of the 95 % interval of ``recall@auto`` over the sampled users.
        """
        found: dict[str, list[float]] = {name: [] for name in FIGURES}
        widths = []
        for task, space, columns in self._asked:
            users, items = (self._encode if encode is None else encode)(task, space, columns)
            auto = auto_cut(task)
            recall = quick_recall(users, items, task, sorted({*CUTS, auto}), self._model.scorable(space))
            for cut in CUTS:
                found[f"recall@{cut}"].append(recall[cut].mean)
            found["recall@auto"].append(recall[auto].mean)
            widths.append(recall[auto].half_width)
        means = {name: float(np.mean(values)) for name, values in found.items()}
        return {**means, "half-width": float(np.sqrt(np.square(widths).sum())) / len(widths)}

    def _encode(self, task: RankingTask, space: ItemSpace, columns: Matrix | None) -> tuple[Vectors, Vectors]:
        return self._model.encode_users(task.history, space, task.user_content), self._model.encode_items(space)


def auto_cut(task: RankingTask) -> int:
    """Return the cut-off of ``recall@auto``: 100, or a tenth of the candidates where those are fewer than 1,000."""
    return max(1, min(100, len(task.candidates) // 10))


def sample_users(task: RankingTask, limit: int, seed: int) -> RankingTask:
    """Return a task over at most `limit` users with something to find, drawn once."""
    rows = np.flatnonzero(np.diff(task.truth.indptr))
    if len(rows) > limit:
        rows = np.sort(generator(seed, "validation-users").choice(rows, limit, replace=False))
    return _of_users(task, rows)


def own_users(task: RankingTask, group: Collectives) -> RankingTask:
    """Return a task over the users of this rank by `row_range`."""
    return task if group.size == 1 else _of_users(task, np.array(row_range(len(task.users), group.rank, group.size), np.int64))


def _of_users(task: RankingTask, rows: Rows) -> RankingTask:
    return replace(
        task,
        users=task.users.subset(rows),
        history=csr_array(task.history[rows]),
        seen=csr_array(task.seen[rows]),
        truth=csr_array(task.truth[rows]),
        user_content=None if task.user_content is None else task.user_content.take(rows),
    )


@dataclass(frozen=True, eq=False)
class Scorer:
    """Vectors of a task's users and candidates, for scores that are summed with those of other parts of a model."""

    users: Vectors
    items: Vectors

    def scores(self, part: slice) -> NDArray[np.float32]:
        """Return the scores of some users, shape (len(part), n_candidates)."""
        return inner_products(self.users[part], self.items)


Combine = Callable[[list[NDArray[np.float32]]], Iterable[NDArray[np.float32]]]


def mean_recalls(
    tasks: Sequence[RankingTask], parts: Sequence[Sequence[Scorer]], combine: Combine, count: int, group: Collectives = ALONE
) -> NDArray[np.float64]:
    """Return the mean recall over tasks of each of several combinations of scores, shape (count,).

    Recall is the mean of that at half the cut-off of `auto_cut`, at it and at twice of it, so that neither end of the list
    decides alone. A group of equal scores counts at its expected value: a choice does not depend on the order of the items.

    Parameters
    ----------
    tasks : sequence of RankingTask
        Validation tasks.
    parts : sequence of sequence of Scorer
        For each task the parts of the score; those of each block of users are computed once.
    combine : callable
        From the scores of the parts to those of each combination, always in the same order.
    count : int
        Number of combinations.
    group : Collectives
        The ranks that the users of each task are divided among; all get the mean over all users.
    """
    found = np.zeros(count)
    for task, scorers in zip(tasks, parts, strict=True):
        found += _task_recalls(task, scorers, combine, count, group)
    return found / max(len(tasks), 1)


def _task_recalls(
    task: RankingTask, scorers: Sequence[Scorer], combine: Combine, count: int, group: Collectives
) -> NDArray[np.float64]:
    seen, truth = (csr_array(side[:, task.candidates]) for side in (csr_array(task.seen + task.history), task.truth))
    asked = int((np.diff(truth.indptr) > 0).sum())
    found, n_items = np.zeros(count), len(task.candidates)
    auto = auto_cut(task)
    cuts = [min(max(1, cut), n_items) for cut in (auto // 2, auto, 2 * auto)]
    step = min(512, block_rows(n_items))
    for start in range(0, truth.shape[0], step):
        part = slice(start, min(start + step, truth.shape[0]))
        wanted = csr_array(truth[part])
        if wanted.nnz == 0:
            continue
        hidden = seen[part].nonzero()
        rows = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
        share = 1 / np.diff(wanted.indptr)[rows]
        for place, scores in enumerate(combine([scorer.scores(part) for scorer in scorers])):
            scores[hidden] = EXCLUDED
            own = scores[rows, wanted.indices]
            best = best_of(scores, cuts[-1])
            for cut in cuts:
                found[place] += float((share * chance_above(best, cut, rows, own)).sum())
    sums = group.all_reduce(np.append(found, asked))
    return sums[:-1] / max(float(sums[-1]), 1.0) / len(cuts)
