"""Rules brought to one catalogue: ids become rows, conditions become masks, columns become numbers and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..ids import Key, Rows
from ..rules.applying import Raised, RuledQuestion
from ..rules.parts import Boost, Quota, Which
from ..rules.quotas import Cap, Need
from ..rules.rules import Rules
from .catalogue import Brought, Catalogue
from .filters import Filters, Mask
from .item_columns import Groups, Numbers
from .topk import inner_products
from .vectors import Vectors, norms, stack_vectors


@dataclass(frozen=True, eq=False)
class BoundRules:
    """Rules on one list of one catalogue; masks and numbers are of all its rows and of the items that came with the question.

    Parameters
    ----------
    boosts : list of (mask, numbers or None, low or None, high or None, weight, text)
    pins : list of (place from 0 on this page, row or -1, id, text)
    quotas : list of (mask, groups or None, at least, at most, text)
    diversity : float
    among : int
    """

    boosts: list[tuple[Mask, Numbers | None, float | None, float | None, float, str]] = field(default_factory=list)
    pins: list[tuple[int, int, Key, str]] = field(default_factory=list)
    quotas: list[tuple[Mask, Groups | None, int | None, int | None, str]] = field(default_factory=list)
    diversity: float = 0.0
    among: int = 200

    def question(
        self,
        catalogue: Catalogue,
        extra: Brought | None,
        rows: Rows,
        scores: NDArray[np.float32],
        k: int,
        new_share: float | None,
    ) -> tuple[RuledQuestion, list[str]]:
        """Return what the list is made from, and what could not be done of the pins.

        Parameters
        ----------
        catalogue : Catalogue
        extra : Brought, optional
            Items that came with the question.
        rows : ndarray of int64, shape (n,)
            What may be listed.
        scores : ndarray of float32, shape (n,)
        k : int
        new_share : float, optional
            As in `ListQuestion`.
        """
        pins: list[tuple[int, int, str]] = []
        later: list[tuple[int, int, str]] = []
        unmet: list[str] = []
        for place, row, key, text in self.pins:
            at = next(iter(np.flatnonzero(rows == row).tolist()), -1)
            if at < 0:
                unmet.append(f"{text}: {str(key)[:80]!r} may not be listed here")
            else:
                (pins if place < k else later).append((place, at, text))
        later.sort()
        ends_here = max(0, k - (len(rows) - len(later)))  # there is no page after this one
        pins, reserved = pins + later[:ends_here], [at for _, at, _ in later[ends_here:]]
        caps, needs = [], []
        for members, groups, least, most, text in self.quotas:
            inside = members[rows]
            if most is not None:
                caps.append(Cap.of(inside, most, text) if groups is None else _cap_of_groups(rows, inside, groups, most, text))
            if least:
                needs.append(Need(inside, least, text))
        if new_share is not None:
            is_new = _kinds(catalogue, extra)[rows]
            n_new = min(int(np.floor(new_share * k + 0.5)), k)
            needs += [Need(is_new, n_new, "new_share", silent=True), Need(~is_new, k - n_new, "new_share", silent=True)]
        found = RuledQuestion(
            scores=scores, k=k, boosts=[Raised(self._amount(boost, rows), boost[-1]) for boost in self.boosts], pins=pins,
            reserved=np.array(reserved, np.int64), caps=caps, needs=needs, diversity=self.diversity, among=self.among,
            likeness=_Likeness(catalogue, extra, rows) if self.diversity else None,
        )  # fmt: skip
        return found, unmet

    def _amount(self, boost: tuple[Mask, Numbers | None, float | None, float | None, float, str], rows: Rows) -> Numbers:
        members, numbers, least, most, weight, _ = boost
        share = members[rows].astype(np.float64)
        if numbers is not None:
            values = numbers[rows]
            there = values[~np.isnan(values)]
            low = (float(there.min()) if len(there) else 0.0) if least is None else least
            high = (float(there.max()) if len(there) else 0.0) if most is None else most
            if high <= low:  # all alike, or all on one side of the end that is given
                scaled = (values >= high).astype(np.float64) if least is None else np.zeros(len(values))  # NaN is not
            else:
                scaled = np.nan_to_num(np.clip((values - low) / (high - low), 0, 1))
            share *= scaled
        return weight * share


class Binder:
    """Brings the rules of one question to a catalogue.

    Parameters
    ----------
    filters : Filters
    catalogue : Catalogue
    extra : Brought, optional
        Items that came with the question.
    rows_of : callable
        Returns the rows of ids, by the policy of the question for those that are not there.
    """

    def __init__(
        self, filters: Filters, catalogue: Catalogue, extra: Brought | None, rows_of: Callable[[Sequence[Key], str], Rows]
    ) -> None:
        self._filters, self._catalogue, self._extra, self._rows_of = filters, catalogue, extra, rows_of
        self._size = catalogue.size + (0 if extra is None else len(extra))
        self._contents: Sequence[Mapping[str, Any]] | None = None

    def hidden(self, rules: Rules) -> Rows:
        """Return the rows that may not be listed."""
        away = np.zeros(self._size, bool)
        for which in rules.hide:
            away |= self._mask(which)
        window = rules.window
        if window is not None:
            columns, moment = self._filters.columns, window.moment()
            for column, begins in ((window.starts, True), (window.ends, False)):
                if column is not None:
                    times = columns.times(column, self._behind())
                    away |= (times > moment) if begins else (times <= moment)  # NaN is neither
        return np.flatnonzero(away)

    def bind(self, rules: Rules, k: int, shown: int) -> BoundRules:
        """Return the rules for a list of `k` items that follows `shown` others.

        Raises
        ------
        UsageError
            For a column that does not exist, more items called for than the list has, or two pins of one item.
        DataError
            For a value that does not fit its column.
        """
        for quota in rules.quotas:
            if quota.at_least is not None and quota.at_least > k:
                raise UsageError(f"the rule '{quota}' calls for at least {quota.at_least:,} items, but k is {k:,}")
        pins = []
        pinned: set[int] = set()
        for pin in rules.pin:
            rows = self._rows_of([pin.item], "pinned item")
            if pinned.intersection(rows.tolist()):  # one id may be written in several ways
                raise UsageError(f"two pins have the item {str(pin.item)[:80]!r}; give each its own")
            pinned.update(rows.tolist())
            if pin.place > shown:
                pins.append((pin.place - 1 - shown, int(rows[0]) if len(rows) else -1, pin.item, str(pin)))
        return BoundRules(
            [self._boost(boost) for boost in rules.boost], pins, [self._quota(quota) for quota in rules.quotas],
            float(rules.diversity), rules.among,
        )  # fmt: skip

    def _boost(self, boost: Boost) -> tuple[Mask, Numbers | None, float | None, float | None, float, str]:
        columns, column = self._filters.columns, boost.column
        numbers = None if column is None else columns.numbers(column, self._behind())
        low, high = (None if column is None or end is None else columns.number(column, end) for end in (boost.low, boost.high))
        if low is not None and high is not None and low >= high:
            raise UsageError(f"the rule '{boost}' has a scale from {boost.low!r} to {boost.high!r}; low must be below high")
        return self._mask(boost), numbers, low, high, float(boost.weight), str(boost)

    def _quota(self, quota: Quota) -> tuple[Mask, Groups | None, int | None, int | None, str]:
        groups = None if quota.each is None else self._filters.columns.groups(quota.each, self._behind())
        return self._mask(quota), groups, quota.at_least, quota.at_most, str(quota)

    def _mask(self, which: Which) -> Mask:
        mask = np.ones(self._size, bool)
        if which.where:
            mask &= self._filters.mask(self._size - len(self._behind()), which.where, self._behind())
        if which.kind is not None:
            new = _kinds(self._catalogue, self._extra)
            mask &= new if which.kind == "new" else ~new
        if which.items:
            named = np.zeros(self._size, bool)
            named[self._rows_of(list(which.items), "item of a rule")] = True
            mask &= named
        return mask

    def _behind(self) -> Sequence[Mapping[str, Any]]:
        """Return the content of the rows behind the table of `filters`."""
        if self._contents is None:
            brought = [] if self._extra is None else self._extra.contents()
            self._contents = [*self._catalogue.later_contents(), *brought]
        return self._contents


class _Likeness:
    """Cosines of the vectors of candidates."""

    def __init__(self, catalogue: Catalogue, extra: Brought | None, rows: Rows) -> None:
        self._catalogue, self._extra, self._rows = catalogue, extra, rows
        self._of: Rows | None = None

    def __call__(self, one: int, others: Rows) -> NDArray[np.float64]:
        """Return the cosines of one candidate with some others; those of a vector of zeros are 0."""
        if self._of is not others:
            self._of, self._vectors = others, self._take(others)
            self._lengths = norms(self._vectors)
            self._at = {candidate: at for at, candidate in enumerate(others.tolist())}
        at = self._at.get(one)
        mine = self._take(np.array([one])) if at is None else self._vectors[[at]]
        length = float(norms(mine)[0])
        products = inner_products(mine, self._vectors)[0].astype(np.float64)
        return products / np.maximum(self._lengths * length, 1e-12)

    def _take(self, candidates: Rows) -> Vectors:
        rows, size = self._rows[candidates], self._catalogue.size
        own = self._catalogue.vectors[rows[rows < size]]
        if self._extra is None or not (rows >= size).any():
            return own
        both = stack_vectors(own, self._extra.vectors[rows[rows >= size] - size])
        order = np.empty(len(rows), np.int64)
        order[np.concatenate([np.flatnonzero(rows < size), np.flatnonzero(rows >= size)])] = np.arange(len(rows))
        return both[order]


def _kinds(catalogue: Catalogue, extra: Brought | None) -> Mask:
    """Return which rows the model was not trained on."""
    return np.concatenate([catalogue.known < 0, np.ones(0 if extra is None else len(extra), bool)])


def _cap_of_groups(rows: Rows, inside: Mask, groups: Groups, most: int, text: str) -> Cap:
    """Return a cap for each group, of the rows that may be listed and that the rule is about."""
    starts, values = groups
    lengths = np.where(inside, starts[rows + 1] - starts[rows], 0)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    from_each = np.repeat(starts[rows] - ends[:-1], lengths) + np.arange(ends[-1])
    return Cap(ends, values[from_each], most, text)
