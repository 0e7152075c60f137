"""Dual mini-batches traverse R once an epoch, in an order that only seed and epoch decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet.errors import DualNetWarning, UsageError
from dualnet.train.batches import DualBatches


def matrix(users: int, items: int, seed: int = 0) -> csr_array:
    rng = np.random.default_rng(seed)
    dense = (rng.random((users, items)) < 0.4) * rng.uniform(0.5, 2.0, (users, items))
    return csr_array(dense.astype(np.float32))


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
@given(users=st.integers(1, 13), items=st.integers(1, 17), data=st.data(), epoch=st.integers(0, 3))
def test_every_pair_once_an_epoch(users, items, data, epoch):
    source = matrix(users, items)
    batches = DualBatches(
        source, user_batch=data.draw(st.integers(1, users)), item_batch=data.draw(st.integers(1, items)), seed=4
    )
    seen = np.zeros((users, items), int)
    for step in range(len(batches)):
        batch = batches.batch(epoch, step)
        seen[np.ix_(batch.user_rows, batch.item_rows)] += 1
    assert (seen == 1).all()


def test_order_changes_with_epoch_and_seed_and_nothing_else():
    source = matrix(40, 30)
    first, again, other = (DualBatches(source, user_batch=7, item_batch=11, seed=seed) for seed in (1, 1, 2))
    again.batch(3, 2)  # what was asked before has no effect
    blocks = [first.batch(0, step).user_rows.tolist() for step in range(len(first))]
    assert blocks == [again.batch(0, step).user_rows.tolist() for step in range(len(first))]
    assert blocks != [first.batch(1, step).user_rows.tolist() for step in range(len(first))]
    assert blocks != [other.batch(0, step).user_rows.tolist() for step in range(len(first))]


def test_warns_when_blocks_are_expected_to_be_empty():
    sparse = csr_array((np.ones(3, np.float32), ([0, 40, 80], [1, 2, 3])), shape=(100, 100))
    with pytest.warns(DualNetWarning, match="expected to hold 0.03 positives"):
        DualBatches(sparse, user_batch=10, item_batch=10, seed=0)


@pytest.mark.parametrize(
    ("user_batch", "item_batch", "text"), [(0, 3, "user_batch=0"), (3, 99, "item_batch=99 does not fit the 5 items")]
)
def test_batch_sizes_must_fit_the_data(user_batch, item_batch, text):
    with pytest.raises(UsageError, match=text):
        DualBatches(matrix(5, 5), user_batch=user_batch, item_batch=item_batch, seed=0)


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_share_of_the_empty_blocks_is_skipped_and_nothing_else(share):
    rng = np.random.default_rng(0)
    source = csr_array((rng.random((60, 50)) < 0.01).astype(np.float32))
    batches = DualBatches(source, user_batch=6, item_batch=5, seed=2, skip_empty=share)
    plain = DualBatches(source, user_batch=6, item_batch=5, seed=2, skip_empty=0.0)
    assert len(batches) == len(plain) == 100
    for epoch in (0, 3):
        empty, skipped = [], []
        for step in range(len(batches)):
            batch = batches.batch(epoch, step)
            assert batch.user_rows.tolist() == plain.batch(epoch, step).user_rows.tolist()
            empty.append(source[batch.user_rows][:, batch.item_rows].nnz == 0)
            skipped.append(batches.skips(epoch, step))
        assert sum(skipped) == round(share * sum(empty)) > 0
        assert not any(skip and not nothing for skip, nothing in zip(skipped, empty, strict=True))
        assert not any(plain.skips(epoch, step) for step in range(len(plain)))


def test_what_is_skipped_depends_on_seed_and_epoch_only():
    source = csr_array((np.ones(9, np.float32), (np.arange(9) * 5, np.arange(9) * 3)), shape=(45, 30))

    def skipped(seed, epoch, *before):
        batches = DualBatches(source, user_batch=5, item_batch=5, seed=seed, skip_empty=0.5)
        for other in before:
            batches.skips(other, 0)
        return [batches.skips(epoch, step) for step in range(len(batches))]

    assert skipped(1, 2) == skipped(1, 2, 0, 3)
    assert skipped(1, 2) != skipped(1, 3)
    assert skipped(1, 2) != skipped(2, 2)


def test_warns_when_no_block_is_empty():
    with pytest.warns(DualNetWarning, match="skip_empty=0.5 has nothing to skip: each of the 4 blocks"):
        DualBatches(csr_array(np.ones((8, 8), np.float32)), user_batch=4, item_batch=4, seed=0, skip_empty=0.5)
