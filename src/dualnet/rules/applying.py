"""The list that follows from rules, made from numbers alone: scores, boosts, quotas, vectors of the candidates.

What it is to be is said in `rules.Rules`; nothing here knows of catalogues, columns or ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .quotas import Cap, Descending, Need, Places, QuotaState

Values = NDArray[np.float64]

MANY = 25  # items that are refused one by one before all that will be are looked for


@dataclass(frozen=True, eq=False)
class Raised:
    """What one boost adds.

    Parameters
    ----------
    amount : ndarray of float64, shape (n,)
        In standard deviations of the scores.
    text : str
        The rule.
    """

    amount: Values
    text: str


@dataclass(frozen=True, eq=False)
class RuledQuestion:
    """What a list is made from.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Of the items that may be listed, the candidates, in catalogue order.
    k : int
        Length of the list.
    boosts : sequence of Raised
    pins : mapping-like sequence of (place from 0, candidate, text)
        Within the list.
    reserved : ndarray of int64
        Candidates that are chosen for no place: pinned beyond the list.
    caps, needs : sequence of Cap, of Need
    diversity : float
    among : int
    likeness : callable, optional
        Returns the cosines of one candidate and some others: ``likeness(one, others)``; needed for diversity.
    """

    scores: NDArray[np.floating]
    k: int
    boosts: Sequence[Raised] = ()
    pins: Sequence[tuple[int, int, str]] = ()
    reserved: Places = field(default_factory=lambda: np.empty(0, np.int64))
    caps: Sequence[Cap] = ()
    needs: Sequence[Need] = ()
    diversity: float = 0.0
    among: int = 200
    likeness: Callable[[int, Places], NDArray[np.floating]] | None = None


@dataclass(frozen=True, eq=False)
class RuledList:
    """A list under rules.

    Parameters
    ----------
    chosen : ndarray of int64
        Candidates, best first.
    by : list of list of str
        For each entry the rules that put it there or moved it.
    score_ranks : list of int
        For each entry the rank it would have by its score alone.
    unmet : list of str
        What could not be done, a sentence each.
    """

    chosen: Places
    by: list[list[str]]
    score_ranks: list[int]
    unmet: list[str]


def ruled_list(question: RuledQuestion) -> RuledList:
    """Return the best list under rules, as `rules.Rules` defines it."""
    values = _values(question)
    away = np.zeros(len(values), bool)
    away[question.reserved] = True
    state = QuotaState(values, min(question.k, len(values)), question.caps, question.needs, away)
    for _, pinned, _ in question.pins:
        state.put(pinned)
    unmet = [f"{rule.text}: it is about no item that may be listed here" for rule in question.boosts if not rule.amount.any()]
    unmet += [f"{text}: the pins alone are more, so that no other item of the kind is listed" for text in state.broken()]
    for need, most in state.settle():
        if not need.silent:
            unmet.append(f"{need.text}: the items that may be listed allow {most:,} only")
    walk = _Walk(question, values, state)
    taken = walk.fill()
    order, by = _with_pins(question, taken, walk.by)
    if len(order) < min(question.k, len(values)) and walk.full:
        limits = ", ".join(dict.fromkeys(walk.full))
        unmet.append(f"the list ends after {len(order):,} of {question.k:,} places: no other item is permitted ({limits})")
    if state.cut_short:
        unmet.append("the quotas are so many, or so entangled, that not every list was tried; a better one may be possible")
    for place, one in enumerate(order):
        by[place] = [rule.text for rule in question.boosts if rule.amount[one]] + by[place]
    return RuledList(np.array(order, np.int64), by, _score_ranks(question.scores, order), unmet)


def _values(question: RuledQuestion) -> Values:
    """Return scores with what the boosts add."""
    values = np.asarray(question.scores, np.float64)
    if question.boosts:
        spread = float(values.std()) if len(values) else 0.0
        values = values + (spread or 1.0) * np.sum([rule.amount for rule in question.boosts], axis=0)
    return values


class _Walk:
    """Fills the free places of a list one after the other."""

    def __init__(self, question: RuledQuestion, values: Values, state: QuotaState) -> None:
        self._question, self._values, self._state = question, values, state
        self.by: list[list[str]] = []
        self.full: list[str] = []  # caps that refused something
        free = np.flatnonzero(~state.away)
        self._order = Descending(values, free, 4 * question.k + max(question.among, 64))
        self._passed: list[str] = []  # what refused better items than the next
        self._called_off = False

    def fill(self) -> list[int]:
        """Return the items of the free places, in their order."""
        taken: list[int] = []
        if self._question.diversity > 0:
            self._fill_diverse(taken)
        self._walk(taken)
        if self._state.free and self._state.witness:  # where a search was given up, better items may have been refused
            for place in list(self._state.witness):
                if self._try(place):
                    taken.append(place)
            self._walk(taken)
            if not self._question.diversity:
                order = sorted(range(len(taken)), key=lambda at: (-self._values[taken[at]], taken[at]))
                self.by, taken = [self.by[at] for at in order], [taken[at] for at in order]
        return taken

    def _walk(self, taken: list[int]) -> None:
        """Take items by value."""
        skipped, refused = self._state.away, 0
        for place in self._order if self._state.free else ():
            if skipped[place]:
                continue
            if self._try(place):
                taken.append(place)
                refused = 0
            else:
                refused += 1
                if refused % MANY == 0:
                    skipped = self._state.hopeless()
            if not self._state.free:
                break

    def _try(self, place: int, *also: str) -> bool:
        """Take an item if it is permitted, and note why."""
        hindered = self._state.hinders(place)
        if hindered:
            self._passed.append(hindered)
            self.full.append(hindered)
            return False
        serves = self._state.serves(place)
        if not self._state.take(place):
            self._called_off = True
            return False
        why = [*also, *dict.fromkeys(self._passed), *(serves if self._called_off else [])]
        self.by.append(why)
        self._passed, self._called_off = [], False
        return True

    def _fill_diverse(self, taken: list[int]) -> None:
        """Fill places from the items of the largest values, by merit."""
        question, likeness = self._question, self._question.likeness
        assert likeness is not None
        pool = np.array(
            [place for place, _ in zip(self._order, range(max(question.among, question.k)), strict=False)], np.int64
        )
        if not len(pool):
            return
        values = self._values[pool]
        least, most = values.min(), values.max()
        relevance = (values - least) / (most - least) if most > least else np.zeros(len(pool))
        alike = np.full(len(pool), -np.inf)
        for _, pinned, _ in question.pins:
            alike = np.maximum(alike, likeness(pinned, pool))
        left = np.ones(len(pool), bool)
        share = question.diversity
        while self._state.free and left.any():
            merit = (1 - share) * relevance - share * np.where(np.isneginf(alike), 0.0, alike)
            merit[~left] = -np.inf
            best = int(np.argmax(merit))
            left[best], first = False, int(np.argmax(left))
            moved = (f"diversity {share:g}",) if first < best else ()
            if self._try(int(pool[best]), *moved):
                taken.append(int(pool[best]))
                alike = np.maximum(alike, likeness(int(pool[best]), pool))


def _with_pins(question: RuledQuestion, taken: list[int], why: list[list[str]]) -> tuple[list[int], list[list[str]]]:
    """Return the items of all places, and why each is there; pins behind the end close up."""
    pinned = {place: (item, text) for place, item, text in question.pins}
    order: list[int] = []
    by: list[list[str]] = []
    rest = iter(zip(taken, why, strict=True))
    for place in range(len(taken) + len(pinned)):
        if place in pinned:
            item, text = pinned.pop(place)
            order.append(item)
            by.append([text])
        elif (following := next(rest, None)) is not None:
            order.append(following[0])
            by.append(following[1])
    for _, (item, text) in sorted(pinned.items()):
        order.append(item)
        by.append([text])
    return order, by


def _score_ranks(scores: NDArray[np.floating], order: Sequence[int]) -> list[int]:
    ascending = np.sort(scores)
    places: list[int] = (
        (len(scores) - np.searchsorted(ascending, scores[list(order)], side="right") + 1).tolist() if order else []
    )
    return places
