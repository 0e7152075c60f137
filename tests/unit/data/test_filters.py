"""Filters by counts: order, repetition, and what becomes of a data set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualnet.data.dataset import Dataset
from dualnet.data.filters import CIAO, MOVIELENS, NONE, CountFilter
from dualnet.data.interactions import Interactions
from dualnet.data.synthetic import library
from dualnet.errors import DataError, UsageError

# u0 is long; item 9 is only u1's, and u1 is long enough only with it
USERS = np.array([0, 0, 0, 1, 1, 2, 2])
ITEMS = np.array([0, 1, 2, 0, 9, 0, 1])


def slow(filter_, users, items):
    """The twin: dictionaries and loops."""
    events = list(range(len(users)))
    while True:
        before = list(events)
        for side in ("items", "users") if filter_.first == "items" else ("users", "items"):
            rows, least = (items, filter_.item_events) if side == "items" else (users, filter_.user_events)
            events = [e for e in events if sum(rows[o] == rows[e] for o in events) >= least]
        if not filter_.repeat or events == before:
            return events


def test_the_order_matters():
    assert CountFilter(2, 2).mask(USERS, ITEMS).tolist() == [True, True, False, False, False, True, True]
    assert CountFilter(2, 2, first="users").mask(USERS, ITEMS).tolist() == [True, True, False, True, False, True, True]
    both = CountFilter(2, 2, first="users", repeat=True).mask(USERS, ITEMS)
    assert both.tolist() == [True, True, False, False, False, True, True]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=25),
    st.integers(0, 4), st.integers(0, 4), st.sampled_from(["items", "users"]), st.booleans(),
)  # fmt: skip
def test_equals_its_slow_twin(pairs, item_events, user_events, first, repeat):
    users, items = (np.array(side, np.int64) for side in (zip(*pairs, strict=True) if pairs else ([], [])))
    found = CountFilter(item_events, user_events, first, repeat)
    assert np.flatnonzero(found.mask(users, items)).tolist() == slow(found, users, items)


def test_a_data_set_keeps_content_times_and_ids():
    data = library(n_readers=60, n_papers=80, pairs_per_reader=14, seed=2)
    kept = CountFilter(3, 3, repeat=True).apply(data)
    assert np.diff(kept.interactions.matrix.indptr).min() >= 3
    assert np.bincount(kept.interactions.matrix.indices).min() >= 3
    assert 0 < kept.interactions.n_users < 60
    item = kept.interactions.items.key(3)
    assert kept.items.title(3) == data.items.title(data.interactions.items.row(item))
    assert NONE.apply(data).interactions.n_pairs == data.interactions.n_pairs
    with pytest.raises(DataError, match="no pair of data set 'library' is left of items with 99 and users with 0 events"):
        CountFilter(99).apply(data)


def test_presets_are_the_papers():
    assert (CIAO.item_events, CIAO.user_events, CIAO.first) == (5, 10, "items")
    assert (MOVIELENS.item_events, MOVIELENS.user_events) == (0, 10)
    with pytest.raises(UsageError, match="counts must be 0 or more, got items -1 and users 0"):
        CountFilter(-1)
    with pytest.raises(UsageError, match="first must be 'items' or 'users', got 'both'"):
        CountFilter(first="both")


def test_filtered_pairs_are_a_part_of_all():
    data = Dataset(Interactions.from_pairs(USERS, ITEMS))
    kept = CountFilter(2, 2).apply(data).interactions
    rows, columns = kept.pairs()
    found = set(zip(kept.users.take(rows), kept.items.take(columns), strict=True))
    assert found == {(0, 0), (0, 1), (2, 0), (2, 1)}
