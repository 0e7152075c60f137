"""Values that somebody gave: plain Python ones for NumPy's, and of the type that the annotation names."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from .errors import ParameterError, UsageError, nearest, shown

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    Mapping: "a table such as {title = 0.3}",
    Path: "the path of a file",
    np.random.RandomState: "a RandomState",
    np.random.Generator: "a Generator",
}


def plain(value: Any) -> Any:
    """Return a value with NumPy's scalars and arrays as Python's numbers, texts and tuples; what holds none is returned as it is.

    Parameters
    ----------
    value : object
        Such as ``np.int64(8)`` or ``np.array([8, 4])``, from a grid of parameters or from Optuna.
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if isinstance(value, np.ndarray | range):
        return tuple(value.tolist() if isinstance(value, np.ndarray) else value)
    if isinstance(value, list | tuple):
        made = [plain(entry) for entry in value]
        return value if all(new is old for new, old in zip(made, value, strict=True)) else type(value)(made)
    if isinstance(value, Mapping):
        made_map = {plain(key): plain(entry) for key, entry in value.items()}
        return value if all(made_map.get(key) is entry for key, entry in value.items()) else made_map
    return value


def as_float(value: float) -> float:
    """Return a number as a float; a whole number that is beyond all floats is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def path_of(value: object, name: str) -> Path:
    """Return a path that was given as text or as any `os.PathLike`; ``~`` is the home folder.

    Parameters
    ----------
    value : str or os.PathLike
        What was given.
    name : str
        The argument, for the text.

    Raises
    ------
    UsageError
        For anything else, such as a number or an empty text, which would be the folder one is in.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"{name} must be the path of a file or folder, as text or pathlib.Path, got {shown(value)}")
    return Path(text).expanduser() if text[0] == "~" else Path(text)


@dataclass(frozen=True)
class Form:
    """Form of a name and its value in an error text: ``epochs = 2.5 should be ...`` or ``epochs=2.5 must be ...``."""

    equals: str
    verb: str


WRITTEN = Form(" = ", "should")
IN_PYTHON = Form("=", "must")


def check_type(value: Any, hint: Any, place: str, form: Form = WRITTEN, *, infinite: bool = False) -> Any:
    """Return a value of the hinted type; numbers in quotes, or booleans for numbers, are not guessed at.

    Parameters
    ----------
    value : object
        What somebody gave.
    hint : type
        Annotation of the parameter.
    place : str
        What to call it, such as ``"--set: epochs"``.
    form : Form
        Of the text.
    infinite : bool
        Whether infinity is a value of it.

    Returns
    -------
    object
        The value; a whole number where any number may stand becomes a float, a list a tuple.

    Raises
    ------
    UsageError
        For a value of another type, a number that is not finite, or a word that is not among the choices.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    told = f"{place}{form.equals}{shown(value)}"
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise UsageError(f"{told} is not known.{nearest(str(value)[:60], map(str, arguments))}")
        return value
    if origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        if not isinstance(value, list | tuple):
            raise UsageError(f"{told} {form.verb} be a list, such as [200, 200, 50]")
        return tuple(check_type(entry, arguments[0], place, form) for entry in value)
    options = arguments or (hint,)
    if value is None and type(None) in options:
        return None
    for option in options:
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            number = as_float(value)
            if math.isnan(number) or (math.isinf(number) and not infinite):
                raise UsageError(f"{told} {form.verb} be a finite number")
            return number
        if get_origin(option) is Literal:
            return check_type(value, option, place, form)
        if get_origin(option) is Mapping and isinstance(value, Mapping):
            return {key: check_type(entry, get_args(option)[1], f"{place}.{key}", form) for key, entry in value.items()}
        if option in (int, str, bool) and type(value) is option:
            return value
        if isinstance(option, type) and option not in (int, float, str, bool) and isinstance(value, option):
            return value
    kinds = " or ".join(_kind(get_origin(option) or option) for option in options if option is not type(None))
    raise UsageError(f"{told} {form.verb} be {kinds}")


def _kind(option: Any) -> str:
    name = str(getattr(option, "__name__", option))
    return KINDS.get(option) or f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


def check_names(given: Iterable[str], known: Iterable[str], called: str) -> None:
    """Refuse names of arguments that there are not.

    Parameters
    ----------
    given, known : iterable of str
        Names.
    called : str
        What has the arguments, for the text.

    Raises
    ------
    ParameterError
        For the first; the text names the nearest.
    """
    names = list(known)
    for name in given:
        if name not in names:
            hint = nearest(name, names) if names else " It has none."
            raise ParameterError(f"{called} has no argument '{name}'.{hint}")


def named(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that refuses keywords that it has not, with the nearest name, before it does anything.

    Parameters
    ----------
    function : callable
        Whose keywords all have names of their own.
    """
    parameters = list(signature(function).parameters)
    own = parameters[1:] if parameters[:1] in (["self"], ["cls"]) else parameters
    known, called = frozenset(own), function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not known.issuperset(kwargs):
            check_names(kwargs, own, called)
        return function(*args, **kwargs)

    return checked


def named_fields(cls: type[T]) -> type[T]:
    """Return a class whose constructor refuses keywords that it has not, as `named` does."""
    setattr(cls, "__init__", named(cls.__init__))  # noqa: B010  # an assignment is refused to a method
    return cls


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that refuses arguments of another type than it names, with a sentence, before it does anything.

    Parameters
    ----------
    function : callable
        With an annotation for each argument.
    """
    known, hints = signature(function), dict[str, Any]()

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not hints:
            hints.update(get_type_hints(function))
        check_names(kwargs, known.parameters, function.__name__)
        given = known.bind(*args, **kwargs).arguments
        made = {
            name: value  # which words there are, the function itself says best
            if isinstance(value, str) and get_origin(hints[name]) is Literal
            else check_type(plain(value), hints[name], name, IN_PYTHON)
            for name, value in given.items()
        }
        return function(**made)  # type: ignore[arg-type, call-arg]

    return checked
