"""Single rules: which items one is about, boosts, pins, quotas, windows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import UsageError, shown
from ..ids import Key
from ..representations import ShowsChanges

Conditions: TypeAlias = Mapping[str, Mapping[str, Any]]  # a filter: column -> {"is"|"any"|"min"|"max"|"contains": value}
Kind: TypeAlias = Literal["known", "new"]

MOST_PLACE = 10_000
LARGEST_WEIGHT = 1_000.0


@dataclass(frozen=True, kw_only=True, repr=False)
class Which(ShowsChanges):
    """Items that a rule is about: those for which all that is given holds.

    Parameters
    ----------
    items : sequence of str or int
        These items. Ids that are not in the catalogue are left out and told as `ignored`.
    where : mapping, optional
        Conditions on item columns, as in `filter` of `recommend`: ``{"genre": {"is": "comedy"}}``.
    kind : {"known", "new"}, optional
        Items that the model was trained on, or items that it was not.
    name : str
        What to call the rule in an answer; by default a text that follows from the rest.

    Examples
    --------
    >>> import dualnet
    >>> str(dualnet.Which(where={"year": {"min": 2000}}, kind="new"))
    'year at least 2000, new'
    """

    items: Sequence[Key] = ()
    where: Conditions | None = None
    kind: Kind | None = None
    name: str = ""

    def __post_init__(self) -> None:
        rule = type(self).__name__.lower()
        if isinstance(self.items, str | bytes | Mapping) or not isinstance(self.items, Iterable):
            raise UsageError(f"items of a rule must be a list of ids, got {shown(self.items)}")
        for key in self.items:
            check_key(key, "an item of a rule")
        if self.where is not None and (not isinstance(self.where, Mapping) or not self.where):
            raise UsageError(f"where of a rule must be conditions such as {{'year': {{'min': 2000}}}}, got {shown(self.where)}")
        if self.kind not in (None, "known", "new"):
            raise UsageError(f"kind of a rule must be 'known' or 'new', got {shown(self.kind)}")
        if not isinstance(self.name, str) or len(self.name) > 200:
            raise UsageError(f"the name of a {rule} rule must be a text of at most 200 characters, got {shown(self.name)}")

    @property
    def everything(self) -> bool:
        """Whether it means all items."""
        return not self.items and self.where is None and self.kind is None

    def __str__(self) -> str:
        return ", ".join(self._parts()) or "every item"

    def _parts(self) -> list[str]:
        parts = [] if not self.items else [f"{len(self.items):,} item{'' if len(self.items) == 1 else 's'} named"]
        parts += [_condition_text(column, conditions) for column, conditions in (self.where or {}).items()]
        return parts + ([self.kind] if self.kind else [])


@dataclass(frozen=True, kw_only=True, repr=False)
class Boost(Which):
    """A soft preference: it adds to the score of some items, or takes away from it.

    Parameters
    ----------
    items, where, kind, name
        Which items, as in `Which`; without them all.
    weight : float
        What is added, in standard deviations of the scores of all items that may be listed: 1 lifts an average item past
        five of six others, negative numbers push down. So a rule means the same for every model.
    column : str, optional
        A column of numbers or dates. Each item gets its share of `weight`: none at `low`, all at `high`, in proportion
        between, none where the value is missing.
    low, high : float or str, optional
        Ends of that scale; by default the least and the largest value of the items that may be listed. For a column of
        dates they are dates as text.

    Examples
    --------
    >>> import dualnet
    >>> str(dualnet.Boost(where={"genre": {"is": "comedy"}}, weight=0.5))
    'boost +0.5: genre is comedy'
    >>> str(dualnet.Boost(column="year", weight=1, low=1990))
    'boost +1: year'
    """

    weight: float
    column: str | None = None
    low: float | str | None = None
    high: float | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.weight, "the weight of a boost", -LARGEST_WEIGHT, LARGEST_WEIGHT)
        if self.column is not None and (not isinstance(self.column, str) or not self.column):
            raise UsageError(f"column of a boost must be the name of a column, got {shown(self.column)}")
        if self.column is None and (self.everything or self.low is not None or self.high is not None):
            raise UsageError("a boost needs items, where, kind or column: which items it is for; low and high are for a column")
        for name, end in (("low", self.low), ("high", self.high)):
            if isinstance(end, bool) or not isinstance(end, int | float | str | None) or end != end:  # NaN
                raise UsageError(f"{name} of a boost must be a number or a date as text, got {shown(end)}")

    def __str__(self) -> str:
        return self.name or f"boost {self.weight:+g}: {', '.join(([self.column] if self.column else []) + self._parts())}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Pin(ShowsChanges):
    """An item that stands at a place of the list.

    Parameters
    ----------
    item : str or int
        It must be one that may be listed: a pin does not bring back what is hidden, filtered out or seen.
    place : int
        From 1. With pages (`page` of `recommend`) places count through all of them.
    name : str
        What to call the rule in an answer.

    Examples
    --------
    >>> import dualnet
    >>> str(dualnet.Pin(item="p1", place=3))
    'pin: place 3'
    """

    item: Key
    place: int
    name: str = ""

    def __post_init__(self) -> None:
        check_key(self.item, "item of a pin")
        if isinstance(self.place, bool) or not isinstance(self.place, int | np.integer) or not 1 <= self.place <= MOST_PLACE:
            raise UsageError(f"place of a pin must be a whole number from 1 to {MOST_PLACE:,}, got {shown(self.place)}")
        if not isinstance(self.name, str) or len(self.name) > 200:
            raise UsageError(f"the name of a pin must be a text of at most 200 characters, got {shown(self.name)}")

    def __str__(self) -> str:
        return self.name or f"pin: place {self.place}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Quota(Which):
    """How many of some items a list has, at least and at most.

    Parameters
    ----------
    items, where, kind, name
        Which items, as in `Which`; without them all.
    each : str, optional
        A column: `at_most` holds for each of its values by itself, such as each author. An item with several values counts
        for all of them, an item without a value for none.
    at_least, at_most : int, optional
        Limits; one of them at least. `at_least` does not go with `each`.

    Examples
    --------
    >>> import dualnet
    >>> str(dualnet.Quota(kind="new", at_least=2)), str(dualnet.Quota(each="author", at_most=3))
    ('at least 2: new', 'at most 3: of each author')
    """

    each: str | None = None
    at_least: int | None = None
    at_most: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, limit in (("at_least", self.at_least), ("at_most", self.at_most)):
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 0):
                raise UsageError(f"{name} of a quota must be a whole number, 0 or more, got {shown(limit)}")
        if self.each is not None and (not isinstance(self.each, str) or not self.each):
            raise UsageError(f"each of a quota must be the name of a column, got {shown(self.each)}")
        if self.at_least is None and self.at_most is None:
            raise UsageError("a quota needs at_least or at_most")
        if self.each is not None and self.at_least is not None:
            raise UsageError("at_least of a quota does not go with each: say at_least for one value by where")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise UsageError(f"a quota of at least {self.at_least} and at most {self.at_most} items cannot be met")
        if self.each is None and self.everything:
            raise UsageError("a quota needs items, where, kind or each: which items it counts")

    def __str__(self) -> str:
        limits = [
            f"at {name} {limit}" for name, limit in (("least", self.at_least), ("most", self.at_most)) if limit is not None
        ]
        of = ([f"of each {self.each}"] if self.each else []) + self._parts()
        return self.name or f"{' and '.join(limits)}: {', '.join(of)}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Window(ShowsChanges):
    """Columns that say from when and until when an item may be listed; they are looked at when the question is answered.

    Parameters
    ----------
    starts, ends : str, optional
        Names of columns of dates, times, or numbers since 1970 (seconds, milli-, micro- or nanoseconds, by their size); in a file or a request they are called ``from`` and
        ``until``. An item may be listed from the one moment on and until just before the other. A missing value is an open
        end. A time without a zone is in UTC, and a day stands for its first moment.
    now : str, optional
        The moment to look at, as ISO text; by default that of the answer.

    Examples
    --------
    >>> import dualnet
    >>> str(dualnet.Window(starts="from", ends="until"))
    'available: from, until'
    """

    starts: str | None = None
    ends: str | None = None
    now: str | None = None

    def __post_init__(self) -> None:
        for name, column in (("from", self.starts), ("until", self.ends), ("now", self.now)):
            if column is not None and (not isinstance(column, str) or not column):
                raise UsageError(f"'{name}' of an availability window must be a text, got {shown(column)}")
        if self.starts is None and self.ends is None:
            raise UsageError("an availability window needs the column 'from', the column 'until', or both")
        try:
            self.moment()
        except ValueError:
            raise UsageError(
                f"now of an availability window must be a date or a time as ISO text such as 2026-12-24T18:00, got {shown(self.now)}"
            ) from None

    def moment(self) -> float:
        """Return the moment to look at, as seconds since 1970.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.Window(ends="until", now="1970-01-01T01:00+01:00").moment()
        0.0
        """
        found = datetime.now(UTC) if self.now is None else datetime.fromisoformat(self.now.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()

    def __str__(self) -> str:
        return f"available: {', '.join(column for column in (self.starts, self.ends) if column)}"


def check_key(key: object, what: str) -> None:
    """Refuse what is no id; raises `UsageError`."""
    if isinstance(key, bool) or not isinstance(key, str | int | np.integer):
        raise UsageError(f"{what} must be an id, a text or a whole number, got {shown(key)}")


def check_number(value: object, what: str, low: float, high: float) -> None:
    """Refuse what is no number of a range; raises `UsageError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= value <= high:  # NaN is not
        raise UsageError(f"{what} must be a number from {low:g} to {high:g}, got {shown(value)}")


_WORDS = {"is": "is {}", "any": "is one of {}", "min": "at least {}", "max": "at most {}", "contains": "contains {}"}


def _condition_text(column: str, conditions: Mapping[str, Any]) -> str:
    parts = []
    for operation, value in conditions.items() if isinstance(conditions, Mapping) else ():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        parts.append(_WORDS.get(operation, "{}").format(text[:80]))
    return f"{column} {' and '.join(parts)}"
