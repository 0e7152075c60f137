"""Each protocol to the letter, on small data."""

import numpy as np
import pytest

from dualnet.data import splits
from dualnet.data.dataset import Dataset
from dualnet.data.interactions import Interactions
from dualnet.data.protocols.parts import draw_fold, per_user_rank, three_one_one, visible_share
from dualnet.data.synthetic import blocks_world, library
from dualnet.errors import DataError, UsageError
from dualnet.ids import IdMap

WORLD = library(n_readers=80, n_papers=300, pairs_per_reader=18, seed=5)


def pairs_of(matrix, users, items):
    rows, columns = matrix.tocoo().coords
    return set(zip(users.take(rows), items.take(columns), strict=True))


def part(task, name):
    return pairs_of(getattr(task, name), task.users, task.items)


def trained(data):
    return pairs_of(data.interactions.matrix, data.interactions.users, data.interactions.items)


def liked(data):
    """Ids of the items that somebody likes; a training set also holds those that nobody does."""
    return data.interactions.items.take(data.known_items())


def interactions(*found):
    users, items = zip(*sorted(found), strict=True)
    return Interactions.from_pairs(users, items)


def test_three_one_one_is_exact():
    assert np.bincount(three_one_one(1000, np.random.default_rng(0))).tolist() == [600, 200, 200]


def test_folds_cover_each_row_once():
    rows = np.arange(100, 123)
    parts = [draw_fold(rows, 5, fold, np.random.default_rng(4), "rows") for fold in range(5)]
    assert sorted(np.concatenate(parts).tolist()) == rows.tolist()
    assert {len(p) for p in parts} == {4, 5}


def test_ranks_within_a_user_are_a_permutation():
    chosen = np.random.default_rng(0).random(WORLD.interactions.n_pairs) < 0.7
    rank = per_user_rank(WORLD, chosen, np.random.default_rng(1))
    users = WORLD.interactions.pairs()[0]
    assert (rank[~chosen] == -1).all()
    for user in range(WORLD.interactions.n_users):
        own = rank[chosen & (users == user)]
        assert sorted(own.tolist()) == list(range(len(own)))


def test_visible_share_of_each_user():
    everything = np.ones(WORLD.interactions.n_pairs, bool)
    masks = visible_share(WORLD, everything, np.random.default_rng(1), (0.6, 0.8))
    users = WORLD.interactions.pairs()[0]
    counts, shown, asked, rest = (np.bincount(users[mask], minlength=80) for mask in (everything, *masks))
    assert (shown + asked + rest == counts).all()
    assert (np.abs(shown - 0.6 * counts) <= 0.5).all()
    assert (np.abs(shown + asked - 0.8 * counts) <= 0.5).all()
    assert (shown[counts > 0] > 0).all()


def test_citeulike2_every_validation_and_test_item_occurs_in_training():
    for seed in range(5):
        split = splits.citeulike2(WORLD, seed=seed)
        known = set(split.train.interactions.items)
        hidden = part(split.tasks[0], "truth") | part(split.validation.tasks[0], "truth")
        assert {item for _, item in hidden} <= known
        # nothing is lost, but for the pairs of users whom chance left without a training pair
        lost = {user for user, _ in trained(WORLD) - trained(split.train) - hidden}
        assert len(lost) == split.options["users_without_training_pairs"]


def test_citeulike2_validation_pairs_are_neither_input_nor_candidates_unless_refit():
    split = splits.citeulike2(WORLD, seed=0)
    test, validation = split.tasks[0], split.validation.tasks[0]
    assert part(validation, "truth") <= part(test, "seen")
    assert not part(validation, "truth") & part(test, "history")
    refit = splits.citeulike2(WORLD, seed=0, fit_on="train+validation")
    assert refit.refit
    assert not split.refit
    assert trained(refit.validation.train) == trained(split.train)
    assert part(validation, "truth") <= trained(refit.train)
    with pytest.raises(UsageError, match="fit_on must be"):
        splits.citeulike2(WORLD, fit_on="everything")


