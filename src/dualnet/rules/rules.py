"""Rules on a list, as whoever keeps a shop or a page states them: boost, pin, hide, quotas, diversity, availability.

`Rules` says what they mean together; `applying` makes the list, from numbers alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeAlias

import numpy as np

from ..errors import UsageError, nearest, shown
from ..ids import Key

Conditions: TypeAlias = Mapping[str, Mapping[str, Any]]  # a filter: column -> {"is"|"any"|"min"|"max"|"contains": value}
Kind: TypeAlias = Literal["known", "new"]

MOST_RULES = 50  # of one kind
MOST_PLACE = 10_000
AMONG = 200  # best items among which diversity chooses
LARGEST_WEIGHT = 1_000.0


@dataclass(frozen=True, kw_only=True)
class Which:
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


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class Pin:
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


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class Window:
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


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Rules on one list.

    What they mean together, in the order in which they are applied:

    1. **Who may be listed.** What the question excludes, filters out or knows to be seen may not, nor what `hide` means or
       what is outside its `window`. No rule below brings such an item back.
    2. **Value.** An item's value is its score and what each `boost` adds.
    3. **Pins.** Each pinned item that may be listed has its place, whatever its value; it is chosen for no other place. Where
       the list ends before the place, it is the last. Pins beyond `k` are for the next page.
    4. **Permitted lists** have at most `k` items, the pins among them, and break no quota. Where the items there are do not
       suffice for an `at_least`, as many as there can be are called for instead, the quotas one after the other; the
       answer says so in `unmet`. Pins alone can break an `at_most`: then the quota admits nothing more, and the answer says so.
    5. **The list**, place by place: each free place has, among the items with which a permitted list can still be completed,
       the one of the largest *merit*. Without diversity merit is the value. So no permitted list is better at the first
       place at which it differs; ties go by catalogue order.
    6. **Diversity** d: merit is ``(1 - d) * relevance - d * likeness``. Relevance is the value, from 0 to 1 over the `among`
       items of the largest value; likeness is the largest cosine of the item's vector and those of the pins and of the
       items chosen before (maximal marginal relevance; 0 where there are none). Others are chosen, by value, only where none
       of these is permitted.

    Each entry of the answer tells in `rules` which rules put it there or moved it, and in `score_rank` which rank it would
    have by its score alone. Rules without effect change nothing.

    Parameters
    ----------
    boost : sequence of Boost
    pin : sequence of Pin
    hide : sequence of Which
        Items not to list.
    quotas : sequence of Quota
    diversity : float
        From 0 (by value) to 1 (as unlike as can be).
    among : int
        How many of the best items diversity chooses among; at least `k` are looked at.
    window : Window, optional

    Raises
    ------
    UsageError
        For a rule that means nothing, two pins at one place or of one item.

    Examples
    --------
    >>> import dualnet
    >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
    >>> best = model.recommend("u0-0", k=3).ids
    >>> rules = dualnet.Rules(pin=[dualnet.Pin(item="i5-0", place=1)], hide=[dualnet.Which(items=[best[0]])])
    >>> found = model.recommend("u0-0", k=3, rules=rules)
    >>> found.ids == ["i5-0", *best[1:]]
    True
    >>> found.rules[0]
    ['pin: place 1']
    """

    boost: Sequence[Boost] = ()
    pin: Sequence[Pin] = ()
    hide: Sequence[Which] = ()
    quotas: Sequence[Quota] = ()
    diversity: float = 0.0
    among: int = AMONG
    window: Window | None = field(default=None)

    def __post_init__(self) -> None:
        for name, kind in (("boost", Boost), ("pin", Pin), ("hide", Which), ("quotas", Quota)):
            rules = getattr(self, name)
            if isinstance(rules, str | bytes | Mapping) or not isinstance(rules, Iterable):
                raise UsageError(f"{name} must be a list of rules, got {shown(rules)}")
            object.__setattr__(self, name, tuple(rules))
            for rule in getattr(self, name):
                if not isinstance(rule, kind):
                    raise UsageError(f"{name} must be a list of {kind.__name__}, got {shown(rule)} in it")
            if len(getattr(self, name)) > MOST_RULES:
                raise UsageError(f"{name} has {len(getattr(self, name)):,} rules; at most {MOST_RULES} are taken")
        check_number(self.diversity, "diversity", 0, 1)
        if isinstance(self.among, bool) or not isinstance(self.among, int | np.integer) or not 1 <= self.among <= MOST_PLACE:
            raise UsageError(f"among must be a whole number from 1 to {MOST_PLACE:,}, got {shown(self.among)}")
        if self.window is not None and not isinstance(self.window, Window):
            raise UsageError(f"window must be a Window, got {shown(self.window)}")
        for which in self.hide:
            if which.everything:
                raise UsageError("a rule that hides every item leaves no list; give it items, where or kind")
        pinned: tuple[tuple[str, list[Any]], ...]
        pinned = (("place", [pin.place for pin in self.pin]), ("item", [pin.item for pin in self.pin]))
        for what, values in pinned:
            twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
            if twice:
                raise UsageError(f"two pins have the {what} {shown(twice[0])}; give each its own")

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return self.selects or bool(self.hide) or self.window is not None

    @property
    def selects(self) -> bool:
        """Whether there is any rule besides those that say what may be listed."""
        return bool(self.boost or self.pin or self.quotas) or self.diversity > 0

    def joined(self, other: Rules) -> Rules:
        """Return these rules with those of another behind them, whose diversity, `among` and window count where it has any.

        Raises
        ------
        UsageError
            If two pins have one place or one item, or there are too many rules.

        Examples
        --------
        >>> import dualnet
        >>> page = dualnet.Rules(diversity=0.3)
        >>> page.joined(dualnet.Rules(quotas=[dualnet.Quota(kind="new", at_least=1)])).diversity
        0.3
        """
        both = {name: (*getattr(self, name), *getattr(other, name)) for name in ("boost", "pin", "hide", "quotas")}
        among = self.among if other.among == AMONG else other.among
        return Rules(**both, diversity=other.diversity or self.diversity, among=among, window=other.window or self.window)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary, as `from_json` reads it; what is not given is left out.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.Rules(diversity=0.3, pin=[dualnet.Pin(item="p1", place=1)]).to_json()
        {'pin': [{'item': 'p1', 'place': 1}], 'diversity': 0.3}
        """
        found: dict[str, Any] = {
            name: [_given(rule) for rule in getattr(self, name)]
            for name in ("boost", "pin", "hide", "quotas")
            if getattr(self, name)
        }
        if self.diversity:
            found["diversity"] = self.diversity
        if self.among != AMONG:
            found["among"] = self.among
        if self.window is not None:
            names = {"starts": "from", "ends": "until"}
            found["window"] = {names.get(name, name): value for name, value in _given(self.window).items()}
        return found

    @classmethod
    def from_json(cls, given: Any, where: str = "rules") -> Self:
        """Return the rules of a dictionary, as JSON and TOML have them.

        Parameters
        ----------
        given : mapping
            ``{"boost": [{"where": {...}, "weight": 0.5}], "pin": [{"item": "p1", "place": 1}], "hide": [{"items": [...]}],
            "quotas": [{"kind": "new", "at_least": 2}, {"each": "author", "at_most": 3}], "diversity": 0.3,
            "window": {"from": "from", "until": "until"}}``; each part may be left out.
        where : str
            Where it came from, for error texts.

        Raises
        ------
        UsageError
            For a key that is not known, a value of another type, or rules that mean nothing.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.Rules.from_json({"quotas": [{"each": "author", "at_most": 3}]}).quotas[0].at_most
        3
        """
        found = _parts_of(given, where)
        try:
            return cls(**found)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None


def check_key(key: object, what: str) -> None:
    """Refuse what is no id; raises `UsageError`."""
    if isinstance(key, bool) or not isinstance(key, str | int | np.integer):
        raise UsageError(f"{what} must be an id, a text or a whole number, got {shown(key)}")


def check_number(value: object, what: str, low: float, high: float) -> None:
    """Refuse what is no number of a range; raises `UsageError`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | np.number)
        or not (math.isfinite(value) and low <= value <= high)
    ):
        raise UsageError(f"{what} must be a number from {low:g} to {high:g}, got {shown(value)}")


