"""Reading of files from other people: regular files of bounded size, and one error for whatever a reader raises."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ArtifactError, DataError, DualNetError, UsageError, near_path

LARGEST_SETTINGS = 16 * 2**20  # bytes of a file that a person writes: a configuration, keys, a query
SHOWN = 200  # characters of what a reader says


@contextmanager
def reading(
    what: object, error: type[DualNetError] = DataError, remedy: str = "write or copy it again", fault: str = "cannot be used"
) -> Iterator[None]:
    """Turn whatever a reader raises into one error that names what was read.

    Readers of damaged or hostile files raise almost anything, with recursion and memory among it; errors of ours pass as they are.

    Parameters
    ----------
    what : object
        File or folder, for the text.
    error : type of DualNetError
        The kind of error.
    remedy : str
        What to do.
    fault : str
        What is wrong, such as ``is not a whole Parquet file``.

    Raises
    ------
    DualNetError
        Of the kind that was given.
    """
    try:
        yield
    except DualNetError as cause:
        if error is not ArtifactError or not isinstance(cause, DataError | UsageError):
            raise
        raise error(f"{what} {fault}: {cause}") from cause  # wrong data in a model are a fault of the model
    except OSError as cause:
        raise error(f"{what} cannot be read: {_first_line(cause.strerror or cause)}; {remedy}") from cause
    except Exception as cause:
        raise error(f"{what} {fault} ({_reason(cause)}); {remedy}") from cause


def check_regular(path: Path, largest: int | None = None, error: type[DualNetError] = DataError, what: object = None) -> int:
    """Return the size of a file, after making sure that it is one: a pipe would hang, a device has no end.

    Parameters
    ----------
    path : Path
        The file; links are followed.
    largest : int, optional
        Bytes that it may have.
    error : type of DualNetError
        The kind of error.
    what : object, optional
        How the text names it, if not by its path.

    Raises
    ------
    DualNetError
        If there is no such file, it is a folder, a pipe or a device, or it is too large.
    """
    name = path if what is None else what
    try:
        found = path.stat()
    except (OSError, ValueError) as cause:  # a name with a NUL is a ValueError
        near = near_path(path) if isinstance(cause, FileNotFoundError) else ""
        raise error(f"{name} cannot be read: {getattr(cause, 'strerror', None) or cause}{near}") from cause
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, a socket or a device"
        raise error(f"{name} is {kind}, not a file; copy what it gives into a file and name that")
    if largest is not None and found.st_size > largest:
        raise error(
            f"{path} has {found.st_size:,} bytes, and {largest:,} are the most that it may have; check that it is the right file"
        )
    return found.st_size


def read_regular(path: Path, largest: int | None = None, error: type[DualNetError] = DataError, what: object = None) -> bytes:
    """Return the bytes of a regular file; see `check_regular`."""
    name = path if what is None else what
    size = check_regular(path, largest, error, what)
    with reading(name, error, "mend its permission or copy it again"), path.open("rb") as handle:
        data = handle.read(size + 1)
    if len(data) != size:
        raise error(f"{name} changed while it was read: {size:,} bytes were announced; try again when nothing writes it")
    return data


def _reason(cause: BaseException) -> str:
    if isinstance(cause, RecursionError):
        return "it is nested too deep"
    if isinstance(cause, MemoryError):
        return "it needs more memory than there is"
    if isinstance(cause, KeyError):
        return f"{cause} is missing"
    if isinstance(cause, TypeError | AttributeError):  # our own insides: something is of another kind than it should be
        return "a part of it is of another kind than it should be"
    return _first_line(cause) or type(cause).__name__


def _first_line(text: object) -> str:
    lines = str(text).splitlines()
    return lines[0][:SHOWN] if lines else ""
