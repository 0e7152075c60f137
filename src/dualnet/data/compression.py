"""Compressed files (gzip, zip, bzip2, xz, Zstandard): recognised by their first bytes, and bounded when unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import DataError

LARGEST_RATIO = 100  # unpacked / packed size; more is a bomb
SMALLEST_BOMB = 64 * 2**20
PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst")

_MAGIC = (
    (b"\x1f\x8b", ".gz"),
    (b"PK\x03\x04", ".zip"),
    (b"BZh", ".bz2"),
    (b"\xfd7zXZ\x00", ".xz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
)


def format_of(path: Path) -> str:
    """Return the suffix that tells the format of a file, such as ``.csv``, in lower case; that of packing is left out."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] in PACKED:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def unpacked(data: bytes, path: Path) -> tuple[bytes, str]:
    """Return the content of a file that may be packed, and the suffix that tells its format.

    Parameters
    ----------
    data : bytes
        The file.
    path : Path
        Where it is, for its suffix and for error texts.

    Raises
    ------
    DataError
        If it is cut short or damaged, unpacks to far more than its size, or is an archive of several files.
    """
    form = format_of(path)
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if kind is None:
        return data, form
    limit = max(len(data) * LARGEST_RATIO, SMALLEST_BOMB)
    try:
        if kind == ".zip":
            opened, form = _member(data, path, form)
        else:
            opened = _opened(kind, data)
        with opened:
            content = opened.read(limit + 1)
    except (EOFError, OSError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, pa.ArrowException, RuntimeError) as error:
        raise DataError(f"{path} is cut short or damaged ({str(error) or kind}); copy it again") from error
    if len(content) > limit:
        raise DataError(f"{path} unpacks to more than {LARGEST_RATIO} times its size; unpack it yourself if that is right")
    return content, form


def _opened(kind: str, data: bytes) -> Any:
    if kind == ".gz":
        return gzip.GzipFile(fileobj=io.BytesIO(data))
    if kind == ".bz2":
        return bz2.BZ2File(io.BytesIO(data))
    if kind == ".xz":
        return lzma.LZMAFile(io.BytesIO(data))
    return pa.CompressedInputStream(pa.BufferReader(data), "zstd")


def _member(data: bytes, path: Path, form: str) -> tuple[Any, str]:
    """Return the only file of a zip archive and its format."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith(("__MACOSX/", "."))]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path} is a workbook of a spreadsheet; save the sheet as CSV")
    if len(names) != 1:
        some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        raise DataError(f"{path} holds {len(names)} files ({some}); unpack it and name the one that is the table")
    inner = format_of(Path(names[0]))
    return archive.open(names[0]), inner or (form if form != ".zip" else "")
