"""Writing a small text file: whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ..errors import ResourceError
from .durable import new_file


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
    try:
        with new_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error
    return path
