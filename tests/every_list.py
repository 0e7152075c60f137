"""The best list under rules, found by trying every list of a small world: the definition in `rules.Rules`, word by word."""

from itertools import combinations

import numpy as np

from dualnet.rules.quotas import Cap

SLACK = 1e-9  # merits that are nearer than this are too near to call


def cap(groups, most, text="cap"):
    starts = np.concatenate([[0], np.cumsum([len(of) for of in groups])]).astype(np.int64)
    return Cap(starts, np.array([group for of in groups for group in of], np.int64), most, text)


def groups_of(one, item):
    return one.groups[one.starts[item] : one.starts[item + 1]].tolist()


class Brute:
    """The definition, word by word, by trying everything."""

    def __init__(self, question, slack=SLACK):
        self.q, self.slack = question, slack
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
                i != best and merits[i][0] == merits[best][0] and abs(merits[i][1] - merits[best][1]) < self.slack for i in able
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
