"""A list under rules is exactly the best list that the definition in `rules.Rules` gives: all lists of small worlds are tried."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dualnet.rules.applying import Raised, RuledQuestion, ruled_list
from dualnet.rules.quotas import Cap, Need, QuotaState
from tests.every_list import Brute, cap


@st.composite
def questions(draw, diverse=False, needs=True):
    n = draw(st.integers(1, 7))
    k = draw(st.integers(1, 5))
    scores = np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), float)
    boosts = [
        Raised(np.array(draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, -0.5, 2.0]), min_size=n, max_size=n))), f"boost {at}")
        for at in range(draw(st.integers(0, 2)))
    ]
    order = draw(st.permutations(range(n)))
    n_pins = draw(st.integers(0, min(2, n, k)))
    places = draw(st.permutations(range(k)))[:n_pins]
    pins = [(place, order[at], f"pin {at}") for at, place in enumerate(places)]
    reserved = np.array(sorted(order[n_pins : n_pins + draw(st.integers(0, 1))]), np.int64)
    groups = st.lists(st.lists(st.integers(0, 2), max_size=2, unique=True), min_size=n, max_size=n)
    caps = [cap(draw(groups), draw(st.integers(0, 3)), f"cap {at}") for at in range(draw(st.integers(0, 2)))]
    wanted = [
        Need(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))), draw(st.integers(0, 4)), f"need {at}")
        for at in range(draw(st.integers(0, 3)) if needs else 0)
    ]
    angles = np.array(draw(st.lists(st.integers(0, 40), min_size=n, max_size=n))) * 0.077
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return RuledQuestion(
        scores=scores, k=k, boosts=boosts, pins=pins, reserved=reserved, caps=caps, needs=wanted,
        diversity=draw(st.sampled_from([0.2, 0.5, 0.9, 1.0])) if diverse else 0.0,
        among=draw(st.integers(1, 7)), likeness=lambda one, others: vectors[others] @ vectors[one],
    )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(questions())
def test_the_list_is_the_best_permitted_one(question):
    brute = Brute(question)
    found = ruled_list(question)
    assert found.chosen.tolist() == brute.best()
    pinned = set(brute.pinned)
    assert [i for i in found.chosen.tolist() if i not in pinned] == brute.lexicographic()
    short = [need.text for need, called in zip(question.needs, brute.called, strict=True) if called < need.least]
    assert [text for text in short if not any(told.startswith(text) for told in found.unmet)] == []


@settings(max_examples=100, deadline=None)
@given(questions(diverse=True))
def test_diversity_is_maximal_marginal_relevance_among_permitted_lists(question):
    best = Brute(question).best()
    if best is not None:
        assert ruled_list(question).chosen.tolist() == best


@settings(max_examples=50, deadline=None)
@given(questions())
def test_what_is_tried_first_does_not_matter(question):
    """The witness and the quick ways out are only quick: without them, by programs alone, the list is the same."""
    assume(question.caps)  # without caps trying the best first is exact
    quick = ruled_list(question).chosen.tolist()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(QuotaState, "_greedy", lambda *_: None)
        patched.setattr(QuotaState, "_kept", lambda *_: None)
        patched.setattr(QuotaState, "_single", lambda _: False)
        assert ruled_list(question).chosen.tolist() == quick


@given(questions())
def test_entries_say_what_put_them_there(question):
    found = ruled_list(question)
    assert len(found.by) == len(found.score_ranks) == len(found.chosen)
    for place, item, text in question.pins:
        at = found.chosen.tolist().index(item)
        assert text in found.by[at]
        assert at <= place
    for at, item in enumerate(found.chosen.tolist()):
        assert found.score_ranks[at] == 1 + int((question.scores > question.scores[item]).sum())
        assert [rule.text for rule in question.boosts if rule.amount[item]] == [
            text for text in found.by[at] if text.startswith("boost")
        ]


def test_a_cap_that_refuses_nearly_everything_takes_no_search():
    n = 50_000
    rng = np.random.default_rng(0)
    members = rng.random(n) < 0.999
    question = RuledQuestion(scores=rng.normal(size=n), k=20, caps=[Cap.of(members, 1, "at most 1")])
    found = ruled_list(question)
    assert members[found.chosen].sum() == 1
    assert len(found.chosen) == 20


def test_many_quotas_that_cannot_be_met_do_not_hide_those_that_can():
    """Each of them has its own search; what the one needs is not taken from the next."""
    n, groups = 400, 20
    group = np.arange(n) % (groups + 5)
    needs = [Need(group == at, 30, f"need {at}") for at in range(groups)]  # 16 of each are there
    clash = [Cap.of(group == at, 9, f"cap {at}") for at in range(groups)]
    found = ruled_list(RuledQuestion(scores=-np.arange(n, dtype=float), k=300, caps=clash, needs=needs))
    assert [text for text in found.unmet if "need" in text] == [
        f"need {at}: the items that may be listed allow 9 only" for at in range(groups)
    ]
    assert all((group[found.chosen] == at).sum() == 9 for at in range(groups))


@pytest.mark.parametrize("limit", ["MOST_SEARCHES", "MOST_PROGRAMS"])
def test_a_search_that_is_given_up_is_told(monkeypatch, limit):
    monkeypatch.setattr(f"dualnet.rules.quotas.{limit}", 0)
    monkeypatch.setattr(QuotaState, "_greedy", lambda *_: None)
    needs = [Need(np.array([False, True, True]), 1, "one"), Need(np.array([True, True, False]), 1, "two")]
    question = RuledQuestion(scores=np.array([3.0, 2.0, 1.0]), k=2, needs=needs, caps=[cap([[0], [0, 1], [1]], 1)])
    assert any("a better one may be possible" in told for told in ruled_list(question).unmet)
    monkeypatch.undo()
    assert not any("a better one may be possible" in told for told in ruled_list(question).unmet)
