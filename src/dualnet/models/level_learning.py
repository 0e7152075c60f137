"""Training of a DualNet level by level: levels are solved, networks are trained, all are weighed, and new items are scaled."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Matrix
from ..data.dataset import Dataset
from ..data.protocols.serving import validation as serving_validation
from ..data.tasks import RankingTask, Validation
from ..distributed.collectives import ALONE, Collectives
from ..distributed.divided_matrix import own_rows
from ..errors import DataError, UsageError
from ..train.options import RunOptions
from ..train.progress import EpochLog, EpochProgress
from .base import Prepared, Recommender
from .choosing import Phase, own_users, sample_users
from .known_zeros import known_zeros
from .level_choice import Compared, Question, choose_standing, choose_weights
from .levels import Levels, LevelWeights
from .runtime import DualRuntime
from .solved.choice import Search, Training
from .solved.content import AS_IT_IS, FEW_FEATURES, LONG_AXES, MANY_FEATURES, ContentReader, WordsAndVectors, is_long, words_of
from .solved.factors import FactorSettings, ItemFactors
from .solved.levels import SolvedChoice, SolvedLevels
from .solved.ridge import ContentAxes

if TYPE_CHECKING:
    from ..train.trainer import TrainingState

AXES = 200  # leading axes of the content that the solved levels keep dense
SEARCH_USERS = 1_000  # of each validation task that the solved levels are chosen on
WEIGHT_USERS = 3_000  # the same for the weights of the levels
TRIALS = 30  # about so many are made; for the progress bar
DENSITIES = 4.0  # without a validation, or trials: weight of zeros as a multiple of the density, penalty, rows, content, networks, cosine
PENALTY = 1.4
RELATION = 0.5
CONTENT_SCALE = 0.5
NETWORK_WEIGHT = 0.6
CONTENT_WEIGHT = 0.3  # of networks without solved levels
OPEN = (  # numbers that are chosen on validation where they are None
    "factor_zero_weight", "regularization", "relation", "prior", "content_scale", "network_weight", "content_weight", "new_scale",
    "unliked_scale",
)  # fmt: skip
UPDATE_EPOCHS = 2  # of a warm update; measured in docs/measurements/updates.md


@dataclass(frozen=True)
class Chosen:
    """Choices of a DualNet on validation.

    Parameters
    ----------
    solved : SolvedChoice, optional
        What decides the solved levels; None without them.
    weights : LevelWeights
        How much each level counts.
    training : TrainingState, optional
        Of the networks; its best epoch is when to stop. None without networks.
    further : tuple of TrainingState
        The same of the networks of each further seed.
    compared : Compared, optional
        What the networks added on validation, where that was measured.
    """

    solved: SolvedChoice | None
    weights: LevelWeights
    training: TrainingState | None
    further: tuple[TrainingState, ...] = ()
    compared: Compared | None = None

    def stop_after(self, number: int) -> int | None:
        """Return how many epochs the networks of one seed, counted from 0, are trained for; None for as many as there are."""
        states = (self.training, *self.further)
        state = states[number] if number < len(states) else None
        return None if state is None else state.best_epoch


class Learner(Recommender):
    """Base of models that learn levels; a parameter that a subclass lacks is an attribute of the class."""

    uses_content = True

    levels: Sequence[int] = ()
    stages: Sequence[str] = ()
    user_input: Literal["shared", "reference"] = "shared"
    factors: int
    factor_zero_weight: float | None
    regularization: float | None
    relation: float | None
    prior: float | None
    content_scale: float | None
    network_weight: float | None = 0.0
    content_weight: float | None
    new_scale: float | None
    unliked_scale: float | None
    trials: int | None = None
    dislike_weight: float = 0.0
    ensemble: int = 1
    levels_: Levels

    def _train_networks(
        self, known: Prepared, phase: Phase[Chosen], stop_after: int | None, number: int
    ) -> tuple[TrainingState, DualRuntime] | None:
        """Train the networks of one seed, counted from 0; return how that went and what they are, None for a model without."""
        return None

    def _train_networks_further(
        self,
        known: Prepared,
        runtime: DualRuntime,
        phase: str,
        n_old: int,
        epochs: int,
        learning_rate: float | None,
        run: RunOptions,
    ) -> DualRuntime:
        """Train networks further on old and new data."""
        return runtime


def learn_levels(model: Learner, known: Prepared, phase: Phase[Chosen]) -> Chosen:
    """Solve, train and weigh the levels of a model, or take from a former phase what they are to be.

    Parameters
    ----------
    model : Learner
        Prepared; gets ``levels_``.
    known : Prepared
        What it is fitted on.
    phase : Phase
        What to choose on, or what was chosen.
    """
    chosen = phase.chosen
    solved_choice, solved = _solve(model, known, phase) if model.factors else (None, None)
    states, runtimes = _train_each(model, known, phase)
    levels = Levels(
        solved, next(iter(runtimes), None), _default_weights(model, known), model.unliked_, further=tuple(runtimes[1:])
    )
    with _weighing(phase):
        weights, compared = _weigh(model, levels, phase) if chosen is None else (chosen.weights, chosen.compared)
    if levels.reads_vectors_apart:  # a phase before may have read fewer features, as one matrix, and chosen a cosine
        weights = replace(weights, content=0.0)
    model.levels_ = replace(levels, weights=weights, further=levels.further if weights.further else ())
    if solved is not None:
        solved.items.solve_map()
    return Chosen(solved_choice, weights, next(iter(states), None), tuple(states[1:]), compared)


def _train_each(model: Learner, known: Prepared, phase: Phase[Chosen]) -> tuple[list[TrainingState], list[DualRuntime]]:
    """Train the networks of every seed that counts; a phase before may have found that the first alone is as good."""
    chosen = phase.chosen
    count = model.ensemble if chosen is None or chosen.weights.further else 1
    trained = [
        model._train_networks(known, phase, None if chosen is None else chosen.stop_after(number), number)
        for number in range(count)
    ]
    made = [pair for pair in trained if pair is not None]
    return [state for state, _ in made], [runtime for _, runtime in made]


def chosen_without_networks(model: Learner, drawn: Validation, run: RunOptions) -> Chosen:
    """Return what the solved levels alone choose on a validation; networks count by their default weight.

    Parameters
    ----------
    model : Learner
    drawn : Validation
        Drawn from data that nobody divided.
    run : RunOptions
    """
    twin = model._twin(levels=()) if model.levels else model._twin()
    chosen = learn_levels(twin, twin._prepare(drawn.train), Phase("choose", drawn.tasks, drawn.served, None, run))
    network = 0.0 if not model.levels else NETWORK_WEIGHT if model.network_weight is None else model.network_weight
    return replace(chosen, weights=replace(chosen.weights, network=network))


def leaves_open(model: Learner) -> bool:
    """Return whether any number of the levels is to be chosen on validation.

    Parameters
    ----------
    model : Learner
    """
    return any(getattr(model, name) is None for name in OPEN if model.levels or name != "network_weight")


def drawn_validation(train: Dataset, seed: int) -> Validation | None:
    """Return a validation drawn from data that nobody divided, None where they are too small for one."""
    try:
        return serving_validation(train, seed=seed)
    except DataError:
        return None


def update_levels(
    model: Learner,
    known: Prepared,
    number: int,
    n_old: int,
    *,
    epochs: int | None,
    learning_rate: float | None,
    run: RunOptions,
) -> dict[str, Any]:
    """Solve once more and train the networks further on old and new data; see `Recommender.update`."""
    levels = model.levels_
    solved, runtime, further = levels.solved, levels.runtime, levels.further
    passes = UPDATE_EPOCHS if epochs is None else epochs
    if solved is not None:
        training = _training(model, known, run, solved.reader)
        content = training.content
        if run.group.size > 1 and known.features is not None:  # new items are the last ones, and not of this rank alone
            content = solved.reader(known.features)
        start = solved.start(content, n_old, known.data.interactions.n_items)
        if passes:
            _check_zero_weight(solved.choice.zero_weight, training)
            solved = training.solve(solved.choice, start=start)
        else:
            solved = replace(solved, items=ItemFactors(start, solved.items.content_map))
    if runtime is not None:
        runtime, *others = (
            model._train_networks_further(
                known, each, phase_of_seed(f"update-{number}", place), n_old, passes, learning_rate, run
            )
            for place, each in enumerate((runtime, *further))
        )
        further = tuple(others)
    model.levels_ = Levels(solved, runtime, levels.weights, model.unliked_, further)
    if solved is not None:
        solved.items.solve_map()
    return {"epochs": passes} | ({} if learning_rate is None else {"learning_rate": learning_rate})


def phases_in_words(model: Learner, phase: str, *, chooses: bool) -> dict[str, str]:
    """Return the phases of the log that one phase of a fit has, in their order, each with what is done.

    Parameters
    ----------
    model : Learner
        With its parameters.
    phase : {"train", "choose", "final"}
        As in `choosing.Phase`.
    chooses : bool
        Whether there is a held-out part to choose on.
    """
    found: dict[str, str] = {}
    if model.factors:
        searches = chooses and model.trials != 0
        found[f"{phase}-solved"] = (
            "trying settings for the solved part of the model on held-out data"
            if searches
            else "computing the solved part of the model"
        )
    if model.levels:
        why = " without the held-out data, to see how long" if phase == "choose" else ""
        for number in range(model.ensemble):
            which = f", {number + 1} of {model.ensemble}" if model.ensemble > 1 else ""
            for name, what in _stages_in_words(model.stages, len(model.levels)):
                found[f"{phase_of_seed(phase, number)}/{name}"] = f"{what}{which}{why}"
    if chooses:
        found[f"{phase}-weights"] = "weighing the parts of the model on the held-out data"
    return found


def _stages_in_words(kinds: Sequence[str], n_levels: int) -> list[tuple[str, str]]:
    """Return the name and the words of each stage of the networks."""
    found: list[tuple[str, str]] = []
    for kind in kinds:
        if kind == "refine":
            found += [(f"refine-{k}", f"training the networks up to level {k}") for k in range(1, n_levels + 1)]
        else:
            found.append((kind, "preparing the network of the items" if kind == "pretrain" else "training the networks"))
    return found


def phase_of_seed(phase: str, number: int) -> str:
    """Return the name of a phase in logs and checkpoints, for the networks of one seed: "train", "train-2", "train-3".

    Parameters
    ----------
    phase : str
    number : int
        Of the seed, from 0.
    """
    return f"{phase}-{number + 1}" if number else phase


def _solve(model: Learner, known: Prepared, phase: Phase[Chosen]) -> tuple[SolvedChoice, SolvedLevels]:
    run = phase.run
    trials = TRIALS if model.trials is None else min(TRIALS, model.trials)
    with (
        EpochLog(run.log_path, f"{phase.name}-solved", [], run.trackers) as log,
        EpochProgress.of(run, f"{phase.name}-solved", trials) as progress,
    ):
        lines = _SolvedLines(log, progress, run.group)
        return _choose_and_solve(model, replace(_training(model, known, run), told=lines.alternation), phase, lines)


def _choose_and_solve(
    model: Learner, training: Training, phase: Phase[Chosen], lines: _SolvedLines
) -> tuple[SolvedChoice, SolvedLevels]:
    if training.reader.vectors is not None and model.content_weight:
        raise UsageError(
            f"content_weight={model.content_weight:g} has no meaning where vectors are read beside words, each by a kernel of its own; leave"
            " it None or 0"
        )
    if model.factor_zero_weight is not None:
        _check_zero_weight(model.factor_zero_weight, training)
    if phase.chosen is not None and phase.chosen.solved is not None:
        choice = phase.chosen.solved
        if model.factor_zero_weight is None:
            choice = training.lighter(choice)
        return choice, training.solve(choice)
    asked = _questions(model, phase.tasks, SEARCH_USERS)
    if not asked or model.trials == 0:
        weight = training.zero_weight(DENSITIES) if model.factor_zero_weight is None else model.factor_zero_weight
        rows = RELATION if model.relation is None else model.relation
        choice = SolvedChoice(
            weight,
            PENALTY if model.regularization is None else model.regularization,
            0.0 if words_of(training.content) is None else rows,
            None if model.prior is None or np.isinf(model.prior) or training.content is None else model.prior,
            0.0 if training.content is None else CONTENT_SCALE if model.content_scale is None else model.content_scale,
        )
        return choice, training.solve(choice)
    search = Search(training, [(question.task, question.space) for question in asked], lines.trial, model.trials)
    return search(model.factor_zero_weight, model.regularization, model.relation, model.prior, model.content_scale)


class _SolvedLines:
    """Lines of the log, one for each trial of the search and each alternation of the factors that are kept; trials are shown too.

    "epoch" counts the lines of a phase, "seconds" are those since the line before.
    """

    def __init__(self, log: EpochLog, progress: EpochProgress, group: Collectives) -> None:
        self._log, self._progress, self._group = log, progress, group
        self._lines = self._alternations = 0
        self._since = time.perf_counter()

    def trial(self, figures: dict[str, float], number: int) -> None:
        """Tell a trial, with its recall."""
        shown = {name: value for name, value in figures.items() if name.startswith("recall")}  # the settings are in the log
        self._progress.round(shown, number, "try", about=True)
        self._write({"trial": number, **figures})

    def alternation(self, before: NDArray[np.float32], after: NDArray[np.float32]) -> None:
        """Tell by what share of their length the factors of the items have changed."""
        different, whole = self._group.all_reduce(np.array([float(np.vdot(part, part)) for part in (after - before, after)]))
        self._alternations += 1
        self._write({"alternation": self._alternations, "change": round(float(np.sqrt(different / max(whole, 1e-30))), 6)})

    def _write(self, figures: dict[str, float]) -> None:
        before, self._since, self._lines = self._since, time.perf_counter(), self._lines + 1
        self._log.write({"epoch": self._lines, **figures}, self._since - before)


def _check_zero_weight(weight: float, training: Training) -> None:
    if weight >= training.lightest:
        raise UsageError(
            f"the weight {weight:g} of zeros (factor_zero_weight) must be below the lightest positive ({training.lightest:g}):"
            " zeros cannot be as sure as positives"
        )


def _training(model: Learner, known: Prepared, run: RunOptions, reader: ContentReader | None = None) -> Training:
    """Return what the solved levels are solved from; what a former fit decided about reading content is kept."""
    content = axes = ridge_axes = None
    group = run.group
    if known.features is None:
        reader = AS_IT_IS
    else:
        features = own_rows(known.features, group)
        reader = _reader(model, features, group) if reader is None else reader
        content = reader(features)
        if content.shape[1] > FEW_FEATURES:
            axes = ContentAxes.of(content, AXES, model.seed_, group)
            if isinstance(content, WordsAndVectors):
                axes, ridge_axes = ContentAxes.of(content.words, AXES, model.seed_, group), axes
    matrix = csr_array(known.data.interactions.matrix)
    zeros = known_zeros(known.data.interactions, model.dislike_weight)
    width = min(model.factors, *matrix.shape)  # more factors than users or items say nothing
    settings = FactorSettings(width, 0.0, 0.0, random_state=model.seed_, threads=run.threads)
    own_zeros = None if zeros is None else own_rows(zeros, group)
    return Training(own_rows(matrix, group), content, axes, settings, reader, ridge_axes, own_zeros, group)


def _reader(model: Learner, features: Matrix, group: Collectives) -> ContentReader:
    """Return how the content of a fit is read."""
    vectors = None if model.featurizer_ is None else model.featurizer_.vector_columns
    if vectors is not None and len(vectors) and issparse(features) and features.shape[1] > MANY_FEATURES:
        apart = ContentReader(vectors=vectors)
        if not is_long(apart(features), group):
            return apart
    content = AS_IT_IS(features)
    if not is_long(content, group):
        return AS_IT_IS
    return ContentReader(ContentAxes.of(content, LONG_AXES, model.seed_, group).directions)


def _default_weights(model: Learner, known: Prepared) -> LevelWeights:
    """Return the weights of levels where there is nothing to choose on."""
    content = 0.0 if known.features is None or model.factors else CONTENT_WEIGHT
    network = NETWORK_WEIGHT if model.factors else 1.0
    return LevelWeights(
        network if model.network_weight is None else model.network_weight,
        content if model.content_weight is None or known.features is None else model.content_weight,
        1.0 if model.new_scale is None else model.new_scale,
        1.0 if model.unliked_scale is None else model.unliked_scale,
    )


@contextmanager
def _weighing(phase: Phase[Chosen]) -> Iterator[None]:
    """Show that the levels are weighed, where there is something to choose on."""
    if phase.chosen is not None or not phase.tasks:
        yield
        return
    with EpochProgress.of(phase.run, f"{phase.name}-weights", 1):
        yield


def _weigh(model: Learner, levels: Levels, phase: Phase[Chosen]) -> tuple[LevelWeights, Compared | None]:
    group = phase.run.group
    asked = _questions(model, phase.tasks, WEIGHT_USERS, group)
    if not asked:
        return levels.weights, None
    if levels.solved is not None and group.size > 1:
        levels.solved.items.solve_map()  # all ranks together; one may have no user who asks for it
    reads_content = model.featurizer_ is not None and not levels.reads_vectors_apart  # then content has levels enough
    weights, compared = choose_weights(
        levels, asked, network=model.network_weight, content=model.content_weight, reads_content=reads_content, group=group
    )
    weighed = replace(levels, weights=weights)
    served = _questions(model, phase.served, WEIGHT_USERS, group)
    return choose_standing(weighed, served, new=model.new_scale, unliked=model.unliked_scale, group=group), compared


def _questions(model: Learner, tasks: tuple[RankingTask, ...], users: int, group: Collectives = ALONE) -> list[Question]:
    """Return validation tasks over a draw of their users, of which each rank of a group has its own."""
    found = []
    for task in (own_users(sample_users(task, users, model.seed_), group) for task in tasks):
        columns = None if task.user_content is None else model._user_features(task.user_content)
        found.append(Question(task, model.space(task.items, task.content), columns))
    return found
