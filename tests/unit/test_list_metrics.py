"""Diversity, novelty and coverage of lists, against their definitions written out."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import csr_array

import dualnet
from dualnet.metrics import coverage, coverage_interval, intra_list_diversity, novelty
from dualnet.retrieval.vectors import JoinedVectors


class Vectors:
    """A model with given vectors of some kind."""

    name = "given"

    def __init__(self, users, items, kind):
        self.users, self.items, self.kind = users, items, kind

    def made(self, values):
        if self.kind == "joined":
            return JoinedVectors(values[:, :2], csr_array(values[:, 2:]))
        return csr_array(values) if self.kind == "sparse" else values

    def space(self, items, content):
        return items

    def scorable(self, space):
        return np.ones(len(space), bool)

    def encode_items(self, space, rows):
        return self.made(self.items[rows])

    def encode_users(self, history, space, columns):
        return self.made(self.users)


@pytest.mark.parametrize("kind", ["dense", "sparse", "joined"])
def test_the_first_items_of_a_list_are_compared_pair_by_pair(kind):
    split = dualnet.splits.citeulike2(dualnet.synthetic.blocks_world())
    task = split.tasks[0]
    rng = np.random.default_rng(0)
    users = rng.normal(size=(len(task.users), 5)).astype(np.float32)
    items = rng.normal(size=(len(task.items), 5)).astype(np.float32)
    report = dualnet.evaluate(Vectors(users, items, kind), task, at=(3, 8), bootstrap=20)
    result = report.results[0]
    assert "diversity@8" not in result.per_user
    rows = task.users.find(dualnet.IdMap(result.user_ids))
    counts = np.bincount(task.history.indices, minlength=len(task.items))
    for at, row in enumerate(rows):
        scores = users[row] @ items.T
        scores[(task.seen + task.history)[[row]].indices] = -np.inf
        scores[~np.isin(np.arange(len(items)), task.candidates)] = -np.inf
        best = np.argsort(-scores, kind="stable")
        unit = items[best[:3]] / np.linalg.norm(items[best[:3]], axis=1, keepdims=True)
        assert result.per_user["diversity@3"][at] == pytest.approx(
            np.mean([1 - unit[a] @ unit[b] for a, b in combinations(range(3), 2)]), abs=1e-5
        )
        for cut in (3, 8):
            bits = [-np.log2((counts[item] + 1) / (len(task.users) + 1)) for item in best[:cut]]
            assert result.per_user[f"novelty@{cut}"][at] == pytest.approx(np.mean(bits))
    told = result.metrics()
    assert all("ci95" in told[name] for name in ("diversity@3", "novelty@3", "novelty@8", "coverage@3", "coverage@8"))
    assert f"of the first 3 places: diversity {told['diversity@3']['mean']:.3f} (" in str(report)
    assert " bits, coverage " in str(report)
    low, high = told["coverage@3"]["ci95"]
    assert low <= told["coverage@3"]["mean"] <= high


def test_lists_of_one_item_and_of_none_have_no_pairs():
    assert intra_list_diversity(np.array([1.0, 0.0, 4.0]), np.array([1, 0, 2])).tolist() == [0, 0, 0]
    assert novelty(np.array([0, 3]), 3).tolist() == [2, 0]


@pytest.mark.parametrize("size", [5, 20])
def test_nineteen_of_twenty_intervals_hold_the_coverage_that_is_expected(size):
    rng = np.random.default_rng(1)
    weights = 1 / np.arange(1, 301)
    weights /= weights.sum()
    samples = [
        np.bincount(np.concatenate([rng.choice(300, size, replace=False, p=weights) for _ in range(60)]), minlength=300)
        for _ in range(200)
    ]
    expected = np.mean([coverage(exposure) for exposure in samples])
    intervals = [coverage_interval(exposure, 60) for exposure in samples]
    assert all(low <= coverage(exposure) <= high for (low, high), exposure in zip(intervals, samples, strict=True))
    assert np.mean([low <= expected <= high for low, high in intervals]) > 0.9
    assert coverage_interval(np.zeros(4, np.int64), 5) == (0, 0)
    assert coverage_interval(np.array([1, 0]), 1) == (0.5, 0.5)
