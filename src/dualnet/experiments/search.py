"""Search for parameters on validation alone: a proposer says what to try, and each trial is one line of JSON."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..computed_once import computed_once
from ..config import build_model
from ..data.tasks import Split, Validation
from ..errors import CapabilityError, DataError, TrainingError, UsageError, optional_package
from ..evaluation import evaluate
from ..models.base import Recommender
from ..models.choosing import auto_cut
from ..rng import derive_seed
from ..train.best_figure import last_best
from ..train.options import CUTS, RunOptions
from .spaces import Between, OneOf, Space, combinations
from .trials import append_trial, best_trial, params_key, read_trials, serving_most

# what parameters may do to one trial without ending the search
FAILURES = (TrainingError, UsageError, DataError, ArithmeticError, np.linalg.LinAlgError, MemoryError)


class _Hopeless(Exception):  # noqa: N818 - not an error: a trial that need not go on
    """Leaves a fit whose proposer has seen enough."""


@dataclass(frozen=True)
class Search:
    """A search for the parameters of one model. Of each split only the validation part is kept; the test is never opened.

    A trial is fitted on the smaller training set of the validation and ranks its tasks for all their users. A model that
    trains by epochs also chooses its best epoch there. Parameters that make training fail are recorded, not fatal.

    Parameters
    ----------
    model : str
        Model name.
    divide : callable
        From a seed to a split.
    seeds : sequence of int
        Seeds of split and model; the value of a trial is the mean over them.
    fixed : mapping
        Parameters that all trials share.
    content : str
        The content columns in use, for the record.
    at : int, optional
        Cut-off M of the recall to maximise, as mean over the tasks; by default 100, or a tenth of the candidates of a task
        where those are fewer than 1,000 (``recall@auto``).
    run : RunOptions
        Progress.
    tables : str
        What tells the content, and how it is read, from others, as for `Bench`.
    """

    model: str
    divide: Callable[[int], Split]
    seeds: Sequence[int]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    content: str = ""
    at: int | None = None
    run: RunOptions = field(default_factory=RunOptions)
    tables: str = ""

    @property
    def monitor(self) -> str:
        """Name of the figure to maximise, such as ``recall@100``."""
        return "recall@auto" if self.at is None else f"recall@{self.at}"

    @computed_once
    def _parts(self) -> tuple[dict[str, Any], dict[int, Validation]]:
        """Return what names the search, and its validations by seed."""
        parts: dict[int, Validation] = {}
        names: dict[str, Any] = {}
        for seed in self.seeds:
            split = self.divide(seed)
            if split.validation is None:
                raise UsageError(
                    f"a split by protocol '{split.protocol}' without validation pairs leaves nothing to choose on, and choices"
                    " are never made on the test; give validation pairs or another protocol"
                )
            parts[seed] = split.validation
            names = {"dataset": split.train.name, "protocol": split.protocol}
        return names, parts

    @property
    def identity(self) -> dict[str, Any]:
        """Settings that all trials of the search share; trials of another search are refused."""
        names, parts = self._parts
        return {
            "model": self.model,
            **names,
            "content": self.content,
            "monitor": self.monitor,
            "fixed": dict(self.fixed),
            "seeds": list(self.seeds),
            "validation": [part.fingerprint() for part in parts.values()],
            **({"tables": self.tables} if self.tables else {}),
            **({"run": self.run.changed_choices} if self.run.changed_choices else {}),
        }

    def trials(
        self, proposer: Proposer, path: Path, limit: int, say: Callable[[str], None] = lambda text: None
    ) -> Iterator[dict[str, Any]]:
        """Yield one record a trial: those found in `path` first, then new ones as they end.

        Parameters
        ----------
        proposer : Proposer
            What to try.
        path : Path
            ``trials.jsonl``; each trial is written there before it is yielded.
        limit : int
            Trials in all, with those found.
        say : callable
            Told each trial's outcome, for people.

        Raises
        ------
        TrainingError
            At the end, if no trial was completed.
        CapabilityError
            If the model cannot serve the validation tasks, whatever its parameters.
        UsageError
            If a split has no validation, or the trials found are of another search.
        """
        identity = self.identity
        trials = read_trials(path, identity)
        if trials:
            say(f"{len(trials)} trials found in {path}")
        yield from trials
        fresh: list[float] = []
        while len(trials) < limit and (params := proposer.propose(trials)) is not None:
            earlier = next((trial for trial in trials if params_key(trial["params"]) == params_key(params)), None)
            if earlier is not None:
                trial = {**earlier, "trial": len(trials), "seconds": 0.0}
            else:
                trial = {"trial": len(trials), **self.tried(params, proposer.hopeless), "search": identity}
            append_trial(path, trial)
            trials.append(trial)
            fresh.append(trial["seconds"])
            say(trial_line(trial, trials, limit, (limit - len(trials)) * sum(fresh) / len(fresh)))
            yield trial
        check_completed(trials)

    def build(self, params: Mapping[str, Any], seed: int) -> Recommender:
        """Return an unfitted model with the parameters of a trial; the seed is the model's too, unless a parameter says so."""
        model: Recommender = build_model(self.model, {**self.fixed, **params}, "search", seed)
        return model

    def to_send(self) -> Search:
        """Return the same search with its divisions made and the splits themselves left out, to be sent to another process."""
        sent = replace(self, divide=_no_split)
        vars(sent)["_parts"] = self._parts
        return sent

    def tried(self, params: dict[str, Any], hopeless: Callable[[int, float], bool]) -> dict[str, Any]:
        """Return the record of a trial, but for its number: fitted and measured with each seed, or what went wrong.

        Parameters
        ----------
        params : dict
            Parameters to try.
        hopeless : callable
            From an epoch and its figure, with the first seed, to whether the trial is to stop.
        """
        started = time.perf_counter()
        curve: list[tuple[int, float]] = []
        runs: list[dict[str, Any]] = []
        state, reason = "complete", None

        def watch(figures: Mapping[str, float]) -> None:
            value = figures.get(self.monitor, figures.get("recall@auto"))
            if runs or value is None:  # the first seed decides
                return
            curve.append((int(figures["epoch"]), value))
            if hopeless(*curve[-1]):
                raise _Hopeless

        try:
            for seed, validation in self._parts[1].items():
                model = self.build(params, seed)
                model.fit(validation.train, validation, run=replace(self.run, after_epoch=watch))
                measured = measure_on_validation(model, validation, self.at)
                runs.append({"seed": seed, "tasks": int(measured.pop("tasks")), "figures": measured})
        except _Hopeless:
            state = "pruned"
        except CapabilityError:
            raise
        except FAILURES as error:
            state, reason = "failed", f"{type(error).__name__}: {error}"
        return self.record(params, state, runs, curve, time.perf_counter() - started, reason)

    def record(
        self,
        params: dict[str, Any],
        state: str,
        runs: Sequence[dict[str, Any]],
        curve: Sequence[tuple[int, float]],
        seconds: float,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Return what is written of a trial, but for its number and its search.

        Parameters
        ----------
        params : dict
            Its parameters.
        state : {"complete", "pruned", "failed"}
            How it ended.
        runs : sequence of dict
            Figures by seed.
        curve : sequence of (int, float)
            Epochs and figures of the first seed.
        seconds : float
            How long it took.
        reason : str, optional
            Why it failed.
        """
        figures = {}
        if state == "complete":
            figures = {name: float(np.mean([run["figures"][name] for run in runs])) for name in runs[0]["figures"]}
            widths = [run["figures"]["half-width"] for run in runs]
            figures["half-width"] = math.hypot(*widths) / len(widths)
        return {
            "state": state,
            "params": params,
            "value": figures.get(self.monitor),
            "figures": figures,
            "tasks": min((run["tasks"] for run in runs), default=0),
            "runs": list(runs),
            "curve": [list(point) for point in curve],
            "best_epoch": curve[last_best([value for _, value in curve])][0] if curve else None,
            "seconds": round(seconds, 3),
            "reason": reason,
        }


def _no_split(seed: int) -> Split:
    raise UsageError(f"the split of seed {seed} stayed in the process that made it; ask there")


def measure_on_validation(model: Recommender, validation: Validation, at: int | None) -> dict[str, float]:
    """Return mean recall over the validation tasks that a model can serve, for all their users.

    Parameters
    ----------
    model : Recommender
        Fitted on ``validation.train``.
    validation : Validation
        The tasks.
    at : int, optional
        The cut-off to maximise; see `Search`.

    Returns
    -------
    dict of str to float
        ``recall@50``, ``@100``, ``@200``, the figure to maximise, the ``half-width`` of its 95 % interval over users, and how many
        ``tasks`` the model can serve: with fewer, such as none of new items, a mean says less (`best_trial`).

    Raises
    ------
    CapabilityError
        If the model can serve none of the tasks.
    """
    found: dict[str, list[float]] = {}
    widths: list[float] = []
    reasons: list[str] = []
    for task in validation.tasks:
        chosen = auto_cut(task) if at is None else at
        result = evaluate(model, task, at=sorted({*CUTS, chosen}), bootstrap=0)[task.name]
        if result.reason is not None:
            reasons.append(f"{task.name}: {result.reason}")
            continue
        recalls = {f"recall@{cut}": result.mean(f"recall@{cut}") for cut in CUTS}
        recalls["recall@auto" if at is None else f"recall@{at}"] = result.mean(f"recall@{chosen}")
        for name, value in recalls.items():
            found.setdefault(name, []).append(value)
        users = result.per_user[f"recall@{chosen}"]
        widths.append(1.96 * float(users.std()) / math.sqrt(len(users)))
    if not widths:
        raise CapabilityError(f"model '{model.name}' can serve none of the validation tasks ({'; '.join(reasons)})")
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {**means, "half-width": math.hypot(*widths) / len(widths), "tasks": float(len(widths))}


def check_completed(trials: Sequence[Mapping[str, Any]]) -> None:
    """Refuse trials of which none was completed; raises `TrainingError` with the reason of the first."""
    if best_trial(trials) is None:
        reason = next((trial["reason"] for trial in trials if trial["reason"]), "nothing was tried")
        raise TrainingError(f"none of {len(trials)} trials was completed; the first failed: {reason}")


def trial_line(trial: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], limit: int, left: float) -> str:
    """Return a trial's outcome for people."""
    monitor = trial["search"]["monitor"]
    if trial["state"] == "complete":
        outcome = f"{monitor} {trial['value']:.4f} ± {trial['figures']['half-width']:.4f}"
    elif trial["state"] == "pruned":
        outcome = f"stopped at epoch {trial['curve'][-1][0]} with {trial['curve'][-1][1]:.4f}"
    else:
        outcome = trial["reason"]
    best = best_trial(trials)
    record = "" if best is None else " (the best)" if best is trial else f" (best {best['value']:.4f})"
    params = ", ".join(f"{name}={value}" for name, value in trial["params"].items())
    return f"trial {len(trials)} of {limit}: {params}: {outcome}{record}, {trial['seconds']:.0f} s, {left / 60:.0f} min left"


if TYPE_CHECKING:
    import optuna

PRUNE_FROM_EPOCH = 4  # earlier figures say little: the learning rate is still rising
TRIALS_BEFORE_PRUNING = 5


class Proposer(Protocol):
    """A method of search. It keeps nothing between trials, so that a search can go on from its lines alone."""

    def propose(self, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """Return the parameters of the next trial, or None when there is nothing left to try."""

    def hopeless(self, epoch: int, value: float) -> bool:
        """Whether the trial that was proposed last should stop at this validation figure."""


class GridProposer:
    """Every combination of a space, in order, each once (the paper, section 5.2); no trial is stopped early.

    Parameters
    ----------
    space : mapping of str to OneOf or Between
        What to try.
    """

    def __init__(self, space: Space) -> None:
        self.space = space

    def propose(self, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """Return the first combination that no trial has."""
        tried = {params_key(trial["params"]) for trial in trials}
        return next((params for params in combinations(self.space) if params_key(params) not in tried), None)

    def hopeless(self, epoch: int, value: float) -> bool:
        """Return False: a grid is reported whole."""
        return False


class OptunaProposer:
    """Optuna's tree-structured Parzen estimator, with its median rule for stopping a trial early.

    The study is built anew from the trials before each proposal, and the sampler's seed is derived from the number of the
    trial: a search that was killed proposes what it would have proposed.

    Parameters
    ----------
    space : mapping of str to OneOf or Between
        What to try.
    seed : int
        Of the sampler.
    prune : bool
        Whether to stop a trial whose best figure so far is below the median of the others at that epoch; from the fourth
        epoch and the sixth trial on.

    Raises
    ------
    MissingExtraError
        Without Optuna.
    """

    def __init__(self, space: Space, seed: int, *, prune: bool = True) -> None:
        with optional_package("optuna", "tune", "--method optuna"):
            import optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line for each study would drown those of the trials
        self._optuna, self.space, self._seed, self.prune = optuna, space, seed, prune
        self.distributions = {name: self._distribution(choices) for name, choices in space.items()}
        self._trial: optuna.Trial | None = None

    def propose(self, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return parameters drawn in the light of all trials; a small space may give the same ones again."""
        optuna = self._optuna
        study = optuna.create_study(
            direction="maximize",
            sampler=self.sampler(trials),
            pruner=optuna.pruners.MedianPruner(TRIALS_BEFORE_PRUNING, PRUNE_FROM_EPOCH),
        )
        for frozen in self.known(trials):
            study.add_trial(frozen)
        self._trial = study.ask(self.distributions)
        params = self._trial.params
        return self.read(params)

    def read(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters of a model from those of Optuna, which keeps a value of a list as JSON."""
        return {
            name: json.loads(params[name]) if isinstance(choices, OneOf) else params[name]
            for name, choices in self.space.items()
        }

    def sampler(self, trials: Sequence[Mapping[str, Any]]) -> optuna.samplers.BaseSampler:
        """Return the sampler as it is after some trials: its seed is derived from their number."""
        return self._optuna.samplers.TPESampler(seed=derive_seed(self._seed, "search", len(trials)) % 2**32)

    def known(self, trials: Sequence[Mapping[str, Any]]) -> list[optuna.trial.FrozenTrial]:
        """Return trials as Optuna keeps them; those that serve fewer tasks than others count as failed."""
        full = serving_most(trials)
        found = []
        for trial in trials:
            serves_less = trial["state"] == "complete" and not any(trial is other for other in full)
            frozen = self._frozen({**trial, "state": "failed"} if serves_less else trial)
            if frozen is not None:
                found.append(frozen)
        return found

    def hopeless(self, epoch: int, value: float) -> bool:
        """Report a figure to Optuna and return its verdict."""
        if self._trial is None:
            raise UsageError("no trial has been proposed yet; call propose first")
        if not self.prune:
            return False
        self._trial.report(value, epoch)
        return self._trial.should_prune()

    def _distribution(self, choices: OneOf | Between) -> optuna.distributions.BaseDistribution:
        kinds = self._optuna.distributions
        if isinstance(choices, OneOf):
            return kinds.CategoricalDistribution([json.dumps(value) for value in choices.values])  # a value may be a list
        if choices.whole:
            return kinds.IntDistribution(int(choices.low), int(choices.high), log=choices.log)
        return kinds.FloatDistribution(choices.low, choices.high, log=choices.log)

    def _frozen(self, trial: Mapping[str, Any]) -> optuna.trial.FrozenTrial | None:
        """Return a trial as Optuna keeps it; none if its parameters are not of this space."""
        params = trial["params"]
        if set(params) != set(self.space):
            return None
        stored = {n: json.dumps(params[n]) if isinstance(c, OneOf) else params[n] for n, c in self.space.items()}
        state = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}[trial["state"]]
        curve = {int(epoch): float(value) for epoch, value in trial["curve"]}
        value = {"COMPLETE": trial["value"], "PRUNED": trial["curve"][-1][1] if trial["curve"] else None}.get(state)
        try:
            return self._optuna.trial.create_trial(
                state=self._optuna.trial.TrialState[state],
                value=value,
                params=stored,
                distributions=self.distributions,
                intermediate_values=curve,
            )
        except ValueError:  # the space was narrowed since
            return None