def test_citeulike1_validates_on_one_of_the_ten():
    split = splits.citeulike1(WORLD, seed=0)
    held = part(split.validation.tasks[0], "truth")
    assert held <= trained(split.train)
    assert trained(split.validation.train) == trained(split.train) - held
    assert trained(split.train) | part(split.tasks[0], "truth") == trained(WORLD)
    assert np.diff(split.train.interactions.matrix.indptr).max() == 10
    assert split.tasks[0].candidate_set == "all"
    with pytest.raises(UsageError, match="at least 2"):
        splits.citeulike1(WORLD, per_user=1)


@pytest.mark.parametrize("options", [{"cold": 0.1}, {"folds": 5, "fold": 3}])
def test_out_matrix_items_are_new_to_the_fit_and_to_the_choice(options):
    split = splits.out_matrix(WORLD, seed=0, **options)
    (test,), (validation,) = split.tasks, split.validation.tasks
    new, playing = set(test.items.take(test.candidates)), set(validation.items.take(validation.candidates))
    assert not new & set(split.train.interactions.items)
    assert not new & playing
    assert not (new | playing) & set(split.validation.train.interactions.items)
    assert part(test, "truth") == {(u, i) for u, i in trained(WORLD) if i in new and u in set(test.users)}
    assert abs(len(playing) / len(liked(split.train)) - 0.1) < 0.01
    share = options.get("cold", 0.2)
    assert abs(len(new) / len(WORLD.known_items()) - share) < 0.01
    assert part(test, "history") == trained(split.train)


def test_out_matrix_over_all_candidates_asks_the_same_of_more_items():
    task, everything = (splits.out_matrix(WORLD, seed=0, cold=0.1, candidates=c).tasks[0] for c in ("task", "all"))
    assert part(task, "truth") == part(everything, "truth")
    assert len(everything.candidates) == WORLD.interactions.n_items
    assert everything.candidate_set == "all"


def test_out_matrix_leaves_out_users_who_have_new_items_only():
    items = [f"i{k}" for k in range(10)]
    lone = [("lone", item) for item in items[:1]]
    found = interactions(*lone, *[(f"u{k}", item) for k in range(4) for item in items])
    data = with_titles(found)
    for fold in range(10):
        split = splits.out_matrix(data, folds=10, fold=fold)
        absent = "lone" not in split.train.interactions.users
        assert split.options["users_without_training_pairs"] == int(absent)
        assert ("lone" in split.tasks[0].users) != absent
    with pytest.raises(UsageError, match="two ways"):
        splits.out_matrix(data, folds=5, cold=0.1)
    with pytest.raises(UsageError, match="needs folds"):
        splits.out_matrix(data, fold=2)
    with pytest.raises(UsageError, match="candidates must be"):
        splits.out_matrix(data, candidates="some")
    with pytest.raises(DataError, match="no item content"):
        splits.out_matrix(Dataset(found))


def with_titles(found):
    from dualnet.data.content import Content
    from dualnet.data.content_spec import ContentSpec

    titles = [f"thing {item}" for item in found.items]
    return Dataset(found, Content.from_rows(found.items, {"title": titles}, ContentSpec(text=("title",), min_df=1)))


def test_unknown_users_show_three_fifths_and_hide_one_fifth():
    split = splits.unknown_users(WORLD, seed=0, folds=5, fold=2)
    (task,) = split.tasks
    assert not set(task.users) & set(split.train.interactions.users)
    owned = dict.fromkeys(task.users, 0)
    for user, _ in trained(WORLD):
        if user in owned:
            owned[user] += 1
    for row, user in enumerate(task.users):
        shown = task.history.indptr[row + 1] - task.history.indptr[row]
        assert abs(shown - 0.6 * owned[user]) <= 0.5
    hidden = task.truth.nnz / sum(owned.values())
    assert 0.15 < hidden <= 0.22
    folds = [set(splits.unknown_users(WORLD, seed=0, folds=5, fold=f).tasks[0].users) for f in range(5)]
    assert sum(map(len, folds)) == len(set.union(*folds)) == len(np.flatnonzero(np.diff(WORLD.interactions.matrix.indptr)))


