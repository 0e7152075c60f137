"""BPR: criterion and gradient by definition, exact fold-in, steps that touch what they should, choices on validation."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_array

from dualnet import Dataset, RunOptions, evaluate, splits, synthetic
from dualnet.data.synthetic import blocks_world
from dualnet.errors import TrainingError, UsageError
from dualnet.models import pairwise
from dualnet.models.bpr import BPR
from dualnet.models.choosing import Phase
from dualnet.models.pairwise import PairwiseSteps, fold_in, pairwise_error, taken_of

WORLD = blocks_world()
SMALL = {"factors": 6, "batch": 16, "negatives": 8, "epochs": 30}
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def factors(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def criterion(users, positives, negatives, taken):
    """The readable twin: mean over the allowed negatives of -ln sigmoid(x_ui - x_uj), summed over pairs."""
    total = 0.0
    for user, positive, row in zip(users, positives, taken, strict=True):
        losses = [np.log1p(np.exp(-(user @ positive - user @ j))) for j in negatives[~row]]
        total += np.mean(losses) if losses else 0.0
    return total


@given(seed=st.integers(0, 999), pairs=st.integers(1, 6), negatives=st.integers(1, 7), width=st.integers(1, 5))
def test_criterion_and_gradient_by_definition(seed, pairs, negatives, width):
    parts = [factors(seed + k, n, width) for k, n in enumerate((pairs, pairs, negatives))]
    taken = np.random.default_rng(seed).random((pairs, negatives)) < 0.3
    found = pairwise_error(*parts, taken)
    exact = [part.astype(float) for part in parts]
    assert found.value == pytest.approx(criterion(*exact, taken), rel=1e-5, abs=1e-6)
    for place, gradient in enumerate(found[1:]):
        for index in np.ndindex(gradient.shape):
            moved = [[part.copy() for part in exact] for _ in range(2)]
            moved[0][place][index] -= 1e-5
            moved[1][place][index] += 1e-5
            slope = (criterion(*moved[1], taken) - criterion(*moved[0], taken)) / 2e-5
            assert -gradient[index] == pytest.approx(slope, rel=1e-3, abs=1e-4)


def test_large_margins_stay_finite():
    far = np.full((1, 1), 1e4, np.float32)
    lost, won = pairwise_error(far, -far, far, np.zeros((1, 1), bool)), pairwise_error(far, far, -far, np.zeros((1, 1), bool))
    assert (lost.value, won.value) == (pytest.approx(2e8), 0.0)
    assert all(np.isfinite(part).all() for part in (*lost[1:], *won[1:]))


def test_taken_items_are_no_negatives():
    histories = csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 1]], np.float32))
    np.testing.assert_array_equal(taken_of(histories, np.array([0, 3])), [[True, False], [False, True]])
    user, items = factors(0, 1, 3), factors(1, 2, 3)
    error = pairwise_error(user, items[:1], items, np.array([[True, False]]))
    assert not error.negatives[0].any()
    assert error.negatives[1].any()


def histories_and_items(seed=0, users=7, items=40, width=5):
    dense = np.random.default_rng(seed).random((users, items)) < 0.2
    dense[0] = False  # no history
    dense[1] = True  # nothing left to rank below
    return csr_array(dense.astype(np.float32)), factors(seed, items, width)


def user_criterion(user, items, history, sample, penalty):
    positives = np.flatnonzero(history)
    negatives = [j for j in sample if not history[j]]
    margins = (items[positives] @ user)[:, None] - items[negatives] @ user
    return np.log1p(np.exp(-margins)).mean(axis=1).sum() + len(positives) * penalty / 2 * user @ user


def test_fold_in_finds_the_minimum():
    histories, items = histories_and_items()
    sample = np.arange(0, 40, 2)
    found = fold_in(items, histories, sample, 0.05, steps=200)
    assert not found[:2].any()
    for row in range(2, 7):
        best = minimize(
            user_criterion,
            np.zeros(5),
            (items.astype(float), histories[[row]].toarray()[0], sample, 0.05),
            options={"gtol": 1e-8},
        )
        np.testing.assert_allclose(found[row], best.x, atol=2e-3)


def test_no_step_of_fold_in_raises_the_criterion():
    histories, items = histories_and_items(1)
    sample = np.arange(40)
    for row in range(2, 7):
        path = [fold_in(items, histories, sample, 0.01, steps)[row].astype(float) for steps in range(12)]
        values = [user_criterion(user, items, histories[[row]].toarray()[0], sample, 0.01) for user in path]
        assert (np.diff(values) <= 1e-6).all()
        assert values[-1] < values[0]


def test_fold_in_does_not_depend_on_how_many_are_asked_at_once(monkeypatch):
    histories, items = histories_and_items(2)
    together = fold_in(items, histories, np.arange(30), 0.02, 4)
    monkeypatch.setattr(pairwise, "BLOCK_FLOATS", 1)
    np.testing.assert_allclose(fold_in(items, histories, np.arange(30), 0.02, 4), together, atol=1e-5)


def test_a_step_follows_the_gradient_of_the_penalised_criterion():
    """The sparse update against the same step written out for one batch that holds every pair."""
    matrix = WORLD.interactions.pattern()
    settings = {"factors": 4, "learning_rate": 0.1, "regularization": 0.3, "negatives": 5, "batch": matrix.nnz, "seed": 2}
    steps = PairwiseSteps(matrix, epochs=1, **settings)
    users, items = steps.users.astype(float), steps.items.astype(float)
    sample, pairs = np.array([1, 5, 30]), np.arange(0, matrix.nnz, 3)
    rows, columns = (side[pairs] for side in matrix.tocoo().coords)
    taken = matrix.toarray()[rows][:, sample] > 0

    def penalised(u, v):
        penalty = 0.15 * ((u[rows] ** 2).sum() + (v[columns] ** 2).sum() + len(pairs) / 3 * (v[sample] ** 2).sum())
        return criterion(u[rows], v[columns], v[sample], taken) + penalty

    steps._step(pairs, sample, 0.1)
    for row, column in ((rows[0], 0), (rows[-1], 3)):
        low, high = users.copy(), users.copy()
        low[row, column] -= 1e-4
        high[row, column] += 1e-4
        slope = (penalised(high, items) - penalised(low, items)) / 2e-4
        assert steps.users[row, column] == pytest.approx(users[row, column] - 0.1 * slope, abs=1e-5)
    for row, column in ((columns[0], 0), (5, 2), (30, 1)):
        low, high = items.copy(), items.copy()
        low[row, column] -= 1e-4
        high[row, column] += 1e-4
        slope = (penalised(users, high) - penalised(users, low)) / 2e-4
        assert steps.items[row, column] == pytest.approx(items[row, column] - 0.1 * slope, abs=1e-5)
    untouched = np.setdiff1d(np.arange(len(items)), [*columns, *sample])
    np.testing.assert_array_equal(steps.items[untouched], items[untouched].astype(np.float32))


def test_folded_in_users_rank_like_trained_ones():
    data = synthetic.library(n_readers=150, n_papers=200, text=False, seed=1)
    split = splits.citeulike2(data, seed=0)
    model = BPR(**{**SMALL, "factors": 12, "epochs": 40}).fit(split.train)
    matrix = model.histories_
    steps = PairwiseSteps(
        matrix, factors=12, learning_rate=model.learning_rate, regularization=model.regularization, negatives=8, batch=16,
        epochs=40, seed=0,
    )  # fmt: skip
    for epoch in range(40):
        steps.epoch(epoch)
    np.testing.assert_array_equal(steps.items, model.item_factors_)

    class Trained(BPR):
        def _encode_users(self, history, space, user_features):
            return steps.users

    trained = Trained(**model.get_params())
    vars(trained).update(vars(model))
    task = split.tasks[0]
    assert task.users == model.users_
    folded, known = (evaluate(m, task, at=(20,), bootstrap=0).results[0].mean("recall@20") for m in (model, trained))
    assert folded > 0.98 * known


def test_validation_chooses_the_epochs_and_the_log_tells_them(tmp_path):
    split = splits.four_quadrants(WORLD, seed=1)
    log = tmp_path / "log.jsonl"
    model = BPR(**SMALL).fit(split.train, split.validation, run=RunOptions(log=log, validate_every=5))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    looks = {line["epoch"]: line["recall@auto"] for line in lines if "recall@auto" in line}
    assert set(looks) <= {5.0, 10.0, 15.0, 20.0, 25.0, 30.0}
    assert looks[model.epochs_] == max(looks.values())
    assert [line["phase"] for line in lines].count("final") == model.epochs_  # all training pairs, for as long as was best
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_who_watches_a_fit_sees_every_epoch_and_may_end_it():
    split, seen = splits.citeulike2(WORLD, seed=0), []

    def watch(figures):
        seen.append(figures)
        if figures["epoch"] == 6:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        BPR(**SMALL).fit(split.train, split.validation, run=RunOptions(after_epoch=watch, validate_every=3))
    assert [entry["epoch"] for entry in seen] == [1, 2, 3, 4, 5, 6]
    assert [entry["epoch"] for entry in seen if "recall@auto" in entry] == [3, 6]


def test_a_validation_on_the_same_pairs_needs_no_second_fit(tmp_path):
    split = splits.citeulike2(WORLD, seed=0)
    log = tmp_path / "log.jsonl"
    model = BPR(**SMALL).fit(split.train, split.validation, run=RunOptions(log=log, validate_every=5, patience=1))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["phase"] for line in lines} == {"train"}
    stopped = BPR(**SMALL)
    stopped._descend(stopped._prepare(split.train), Phase("final", (), (), model.epochs_, RunOptions()))
    np.testing.assert_array_equal(stopped.item_factors_, model.item_factors_)  # those of the best look, not of the last step


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"factors": 0}, "factors=0 must be a whole number"),
        ({"epochs": 2.5}, "epochs=2.5 must be a whole number"),
        ({"regularization": 0.0}, "regularization=0.0 must be above 0"),
        ({"learning_rate": -1}, "learning_rate=-1 must be above 0"),
    ],
)
def test_bad_parameters(changes, text):
    with pytest.raises(UsageError, match=text):
        BPR(**changes).fit(Dataset(WORLD.interactions))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_training_says_so():
    with pytest.raises(TrainingError, match=r"has diverged, so lower learning_rate=1e\+30"):
        BPR(**{**SMALL, "learning_rate": 1e30}).fit(Dataset(WORLD.interactions))
