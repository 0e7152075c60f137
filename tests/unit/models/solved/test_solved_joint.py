"""The user's side of the solved levels: equal to the dense exact solution, for whatever history."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.data.featurizers.base import unit_rows
from dualnet.errors import TrainingError
from dualnet.models.solved import joint as joint_module
from dualnet.models.solved.content import WordsAndVectors
from dualnet.models.solved.joint import FEW_FEATURES, JointSolution
from dualnet.models.solved.ridge import ContentAxes
from dualnet.retrieval.topk import inner_products
from dualnet.retrieval.vectors import JoinedVectors

B, L, SCALE, WIDTH = 0.1, 0.7, 0.8, 4
N_OLD, N_NEW = 30, 6
HISTORIES = [[5, 2, 31], [], [0], [33, 34], list(range(29, 3, -2)), [7, 8, 9, 10, 35]]


def world(n_features, *, dense=False, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.normal(0, 0.5, (N_OLD + N_NEW, WIDTH)).astype(np.float32)
    content = rng.normal(size=(N_OLD + N_NEW, n_features)) if dense else rng.random((N_OLD + N_NEW, n_features))
    if not dense:
        content[3] = 1  # an item without a word
        content = csr_array(np.where(content < 12 / n_features, content * n_features, 0) * (content < 1))
    return factors, unit_rows(content.astype(np.float32))


def histories(rows=HISTORIES):
    bounds = np.cumsum([0, *map(len, rows)])
    return csr_array(
        (np.ones(bounds[-1], np.float32), np.concatenate(rows).astype(np.int32), bounds), shape=(len(rows), N_OLD + N_NEW)
    )


def exact(items, base, rows=HISTORIES, new_from=N_OLD):
    """Solve (base + sum over the history of extra w w') u = W'1 for each history, in float64; return the scores."""
    found = []
    for row in rows:
        extra = np.where(np.array(row, int) < new_from, 1 - B, 1.0)
        taken = items[row]
        found.append(np.linalg.solve(base + taken.T @ (extra[:, None] * taken), taken.sum(axis=0)))
    return np.array(found) @ items.T


def scores_of(joint, factors, content, history, is_new=None):
    vectors = joint.item_vectors(factors, content)
    is_new = np.arange(N_OLD + N_NEW) >= N_OLD if is_new is None else is_new
    return inner_products(joint.user_vectors(history, vectors, is_new), vectors)


def beside(factors, content, scale=SCALE):
    content = content.toarray() if hasattr(content, "toarray") else content
    return np.hstack([factors, scale * content]).astype(np.float64)


@pytest.mark.parametrize("n_features", [1, 9, FEW_FEATURES])
@pytest.mark.parametrize("dense", [False, True])
def test_with_few_features_it_is_the_exact_solution(n_features, dense):
    factors, content = world(n_features, dense=dense)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], None, SCALE, B, L)
    items = beside(factors, content)
    base = B * items[:N_OLD].T @ items[:N_OLD] + L * np.eye(items.shape[1])
    np.testing.assert_allclose(scores_of(joint, factors, content, histories()), exact(items, base), atol=2e-5)


@pytest.mark.parametrize("count", [5, 36])
def test_with_many_sparse_features_zeros_count_along_the_axes_alone(count):
    n_features = FEW_FEATURES + 100
    factors, content = world(n_features)
    axes = ContentAxes.of(content[:N_OLD], count, 0)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], axes, SCALE, B, L)
    assert isinstance(joint.item_vectors(factors, content), JoinedVectors)
    items, q = beside(factors, content), axes.directions.astype(np.float64)
    old = np.hstack([factors[:N_OLD], SCALE * content[:N_OLD].toarray() @ q])
    along = np.linalg.inv(B * old.T @ old + L * np.eye(old.shape[1]))
    lift = np.zeros((WIDTH + n_features, WIDTH + q.shape[1]))
    lift[:WIDTH, :WIDTH], lift[WIDTH:, WIDTH:] = np.eye(WIDTH), q
    inverse = lift @ along @ lift.T
    inverse[WIDTH:, WIDTH:] += (np.eye(n_features) - q @ q.T) / L
    base = np.linalg.inv(inverse)
    found = scores_of(joint, factors, content, histories())
    np.testing.assert_allclose(found, exact(items, base), atol=3e-5)
    if count == 36:  # all axes there are: nothing is left out
        whole = B * items[:N_OLD].T @ items[:N_OLD] + L * np.eye(items.shape[1])
        np.testing.assert_allclose(found, exact(items, whole), atol=3e-5)


def test_vectors_beside_words_count_whole():
    """With all axes of the words the solution is the exact one over factors, words and vectors side by side."""
    n_features = FEW_FEATURES + 100
    factors, words = world(n_features)
    columns = np.array([1, 5, 600])
    vectors = unit_rows(np.random.default_rng(4).normal(size=(N_OLD + N_NEW, 3)).astype(np.float32))
    words = csr_array(words.multiply(~np.isin(np.arange(n_features), columns)[None, :]))
    content = WordsAndVectors(words, vectors, columns)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], ContentAxes.of(words[:N_OLD], 36, 0), SCALE, B, L)
    items = np.hstack([beside(factors, words), SCALE * vectors.astype(np.float64)])
    whole = B * items[:N_OLD].T @ items[:N_OLD] + L * np.eye(items.shape[1])
    np.testing.assert_allclose(scores_of(joint, factors, content, histories()), exact(items, whole), atol=3e-5)


def test_many_dense_features_count_along_the_axes():
    factors, content = world(FEW_FEATURES + 50, dense=True)
    axes = ContentAxes.of(content[:N_OLD], 7, 0)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], axes, SCALE, B, L)
    items = beside(factors, content @ axes.directions)
    base = B * items[:N_OLD].T @ items[:N_OLD] + L * np.eye(items.shape[1])
    np.testing.assert_allclose(scores_of(joint, factors, content, histories()), exact(items, base), atol=2e-5)


@pytest.mark.parametrize("content", [None, "unread"])
def test_without_content_it_is_the_half_step_of_the_factors(content):
    factors, there = world(9)
    there = None if content is None else there
    joint = JointSolution.of(factors[:N_OLD], None if there is None else there[:N_OLD], None, 0.0, B, L)
    assert not joint.reads_content
    items = factors.astype(np.float64)
    base = B * items[:N_OLD].T @ items[:N_OLD] + L * np.eye(WIDTH)
    np.testing.assert_allclose(scores_of(joint, factors, there, histories()), exact(items, base), atol=2e-5)


def test_a_new_item_of_a_history_replaces_no_zero():
    factors, content = world(9)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], None, SCALE, B, L)
    items = beside(factors, content)
    base = B * items[:N_OLD].T @ items[:N_OLD] + L * np.eye(items.shape[1])
    rows = [[31, 32]]
    right, wrong = exact(items, base, rows), exact(items, base, rows, new_from=N_OLD + N_NEW)
    assert np.abs(right - wrong).max() > 1e-3
    np.testing.assert_allclose(scores_of(joint, factors, content, histories(rows)), right, atol=2e-5)


@pytest.mark.parametrize("n_features", [9, FEW_FEATURES + 100])
def test_neither_the_order_of_a_history_nor_who_else_asks_matters(n_features):
    factors, content = world(n_features)
    axes = ContentAxes.of(content[:N_OLD], 8, 0)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], axes, SCALE, B, L)
    together = scores_of(joint, factors, content, histories())
    assert not together[1].any()  # nobody knows anything of an empty history
    for place, row in enumerate(HISTORIES):
        backwards = histories([row[::-1]])
        np.testing.assert_allclose(scores_of(joint, factors, content, backwards)[0], together[place], atol=1e-5)


def test_no_history_at_all_is_answered():
    factors, content = world(FEW_FEATURES + 100)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], ContentAxes.of(content[:N_OLD], 8, 0), SCALE, B, L)
    assert not scores_of(joint, factors, content, csr_array((2, N_OLD + N_NEW), dtype=np.float32)).any()


@pytest.mark.parametrize("n_features", [9, FEW_FEATURES + 100])
def test_the_split_by_item_sums_to_the_score_in_the_order_of_the_history(n_features):
    factors, content = world(n_features)
    axes = ContentAxes.of(content[:N_OLD], 8, 0)
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], axes, SCALE, B, L)
    vectors, is_new = joint.item_vectors(factors, content), np.arange(N_OLD + N_NEW) >= N_OLD
    history = histories([[31, 2, 8]])
    dense, sparse = joint.split(history, vectors, is_new)
    items = beside(factors, content if joint.axes is None else content @ joint.axes)
    parts = items @ dense.T
    if sparse is not None:
        parts = parts + (content @ sparse.T).toarray()
    np.testing.assert_allclose(parts.sum(axis=1), scores_of(joint, factors, content, history)[0], atol=2e-5)
    y = joint.weights(history, vectors, is_new)
    kernel = inner_products(joint.user_vectors(histories([[31]]), vectors, is_new), vectors)[0]
    alone = joint.weights(histories([[31]]), vectors, is_new)[0]
    np.testing.assert_allclose(parts[:, 0], kernel * (y[0] / alone), atol=2e-5)


@pytest.mark.parametrize("n_features", [9, FEW_FEATURES + 40])
def test_long_histories_and_one_history_alone_have_the_same_solution(n_features, monkeypatch):
    factors, content = world(n_features)
    axes = ContentAxes.of(content[:N_OLD], 5, 0) if n_features > FEW_FEATURES else None
    joint = JointSolution.of(factors[:N_OLD], content[:N_OLD], axes, SCALE, B, L)
    together = scores_of(joint, factors, content, histories())
    alone = np.vstack([scores_of(joint, factors, content, histories([row])) for row in HISTORIES])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    monkeypatch.setattr(joint_module, "LONG_HISTORY", 2)
    monkeypatch.setattr(JointSolution, "_descend", counted := Counted(JointSolution._descend))
    np.testing.assert_allclose(scores_of(joint, factors, content, histories()), together, atol=1e-5)
    assert counted.calls == 3


class Counted:
    """A method that counts its calls."""

    def __init__(self, method):
        self.method, self.calls = method, 0

    def __get__(self, owner, kind):
        def call(*given):
            self.calls += 1
            return self.method(owner, *given)

        return call


@pytest.mark.parametrize(("regularization", "scale"), [(1e-300, 0.0), (1e-300, SCALE), (1e-45, SCALE), (1e-36, 100.0)])
@pytest.mark.parametrize("n_features", [9, FEW_FEATURES + 50])
def test_a_penalty_too_close_to_zero_is_told(regularization, scale, n_features):
    """Not `LinAlgError: Singular matrix`, nor scores that are not numbers."""
    factors, content = world(n_features)
    factors[:, 1] = factors[:, 0]
    axes = ContentAxes.of(content[:N_OLD], 5, 0)
    with pytest.raises(TrainingError, match="penalty \\(regularization\\) is too close to 0"):
        JointSolution.of(factors[:N_OLD], content[:N_OLD], axes, scale, B, regularization)
