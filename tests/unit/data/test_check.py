"""`data check` finds what it claims to find, and nothing in a sound split."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from dualnet import Content, Dataset, Interactions, splits
from dualnet.data.check import check_dataset, check_split
from dualnet.data.id_order import order_of
from dualnet.data.synthetic import library

WORLD = library(n_readers=80, n_papers=400, pairs_per_reader=20, seed=1)
pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


def codes(report):
    return {finding.code: finding.level for finding in report.findings}


@pytest.mark.parametrize("protocol", ["citeulike1", "citeulike2", "out-matrix", "unknown-users", "four-quadrants", "temporal"])
def test_our_own_splits_are_sound(protocol):
    report = check_split(splits.make(protocol, WORLD, seed=0))
    assert not report.has_errors, str(report)


def test_a_split_ordered_by_id_is_noticed():
    interactions = WORLD.interactions
    place = np.arange(interactions.n_pairs) - np.repeat(interactions.matrix.indptr[:-1], np.diff(interactions.matrix.indptr))
    users, items = interactions.pairs()

    def pairs(mask):
        return Interactions.from_pairs(interactions.users.take(users[mask]), interactions.items.take(items[mask]))

    report = check_split(splits.from_files(pairs(place < 10), pairs(place >= 10), data=WORLD))
    assert codes(report)["ordered-by-id"] == "error"


def test_overlap_and_items_that_are_not_new():
    split = splits.out_matrix(WORLD, cold=0.2)
    task = split.tasks[0]
    leaked = replace(
        task,
        truth=task.history,
        history=csr_array(task.history.shape, dtype=np.float32),
        seen=csr_array(task.seen.shape, dtype=np.float32),
    )
    found = codes(check_split(replace(split, tasks=(leaked,))))
    assert found["train-test-overlap"] == "error"
    assert found["new-items-in-training"] == "error"


def test_near_duplicates_across_the_boundary():
    table = WORLD.items.table
    titles = table["title"].to_pylist()
    columns = {"title": [titles[k // 2 * 2] for k in range(len(titles))], "abstract": [""] * len(titles)}
    spec = replace(WORLD.items.spec, text=("title",))
    twins = Dataset(WORLD.interactions, Content.from_rows(WORLD.items.ids, columns, spec))
    found = check_split(splits.out_matrix(twins, cold=0.3))
    assert codes(found)["near-duplicates"] == "warning"


def test_users_that_are_not_new():
    split = splits.unknown_users(WORLD)
    trained = splits.unknown_users(WORLD, trained=True)
    assert codes(check_split(replace(split, train=trained.train)))["new-users-in-training"] == "error"


def test_data_sets():
    interactions = Interactions.from_pairs(
        ["u1", "U1", "u2", "u3"], ["a", "a", "a", "a"], times=[0, 10, 20, 400 * 86_400], item_ids=None
    )  # fmt: skip
    found = codes(check_dataset(Dataset(interactions)))
    assert found["look-alike-user-ids"] == "warning"
    assert found["item-with-everyone"] == "warning"
    assert found["time-gaps"] == "warning"
    assert found["zero-times"] == "warning"
    sound = check_dataset(WORLD)
    assert sound.totals["users"] == 80
    assert sound.to_json()["totals"]["items with title"] == 400
    assert "items with title" in str(sound)


@pytest.mark.parametrize(
    ("events", "items", "code"),
    [
        ({"user_id": ["1.0", "2.0"], "item_id": ["x", "y"]}, {}, "decimal-user-ids"),
        ({"user_id": ["1", "2"], "item_id": ["1.0", "2.0"]}, {}, "decimal-item-ids"),
        ({"user_id": ["1", "2"], "item_id": ["x", "y"]}, {"n": [3.0, 3.0]}, "constant-n"),
        ({"user_id": ["Ann", "ann"], "item_id": ["x", "y"]}, {}, "look-alike-user-ids"),
    ],
)
def test_what_is_odd_about_ids_and_columns_is_told(events, items, code):
    table = {"items": pa.table({"item_id": events["item_id"], **items}), "numbers": list(items)} if items else {}
    found = {finding.code: finding for finding in check_dataset(Dataset.from_tables(pa.table(events), **table)).findings}
    assert found[code].level == "warning"
    plain = pa.table({"user_id": ["1", "2"], "item_id": ["x", "y"]})
    assert code not in {finding.code for finding in check_dataset(Dataset.from_tables(plain)).findings}


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_users_with_nothing_shown_and_nothing_hidden_tell_no_order():
    split = splits.citeulike2(WORLD)
    task = split.tasks[0]
    nothing = csr_array(task.truth.shape, dtype=np.float32)
    assert order_of(replace(split, tasks=(replace(task, truth=nothing, history=nothing, seen=nothing),))) is None
