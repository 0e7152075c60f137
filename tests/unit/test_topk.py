"""Top-k without a full sort equals a full sort, whatever the ties, the block and the kind of vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet.errors import DataError, UsageError
from dualnet.retrieval import topk
from dualnet.retrieval.topk import EXCLUDED, UNSCORABLE, best_of, inner_products, score_blocks, top_k


def full_sort(scores: np.ndarray, k: int) -> np.ndarray:
    return np.lexsort((np.broadcast_to(np.arange(scores.shape[1]), scores.shape), -scores), axis=1)[:, :k]


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("k", [1, 7, 29, 30])
def test_best_of_equals_a_full_stable_sort(levels: int, k: int) -> None:
    scores = np.random.default_rng(levels).integers(0, levels, (50, 30)).astype(np.float32)
    best = best_of(scores, k)
    np.testing.assert_array_equal(best.columns, full_sort(scores, k))
    np.testing.assert_array_equal(best.scores, np.take_along_axis(scores, best.columns, axis=1))
    np.testing.assert_array_equal(best.cut_group, (scores == best.scores[:, -1:]).sum(axis=1))


@given(
    seed=st.integers(0, 9999), n=st.integers(1, 6), m=st.integers(1, 20), k=st.integers(1, 25),
    levels=st.sampled_from([2, 4, 1000]), block=st.integers(1, 7),
)  # fmt: skip
def test_top_k_equals_a_full_sort(seed, n, m, k, levels, block):
    rng = np.random.default_rng(seed)
    users = rng.integers(levels, size=(n, 3)).astype(np.float32)
    items = rng.integers(levels, size=(m, 3)).astype(np.float32)
    exclude = csr_array(rng.random((n, m)) < 0.3)
    scorable = rng.random(m) < 0.8
    for left, right in (
        (users, items),
        (csr_array(users), items),
        (users, csr_array(items)),
        (csr_array(users), csr_array(items)),
    ):
        found = top_k(left, right, k, exclude=exclude, scorable=scorable, block=block)
        assert found.rows.shape == (n, min(k, m))
        for user in range(n):
            allowed = [j for j in range(m) if scorable[j] and not exclude.toarray()[user, j]]
            expected = sorted(allowed, key=lambda j: (-float(users[user] @ items[j]), j))[:k]
            rows = found.rows[user]
            assert rows[rows >= 0].tolist() == expected
            assert (found.scores[user][rows < 0] == EXCLUDED).all()


def test_all_equal_scores_come_in_catalogue_order() -> None:
    best = best_of(np.zeros((3, 10), np.float32), 4)
    np.testing.assert_array_equal(best.columns, [[0, 1, 2, 3]] * 3)
    np.testing.assert_array_equal(best.cut_group, [10] * 3)


def sparse(matrix: np.ndarray) -> csr_array:
    return csr_array(np.where(np.abs(matrix) < 0.8, 0, matrix).astype(np.float32))


@pytest.mark.parametrize("users_sparse", [False, True])
@pytest.mark.parametrize("items_sparse", [False, True])
def test_sparse_and_dense_vectors_give_the_same_scores(users_sparse: bool, items_sparse: bool) -> None:
    rng = np.random.default_rng(0)
    users, items = sparse(rng.normal(size=(9, 6))), sparse(rng.normal(size=(13, 6)))
    expected = users.toarray() @ items.toarray().T
    got = inner_products(users if users_sparse else users.toarray(), items if items_sparse else items.toarray())
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("block", [1, 63, 64, 65, 1000])
def test_scores_do_not_depend_on_the_block_by_a_single_bit(block: int) -> None:
    rng = np.random.default_rng(1)
    users, items = rng.normal(size=(150, 33)).astype(np.float32), rng.normal(size=(70, 33)).astype(np.float32)
    whole = np.concatenate([scores for _, scores in score_blocks(users, items)])
    parts = np.concatenate([scores for _, scores in score_blocks(users, items, block=block)])
    np.testing.assert_array_equal(whole, parts)


def test_blocks_stay_within_the_memory_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topk, "BLOCK_BYTES", 4 * 70 * 10)
    users, items = np.ones((25, 3), np.float32), np.ones((70, 3), np.float32)
    sizes = [len(scores) for _, scores in score_blocks(users, items)]
    assert sizes == [10, 10, 5]


def test_excluded_items_are_not_listed_and_lists_are_padded_with_minus_one() -> None:
    exclude = csr_array(np.array([[1, 0, 1], [0, 0, 0]], np.float32))
    found = top_k(np.ones((2, 1), np.float32), np.array([[1], [2], [3]], np.float32), 5, exclude=exclude)
    np.testing.assert_array_equal(found.rows, [[1, -1, -1], [2, 1, 0]])
    assert np.isneginf(found.scores[0, 1:]).all()


def test_items_without_a_score_are_not_listed() -> None:
    found = top_k(np.ones((1, 1), np.float32), np.array([[1], [2], [3]], np.float32), 3, scorable=np.array([True, False, True]))
    np.testing.assert_array_equal(found.rows, [[2, 0, -1]])
    (_, scores), *_ = score_blocks(np.ones((1, 1), np.float32), np.ones((2, 1), np.float32), scorable=np.array([True, False]))
    assert scores[0, 1] == UNSCORABLE


def test_nothing_to_list() -> None:
    assert top_k(np.ones((2, 1), np.float32), np.ones((0, 1), np.float32), 3).rows.shape == (2, 0)
    assert top_k(np.ones((0, 1), np.float32), np.ones((4, 1), np.float32), 3).rows.shape == (0, 3)


def test_scores_that_are_not_numbers_and_odd_blocks_are_refused() -> None:
    with pytest.raises(DataError, match="not numbers"):
        top_k(np.full((1, 1), np.nan, np.float32), np.ones((2, 1), np.float32), 1)
    with pytest.raises(UsageError, match="block=0"):
        top_k(np.ones((1, 1), np.float32), np.ones((2, 1), np.float32), 1, block=0)
