"""A folder written whole or not at all, in the place of an older one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ResourceError
from .durable import new_folder


@contextmanager
def replaced_folder(target: Path, what: str) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of another when all is written; see `durable.new_folder`.

    Parameters
    ----------
    target : Path
        Where the folder is to be; what is there is kept until the new one is whole and on the disk.
    what : str
        For the text of an error, such as ``the model to ``.

    Yields
    ------
    Path
        An empty folder beside the target.

    Raises
    ------
    ResourceError
        If it cannot be written; nothing is left behind.
    """
    try:
        with new_folder(target) as temporary:
            yield temporary
    except OSError as error:
        raise ResourceError(f"cannot write {what}{target}: {error.strerror or error}; choose another place") from error
