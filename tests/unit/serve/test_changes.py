"""Putting, replacing, deleting and restoring items, and events: each view stays what it was, and replay gives the same."""

import unicodedata

import numpy as np
import pytest

from dualnet import load
from dualnet.errors import DataError, UnknownIdError
from dualnet.retrieval.questions import NewItem
from dualnet.retrieval.vectors import to_dense
from dualnet.serve.catalogue import open_catalogue, reopened
from dualnet.serve.changes import add_events, delete, put, replay
from dualnet.serve.live_state import LiveState
from dualnet.serve.replies import ModelLabel
from dualnet.serve.service_errors import ConflictError


def new(key, title="genomes sequencing alleles"):
    return NewItem(key, {"title": title})


def vector(catalogue, key):
    row = catalogue.row(key)
    return to_dense(catalogue.vectors[row : row + 1])[0]


def summary(catalogue):
    """Everything that decides answers, by id."""
    listed = [key for key in catalogue.lineage.ids[: catalogue.size] if (r := catalogue.find(key)) >= 0 and catalogue.listed[r]]
    users = [*catalogue.model.users_.keys[:5], *catalogue.new_users]
    return (
        {key: vector(catalogue, key).tobytes() for key in listed},
        {user: set(catalogue.keys(catalogue.history(user).tolist())) for user in users},
        {user: set(catalogue.keys(catalogue.seen(user).tolist())) for user in users},
        catalogue.n_items,
    )


@pytest.mark.parametrize("own", ["n1", "üser", "i0-0"])
def test_an_item_is_the_same_in_whatever_form_its_id_comes(catalogue, own):
    odd, state, view = unicodedata.normalize("NFD", f" {own}\t"), LiveState(), catalogue
    assert odd != own

    def make(change, *told):
        nonlocal view
        view, changes, outcome = change(view, *told)
        for each in changes:
            state.apply(each)
        assert summary(replay(reopened(catalogue), state)[0]) == summary(view)
        return outcome

    if own == "i0-0":
        assert make(delete, odd) == "hidden"
        assert make(put, [new(own)]) == ["restored"]
        assert make(delete, own) == "hidden"
        assert make(put, [new(odd)]) == ["restored"]
        return
    with pytest.raises(DataError, match="given more than once"):
        put(view, [new(own), new(odd)])
    assert make(put, [new(odd)]) == ["added"]
    assert make(put, [new(own, "proteins folding residues")]) == ["replaced"]
    assert list(state.items) == [own]
    assert make(delete, odd) == "deleted"
    assert not state.items
    assert view.find(own) == -1
    assert make(put, [new(own)]) == ["added"]
    make(add_events, [("u", odd)])
    assert make(delete, own) == "deleted"
    assert make(put, [new(odd)]) == ["added"]
    assert view.keys(view.history("u").tolist()) == [own]


def test_a_replaced_item_has_its_new_content_and_earlier_views_the_old(catalogue):
    first, _, outcome = put(catalogue, [new("n1"), new("n2")])
    assert outcome == ["added", "added"]
    old = vector(first, "n1")
    second, changes, outcome = put(first, [new("n1", "proteins folding residues")])
    assert outcome == ["replaced"]
    assert changes == [{"put": [["n1", {"title": "proteins folding residues"}]]}]
    np.testing.assert_array_equal(vector(first, "n1"), old)
    assert np.abs(vector(second, "n1") - old).max() > 0.1
    assert (first.n_items, second.n_items, catalogue.n_items) == (50, 50, 48)
    assert second.titles([second.row("n1")]) == ["proteins folding residues"]
    with pytest.raises(UnknownIdError):
        catalogue.row("n1")


def test_histories_follow_a_replaced_item_and_lose_a_deleted_one(catalogue):
    view, _, _ = put(catalogue, [new("n1"), new("n2")])
    view, _, _ = add_events(view, [("x", "n1"), ("x", "n2"), ("x", "i0-1")])
    view, _, _ = put(view, [new("n1", "proteins")])
    assert set(view.keys(view.history("x").tolist())) == {"n1", "n2", "i0-1"}
    gone, changes, how = delete(view, "n2")
    assert (changes, how) == ([{"delete": "n2"}], "deleted")
    assert set(gone.keys(gone.history("x").tolist())) == {"n1", "i0-1"}
    with pytest.raises(UnknownIdError, match="unknown item 'n2'"):
        delete(gone, "n2")
    back, _, outcome = put(gone, [new("n2")])
    assert outcome == ["added"]
    assert set(back.keys(back.history("x").tolist())) == {"n1", "n2", "i0-1"}
    assert set(view.keys(view.history("x").tolist())) == {"n1", "n2", "i0-1"}


