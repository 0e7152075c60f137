"""A matrix divided by rows: its transpose and the rows that are touched are those of the whole, however it is divided."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.distributed.collectives import Alone, row_counts
from dualnet.distributed.divided_matrix import DividedMatrix, Reach, own_rows
from tests.worlds import SIZES

SHAPES = {"long": (23, 5), "wide": (4, 17), "few": (2, 3), "one": (1, 1), "none": (0, 3)}


def matrix_of(shape, density=0.4):
    rng = np.random.default_rng(shape)
    return csr_array(np.where(rng.random(shape) < density, rng.normal(size=shape), 0).astype(np.float32))


def turned(group, shape, counts):
    """Return the transpose of a matrix of which each rank has so many rows, and that of the transpose."""
    starts = np.cumsum([0, *counts])
    divided = DividedMatrix.of(matrix_of(shape)[starts[group.rank] : starts[group.rank + 1]], group)
    once = divided.T
    assert once.own.has_sorted_indices
    return once.own.toarray(), once.T.own.toarray()


@pytest.mark.parametrize("uneven", [False, True], ids=["even", "one-has-all"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("size", SIZES)
def test_the_transpose_is_that_of_the_whole(world, size, shape, uneven):
    counts = [0] * (size - 1) + [shape[0]] if uneven else row_counts(shape[0], size)
    found = world.run(turned, shape, counts, size=size)
    whole = matrix_of(shape).toarray()
    np.testing.assert_array_equal(np.concatenate([once for once, _ in found]), whole.T)
    np.testing.assert_array_equal(np.concatenate([twice for _, twice in found]), whole)


def test_alone_the_transpose_is_the_transpose():
    matrix = matrix_of((7, 4))
    np.testing.assert_array_equal(DividedMatrix.of(matrix, Alone()).T.own.toarray(), matrix.toarray().T)


def reached(group, n_rows, touched):
    table = np.arange(2.0 * n_rows, dtype=np.float32).reshape(n_rows, 2)
    starts = np.cumsum([0, *row_counts(n_rows, group.size)])
    reach = Reach.of(np.array(touched[group.rank], np.int64), starts, group)
    before = group.traffic["all_to_all"].sent
    return reach(own_rows(table, group)), group.traffic["all_to_all"].sent - before


@pytest.mark.parametrize("touched", [([0, 4], [], [1, 2, 3], [4]), ([], [], [], []), ([0, 1, 2, 3, 4],) * 4], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_each_rank_gets_the_rows_that_it_touches_and_no_others_travel(world, size, touched):
    found = world.run(reached, 5, touched, size=size)
    owner = np.repeat(range(size), row_counts(5, size))
    for rank, (rows, _) in enumerate(found):
        np.testing.assert_array_equal(rows, np.arange(10.0).reshape(5, 2)[touched[rank]])
    travelled = sum(int((owner[touched[rank]] != rank).sum()) for rank in range(size) if touched[rank])
    lengths = size * (size - 1) * 8  # how many rows come from whom
    assert sum(sent for _, sent in found) == travelled * 2 * 4 + lengths
