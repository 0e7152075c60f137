"""Options of rules on a list: a file of them, and the plain ones by themselves."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DataError, UsageError
from .id_lists import NamedItems, id_list
from .output import note

_WHICH = re.compile(r"([^<>=]+)(?:(>=|<=|=)(.+))?")

if TYPE_CHECKING:
    from ..retrieval.recommendations import Recommendations
    from ..rules.rules import Rules

MOST_TRIED = 20  # rules that are left out one by one to see what each has changed


@dataclass(frozen=True)
class RuleOptions:
    """Options of rules on a list."""

    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="TOML file of rules on the list: boost, pin, hide, quotas, diversity, window."),
    ] = None
    diversity: Annotated[
        float | None, typer.Option("--diversity", help="From 0 (by score) to 1: how unlike the items of the list are to be.")
    ] = None
    pin: Annotated[
        list[str] | None,
        typer.Option("--pin", metavar="PLACE=ITEM", help="An item at a place from 1; may be given several times."),
    ] = None
    hide: Annotated[str, typer.Option("--hide", help="Items not to list, as a rule of the file has them.")] = ""
    boost: Annotated[
        list[str] | None,
        typer.Option(
            "--boost",
            metavar="WHICH:WEIGHT",
            help="Lift items, or push them down: genres=Comedy:0.5, year>=2000:1, new:-0.5, or by a column of numbers, year:1.",
        ),
    ] = None
    at_most: Annotated[
        list[str] | None,
        typer.Option(
            "--at-most", metavar="WHICH:COUNT", help="So many at most: genres=Horror:1, new:3, or of each value, author:2."
        ),
    ] = None
    at_least: Annotated[
        list[str] | None, typer.Option("--at-least", metavar="WHICH:COUNT", help="So many at least: new:2, genres=Drama:3.")
    ] = None

    def read(self, ids: NamedItems) -> Rules | None:
        """Return the rules, those of options behind those of the file; None where there are none.

        Parameters
        ----------
        ids : NamedItems
            Of the items, by id or by title.

        Raises
        ------
        DataError
            If the file cannot be read or is not TOML.
        UsageError
            For rules that mean nothing.
        """
        from ..rules.parts import Boost, Pin, Quota, Which
        from ..rules.rules import Rules

        found = Rules() if self.rules is None else with_ids(read_rules(self.rules), ids)
        pins = []
        for text in self.pin or ():
            place, equals, item = text.partition("=")
            if not equals or not place.strip().isdecimal() or not item.strip():
                raise UsageError(f"--pin {text[:80]!r} is not of the form PLACE=ITEM; write --pin 1=p7")
            items = id_list(item, ids, "--pin")
            if len(items) != 1:
                raise UsageError(f"--pin {text[:80]!r} names {len(items)} items for one place; give --pin once for each")
            pins.append(Pin(item=items[0], place=int(place)))
        hidden = id_list(self.hide, ids, "--hide")
        found = found.joined(Rules(pin=pins, hide=[Which(items=hidden)] if hidden else []))
        for option, texts, part, kind, amount, column in (
            ("--boost", self.boost, "boost", Boost, "weight", "column"),
            ("--at-most", self.at_most, "quotas", Quota, "at_most", "each"),
            ("--at-least", self.at_least, "quotas", Quota, "at_least", None),
        ):
            for text in texts or ():
                rule = short_rule(text, option, amount, column)
                try:
                    told: dict[str, Any] = {part: [kind(**rule)]}
                    found = found.joined(Rules(**told))
                except UsageError as error:
                    raise UsageError(f"{option} {text[:80]!r}: {error}") from None
        if self.diversity is not None:
            found = replace(found, diversity=self.diversity)
        return found or None


def note_idle(found: Recommendations, rules: Rules | None, again: Callable[[Rules | None], Recommendations]) -> None:
    """Tell of each rule that changed nothing in a list, and why.

    Parameters
    ----------
    found : Recommendations
        The list.
    rules : Rules, optional
        That it was made with.
    again : callable
        Returns the list under other rules.
    """
    if rules is None:
        return
    for rule, others in _each_left_out(rules)[:MOST_TRIED]:
        if not any(told.startswith(f"{rule}:") for told in found.unmet) and again(others or None).ids == found.ids:
            note(f"note: {rule}: it changed nothing in this list: {_why_idle(str(rule), found)}")


def _each_left_out(rules: Rules) -> list[tuple[Any, Rules]]:
    """Return each boost and quota with the rules without it, and so for the diversity."""
    pairs: list[tuple[Any, Rules]] = []
    for name in ("boost", "quotas"):
        given = getattr(rules, name)
        changed: list[dict[str, Any]] = [{name: (*given[:at], *given[at + 1 :])} for at in range(len(given))]
        pairs += [(rule, replace(rules, **change)) for rule, change in zip(given, changed, strict=True)]
    return pairs + ([(f"diversity {rules.diversity:g}", replace(rules, diversity=0.0))] if rules.diversity else [])


def _why_idle(rule: str, found: Recommendations) -> str:
    """Return why a rule that can be done changed nothing."""
    if rule.startswith("diversity"):
        return "its items are unlike enough already; a higher number changes more"
    moved = sum(rule in by for by in found.rules)
    if rule.startswith("boost") and moved < len(found.ids):
        return "it is too small for other items to come in; a larger number changes more"
    return "the list is so without it"


def short_rule(text: str, option: str, amount: str, column: str | None) -> dict[str, Any]:
    """Return the rule of a text such as ``genres=Comedy:0.5``, ``year>=2000:1``, ``new:2`` or ``author:3``, as a file has it.

    Parameters
    ----------
    text : str
        What the option says; the last colon stands before the number.
    option : str
        Its name, for the text.
    amount : str
        What the number is called in a file.
    column : str, optional
        What the name of a column by itself is called in a file; None where that means nothing.

    Raises
    ------
    UsageError
        For another form.
    """
    which, colon, number = text.rpartition(":")
    found = _WHICH.fullmatch(which.strip())
    example = {"weight": "genres=Comedy:0.5", "at_most": "author:2", "at_least": "new:2"}[amount]
    try:
        value = float(number) if amount == "weight" else int(number)
    except ValueError:
        colon = ""
    if not colon or found is None:
        raise UsageError(f"{option} {text[:80]!r} is not of the form WHICH:NUMBER; write {option} {example}")
    name, sign, wanted = (part and part.strip() for part in found.groups())
    if sign:
        return {"where": {name: {{"=": "is", ">=": "min", "<=": "max"}[sign]: wanted}}, amount: value}
    if name in ("new", "known"):
        return {"kind": name, amount: value}
    if column is None:
        raise UsageError(f"{option} {text[:80]!r} says no value of '{name}'; write {option} '{name}=VALUE:{number.strip()}'")
    return {column: name, amount: value}


def read_rules(path: Path) -> Rules:
    """Return the rules of a TOML file, with the keys that `Rules.from_json` has.

    Raises
    ------
    DataError
        If the file cannot be read or is not TOML.
    UsageError
        As `Rules.from_json`.
    """
    from ..data.open_input import LARGEST_SETTINGS, read_regular, reading
    from ..rules.rules import Rules

    data = read_regular(path, LARGEST_SETTINGS, DataError, f"the file of rules {path}")
    with reading(f"the file of rules {path}", DataError, "mend it", "is not TOML"):
        given = tomllib.loads(data.decode("utf-8"))
    return Rules.from_json(given, str(path))


def with_ids(rules: Rules, ids: NamedItems) -> Rules:
    """Return rules of a file with ids that are written as text read as those of the items are."""

    def key(value: Any) -> Any:
        return ids.parse(value) if isinstance(value, str) else value

    changed: dict[str, Any] = {
        name: [replace(rule, items=[key(one) for one in rule.items]) for rule in getattr(rules, name)]
        for name in ("boost", "hide", "quotas")
    }
    return replace(rules, pin=[replace(pin, item=key(pin.item)) for pin in rules.pin], **changed)
