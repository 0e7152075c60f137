"""A search whose trials several processes run at a time, through Ray Tune: its Optuna search, and ASHA to stop trials early."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..distributed.cluster import cluster
from ..errors import CapabilityError, ResourceError, UsageError
from .search import PRUNE_FROM_EPOCH, GridProposer, OptunaProposer, Search, check_completed, trial_line
from .spaces import combinations
from .trials import append_trial, params_key, read_trials

TRIES_AGAIN = 3  # of a trial whose process is lost
KEPT = 3  # of so many trials at an epoch ASHA keeps one
FIGURE, EPOCH, PARAMS, RECORD, REFUSED = "figure", "epoch", "params", "record", "refused"
Trial = dict[str, Any]


@dataclass
class _Lines:
    """The lines of the trials that have ended, and the figures of those that run."""

    search: Search
    path: Path
    limit: int
    say: Callable[[str], None]
    ended: Callable[[Trial], None]
    found: list[Trial]
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    refused: str | None = None
    seconds: float = 0.0
    fresh: int = 0

    def figure(self, trial: str, result: Mapping[str, Any]) -> None:
        """Note the figure of an epoch; a trial that began again begins its curve again."""
        if RECORD in result or result.get(REFUSED):
            return
        curve = self.curves.setdefault(trial, [])
        if curve and result[EPOCH] <= curve[-1][0]:
            curve.clear()
        curve.append((int(result[EPOCH]), float(result[FIGURE])))

    def end(self, trial: str, params: Trial, result: Mapping[str, Any]) -> None:
        """Write the line of a trial: what its process made of it, or, where it was stopped, its curve."""
        if result.get(REFUSED):
            self.refused = str(result[REFUSED])
            return
        record = result.get(RECORD)
        if record is None:
            curve = self.curves.get(trial, [])
            if not curve:  # lost before its first figure: it counts as not tried
                return
            record = self.search.record(params, "pruned", [], curve, float(result.get("time_total_s", 0.0)))
        line = {"trial": len(self.found), **record, "search": self.search.identity}
        append_trial(self.path, line)
        self.found.append(line)
        self.seconds, self.fresh = self.seconds + line["seconds"], self.fresh + 1
        self.say(trial_line(line, self.found, self.limit, (self.limit - len(self.found)) * self.seconds / self.fresh))
        self.ended(line)


def shared_trials(
    search: Search,
    proposer: GridProposer | OptunaProposer,
    path: Path,
    limit: int,
    *,
    workers: int,
    address: str | None = None,
    say: Callable[[str], None] = lambda text: None,
    ended: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Run the trials of a search in several processes; the lines are those of `Search.trials`, in the order in which trials end.

    A search that was killed goes on with its lines, whatever number of workers wrote them; a trial that had not ended is run
    again. A grid has the same trials as with one process. What Optuna proposes depends on which trials have ended before, and so
    on the workers; its sampler's seed is derived from the seed of the search and the number of trials found.

    Parameters
    ----------
    search : Search
        What a trial is.
    proposer : GridProposer or OptunaProposer
        What to try; with `OptunaProposer` Ray Tune's search takes its space and its sampler, and stops trials by ASHA from epoch
        `PRUNE_FROM_EPOCH` on unless it does not prune.
    path : Path
        ``trials.jsonl``; each trial is written there as it ends.
    limit : int
        Trials in all, with those found.
    workers : int
        Trials at a time.
    address : str, optional
        Of an existing cluster; see `dualnet.distributed.cluster.cluster`.
    say : callable
        Told each trial's outcome, for people.
    ended : callable
        Told each trial, first those found.

    Raises
    ------
    TrainingError, CapabilityError, UsageError
        As `Search.trials`.
    ResourceError
        If Ray loses a trial several times; the same call runs it again.
    """
    if search.run.on_cluster:
        raise UsageError(
            f"workers={search.run.workers} share each fit, and {workers} trials run at a time, each in one process; leave one of them out"
        )
    found = read_trials(path, search.identity)
    if found:
        say(f"{len(found)} trials found in {path}")
    for trial in found:
        ended(trial)
    lines = _Lines(search, path, limit, say, ended, found)
    if len(found) < limit:
        with cluster(address, workers, purpose="tune with several workers"):
            _run(lines, proposer, workers)
    if lines.refused is not None:
        raise CapabilityError(lines.refused)
    check_completed(lines.found)
    return lines.found


