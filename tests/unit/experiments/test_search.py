"""The search for parameters: validation only, one line a trial, resumable with the same proposals, failures recorded."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from dualnet import DualNet, evaluate, splits
from dualnet.config import build_model
from dualnet.data.synthetic import blocks_world
from dualnet.errors import CapabilityError, DataError, MissingExtraError, TrainingError, UsageError
from dualnet.experiments import search as module
from dualnet.experiments.search import (
    PRUNE_FROM_EPOCH,
    TRIALS_BEFORE_PRUNING,
    GridProposer,
    OptunaProposer,
    Search,
    measure_on_validation,
)
from dualnet.experiments.shared_search import shared_trials
from dualnet.experiments.spaces import SPACES, Between, OneOf, combinations, read_space, size
from dualnet.experiments.trials import append_trial, best_trial, read_trials
from dualnet.models.popularity import Popularity
from dualnet.train.options import RunOptions

WORLD = blocks_world(density=0.5)
SPACE = {"neighbours": OneOf((1, 2, 20)), "shrinkage": OneOf((0.0, 5.0))}
QUIET = RunOptions(progress=False)


def divide(seed):
    return splits.citeulike2(WORLD, seed=seed)


def knn(seeds=(0,), **more):
    return Search("item-knn", divide, seeds, at=5, run=QUIET, **more)


def run(search, proposer, path, limit=100):
    return list(search.trials(proposer, path, limit))


def timeless(trials):
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]


class Sealed:
    """A test task that nobody may look at."""

    def __getattribute__(self, name):
        raise AssertionError(f"the test was opened: {name}")


def test_the_test_tasks_are_never_touched(tmp_path):
    sealed = Search("item-knn", lambda seed: replace(divide(seed), tasks=(Sealed(),)), (0, 1), at=5, run=QUIET)
    found = run(sealed, GridProposer(SPACE), tmp_path / "a")
    assert timeless(found) == timeless(run(knn((0, 1)), GridProposer(SPACE), tmp_path / "b"))
    with pytest.raises(AssertionError, match="opened"):
        replace(divide(0), tasks=(Sealed(),)).fingerprint()


def test_a_value_is_the_mean_recall_of_the_validation_tasks_over_the_seeds(tmp_path):
    (trial,) = run(knn((0, 1)), GridProposer({"neighbours": OneOf((3,))}), tmp_path / "t")
    recalls = []
    for seed in (0, 1):
        validation = divide(seed).validation
        model = build_model("item-knn", {"neighbours": 3}, "").fit(validation.train)
        recalls.append(np.mean([result.mean("recall@5") for result in evaluate(model, validation.tasks, at=(5,)).results]))
    assert trial["value"] == pytest.approx(np.mean(recalls))
    assert [part["figures"]["recall@5"] for part in trial["runs"]] == pytest.approx(recalls)
    assert 0 < trial["figures"]["half-width"] < 0.2


def test_tasks_that_cannot_be_served_are_left_out_and_none_is_an_error(tmp_path):
    quadrants = Search("item-knn", lambda seed: splits.four_quadrants(WORLD, seed=seed), (0,), run=QUIET)
    (trial,) = run(quadrants, GridProposer({"neighbours": OneOf((5,))}), tmp_path / "q")
    assert trial["state"] == "complete"
    cold = Search("item-knn", lambda seed: splits.out_matrix(WORLD, seed=seed), (0,), run=QUIET)
    with pytest.raises(CapabilityError, match="can serve none of the validation tasks"):
        run(cold, GridProposer(SPACE), tmp_path / "c")
    assert not (tmp_path / "c").exists()
    blind = Search("item-knn", lambda seed: replace(divide(seed), validation=None), (0,), run=QUIET)
    with pytest.raises(UsageError, match="leaves nothing to choose on"):
        run(blind, GridProposer(SPACE), tmp_path / "b")


@pytest.mark.parametrize("method", ["grid", "optuna"])
def test_a_killed_search_ends_like_a_whole_one(tmp_path, method):
    ranges = {"neighbours": Between(1, 30), "shrinkage": Between(0.1, 50.0, log=True)}

    def proposer():
        return GridProposer(SPACE) if method == "grid" else OptunaProposer(ranges, 3)

    whole = run(knn(), proposer(), tmp_path / "whole", 14)  # the sampler draws at random for ten
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    cut = len(lines) - 2
    (tmp_path / "killed").write_bytes(b"".join(lines[:cut]) + lines[cut][: len(lines[cut]) // 2])
    again = run(knn(), proposer(), tmp_path / "killed", 14)
    assert timeless(again) == timeless(whole)
    assert timeless(read_trials(tmp_path / "killed", knn().identity)) == timeless(whole)
    assert [trial["trial"] for trial in again] == list(range(6 if method == "grid" else 14))
    assert run(knn(), proposer(), tmp_path / "killed", 14) == again  # seconds too: nothing was run again


def test_a_grid_can_grow_and_runs_nothing_twice(tmp_path, monkeypatch):
    path = tmp_path / "t"
    first = run(knn(), GridProposer({"neighbours": OneOf((1, 2))}), path)
    built = []
    monkeypatch.setattr(module, "build_model", lambda *given: built.append(given[1]) or build_model(*given))
    grown = run(knn(), GridProposer({"neighbours": OneOf((1, 2, 20))}), path)
    assert grown[:2] == first
    assert built == [{"neighbours": 20}]
    repeated = run(knn(), OptunaProposer({"neighbours": OneOf((1, 2, 20))}, 0), path, 8)
    assert len(built) == 1  # the three there are, again and again
    assert len(repeated) == 8
    assert {trial["seconds"] for trial in repeated[3:]} == {0.0}


def test_lines_of_another_search_and_broken_lines_are_refused(tmp_path):
    path = tmp_path / "t"
    run(knn(), GridProposer({"neighbours": OneOf((1, 2))}), path)
    for other in (knn((1,)), knn(fixed={"shrinkage": 1.0}), Search("item-knn", divide, (0,), at=9, run=QUIET)):
        with pytest.raises(UsageError, match="is of another search"):
            run(other, GridProposer(SPACE), path)
    lines = path.read_text().splitlines()
    path.write_text(lines[0][:20] + "\n" + lines[1] + "\n")
    with pytest.raises(DataError, match="line 1 is not a trial"):
        run(knn(), GridProposer(SPACE), path)


class Curve(Popularity):
    """Reports a flat validation curve at the height of its parameter, as a model that trains by epochs would."""

    epochs = []

    def __init__(self, *, height=0.5):
        self.height = height

    def _fit(self, known, validation, run):
        if self.height < 0:
            raise TrainingError("the loss became nan in epoch 1, step 1")
        for epoch in range(1, 9):
            Curve.epochs.append(epoch)
            run.after_epoch({"epoch": epoch, "loss": 1.0, "recall@auto": self.height})
        super()._fit(known, validation, run)


class Listed:
    """Proposes what it was given, and asks Optuna whether to stop."""

    def __init__(self, heights, *, prune=True):
        self.heights, self.optuna = heights, OptunaProposer({"height": Between(-1.0, 1.0)}, 0, prune=prune)

    def propose(self, trials):
        self.optuna.propose(trials)
        return {"height": self.heights[len(trials)]} if len(trials) < len(self.heights) else None

    def hopeless(self, epoch, value):
        return self.optuna.hopeless(epoch, value)


@pytest.fixture
def curve(monkeypatch):
    monkeypatch.setattr(module, "build_model", lambda name, params, place, seed: Curve(**params))
    Curve.epochs.clear()
    return Search("curve", divide, (0, 1), run=QUIET)


def test_trials_behind_the_median_are_stopped_not_chosen_and_remembered(curve, tmp_path):
    good = [0.5 + 0.01 * k for k in range(TRIALS_BEFORE_PRUNING)]
    found = run(curve, Listed([*good, 0.1, 0.6]), tmp_path / "t")
    assert [trial["state"] for trial in found] == ["complete"] * TRIALS_BEFORE_PRUNING + ["pruned", "complete"]
    stopped = found[TRIALS_BEFORE_PRUNING]
    assert stopped["curve"] == [[epoch, 0.1] for epoch in range(1, PRUNE_FROM_EPOCH + 1)]
    assert (stopped["value"], stopped["figures"]) == (None, {})
    assert [epoch for epoch, _ in found[0]["curve"]] == list(range(1, 9))  # of the first seed alone
    assert found[0]["best_epoch"] == 8  # of equal figures the last
    assert len(Curve.epochs) == 6 * 2 * 8 + PRUNE_FROM_EPOCH  # two seeds; the second is not reached
    lines = (tmp_path / "t").read_text().splitlines()
    (tmp_path / "t").write_text("".join(line + "\n" for line in lines[:-2]))
    resumed = run(curve, Listed([*good, 0.1, 0.6]), tmp_path / "t")
    assert timeless(resumed) == timeless(found)
    unpruned = run(curve, Listed([*good, 0.1], prune=False), tmp_path / "u")
    assert {trial["state"] for trial in unpruned} == {"complete"}


def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(curve, tmp_path):
    told = []
    found = list(curve.trials(Listed([-1.0, 0.5]), tmp_path / "t", 9, told.append))
    assert [trial["state"] for trial in found] == ["failed", "complete"]
    assert found[0]["reason"] == "TrainingError: the loss became nan in epoch 1, step 1"
    assert best_trial(found) is found[1]
    assert len(told) == 2
    assert "the loss became nan" in told[0]
    with pytest.raises(TrainingError, match="none of 2 trials was completed; the first failed: TrainingError: the loss"):
        run(curve, Listed([-1.0, -0.5]), tmp_path / "n")


def test_wrong_values_of_a_parameter_fail_that_trial(tmp_path):
    found = run(knn(), GridProposer({"neighbours": OneOf((0, 5))}), tmp_path / "t")
    assert [trial["state"] for trial in found] == ["failed", "complete"]
    assert "neighbours = 0 should be" in found[0]["reason"]


def test_dualnet_reports_its_epochs_and_stops_when_told(tmp_path):
    small = {"levels": [8], "epochs": 3, "user_batch": 20}
    search = Search("dualnet", divide, (0,), fixed=small, run=QUIET)
    (trial,) = run(search, GridProposer({"noise": OneOf((0.3,))}), tmp_path / "t")
    assert [epoch for epoch, _ in trial["curve"]] == [1, 2, 3]
    assert trial["best_epoch"] == max(trial["curve"], key=lambda point: (point[1], point[0]))[0]
    seen = []

    def stop(figures):
        seen.append(figures["epoch"])
        if len(seen) == 2:
            raise KeyboardInterrupt

    split = divide(0)
    with pytest.raises(KeyboardInterrupt):
        DualNet(**small).fit(split.train, split.validation, run=RunOptions(progress=False, after_epoch=stop))
    assert seen == [1, 2]


def test_the_cut_is_smaller_in_a_small_catalogue():
    validation = divide(0).validation
    model = build_model("item-knn", {}, "").fit(validation.train)
    candidates = len(validation.tasks[0].candidates)
    assert (
        measure_on_validation(model, validation, None)["recall@auto"]
        == measure_on_validation(model, validation, candidates // 10)[f"recall@{candidates // 10}"]
    )


def test_without_optuna_the_grid_still_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert GridProposer(SPACE).propose([]) == {"neighbours": 1, "shrinkage": 0.0}
    with pytest.raises(MissingExtraError, match=r"pip install 'dualnet\[tune\]'"):
        OptunaProposer(SPACE, 0)


def test_best_of_equal_trials_is_the_first(tmp_path):
    for number, (state, value) in enumerate((("failed", None), ("complete", 0.2), ("complete", 0.2), ("pruned", None))):
        append_trial(tmp_path / "t", {"trial": number, "state": state, "value": value, "params": {}, "search": {}})
    assert best_trial(read_trials(tmp_path / "t", {}))["trial"] == 1
    assert best_trial([]) is None


@pytest.mark.parametrize("model", sorted(SPACES))
def test_every_point_of_a_default_space_makes_a_model(model):
    for params in combinations(SPACES[model]):
        build_model(model, params, "default space")
    assert size(SPACES[model]) == len(list(combinations(SPACES[model])))


def test_ranges_have_points_and_bad_spaces_are_refused():
    space = read_space({"a": [1, 2], "b": {"low": 1, "high": 100, "log": True, "grid": 3}, "c": {"low": 0, "high": 1.0}})
    assert [choices.points() for choices in space.values()] == [(1, 2), (1, 10, 100), (0, 0.25, 0.5, 0.75, 1.0)]
    assert json.dumps(next(combinations(space))) == '{"a": 1, "b": 1, "c": 0}'
    for wrong, message in (
        (0.3, "write a list such as"),
        ([], "write a list such as"),
        ({"lo": 1, "high": 2}, "has no 'lo'. Did you mean 'low'?"),
        ({"low": 2, "high": 1}, "low below high"),
        ({"low": 0, "high": 1, "log": True}, "above 0 with log"),
        ({"low": "a", "high": 1}, "must be numbers"),
        ({"low": 1, "high": 2, "grid": 1}, "at least 2"),
    ):
        with pytest.raises(UsageError, match=message):
            read_space({"p": wrong})


@pytest.mark.parametrize("text", ["precious notes", '{"key": "of other results"}'])
def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path, text):
    (tmp_path / "t").write_text(text)
    with pytest.raises(DataError, match="does not end with a trial"):
        run(knn(), GridProposer(SPACE), tmp_path / "t")
    assert (tmp_path / "t").read_text() == text


def test_a_torn_line_of_another_search_is_left_as_it_is(tmp_path):
    run(knn(), GridProposer({"neighbours": OneOf((1,))}), tmp_path / "t")
    with (tmp_path / "t").open("a") as handle:
        handle.write('{"trial": 1, "sta')
    before = (tmp_path / "t").read_bytes()
    with pytest.raises(UsageError, match="is of another search"):
        run(knn((1,)), GridProposer(SPACE), tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == before


def test_trials_in_several_processes_do_not_ask_for_workers_of_their_own(tmp_path):
    """They would wait for processors that the trials themselves hold."""
    search = Search("dualnet", divide, (0,), run=RunOptions(progress=False, workers=2))
    with pytest.raises(UsageError, match="workers=2 share each fit, and 3 trials run at a time.*leave one of them out"):
        shared_trials(search, GridProposer({"epochs": OneOf((1, 2))}), tmp_path / "trials.jsonl", 2, workers=3)
    assert not (tmp_path / "trials.jsonl").exists()
