"""Matrices written as safetensors one after the other: what is in memory is written from where it is, and not copied first."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
ALIGNMENT = 8  # of the first array in the file


def write_tensors(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file that `safetensors` reads.

    Its own writer holds all arrays twice more, as bytes of each and as the whole file.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to ndarray
        Of numbers or booleans. One that is not contiguous is copied, alone.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # wide numbers first, so that all are aligned
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header, end = dict[str, Any](), 0
    for name in names:
        array = arrays[name]
        header[name] = {
            "dtype": TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]
        }  # fmt: skip
        end += array.nbytes
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    told += b" " * (-len(told) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(told)) + told)
        for name in names:
            array = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
            file.write(array.reshape(-1).view(np.uint8).data)
