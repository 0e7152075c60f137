"""Options of rules on a list: a file of them, and the plain ones by themselves."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DataError, UsageError
from .id_lists import NamedItems, id_list

if TYPE_CHECKING:
    from ..rules.rules import Rules


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
        from ..rules.parts import Pin, Which
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
        added = Rules(pin=pins, hide=[Which(items=hidden)] if hidden else [])
        found = found.joined(added)
        if self.diversity is not None:
            found = replace(found, diversity=self.diversity)
        return found or None


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
