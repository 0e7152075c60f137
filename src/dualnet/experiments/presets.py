"""Parameters that were found on validation, for each named data set and model; see docs/how-to/choose-parameters.md."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

PACKAGE = "dualnet"


def preset_names() -> list[str]:
    """Return the data sets that have presets."""
    return sorted(entry.name.removesuffix(".toml") for entry in (files(PACKAGE) / "presets").iterdir())


def preset(model: str, dataset: str, protocol: str) -> dict[str, Any]:
    """Return the constructor arguments of a model that were found best on a data set; empty where nothing was found.

    A file ``presets/DATASET.toml`` has a table ``[MODEL]`` for all protocols, and ``[MODEL.PROTOCOL]`` for what differs there.

    Parameters
    ----------
    model : str
        Model name.
    dataset : str
        A named data set, such as ``citeulike-a``.
    protocol : str
        Name of the protocol.

    Returns
    -------
    dict
        Arguments as `config.build_model` takes them.
    """
    if dataset not in preset_names():
        return {}
    table = _tables(dataset).get(model, {})
    return {name: value for name, value in table.items() if not isinstance(value, dict)} | table.get(protocol, {})


@cache
def _tables(dataset: str) -> dict[str, Any]:
    return tomllib.loads((files(PACKAGE) / "presets" / f"{dataset}.toml").read_text(encoding="utf-8"))
