"""Candidates as other people publish them: a file with the items that are ranked, the same for every user."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError
from ..ids import Key
from ..typed_values import path_of
from .pairs import PairFormat, id_fields


def read_candidates(path: str | Path, form: PairFormat | None = None) -> list[Key]:
    """Return the ids of a file of candidates, each once, in its order.

    Parameters
    ----------
    path : str or Path
        One id a line, or all in one line; or a table with the item column of `form`. Text also with ``.gz``.
    form : PairFormat, optional
        How ids are written (`base`), and the name of the item column.

    Raises
    ------
    DataError
        If the file cannot be read, has no id, or has lines of several ids, such as candidates of its own for every user.
    """
    path, form = path_of(path, "candidates"), form or PairFormat()
    if not path.exists():
        raise DataError(f"candidates are 'task', 'all' or a file with one item id a line; there is no file {path}")
    lines = id_fields(path, form)
    several = next((number for number, keys in lines if len(keys) > 1), None)
    if several is not None and len(lines) > 1:
        raise DataError(
            f"{path}, line {several}: a file of candidates has one item id a line, the same items for every user; lists that differ"
            " from user to user are not ranked, for they are easier than the whole list by as much as was drawn"
        )
    found = list(dict.fromkeys(key for _, keys in lines for key in keys))
    if not found:
        raise DataError(f"{path} has no ids; it should have one item id a line")
    return found
