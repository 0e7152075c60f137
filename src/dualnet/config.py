"""Configuration is constructor arguments: from TOML and from flags, strictly."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .data.open_input import read_regular, reading
from .data.recency import half_life_of
from .errors import DataError, UsageError, nearest
from .files import write_text
from .models.limits import check_limits
from .models.registry import MODELS, create, model_class
from .train.options import CHOICES, WORKERS, check_values
from .typed_values import WRITTEN

SECTIONS = ("data", "split", "model", "run")
LARGEST_CONFIG = 2**18  # bytes; a person wrote it
HALF_LIFE = "half_life"  # of events, beside the options of a run
DEEPEST = 20  # parts of a key


def read_config(path: Path) -> dict[str, Any]:
    """Read a TOML file with sections ``[data]``, ``[split]``, ``[model]`` and ``[run]``.

    Raises
    ------
    DataError
        If the file cannot be read or is not TOML; the text names the line.
    UsageError
        If there is an unknown section.
    """
    data = read_regular(path, LARGEST_CONFIG, DataError, f"configuration {path}")
    with reading(f"configuration {path}", DataError, "mend it", "is not TOML"):
        text = data.decode("utf-8")
        deep = next((n for n, line in enumerate(text.splitlines(), 1) if line.partition("=")[0].count(".") > DEEPEST), None)
        if deep is not None:
            raise DataError(
                f"configuration {path}, line {deep}: a key has more than {DEEPEST} parts; sections are [data], [split], [model], [run]"
            )
        config = tomllib.loads(text)
    for section in config:
        if section not in SECTIONS:
            raise UsageError(f"{path} has an unknown section '{section}'.{nearest(section, SECTIONS)}")
        if not isinstance(config[section], dict):
            raise UsageError(
                f"{path}: '{section}' is {str(config[section])[:60]!r}, expected a section [{section}] with entries"
            )
    return config


def run_choices(section: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return the entries of ``[run]``: options of a run that bear on what comes out, and on what processes it runs.

    Parameters
    ----------
    section : mapping
        As read.
    place : str
        Where it came from, for error texts.

    Raises
    ------
    UsageError
        For a key that is not `half_life` nor one of `train.options.CHOICES` or `WORKERS`, or a value that is not known; the text names the nearest.
    """
    known = (*CHOICES, *WORKERS, HALF_LIFE)
    for name in section:
        if name not in known:
            raise UsageError(f"{place}: section [run] has no key '{name}'.{nearest(name, known)}")
    checked = check_values({name: value for name, value in section.items() if name != HALF_LIFE}, f"{place}: [run] ", WRITTEN)
    if HALF_LIFE in section:
        half_life_of(section[HALF_LIFE], f"{place}: [run] {HALF_LIFE}")
        checked[HALF_LIFE] = section[HALF_LIFE]
    return checked


def write_config(path: Path, config: Mapping[str, Mapping[str, Any]], remarks: Sequence[str] = ()) -> None:
    """Write what `read_config` reads: all of it or nothing.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.
    config : mapping of str to mapping
        Sections; entries that are None are left out.
    remarks : sequence of str
        Comment lines at the top.

    Raises
    ------
    ResourceError
        If it cannot be written.
    UsageError
        If a value has no form in TOML.
    """
    lines = [f"# {' '.join(remark.split())}" for remark in remarks]
    for section, entries in config.items():
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        lines += [f"{key} = {_toml(value, key)}" for key, value in entries.items() if value is not None]
    write_text(path, "\n".join(lines) + "\n")


def _toml(value: Any, key: str) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(entry, key) for entry in value)}]"
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return f"{{{', '.join(f'{_toml(name, key)} = {_toml(entry, key)}' for name, entry in value.items())}}}"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(float(value))  # a float of NumPy is one too, but names its type
    raise UsageError(f"{key} = {value!r} cannot be written to a configuration file")


def parse_settings(settings: Sequence[str], flag: str = "--set") -> dict[str, Any]:
    """Turn flags such as ``levels=[200,50]`` into values; the part after ``=`` is TOML, or plain text.

    Parameters
    ----------
    settings : sequence of str
        What followed each flag.
    flag : str
        Its name, for error texts.

    Raises
    ------
    UsageError
        If a flag has no ``=``.
    """
    parsed: dict[str, Any] = {}
    for setting in settings:
        name, found, text = setting.partition("=")
        if not found or not name:
            raise UsageError(f"{flag} wants name=value, got {setting!r}")
        try:
            parsed[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[name] = text
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets without end
            raise UsageError(f"{flag} {name}: {text[:40]!r}... is too long or too deep to be a value") from None
    return parsed


def build_model(name: str, parameters: Mapping[str, Any], place: str, seed: int | None = None) -> Any:
    """Return an unfitted model from configured values.

    Parameters
    ----------
    name : str
        Model name.
    parameters : mapping
        Constructor arguments as read.
    place : str
        Where they came from, for error texts.
    seed : int, optional
        The `random_state` of a model that has one, where the parameters give none.

    Raises
    ------
    UsageError
        For an unknown model or key (the text names the nearest), or a value of the wrong type.
    """
    if name not in MODELS:
        raise UsageError(f"{place}: there is no model '{name}'.{nearest(name, MODELS)}")
    cls = model_class(name)
    cls.check_names(parameters, f"{place}: ")
    if seed is not None and "random_state" in cls.parameter_names():
        parameters = {"random_state": seed, **parameters}
    checked = cls.check_types(parameters, f"{place}: ")
    check_limits(cls.limits, checked, f"{place}: ", WRITTEN)
    return create(name, **checked)
