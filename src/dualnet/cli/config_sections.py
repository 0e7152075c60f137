"""The schema of a configuration file's sections ``[data]`` and ``[split]``; that of ``[model]`` is the constructor of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from . import arguments as arg
from .given_options import flag_of

KINDS = {
    str: "text",
    Path: "the path of a file",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
}


def checked_data(section: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the entries of ``[data]`` but ``source`` and ``content``, each of the kind of its option.

    Parameters
    ----------
    section : mapping
        As read.
    path : Path
        The file, for error texts.

    Raises
    ------
    UsageError
        For an entry that is not known, or of another kind.
    """
    from ..errors import UsageError, nearest

    hints = get_type_hints(arg.TableOptions)
    known = [field.name for field in fields(arg.TableOptions)]
    for name in ("source", "content"):
        if name in section:
            _check(section[name], (str, list), f"{path}: [data] {name}")
    for name in section:
        if name not in (*known, "source", "content"):
            key = _key_of_option(name)
            hint = nearest(name, [*known, "source", "content"]) if key is None else f" Here it is called '{key}'."
            raise UsageError(f"{path}: section [data] has no key '{name}'.{hint}")
    return {
        name: value  # a table of values of any kind, which the reader of queries checks
        if name == "sql_params"
        else _weights(value, f"{path}: [data] {name}") if name == "event_weights" and isinstance(value, Mapping)
        else _check(value, _kinds(hints[name]), f"{path}: [data] {name}")
        for name, value in section.items() if name not in ("source", "content")
    }  # fmt: skip


def _weights(given: Mapping[str, Any], place: str) -> str:
    """Return a table of weights as the command line has it; raises `UsageError`."""
    from ..data.event_weights import as_text, event_weights_of

    return as_text(event_weights_of(given, place))


def _key_of_option(name: str) -> str | None:
    """Return the key of ``[data]`` for what is an option of the command line with another name, such as ``user_column``."""
    hints = get_type_hints(arg.TableOptions, include_extras=True)
    flags = {flag_of(hints[field.name].__metadata__[0]): field.name for field in fields(arg.TableOptions)}
    return flags.get("--" + name.replace("_", "-"))


def checked_division(section: Mapping[str, Any], path: Path) -> tuple[str, int, dict[str, Any]]:
    """Return protocol, seed and further options of ``[split]``.

    Raises
    ------
    UsageError
        If there is no protocol, or one of them is of another kind.
    """
    from ..errors import UsageError

    rest = dict(section)
    if "protocol" not in rest:
        found = f"; found {', '.join(rest)}" if rest else ""
        raise UsageError(f'{path}: section [split] needs protocol = "..."{found}')
    protocol = _check(rest.pop("protocol"), (str,), f"{path}: [split] protocol")
    seed = _check(rest.pop("seed", 0), (int,), f"{path}: [split] seed")
    for name, value in rest.items():
        if isinstance(value, Mapping) or (isinstance(value, float) and not math.isfinite(value)):
            raise UsageError(f"{path}: [split] {name} = {str(value)[:60]} should be a number, a text or a list")
    return protocol, seed, rest


def _kinds(hint: Any) -> tuple[type, ...]:
    """Return the types that an option takes."""
    if get_origin(hint) in (Union, UnionType):
        return tuple(kind for option in get_args(hint) for kind in _kinds(option))
    found = get_origin(hint) or hint
    return (str, list) if found is str else (found,)


def _check(value: Any, kinds: tuple[type, ...], place: str) -> Any:
    """Return a value of one of some kinds; numbers in quotes, or booleans for numbers, are not guessed at."""
    from ..errors import UsageError

    if isinstance(value, list) and list in kinds and all(isinstance(entry, str) for entry in value):
        return value
    if isinstance(value, str) and (str in kinds or Path in kinds):
        return value
    if isinstance(value, bool) and bool in kinds:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if float in kinds and math.isfinite(value):
            return float(value)
        if int in kinds and isinstance(value, int) and abs(value) < 2**63:
            return value
    wanted = " or ".join(dict.fromkeys(KINDS[kind] for kind in kinds if kind in KINDS))
    raise UsageError(f"{place} = {str(value)[:60]!r} should be {wanted}")
