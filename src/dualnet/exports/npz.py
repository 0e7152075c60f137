"""Export of vectors to a NumPy archive that opens without pickle."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..files import new_file, writing
from ..typed_values import path_of
from .source import VectorSource


def write_npz(source: VectorSource, path: str | Path) -> int:
    """Write ids and vectors as an ``.npz`` file, streamed, whole or not at all; return the number of rows.

    Arrays: ``ids`` (int64, or text of fixed width), ``vectors`` (float32, the dense piece), and the sparse piece as
    ``content_data``, ``content_indices``, ``content_indptr``, ``content_shape``, ready for ``scipy.sparse.csr_array``
    (``embedding_...`` for models whose vectors are sparse altogether). ``numpy.load(path, allow_pickle=False)`` reads it.

    Parameters
    ----------
    source : VectorSource
        From `items_of` or `users_of`.
    path : str or Path
        Ends in .npz.

    Raises
    ------
    UsageError
        For another suffix.
    DataError
        For an id that NumPy's text of fixed width cannot hold.
    ResourceError
        If the file cannot be written; nothing is left behind.
    """
    target = path_of(path, "path")
    if target.suffix.lower() != ".npz":
        raise UsageError(f"{target} does not end in .npz; give a name that does")
    ids = _fixed_width(source)
    with (
        writing(target),
        new_file(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        _write(archive, ids, source, target.parent)
    return len(source)


def _write(archive: zipfile.ZipFile, ids: NDArray[Any], source: VectorSource, folder: Path) -> None:
    layout, name = source.layout, source.layout.sparse_name
    with _member(archive, "ids", ids.dtype, ids.shape) as file:
        file.write(ids.tobytes())
    # only one member of an archive can be open: the sparse piece waits beside it until its length is known
    with tempfile.TemporaryFile(dir=folder) as data, tempfile.TemporaryFile(dir=folder) as indices:
        counts = [np.zeros(1, np.int64)]
        vectors = _member(archive, "vectors", np.dtype(np.float32), (len(source), layout.width)) if layout.width else None
        with vectors or contextlib.nullcontext() as file:
            for block in source.blocks():
                if file is not None and block.dense is not None:
                    file.write(block.dense.tobytes())
                if block.sparse is not None:
                    data.write(block.sparse.data.tobytes())
                    indices.write(block.sparse.indices.astype(np.int32).tobytes())
                    counts.append(np.diff(block.sparse.indptr))
        if not layout.sparse_width:
            return
        indptr = np.cumsum(np.concatenate(counts), dtype=np.int64)
        for part, spool, kind in (("data", data, np.float32), ("indices", indices, np.int32)):
            spool.seek(0)
            with _member(archive, f"{name}_{part}", np.dtype(kind), (int(indptr[-1]),)) as file:
                shutil.copyfileobj(spool, file)
        for part, values in (("indptr", indptr), ("shape", np.array([len(source), layout.sparse_width]))):
            with _member(archive, f"{name}_{part}", values.dtype, values.shape) as file:
                file.write(values.tobytes())


@contextmanager
def _member(archive: zipfile.ZipFile, name: str, kind: np.dtype[Any], shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """Open one array of the archive, its header written; the caller writes the numbers."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        header = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        yield file


def _fixed_width(source: VectorSource) -> NDArray[Any]:
    if source.ids.is_integer:
        return np.array(source.ids.keys, np.int64)
    for key in source.ids:
        if str(key).endswith("\0"):
            raise DataError(f"id {key!r} ends in a NUL character, which NumPy's text would lose; export as Parquet")
    return np.array(source.ids.keys, np.str_)