def _given(rule: Any) -> dict[str, Any]:
    """Return the fields of a rule that are not as they are by default."""
    found = {}
    for one in fields(rule):
        value = getattr(rule, one.name)
        if one.default is not value and value != one.default:
            found[one.name] = list(value) if one.name == "items" else value
    return found


_WORDS = {"is": "is {}", "any": "is one of {}", "min": "at least {}", "max": "at most {}", "contains": "contains {}"}


def _condition_text(column: str, conditions: Mapping[str, Any]) -> str:
    parts = []
    for operation, value in conditions.items() if isinstance(conditions, Mapping) else ():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        parts.append(_WORDS.get(operation, "{}").format(text[:80]))
    return f"{column} {' and '.join(parts)}"


_LISTS: Mapping[str, Any] = {"boost": Boost, "pin": Pin, "hide": Which, "quotas": Quota}
_SCALARS = ("diversity", "among")
_WINDOW = {"from": "starts", "until": "ends", "now": "now"}


def as_rules(given: Rules | Mapping[str, Any] | None) -> Rules | None:
    """Return rules that were given as such or as a dictionary, None where there are none; errors as in `Rules.from_json`."""
    if given is None:
        return None
    return (given if isinstance(given, Rules) else Rules.from_json(given)) or None


def _parts_of(given: Any, where: str) -> dict[str, Any]:
    """Return the arguments of `Rules` that a dictionary has."""
    known = (*_LISTS, *_SCALARS, "window")
    if not isinstance(given, Mapping):
        raise UsageError(f'{where} must be an object such as {{"diversity": 0.3}}, got {shown(given)}')
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{where}: there is no rule {shown(name)}.{nearest(str(name), known)}")
        if name in _SCALARS:
            found[name] = value
        elif name == "window":
            found[name] = _one(Window, value, f"{where}.window", _WINDOW)
        else:
            if not isinstance(value, list | tuple):
                raise UsageError(f"{where}.{name} must be a list of rules, got {shown(value)}")
            if len(value) > MOST_RULES:
                raise UsageError(f"{where}.{name} has {len(value):,} rules; at most {MOST_RULES} are taken")
            kind = _LISTS[name]
            names = {one.name: one.name for one in fields(kind)}
            found[name] = [_one(kind, entry, f"{where}.{name}[{place}]", names) for place, entry in enumerate(value)]
    return found


def _one(kind: Any, given: Any, where: str, names: Mapping[str, str]) -> Any:
    """Return one rule of a dictionary, whose keys are `names`, each with the argument that it is."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{where} must be an object with {', '.join(names)}, got {shown(given)}")
    for name in given:
        if name not in names:
            raise UsageError(f"{where}: there is no {shown(name)} in such a rule.{nearest(str(name), names)}")
    for one in fields(kind):
        if one.default is MISSING and one.name not in given:
            raise UsageError(f"{where} needs '{one.name}'")
    try:
        return kind(**{names[name]: value for name, value in given.items()})
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
