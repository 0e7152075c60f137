"""Somebody's published files: ids that count from 1 are noticed, the remedy works, and something is set aside to choose on."""

import numpy as np
import pytest

from dualnet import Content, Dataset
from dualnet.data.content_spec import ContentSpec
from dualnet.data.interactions import Interactions
from dualnet.data.protocols.shifted_ids import shift_of
from dualnet.data.splits import read_files
from dualnet.errors import DataError, DualNetWarning
from dualnet.ids import IdMap

TOPICS = ["red wine cellar", "deep neural network", "alpine glacier ice", "medieval castle wall"]


@pytest.fixture
def world():
    """Eighty items in an order that mixes four topics, and sixty users of one topic each, twelve items a user."""
    rng = np.random.default_rng(0)
    topic = rng.permutation(np.repeat(np.arange(4), 20))
    titles = [f"{TOPICS[t]} {rng.choice(TOPICS[t].split())} w{row}" for row, t in enumerate(topic)]
    items = Content.from_rows(list(range(80)), {"title": titles}, ContentSpec(text=("title",), min_df=1))
    pairs = [(user, item) for user in range(60) for item in rng.choice(np.flatnonzero(topic == user % 4), 12, replace=False)]
    users, taken = (list(map(int, side)) for side in zip(*pairs, strict=True))
    return Dataset(Interactions.from_pairs(users, taken, item_ids=items.ids), items, name="published"), pairs


def write(folder, pairs, shift):
    for name, chosen in (("train", pairs[::2]), ("test", pairs[1::2])):
        (folder / f"{name}.csv").write_text("user_id,item_id\n" + "".join(f"{u + shift},{i + shift}\n" for u, i in chosen))
    return {"train": folder / "train.csv", "test": folder / "test.csv"}


def as_text(data):
    """The same data with ids as a CSV file has them."""
    items = Content(IdMap([str(key) for key in data.items.ids]), data.items.table, data.items.spec)
    rows, columns = data.interactions.pairs()
    pairs = (
        [str(key) for key in data.interactions.users.take(rows)],
        [str(key) for key in data.interactions.items.take(columns)],
    )
    return Dataset(Interactions.from_pairs(*pairs, item_ids=items.ids), items, name="published")


def trained(split):
    rows, columns = split.train.interactions.pairs()
    users, items = split.train.interactions.users.take(rows), split.train.interactions.items.take(columns)
    return {(int(user), int(item)) for user, item in zip(users, items, strict=True)}


@pytest.mark.parametrize("ids", ["integers", "text"])
@pytest.mark.parametrize("shorter", [False, True])
def test_ids_that_count_from_one_are_noticed_and_the_remedy_works(world, tmp_path, shorter, ids):
    data, pairs = world
    if shorter:  # the last items of the table are in no pair: nothing is out of range
        pairs = [(user, item) for user, item in pairs if 0 < item < 75]
    files = write(tmp_path, pairs, 1)
    data = as_text(data) if ids == "text" else data
    with pytest.raises(DataError, match=r"ids count from 1, those of the table from 0; say base=1, or say base=0"):
        read_files(data, **files)
    right = read_files(data, **files, base=1)
    assert trained(right) == {(user, int(item)) for user, item in pairs[::2]}
    assert right.train.interactions.items.is_integer == (ids == "integers")
    if shorter:  # somebody who knows better is believed
        taken = trained(read_files(data, **files, base=0))
        assert taken == {(user + 1, int(item) + 1) for user, item in pairs[::2]}


@pytest.mark.parametrize("ids", ["integers", "text"])
@pytest.mark.parametrize("least", [0, 1])
def test_ids_that_count_from_zero_are_left_alone(world, tmp_path, least, ids):
    data, pairs = world
    data = as_text(data) if ids == "text" else data
    pairs = [(user, item) for user, item in pairs if item >= least]  # item 0 need not occur
    files = write(tmp_path, pairs, 0)
    assert trained(read_files(data, **files)) == trained(read_files(data, **files, base=0))


def from_one(data):
    """The same data in a table whose ids count from 1."""
    items = Content(IdMap([key + 1 for key in data.items.ids]), data.items.table, data.items.spec)
    return Dataset(Interactions.from_pairs([0, 1], [1, 2], item_ids=items.ids), items, name="published")


@pytest.mark.parametrize("shorter", [False, True])
def test_a_table_that_counts_from_one_beside_files_from_zero(world, tmp_path, shorter):
    data, pairs = from_one(world[0]), world[1]
    pairs = [(user, item) for user, item in pairs if not shorter or 0 < item < 75]
    with pytest.raises(DataError, match="count from 0, those of the table from 1; add 1 to the ids of the files"):
        read_files(data, **write(tmp_path, pairs, 0))
    files = write(tmp_path, pairs, 1)
    assert {item for _, item in trained(read_files(data, **files))} <= set(range(1, 81))
    if shorter:
        with pytest.warns(DualNetWarning, match="than with base=1.*leave base out"):
            read_files(data, **files, base=1)
    else:
        with pytest.raises(DataError, match="than with base=1.*leave base out"):
            read_files(data, **files, base=1)


