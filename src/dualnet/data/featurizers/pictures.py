"""Reading pictures that anyone may have made: bounded, checked, always three channels of eight bits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGEST_FILE = 64 * 2**20
MOST_PIXELS = 50_000_000  # 200 MB once decoded; a file of a few kilobytes can claim more
DRAFT = 512  # pixels a side that every descriptor can do with
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # none that runs another program


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


def decode_picture(data: bytes, where: str) -> Picture:
    """Return a picture in RGB; transparent places are white, of an animation the first frame.

    Parameters
    ----------
    data : bytes
        Content of a picture file.
    where : str
        The item, column and path, for error texts.

    Raises
    ------
    DataError
        If the bytes are no whole picture, or it has more than `MOST_PIXELS` pixels.
    MissingExtraError
        Without Pillow.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingExtraError("pillow", "images", "reading pictures") from error
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise Image.DecompressionBombError(f"it claims {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
        picture.draft("RGB", (DRAFT, DRAFT))  # JPEG alone: decoding a large photograph at full size costs ten times more
        return _rgb(picture)
    except Exception as error:  # the readers of damaged files raise almost anything
        reason = (
            "it is not a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file" if isinstance(error, UnidentifiedImageError) else error
        )
        raise DataError(f"{where} is not a whole picture: {reason}; mend it, or leave the cell empty") from error


def _rgb(picture: Picture) -> Picture:
    from PIL import Image

    if picture.mode[:1] in ("I", "F"):  # 16 or 32 bits of grey, which a plain conversion would cut off at 255
        values = np.asarray(picture, np.float64)
        low, high = (0.0, 65535.0) if picture.mode[0] == "I" else (values.min(), values.max())
        scaled = np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")
