"""Choosing weights of levels: recall with ties at their expected value, and the standing that a planted world needs."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.data.space import ItemSpace
from dualnet.data.tasks import RankingTask
from dualnet.ids import IdMap
from dualnet.models.choosing import Scorer, auto_cut, mean_recalls
from dualnet.models.content_cosine import unit_profile, unit_vectors
from dualnet.models.level_choice import CONTENT, NETWORK, Question, choose_standing, choose_weights
from dualnet.models.levels import Levels, LevelWeights

EVERYBODY = ("solved", "network")


def task_of(truth, history=None, seen=None, candidates=None):
    truth = csr_array(np.asarray(truth, np.float32))
    nothing = csr_array(truth.shape, dtype=np.float32)
    history = nothing if history is None else csr_array(np.asarray(history, np.float32))
    return RankingTask(
        "known-all", IdMap([f"u{k}" for k in range(truth.shape[0])]), IdMap([f"i{k}" for k in range(truth.shape[1])]), history,
        history if seen is None else csr_array(np.asarray(seen, np.float32)),
        np.arange(truth.shape[1]) if candidates is None else np.asarray(candidates), truth,
    )  # fmt: skip


def scorer(scores):
    scores = np.asarray(scores, np.float32)
    return Scorer(scores, np.eye(scores.shape[1], dtype=np.float32))


def recall_of(task, scores):
    """Return the mean recall, slowly: over all orders in which equal scores may come."""
    auto = auto_cut(task)
    away = (task.seen + task.history).toarray() > 0
    truth = task.truth.toarray() > 0
    found = []
    for user in np.flatnonzero(truth.any(axis=1)):
        columns = [c for c in range(len(task.candidates)) if not away[user, task.candidates[c]]]
        ranked = []
        for order in itertools.permutations(columns):
            best = sorted(order, key=lambda c: -scores[user, c])
            hits = [[truth[user, task.candidates[c]] for c in best[: max(1, cut)]] for cut in (auto // 2, auto, 2 * auto)]
            ranked.append(np.mean([sum(hit) for hit in hits]) / truth[user, task.candidates].sum())
        found.append(np.mean(ranked))
    return np.mean(found)


def test_ties_count_at_their_expected_value():
    truth = [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0]]
    seen = np.zeros((4, 6))
    seen[0, 1] = seen[3, 0] = 1
    scores = np.array([[1, 5, 1, 0, 1, 0], [1, 2, 3, 4, 5, 6], [2, 2, 2, 2, 2, 2], [9, 1, 0, 0, 1, 0]], float)
    task = task_of(truth, seen=seen)
    found = mean_recalls([task], [(scorer(scores),)], lambda parts: parts, 1)
    assert found[0] == pytest.approx(recall_of(task, scores), abs=1e-6)


def test_the_order_of_the_items_does_not_matter():
    rng = np.random.default_rng(0)
    truth, scores = rng.random((20, 60)) < 0.1, rng.integers(0, 3, (20, 60)).astype(float)
    expected = mean_recalls([task_of(truth)], [(scorer(scores),)], lambda parts: parts, 1)[0]
    assert 0.05 < expected < 0.6
    for _ in range(3):
        order = rng.permutation(60)
        found = mean_recalls([task_of(truth[:, order])], [(scorer(scores[:, order]),)], lambda parts: parts, 1)[0]
        assert found == pytest.approx(expected, abs=1e-9)


def test_only_candidates_compete_and_tasks_count_alike():
    rng = np.random.default_rng(1)
    truth = rng.random((8, 6)) < 0.4
    truth[:, 5] = False
    one, other = task_of(truth, candidates=[0, 1, 2, 3, 4]), task_of(truth[:2])
    scores = rng.integers(0, 3, (8, 6)).astype(float)
    parts = [(scorer(scores[:, :5]),), (scorer(scores[:2]),)]
    expected = (recall_of(one, scores[:, :5]) + recall_of(other, scores[:2])) / 2
    assert mean_recalls([one, other], parts, lambda parts: parts, 1)[0] == pytest.approx(expected, abs=1e-6)


@dataclass(frozen=True, eq=False)
class Fixed:
    """Stands for solved levels or networks whose scores are given."""

    given: np.ndarray
    levels: tuple = (0,)

    def user_vectors(self, history, *_):
        return self.given

    def item_vectors(self, one, other):
        rows = other if isinstance(one, ItemSpace) else np.arange(self.given.shape[1])
        return np.eye(self.given.shape[1], dtype=np.float32)[rows]

    def table(self, space):
        return np.zeros((len(space), 0), np.float32)

    def history_table(self, features, known):
        return np.zeros((len(known), 0), np.float32)


def levels_of(solved=None, network=None, unliked=(), **weights):
    made = [None if given is None else Fixed(np.asarray(given, np.float32)) for given in (solved, network)]
    return Levels(*made, LevelWeights(**weights), IdMap(list(unliked)))


def question(task, features=None, n_known=None):
    n = len(task.items)
    known = np.where(np.arange(n) < (n if n_known is None else n_known), np.arange(n), -1)
    return Question(task, ItemSpace(task.items, known, features), None)


def planted(seed=0):
    """Return a task, and scores that know it in part: solved, network, content."""
    rng = np.random.default_rng(seed)
    truth = rng.random((60, 50)) < 0.12
    history = (rng.random((60, 50)) < 0.1) & ~truth
    solved, network = (truth + rng.normal(0, noise, truth.shape) for noise in (0.7, 0.9))
    features = csr_array((rng.random((50, 8)) < 0.3).astype(np.float32))
    return task_of(truth, history=history), solved, network, features


def test_weights_are_those_that_a_search_by_hand_finds():
    task, solved, network, features = planted()
    asked = question(task, features)
    cosine = (unit_profile(asked.space, csr_array(task.history)) @ unit_vectors(asked.space, task.candidates).T).toarray()

    def best(tried, total):
        recalls = [mean_recalls([task], [(scorer(total(value)),)], lambda parts: parts, 1)[0] for value in tried]
        return tried[int(np.argmax(recalls))]

    first = best(NETWORK, lambda value: solved + value * network)
    pairs = [(weight, scale) for weight in sorted({0.0, first}) for scale in CONTENT]
    _, content = best(pairs, lambda pair: solved + pair[0] * network + pair[1] * cosine)
    second = best(NETWORK, lambda value: solved + value * network + content * cosine)
    found, compared = choose_weights(levels_of(solved, network), [asked], network=None, content=None, reads_content=True)
    assert found == LevelWeights(second, content)
    assert found.network > 0
    recall = [
        mean_recalls([task], [(scorer(solved + weight * network + content * cosine),)], lambda parts: parts, 1)[0]
        for weight in (second, 0)
    ]
    assert (compared.whole, compared.without) == pytest.approx(recall)
    assert compared.gain == pytest.approx(recall[0] - recall[1])
    given, compared = choose_weights(levels_of(solved, network), [asked], network=0.42, content=0.17, reads_content=True)
    assert given == LevelWeights(0.42, 0.17)
    assert compared is None


@pytest.mark.parametrize("seed", range(5))
def test_the_whole_is_never_worse_than_a_part_with_the_content(seed):
    """Also where the networks help alone, and stand in the way of content that helps more: they know it, with noise."""
    rng = np.random.default_rng(seed)
    _, solved, _, features = planted(seed)
    history = rng.random(solved.shape) < 0.15
    asked = question(task_of(np.zeros(solved.shape), history=history), features)
    cosine = (unit_profile(asked.space, csr_array(asked.task.history)) @ unit_vectors(asked.space, np.arange(50)).T).toarray()
    solved = rng.normal(0, 0.5, cosine.shape)
    taste = solved + cosine + rng.normal(0, 0.3, cosine.shape)
    task = task_of((taste > np.quantile(taste, 0.9)) & ~history, history=history)
    network = 8 * cosine + rng.normal(size=cosine.shape)
    found, _ = choose_weights(
        levels_of(solved, network), [question(task, features)], network=None, content=None, reads_content=True
    )

    def recall(weight, scale):
        return mean_recalls([task], [(scorer(solved + weight * network + scale * cosine),)], lambda parts: parts, 1)[0]

    assert recall(found.network, found.content) >= max(recall(0, scale) for scale in CONTENT) - 1e-9


@pytest.mark.parametrize(
    ("there", "expected"), [(("solved",), (0.0, 0.0)), (("network",), (1.0, 0.0)), (EVERYBODY, (None, 0.0))]
)
def test_levels_that_are_not_there_have_no_weight_to_choose(there, expected):
    task, solved, network, _ = planted()
    given = {"solved": solved, "network": network}
    found, _ = choose_weights(
        levels_of(**{name: given[name] for name in there}), [question(task)], network=None, content=None, reads_content=False
    )
    assert found.content == expected[1]
    assert found.network == expected[0] or (expected[0] is None and found.network in NETWORK)


def test_a_network_that_knows_nothing_counts_nothing():
    task, solved, _, _ = planted()
    found, _ = choose_weights(
        levels_of(np.where(task.truth.toarray() > 0, 2, 0) + 0 * solved, np.ones_like(solved)), [question(task)],
        network=None, content=None, reads_content=False,
    )  # fmt: skip
    assert found.network == 0


N, N_KNOWN = 40, 28  # of which the last 12 are new


def standing(known_true, known_false, new_true, new_false, ids=(), **given):
    """Choose where each kind of item has one score; each of 6 users has 2 right known items, and 2 right new ones."""
    truth, scores = np.zeros((6, N)), np.full((6, N), float(known_false))
    scores[:, N_KNOWN:] = new_false
    for user in range(6):
        for rows, right in (((user, user + 10), known_true), ((N_KNOWN + user, N_KNOWN + (user + 3) % 12), new_true)):
            if right is not None:
                truth[user, list(rows)], scores[user, list(rows)] = 1, right
    asked = question(task_of(truth), n_known=N_KNOWN)
    return choose_standing(levels_of(scores, unliked=ids), [asked], **{"new": None, "unliked": None, **given})


NEW_IDS = [f"i{k}" for k in range(N_KNOWN, N)]


def test_new_items_that_are_never_right_step_back():
    assert standing(1.0, 0.1, None, 1.2) == LevelWeights(new=0.8)
    assert standing(1.0, 0.1, None, 1.2, ids=NEW_IDS) == LevelWeights(unliked=0.8)


def test_new_items_that_drown_step_forward():
    assert standing(None, 1.0, 0.6, 0.1) == LevelWeights(new=1.8)
    assert standing(None, 1.0, 0.6, 0.1, ids=NEW_IDS) == LevelWeights(unliked=1.8)


def test_the_two_kinds_of_new_items_are_weighed_apart():
    # only the even ones are unliked, and only the others are ever right
    truth, scores = np.zeros((6, N)), np.full((6, N), 1.0)
    scores[:, N_KNOWN:] = 0.6
    scores[:, N_KNOWN::2] = 2.5
    truth[:, N_KNOWN + 1 :: 2] = 1
    asked = question(task_of(truth), n_known=N_KNOWN)
    found = choose_standing(levels_of(scores, unliked=NEW_IDS[::2]), [asked], new=None, unliked=None)
    assert found.new == 1.8
    assert found.unliked < 0.5


def test_where_nothing_depends_on_it_the_scale_is_one():
    assert standing(3.0, 0.1, None, 0.1) == LevelWeights()
    assert standing(1.0, 0.1, None, 0.2, new=0.3, unliked=0.4) == LevelWeights(new=0.3, unliked=0.4)
    task, solved, _, _ = planted()
    assert choose_standing(levels_of(solved), [question(task)], new=None, unliked=None) == LevelWeights()
    assert choose_standing(levels_of(solved), [], new=None, unliked=None) == LevelWeights()


def test_the_chosen_scale_is_what_the_vectors_have():
    space = question(task_of(np.eye(N)), n_known=N_KNOWN).space
    weights = LevelWeights(new=0.5, unliked=0.25)
    levels = Levels(Fixed(np.eye(N, dtype=np.float32)), None, weights, IdMap(NEW_IDS[::2]))
    rows = np.array([30, 3, 29, 28])
    np.testing.assert_array_equal(levels.scale(space, rows), np.float32([0.25, 1, 0.5, 0.25]))
    np.testing.assert_array_equal(levels.item_vectors(space, rows).sum(axis=1), np.float32([0.25, 1, 0.5, 0.25]))
    assert levels.scale(space, np.array([1, 2])) is None
