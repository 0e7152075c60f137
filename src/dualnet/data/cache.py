"""Location of the per-user cache, and an SQLite store for vectors that are expensive to compute."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import warn

LARGEST = 2 * 2**30  # bytes of vectors before the oldest quarter makes room
CHECK = 8  # bytes of checksum in front of each vector
AT_ONCE = 500  # keys in one query; SQLite takes at least 999

BYTES_IN_USE = """SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size"""
DROP_OLDEST = """DELETE FROM vectors WHERE rowid IN
    (SELECT rowid FROM vectors ORDER BY rowid LIMIT (SELECT COUNT(*) / 4 + 1 FROM vectors))"""


def cache_folder() -> Path:
    """Return the user's cache for data sets and vectors (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dualnet"


def cache_key(settings: str, content: bytes) -> bytes:
    """Return the SHA-256 key of a piece of content described with some settings.

    Parameters
    ----------
    settings : str
        Everything but the content that decides the vector.
    content : bytes
        What is described.
    """
    return hashlib.sha256(settings.encode() + b"\0" + hashlib.sha256(content).digest()).digest()


class VectorCache:
    """Vectors by key, in one SQLite file that several processes may use at a time.

    A cache may never break or change a result: damaged entries count as absent, a damaged file is started afresh, and a
    cache that cannot be used is left alone; each is said in a warning.

    Parameters
    ----------
    path : Path, optional
        The file; by default ``vectors.sqlite`` in `cache_folder`.
    largest : int
        Bytes that may be in use; beyond that the oldest quarter of the vectors goes.
    """

    def __init__(self, path: Path | None = None, largest: int = LARGEST) -> None:
        self.path, self.largest = path or cache_folder() / "vectors.sqlite", largest
        self._usable = True

    def get(self, keys: Iterable[bytes], width: int) -> dict[bytes, NDArray[np.float32]]:
        """Return the vectors that are there.

        Parameters
        ----------
        keys : iterable of bytes
            From `cache_key`.
        width : int
            Length of each vector.

        Returns
        -------
        dict of bytes to ndarray of float32, shape (width,)
        """
        wanted, found, damaged = list(keys), {}, 0
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            query = f"SELECT key, value FROM vectors WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608 - only marks
            for key, value in self._run(query, some):
                if len(value) == CHECK + 4 * width and value[:CHECK] == _check(key, value[CHECK:]):
                    found[key] = np.frombuffer(value[CHECK:], "<f4").astype(np.float32)
                else:
                    damaged += 1
        if damaged:
            warn(f"{damaged:,} damaged entries of the cache {self.path} are computed again")
        return found

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep some vectors; all of them or, if the process is killed, none.

        Parameters
        ----------
        vectors : mapping of bytes to ndarray of float32, shape (width,)
            By key.
        """
        rows = []
        for key, vector in vectors.items():
            data = vector.astype("<f4").tobytes()
            rows.append((key, _check(key, data) + data))
        self._run("INSERT OR REPLACE INTO vectors (key, value) VALUES (?, ?)", rows, many=True)
        held = self._run(BYTES_IN_USE)
        if held and held[0][0] > self.largest:
            self._run(DROP_OLDEST)

    def _run(self, query: str, values: Sequence[Any] = (), *, many: bool = False) -> list[Any]:
        """Run one statement as one transaction; a file that is no database is replaced once."""
        for attempt in (1, 2):
            if not self._usable:
                break
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
                    connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)")
                    return (connection.executemany if many else connection.execute)(query, values).fetchall()
            except (sqlite3.Error, OSError) as error:
                broken = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
                if attempt == 1 and broken:
                    warn(f"the cache {self.path} is damaged ({error}) and is started afresh")
                    with suppress(OSError):
                        self.path.unlink()
                    continue
                self._usable = False
                warn(f"the cache {self.path} cannot be used ({error}); going on without it")
        return []


def _check(key: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(key + data, digest_size=CHECK).digest()
