"""Vectors of every kind give the same scores, lengths and lists."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.errors import DataError
from dualnet.retrieval.topk import inner_products, score_blocks, top_k
from dualnet.retrieval.vectors import JoinedVectors, join, largest, norms, to_dense, to_sparse

RNG = np.random.default_rng(0)


def joined(n):
    content = RNG.random((n, 30)) * (RNG.random((n, 30)) < 0.2)
    return join(RNG.normal(size=(n, 4)).astype(np.float32), csr_array(content.astype(np.float32)))


USERS, ITEMS = joined(700), joined(50)


def test_a_joined_product_is_the_product_of_the_whole_vectors():
    whole = to_dense(USERS) @ to_dense(ITEMS).T
    np.testing.assert_allclose(inner_products(USERS, ITEMS), whole, atol=1e-5)
    np.testing.assert_allclose(inner_products(to_sparse(USERS), to_sparse(ITEMS)), whole, atol=1e-5)
    np.testing.assert_allclose(inner_products(USERS[:3], ITEMS), whole[:3], atol=1e-5)


def test_lists_do_not_depend_on_the_kind_of_vectors():
    seen = csr_array((RNG.random((700, 50)) < 0.1).astype(np.float32))
    ours = top_k(USERS, ITEMS, 7, exclude=seen, block=100)
    np.testing.assert_array_equal(ours.rows, top_k(to_dense(USERS), to_dense(ITEMS), 7, exclude=seen).rows)


def test_rows_lengths_and_size_of_joined_vectors():
    part = USERS[np.array([3, 1])]
    np.testing.assert_array_equal(to_dense(part), to_dense(USERS)[[3, 1]])
    assert part.shape == (2, 34)
    np.testing.assert_allclose(norms(USERS), np.linalg.norm(to_dense(USERS), axis=1), rtol=1e-6)
    assert largest(USERS) == np.abs(to_dense(USERS)).max()


def test_dense_content_is_joined_to_one_array():
    both = join(np.ones((2, 3), np.float32), np.zeros((2, 4), np.float32))
    assert isinstance(both, np.ndarray)
    assert both.shape == (2, 7)
    assert isinstance(USERS, JoinedVectors)


def test_a_damaged_piece_is_found():
    broken = JoinedVectors(np.full((1, 4), np.nan, np.float32), ITEMS.sparse[:1])
    with pytest.raises(DataError, match="not numbers"):
        next(score_blocks(broken, ITEMS))