def test_items_of_the_model_are_hidden_restored_and_never_replaced(catalogue):
    with pytest.raises(ConflictError, match="'i0-1' is one that the model was trained on"):
        put(catalogue, [new("n1"), new("i0-1")])
    hidden, changes, how = delete(catalogue, "i0-1")
    assert (changes, how, hidden.n_items) == ([{"delete": "i0-1"}], "hidden", 47)
    assert not hidden.listed[hidden.row("i0-1")]
    with pytest.raises(UnknownIdError, match="was deleted before"):
        delete(hidden, "i0-1")
    restored, changes, outcome = put(hidden, [new("i0-1", "anything")])
    assert (changes, outcome) == ([{"restore": "i0-1"}], ["restored"])
    np.testing.assert_array_equal(vector(restored, "i0-1"), vector(catalogue, "i0-1"))
    assert restored.listed.all()


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([new("a"), new("a")], "'a' is given more than once"),
        ([NewItem(5, {"title": "x"})], "item ids of this model are text, got 5"),
        ([NewItem("a", {})], "item 'a' has no content; give at least one of title, tags"),
        ([NewItem("a", {"titel": "x"})], "Did you mean 'title'"),
        ([NewItem("a", {"title": True})], "content 'title' of 'a' is True, not text; turn the column into text"),
        (
            [NewItem("a", {"title": "x", "year": "long ago"})],
            "content 'year' of 'a' is 'long ago', not a number; leave the cell empty",
        ),
        (
            [NewItem("a", {"title": "x", "tags": [1, {}]})],
            "content 'tags' of 'a' is .1, {}., an object without a name; give tags as texts",
        ),
        ([NewItem("", {"title": "x"})], "an id is empty"),
        ([NewItem("x" * 2000, {"title": "x"})], "longer than 1024 bytes"),
    ],
)
def test_all_or_nothing(catalogue, items, text):
    with pytest.raises(DataError, match=text) as caught:
        put(catalogue, [new("good"), *items])
    assert len(str(caught.value)) < 400
    assert catalogue.find("good") == -1
    view, _, _ = put(catalogue, [new("other")])
    assert view.keys([48]) == ["other"]
    assert view.find("good") == -1


def test_events_are_appended_once(catalogue):
    user = catalogue.model.users_.key(0)
    old = catalogue.keys(catalogue.history(user).tolist())
    fresh = next(key for key in catalogue.lineage.ids if key not in old)
    view, changes, counts = add_events(catalogue, [(user, fresh), (user, old[0]), (user, fresh), ("y", fresh)])
    assert counts == {"added": 2, "repeated": 2, "new_users": 1}
    assert changes == [{"events": [[user, fresh], ["y", fresh]]}]
    assert (catalogue.n_users, view.n_users) == (40, 41)
    assert len(view.history(user)) == len(old) + 1
    assert len(catalogue.history(user)) == len(old)
    assert add_events(view, [("y", fresh)])[1] == []
    with pytest.raises(UnknownIdError, match="unknown item 'nothing'"):
        add_events(view, [("z", fresh), ("z", "nothing")])
    with pytest.raises(DataError, match="user ids of this model are text, got 7"):
        add_events(view, [(7, fresh)])


def test_replaying_what_was_said_gives_the_same_catalogue(catalogue):
    rng = np.random.default_rng(0)
    state, view = LiveState(), catalogue
    words = ["genomes", "sequencing", "proteins", "folding", "neurons", "cortex", "immunity", "antibodies"]
    for step in range(300):
        key = f"n{rng.integers(12)}"
        try:
            kind = rng.integers(5)
            if kind == 0:
                items = [new(f"n{n}", " ".join(rng.choice(words, 3))) for n in {int(n) for n in rng.integers(12, size=2)}]
                view, changes, _ = put(view, items)
            elif kind == 1:
                view, changes, _ = delete(view, key if rng.random() < 0.7 else f"i0-{rng.integers(12)}")
            elif kind == 2:
                view, changes, _ = put(view, [new(f"i0-{rng.integers(12)}")])
            elif kind == 3:
                view, changes, _ = add_events(view, [(f"u0-{rng.integers(9)}", key), (f"x{rng.integers(3)}", key)])
            else:
                what = rng.choice(["seen", "dislike", "none", "like"], 2).tolist()
                told = [(f"u0-{rng.integers(5)}", key, what[0]), (f"x{rng.integers(3)}", f"i1-{rng.integers(9)}", what[1])]
                view, changes, _ = add_events(view, told)
        except (UnknownIdError, ConflictError):
            continue
        for change in changes:
            state.apply(change)
        if step % 60 == 59:
            again, left_out = replay(reopened(catalogue), state)
            assert left_out == 0
            assert summary(again) == summary(view)
            short = LiveState()
            for change in state.changes():
                short.apply(change)
            assert summary(replay(reopened(catalogue), short)[0]) == summary(view)


def test_replay_onto_a_model_that_knows_more_or_less(folder_of, catalogue):
    state = LiveState()
    for change in (
        {"put": [["n1", {"title": "genomes"}], ["i0-2", {"title": "other"}], ["n3", {"title": True}], ["n4", {"odd": "x"}]]},
        {"delete": "i0-3"}, {"delete": "never"}, {"events": [["x", "n1"], ["x", "i0-2"], ["x", "gone"]]},
    ):  # fmt: skip
        state.apply(change)
    own = vector(catalogue, "i0-2")
    view, left_out = replay(reopened(catalogue), state)
    assert left_out == 2  # n3 and n4 do not fit
    np.testing.assert_array_equal(vector(view, "i0-2"), own)  # trained: taken from the model
    assert set(view.keys(view.history("x").tolist())) == {"n1", "i0-2"}
    assert not view.listed[view.row("i0-3")]
    without, left_out = replay(open_catalogue(load(folder_of("wmf")), ModelLabel("wmf", "1")), state)
    assert left_out == 3
    assert without.keys(without.history("x").tolist()) == ["i0-2"]
