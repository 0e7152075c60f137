"""What `data check` says of ids and numbers that look wrong: ids written as decimals, columns that tell nothing or one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..ids import IdMap
from .content import Content

_DECIMAL = re.compile(r"[+-]?\d+\.\d*|[+-]?\d+(\.\d*)?[eE][+-]?\d+")
OUTWEIGHS = 1e6  # times the median size of the others


def decimal_ids(ids: IdMap) -> int:
    """Return how many ids are written as decimals, such as ``1.0`` or ``1e3``, if most of them are; else 0."""
    if ids.is_integer:
        return 0
    found = sum(_DECIMAL.fullmatch(str(key)) is not None for key in ids)
    return found if found > len(ids) / 2 else 0


def odd_numbers(content: Content) -> Iterator[tuple[str, int, str]]:
    """Yield code, count and text for each number column that is constant, or that a few values outweigh."""
    for column in content.spec.numbers:
        values = _finite(content, column)
        if len(values) > 1 and values.min() == values.max():
            yield f"constant-{column}", len(values), f"items have the same {column}, so it tells nothing"
            continue
        usual = np.median(np.abs(values)) if len(values) else 0.0
        large = int((np.abs(values) > OUTWEIGHS * max(usual, 1.0)).sum())
        if large:
            text = f"values of {column} are more than a million times its usual size and outweigh the others; mend them or take logarithms"
            yield f"outweighing-{column}", large, text


def _finite(content: Content, column: str) -> NDArray[np.float64]:
    values = np.array([np.nan if value is None else value for value in content.table.column(column).to_pylist()], np.float64)
    return values[np.isfinite(values)]
