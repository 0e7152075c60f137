"""The approximate index: measured against the exact search, refused where it falls short."""

import numpy as np
import pytest

from dualnet.errors import CapabilityError, UsageError
from dualnet.retrieval.hnsw import HnswIndex
from dualnet.retrieval.topk import top_k

pytest.importorskip("usearch", reason="usearch is not installed (extra 'ann')")


def vectors(n: int, seed: int, width: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(12, width))
    return (centres[rng.integers(12, size=n)] + 0.5 * rng.normal(size=(n, width))).astype(np.float32)


def test_it_finds_nearly_all_of_the_exact_best_with_exact_scores():
    items, users = vectors(3000, 1), vectors(200, 2)
    index = HnswIndex.build(items, users[:100], k=20)
    assert index.recall >= 0.95
    others, exact = index.search(users[100:], 20), top_k(users[100:], items, 20)
    shared = np.mean([len(np.intersect1d(a, b)) / 20 for a, b in zip(others.rows, exact.rows, strict=True)])
    assert shared > 0.9
    np.testing.assert_allclose(others.scores, np.take_along_axis(users[100:] @ items.T, others.rows, 1), rtol=1e-4, atol=1e-4)
    assert (np.diff(others.scores, axis=1) <= 0).all()


def test_a_poor_index_is_refused():
    with pytest.raises(CapabilityError, match="use the exact search"):
        HnswIndex.build(vectors(500, 1), vectors(20, 2), k=10, least_recall=1.01)


def test_lists_longer_than_the_catalogue_are_clipped():
    items, users = vectors(7, 1), vectors(3, 2)
    found = HnswIndex.build(items, users, k=50).search(users, 50)
    np.testing.assert_array_equal(found.rows, top_k(users, items, 50).rows)


def test_nothing_to_measure_with():
    with pytest.raises(UsageError, match="0 users"):
        HnswIndex.build(vectors(7, 1), vectors(0, 2))
