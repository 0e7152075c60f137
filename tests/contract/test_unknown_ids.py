"""Ids of a question that the catalogue does not know: one policy for history, exclude, candidates and seen, in every question."""

import warnings

import pytest

from dualnet.data.synthetic import blocks_world
from dualnet.errors import DualNetWarning, UnknownIdError, UsageError
from dualnet.models.registry import create

HISTORY = ["i0-1", "i0-2"]


@pytest.fixture(scope="module", params=["content-profile", "item-knn", "popularity"])
def fitted(request):
    return create(request.param).fit(blocks_world())


QUESTIONS = {
    "recommend": lambda model, **more: model.recommend(**{"history": HISTORY, "k": 4, **more}),
    "many": lambda model, **more: model.recommend(**{"histories": [HISTORY, HISTORY], "k": 4, **more})[1],
    "similar": lambda model, **more: model.similar_items(**{"item": "i0-1", "k": 4, **more}),
}


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize("argument", ["exclude", "candidates", "seen"])
def test_what_is_not_there_is_left_out_with_a_note(fitted, ask, argument):
    if (ask, argument) == ("similar", "seen"):
        pytest.skip("similar items know no seen ones")
    question = QUESTIONS[ask]
    good = ["i0-5", "i1-1", "i2-2", "i3-3", "i3-4"]
    plain = question(fitted, **{argument: good})
    with pytest.warns(DualNetWarning, match=f"{argument} has 1 id that is not known, which was left out: 'gone'"):
        found = question(fitted, **{argument: ["gone", *good, "gone"]})
    assert (found.ids, found.ignored) == (plain.ids, ["gone"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", DualNetWarning)
        silent = question(fitted, **{argument: ["gone", *good]}, unknown="ignore")
    assert (silent.ids, silent.ignored) == (plain.ids, ["gone"])
    assert silent.to_json()["ignored"] == ["gone"]
    with pytest.raises(UnknownIdError, match="unknown .* item 'gone'"):
        question(fitted, **{argument: ["gone", *good]}, unknown="error")


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_candidates_of_whom_none_is_there_list_nothing(fitted):
    assert fitted.recommend(history=HISTORY, candidates=["gone"]).ids == []
    assert fitted.recommend(history=HISTORY, candidates=[]).ids == []
    assert fitted.recommend_users("i0-1", candidates=["nobody"]).ignored == ["nobody"]


def test_a_history_is_refused_and_its_remedy_works(fitted):
    with pytest.raises(UnknownIdError, match="unknown item in the history 'gone'.*unknown='ignore'"):
        fitted.recommend(history=[*HISTORY, "gone"], k=3)
    found = fitted.recommend(history=["gone", *HISTORY], k=3, unknown="ignore")
    assert (found.ids, found.ignored) == (fitted.recommend(history=HISTORY, k=3).ids, ["gone"])
    empty = fitted.recommend(history=["gone"], k=3, unknown="ignore")
    assert (empty.resolved, empty.ignored) == ("fallback", ["gone"])
    scores = fitted.score(["i0-3"], history=[*HISTORY, "gone"], unknown="ignore")
    assert scores == fitted.score(["i0-3"], history=HISTORY)
    why = fitted.explain("i0-3", history=[*HISTORY, "gone"], unknown="ignore")
    assert why.score == pytest.approx(float(scores[0]))
    with pytest.raises(UnknownIdError, match="unknown item 'gone'"):
        fitted.score(["gone"], history=HISTORY, unknown="ignore")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"unknown": "drop"}, "unknown must be 'error' or 'ignore', got 'drop'"),
        ({"exclude": "i0-1"}, "exclude must be a list of ids, got the text 'i0-1'"),
        ({"exclude": 5}, "exclude must be a list of ids, got the int 5"),
        ({"candidates": {"i0-1": 1}}, "candidates must be a list of ids, got the dict"),
        ({"candidates": [["i0-1"]]}, "each a text or a whole number; got the list"),
        ({"seen": [None]}, "each a text or a whole number; got None in it"),
        ({"history": [1.5]}, "each a text or a whole number; got the float 1.5 in it"),
        ({"history": [True]}, "each a text or a whole number; got the bool True in it"),
    ],
)
def test_what_is_no_list_of_ids_is_said(fitted, question, words):
    with pytest.raises(UsageError) as raised:
        fitted.recommend(**{"history": HISTORY, **question})
    assert words in str(raised.value)


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_some_users_at_once(fitted):
    users = ["u1-1", "u0-0"]
    wanted = {
        "k": 3,
        "exclude": ["i1-2", "gone"],
        "candidates": ["i1-2", *(f"i{block}-{n}" for block in range(4) for n in range(6))],
    }
    rows = fitted.recommend_all(users=users, **wanted)
    lists = fitted.recommend(users=users, **wanted)
    assert [(row["user"], row["item"]) for row in rows] == [
        (user, item) for user, found in zip(users, lists, strict=True) for item in found.ids
    ]
    assert "i1-2" not in {row["item"] for row in rows} <= set(wanted["candidates"])
    assert fitted.recommend(users, **wanted).lists == lists.lists  # a list of users in the first place
    everybody = fitted.recommend_all(k=2, exclude=["i0-0"], only="known", popularity=0.5)
    assert "i0-0" not in {row["item"] for row in everybody}
    assert len({row["user"] for row in everybody}) == 40
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'"):
        fitted.recommend_all(users=["nobody"])


def test_only_new_items_for_somebody_of_whom_nothing_is_known():
    world = blocks_world()
    model = create("content-profile").fit(world)
    new = world.items.take([0, 1])
    model.add_items(type(new).from_rows(["n1", "n2"], {"title": [new.title(0), new.title(1)]}, new.spec))
    found = model.recommend(history=[], k=2, only="new")
    assert (found.ids, found.resolved) == (["n1", "n2"], "fallback")
    assert sum(key in ("n1", "n2") for key in model.recommend(history=[], k=4, new_share=0.5).ids) == 2
    everything = model.recommend(history=[], k=50)
    assert everything.ids[-2:] == ["n1", "n2"]
