"""Exploration: shares and probabilities are exact, the draw follows from its word, and without it nothing changes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dualnet import Dataset, load
from dualnet.data.synthetic import blocks_world
from dualnet.errors import UsageError
from dualnet.models.catalogue import catalogue_of
from dualnet.models.registry import create
from dualnet.retrieval.exploring import counts_of, explored, with_pools
from dualnet.retrieval.questions import RecommendQuestion, SimilarQuestion

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module")
def model():
    """A content profile of 40 known and 8 new items."""
    world = blocks_world()
    likes = world.interactions
    kept = ~np.isin(likes.matrix.indices, np.arange(0, 48, 6))
    return create("content-profile").fit(Dataset(likes.keep(kept), world.items, name="blocks"))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 1])
@pytest.mark.parametrize("wanted", [{}, {"only": "new"}, {"new_share": 0.5}, {"exclude": ["i0-1"]}])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_probability_of_each_entry_is_that_with_which_it_is_shown(model, share, wanted, k):
    draws = 1500
    question = RecommendQuestion(user="u0-0", k=k, explore=share, **wanted)
    asked, pools = with_pools([question])
    answers = model._answering()(catalogue_of(model), asked)
    times, told = Counter(), {}
    lengths = set()
    for draw in range(draws):
        (found,) = explored([replace(question, draw=draw)], answers, pools)
        assert len(found) == len(set(found.ids)) == len(found.probabilities)
        lengths.add(len(found))
        times.update(found.ids)
        for key, odds in zip(found.ids, found.probabilities, strict=True):
            assert told.setdefault(key, odds) == odds
    assert len(lengths) == 1
    for key, odds in told.items():
        assert 0 < odds <= 1
        assert abs(times[key] / draws - odds) < 4.5 * np.sqrt(odds * (1 - odds) / draws) + 1e-9
    if sum(told.values()) > lengths.copy().pop() - 1e-9:  # everything that could be shown was
        assert sum(told.values()) == pytest.approx(lengths.pop())


def test_the_share_of_drawn_entries_is_the_share_that_was_asked_for():
    assert counts_of(0.3, 4, 100) == {1: pytest.approx(0.8), 2: pytest.approx(0.2)}
    assert counts_of(0.1, 10, 100) == {1: 1.0}
    assert counts_of(0.3, 10, 2) == {2: 1.0}
    assert counts_of(0.05, 10, 0) == {0: pytest.approx(1.0)}


def test_off_is_what_it_was_and_the_same_word_draws_the_same(model, tmp_path):
    plain = model.recommend("u1-0", k=5)
    assert plain.probabilities is None
    assert "probability" not in str(plain.to_json())
    again = [model.recommend("u1-0", k=5, explore=0.6, draw="r-1") for _ in range(3)]
    assert again[0] == again[1] == again[2]
    assert load(model.save(tmp_path / "model")).recommend("u1-0", k=5, explore=0.6, draw="r-1").ids == again[0].ids
    assert len({tuple(model.recommend("u1-0", k=5, explore=0.6, draw=n).ids) for n in range(20)}) > 5
    assert len({tuple(model.recommend("u1-0", k=5, explore=0.6).ids) for _ in range(20)}) > 5
    entries = again[0].to_json()["items"]
    assert [entry["probability"] for entry in entries] == again[0].probabilities
    assert again[0][:2].probabilities == again[0].probabilities[:2]
    assert again[0].to_arrow().column_names[-1] == "probability"
    several = model.recommend(["u0-0", "u1-0"], k=5, explore=0.6, draw="r-1")
    assert several[1].ids == again[0].ids


def test_the_last_places_are_drawn_and_the_first_are_the_best(model):
    best = model.recommend("u2-0", k=6).ids
    for draw in range(20):
        found = model.recommend("u2-0", k=6, explore=1 / 3, draw=draw)
        assert found.ids[:4] == best[:4]
        assert found.paths[4:] == ["content", "content"]
        assert found.probabilities[:4] == [1, 1, 1, 1]


@pytest.mark.parametrize("places", [[6], [5, 6], [1, 3], [4, 5, 6]])
@pytest.mark.parametrize("share", [1 / 3, 0.6, 1])
def test_a_pin_keeps_its_place_and_the_probabilities_stay_exact(model, places, share):
    best = model.recommend("u2-0", k=12).ids
    pins = [{"item": best[11 - at], "place": place} for at, place in enumerate(places)]
    rules = {"pin": pins, "quotas": [{"kind": "new", "at_least": 1}]}
    times, told, draws = Counter(), {}, 400
    for draw in range(draws):
        found = model.recommend("u2-0", k=6, explore=share, draw=draw, rules=rules)
        assert [found.ids[place - 1] for place in places] == [pin["item"] for pin in pins]
        assert len(set(found.ids)) == 6 == len(found.rules)
        assert all((by == ["explore"]) <= (path == "content") for by, path in zip(found.rules, found.paths, strict=True))
        assert sum(path == "content" for path in found.paths) >= 1
        times.update(found.ids)
        told |= dict(zip(found.ids, found.probabilities, strict=True))
    assert all(told[pin["item"]] == 1 for pin in pins)
    for key, odds in told.items():
        assert abs(times[key] / draws - odds) < 4.5 * np.sqrt(odds * (1 - odds) / draws) + 1e-9


@pytest.mark.parametrize(
    "quota",
    [
        {"kind": "new", "at_most": 2},
        {"kind": "new", "at_least": 1, "at_most": 3},
        {"kind": "known", "at_least": 2},
        {"items": ["i0-1"], "at_least": 1},
    ],
)
def test_a_quota_that_what_is_drawn_could_break_is_refused(model, quota):
    with pytest.raises(UsageError, match="explore draws items that the rule"):
        model.recommend("u2-0", k=6, explore=0.3, rules={"quotas": [quota]})


@pytest.mark.parametrize("name", ["wmf", "popularity"])
def test_where_nothing_is_new_nothing_is_drawn(name):
    known = create(name).fit(blocks_world())
    found = known.recommend("u0-0", k=5, explore=0.5, draw=1)
    assert found.ids == known.recommend("u0-0", k=5).ids
    assert found.probabilities == [1.0] * 5


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"explore": -0.1}, "from 0 to 1"),
        ({"explore": 1.5}, "from 0 to 1"),
        ({"explore": "much"}, "from 0 to 1"),
        ({"explore": True}, "from 0 to 1"),
        ({"explore": float("nan")}, "from 0 to 1"),
        ({"explore": 0.1, "only": "known"}, "forbids"),
        ({"explore": 0.1, "draw": 1.5}, "text or a whole number"),
        ({"explore": 0.1, "k": 0}, "k must be"),
    ],
)
def test_what_cannot_be_explored_is_refused(model, given, says):
    with pytest.raises(UsageError, match=says):
        model.recommend("u0-0", **given)


def test_questions_that_explore_stand_beside_others(model):
    plain = RecommendQuestion(user="u0-0", k=3)
    asked = [
        replace(plain, explore=0.5, draw=1),
        SimilarQuestion(item="i0-1", k=3),
        plain,
        replace(plain, user="nobody", explore=0.5),
    ]
    answers = model._answering()(catalogue_of(model), asked)
    assert [type(answer).__name__ for answer in answers] == [
        "Recommendations",
        "Recommendations",
        "Recommendations",
        "UnknownIdError",
    ]
    assert answers[2].ids == model.recommend("u0-0", k=3).ids
