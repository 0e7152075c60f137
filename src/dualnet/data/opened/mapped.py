"""Arrays in files of a folder, mapped into memory: only what is used of them is in it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DataError, ResourceError
from ...ids import IdMap
from ..open_input import SHOWN

ABOUT = "about.json"
HEADER = 128  # bytes in front of the numbers
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class MappedFolder:
    """New arrays in files of a folder.

    Parameters
    ----------
    folder : Path
        There, and empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def array(self, name: str, size: int, kind: Any) -> NDArray[Any]:
        """Return a new array of one dimension, filled with zeros.

        Raises
        ------
        ResourceError
            If there is no room for it on the disk.
        """
        path = self.folder / f"{name}.npy"
        if not size:
            found = np.zeros(0, kind)
            np.save(path, found)
            return found
        found = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(kind), shape=(size,))
        try:
            _take_room(path)
        except OSError as error:
            if error.errno not in FULL:
                return found  # a file system that cannot reserve anything
            path.unlink()
            needed, free = size * np.dtype(kind).itemsize, shutil.disk_usage(self.folder).free
            raise ResourceError(
                f"{self.folder} needs {needed / 1e9:,.1f} GB for {size:,} pairs and has {free / 1e9:,.1f} GB free; give a folder with more"
                " room (cache=, or TMPDIR)"
            ) from error
        return found

    def existing(self, name: str) -> NDArray[Any]:
        """Return an array that is there, to read only."""
        path = self.folder / f"{name}.npy"
        if path.stat().st_size > HEADER:
            return np.asarray(np.lib.format.open_memmap(path, mode="r"))
        with path.open("rb") as file:  # nothing to map
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def has(self, name: str) -> bool:
        """Return whether there is such an array."""
        return (self.folder / f"{name}.npy").exists()

    def drop(self, name: str) -> None:
        """Remove an array; who maps it still can."""
        (self.folder / f"{name}.npy").unlink()

    def write_ids(self, name: str, ids: IdMap) -> None:
        """Write ids as an Arrow file."""
        table = pa.table({"id": ids.arrow()})
        with pa.ipc.new_file(self.folder / f"{name}.arrow", table.schema) as writer:
            writer.write_table(table, max_chunksize=2**20)

    def read_ids(self, name: str) -> IdMap:
        """Read ids."""
        with pa.memory_map(str(self.folder / f"{name}.arrow")) as source, pa.ipc.open_file(source) as reader:
            table = reader.read_all()
            table.validate(full=True)
            return IdMap(pa.concat_arrays(table.column("id").chunks) if table.num_rows else [])


def _take_room(path: Path) -> None:
    """Take the room of a file on the disk now: where it ran out while a mapped file is written, the system would end the process."""
    with path.open("r+b") as handle:
        size = os.fstat(handle.fileno()).st_size
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle.fileno(), 0, size)
        elif size > shutil.disk_usage(path.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def temporary_folder() -> Path:
    """Return a new folder that goes when the process ends, also by an error; a process that is killed leaves it behind."""
    folder = Path(tempfile.mkdtemp(prefix="dualnet-opened-"))
    weakref.finalize(MappedFolder, shutil.rmtree, folder, ignore_errors=True)
    return folder


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Write what a folder holds, with the size of each file, so that what is cut short is told."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    (folder / ABOUT).write_text(json.dumps({"about": dict(about), "sizes": sizes}, sort_keys=True), encoding="utf-8")


def is_kept(folder: Path, about: Mapping[str, Any]) -> bool:
    """Return whether a folder holds what was read of the same parts in the same way, and all of it."""
    try:
        found = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in found["sizes"]}
        return bool(found["about"] == json.loads(json.dumps(dict(about))) and found["sizes"] == sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


@contextmanager
def reading_kept(folder: Path) -> Iterator[None]:
    """Raise whatever is wrong with the files of a cache as one `DataError` that names it, with the remedy."""
    try:
        yield
    except (MemoryError, ResourceError):
        raise
    except Exception as cause:  # readers of damaged files raise almost anything
        reason = (str(cause).splitlines() or [type(cause).__name__])[0][:SHOWN]
        raise DataError(f"the cache {folder} is damaged ({reason}); remove it, and it is made anew") from cause


def kept_folder(cache: Path, name: str) -> Path:
    """Return the folder of a cache for one reading; the cache is made if need be.

    Raises
    ------
    DataError
        If the cache is a file, or somebody else's folder.
    """
    if cache.exists() and not cache.is_dir():
        raise DataError(f"the cache {cache} is a file; name a folder")
    if cache.is_dir() and cache.stat().st_uid != os.getuid() if hasattr(os, "getuid") else False:
        raise DataError(f"the cache {cache} belongs to another user, whose files are not read; name a folder of your own")
    return cache / name
