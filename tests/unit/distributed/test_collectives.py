"""Collectives: what each rank gets, whatever the number of ranks and of rows; what they cost; what is said when one is gone."""

import numpy as np
import pytest
import torch

from dualnet.distributed.collectives import Alone, ProcessGroup, agreed, row_counts, row_range
from dualnet.errors import ResourceError, UsageError
from tests.worlds import SIZES, World


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 17, 100])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_ranges_cover_every_row_once(count, size):
    ranges = [row_range(count, rank, size) for rank in range(size)]
    assert [row for part in ranges for row in part] == list(range(count))
    assert row_counts(count, size) == [len(part) for part in ranges]
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


@pytest.mark.parametrize(("count", "rank", "size"), [(3, 2, 2), (3, -1, 2), (3, 0, 0), (-1, 0, 1)])
def test_a_rank_that_is_not_there_is_refused(count, rank, size):
    with pytest.raises(UsageError, match="no rank"):
        row_range(count, rank, size)


def rows_of(rank, count, kind, dtype, shape=(3,)):
    """Return whole numbers, so that sums are exact."""
    values = np.random.default_rng((rank, count)).integers(0, 100, (count, *shape)).astype(dtype)
    return values if kind == "numpy" else torch.from_numpy(values)


def all_calls(group, counts, kind, dtype):
    """Make each call with rows that depend on the rank; return all results as NumPy arrays."""
    rank, size = group.rank, group.size
    own = rows_of(rank, counts[rank], kind, dtype)
    whole = rows_of(rank, sum(counts), kind, dtype)
    parts = [rows_of(10 * rank + to, counts[(rank + to) % size], kind, dtype) for to in range(size)]
    before = whole.copy() if kind == "numpy" else whole.clone()
    found = {
        "reduced": group.all_reduce(whole),
        "gathered": group.all_gather(own),
        "gathered-known": group.all_gather(own, counts),
        "scattered": group.reduce_scatter(whole, counts),
        "scattered-even": group.reduce_scatter(whole),
        "one": group.all_reduce(whole.sum()) if kind == "torch" else group.all_reduce(np.array(whole.sum())),
        "sent": group.broadcast(whole, size - 1),
        **{f"part-{k}": part for k, part in enumerate(group.all_to_all(parts))},
    }
    group.barrier()
    assert (before == whole).all()
    assert all(isinstance(value, np.ndarray) == (kind == "numpy") for value in found.values())
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("counts", [(2, 2, 2, 2), (5, 0, 1, 3), (0, 0, 0, 0), (0, 4, 0, 0)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_each_rank_gets_what_is_said(world, size, counts, kind, dtype):
    counts = counts[:size]
    found = world.run(all_calls, counts, kind, dtype, size=size)
    own = [rows_of(rank, counts[rank], "numpy", dtype) for rank in range(size)]
    whole = [rows_of(rank, sum(counts), "numpy", dtype) for rank in range(size)]
    total, starts = sum(whole), np.cumsum([0, *counts])
    for rank, got in enumerate(found):
        np.testing.assert_array_equal(got["reduced"], total)
        np.testing.assert_array_equal(got["gathered"], np.concatenate(own))
        np.testing.assert_array_equal(got["gathered-known"], np.concatenate(own))
        np.testing.assert_array_equal(got["scattered"], total[starts[rank] : starts[rank + 1]])
        np.testing.assert_array_equal(got["scattered-even"], total[list(row_range(len(total), rank, size))])
        assert got["one"].shape == ()
        assert got["one"] == total.sum()
        np.testing.assert_array_equal(got["sent"], whole[-1])
        for other in range(size):
            expected = rows_of(10 * other + rank, counts[(other + rank) % size], "numpy", dtype)
            np.testing.assert_array_equal(got[f"part-{other}"], expected)


def test_one_process_gets_back_what_it_gave():
    rows = np.arange(6.0).reshape(3, 2)
    alone = Alone()
    assert alone.all_reduce(rows) is rows
    assert alone.all_gather(rows) is rows
    assert alone.reduce_scatter(rows, [3]) is rows
    assert alone.all_to_all([rows])[0] is rows
    assert alone.broadcast(rows) is rows
    alone.barrier()
    assert agreed(alone, {"a": 1}) == {"a": 1}


def agreed_value(group, root):
    return agreed(group, {"rank": group.rank, "figures": [0.446, None, "ä"]}, root)


@pytest.mark.parametrize("root", [0, 2])
def test_ranks_agree_on_the_value_of_one(world, root):
    assert world.run(agreed_value, root, size=3) == [{"rank": root, "figures": [0.446, None, "ä"]}] * 3


def traffic_of(group):
    group.traffic.clear()
    rows = torch.ones(8, 5, dtype=torch.float64)
    group.all_reduce(rows)
    group.all_gather(rows, [8] * group.size)
    group.reduce_scatter(rows)
    group.all_to_all([rows] * group.size)
    group.broadcast(rows)
    return {kind: (traffic.calls, traffic.sent) for kind, traffic in group.traffic.items()}


@pytest.mark.parametrize("size", SIZES)
def test_bytes_are_counted(world, size):
    array = 8 * 5 * 8
    for rank, found in enumerate(world.run(traffic_of, size=size)):
        assert found["all_reduce"] == (1, 2 * array * (size - 1) // size)
        assert found["all_gather"] == (1, array * (size - 1))
        assert found["reduce_scatter"] == (1, array - len(row_range(8, rank, size)) * 5 * 8)
        assert found["all_to_all"] == (2, (array + 8) * (size - 1))
        assert found["broadcast"] == (1, array * (size - 1) if rank == 0 else 0)


def refused(group, what):
    rows = np.ones((4, 2))
    calls = {
        "gather": lambda: group.all_gather(rows, [3, 3]),
        "scatter": lambda: group.reduce_scatter(rows, [1, 1]),
        "exchange": lambda: group.all_to_all([rows]),
    }
    try:
        calls[what]()
    except UsageError as error:
        return str(error)
    return None


@pytest.mark.parametrize("what", ["gather", "scatter", "exchange"])
def test_counts_that_do_not_fit_are_refused_before_anything_is_sent(world, what):
    assert all("rows" in text or "parts" in text for text in world.run(refused, what, size=2))


def test_there_is_no_group_before_one_is_made():
    with pytest.raises(UsageError, match="init_process_group"):
        ProcessGroup()


def left_alone(group):
    """Rank 1 does not come: the others wait for as long as the limit says."""
    if group.rank == 1:
        return None
    waiting = ProcessGroup(limit=0.2)
    try:
        waiting.all_reduce(np.ones(3))
    except ResourceError as error:
        return str(error)
    return "no error"


def test_a_rank_that_does_not_come_is_told_within_the_limit(tmp_path):
    pair = World(tmp_path, 2)
    try:
        told = pair.run(left_alone, size=2)[0]
    finally:
        pair.close()
    assert "rank 0 of 2 got no answer from the others in all_reduce" in told
    assert "resume" in told
