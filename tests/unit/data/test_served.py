"""The list that is served, as a task: what it holds, what is to be found, and a validation that mirrors it."""

import numpy as np
import pytest

from dualnet.data import splits
from dualnet.data.content import Content
from dualnet.data.content_spec import ContentSpec
from dualnet.data.dataset import Dataset
from dualnet.data.interactions import Interactions
from dualnet.data.synthetic import library
from dualnet.data.tasks import ItemKind
from dualnet.errors import DataError
from dualnet.ids import IdMap

WORLD = library(n_readers=80, n_papers=300, pairs_per_reader=18, seed=5)
SILENT = set(WORLD.interactions.items) - set(WORLD.interactions.items.take(WORLD.known_items()))


def part(task, name):
    rows, columns = getattr(task, name).tocoo().coords
    return set(zip(task.users.take(rows), task.items.take(columns), strict=True))


def pairs(data):
    users, items = data.interactions.pairs()
    return set(zip(data.interactions.users.take(users), data.interactions.items.take(items), strict=True))


def bare(n_users, n_items, per_user, *, titles=True):
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(n_users), per_user)
    items = np.concatenate([rng.choice(n_items, per_user, replace=False) for _ in range(n_users)])
    ids = IdMap([f"i{k:03}" for k in range(n_items)])
    found = Interactions.from_rows(IdMap([f"u{k:03}" for k in range(n_users)]), ids, users, items)
    content = Content.from_rows(ids, {"title": [f"thing {k}" for k in ids]}, ContentSpec(text=("title",), min_df=1))
    return Dataset(found, content if titles else None)


def test_items_that_nobody_likes_stay_in_training_and_drawn_ones_do_not():
    assert SILENT
    for split in (splits.citeulike2(WORLD), splits.out_matrix(WORLD, cold=0.2), splits.four_quadrants(WORLD)):
        items = set(split.train.interactions.items)
        assert items >= SILENT
        new = {item for task in split.tasks if task.name.endswith("-new") for item in task.items.take(task.candidates)}
        assert not items & new
        assert set(split.validation.train.interactions.items) >= SILENT
    without = Dataset(WORLD.interactions)  # nothing to rank them by
    assert not set(splits.citeulike2(without).train.interactions.items) & SILENT


def test_citeulike2_served_asks_the_same_of_more_items():
    split = splits.citeulike2(WORLD, seed=1)
    (known,), (served,) = split.tasks, split.served
    assert (served.name, served.candidate_set) == ("known-all", "all")
    assert part(served, "truth") == part(known, "truth")
    assert part(served, "seen") == part(known, "seen")
    assert set(served.items.take(np.setdiff1d(served.candidates, known.candidates))) == SILENT
    assert split.task("known-all") is served


def test_four_quadrants_served_asks_for_both_kinds_in_one_list():
    split = splits.four_quadrants(WORLD, seed=0)
    for users in ("known", "new"):
        served = split.task(f"{users}-all")
        found = part(served, "truth")
        assert found >= part(split.task(f"{users}-known"), "truth") | part(split.task(f"{users}-new"), "truth")
        drawn = set(served.items.take(split.task("known-new").candidates))
        others = {item for _, item in found - part(split.task(f"{users}-known"), "truth")} - drawn
        assert not others & set(split.train.interactions.items.take(split.train.known_items()))  # chance left them new
        kinds = dict(zip(served.items, served.kinds.tolist(), strict=True))
        assert {kinds[item] for item in drawn} == {ItemKind.NEW}


def test_nothing_is_served_where_no_pair_of_a_known_item_is_held_out():
    split = splits.out_matrix(WORLD, cold=0.2)
    assert split.served == split.validation.served == ()
    train = Interactions.from_pairs(["u", "v", "v"], ["a", "a", "b"])
    cold = splits.from_files(train, Interactions.from_pairs(["u"], ["n"]))
    assert cold.served == ()
    both = splits.from_files(train, Interactions.from_pairs(["u", "u"], ["b", "n"]))
    assert part(both.task("known-all"), "truth") == {("u", "b"), ("u", "n")}


def test_validation_of_undivided_data_mirrors_serving():
    data = bare(60, 100, 20)
    made = splits.validation(data, seed=3)
    known, new = made.tasks
    (served,) = made.served
    train = pairs(made.train)
    playing = set(new.items.take(new.candidates))
    assert len(playing) == 10
    assert not playing & set(made.train.interactions.items)
    assert {item for _, item in part(new, "truth")} <= playing
    # new items have the share of what is to be found that they have of all pairs
    asked = part(served, "truth")
    of_new = {pair for pair in asked if pair[1] in playing}
    assert len(asked) == 60 * 4
    assert abs(len(of_new) / len(asked) - 0.1) < 0.04
    assert asked - of_new == part(known, "truth")
    assert of_new <= part(new, "truth") == {pair for pair in pairs(data) if pair[1] in playing}
    # a pair of a new item that is not asked for can neither help nor hurt
    assert part(served, "seen") == part(served, "history") | (part(new, "truth") - of_new)
    assert part(served, "history") == train
    assert train | asked | part(new, "truth") == pairs(data)
    assert made.fingerprint() == splits.validation(data, seed=3).fingerprint() != splits.validation(data, seed=4).fingerprint()


def test_items_whose_last_pair_is_asked_for_stay_in_the_training_set_of_a_validation():
    data = bare(30, 60, 6)
    for seed in range(5):
        made = splits.validation(data, seed=seed)
        train, playing = made.train.interactions, made.tasks[1]
        new = set(playing.items.take(playing.candidates))
        assert set(train.items) == set(data.interactions.items) - new
        assert set(made.train.items.ids) == set(train.items)
        (served,) = made.served
        orphans = set(train.items) - set(train.items.take(made.train.known_items()))
        found = {item for _, item in part(served, "truth")}
        if orphans & found:
            break
    else:
        raise AssertionError("chance left no item whose pairs are all asked for")
    assert set(served.items.take(served.candidates)) >= orphans


def test_validation_asks_few_of_many_and_lets_the_others_train():
    data = bare(60, 100, 20)
    made = splits.validation(data, users=7)
    assert len(made.served[0].users) == 7
    playing = set(made.tasks[1].items.take(made.tasks[1].candidates))
    asked = set(made.served[0].users)
    others = {pair for pair in pairs(data) if pair[0] not in asked and pair[1] not in playing}
    assert others <= pairs(made.train)


def test_validation_without_content_has_known_items_only():
    made = splits.validation(bare(30, 40, 10, titles=False))
    assert [task.name for task in made.tasks] == ["known-known"]
    assert part(made.served[0], "truth") >= part(made.tasks[0], "truth")


def test_validation_of_small_data():
    made = splits.validation(bare(30, 40, 3))  # nobody has five pairs
    assert made.served[0].truth.nnz
    with pytest.raises(DataError, match="too small to choose anything on"):
        splits.validation(bare(30, 40, 1))
    with pytest.raises(DataError, match="cannot be divided"):
        splits.validation(bare(3, 1, 1))
