"""A list under rules is exactly the best list that the definition in `rules.Rules` gives: all lists of small worlds are tried."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dualnet.rules.applying import Raised, RuledQuestion, ruled_list
from dualnet.rules.quotas import Cap, Need, QuotaState

SLACK = 1e-9


def cap(groups, most, text="cap"):
    starts = np.concatenate([[0], np.cumsum([len(of) for of in groups])]).astype(np.int64)
    return Cap(starts, np.array([group for of in groups for group in of], np.int64), most, text)


def groups_of(one, item):
    return one.groups[one.starts[item] : one.starts[item + 1]].tolist()


class Brute:
    """The definition, word by word, by trying everything."""

    def __init__(self, question):
        self.q = question
        self.n = len(question.scores)
        self.k = min(question.k, self.n)
        self.values = np.asarray(question.scores, float)
        if question.boosts:
            self.values = self.values + (self.values.std() or 1.0) * sum(one.amount for one in question.boosts)
        self.pinned = [item for _, item, _ in question.pins]
        self.others = [i for i in range(self.n) if i not in self.pinned and i not in set(question.reserved.tolist())]
        self.sets = [
            frozenset(some)
            for size in range(self.k - len(self.pinned) + 1)
            for some in combinations(self.others, size)
            if self.caps_hold(some)
        ]
        self.called = []
        for need in question.needs:  # one after the other, as many as there can be
            before = self.called
            most = max(
                self.count(need, some)
                for some in self.sets
                if all(self.count(question.needs[b], some) >= c for b, c in enumerate(before))
            )
            self.called = [*before, min(need.least, most)]
        self.permitted = [
            some
            for some in self.sets
            if all(self.count(need, some) >= c for need, c in zip(question.needs, self.called, strict=True))
        ]

    def count(self, need, some):
        return sum(bool(need.members[i]) for i in (*some, *self.pinned))

    def caps_hold(self, some):
        for one in self.q.caps:
            counts = {}
            for i in (*some, *self.pinned):
                for group in groups_of(one, i):
                    counts[group] = counts.get(group, 0) + 1
            for i in some:  # pins alone may break it, nothing else may add to that
                if any(counts[group] > one.most for group in groups_of(one, i)):
                    return False
        return True

    def completable(self, taken):
        return any(some.issuperset(taken) for some in self.permitted)

    def merits(self, taken):
        """Return the merit of each candidate for the next place; those outside of the pool come behind all in it."""
        order = sorted(self.others, key=lambda i: (-self.values[i], i))
        if not self.q.diversity or not order:
            return {i: (0, self.values[i], -i) for i in order}
        pool = order[: max(self.q.among, self.q.k)]
        least, most = self.values[pool].min(), self.values[pool].max()
        found = {}
        for i in order:
            if i not in pool:
                found[i] = (-1, self.values[i], -i)
                continue
            relevance = (self.values[i] - least) / (most - least) if most > least else 0.0
            near = max((float(self.q.likeness(j, np.array([i]))[0]) for j in (*self.pinned, *taken)), default=0.0)
            found[i] = (0, (1 - self.q.diversity) * relevance - self.q.diversity * near, -i)
        return found

    def free_places(self):
        """Return what is at the free places; None where two merits are too near to call."""
        taken = []
        while len(taken) < self.k - len(self.pinned):
            merits = self.merits(taken)
            able = [i for i in self.others if i not in taken and self.completable([*taken, i])]
            if not able:
                break
            best = max(able, key=lambda i: merits[i])
            if self.q.diversity and any(
                i != best and merits[i][0] == merits[best][0] and abs(merits[i][1] - merits[best][1]) < SLACK for i in able
            ):
                return None
            taken.append(best)
        return taken

    def best(self):
        taken = self.free_places()
        if taken is None:
            return None
        total = len(taken) + len(self.pinned)
        by_place = {place: item for place, item, _ in self.q.pins}
        found, rest = [], list(taken)
        for place in range(total):
            if place in by_place:
                found.append(by_place.pop(place))
            elif rest:
                found.append(rest.pop(0))
        return found + rest + [item for _, item in sorted(by_place.items())]

    def lexicographic(self):
        """Return the permitted set that no other is better than at the first place at which they differ: without diversity."""

        def as_list(some):
            return sorted(some, key=lambda i: (-self.values[i], i))

        def key(some):
            ordered = as_list(some)
            return [(self.values[i], -i) for i in ordered]

        return as_list(max(self.permitted, key=key))


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
