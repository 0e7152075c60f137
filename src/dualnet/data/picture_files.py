"""Files of pictures: read whole and bounded in size."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from ..errors import DataError

LARGEST_FILE = 64 * 2**20
DATA_URI = "data:;base64,"


def is_data_uri(value: str) -> bool:
    """Return whether text is a picture itself (``data:image/png;base64,...``), not the path of one."""
    return value.startswith("data:") and ";base64," in value[:200]


def as_data_uri(data: bytes) -> str:
    """Return the bytes of a picture as text, for a column in which others are paths; `picture_bytes` reads it."""
    return DATA_URI + base64.b64encode(data).decode()


def picture_bytes(value: object, where: str) -> bytes | None:
    """Return the file of one cell, or None where there is no picture.

    Parameters
    ----------
    value : str, bytes or None
        Path of a file, or its bytes; None or an empty text for no picture.
    where : str
        The item and column, for error texts.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, it is too large, or the cell is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and is_data_uri(value):
        try:
            value = base64.b64decode(value.partition(",")[2], validate=True)
        except binascii.Error as error:
            raise DataError(f"{where}: the picture after 'data:' is not base64; write it again") from error
    if isinstance(value, bytes):
        data = value
    elif isinstance(value, str):
        path = Path(value)
        try:
            if not path.is_file():
                raise DataError(f"{where}: there is no picture file {value}; mend the path, or leave the cell empty")
            if path.stat().st_size > LARGEST_FILE:
                raise DataError(f"{where}: {value} has {path.stat().st_size:,} bytes; pictures may have {LARGEST_FILE:,}")
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{where}: the picture {value!r} cannot be read ({error}); mend the path or permission") from error
    else:
        raise DataError(f"{where} is a {type(value).__name__}; a picture is the path of a file, or its bytes")
    if len(data) > LARGEST_FILE:
        raise DataError(f"{where} has {len(data):,} bytes; pictures may have {LARGEST_FILE:,}")
    return data