def test_content_that_says_nothing_decides_nothing(world, tmp_path):
    data, pairs = world
    rng = np.random.default_rng(1)
    content = data.items.with_spec(ContentSpec())
    rows = np.array([item for _, item in pairs])
    assert shift_of(Interactions.from_pairs([user for user, _ in pairs], (rows % 78 + 1).tolist()), content) == 0
    noise = Content.from_rows(
        list(range(80)), {"title": [f"a{n}" for n in rng.integers(0, 9, 80)]}, ContentSpec(text=("title",))
    )
    for shift in (-1, 0, 1):
        taken = Interactions.from_pairs([user for user, _ in pairs], (rows % 77 + 1 + shift).tolist())
        assert shift_of(taken, noise) == 0


@pytest.mark.parametrize("missing", ["zero", "drop"])
def test_items_of_the_files_without_content(world, tmp_path, missing):
    data, pairs = world
    files = write(tmp_path, pairs, 0)
    with (tmp_path / "train.csv").open("a") as handle:
        handle.write("3,900\n4,900\n")
    with pytest.raises(DataError, match="missing_content='zero'"):
        read_files(data, **files)
    items = read_files(data, **files, missing_content=missing).train.interactions.items
    assert (900 in items) == (missing == "zero")


def test_users_that_are_text_beside_items_that_are_integers(world, tmp_path):
    data, pairs = world
    files = write(tmp_path, pairs, 0)
    for path in files.values():
        path.write_text("user_id,item_id\n" + "".join(f"u{line}\n" for line in path.read_text().splitlines()[1:]))
    named = Dataset(Interactions.from_pairs(["u1", "u2"], [0, 1], item_ids=data.items.ids), data.items, name="published")
    split = read_files(named, **files)
    assert split.train.interactions.items.is_integer
    assert not split.train.interactions.users.is_integer


@pytest.mark.parametrize("given", ["lines", "one line", "table", "base"])
def test_a_file_of_candidates(world, tmp_path, given):
    data, pairs = world
    cold = set(range(60, 80))
    shift = 1 if given == "base" else 0
    files = {"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"}
    for name, path in files.items():
        there = [(u + shift, i + shift) for u, i in pairs if (i in cold) == (name == "test")]
        path.write_text("user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in there))
    chosen = [item + shift for item in (*range(50, 80),)]
    path = tmp_path / ("candidates.csv" if given == "table" else "candidates.txt")
    text = {"one line": " ".join(map(str, chosen)), "table": "item_id,title\n" + "".join(f"{item},x\n" for item in chosen)}
    path.write_text(text.get(given, "\n".join(map(str, chosen))))
    split = read_files(data, **files, candidates=path, base=1 if shift else None)
    task = split.task("known-new")
    assert task.items.take(task.candidates) == list(range(50, 80))
    assert task.candidate_set == "given"
    path.write_text("\n".join(map(str, chosen[:-1])))
    with pytest.raises(DataError, match="items of the test are no candidates, such as 79"):
        read_files(data, **files, candidates=path, base=1 if shift else None)


def test_candidates_that_differ_from_user_to_user_are_refused(world, tmp_path):
    data, pairs = world
    path = tmp_path / "negatives.txt"
    path.write_text("1 5 6 7\n2 8 9 10\n")
    with pytest.raises(DataError, match="line 1: a file of candidates has one item id a line"):
        read_files(data, **write(tmp_path, pairs, 0), candidates=path)
    with pytest.raises(DataError, match="'task', 'all' or a file.*there is no file"):
        read_files(data, **write(tmp_path, pairs, 0), candidates="tsak")


def test_new_items_are_chosen_for_where_the_test_has_them(world, tmp_path):
    """Published validations are often warm, and the test is not: a weight chosen on them would know nothing of new items."""
    data, pairs = world
    warm = [pair for pair in pairs if pair[1] % 5]
    cold = [pair for pair in pairs if not pair[1] % 5]
    files = {"train": warm[::2], "validation": warm[1::4], "test": warm[3::4] + cold}
    for name, chosen in files.items():
        (tmp_path / f"{name}.csv").write_text("user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in chosen))
    split = read_files(data, **{name: tmp_path / f"{name}.csv" for name in files})
    assert {task.name for task in split.validation.tasks} == {"known-known", "known-new"}
    known = set(split.validation.train.interactions.items.subset(split.validation.train.known_items()))
    for task in split.validation.tasks:
        ranked = set(task.items.take(task.candidates))
        assert ranked <= known if task.name == "known-known" else not ranked & known


def test_something_is_set_aside_to_choose_on(world, tmp_path):
    data, pairs = world
    split = read_files(data, **write(tmp_path, pairs, 0))
    assert split.validation is not None
    assert split.validation.train.interactions.n_pairs < split.train.interactions.n_pairs
