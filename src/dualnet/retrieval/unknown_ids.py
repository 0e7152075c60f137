"""Ids in a question that the catalogue does not know: they are refused, or left out and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np

from ..errors import UnknownIdError, UsageError, shown
from ..ids import Key, Rows

Unknown: TypeAlias = Literal["error", "ignore"]

HISTORY: Unknown = "error"  # a history that is not what was meant gives another answer
OTHERS: Unknown = "ignore"  # what is not there is not listed anyway


def check_unknown(unknown: object) -> None:
    """Refuse a policy that does not exist; raises `UsageError`."""
    if unknown not in (None, "error", "ignore"):
        raise UsageError(f"unknown must be 'error' or 'ignore', got {unknown!r}")


def check_list(keys: object, what: str) -> None:
    """Refuse what is no list of ids, such as one text, which would be read letter by letter; raises `UsageError`."""
    if isinstance(keys, str | bytes):
        raise UsageError(f"{what} must be a list of ids, got the text {keys[:80]!r}")
    if isinstance(keys, Mapping) or not isinstance(keys, Iterable):
        raise UsageError(f"{what} must be a list of ids, got {_short(keys)}")
    for key in keys:
        if not isinstance(key, str | int | np.integer) or isinstance(key, bool):
            raise UsageError(f"{what} must be a list of ids, each a text or a whole number; got {_short(key)} in it")


def check_id(key: object, what: str, several: str = "") -> None:
    """Refuse what is no id, such as a list of them; raises `UsageError` that ends in `several`."""
    if not isinstance(key, str | int | np.integer) or isinstance(key, bool):
        raise UsageError(f"{what} must be one id, a text or a whole number, got {_short(key)}{several}")


def find_known(
    find: Callable[[Sequence[Key]], Rows], keys: Sequence[Key], unknown: Unknown, ignored: list[Key], remedy: str = ""
) -> Rows:
    """Return the rows of ids by a policy.

    Parameters
    ----------
    find : callable
        Returns the rows of ids, and raises `UnknownIdError` for one that is not there.
    keys : sequence of str or int
    unknown : {"error", "ignore"}
    ignored : list
        Gets what was left out, each once.
    remedy : str
        Follows the text of an error.

    Raises
    ------
    UnknownIdError
        For an id that is not there, under ``"error"``.
    """
    try:
        return find(keys)
    except UnknownIdError as error:
        if unknown == "error":
            raise UnknownIdError(f"{error}{remedy}") from None
    rows: list[int] = []
    seen = set(ignored)
    for key in keys:
        try:
            rows += find([key]).tolist()  # of somebody of whom nothing can be read there is no row
        except UnknownIdError:
            if key not in seen:
                seen.add(key)
                ignored.append(key)
    return np.array(rows, np.int64)


def _short(value: object) -> str:
    return "None" if value is None else f"the {type(value).__name__} {shown(value, 80)}"


def listed_ids(keys: Sequence[Key]) -> list[Key]:
    """Return users as a list; raises `UsageError` if they are none."""
    check_list(keys, "users")
    return list(keys)
