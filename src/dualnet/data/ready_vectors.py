"""Ready matrices from `.npy` and `.npz` files: dense vectors or sparse bags of words, one row for each row of a table."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array, issparse, load_npz

from ..errors import DataError
from ..typed_values import path_of
from .content import Matrix
from .csr import check_matrix
from .kinds import RowNames, cast_table
from .open_input import check_regular, reading

LARGEST_RATIO = 100  # unpacked / packed size; more is a bomb
SMALLEST_BOMB = 256 * 2**20


def read_matrix(source: Matrix | str | Path, name: str, n_rows: int) -> Matrix:
    """Return a ready block of content as float32, checked against the number of rows it must have.

    Parameters
    ----------
    source : array, sparse matrix or path
        A path ends in ``.npy`` (dense) or ``.npz`` (one dense array, or a sparse matrix written by SciPy).
    name : str
        Name of the block, for error texts.
    n_rows : int
        Rows of the table beside it.

    Returns
    -------
    csr_array or ndarray of float32, shape (n_rows, width)

    Raises
    ------
    DataError
        For a file that is not what its name says, holds Python objects, claims more data than it has, or has another
        number of rows.
    """
    where = f"content '{name}'"
    if isinstance(source, str | os.PathLike):
        where = f"content '{name}' from {source}"
        source = _read_file(path_of(source, name), where)
    matrix: Matrix = csr_array(source, dtype=np.float32) if issparse(source) else np.asarray(source)
    if not issparse(matrix):
        if matrix.dtype.kind not in "fiub":
            raise DataError(f"{where} has values of kind {matrix.dtype}; vectors must be numbers")
        if matrix.ndim != 2:
            raise DataError(f"{where} has {matrix.ndim} dimensions, expected 2: one row for each item")
        matrix = matrix.astype(np.float32)
    if matrix.shape[0] != n_rows:
        raise DataError(
            f"{where} has {matrix.shape[0]:,} rows for {n_rows:,} rows of the table; they must be in the same order"
        )
    return matrix


def ready_rows(table: pa.Table, name: str, like: Matrix, rows: RowNames) -> Matrix:
    """Return a list column of new rows as a ready block of the form that was fitted.

    Parameters
    ----------
    table : pyarrow.Table
    name : str
        Column of lists of numbers; an empty cell is a row of zeros.
    like : csr_array or ndarray, shape (n, width)
        The block that was fitted.
    rows : RowNames
        For error texts.

    Raises
    ------
    DataError
        For a list of another length, or a value that is none.
    """
    found = np.zeros((table.num_rows, like.shape[1]), np.float32)
    for row, value in enumerate(cast_table(table, {name: "vector"}, rows).column(name).to_pylist()):
        if value is not None and len(value) != like.shape[1]:
            raise DataError(f"{rows.cell(row, name)} has {len(value)} numbers, expected {like.shape[1]}")
        found[row] = 0 if value is None else value
    return csr_array(found) if issparse(like) else found


def _read_file(path: Path, where: str) -> Matrix:
    if path.suffix not in (".npy", ".npz"):
        raise DataError(f"{where}: expected a .npy or .npz file")
    size = check_regular(path)
    with reading(where, DataError, "write it again with numpy.save", "is not a whole numeric array file"):
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > max(size * LARGEST_RATIO, SMALLEST_BOMB):
                raise DataError(
                    f"{where} unpacks from {size:,} to {unpacked:,} bytes; save it without compression if that is right"
                )
            if "format.npy" in names:
                sparse = csr_array(load_npz(path))
                check_matrix(sparse, (None, None), where, canonical=False)
                return sparse
            if len(names) != 1:
                raise DataError(
                    f"{where} holds {len(names)} arrays ({', '.join(sorted(names)[:4])}); keep one, or write it with scipy.sparse.save_npz"
                )
            with zipfile.ZipFile(path) as archive, archive.open(names[0]) as member:
                return np.lib.format.read_array(member, allow_pickle=False)
        # a memory map compares the header's claim with the size of the file before anything is allocated
        np.lib.format.open_memmap(path, mode="r")
        with path.open("rb") as file:  # not the map: a file that is cut meanwhile would end the process
            return np.lib.format.read_array(file, allow_pickle=False)
