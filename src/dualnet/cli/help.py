"""Help as it is printed: blocks of examples and exit codes keep their lines."""

from __future__ import annotations

import inspect

import typer
from typer.models import CommandInfo, TyperInfo

SECTION = "Examples\n--------\n"
KEPT = ("Examples:", "Exit codes:")
MARK = "\b"  # Click leaves the paragraph behind it as it is


def keep_lines(app: typer.Typer) -> None:
    """Give every command of an app, and of its groups, a help text whose examples and exit codes stand on lines of their own.

    Parameters
    ----------
    app : typer.Typer
        With everything registered; a docstring has its examples as a numpydoc section, indented.
    """
    for group in app.registered_groups:
        if group.typer_instance is not None:
            keep_lines(group.typer_instance)
    entries: list[CommandInfo | TyperInfo] = [*app.registered_commands]
    if app.registered_callback is not None:
        entries.append(app.registered_callback)
    for entry in entries:
        text = inspect.getdoc(entry.callback) if entry.callback is not None else None
        if text is not None and not isinstance(entry.help, str):
            entry.help = help_text(text)


def help_text(docstring: str) -> str:
    """Return a docstring as Click is to print it."""
    paragraphs = docstring.replace(SECTION, "Examples:\n").split("\n\n")
    return "\n\n".join(f"{MARK}\n{part}" if part.startswith(KEPT) else part for part in paragraphs)
