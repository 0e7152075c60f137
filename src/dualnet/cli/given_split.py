"""A folder of `dualnet split` as an argument: read, narrowed to some content columns, and said where it is ordered by id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import words

if TYPE_CHECKING:
    from ..data.tasks import Split


def given_split(folder: Path, content: str | None = None) -> Split:
    """Return the division of a folder; figures of one that is ordered by id come with a warning.

    Parameters
    ----------
    folder : Path
        Made by `dualnet split`.
    content : str, optional
        Content columns to use, separated by commas; all where left out.
    """
    from ..data.id_order import warn_of_order
    from ..data.split_files import load_split

    split = load_split(folder)
    warn_of_order(split)
    return split if content is None else split.with_content(words(content))
