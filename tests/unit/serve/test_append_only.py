"""Rows grow without disturbing who reads earlier ones."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.retrieval.vectors import JoinedVectors, to_dense
from dualnet.serve.append_only import GrowingVectors


def rows(kind, count, seed):
    rng = np.random.default_rng(seed)
    dense = rng.random((count, 3)).astype(np.float32)
    sparse = csr_array(np.where(rng.random((count, 7)) < 0.4, rng.random((count, 7)), 0).astype(np.float32))
    return {"dense": dense, "sparse": sparse, "joined": JoinedVectors(dense, sparse)}[kind]


@pytest.mark.parametrize("kind", ["dense", "sparse", "joined"])
def test_every_view_stays_what_it_was(kind):
    parts = [rows(kind, count, seed) for seed, count in enumerate((5, 1, 1, 40, 1, 3, 0, 200))]
    growing = GrowingVectors(parts[0])
    whole, views = to_dense(parts[0]), [(growing.view(5), to_dense(parts[0]))]
    for part in parts[1:]:
        growing.write(len(whole), part)
        whole = np.concatenate([whole, to_dense(part)])
        views.append((growing.view(len(whole)), whole))
    for view, expected in views:
        np.testing.assert_array_equal(to_dense(view), expected)


@pytest.mark.parametrize("kind", ["dense", "sparse", "joined"])
def test_rows_that_nobody_was_shown_can_be_written_again(kind):
    first, wrong, right = rows(kind, 4, 0), rows(kind, 3, 1), rows(kind, 2, 2)
    growing = GrowingVectors(first)
    growing.write(4, wrong)
    growing.write(4, right)
    np.testing.assert_array_equal(to_dense(growing.view(6)), np.concatenate([to_dense(first), to_dense(right)]))


def test_one_more_row_does_not_copy_the_others():
    growing = GrowingVectors(np.zeros((1000, 8), np.float32))
    growing.write(1000, np.ones((1, 8), np.float32))
    before = growing.view(1001)
    growing.write(1001, np.ones((1, 8), np.float32))
    assert np.shares_memory(before, growing.view(1002))
