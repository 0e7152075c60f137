"""Representations of objects for people: a few lines of at most 100 columns, of defaults nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

WIDTH = 100
INDENT = "    "
MOST_LINES = 20


def represented(name: str, parts: Sequence[str], heading: str = "") -> str:
    """Return ``Name(heading: part, part)``, in as many lines as it needs; a part that is wider than a line is shortened.

    Parameters
    ----------
    name : str
        Of the class.
    parts : sequence of str
        What is shown of the object.
    heading : str
        Before the first part.

    Examples
    --------
    >>> from dualnet.representations import represented
    >>> represented("Tea", ["sugar=1", "milk=True"])
    'Tea(sugar=1, milk=True)'
    """
    lines, last = [f"{name}({heading}"], len(parts) - 1
    for place, part in enumerate(parts):
        ended = f"{_shortened(part)}{')' if place == last else ','}"
        between = "" if lines[-1].endswith("(") else " "
        if len(lines[-1]) + len(between) + len(ended) <= WIDTH or lines[-1] == INDENT:
            lines[-1] += between + ended
        else:
            lines.append(INDENT + ended)
    if not parts:
        lines[-1] += ")"
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"{INDENT}...)"]
    return "\n".join(lines)


def changed_fields(value: Any) -> list[str]:
    """Return the fields of a data class that are not their defaults, as its constructor takes them.

    Parameters
    ----------
    value : object of a data class

    Examples
    --------
    >>> import dualnet
    >>> from dualnet.representations import changed_fields
    >>> changed_fields(dualnet.ContentSpec(text=("title",)))
    ["text=('title',)"]
    """
    shown = ((field.name, getattr(value, field.name)) for field in fields(value) if field.repr)
    defaults = {field.name: _default(field) for field in fields(value)}
    return [f"{name}={found!r}" for name, found in shown if defaults[name] is MISSING or found != defaults[name]]


class ShowsChanges:
    """A data class whose representation has only what is not a default; it is declared with ``repr=False``."""

    def __repr__(self) -> str:
        return represented(type(self).__name__, changed_fields(self))


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _shortened(part: str) -> str:
    line, longest = " ".join(part.split()), WIDTH - len(INDENT) - 1
    return line if len(line) <= longest else f"{line[: longest - 4].rstrip()} ..."
