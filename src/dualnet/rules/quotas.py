"""Quotas of one list: what may still be taken so that a permitted list can be completed.

A *witness* is kept all along: items that would meet all that is still called for. What comes next may be taken if a witness is left or
another is found: by trying the best items first, and where that does not settle it by an integer program over kinds of
items that count alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_SEARCHES = 40  # for another witness of one list; after them only what leaves the witness whole is taken
MOST_PROGRAMS = 10  # integer programs among them
MOST_NODES = 200  # of one program: it is given up as if nothing could be completed

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cap:
    """At most `most` items of each of some groups.

    Parameters
    ----------
    starts : ndarray of int64, shape (n + 1,)
        The groups of candidate i are ``groups[starts[i]:starts[i + 1]]``.
    groups : ndarray of int64
    most : int
    text : str
        The rule.
    """

    starts: Places
    groups: Places
    most: int
    text: str

    @classmethod
    def of(cls, members: Mask, most: int, text: str) -> Cap:
        """Return the cap of one group."""
        return cls(np.concatenate([[0], np.cumsum(members)]), np.zeros(int(members.sum()), np.int64), most, text)


@dataclass(frozen=True, eq=False)
class Need:
    """At least `least` items of a group.

    Parameters
    ----------
    members : ndarray of bool, shape (n,)
    least : int
    text : str
        The rule.
    silent : bool
        Whether nothing is said where there are too few.
    """

    members: Mask
    least: int
    text: str
    silent: bool = False


class Descending:
    """Places of some values from the largest down, ties by place; only as many are sorted as are asked for."""

    def __init__(self, values: NDArray[np.float64], places: Places, first: int) -> None:
        self._values, self._places, self._first = values, places, first
        self._sorted = self._all = len(places) <= first
        self._best = self._in_order(places) if self._all else places

    def __iter__(self) -> Iterator[int]:
        done = 0
        if not self._sorted:
            values = self._values[self._places]
            least = np.partition(values, len(values) - self._first)[len(values) - self._first]
            self._best = self._in_order(self._places[values >= least])  # all that are tied with the last
            self._sorted = True
        for place in self._best[done:].tolist():
            yield place
            done += 1
        if not self._all:
            self._best, self._all = self._in_order(self._places), True
        yield from self._best[done:].tolist()

    def _in_order(self, places: Places) -> Places:
        return places[np.argsort(-self._values[places], kind="stable")]


@dataclass(eq=False)
class QuotaState:
    """What is on a list so far, and what it still needs.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Of the candidates: better ones are tried first.
    free : int
        Places that are left.
    caps : sequence of Cap
    needs : sequence of Need
        Each still called for, less what is on the list.
    away : ndarray of bool, shape (n,)
        Candidates that may not be taken.
    """

    values: NDArray[np.float64]
    free: int
    caps: Sequence[Cap]
    needs: Sequence[Need]
    away: Mask
    witness: list[int] = field(default_factory=list)
    cut_short: bool = False  # whether a search was given up, so that there may be a better list
    _programs: int = 0
    _searches: int = 0

    def __post_init__(self) -> None:
        self._counts = [np.zeros(int(cap.groups.max(initial=-1)) + 1, np.int64) for cap in self.caps]
        self._open = [need.least for need in self.needs]
        self._refused: set[int] = set()
        self._held_for: list[int] | None = None
        self._signs: NDArray[np.int64] | None = None
        self._by_sign: dict[int, Descending] = {}

    def put(self, place: int) -> None:
        """Count an item that is on the list whatever the quotas are."""
        self.free -= 1
        self.away[place] = True
        for cap, counts in zip(self.caps, self._counts, strict=True):
            counts[cap.groups[cap.starts[place] : cap.starts[place + 1]]] += 1
        self._open = self._less(self._open, [place])

    def broken(self) -> list[str]:
        """Return the caps that what was put breaks."""
        return [cap.text for cap, counts in zip(self.caps, self._counts, strict=True) if counts.max(initial=0) > cap.most]

    def settle(self) -> list[tuple[Need, int]]:
        """Call for no more than there can be, need after need; return those for which that is less, with how many there can be."""
        short = []
        asked, self._open = self._open, [0] * len(self._open)
        for at, need in enumerate(self.needs):
            on_list = need.least - asked[at]
            there = int((np.asarray(need.members, bool) & ~self.away).sum())
            low, high = 0, min(max(asked[at], 0), self.free, there)
            target, self._searches = high, 0
            while target > low:  # the most for which a witness is found: first all, then halves
                self._open[at] = target
                found = self._search([], self._open, self.free)
                if found is None:
                    high = target - 1
                else:
                    self.witness, low = found, target
                target = (low + high + 1) // 2
            self._open[at] = low
            if low < asked[at]:
                short.append((need, on_list + low))
        self._searches = self._programs = 0
        return short

    def hinders(self, place: int) -> str:
        """Return the first cap that an item would break, empty if none."""
        for cap, counts in zip(self.caps, self._counts, strict=True):
            mine = cap.groups[cap.starts[place] : cap.starts[place + 1]]
            if len(mine) and counts[mine].max() >= cap.most:
                return cap.text
        return ""

    def serves(self, place: int) -> list[str]:
        """Return what is still called for and an item counts for."""
        return [need.text for need, left in zip(self.needs, self._open, strict=True) if left > 0 and need.members[place]]

    def take(self, place: int) -> bool:
        """Take an item that no cap hinders, if a permitted list can still be completed; else nothing changes."""
        if self.free < 1:
            return False
        left = self._less(self._open, [place])
        if place in self.witness:
            found: list[int] | None = [other for other in self.witness if other != place]
        elif not any(value > 0 for value in left):
            found = []
        else:
            sign = int(self._signs_of_all()[place])
            if sign in self._refused:
                return False
            if left == self._open and len(self.witness) < self.free and self._beside_witness(place):
                self.put(place)
                return True
            found = self._kept(place, left)
            if found is None:
                found = self._search([place], left, self.free - 1)
            if found is None and self._search([], left, self.free - 1) is None:
                self._refused.add(sign)  # there is no place for any that counts like it
        if found is None:
            return False
        self.witness = found
        self.put(place)
        return True

    def _beside_witness(self, place: int) -> bool:
        """Whether no cap is broken by an item and the witness together."""
        if self._held_for is not self.witness:
            self._held: list[dict[int, int]] = [{} for _ in self.caps]
            for other in self.witness:
                self._add(self._held, other)
            self._held_for = self.witness
        return self._room(self._held, place)

    def hopeless(self) -> Mask:
        """Return which candidates will not be taken any more, as far as that is known."""
        mask = self.away.copy()
        for cap, counts in zip(self.caps, self._counts, strict=True):
            full = np.concatenate([[0], np.cumsum(counts[cap.groups] >= cap.most)])
            mask |= full[cap.starts[1:]] > full[cap.starts[:-1]]
        if self._refused:
            mask |= np.isin(self._signs_of_all(), list(self._refused))
        return mask

    def _less(self, needed: Sequence[int], places: Iterable[int]) -> list[int]:
        return [
            left - sum(bool(need.members[place]) for place in places) for need, left in zip(self.needs, needed, strict=True)
        ]

    def _kept(self, place: int, left: list[int]) -> list[int] | None:
        """Return what of the witness is still needed beside an item, None if that does not fit."""
        kept: list[int] = []
        for other in self.witness:
            if any(value > 0 and need.members[other] for need, value in zip(self.needs, left, strict=True)):
                kept.append(other)
                left = self._less(left, [other])
        fits = len(kept) <= self.free - 1 and not any(value > 0 for value in left)
        return kept if fits and self._permitted([place, *kept]) else None

    def _permitted(self, places: Sequence[int]) -> bool:
        """Whether no cap is broken by some items together."""
        for cap, counts in zip(self.caps, self._counts, strict=True):
            more = np.zeros_like(counts)
            for place in places:
                more[cap.groups[cap.starts[place] : cap.starts[place + 1]]] += 1
            if ((counts + more > cap.most) & (more > 0)).any():
                return False
        return True

    def _search(self, beside: list[int], left: list[int], free: int) -> list[int] | None:
        """Return at most `free` items that meet all that is `left` to call for, beside some that are taken; None if there are none."""
        called = [at for at, value in enumerate(left) if value > 0]
        if not called:
            return []
        if max(left) > free:
            return None
        if self._searches >= MOST_SEARCHES:
            self.cut_short = True
            return None
        self._searches += 1
        signs = self._signs_of_all()
        wanted = sum(1 << at for at in called)
        kinds = [sign for sign in self._by_sign if sign & wanted]
        found = self._greedy(beside, free, left, sorted(kinds, key=lambda sign: -(sign & wanted).bit_count()))
        if found is not None:
            return found
        alone = all((sign & wanted).bit_count() == 1 for sign in kinds)
        if (alone and not self.caps) or (len(called) == 1 and len(self.caps) <= 1 and self._single()):
            return None  # trying the best first is exact there
        if self._programs >= MOST_PROGRAMS:
            self.cut_short = True
            return None
        self._programs += 1
        places = np.flatnonzero(((signs & wanted) > 0) & ~self.away)
        return self._program(beside, free, left, called, places[~np.isin(places, beside)])

    def _single(self) -> bool:
        """Whether no item is in two groups of one cap."""
        return all(np.diff(cap.starts).max(initial=0) <= 1 for cap in self.caps)

    def _signs_of_all(self) -> NDArray[np.int64]:
        """Return for each candidate which needs it counts for, a bit each."""
        if self._signs is None:
            self._signs = np.zeros(len(self.values), np.int64)
            for at, need in enumerate(self.needs):
                self._signs |= need.members.astype(np.int64) << at
            there = np.flatnonzero(~self.away)
            there = there[np.argsort(self._signs[there], kind="stable")]
            found, starts = np.unique(self._signs[there], return_index=True)
            for sign, places in zip(found.tolist(), np.split(there, starts[1:]), strict=False):
                self._by_sign[sign] = Descending(self.values, places, 4 * self.free + 64)
        return self._signs

    def _greedy(self, beside: list[int], free: int, left: list[int], kinds: Sequence[int]) -> list[int] | None:
        """Return such items, tried by how much they count for and then by value, or None if that leads to none."""
        added: list[dict[int, int]] = [{} for _ in self.caps]
        for place in beside:
            self._add(added, place)
        found: list[int] = []
        for sign in kinds:
            for place in self._by_sign[sign]:
                if not any(value > 0 and sign >> at & 1 for at, value in enumerate(left)):
                    break
                if len(found) == free:
                    return None
                if not self.away[place] and place not in beside and self._room(added, place):
                    self._add(added, place)
                    found.append(place)
                    left = self._less(left, [place])
        return None if any(value > 0 for value in left) else found

    def _room(self, added: list[dict[int, int]], place: int) -> bool:
        for cap, counts, more in zip(self.caps, self._counts, added, strict=True):
            for group in cap.groups[cap.starts[place] : cap.starts[place + 1]].tolist():
                if counts[group] + more.get(group, 0) >= cap.most:
                    return False
        return True

    def _add(self, added: list[dict[int, int]], place: int) -> None:
        for cap, more in zip(self.caps, added, strict=True):
            for group in cap.groups[cap.starts[place] : cap.starts[place + 1]].tolist():
                more[group] = more.get(group, 0) + 1

    def _program(self, beside: list[int], free: int, left: list[int], called: list[int], places: Places) -> list[int] | None:
        """Return such items by an integer program whose unknowns are how many of each kind of item are taken."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        added: list[dict[int, int]] = [{} for _ in self.caps]
        for place in beside:
            self._add(added, place)
        kinds: dict[tuple[tuple[bool, ...], tuple[tuple[int, ...], ...]], list[int]] = {}
        for place in places.tolist():
            if self._room(added, place):
                groups = tuple(tuple(cap.groups[cap.starts[place] : cap.starts[place + 1]].tolist()) for cap in self.caps)
                kinds.setdefault((tuple(bool(self.needs[at].members[place]) for at in called), groups), []).append(place)
        if not kinds:
            return None
        rows: dict[object, tuple[list[int], float, float]] = {"free": (list(range(len(kinds))), 0, free)}
        for at, (serves, grouped) in enumerate(kinds):
            for need, yes in zip(called, serves, strict=True):
                if yes:
                    rows.setdefault(("need", need), ([], left[need], np.inf))[0].append(at)
            for cap, its_groups in enumerate(grouped):
                for group in its_groups:
                    room = self.caps[cap].most - int(self._counts[cap][group]) - added[cap].get(group, 0)
                    rows.setdefault((cap, group), ([], -np.inf, room))[0].append(at)
        if any(("need", need) not in rows for need in called):
            return None
        table = np.array([(row, column) for row, (columns, _, _) in enumerate(rows.values()) for column in columns]).T
        matrix = csr_array((np.ones(table.shape[1]), table), shape=(len(rows), len(kinds)))
        most = np.array([len(same) for same in kinds.values()])
        done = milp(
            np.ones(len(kinds)),
            constraints=LinearConstraint(matrix, [low for _, low, _ in rows.values()], [high for _, _, high in rows.values()]),
            bounds=Bounds(0, most),
            integrality=np.ones(len(kinds)),
            options={"node_limit": MOST_NODES},
        )
        if done.x is None:
            self.cut_short |= done.status == 1  # too many nodes
            return None
        return [place for same, count in zip(kinds.values(), np.rint(done.x), strict=True) for place in same[: int(count)]]
