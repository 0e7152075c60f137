"""Checks of the arrays in a model folder: their hash proves that they are unaltered, not that they fit together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import ArtifactError

Tensors = Mapping[str, NDArray[Any]]
Written = dict[str, list[Any]]  # name to kind of number and lengths


def written_arrays(tensors: Tensors) -> Written:
    """Return name, kind of number and shape of each array, as a model folder notes them."""
    return {name: [value.dtype.name, *value.shape] for name, value in sorted(tensors.items())}


def check_written(tensors: Tensors, written: Any) -> None:
    """Refuse arrays that are not those that were noted when the model was saved.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        What is in the folder.
    written : mapping, optional
        From `written_arrays`; None in folders of versions that noted nothing.

    Raises
    ------
    ArtifactError
        If one is missing, is too many, or has another shape or kind of number.
    """
    if written is None:
        return
    if not isinstance(written, Mapping):
        raise ArtifactError("the list of arrays of the model folder is no table; the model folder is damaged")
    found = written_arrays(tensors)
    for name in sorted({*written, *found}):
        if written.get(name) != found.get(name):
            raise ArtifactError(
                f"array '{name[:80]}' of the model folder should be {_form(written.get(name))}, found {_form(found.get(name))}; the"
                " model folder was altered: copy or fit the model again"
            )


def check_finite(tensors: Tensors) -> None:
    """Refuse arrays that hold NaN or infinite numbers, or numbers of a kind that no model has.

    Raises
    ------
    ArtifactError
        Naming the first.
    """
    for name, value in tensors.items():
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise ArtifactError(f"weight '{name[:80]}' has numbers of kind {value.dtype}; the model folder was altered")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ArtifactError(f"weight '{name[:80]}' holds NaN or infinite numbers; the model diverged or was altered")


def saved_array(tensors: Tensors, name: str, *shape: int | None, integers: bool = False) -> NDArray[Any]:
    """Return one array after checking its shape and kind of number.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        What is in the folder.
    name : str
        Which one.
    *shape : int or None
        Its lengths; None for one that may be any.
    integers : bool
        Whether it holds whole numbers; floating-point numbers otherwise.

    Raises
    ------
    ArtifactError
        If it is missing, or has another shape or kind.
    """
    if name not in tensors:
        raise ArtifactError(
            f"weight '{name}' is missing; the model folder is damaged or was altered: copy or fit the model again"
        )
    value = np.asarray(tensors[name])
    if value.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, value.shape, strict=True)):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ArtifactError(f"weight '{name}' should have shape ({wanted}), found {value.shape}; the model folder is damaged")
    if (value.dtype.kind in "iu") != integers or value.dtype.kind not in "fiu":
        raise ArtifactError(
            f"weight '{name}' should hold {'whole' if integers else 'floating-point'} numbers, found {value.dtype}"
        )
    return value


def saved_columns(tensors: Tensors, name: str, count: int | None) -> NDArray[np.int64]:
    """Return places of columns, after checking that they ascend and are inside.

    Raises
    ------
    ArtifactError
        If they do not, or the array is missing or of another kind.
    """
    value = saved_array(tensors, name, None, integers=True).astype(np.int64)
    inside = not len(value) or (value[0] >= 0 and (count is None or value[-1] < count))
    if not inside or (np.diff(value) <= 0).any():
        raise ArtifactError(f"weight '{name}' should hold ascending places of {count} columns; the model folder was altered")
    return value


def saved_number(config: Mapping[str, Any], name: str, *, least: float = -math.inf) -> float:
    """Return a finite number of the settings of a model folder.

    Raises
    ------
    ArtifactError
        If it is missing, is none, is not finite, or is below the least.
    """
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise ArtifactError(
            f"setting '{name}' of the model folder is {value!r:.60}, expected a number; the model folder was altered"
        )
    return float(value)


def saved_matrix(tensors: Tensors, what: str, shape: tuple[int | None, int | None], *, sparse: bool = False) -> Any:
    """Return a matrix that was written as its parts, after checking that every index is inside.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        ``dense``, or ``data``, ``indices``, ``indptr`` and ``shape`` of a CSR matrix.
    what : str
        For the text of an error, such as ``histories``.
    shape : tuple of int or None
        Rows and columns it must have; None where any do.
    sparse : bool
        Whether a dense one is refused.

    Returns
    -------
    csr_array or ndarray

    Raises
    ------
    ArtifactError
        If a part is missing, the shape is another, or an index is out of range or not in order.
    """
    if "dense" in tensors and not sparse:
        return saved_array(tensors, "dense", *shape)
    indptr = saved_array(tensors, "indptr", None, integers=True).astype(np.int64)
    indices = saved_array(tensors, "indices", None, integers=True).astype(np.int64)
    data = tensors.get("data")
    if data is None or data.shape != indices.shape or data.dtype.kind not in "fiub":
        found = "no" if data is None else str(data.shape)
        raise ArtifactError(f"{what} of the model folder have {found} values for {len(indices):,} indices; it is damaged")
    told = saved_array(tensors, "shape", 2, integers=True).tolist() if "shape" in tensors else list(shape)
    if any(size is None or size < 0 for size in told) or any(
        want not in (None, have) for want, have in zip(shape, told, strict=True)
    ):
        raise ArtifactError(f"{what} of the model folder have shape {tuple(told)}, expected {shape}; it is damaged")
    rows, columns = (int(size) for size in told if size is not None)
    if len(indptr) != rows + 1 or indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ArtifactError(f"{what} of the model folder have row pointers that do not fit {rows:,} rows; it is damaged")
    if len(indices) and (indices.min() < 0 or indices.max() >= columns):
        raise ArtifactError(f"{what} of the model folder have indices out of range for {columns:,} columns; it is damaged")
    narrow = np.int32 if max(len(indices), columns) < 2**31 else np.int64
    matrix = csr_array((data, indices.astype(narrow), indptr.astype(narrow)), shape=(rows, columns))
    if not matrix.has_canonical_format:
        raise ArtifactError(f"{what} of the model folder have unsorted or repeated indices; it is damaged")
    return matrix


def _form(written: Any) -> str:
    if not isinstance(written, list) or not written:
        return "none"
    return f"{written[0]} of shape ({', '.join(map(str, written[1:]))})"
