"""A folder written whole or not at all, in the place of an older one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ResourceError


@contextmanager
def replaced_folder(target: Path, what: str) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of another when all is written.

    Parameters
    ----------
    target : Path
        Where the folder is to be; what is there is kept until the new one is whole, and put back if the exchange fails.
    what : str
        For the text of an error, such as ``the model to``.

    Yields
    ------
    Path
        An empty folder beside the target.

    Raises
    ------
    ResourceError
        If it cannot be written; nothing is left behind.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if target.exists():
            target.rename(old)
        temporary.rename(target)
    except OSError as error:
        raise ResourceError(f"cannot write {what}{target}: {error.strerror or error}; choose another place") from error
    finally:
        if old.exists() and not target.exists():  # stopped between the two
            old.rename(target)
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