def test_unknown_users_and_their_trained_selves_are_paired():
    apart, inside = (splits.unknown_users(WORLD, seed=1, folds=5, trained=trained) for trained in (False, True))
    (new,), (known,) = apart.tasks, inside.tasks
    assert (new.name, known.name) == ("new-known", "known-known")
    assert new.users == known.users
    np.testing.assert_array_equal(new.candidates, known.candidates)
    for name in ("history", "truth", "seen"):
        assert part(new, name) == part(known, name)
    assert trained(inside.train) == trained(apart.train) | part(new, "history")


def test_four_quadrants_shares_and_candidates():
    split = splits.four_quadrants(WORLD, seed=0)
    known, new = split.task("known-known"), split.task("new-new")
    assert abs(len(new.candidates) / len(WORLD.known_items()) - 0.2) < 0.01
    assert abs(len(set(new.users)) / len(np.flatnonzero(np.diff(WORLD.interactions.matrix.indptr))) - 0.1) < 0.02
    for one, other in (("known-known", "new-known"), ("known-new", "new-new")):
        np.testing.assert_array_equal(split.task(one).candidates, split.task(other).candidates)
    assert set(known.items.take(known.candidates)) == set(liked(split.train))
    assert part(split.task("new-known"), "history") == part(new, "history")
    # new users show 3/5 of their history of known items and are asked for the rest
    shown, asked = len(part(new, "history")), len(part(split.task("new-known"), "truth"))
    assert abs(shown / (shown + asked) - 0.6) < 0.05
    with pytest.raises(DataError, match="no item content"):
        splits.four_quadrants(Dataset(WORLD.interactions))


def test_temporal_hides_the_future_and_validates_on_the_recent_past():
    split = splits.temporal(WORLD, test=0.25)
    when = dict(zip(in_order(WORLD), WORLD.interactions.times.tolist(), strict=True))
    cut = split.options["cut"]
    assert all(when[pair] < cut for pair in trained(split.train))
    hidden = set().union(*(part(task, "truth") for task in split.tasks))
    assert all(when[pair] >= cut for pair in hidden)
    latest = max(when[pair] for pair in trained(split.validation.train))
    choosing = set().union(*(part(task, "truth") for task in split.validation.tasks))
    assert all(latest < when[pair] < cut for pair in choosing)
    with pytest.raises(DataError, match="has no times"):
        splits.temporal(blocks_world())
    one_day = Interactions(*vars_of(WORLD), times=np.full(WORLD.interactions.n_pairs, 86_400))
    with pytest.raises(DataError, match="all alike"):
        splits.temporal(WORLD.with_interactions(one_day))
    with pytest.raises(UsageError, match="above 0 and below 1"):
        splits.temporal(WORLD, test=1.0)


def timed(steps):
    """Return what 20 users like day by day: each step is (how many items there are, the first of them)."""
    rows = []
    for step, (count, first) in enumerate(steps):
        rows += [
            (f"u{user:02d}", f"i{first + (user + step) % count:02d}", 86_400 * (1000 + 20 * step) + user) for user in range(20)
        ]
    users, items, times = zip(*rows, strict=True)
    return Dataset(Interactions.from_pairs(users, items, times=np.array(times)))


def test_the_validation_of_temporal_has_new_items_where_the_test_has():
    data = timed([(20, 0)] * 8 + [(6, 20)] * 2)
    split = splits.temporal(data, test=0.2)
    assert [task.name for task in split.tasks] == ["known-new"]
    assert [task.name for task in split.validation.tasks] == ["known-known", "known-new"]
    when = dict(zip(in_order(data), data.interactions.times.tolist(), strict=True))
    first = {item: min(time for (_, other), time in when.items() if other == item) for item in data.interactions.items}
    known = {item for _, item in trained(split.validation.train)}
    asked = {item for _, item in part(split.validation.tasks[1], "truth")}
    assert asked.isdisjoint(known)
    assert min(first[item] for item in asked) >= max(first[item] for item in known)
    assert {item for _, item in trained(split.train)} == known | asked


def test_items_that_are_new_in_the_recent_past_are_those_of_the_validation():
    split = splits.temporal(timed([(20, 0)] * 8 + [(5, 20), (5, 30)]), test=0.1)
    assert {item for _, item in part(split.task("known-new"), "truth")} == {f"i{number}" for number in range(30, 35)}
    known = {item for _, item in trained(split.validation.train)}
    asked = {item for _, item in part(split.validation.tasks[-1], "truth")}
    assert asked == {"i20", "i21", "i22"}, "those of the recent past alone"
    assert {"i23", "i24"} <= known, "what began before them trains as before"


