"""A stored history is shown the newest first, through saving, updating, forgetting, and what is told to the server."""

import numpy as np
import pyarrow as pa
import pytest

from dualnet import WMF, Dataset, load
from dualnet.models.registry import create
from dualnet.serve.live_state import LiveState, by_key

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
DAY = 86_400
START = 1_600_000_000
TAKEN = {"ann": ["i10", "i2", "i9", "i1"], "bob": ["i3", "i10"], "cyd": ["i2", "i1", "i3"]}  # the oldest first


def table(taken, *, start=START, times=True):
    rows = [(user, item, start + DAY * at) for user, items in taken.items() for at, item in enumerate(items)]
    users, items, when = zip(*rows, strict=True)
    columns = {"user_id": users, "item_id": items} | ({"time": when} if times else {})
    return Dataset.from_tables(
        pa.table({name: list(values) for name, values in columns.items()}),
        **({"time": "time", "time_format": "s"} if times else {}),
    )


def fitted(**how):
    return WMF(factors=2, iterations=2).fit(table(TAKEN, **how))


def shown(model, user, serving, tmp_path, told=()):
    async def scenario(service):
        if told:
            await service.add_events(list(told))
        return [card["item"] for card in (await service.user_history(user)).body["items"]]

    return serving(model.save(tmp_path / "model"), scenario)


@pytest.mark.parametrize("user", TAKEN)
def test_by_time_and_not_by_id(user, serving, tmp_path):
    assert shown(fitted(), user, serving, tmp_path) == TAKEN[user][::-1]


@pytest.mark.parametrize("start", [-5 * DAY, 2**32], ids=["before 1970", "after 2106"])
def test_by_times_of_any_century(start, serving, tmp_path):
    model = fitted(start=start)
    assert model.times_.dtype == np.int64
    assert shown(model, "ann", serving, tmp_path) == TAKEN["ann"][::-1]


@pytest.mark.parametrize(
    ("told", "first"),
    [
        ([("ann", "i3")], ["i3", "i1"]),
        ([("cyd", "i10"), ("cyd", "i9")], ["i9", "i10", "i3"]),  # the last that was told first
        ([("cyd", "i10", None, START + 1), ("cyd", "i9")], ["i9", "i3", "i1", "i10", "i2"]),  # told late, of long ago
        ([("cyd", "i10", None, START + 9 * DAY), ("cyd", "i9")], ["i9", "i10"]),
        ([("new", "i1"), ("new", "i10"), ("new", "i2")], ["i2", "i10", "i1"]),
    ],
)
def test_what_was_told_meanwhile_has_its_place(told, first, serving, tmp_path):
    assert shown(fitted(), told[0][0], serving, tmp_path, told)[: len(first)] == first


def test_without_times_what_was_told_comes_first(serving, tmp_path):
    model = fitted(times=False)
    assert model.times_ is None

    rest = shown(model, "bob", serving, tmp_path)
    assert shown(fitted(times=False), "bob", serving, tmp_path / "again", [("bob", "i9"), ("bob", "i1")]) == ["i1", "i9", *rest]


def times_of(model, user):
    row = int(model.users_.find([user])[0])
    stored = slice(*model.histories_.indptr[row : row + 2])
    return dict(zip(model.items_.subset(model.histories_.indices[stored]).keys, model.times_[stored].tolist(), strict=True))


def test_an_update_keeps_the_times_and_takes_the_later(tmp_path):
    model = create("dualnet", levels=(4, 2), epochs=1, random_state=0).fit(table(TAKEN))
    later = START + 100 * DAY
    model.update(table({"bob": ["i1", "i10"], "dan": ["i4", "i2"]}, start=later), epochs=0)
    assert times_of(model, "ann") == {item: START + DAY * at for at, item in enumerate(TAKEN["ann"])}
    assert times_of(model, "bob") == {"i3": START, "i1": later, "i10": later + DAY}
    assert times_of(model, "dan") == {"i4": later, "i2": later + DAY}
    model.update(table({"cyd": ["i9"]}, times=False), epochs=0)
    assert times_of(model, "cyd")["i9"] == 0
    again = load(model.save(tmp_path / "model"))
    assert np.array_equal(again.times_, model.times_)


@pytest.mark.parametrize("start", [-500 * DAY, START, 2**32], ids=["before 1970", "today", "after 2106"])
def test_an_update_knows_times_of_any_century(start):
    model = create("dualnet", levels=(4, 2), epochs=1, random_state=0).fit(table(TAKEN, start=start))
    model.update(table({"bob": ["i1", "i10"]}, start=start + 100 * DAY), epochs=0)
    assert times_of(model, "bob") == {"i3": start, "i1": start + 100 * DAY, "i10": start + 101 * DAY}


def test_who_is_forgotten_takes_their_times_along():
    model = fitted()
    kept = {user: times_of(model, user) for user in ("ann", "cyd")}
    model.forget_users(["bob"])
    assert {user: times_of(model, user) for user in kept} == kept
    assert len(model.times_) == model.histories_.nnz


@pytest.mark.parametrize("told", ["ba", "abab", "cabbac", "-b-a", "zyx"])
def test_compaction_keeps_the_order_of_likes_whoever_told_them(told):
    """A restart reads what compaction wrote: the newest stays the newest where several keys tell of one person."""
    state, again = LiveState(), LiveState()
    for at, key in enumerate(told):
        state.apply(by_key(key.strip("-"), {"events": [["ann", f"i{at}"], ["bob", f"i{9 - at}"]]}))
    for change in state.changes():
        again.apply(change)
    assert [list(again.events[user].items()) for user in ("ann", "bob")] == [
        list(state.events[user].items()) for user in ("ann", "bob")
    ]
    assert again.usage == state.usage
    one = LiveState()
    one.apply(by_key("a", {"events": [["ann", "i1"], ["bob", "i2"], ["ann", "i3"]]}))
    assert len(list(one.changes())) == 1  # likes of one key stay together
