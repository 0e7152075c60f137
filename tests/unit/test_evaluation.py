"""Evaluation against a slow twin: masks, ties at their expected value, unscorable candidates last, blocks without effect."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.data.space import ItemSpace
from dualnet.data.tasks import RankingTask
from dualnet.errors import DataError, UsageError
from dualnet.evaluation import bootstrap_intervals, evaluate, quick_recall
from dualnet.ids import IdMap
from dualnet.metrics import METRICS, Hits


class Fixed:
    """A model with given vectors."""

    def __init__(self, users, items, scorable=None):
        self.users, self.items = users, items
        self.mask = np.ones(items.shape[0], bool) if scorable is None else scorable

    def space(self, ids, content):
        return ItemSpace(ids, np.arange(len(ids)))

    def scorable(self, space):
        return self.mask

    def encode_items(self, space, rows=None):
        return self.items if rows is None else self.items[rows]

    def encode_users(self, history, space, user_content=None):
        return self.users


def make_task(history, truth, candidates=None, seen=None, name="known-known"):
    history, truth = np.array(history), np.array(truth)
    n_users, n_items = truth.shape
    seen = history if seen is None else np.array(seen)
    return RankingTask(
        name, IdMap([f"u{k}" for k in range(n_users)]), IdMap([f"i{k}" for k in range(n_items)]),
        csr_array(history.astype(np.float32)), csr_array(seen.astype(np.float32)),
        np.arange(n_items) if candidates is None else np.array(candidates), csr_array(truth.astype(np.float32)),
    )  # fmt: skip


def expected_recall(scores, truth, allowed, cut):
    """Average over every order of tied items (small lists only)."""
    items = [j for j in range(len(scores)) if allowed[j]]
    values = []
    for order in itertools.permutations(items):
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order)):
            values.append(sum(truth[j] for j in order[:cut]) / sum(truth))
    return np.mean(values)


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_ties_count_at_their_expected_value(cut):
    scores = np.array([[3.0, 1, 1, 1, 0], [2, 2, 2, 2, 2], [0, 1, 0, 1, 0]])
    truth = np.array([[0, 1, 1, 0, 0], [1, 0, 0, 0, 1], [0, 0, 1, 1, 1]])
    history = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    task = make_task(history, truth)
    report = evaluate(Fixed(scores.astype(np.float32), np.eye(5, dtype=np.float32)), task, at=(cut,), bootstrap=0)
    wanted = [expected_recall(scores[u], truth[u], 1 - history[u], cut) for u in range(3)]
    np.testing.assert_allclose(report["known-known"].per_user[f"recall@{cut}"], wanted, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_its_mean_over_all_orders_of_ties(name):
    scores = np.array([2.0, 1, 1, 0, 0, 0])
    truth = np.array([0, 1, 0, 1, 0, 1])
    order_values = []
    for order in itertools.permutations(range(6)):
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order)):
            order_values.append(METRICS[name](Hits.plain(truth[list(order)][None]), np.array([3.0]), 5)[0])
    model = Fixed(scores[None].astype(np.float32), np.eye(6, dtype=np.float32))
    result = evaluate(model, make_task(np.zeros((1, 6)), truth[None]), at=(5,), bootstrap=0)["known-known"]
    assert result.mean(f"{name}@5") == pytest.approx(np.mean(order_values))


def test_unscorable_candidates_come_last_and_tie():
    users = np.array([[5.0, 4, 3, 2]], np.float32)
    scorable = np.array([True, False, True, False])
    task = make_task([[0, 0, 0, 0]], [[0, 1, 1, 0]])
    result = evaluate(Fixed(users, np.eye(4, dtype=np.float32), scorable), task, at=(2, 3), bootstrap=0)["known-known"]
    assert result.mean("recall@2") == pytest.approx(0.5)  # the scorable positive, second
    assert result.mean("recall@3") == pytest.approx(0.75)  # then one of two tied unscorable ones
    assert result.unscorable_items == 2


def test_block_size_changes_no_figure():
    rng = np.random.default_rng(0)
    truth = rng.random((40, 60)) < 0.1
    history = (rng.random((40, 60)) < 0.2) & ~truth
    model = Fixed(rng.normal(size=(40, 7)).astype(np.float32), rng.normal(size=(60, 7)).astype(np.float32))
    reports = [evaluate(model, make_task(history, truth), at=(3, 10, 100), bootstrap=0, block=block) for block in (1, 7, 64)]
    for other in reports[1:]:  # not by rounding even: products go through tiles of a fixed size
        assert other["known-known"].metrics() == reports[0]["known-known"].metrics()
        for name, values in reports[0]["known-known"].per_user.items():
            np.testing.assert_array_equal(other["known-known"].per_user[name], values)
    quick = quick_recall(model.users, model.items, make_task(history, truth), (3, 10))
    assert quick[10].half_width > 0
    assert quick[10].mean == pytest.approx(reports[0]["known-known"].mean("recall@10"))


def test_seen_pairs_are_not_candidates_and_users_without_truth_are_skipped():
    task = make_task([[1, 0, 0], [1, 0, 0]], [[0, 1, 0], [0, 0, 0]], seen=[[1, 0, 1], [1, 0, 0]])
    model = Fixed(np.array([[9.0, 1, 5]] * 2, np.float32), np.eye(3, dtype=np.float32))
    result = evaluate(model, task, at=(1,), bootstrap=50)["known-known"]
    assert (result.n_users, result.skipped_users) == (1, 1)
    assert result.mean("recall@1") == 1.0
    assert result.user_ids == ["u0"]


def test_nothing_scorable_is_not_available():
    model = Fixed(np.ones((1, 2), np.float32), np.eye(2, dtype=np.float32), np.zeros(2, bool))
    result = evaluate(model, make_task([[0, 0]], [[0, 1]], name="known-new"), at=(1,))["known-new"]
    assert result.metrics() == {}
    assert "did not see in training" in result.reason


def test_new_items_among_all_candidates_are_not_available_to_a_model_that_cannot_score_them():
    # the known candidates can be scored, but no held-out pair could ever be found by merit
    model = Fixed(np.ones((1, 3), np.float32), np.eye(3, dtype=np.float32), np.array([True, True, False]))
    result = evaluate(model, make_task([[1, 0, 0]], [[0, 0, 1]], name="known-new"), at=(1,))["known-new"]
    assert "items that it did not see" in result.reason
    assert "n/a" in str(evaluate(model, make_task([[1, 0, 0]], [[0, 0, 1]], name="known-new"), at=(1,)))


def test_new_users_are_not_available_to_a_model_that_cannot_serve_them():
    class OnlyStored(Fixed):
        capabilities = SimpleNamespace(new_users=False)

    model = OnlyStored(np.ones((1, 2), np.float32), np.eye(2, dtype=np.float32))
    task = make_task([[1, 0]], [[0, 1]], name="new-known")
    assert "users that it did not see" in evaluate(model, task, at=(1,))["new-known"].reason
    assert evaluate(Fixed(model.users, model.items), task, at=(1,), bootstrap=0)["new-known"].reason is None


def test_visible_history_is_never_ranked_even_where_the_task_forgot_to_mark_it_as_seen():
    task = make_task([[1, 0, 0]], [[0, 1, 0]], seen=[[0, 0, 0]])
    model = Fixed(np.array([[9.0, 5, 1]], np.float32), np.eye(3, dtype=np.float32))
    assert evaluate(model, task, at=(1,), bootstrap=0)["known-known"].mean("recall@1") == 1


def test_sparse_vectors_give_the_figures_of_dense_ones():
    rng = np.random.default_rng(5)
    truth = rng.random((30, 25)) < 0.2
    users = np.where(rng.random((30, 9)) < 0.5, 0, rng.integers(1, 4, (30, 9))).astype(np.float32)
    items = np.where(rng.random((25, 9)) < 0.5, 0, rng.integers(1, 4, (25, 9))).astype(np.float32)
    task = make_task(np.zeros((30, 25)), truth)
    dense = evaluate(Fixed(users, items), task, at=(3, 5))["known-known"]
    sparse = evaluate(Fixed(csr_array(users), csr_array(items)), task, at=(3, 5))["known-known"]
    figures, others = dense.metrics(), sparse.metrics()
    assert figures.pop("diversity@3")["mean"] == pytest.approx(others.pop("diversity@3")["mean"], abs=1e-6)  # sums round
    assert figures == others


def test_candidates_alone_are_ranked_and_exposed():
    task = make_task([[0, 0, 0, 0]], [[1, 0, 1, 0]], candidates=[1, 2, 3])
    model = Fixed(np.array([[9.0, 3, 2, 1]], np.float32), np.eye(4, dtype=np.float32))
    result = evaluate(model, task, at=(1, 2), bootstrap=0)["known-known"]
    assert result.mean("recall@1") == 0  # the held-out item outside the candidates counts neither way
    assert result.mean("recall@2") == 1
    assert result.mean("coverage@2") == pytest.approx(2 / 3)


def test_lists_shorter_than_the_cut():
    task = make_task([[1, 0, 0]], [[0, 1, 0]])
    model = Fixed(np.array([[9.0, 1, 2]], np.float32), np.eye(3, dtype=np.float32))
    result = evaluate(model, task, at=(2, 50), bootstrap=0)["known-known"]
    assert result.mean("recall@50") == 1
    assert result.mean("precision@50") == pytest.approx(1 / 50)
    assert result.mean("coverage@50") == pytest.approx(2 / 3)  # the seen item is never shown


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(100):
        low, high = bootstrap_intervals({"x": rng.random(80)}, 300, seed)["x"]
        inside += low <= 0.5 <= high
    assert 85 <= inside <= 100
    assert bootstrap_intervals({"x": rng.random(5)}, 0) == {}


def test_report_speaks_json_and_people():
    rng = np.random.default_rng(3)
    truth = rng.random((20, 15)) < 0.2
    model = Fixed(rng.normal(size=(20, 4)).astype(np.float32), rng.normal(size=(15, 4)).astype(np.float32))
    report = evaluate(model, make_task(np.zeros((20, 15)), truth), at=(2, 5), bootstrap=100)
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    figure = record["tasks"][0]["metrics"]["recall@5"]
    assert figure["ci95"][0] <= figure["mean"] <= figure["ci95"][1]
    assert "all held-out positives" in record["protocol"]
    assert f"{figure['mean']:.3f}" in str(report)
    with pytest.raises(UsageError, match="no task 'new-new'"):
        report["new-new"]
    with pytest.raises(UsageError, match="no figure 'recall@7'"):
        report["known-known"].mean("recall@7")


def test_intervals_are_reproducible_and_hold_the_mean():
    rng = np.random.default_rng(1)
    truth = rng.random((50, 30)) < 0.1
    model = Fixed(rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(30, 4)).astype(np.float32))
    task = make_task(np.zeros((50, 30)), truth)
    first, second = (evaluate(model, task, at=(5,), seed=3)["known-known"] for _ in range(2))
    low, high = first.intervals["recall@5"]
    assert first.intervals == second.intervals
    assert low < first.mean("recall@5") < high


def test_breakdowns_add_up():
    rng = np.random.default_rng(2)
    truth = rng.random((30, 40)) < 0.15
    history = (rng.random((30, 40)) < 0.2) & ~truth
    model = Fixed(rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(40, 4)).astype(np.float32))
    result = evaluate(model, make_task(history, truth), at=(5,), bootstrap=0)["known-known"]
    weighted = sum(row["n"] * row["mean"] for row in result.by_history) / sum(row["n"] for row in result.by_history)
    assert weighted == pytest.approx(result.mean("recall@5"))
    pooled = sum(row["n"] * row["mean"] for row in result.by_popularity)
    per_user = result.per_user["recall@5"] * np.diff(make_task(history, truth).truth.indptr)[np.flatnonzero(truth.any(axis=1))]
    assert pooled == pytest.approx(per_user.sum())


def test_bad_input():
    task = make_task([[0, 0]], [[0, 1]])
    with pytest.raises(UsageError, match=r"at least 1, such as at=\(10, 50\), got 0"):
        evaluate(Fixed(np.ones((1, 2)), np.eye(2)), task, at=(0,))
    with pytest.raises(DataError, match="scores that are not numbers"):
        evaluate(Fixed(np.full((1, 2), np.nan, np.float32), np.eye(2, dtype=np.float32)), task, at=(1,))
    with pytest.raises(DataError, match="the answer is in the question"):
        make_task([[0, 1]], [[0, 1]])
