"""Warnings of many parts as those of one table: each is given once, with the sum of what it counts."""

from __future__ import annotations

import re
import warnings
from typing import Any

from ...errors import DualNetWarning, warn

_NUMBER = re.compile(r"\d[\d,]*")


class SummedWarnings:
    """Gathers the warnings of many parts, and gives each kind once when all went well.

    Parameters
    ----------
    told : set of str
        Kinds that were given before and are not given again; those of now are added.
    """

    def __init__(self, told: set[str]) -> None:
        self.told = told
        self._catching = warnings.catch_warnings(record=True)

    def __enter__(self) -> None:
        self._found = self._catching.__enter__()
        warnings.simplefilter("always")

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self._catching.__exit__(kind, *error)
        if kind is None:
            self._give()

    def _give(self) -> None:
        first: dict[str, tuple[str, int]] = {}
        for one in self._found or ():
            if not issubclass(one.category, DualNetWarning):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
                continue
            text = str(one.message)
            before, total = first.get(_kind(text), (text, 0))
            first[_kind(text)] = (before, total + _leading(text))
        for name, (text, total) in first.items():
            if name not in self.told:
                number = _NUMBER.match(text)
                warn(text if number is None else f"{total:,}{text[number.end() :]}")
            self.told.add(name)


def _kind(text: str) -> str:
    """Return a warning without its numbers and examples."""
    return _NUMBER.sub("#", re.sub(r"such as .*?(?=;|\)|$)", "", text))


def _leading(text: str) -> int:
    found = _NUMBER.match(text)
    return int(found[0].replace(",", "")) if found else 0
