"""Text files that are no tables, as some owners ship them: lines below a heading, or one field a line; told, with what to do."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import DataError

START = 2**16  # characters that are looked at
FEWEST = 3  # fields of a record
REMEDY = "write one row for each {what} first (see 'Public data sets as they are shipped' in the documentation)"


def refuse_grouped(text: str, path: Path) -> None:
    """Refuse a text whose lines are no rows, whatever separates their fields.

    Such are the ratings of the Netflix prize, where a line ``1:`` names the film of those below, and the reviews of BeerAdvocate,
    where a record is a line ``beer/name: Sausa Weizen`` for each field, and an empty one.

    Parameters
    ----------
    text : str
        The file.
    path : Path
        For the text of the error.

    Raises
    ------
    DataError
    """
    lines = text[:START].replace("\r", "").split("\n")
    if re.fullmatch(r"\w+:", lines[0].strip()):
        raise DataError(
            f"{path}: its first line {lines[0].strip()!r} is the heading of the lines below it, which are no rows without it;"
            f" {REMEDY.format(what='event')}"
        )
    end = next((place for place, line in enumerate(lines) if not line.strip()), 0)
    named = [re.match(r"([\w./-]+): ", f"{line} ") for line in lines[:end]]
    keys = [found[1] for found in named if found]
    if end >= FEWEST and len(keys) == end == len(set(keys)):
        raise DataError(
            f"{path} has one field a line, such as {lines[0][:60]!r}, and is no table; {REMEDY.format(what='record')}"
        )
