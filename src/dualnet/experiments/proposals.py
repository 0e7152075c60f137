"""What to try next: every combination in order, or what Optuna makes of the trials so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UsageError, optional_package
from ..rng import derive_seed
from .spaces import Between, OneOf, Space, combinations
from .trials import params_key, serving_most

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
        self._optuna, self._space, self._seed, self._prune = optuna, space, seed, prune
        self._distributions = {name: self._distribution(choices) for name, choices in space.items()}
        self._trial: optuna.Trial | None = None

    def propose(self, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return parameters drawn in the light of all trials; a small space may give the same ones again."""
        optuna = self._optuna
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=derive_seed(self._seed, "search", len(trials)) % 2**32),
            pruner=optuna.pruners.MedianPruner(TRIALS_BEFORE_PRUNING, PRUNE_FROM_EPOCH),
        )
        full = serving_most(trials)
        for trial in trials:
            serves_less = trial["state"] == "complete" and not any(trial is other for other in full)
            frozen = self._frozen({**trial, "state": "failed"} if serves_less else trial)
            if frozen is not None:
                study.add_trial(frozen)
        self._trial = study.ask(self._distributions)
        params = self._trial.params
        return {
            name: json.loads(params[name]) if isinstance(choices, OneOf) else params[name]
            for name, choices in self._space.items()
        }

    def hopeless(self, epoch: int, value: float) -> bool:
        """Report a figure to Optuna and return its verdict."""
        if self._trial is None:
            raise UsageError("no trial has been proposed yet; call propose first")
        if not self._prune:
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
        if set(params) != set(self._space):
            return None
        stored = {n: json.dumps(params[n]) if isinstance(c, OneOf) else params[n] for n, c in self._space.items()}
        state = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}[trial["state"]]
        curve = {int(epoch): float(value) for epoch, value in trial["curve"]}
        value = {"COMPLETE": trial["value"], "PRUNED": trial["curve"][-1][1] if trial["curve"] else None}.get(state)
        try:
            return self._optuna.trial.create_trial(
                state=self._optuna.trial.TrialState[state],
                value=value,
                params=stored,
                distributions=self._distributions,
                intermediate_values=curve,
            )
        except ValueError:  # the space was narrowed since
            return None
