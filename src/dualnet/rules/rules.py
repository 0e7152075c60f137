"""Rules on a list, as whoever keeps a shop or a page states them: boost, pin, hide, quotas, diversity, availability.

`Rules` says what they mean together; `applying` makes the list, from numbers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

import numpy as np

from ..errors import UsageError, nearest, shown
from ..representations import ShowsChanges
from .parts import MOST_PLACE, Boost, Pin, Quota, Which, Window, check_number

MOST_RULES = 50  # of one kind
MOST_QUOTAS = 20
MOST_CALLS = 8  # quotas with at_least
AMONG = 200  # best items among which diversity chooses


@dataclass(frozen=True, kw_only=True, repr=False)
class Rules(ShowsChanges):
    """Rules on one list.

    What they mean together, in the order in which they are applied:

    1. **Who may be listed.** What the question excludes, filters out or knows to be seen may not, nor what `hide` means or
       what is outside its `window`. No rule below brings such an item back.
    2. **Value.** An item's value is its score and what each `boost` adds.
    3. **Pins.** Each pinned item that may be listed has its place, whatever its value; it is chosen for no other place. Where
       the list ends before the place, it is the last. Pins beyond `k` are for the next page, where there are enough items for one.
    4. **Permitted lists** have at most `k` items, the pins among them, and break no quota. Where the items there are do not
       suffice for an `at_least`, as many as there can be are called for instead, the quotas one after the other; the
       answer says so in `unmet`. Pins alone can break an `at_most`: then the quota admits nothing more, and the answer says so.
    5. **The list**, place by place: each free place has, among the items with which a permitted list can still be completed,
       the one of the largest *merit*. Without diversity merit is the value. So no permitted list is better at the first
       place at which it differs; ties go by catalogue order. The search has an end: where quotas are so many and overlap so much
       that it is reached, `unmet` says that there may be a better list.
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
    >>> rules = dualnet.Rules(pin=[dualnet.Pin(item="i3-0", place=1)], hide=[dualnet.Which(items=[best[0]])])
    >>> found = model.recommend("u0-0", k=3, rules=rules)
    >>> found.ids == ["i3-0", *best[1:]]
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
            most = MOST_QUOTAS if name == "quotas" else MOST_RULES
            if len(getattr(self, name)) > most:
                raise UsageError(f"{name} has {len(getattr(self, name)):,} rules; at most {most} are taken")
        calling = sum(bool(quota.at_least) for quota in self.quotas)
        if calling > MOST_CALLS:
            raise UsageError(f"{calling:,} quotas have at_least; at most {MOST_CALLS} are taken")
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


def _given(rule: Any) -> dict[str, Any]:
    """Return the fields of a rule that are not as they are by default."""
    found = {}
    for one in fields(rule):
        value = getattr(rule, one.name)
        if one.default is not value and value != one.default:
            found[one.name] = list(value) if one.name == "items" else value
    return found


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