def _run(lines: _Lines, proposer: GridProposer | OptunaProposer, workers: int) -> None:
    """Let Ray Tune run the trials that are left."""
    from ray import tune

    gpus = {"gpu": 1} if lines.search.run.device == "cuda" else {}
    sent = tune.with_parameters(
        _trial, search=lines.search.to_send(), proposer=proposer if isinstance(proposer, OptunaProposer) else None
    )
    with tempfile.TemporaryDirectory(prefix="dualnet-tune-") as folder:
        done = tune.Tuner(
            tune.with_resources(sent, {"cpu": 1, **gpus}),
            param_space=_grid(proposer, lines) if isinstance(proposer, GridProposer) else None,
            tune_config=tune.TuneConfig(
                num_samples=1 if isinstance(proposer, GridProposer) else lines.limit - len(lines.found),
                max_concurrent_trials=workers,
                **({} if isinstance(proposer, GridProposer) else _by_optuna(proposer, lines.found)),
            ),
            run_config=tune.RunConfig(
                storage_path=folder, verbose=0, callbacks=[_callback(lines, proposer)],
                failure_config=tune.FailureConfig(max_failures=TRIES_AGAIN),
            ),
        ).fit()  # fmt: skip
    if done.errors:
        first = str(done.errors[0]).strip().splitlines()
        raise ResourceError(
            f"{len(done.errors)} trials were lost with their processes ({first[-1] if first else 'no reason is known'}); the same"
            " command runs them again"
        )


def _grid(proposer: GridProposer, lines: _Lines) -> dict[str, Any]:
    from ray import tune

    tried = {params_key(trial["params"]) for trial in lines.found}
    left = [params for params in combinations(proposer.space) if params_key(params) not in tried]
    return {PARAMS: tune.grid_search(left[: lines.limit - len(lines.found)])}


def _by_optuna(proposer: OptunaProposer, found: Sequence[Trial]) -> dict[str, Any]:
    """Return the search of Ray Tune that goes on from some trials, and what stops trials."""
    from ray.tune.schedulers import AsyncHyperBandScheduler
    from ray.tune.search.optuna import OptunaSearch

    search = OptunaSearch(proposer.distributions, metric=FIGURE, mode="max", sampler=proposer.sampler(found))
    for trial in proposer.known(found):
        value = 0.0 if trial.value is None else trial.value
        search.add_evaluated_point(trial.params, value, error=trial.state.name == "FAIL", pruned=trial.state.name == "PRUNED")
    stops = AsyncHyperBandScheduler(
        time_attr=EPOCH, metric=FIGURE, mode="max", grace_period=PRUNE_FROM_EPOCH, reduction_factor=KEPT, max_t=10**6
    )
    return {"search_alg": search, **({"scheduler": stops} if proposer.prune else {})}


def _callback(lines: _Lines, proposer: GridProposer | OptunaProposer) -> Any:
    """Return what Ray Tune tells of each trial."""
    from ray import tune

    class Told(tune.Callback):  # type: ignore[misc]
        def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **info: Any) -> None:
            lines.figure(trial.trial_id, result)

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            lines.end(trial.trial_id, _params(trial.config, proposer), trial.last_result)

    return Told()


def _params(config: Mapping[str, Any], proposer: GridProposer | OptunaProposer | None) -> Trial:
    """Return the parameters of a model from what Ray Tune gives a trial."""
    return proposer.read(config) if isinstance(proposer, OptunaProposer) else dict(config[PARAMS])


def _trial(config: dict[str, Any], search: Search, proposer: OptunaProposer | None) -> None:
    """Run one trial, in a process of its own: report each epoch, and at the end its record."""
    from ray import tune

    last = 0

    def report(epoch: int, figure: float) -> bool:
        nonlocal last
        last = epoch
        tune.report({FIGURE: figure, EPOCH: epoch})
        return False  # whoever stops a trial ends its process

    try:
        record = search.tried(_params(config, proposer), report)
    except CapabilityError as error:
        tune.report({FIGURE: math.nan, EPOCH: 0, REFUSED: str(error)})
        return
    value = record["value"]
    tune.report({FIGURE: math.nan if value is None else value, EPOCH: last, RECORD: record})
