"""Intervals cover what they should, and verdicts follow from them."""

import numpy as np
import pytest
from scipy import stats

from dualnet.errors import UsageError
from dualnet.experiments.significance import Interval, PerUser, interval_over_runs, paired_differences


def runs_of(gap, spread, n_users=400, n_runs=3, run_spread=0.0, seed=0):
    rng = np.random.default_rng(seed)
    runs = []
    for shift in run_spread * np.linspace(-1, 1, n_runs):
        second = rng.random(n_users)
        first = second + gap + shift + rng.normal(0, spread, n_users)
        users = [f"u{k}" for k in range(n_users)]
        runs.append((PerUser(users, first[:, None]), PerUser(users, second[:, None])))
    return runs


def test_the_interval_over_runs_is_students():
    values = [0.41, 0.43, 0.40, 0.42, 0.44]
    found = interval_over_runs(values)
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((0.42, low, high, 5))
    assert interval_over_runs([0.4]) is None


def test_the_interval_over_users_is_that_of_the_paired_difference():
    (first, second), *_ = runs_of(0.05, 0.2, n_users=2000, n_runs=1)
    (found,) = paired_differences([(first, second)])
    gaps = (first.values - second.values)[:, 0]
    half = 1.96 * gaps.std() / np.sqrt(len(gaps))
    assert found.over_users.mean == pytest.approx(gaps.mean())
    assert (found.over_users.low, found.over_users.high) == pytest.approx(
        (gaps.mean() - half, gaps.mean() + half), abs=0.1 * half
    )
    assert found.relative.mean == pytest.approx(first.values.mean() / second.values.mean() - 1)
    alone = 2 * 1.96 * np.sqrt(2) * second.values.std() / np.sqrt(len(gaps))  # what two unpaired means would have
    assert found.over_users.high - found.over_users.low < 0.7 * alone


def test_intervals_cover_the_truth_as_often_as_they_say():
    covered = 0
    for seed in range(100):
        (found,) = paired_differences(runs_of(0.02, 0.2, n_users=100, n_runs=1, seed=seed), resamples=400)
        covered += found.over_users.low <= 0.02 <= found.over_users.high
    assert 88 <= covered <= 100


@pytest.mark.parametrize(
    ("gap", "n_runs", "run_spread", "verdict"),
    [
        (0.1, 3, 0.0, "more than noise"),
        (0.0, 3, 0.0, "within noise"),
        (0.1, 1, 0.0, "more than noise over users (one run)"),
        (0.0, 1, 0.0, "within noise (one run)"),
        (0.1, 3, 0.3, "more than noise over users, not over 3 runs"),
    ],
)
def test_verdicts(gap, n_runs, run_spread, verdict):
    (found,) = paired_differences(runs_of(gap, 0.1, n_runs=n_runs, run_spread=run_spread, seed=4))
    assert found.verdict == verdict


def test_users_are_matched_by_id_and_count_once():
    first = PerUser(["a", "b", "c"], np.array([[1.0], [0.5], [0.0]]))
    second = PerUser(["c", "b", "x"], np.array([[0.5], [0.5], [1.0]]))
    again = PerUser(["b"], np.array([[1.0]])), PerUser(["b"], np.array([[0.0]]))
    (found,) = paired_differences([(first, second), again])
    assert found.over_users.n == 2
    assert found.over_users.mean == pytest.approx((-0.5 + 0.5) / 2)  # c: -0.5; b: mean of 0 and 1
    assert found.over_runs.mean == pytest.approx((-0.25 + 1.0) / 2)


def test_nothing_in_common_is_an_error():
    one, other = PerUser(["a"], np.ones((1, 1))), PerUser(["b"], np.ones((1, 1)))
    with pytest.raises(UsageError, match="no user in common"):
        paired_differences([(one, other)])
    with pytest.raises(UsageError, match="no run"):
        paired_differences([])


def test_overlap():
    assert Interval(2, 1, 3, 5).overlaps(Interval(4, 3, 5, 5))
    assert not Interval(2, 1, 3, 5).overlaps(Interval(5, 4, 6, 5))
