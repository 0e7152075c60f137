"""Splits: parts disjoint and complete, new things really new, validation inside training, seeds that seed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualnet.data import splits
from dualnet.data.synthetic import library
from dualnet.data.tasks import ItemKind
from dualnet.errors import DataError, UsageError

WORLD = library(n_readers=60, n_papers=400, pairs_per_reader=20, seed=3)


def pairs(matrix, users, items):
    rows, columns = matrix.tocoo().coords
    return set(zip(users.take(rows), items.take(columns), strict=True))


def of_task(task, part):
    return pairs(getattr(task, part), task.users, task.items)


def of_train(data):
    return pairs(data.interactions.matrix, data.interactions.users, data.interactions.items)


ALL = of_train(WORLD)
BUILDERS = {
    "citeulike1": lambda seed: splits.citeulike1(WORLD, seed=seed, per_user=5),
    "citeulike2": lambda seed: splits.citeulike2(WORLD, seed=seed),
    "citeulike2 refit": lambda seed: splits.citeulike2(WORLD, seed=seed, fit_on="train+validation"),
    "out-matrix": lambda seed: splits.out_matrix(WORLD, seed=seed, cold=0.2),
    "out-matrix all": lambda seed: splits.out_matrix(WORLD, seed=seed, folds=4, fold=1, candidates="all"),
    "unknown-users": lambda seed: splits.unknown_users(WORLD, seed=seed, folds=5),
    "four-quadrants": lambda seed: splits.four_quadrants(WORLD, seed=seed),
    "temporal": lambda seed: splits.temporal(WORLD, test=0.1 + 0.01 * (seed % 10)),
}


def check_promises(split):
    """Assert what every split promises."""
    train = of_train(split.train)
    assert train <= ALL
    known = {item for _, item in train}
    silent = set(WORLD.interactions.items) - {item for _, item in ALL}
    assert set(split.train.interactions.items) == known | silent  # no item that only held-out pairs mention
    for task in split.tasks:
        hidden, seen = of_task(task, "truth"), of_task(task, "seen")
        assert hidden
        assert hidden <= ALL
        assert not hidden & train
        assert not hidden & seen
        assert of_task(task, "history") <= seen
        candidates = set(task.items.take(task.candidates))
        assert {item for _, item in hidden} <= candidates
        trained = {user for user, _ in train}
        if task.name.endswith("-new") and task.candidate_set == "task":
            assert not candidates & known
        elif task.candidate_set == "task":
            assert candidates == known
        if task.name.startswith("known-"):
            assert set(task.users) <= trained
        else:
            assert not set(task.users) & trained
    if split.validation is not None:
        inner = of_train(split.validation.train)
        for task in split.validation.tasks:
            assert not of_task(task, "truth") & inner
            for final in split.tasks:
                assert not of_task(task, "truth") & of_task(final, "truth")
                assert not inner & of_task(final, "truth")


@pytest.mark.parametrize("name", BUILDERS)
@given(seed=st.integers(0, 50))
def test_what_every_split_promises(name, seed):
    check_promises(BUILDERS[name](seed))


def with_pair(data, user, item):
    """Return a data set with one more pair, of a user or an item that it may not know yet."""
    from dualnet import Dataset, Interactions

    users, items = zip(*sorted({*of_train(data), (user, item)}), strict=True)
    return Dataset(Interactions.from_pairs(users, items), name=data.name)


# one real pair that the protocol keeps out of training: of a new user's shown history, or one that is asked for
LEAKS = {
    "unknown-users": lambda split: min(of_task(split.task("new-known"), "history")),
    "four-quadrants": lambda split: min(of_task(split.task("new-known"), "history")),
    "out-matrix": lambda split: min(of_task(split.task("known-new"), "truth")),
    "citeulike2": lambda split: min(of_task(split.task("known-known"), "truth")),
}


@pytest.mark.parametrize("name", LEAKS)
def test_one_planted_pair_is_found(name):
    split = BUILDERS[name](seed=0)
    check_promises(split)
    leaking = with_pair(split.train, *LEAKS[name](split))
    with pytest.raises(AssertionError):
        check_promises(replace(split, train=leaking))
    if split.validation is not None:
        hidden = min(of_task(split.validation.tasks[0], "truth"))
        validation = replace(split.validation, train=with_pair(split.validation.train, *hidden))
        with pytest.raises(AssertionError):
            check_promises(replace(split, validation=validation))


@pytest.mark.parametrize("name", BUILDERS)
@given(seed=st.integers(0, 50))
def test_a_served_list_holds_everything_and_asks_for_all_that_is_held_out(name, seed):
    split = BUILDERS[name](seed)
    levels = [(split.train, split.tasks, split.served)]
    if split.validation is not None:
        levels.append((split.validation.train, split.validation.tasks, split.validation.served))
    hidden_from_all = set().union(*(of_task(task, "truth") for task in (*split.tasks, *split.served)))
    silent = set(WORLD.interactions.items) - {item for _, item in ALL}
    for depth, (data, tasks, served) in enumerate(levels):
        if split.protocol == "out-matrix":  # no pair of a known item is held out
            assert not served
            continue
        kinds_of_users = {task.name.partition("-")[0] for task in tasks}
        assert {task.name.partition("-")[0] for task in served} == kinds_of_users
        train = of_train(data)
        known = {item for _, item in train}
        for task in served:
            truth, candidates = of_task(task, "truth"), set(task.items.take(task.candidates))
            assert task.candidate_set == "all"
            assert silent <= candidates
            assert known <= candidates
            assert not truth & (train | of_task(task, "seen"))
            assert of_task(task, "history") <= of_task(task, "seen")
            same_users = [other for other in tasks if other.name.partition("-")[0] == task.name.partition("-")[0]]
            assert set().union(*(of_task(other, "truth") for other in same_users)) <= truth
            kinds = dict(zip(task.items, task.kinds.tolist(), strict=True))
            assert {item for item, kind in kinds.items() if kind == ItemKind.UNLIKED} == silent
            if task.name == "known-all":
                assert {item for item, kind in kinds.items() if kind == ItemKind.KNOWN} == known
            if depth:
                assert not (truth | train) & hidden_from_all
                if name != "citeulike1":  # there every item is there from the beginning
                    assert candidates <= set(split.train.interactions.items) | {item for _, item in of_train(split.train)}
        if not depth and split.protocol in ("four-quadrants", "temporal"):
            assert all(set(task.items.take(task.candidates)) == set(WORLD.interactions.items) for task in served)


def test_citeulike2_is_complete_and_three_to_one_to_one():
    split = splits.citeulike2(WORLD, seed=1)
    train = of_train(split.train)
    validation, test = of_task(split.validation.tasks[0], "truth"), of_task(split.tasks[0], "truth")
    known = set(split.train.interactions.users)  # a user whose every pair was drawn for the test cannot be ranked
    assert len(known) >= 0.95 * len(WORLD.interactions.users)
    assert train | validation | test == {pair for pair in ALL if pair[0] in known}
    assert not train & validation
    assert abs(len(validation) / len(ALL) - 0.2) < 0.06  # pairs of items that no training pair mentions move to training
    assert of_task(split.tasks[0], "seen") == train | validation
    assert of_task(split.tasks[0], "history") == train
    assert split.validation.train is split.train
    refit = splits.citeulike2(WORLD, seed=1, fit_on="train+validation")
    assert of_task(refit.tasks[0], "truth") >= test
    assert of_task(refit.tasks[0], "history") == of_train(refit.train)


def test_citeulike1_trains_on_a_fixed_number_and_ranks_everything():
    split = splits.citeulike1(WORLD, seed=0, per_user=5)
    lengths = np.diff(WORLD.interactions.matrix.indptr)
    lengths = lengths[lengths > 0]
    assert np.diff(split.train.interactions.matrix.indptr).tolist() == np.minimum(lengths, 5).tolist()
    assert len(split.tasks[0].candidates) == WORLD.interactions.n_items
    assert (np.diff(split.validation.tasks[0].truth.indptr) == 1).all()


def test_folds_are_disjoint_and_complete():
    held = [
        set(t.items.take(t.candidates)) for t in (splits.out_matrix(WORLD, seed=2, folds=5, fold=f).tasks[0] for f in range(5))
    ]
    assert set.union(*held) == {WORLD.interactions.items.key(int(row)) for row in WORLD.known_items()}
    assert sum(map(len, held)) == len(set.union(*held))


def test_unknown_users_trained_and_untrained_ask_the_same():
    apart, inside = (splits.unknown_users(WORLD, seed=0, folds=5, trained=trained) for trained in (False, True))
    assert of_task(apart.tasks[0], "history") == of_task(inside.tasks[0], "history")
    assert set(apart.tasks[0].users) == set(inside.tasks[0].users)
    assert of_task(apart.tasks[0], "history") <= of_train(inside.train)


def test_four_quadrants_cover_all_four():
    split = splits.four_quadrants(WORLD, seed=0)
    assert [task.name for task in split.tasks] == ["known-known", "known-new", "new-known", "new-new"]
    assert [task.name for task in split.validation.tasks] == [task.name for task in split.tasks]
    assert split.refit


def test_temporal_has_no_future_in_training():
    split = splits.temporal(WORLD, test=0.2)
    assert split.train.interactions.times.max() < split.options["cut"]


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "temporal"])
def test_seeds_seed(name):
    first, again, other = (BUILDERS[name](seed).fingerprint() for seed in (1, 1, 2))
    assert first == again != other


def test_bad_options():
    with pytest.raises(UsageError, match=r"no protocol 'out-matrx'. Did you mean 'out-matrix'"):
        splits.make("out-matrx", WORLD)
    with pytest.raises(UsageError, match="'citeulike2' has no option 'cold'"):
        splits.make("citeulike2", WORLD, cold=0.1)
    with pytest.raises(UsageError, match=r"share of items must be above 0 and below 1, got 1.5"):
        splits.out_matrix(WORLD, cold=1.5)
    with pytest.raises(UsageError, match="fold 7 of 5"):
        splits.out_matrix(WORLD, folds=5, fold=7)
    with pytest.raises(DataError, match="has no times"):
        splits.temporal(library(n_readers=9, n_papers=9).with_interactions(timeless()))


def timeless():
    from dualnet import Interactions

    known = library(n_readers=9, n_papers=9).interactions
    return Interactions(known.users, known.items, known.matrix)


def test_own_files_keep_their_division_and_find_leaks():
    split = splits.citeulike2(WORLD, seed=0)
    task, inner = split.tasks[0], split.validation.tasks[0]

    def interactions(found):
        from dualnet import Interactions

        users, items = zip(*sorted(found), strict=True)
        return Interactions.from_pairs(users, items)

    train, test, validation = of_train(split.train), of_task(task, "truth"), of_task(inner, "truth")
    own = splits.from_files(interactions(train), interactions(test), interactions(validation), data=WORLD)
    assert of_train(own.train) == train
    assert of_task(own.task("known-known"), "truth") == test
    asking = set(own.task("known-known").users)
    assert of_task(own.task("known-known"), "seen") == {pair for pair in train | validation if pair[0] in asking}
    with pytest.raises(DataError, match="in more than one file"):
        splits.from_files(interactions(train | set(list(test)[:1])), interactions(test))
