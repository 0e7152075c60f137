"""Writing a small text file: whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..errors import ResourceError


def write_text(path: Path, text: str, remedy: str = "choose another place") -> Path:
    """Replace a text file, and make its folder if need be; several processes may do so at a time.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        All of it, written as UTF-8.
    remedy : str
        What to do if it cannot be written, for the error text.

    Raises
    ------
    ResourceError
        If it cannot be written; the former file stays, and nothing else is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error
    return path
