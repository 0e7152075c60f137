"""Readers of the original files of a data set: plain or gzip, bounded in size."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ...errors import DataError, ResourceError

LARGEST_FILE = 4 * 2**30  # unpacked bytes; far above any named data set
LARGEST_RATIO = 100  # unpacked / packed; more is a bomb
LONGEST_LINE = 2**20


class SourceFolder:
    """The folder of one data set, with its files found or fetched on demand.

    Parameters
    ----------
    path : Path
        The folder.
    provide : callable, optional
        Called with the name of a missing file; returns its path or raises.
    """

    def __init__(self, path: Path, provide: Callable[[str], Path] | None = None) -> None:
        self.path = path
        self._provide = provide

    def has(self, name: str) -> bool:
        """Whether a file is in the folder, plain or gzip; a zip archive also unpacked, in it or as this folder."""
        return (self.path / name).is_file() or (self.path / f"{name}.gz").is_file() or self._unpacked(name) is not None

    def read(self, name: str) -> bytes:
        """Return the unpacked bytes of a file.

        Raises
        ------
        ResourceError
            If the file is missing and cannot be fetched.
        DataError
            If it is damaged or unpacks to more than it should.
        """
        path = self.locate(name)
        try:
            if path.suffix != ".gz" or name.endswith(".gz"):
                return path.read_bytes()
            with gzip.open(path, "rb") as handle:
                limit = min(LARGEST_FILE, max(path.stat().st_size, 1024) * LARGEST_RATIO)
                data = handle.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be unpacked ({error}); get the file again") from error
        if len(data) > limit:
            raise DataError(f"{path} unpacks to more than {LARGEST_RATIO} times its size; it is not the original file")
        return data

    def _unpacked(self, archive: str) -> Path | None:
        if not archive.endswith(".zip"):
            return None
        folder = Path(archive).stem
        if (self.path / folder).is_dir():
            return self.path / folder
        return self.path if self.path.is_dir() and folder in (self.path.name, self.path.resolve().name) else None

    def lines(self, name: str) -> list[str]:
        """Return the lines of a text file (UTF-8, odd bytes replaced as some originals are not clean)."""
        return self.read(name).decode("utf-8", "replace").splitlines()

    def member(self, archive: str, name: str) -> list[str]:
        """Return the lines of one member of a zip archive.

        Raises
        ------
        DataError
            If the archive is damaged, lacks the member, or the member is too large for its packed size.
        """
        with self.open_member(archive, name) as opened:
            try:
                return opened.read().decode("utf-8").splitlines()
            except UnicodeDecodeError as error:
                raise DataError(f"{self.path / archive}: member {name} is not UTF-8 ({error}); get the file again") from error

    @contextmanager
    def open_member(self, archive: str, name: str) -> Iterator[IO[bytes]]:
        """Open one member of a zip archive, or of the folder that it was unpacked to, for reading piece by piece; see `member`."""
        unpacked = None if (self.path / archive).is_file() else self._unpacked(archive)
        if unpacked is not None:
            try:
                with (unpacked / Path(name).name).open("rb") as stream:
                    yield stream
            except OSError as error:
                raise DataError(f"{unpacked} is not the unpacked {archive} ({error}); get the archive again") from error
            return
        path = self.locate(archive)
        try:
            with zipfile.ZipFile(path) as opened:
                info = opened.getinfo(name)
                if info.file_size > LARGEST_FILE or info.file_size > LARGEST_RATIO * max(info.compress_size, 1024):
                    raise DataError(
                        f"{path}: member {name} unpacks to {info.file_size:,} bytes; it is not the original archive"
                    )
                with opened.open(info) as stream:
                    yield stream
        except (zipfile.BadZipFile, KeyError, OSError, EOFError, RuntimeError, zlib.error) as error:  # RuntimeError: encrypted
            raise DataError(f"{path} cannot be read as the archive it should be ({error}); get the file again") from error

    def each_line(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield number and text of the lines of a large text file, one at a time.

        Raises
        ------
        ResourceError
            If the file is missing and cannot be fetched.
        DataError
            If it is damaged, or a line is longer than 1 MiB.
        """
        path = self.locate(name)
        limit = max(path.stat().st_size, 1024) * LARGEST_RATIO
        try:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as handle:
                number = size = 0
                while line := handle.readline(LONGEST_LINE + 1):
                    number, size = number + 1, size + len(line)
                    if len(line) > LONGEST_LINE:
                        raise DataError(f"{path}, line {number} is longer than 1 MiB; it is not the original file")
                    if size > limit:
                        raise DataError(
                            f"{path} unpacks to more than {LARGEST_RATIO} times its size; it is not the original file"
                        )
                    yield number, line.decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be unpacked ({error}); get the file again") from error

    def counted_lists(self, name: str) -> list[NDArray[np.int64]]:
        """Return the lists of a file whose lines are ``count item item ...``.

        Raises
        ------
        DataError
            If a line's count is wrong or a token is not a number; the text names the line.
        """
        lists = []
        for number, line in enumerate(self.lines(name), 1):
            try:
                values = np.array(line.split(), dtype=np.int64)
            except ValueError:
                raise DataError(f"{self.path / name}, line {number}: {line[:40]!r} is not a list of whole numbers") from None
            if len(values) == 0 or values[0] != len(values) - 1:
                raise DataError(
                    f"{self.path / name}, line {number}: the first number should count the {max(len(values) - 1, 0)} that follow"
                )
            lists.append(values[1:])
        return lists

    def bag_of_words(self, name: str, n_words: int) -> csr_array:
        """Return a bag-of-words file (lines ``nwords word:count ...``) as float32 counts, shape (lines, n_words)."""
        indices: list[int] = []
        counts: list[int] = []
        indptr = [0]
        for number, line in enumerate(self.lines(name), 1):
            head, *pairs = line.split()
            try:
                row = [(int(word), int(count)) for word, count in (pair.split(":") for pair in pairs)]
                if int(head) != len(row):
                    raise ValueError
            except ValueError:
                raise DataError(
                    f"{self.path / name}, line {number}: expected 'n word:count ...' with n pairs, found {line[:40]!r}"
                ) from None
            indices += [word for word, _ in row]
            counts += [count for _, count in row]
            indptr.append(len(indices))
        if indices and not 0 <= min(indices) <= max(indices) < n_words:
            raise DataError(f"{self.path / name}: word {max(indices)} is not one of the {n_words:,} words of the vocabulary")
        bag = csr_array(
            (np.array(counts, np.float32), np.array(indices, np.int32), np.array(indptr, np.int32)),
            shape=(len(indptr) - 1, n_words),
        )
        bag.sort_indices()
        return bag

    def locate(self, name: str) -> Path:
        """Return the path of a file, plain or gzip.

        Raises
        ------
        ResourceError
            If the file is missing and cannot be fetched.
        """
        for path in (self.path / name, self.path / f"{name}.gz"):
            if path.is_file():
                return path
        if self._provide is None:
            raise ResourceError(
                f"{self.path / name} is missing (neither it nor {name}.gz is there); put the original file there"
            )
        return self._provide(name)


def assert_totals(name: str, found: dict[str, int], published: dict[str, int]) -> None:
    """Compare totals with the authors' published ones.

    Raises
    ------
    DataError
        If one differs: then the files are not the originals, or are read wrongly.
    """
    wrong = [f"{found[key]:,} {key} instead of {value:,}" for key, value in published.items() if found[key] != value]
    if wrong:
        raise DataError(f"data set '{name}' has {', '.join(wrong)}, so its files are not the published ones; get them again")
