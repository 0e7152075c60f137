"""The rule for paths that a model folder or a split names: they are followed only if the caller says so."""

from __future__ import annotations

import os

from ..errors import UsageError

VARIABLE = "DUALNET_TRUST_PATHS"
HOW = "dualnet --trust-paths COMMAND ..., or trust_paths=True in Python"


def trusts_paths(told: bool | None) -> bool:
    """Return whether paths that a folder names may be followed.

    Parameters
    ----------
    told : bool, optional
        What the caller said; None asks the environment variable ``DUALNET_TRUST_PATHS``, where only ``1`` says yes.

    Raises
    ------
    UsageError
        If the variable is neither empty, ``0`` nor ``1``.
    """
    if told is not None:
        return told
    said = os.environ.get(VARIABLE, "").strip()
    if said not in ("", "0", "1"):
        raise UsageError(f"{VARIABLE}={said[:40]!r} is not understood; set it to 1 or 0")
    return said == "1"


def refuse_path(what: str, path: str) -> UsageError:
    """Return the error for a path that a folder names and nobody trusts.

    Parameters
    ----------
    what : str
        What names it, such as ``text 'title' of the model``.
    path : str
        The path.
    """
    return UsageError(
        f"{what} names {path[:200]!r}, and a path that a folder names is followed only if you say so; if you trust who made it:"
        f" {HOW}"
    )
