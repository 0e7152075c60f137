"""Somebody's published files: ids that count from 1 are noticed, the remedy works, and something is set aside to choose on."""

import numpy as np
import pytest

from dualnet import Content, Dataset
from dualnet.data.content import ContentSpec
from dualnet.data.interactions import Interactions
from dualnet.data.splits import read_files
from dualnet.errors import DataError

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


@pytest.mark.parametrize("shorter", [False, True])
def test_ids_that_count_from_one_are_noticed_and_the_remedy_works(world, tmp_path, shorter):
    data, pairs = world
    if shorter:  # the last items of the table are in no pair: nothing is out of range
        pairs = [(user, item) for user, item in pairs if 0 < item < 75]
    files = write(tmp_path, pairs, 1)
    with pytest.raises(DataError, match="ids count from 1; say base=1, or base=0"):
        read_files(data, **files)
    right = read_files(data, **files, base=1)
    assert set(right.train.interactions.items.keys) <= set(range(80))
    taken = right.train.interactions
    rows, columns = taken.pairs()
    found = {(taken.users.key(int(u)), taken.items.key(int(i))) for u, i in zip(rows, columns, strict=True)}
    assert found == {(u, int(i)) for u, i in pairs[::2]}


@pytest.mark.parametrize("least", [0, 1])
def test_ids_that_count_from_zero_are_left_alone(world, tmp_path, least):
    data, pairs = world
    pairs = [(user, item) for user, item in pairs if item >= least]  # item 0 need not occur
    assert read_files(data, **write(tmp_path, pairs, 0)).train.interactions.n_pairs > 0


def test_something_is_set_aside_to_choose_on(world, tmp_path):
    data, pairs = world
    split = read_files(data, **write(tmp_path, pairs, 0))
    assert split.validation is not None
    assert split.validation.train.interactions.n_pairs < split.train.interactions.n_pairs
