"""What a message of the library proposes, in the spelling of the command line: the one boundary that translates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

_TWICE = re.compile(r"\b\w+=[^\s,;()]* \((--[^()]*?)(?: on the command line)?\)")  # items= (--items on the command line)
_ARGUMENT = re.compile(r"(?<![\w.\-(\[/=])([a-z]\w*)=('[^']*'|[\w.-]*)(?!\w)")
_NAME = re.compile(r"(?<!\] )(?<![\w.\-('\"\[/=])([a-z]+(?:_[a-z]+)+)(?![\w.='\"/(\]])")
_CALL = re.compile(r"(\b[\w.]+\([^()]*\))")  # DualNet(epochs=2) is Python, and meant so
_ADVICE = re.compile(r"\b(?:set|give|use|say|pass|with|or|write) $")


def as_options(text: str) -> str:
    """Return a text of the library with arguments such as ``base=1`` or ``new_items`` as options, ``--base 1``, ``--new-items``.

    Parameters
    ----------
    text : str
        A message; ``name=value`` after a verb such as "use" that is no option is a parameter of a model, ``--set name=value``.
    """
    parts = _CALL.split(_TWICE.sub(r"\1", text))
    return "".join(part if place % 2 else _translated(part, _flags()) for place, part in enumerate(parts))


def _translated(text: str, flags: Mapping[str, tuple[str, bool]]) -> str:
    text = _ARGUMENT.sub(lambda found: _option(found, text, flags), text)
    return _NAME.sub(lambda found: flags[found[1]][0] if found[1] in flags else found[0], text)


def _option(found: re.Match[str], text: str, flags: Mapping[str, tuple[str, bool]]) -> str:
    name, value = found[1], found[2].strip("'")
    before = text[: found.start()]
    if before.endswith("--set "):
        return found[0]
    if name not in flags:
        return f"--set {name}={value}" if value and _ADVICE.search(before) else found[0]
    flag, is_switch = flags[name]
    return flag if is_switch or not value else f"{flag} {value}"


@cache
def _flags() -> Mapping[str, tuple[str, bool]]:
    """Return the option of every argument name of every command, and whether it is a switch."""
    import typer

    from .app import app

    found: dict[str, tuple[str, bool]] = {}

    def walk(command: Any) -> None:
        for parameter in command.params:
            longest = max(parameter.opts, key=len)
            if longest.startswith("--") and parameter.name not in ("help", "json"):
                found.setdefault(parameter.name, (longest, bool(getattr(parameter, "is_flag", False))))
        for inner in getattr(command, "commands", {}).values():
            walk(inner)

    walk(typer.main.get_command(app) if isinstance(app, typer.Typer) else app)  # a program may have made the tree already
    return found
