"""What a saved block of features must look like, before it is rebuilt from a model folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArtifactError

WIDEST = 2**24  # numbers of a feature block; more is no model but a way to ask for memory

Arrays = Mapping[str, NDArray[Any]]


def check_block(told: Any, arrays: Arrays) -> None:
    """Refuse the description and arrays of a block that do not fit each other.

    Parameters
    ----------
    told : mapping
        From `Block.to_state`.
    arrays : mapping of str to ndarray
        Its arrays.

    Raises
    ------
    ArtifactError
        If an entry is missing or of another kind, a vocabulary repeats, a number is not finite, or lengths differ.
    """
    if not isinstance(told, Mapping) or not isinstance(told.get("kind"), str) or not isinstance(told.get("column"), str):
        raise ArtifactError("a block of features of the model folder has no kind or no column; it was altered")
    what = f"the features of column '{told['column'][:80]}' in the model folder"
    for key in ("vocabulary", "labels"):
        if key in told:
            _check_terms(told[key], f"{what}: {key}")
    for key in ("mean", "deviation"):
        if key in told and (not _is_number(told[key]) or (key == "deviation" and told[key] <= 0)):
            raise ArtifactError(f"{what}: {key} is {told[key]!r:.60}, expected a number; it was altered")
    if "width" in told and not (type(told["width"]) is int and 0 < told["width"] <= WIDEST):
        raise ArtifactError(f"{what}: the width is {told['width']!r:.60}, expected a whole number; it was altered")
    for key in ("model", "settings", "separators"):
        if not isinstance(told.get(key), str | None):
            raise ArtifactError(f"{what}: {key} is no text; it was altered")
    for name, values in arrays.items():
        if values.ndim != 1 or values.dtype.kind != "f":
            raise ArtifactError(f"{what}: '{name}' has shape {values.shape}, expected one row of numbers; it was altered")
    if "vocabulary" in told and ("idf" not in arrays or len(arrays["idf"]) != len(told["vocabulary"])):
        raise ArtifactError(f"{what}: the vocabulary has another length than its weights; it was altered")
    if "parts" in told:
        _check_parts(told["parts"], arrays, what)


def _check_terms(terms: Any, what: str) -> None:
    if not isinstance(terms, list) or any(not isinstance(term, str) for term in terms):
        raise ArtifactError(f"{what} is no list of texts; it was altered")
    if len(set(terms)) != len(terms):
        raise ArtifactError(f"{what} names a term more than once; it was altered")


def _check_parts(parts: Any, arrays: Arrays, what: str) -> None:
    good = isinstance(parts, list) and all(
        isinstance(part, list)
        and len(part) == 2
        and isinstance(part[0], str)
        and type(part[1]) is int
        and 0 < part[1] <= WIDEST
        for part in parts
    )
    if not good:
        raise ArtifactError(f"{what}: the parts of a picture's descriptor are no names and lengths; it was altered")
    width = sum(part[1] for part in parts)
    for name in ("mean", "deviation"):
        if name not in arrays or len(arrays[name]) != width or (name == "deviation" and (arrays[name] <= 0).any()):
            raise ArtifactError(f"{what}: '{name}' of the descriptors does not fit their {width:,} numbers; it was altered")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and np.isfinite(float(value))
