"""Metrics against a slow implementation that knows nothing of theirs: every order of every tie group, one by one."""

import itertools
import math

import numpy as np
import pytest

from dualnet.metrics import METRICS, Hits, coverage, gini, popular_share


def slow(name: str, hits: list[int], positives: int, cut: int) -> float:
    """One list without ties, by the textbook."""
    top = hits[:cut]
    places = [place for place, hit in enumerate(top, 1) if hit]
    if name == "recall":
        return len(places) / positives
    if name == "precision":
        return len(places) / cut
    if name == "ndcg":
        ideal = sum(1 / math.log2(place + 1) for place in range(1, min(cut, positives) + 1))
        return sum(1 / math.log2(place + 1) for place in places) / ideal
    if name == "map":
        return sum(sum(top[:place]) / place for place in places) / min(cut, positives)
    if name == "mrr":
        return 1 / places[0] if places else 0.0
    return float(bool(places))


def slow_tied(name: str, groups: list[list[int]], positives: int, cut: int) -> float:
    """Mean over all orders of all tie groups."""
    values = [
        slow(name, list(itertools.chain(*order)), positives, cut)
        for order in itertools.product(*(set_of_orders(group) for group in groups))
    ]
    return sum(values) / len(values)


def set_of_orders(group: list[int]) -> list[tuple[int, ...]]:
    return list(itertools.permutations(group))


def hits_of(groups: list[list[int]], places: int) -> Hits:
    rows = [(len(group), offset, sum(group)) for group in groups for offset in range(len(group))][:places]
    size, offset, positives = (np.array([column]) for column in zip(*rows, strict=True))
    return Hits.tied(size, offset, positives)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("cut", [1, 2, 3, 5, 9])
def test_metric_equals_its_slow_twin_without_ties(name: str, cut: int) -> None:
    rng = np.random.default_rng(3)
    hits = (rng.random((40, 7)) < 0.35).astype(int)
    positives = hits.sum(axis=1) + rng.integers(1, 4, 40)
    expected = [slow(name, row.tolist(), int(n), cut) for row, n in zip(hits, positives, strict=True)]
    np.testing.assert_allclose(METRICS[name](Hits.plain(hits), positives.astype(float), cut), expected, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("cut", [1, 2, 4, 6])
def test_metric_is_the_mean_over_all_orders_of_ties(name: str, cut: int) -> None:
    for groups in (
        [[0], [1, 0, 0], [1], [0, 1]],
        [[1, 1, 0, 0]],
        [[0, 0], [1, 1, 1], [0, 0]],
        [[1, 1], [0], [1, 0, 1]],
        [[0], [0, 1, 1, 0, 0]],
    ):
        positives = sum(map(sum, groups)) + 1
        fast = METRICS[name](hits_of(groups, cut), np.array([float(positives)]), cut)[0]
        assert fast == pytest.approx(slow_tied(name, groups, positives, cut), abs=1e-12), groups


def test_a_group_with_a_hit_inside_the_list_is_surely_hit() -> None:
    hits = hits_of([[1, 0]], 2)
    assert METRICS["hit_rate"](hits, np.array([1.0]), 2)[0] == 1
    assert METRICS["mrr"](hits, np.array([1.0]), 2)[0] == pytest.approx(0.75)


def test_recall_divides_by_all_positives_not_by_the_cut() -> None:
    hits = Hits.plain(np.ones((1, 2)))
    assert METRICS["recall"](hits, np.array([8.0]), 2)[0] == 0.25


def test_perfect_lists_score_one() -> None:
    hits = Hits.plain(np.array([[1, 1, 1, 0, 0]]))
    for name in ("recall", "ndcg", "map", "mrr", "hit_rate"):
        assert METRICS[name](hits, np.array([3.0]), 5)[0] == pytest.approx(1), name


def test_recall_and_hit_rate_never_fall_with_the_cut() -> None:
    rng = np.random.default_rng(0)
    hits = Hits.plain(rng.random((30, 20)) < 0.2)
    for name in ("recall", "hit_rate", "mrr"):
        values = np.stack([METRICS[name](hits, np.full(30, 25.0), cut) for cut in range(1, 21)])
        assert (np.diff(values, axis=0) >= 0).all()


def test_concentration_of_exposure() -> None:
    even, single = np.full(10, 3), np.array([30] + [0] * 9)
    assert coverage(even) == 1
    assert coverage(single) == 0.1
    assert gini(even) == pytest.approx(0)
    assert gini(single) == pytest.approx(0.9)
    assert gini(np.zeros(4, int)) == coverage(np.zeros(0, int)) == 0
    # the definition: mean absolute difference over twice the mean
    rng = np.random.default_rng(1)
    shown = rng.integers(0, 50, 30)
    assert gini(shown) == pytest.approx(np.abs(shown[:, None] - shown).mean() / (2 * shown.mean()))


def test_popular_share_counts_places_of_the_most_popular_tenth() -> None:
    exposure, popularity = np.arange(20), np.arange(20)[::-1].copy()
    assert popular_share(exposure, popularity) == pytest.approx((0 + 1) / exposure.sum())
    assert popular_share(np.zeros(5, int), np.ones(5, int)) == 0
