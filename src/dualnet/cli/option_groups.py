"""Groups of options: the fields of a class, which a command takes as one argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Command = Callable[..., None]


def with_options(group: type[DataclassInstance], name: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a command the options of a group, and the command their values as one argument.

    Parameters
    ----------
    group : dataclass
        Its fields are options of Typer, with their defaults.
    name : str
        The argument of the command, such as ``tables: TableOptions``.
    """
    options = get_type_hints(group, include_extras=True)

    def decorate(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        del hints[name]

        @wraps(command)
        def wrapper(**arguments: Any) -> None:
            command(**{name: group(**{field.name: arguments.pop(field.name) for field in fields(group)})}, **arguments)

        kept = [p.replace(annotation=hints[p.name]) for p in signature(command).parameters.values() if p.name != name]
        added = [
            Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=options[f.name]) for f in fields(group)
        ]
        wrapper.__signature__ = Signature([p.replace(kind=Parameter.KEYWORD_ONLY) for p in kept] + added)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {**hints, **{f.name: options[f.name] for f in fields(group)}}
        return wrapper

    return decorate
