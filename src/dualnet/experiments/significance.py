"""Significance of a difference: paired over users, and over runs on other divisions or seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..evaluation import bootstrap_means
from ..ids import Key

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval.

    Parameters
    ----------
    mean, low, high : float
        In the unit of the figure.
    n : int
        Users or runs behind it.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0

    def overlaps(self, other: Interval) -> bool:
        """Return whether two intervals have a point in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Difference:
    """Difference of two methods, for the same users on the same divisions.

    Parameters
    ----------
    over_users : Interval, optional
        Of the mean difference; users are drawn again (paired bootstrap), the fitted models stay. None where only means are known.
    relative : Interval, optional
        Of the ratio of the two means minus 1, from the same draws.
    over_runs : Interval, optional
        Of the mean difference over seeds or folds (paired t-interval); None for a single run.
    """

    over_users: Interval | None
    relative: Interval | None
    over_runs: Interval | None

    @property
    def verdict(self) -> str:
        """Whether the difference is more than noise, in words."""
        runs = self.over_runs
        if self.over_users is None:
            return "within noise" if runs is None or not runs.excludes_zero else f"more than noise over {runs.n} runs"
        if runs is None:
            return "more than noise over users (one run)" if self.over_users.excludes_zero else "within noise (one run)"
        if self.over_users.excludes_zero and runs.excludes_zero:
            return "more than noise"
        if self.over_users.excludes_zero:
            return f"more than noise over users, not over {runs.n} runs"
        if runs.excludes_zero:
            return f"more than noise over {runs.n} runs, not over users"
        return "within noise"


@dataclass(frozen=True, eq=False)
class PerUser:
    """Figures of one method on one run, a row for each user.

    Parameters
    ----------
    users : sequence of str or int
        Ids.
    values : ndarray of float64, shape (len(users), n_figures)
        Such as recall at several cut-offs.
    """

    users: Sequence[Key]
    values: NDArray[np.float64]


def interval_over_runs(values: Sequence[float]) -> Interval | None:
    """Return mean and 95 % t-interval of a few figures, one a run; None for fewer than two.

    Runs on other seeds divide the same data again, so that the interval speaks of division and start, not of other people.

    Parameters
    ----------
    values : sequence of float
        One figure a seed or fold.
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    figures = np.asarray(values, np.float64)
    n = len(figures)
    mean = float(figures.mean())
    half = float(stdtrit(n - 1, 0.975)) * float(figures.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_differences(
    runs: Sequence[tuple[PerUser, PerUser]], *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Difference]:
    """Compare two methods, figure by figure, on the users that both have figures for.

    Parameters
    ----------
    runs : sequence of (first, second)
        For each run, the figures of each user under both methods. A user with several runs counts once, with the mean.
    resamples : int
        Draws of the bootstrap over users; all figures share them.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    list of Difference
        Of first minus second, one a column.

    Raises
    ------
    UsageError
        If there is no run, or a run without a user in common.
    """
    if not runs:
        raise UsageError("there is no run to compare")
    shared = [_in_common(first, second) for first, second in runs]
    places = {user: place for place, user in enumerate(dict.fromkeys(user for users, _, _ in shared for user in users))}
    width = shared[0][1].shape[1]
    sums, counts = np.zeros((len(places), 2 * width)), np.zeros((len(places), 1))
    for users, first, second in shared:
        rows = [places[user] for user in users]
        sums[rows] += np.hstack([first, second])
        counts[rows] += 1
    values = sums / counts
    drawn, means = bootstrap_means(values, resamples, seed), values.mean(axis=0)
    found = []
    for k in range(width):
        one, other = drawn[:, k], drawn[:, width + k]
        gain = _percentiles(means[k] - means[width + k], one - other, len(values))
        ratio = _percentiles(_ratio(means[k], means[width + k]), _ratio(one, other), len(values))
        over_runs = interval_over_runs([float((first[:, k] - second[:, k]).mean()) for _, first, second in shared])
        found.append(Difference(gain, ratio, over_runs))
    return found


def _in_common(first: PerUser, second: PerUser) -> tuple[list[Key], NDArray[np.float64], NDArray[np.float64]]:
    where = {user: row for row, user in enumerate(second.users)}
    rows = [(row, where[user]) for row, user in enumerate(first.users) if user in where]
    if not rows:
        raise UsageError("the two methods have no user in common; compare runs on the same division")
    left, right = np.array(rows).T
    return [first.users[row] for row in left], first.values[left], second.values[right]


def _ratio(first: Any, second: Any) -> Any:
    """Return first / second - 1; a method that finds nothing has no ratio, and counts as equal."""
    return np.where(second == 0, 0.0, first / np.where(second == 0, 1.0, second) - 1)


def _percentiles(mean: Any, draws: NDArray[np.float64], n: int) -> Interval:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(float(mean), float(low), float(high), n)
