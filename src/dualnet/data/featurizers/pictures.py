"""Decoder of pictures: bounded, checked, always three channels of eight bits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, optional_package

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MOST_PIXELS = 50_000_000  # 200 MB once decoded; a file of a few kilobytes can claim more
DRAFT = 512  # pixels a side that every descriptor can do with
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # none that runs another program


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
    with optional_package("pillow", "images", "reading pictures", module="PIL"):
        from PIL import Image, UnidentifiedImageError
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
