"""Events that are not likes: what is kept of them, what wins, and how protocols divide them."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from dualnet.data import splits
from dualnet.data.check import check_dataset, check_split
from dualnet.data.dataset import Dataset
from dualnet.data.event_types import say_events
from dualnet.data.event_weights import DISLIKE, SEEN
from dualnet.data.interactions import Interactions
from dualnet.data.other_events import OtherEvents
from dualnet.data.split_files import load_split, save_split
from dualnet.data.synthetic import library
from dualnet.errors import DataError, DualNetWarning, UsageError

CALM = library(n_readers=60, n_papers=300, pairs_per_reader=20, seed=3)


def with_others(data, per_user=15, seed=0, times=False):
    """Return the data with random other events on pairs that are not likes."""
    rng = np.random.default_rng(seed)
    likes = data.interactions
    users = np.repeat(np.arange(likes.n_users), per_user)
    items = rng.integers(0, likes.n_items, len(users))
    free = likes.pattern().toarray()[users, items] == 0
    users, items = users[free], items[free]
    kinds = rng.integers(SEEN, DISLIKE + 1, len(users)).astype(np.uint8)
    when = rng.choice(likes.times, len(users)) if times else None
    others = OtherEvents.from_rows(likes.matrix.shape, users, items, kinds, when)
    return Dataset(Interactions(likes.users, likes.items, likes.matrix, likes.times, others), data.items, data.users)


WORLD = with_others(CALM, times=True)


def events_of(matrix, users, items):
    rows, columns = matrix.tocoo().coords
    return set(zip(users.take(rows), items.take(columns), strict=True))


def others_of(data):
    found = data.interactions
    return set() if found.others is None else events_of(found.others.kinds, found.users, found.items)


def likes_of(data):
    return events_of(data.interactions.matrix, data.interactions.users, data.interactions.items)


def seen_only(task):
    """Return what a task may not rank beyond likes."""
    return events_of(task.seen, task.users, task.items) - likes_of(CALM)


def test_a_like_counts_before_a_dislike_and_a_dislike_before_a_view():
    with pytest.warns(DualNetWarning, match="1 pair is liked and disliked; it counts as a like"):
        found = Interactions.from_pairs(
            ["a", "a", "b", "b", "b", "a"],
            ["x", "x", "x", "x", "y", "y"],
            types=["dislike", "like", "seen", "dislike", "seen", "like"],
            times=[1, 2, 3, 4, 5, 6],
        )
    assert found.matrix.toarray().tolist() == [[1, 1], [0, 0]]
    assert found.others.kinds.toarray().tolist() == [[0, 0], [DISLIKE, SEEN]]
    assert found.others.times.tolist() == [4, 5]
    assert found.times.tolist() == [2, 6]
    assert (found.others.n_disliked, found.others.n_seen) == (1, 1)


def test_weights_are_those_of_likes():
    found = Interactions.from_pairs(["a", "a"], ["x", "y"], types=["like", "dislike"], weights=[2.0, 0.0])
    assert found.matrix.toarray().tolist() == [[2, 0]]


def test_other_events_of_bad_form_are_refused():
    with pytest.raises(UsageError, match="event type 'click' is not known; an event is one of like, seen, dislike"):
        Interactions.from_pairs(["a"], ["x"], types=["click"])
    with pytest.raises(DataError, match="got 3 as uint8"):
        OtherEvents(csr_array(np.array([[3, 0]], np.uint8)))
    likes = Interactions.from_pairs(["a"], ["x"])
    with pytest.raises(DataError, match="both a like and another event"):
        Interactions(likes.users, likes.items, likes.matrix, None, OtherEvents(csr_array(np.array([[1]], np.uint8))))
    with pytest.raises(DataError, match="other events have shape"):
        Interactions(likes.users, likes.items, likes.matrix, None, OtherEvents(csr_array(np.array([[1, 0]], np.uint8))))


def test_data_without_other_events_are_what_they_were():
    empty = OtherEvents(csr_array(CALM.interactions.matrix.shape, dtype=np.uint8))
    likes = CALM.interactions
    found = Interactions(likes.users, likes.items, likes.matrix, likes.times, empty)
    assert found.others is None
    assert found.fingerprint() == likes.fingerprint()
    assert WORLD.interactions.fingerprint() != likes.fingerprint()


def test_a_part_of_the_data_has_the_other_events_of_that_part():
    users, items = np.array([5, 2]), np.arange(299, 0, -3)
    part = WORLD.select(users=users, items=items).interactions
    assert (part.others.kinds.toarray() == WORLD.interactions.others.kinds.toarray()[np.ix_(users, items)]).all()
    whole = WORLD.interactions.others
    when = csr_array((whole.times, whole.kinds.indices, whole.kinds.indptr), shape=whole.kinds.shape).toarray()
    rows, columns = part.others.pairs()
    assert (part.others.times == when[users[rows], items[columns]]).all()


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        ("citeulike1", {"per_user": 5}),
        ("citeulike2", {}),
        ("citeulike2", {"fit_on": "train+validation"}),
        ("out-matrix", {"cold": 0.2}),
        ("out-matrix", {"cold": 0.2, "candidates": "all"}),
        ("unknown-users", {"folds": 5}),
        ("unknown-users", {"folds": 5, "trained": True}),
        ("four-quadrants", {}),
        ("temporal", {}),
    ],
)
def test_a_division_keeps_the_likes_it_had_and_divides_other_events(protocol, options):
    plain, split = splits.make(protocol, CALM, **options), splits.make(protocol, WORLD, **options)
    assert likes_of(plain.train) == likes_of(split.train)
    every = others_of(WORLD)
    for before, task in zip(plain.tasks, split.tasks, strict=True):
        assert events_of(before.truth, before.users, before.items) == events_of(task.truth, task.users, task.items)
        assert set(before.items.take(before.candidates)) == set(task.items.take(task.candidates))
        shown = seen_only(task)
        assert shown <= every
        known = {pair for pair in others_of(split.train) if pair[0] in task.users}
        assert known <= shown  # what the model knows of its users may not be ranked
        assert events_of(before.seen, before.users, before.items) <= events_of(task.seen, task.users, task.items)
    assert 0 < len(others_of(split.train)) < len(every)
    assert set(split.train.interactions.others.kinds.data) == {SEEN, DISLIKE}
    inner = split.validation.train
    assert others_of(inner) <= others_of(split.train)
    assert set(inner.interactions.users) <= set(split.train.interactions.users)


def test_other_events_are_shown_in_the_share_of_the_likes():
    split = splits.citeulike2(WORLD)
    users = set(split.train.interactions.users)
    own = {pair for pair in others_of(WORLD) if pair[0] in users}
    likes = [pair for pair in likes_of(CALM) if pair[0] in users]
    share = len(likes_of(split.train)) / len(likes)
    assert len(others_of(split.train)) / len(own) == pytest.approx(share, abs=0.05)
    task = split.tasks[0]
    share = len(events_of(task.seen, task.users, task.items) - others_of(WORLD)) / len(likes)
    assert len(seen_only(task)) / len(own) == pytest.approx(share, abs=0.05)
    assert seen_only(split.validation.tasks[0]) == others_of(split.train)


def test_nothing_is_shown_of_an_item_that_plays_the_new_one():
    split = splits.out_matrix(WORLD, cold=0.2)
    task = split.tasks[0]
    new = set(task.items.take(task.candidates))
    assert any(item in new for _, item in others_of(WORLD))
    assert not any(item in new for _, item in others_of(split.train) | seen_only(task))
    old = {(user, item) for user, item in others_of(WORLD) if item not in new and user in task.users}
    assert len(others_of(split.train)) / len(old) == pytest.approx(0.8, abs=0.05)


def test_a_cut_in_time_cuts_other_events_too():
    split = splits.temporal(WORLD)
    assert split.train.interactions.others.times.max() < split.options["cut"]
    early = WORLD.interactions.others.keep(WORLD.interactions.others.times < split.options["cut"])
    users = set(split.train.interactions.users)
    expected = {pair for pair in events_of(early.kinds, WORLD.interactions.users, WORLD.interactions.items) if pair[0] in users}
    assert others_of(split.train) == expected


def test_items_that_were_seen_and_never_liked_stay_in_the_training_set():
    split = splits.citeulike2(Dataset(WORLD.interactions))
    silent = np.setdiff1d(np.arange(split.train.interactions.n_items), split.train.known_items())
    assert len(silent) > 0
    assert set(silent) <= set(split.train.interactions.others.kinds.indices)


def test_a_division_with_other_events_is_the_same_after_a_visit_to_the_disk(tmp_path):
    split = splits.temporal(WORLD)
    again = load_split(save_split(split, tmp_path / "split"))
    assert again.fingerprint() == split.fingerprint()
    assert (again.train.interactions.others.times == split.train.interactions.others.times).all()
    assert check_split(again).findings == check_split(split).findings


def test_checks_count_them_and_find_no_leak():
    report = check_dataset(WORLD)
    others = WORLD.interactions.others
    assert (report.totals["disliked pairs"], report.totals["seen pairs"]) == (others.n_disliked, others.n_seen)
    told = say_events(WORLD.interactions)
    assert f"{others.n_disliked:,} dislikes and {others.n_seen:,} views" in told
    assert say_events(CALM.interactions) == ""
    for protocol in ("four-quadrants", "temporal", "out-matrix"):
        split = splits.make(protocol, WORLD)
        assert not check_split(split).has_errors, str(check_split(split))


def test_a_drawn_validation_trains_and_excludes_the_same_other_events_but_those_of_new_items():
    data = with_others(library(n_readers=40, n_papers=150, pairs_per_reader=6, seed=2), per_user=12)
    made = splits.validation(data, seed=0)
    new = set(made.tasks[1].items.take(made.tasks[1].candidates))
    kept = others_of(made.train)
    assert kept
    assert not {item for _, item in kept} & new
    known = set(made.train.interactions.items.take(made.train.known_items()))
    liked = {item for _, item in likes_of(data)}
    assert {item for _, item in kept} & (liked - known), "what was seen of an item whose likes are all asked for is known"
    for task in (*made.tasks, *made.served):
        asked = set(task.users)
        shown = events_of(task.seen, task.users, task.items) - likes_of(data)
        assert shown == {(user, item) for user, item in kept if user in asked}
