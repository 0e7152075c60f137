"""Bounds from leading axes: never below the score."""

import numpy as np
import pytest

from dualnet.retrieval import principal
from dualnet.retrieval.principal import PrincipalAxes, exact_scores, slack


@pytest.fixture
def axes_and_vectors(monkeypatch):
    monkeypatch.setattr(principal, "FEWEST", 100)
    rng = np.random.default_rng(0)
    low = rng.normal(size=(500, 20)) @ rng.normal(size=(20, 90))
    items = (low + 0.3 * rng.normal(size=(500, 90))).astype(np.float32)
    axes = PrincipalAxes.of(items)
    assert axes is not None
    return axes, items, rng.normal(size=(40, 90)).astype(np.float32)


def test_a_bound_is_never_below_the_score(axes_and_vectors):
    axes, items, queries = axes_and_vectors
    assert 20 <= axes.count < 0.6 * 90
    bounds, longest = axes.heads(queries) @ axes.heads(items).T, float(np.linalg.norm(items, axis=1).max())
    assert (bounds + slack(queries, longest)[:, None] >= queries @ items.T).all()
    assert (bounds > queries @ items.T + 1).any()  # it is a bound, not the score


def test_exact_scores_of_a_few(axes_and_vectors):
    _, items, queries = axes_and_vectors
    rows = np.random.default_rng(2).integers(len(items), size=(len(queries), 7))
    expected = np.take_along_axis(queries @ items.T, rows, axis=1)
    np.testing.assert_allclose(exact_scores(queries, items, rows), expected, atol=1e-4)


def test_no_axes_where_they_would_save_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    assert PrincipalAxes.of(rng.normal(size=(200, 8)).astype(np.float32)) is None  # few vectors
    monkeypatch.setattr(principal, "FEWEST", 100)
    assert PrincipalAxes.of(rng.normal(size=(400, 64)).astype(np.float32)) is None  # all directions alike
