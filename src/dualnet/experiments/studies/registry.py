"""The registry of studies by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...config import build_model
from ...errors import UsageError, nearest
from .cells import Study
from .noise import noise
from .quadrants import quadrants
from .scope import Scope
from .table1 import table1
from .table2 import table2
from .table3 import table3
from .tactics import tactics
from .unknown_users import unknown_users

STUDIES: dict[str, Callable[[Scope], Study]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "noise": noise,
    "tactics": tactics,
    "unknown-users": unknown_users,
    "quadrants": quadrants,
}
QUICK_SETTINGS = {"dualnet": {"epochs": 5, "levels": (200, 200, 50)}}  # the paper's levels, half of our epochs


def build_study(name: str, scope: Scope, settings: Mapping[str, Mapping[str, Any]] | None = None) -> Study:
    """Return a study by name.

    Parameters
    ----------
    name : str
        A key of `STUDIES`.
    scope : Scope
        What of it is wanted.
    settings : mapping of model name to mapping, optional
        Constructor arguments that the caller insists on.

    Raises
    ------
    UsageError
        If there is no such study, or no such parameter of a model; the text names the nearest.
    """
    for model, parameters in (settings or {}).items():
        build_model(model, parameters, "--set")
    if name not in STUDIES:
        raise UsageError(f"there is no study '{name}'.{nearest(name, STUDIES)}")
    study = STUDIES[name](scope)
    if scope.quick:
        study = study.with_settings(QUICK_SETTINGS, override=False)
    return study.with_settings(settings or {})
