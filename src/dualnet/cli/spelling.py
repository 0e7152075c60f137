"""Translation of what a message of the library proposes into options of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

_TWICE = re.compile(r"\b\w+=[^\s,;()]* \((--[^()]*?)(?: on the command line)?\)")  # items= (--items on the command line)
_ARGUMENT = re.compile(r"((?<![-\w])set )?(?<![\w.\-(\[/='])([a-z]\w*)=('[^']*'|[\w.-]*)(?!\w)")
_NAME = re.compile(r"(?<!\] )(?<![\w.\-('\"\[/=])([a-z]+(?:_[a-z]+)+)(?![\w.='\"/(\]])")
_CALL = re.compile(r"(\b[\w.]+\([^()]*\))")  # DualNet(epochs=2) is Python, and meant so
_ADVICE = re.compile(r"\b(?:give|use|say|pass|with|or|write|lower|raise|take) $")
_OF_TRAINING = ("epochs", "learning_rate")  # options of `update`, parameters of models for all other commands
_OF_MODELS = ("bench", "reproduce")  # where a parameter is that of one of several models


def as_options(text: str, command: str = "") -> str:
    """Return a text of the library with arguments such as ``base=1`` or ``new_items`` as options, ``--base 1``, ``--new-items``.

    Parameters
    ----------
    text : str
        A message; ``name=value`` after a verb such as "use" that is no option is a parameter of a model, ``--set name=value``.
    command : str
        That prints it, such as ``"data check"``: one argument is ``--user`` of one command and ``--user-column`` of another.
    """
    flags = {**_flags(), **_flags(command)} if command else _flags()
    parts = _CALL.split(_TWICE.sub(r"\1", text))
    return "".join(part if place % 2 else _translated(part, flags, command) for place, part in enumerate(parts))


def command_of(words: Sequence[str]) -> str:
    """Return the command that some arguments call, such as ``"data check"``; empty where they call none."""
    tree, path = command_tree(), []
    for word in words:
        inner = getattr(tree, "commands", {}).get(word)
        if inner is not None:
            tree = inner
            path.append(word)
        elif not word.startswith("-"):
            break
    return " ".join(path)


def _translated(text: str, flags: Mapping[str, tuple[str, bool]], command: str) -> str:
    text = _ARGUMENT.sub(lambda found: _option(found, text, flags, command), text)
    return _NAME.sub(lambda found: flags[found[1]][0] if found[1] in flags else found[0], text)


def _option(found: re.Match[str], text: str, flags: Mapping[str, tuple[str, bool]], command: str) -> str:
    verb, name, value = found[1], found[2], found[3].strip("'")
    before = text[: found.start()]
    if before.endswith("--set "):
        return found[0]
    if name not in flags:
        model = "MODEL." if command in _OF_MODELS else ""
        advised = bool(verb) or _ADVICE.search(before)
        return f"{'give ' if verb else ''}--set {model}{name}={value}" if value and advised else found[0]
    flag, is_switch = flags[name]
    return ("give " if verb else "") + (flag if is_switch or not value else f"{flag} {value}")


@cache
def _flags(command: str = "") -> Mapping[str, tuple[str, bool]]:
    """Return the option of every argument name, and whether it is a switch: of one command, or of every command."""
    found: dict[str, tuple[str, bool]] = {}

    def walk(part: Any, *, inside: bool) -> None:
        for parameter in part.params:
            longest = max(parameter.opts, key=len)
            elsewhere = not command and parameter.name in _OF_TRAINING
            if longest.startswith("--") and parameter.name not in ("help", "json") and not elsewhere:
                found.setdefault(parameter.name, (longest, bool(getattr(parameter, "is_flag", False))))
        for called, inner in getattr(part, "commands", {}).items() if inside else ():
            if called != "plan":  # its options are called as the parameters of models are, which others take with --set
                walk(inner, inside=True)

    tree = command_tree()
    for name in command.split():
        tree = tree.commands[name]
    walk(tree, inside=not command)
    return found


@cache
def command_tree() -> Any:
    """Return all commands with their options as Typer makes them; making them takes longer than most commands."""
    from typer.main import get_command

    from .app import app

    return get_command(app)
