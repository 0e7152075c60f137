"""Top-k equals a full stable sort for every block size, mask and kind of vector."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet.retrieval.topk import EXCLUDED, best_of, top_k


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


def test_ties_at_the_cut_go_to_the_first_columns():
    scores = np.array([[1, 2, 1, 2, 1, 0]], np.float32)
    assert best_of(scores, 3).tolist() == [[1, 3, 0]]
    assert best_of(np.zeros((2, 5), np.float32), 2).tolist() == [[0, 1], [0, 1]]