def vars_of(data):
    return data.interactions.users, data.interactions.items, data.interactions.matrix


def in_order(data):
    users, items = data.interactions.pairs()
    return zip(data.interactions.users.take(users), data.interactions.items.take(items), strict=True)


TRAIN = [("u1", "a"), ("u1", "b"), ("u2", "b"), ("u2", "c"), ("u3", "a")]


def test_files_fall_into_quadrants():
    test = [("u1", "c"), ("u2", "n"), ("s", "a"), ("s", "n")]
    split = splits.from_files(interactions(*TRAIN), interactions(*test), shown=interactions(("s", "b")))
    assert {task.name: part(task, "truth") for task in split.tasks} == {
        "known-known": {("u1", "c")}, "known-new": {("u2", "n")}, "new-known": {("s", "a")}, "new-new": {("s", "n")},
    }  # fmt: skip
    assert part(split.task("new-new"), "history") == {("s", "b")}
    assert split.task("known-known").items.take(split.task("known-known").candidates) == ["a", "b", "c"]
    assert split.task("new-new").items.take(split.task("new-new").candidates) == ["n"]
    every = splits.from_files(interactions(*TRAIN), interactions(*test), candidates="all").task("known-new")
    assert every.items.take(every.candidates) == ["a", "b", "c", "n"]


def test_files_warm_and_cold_are_held_to_their_word():
    train, warm, cold = interactions(*TRAIN), interactions(("u1", "c")), interactions(("u1", "n"))
    splits.from_files(train, warm, kind="warm")
    splits.from_files(train, cold, kind="cold")
    with pytest.raises(DataError, match=r"do not occur in training, such as 'n'; the division is not warm"):
        splits.from_files(train, cold, kind="warm")
    with pytest.raises(DataError, match=r"occur in training, so they are not new, such as 'c'"):
        splits.from_files(train, warm, kind="cold")
    with pytest.raises(DataError, match=r"in more than one file, such as user 'u1' with item 'a'"):
        splits.from_files(train, interactions(("u1", "a")))
    with pytest.raises(UsageError, match="kind is auto, warm or cold"):
        splits.from_files(train, warm, kind="tepid")


def test_files_take_content_from_the_data_and_validation_from_its_file():
    data = with_titles(interactions(*TRAIN, ("u1", "n"), ("u1", "m")))
    split = splits.from_files(interactions(*TRAIN), interactions(("u1", "n")), interactions(("u2", "m")), data=data)
    assert [task.name for task in split.validation.tasks] == ["known-new"]
    assert split.validation.train is split.train
    assert split.task("known-new").content.title(split.task("known-new").candidates[0]) == "thing n"
    with pytest.raises(DataError, match="no content row, such as 'q'"):
        splits.from_files(interactions(*TRAIN), interactions(("u1", "q")), data=data)


def test_files_from_disk_count_from_one(tmp_path):
    (tmp_path / "train.dat").write_text("2 1 2\n3 2 3 4\n")
    (tmp_path / "test.dat").write_text("1 3\n2 1 5\n")
    ids = IdMap(np.arange(5))
    data = Dataset(Interactions.from_rows(IdMap(np.arange(2)), ids, np.array([0, 1]), np.array([0, 1])), None, name="numbers")
    split = splits.make(
        "files", data, train=tmp_path / "train.dat", test=tmp_path / "test.dat", base=1, layout="counted-lists", seed=3
    )
    assert trained(split.train) == {(0, 0), (0, 1), (1, 1), (1, 2), (1, 3)}
    assert part(split.task("known-known"), "truth") == {(0, 2), (1, 0)}
    assert part(split.task("known-new"), "truth") == {(1, 4)}
    assert split.protocol == "files"


def test_too_little_data_is_said():
    tiny = with_titles(interactions(("u", "a")))
    for protocol in ("out-matrix", "unknown-users", "four-quadrants"):
        with pytest.raises(DataError):
            splits.make(protocol, tiny)
