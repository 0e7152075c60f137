"""Types of events with weights: what each means in a table, in every way in which weights are given."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import WMF, Dataset, load
from dualnet.data.event_weights import DISLIKE, SEEN, as_text, event_weights_of
from dualnet.errors import ArtifactError, DataError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WEIGHTS = {"view": 1, "save": 2, "buy": 4, "opened": 0, "dismiss": -1}
ROWS = [
    ("a", "x", "view"), ("a", "x", "buy"), ("a", "y", "dismiss"), ("a", "z", "save"), ("b", "x", "view"), ("b", "w", "opened"),
    ("b", "y", "like"), ("c", "z", "seen"), ("c", "x", "save"),
]  # fmt: skip


def events(rows=ROWS, **more):
    return pa.table({"user_id": [r[0] for r in rows], "item_id": [r[1] for r in rows], "type": [r[2] for r in rows], **more})


def pairs(data):
    """Weight of each like, and what else is known, by user and item."""
    likes, users, items = data.interactions, data.interactions.users.keys, data.interactions.items.keys
    found = {(users[u], items[i]): float(w) for u, i, w in zip(*likes.pairs(), likes.matrix.data, strict=True)}
    if likes.others is not None:
        found |= {
            (users[u], items[i]): {SEEN: "seen", DISLIKE: "dislike"}[int(k)]
            for u, i, k in zip(*likes.others.pairs(), likes.others.kinds.data, strict=True)
        }
    return found


EXPECTED = {
    ("a", "x"): 4.0, ("a", "y"): "dislike", ("a", "z"): 2.0, ("b", "x"): 1.0, ("b", "w"): "seen", ("b", "y"): 1.0,
    ("c", "z"): "seen", ("c", "x"): 2.0,
}  # fmt: skip


@pytest.mark.parametrize("given", [WEIGHTS, as_text(WEIGHTS), [f"{name}={weight}" for name, weight in WEIGHTS.items()]])
def test_types_weigh_as_told_and_the_largest_of_a_pair_counts(given):
    data = Dataset.from_tables(events(), event="type", event_weights=given)
    assert pairs(data) == EXPECTED
    assert data.event_weights == WEIGHTS


def test_a_weight_of_the_event_multiplies_that_of_its_type():
    data = Dataset.from_tables(events(plays=[2.0] * len(ROWS)), event="type", event_weights=WEIGHTS, weight="plays")
    assert pairs(data)["a", "x"] == 8.0
    assert pairs(data)["a", "y"] == "dislike"


def test_sums_where_repeated_pairs_are_added():
    data = Dataset.from_tables(events(), event="type", event_weights=WEIGHTS, duplicates="sum")
    assert pairs(data)["a", "x"] == 5.0


def test_numbers_are_types_too():
    rows = [("a", "x", 1), ("a", "y", 4), ("b", "x", 2)]
    assert pairs(Dataset.from_tables(events(rows), event="type", event_weights={"1": 1, "2": 3, "4": -1})) == {
        ("a", "x"): 1.0, ("a", "y"): "dislike", ("b", "x"): 3.0
    }  # fmt: skip


def test_parts_of_a_folder_are_read_as_one_table(tmp_path):
    import pyarrow.parquet as pq

    (tmp_path / "shop" / "events").mkdir(parents=True)
    table = events()
    pq.write_table(table.slice(0, 4), tmp_path / "shop" / "events" / "0.parquet")
    pq.write_table(table.slice(4), tmp_path / "shop" / "events" / "1.parquet")
    opened = Dataset.open(tmp_path / "shop", event="type", event_weights=WEIGHTS)
    assert pairs(opened) == EXPECTED
    assert opened.event_weights == WEIGHTS


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("view", "TYPE=WEIGHT"),
        ("view=x", "TYPE=WEIGHT"),
        ({"view": "much"}, "must be a number"),
        ({"view": True}, "must be a number"),
        ({"view": float("inf")}, "must be a number"),
        ({"view": 1, " view ": 2}, "two weights"),
        ({"none": 1}, "takes an event back"),
        ({"": 1}, "no type of event"),
        ({"a,b": 1}, "no type of event"),
        ({"dismiss": -1}, "nothing would be liked"),
        (3, "must be a table of types"),
    ],
)
def test_weights_that_cannot_be_meant_are_refused(given, says):
    with pytest.raises(UsageError, match=says):
        event_weights_of(given)


def test_a_type_without_a_weight_is_not_guessed_at():
    with pytest.raises(DataError, match=r"row 3.*'dismis'.*no weight.*Did you mean 'dismiss'"):
        Dataset.from_tables(events([*ROWS[:2], ("a", "y", "dismis")]), event="type", event_weights=WEIGHTS)


@pytest.mark.parametrize("more", [{}, {"event": "type", "likes": ("buy",)}])
def test_weights_need_a_column_of_types_and_no_other_word_on_likes(more):
    with pytest.raises(UsageError, match="event_weights="):
        Dataset.from_tables(events(), event_weights=WEIGHTS, **more)


def test_a_model_keeps_the_table_in_its_folder_and_through_an_update(tmp_path):
    data = Dataset.from_tables(events(), event="type", event_weights=WEIGHTS)
    loaded = load(WMF(factors=2, iterations=2).fit(data).save(tmp_path / "model"))
    assert loaded.event_weights_ == WEIGHTS
    assert sorted(loaded.weights_) == [1, 1, 2, 2, 4]
    more = Dataset.from_tables(
        events([("a", "x", "rent"), ("d", "x", "view")]), event="type", event_weights={"rent": 9, "view": 1}
    )
    assert load(loaded.update(more).save(tmp_path / "next")).event_weights_ == {**WEIGHTS, "rent": 9}
    assert max(loaded.weights_) == 9
    plain = WMF(factors=2, iterations=2).fit(Dataset.from_tables(events([("a", "x", "like"), ("b", "x", "like")])))
    assert not plain.event_weights_
    assert b"event_weights" not in (plain.save(tmp_path / "plain") / "state.json").read_bytes()


def test_a_folder_with_weights_that_cannot_be_is_refused(tmp_path, monkeypatch):
    model = WMF(factors=2, iterations=2).fit(Dataset.from_tables(events(), event="type", event_weights=WEIGHTS))
    model.event_weights_ = {"view": "x"}
    with pytest.raises(ArtifactError, match="inconsistent"):
        load(model.save(tmp_path / "model"))


def test_heavier_types_pull_more():
    """Somebody who bought one thing and viewed another gets what goes with the bought one."""
    rows = [(f"p{n}", item, "buy") for n in range(8) for item in ("x", "x2")]
    rows += [(f"q{n}", item, "buy") for n in range(8) for item in ("y", "y2")]
    rows += [("me", "x", "buy"), ("me", "y", "view")]
    data = Dataset.from_tables(events(rows), event="type", event_weights={"view": 0.1, "buy": 8})
    known = data.interactions.matrix.toarray()[data.interactions.users.row("me", "user")]
    assert known.max() == 8
    assert np.isclose(known[known > 0].min(), 0.1)


@pytest.mark.parametrize("weight", [1234567 / 2, 0.1234567, 999_999.5, 1e-7, 3, 2.5])
def test_weights_as_text_lose_no_digit(weight):
    assert event_weights_of(as_text({"buy": weight})) == {"buy": weight}
