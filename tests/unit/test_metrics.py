"""Metrics equal an independent slow implementation, and worked examples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualnet.metrics import METRICS, coverage, gini


def slow(name, hits, positives, cut):
    """One user at a time, straight from the textbook."""
    values = []
    for row, n in zip(hits, positives, strict=True):
        top = list(row[:cut])
        found = [place for place, hit in enumerate(top, 1) if hit]
        if name == "recall":
            values.append(len(found) / n)
        elif name == "precision":
            values.append(len(found) / cut)
        elif name == "hit_rate":
            values.append(1.0 if found else 0.0)
        elif name == "mrr":
            values.append(1 / found[0] if found else 0.0)
        elif name == "map":
            values.append(sum((k + 1) / place for k, place in enumerate(found)) / min(cut, n))
        elif name == "ndcg":
            ideal = sum(1 / math.log2(place + 1) for place in range(1, min(cut, int(n)) + 1))
            values.append(sum(1 / math.log2(place + 1) for place in found) / ideal)
    return np.array(values)


@given(users=st.integers(1, 6), places=st.integers(1, 12), seed=st.integers(0, 999), cut=st.integers(1, 15))
def test_metrics_equal_the_slow_twin(users, places, seed, cut):
    rng = np.random.default_rng(seed)
    hits = (rng.random((users, places)) < 0.4).astype(float)
    positives = hits.sum(axis=1) + rng.integers(1, 4, users)
    for name, metric in METRICS.items():
        np.testing.assert_allclose(metric(hits, positives, cut), slow(name, hits, positives, cut), atol=1e-12, err_msg=name)


def test_recall_divides_by_all_held_out_positives():
    # ten hits of twenty relevant items in a list of ten: one half, not one
    assert METRICS["recall"](np.ones((1, 10)), np.array([20.0]), 10)[0] == pytest.approx(0.5)


@given(seed=st.integers(0, 999))
def test_recall_never_falls_with_the_cut(seed):
    rng = np.random.default_rng(seed)
    hits = (rng.random((4, 20)) < 0.3).astype(float)
    positives = hits.sum(axis=1) + 1
    values = [METRICS["recall"](hits, positives, cut) for cut in range(1, 21)]
    assert (np.diff(values, axis=0) >= 0).all()


def test_coverage_and_gini():
    assert coverage(np.array([0, 2, 0, 1])) == 0.5
    assert gini(np.array([3, 3, 3])) == pytest.approx(0.0)
    assert gini(np.array([0, 0, 0, 12])) == pytest.approx(0.75)
