"""The fast product of a batch equals its slow twin."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.retrieval.topk import inner_products
from dualnet.retrieval.vectors import JoinedVectors
from dualnet.serve.selection import _all_scores


@pytest.mark.parametrize("kind", ["dense", "sparse", "joined"])
@pytest.mark.parametrize("count", [1, 3, 32])
def test_scores_equal_the_slow_twin(kind, count):
    rng = np.random.default_rng(count)

    def vectors(rows):
        dense = rng.normal(size=(rows, 9)).astype(np.float32)
        sparse = csr_array(np.where(rng.random((rows, 20)) < 0.2, rng.normal(size=(rows, 20)), 0).astype(np.float32))
        return {"dense": dense, "sparse": sparse, "joined": JoinedVectors(dense, sparse)}[kind]

    queries, items = vectors(count), vectors(70)
    found = _all_scores(queries, items)
    assert found.flags.c_contiguous
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, inner_products(queries, items), atol=1e-5)
