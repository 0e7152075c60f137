"""Files and folders that appear whole or not at all, also after a kill or a power cut, and locks: the one way in which we write.

What is written stands beside its place under a name of its own, ``.NAME.TOKEN.tmp``, and is locked while its writer lives. When
all of it is on the disk it takes its place in one step, and what was there before is removed. So a kill at any moment leaves the
old or the new; what it leaves besides is swept by the next writer of the same place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ResourceError

WRITING, WHOLE, FORMER = ".tmp", ".new", ".old"
_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP, errno.EPERM)
_POSIX = os.name == "posix"  # Windows opens no folder, synchronises only what is open for writing, and renames nothing open


class NoLocksError(OSError):
    """The system has no file locks (Windows)."""


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder until it is closed; the lock ends with the process, however that ends.

    Parameters
    ----------
    descriptor : int
        The open file or folder.
    wait : bool
        Whether to wait for another process that holds the lock.

    Returns
    -------
    bool
        Whether the lock is ours; False if another process holds it.

    Raises
    ------
    NoLocksError
        If the system has no file locks (Windows).
    OSError
        If this file cannot be locked, as on some network file systems.
    """
    try:
        import fcntl
    except ImportError as error:
        raise NoLocksError(errno.ENOSYS, "the system has no file locks") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def writing(target: object, remedy: str = "choose another place") -> Iterator[None]:
    """Tell in one sentence why the system lets nothing be written.

    Parameters
    ----------
    target : object
        What is written, for the error text.
    remedy : str
        What to do, for the error text.

    Raises
    ------
    ResourceError
        In place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror or error}; {remedy}") from error


def write_text(path: Path, text: str, remedy: str = "choose another place") -> Path:
    """Replace a text file, and make its folder if need be; several processes may do so at a time.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        All of it, written as UTF-8.
    remedy : str
        What to do if it cannot be written, for the error text.

    Raises
    ------
    ResourceError
        If it cannot be written; the former file stays, and nothing else is left behind.
    """
    with writing(path, remedy), new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


@contextmanager
def replaced_folder(target: Path, what: str) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of another when all is written; see `new_folder`.

    Parameters
    ----------
    target : Path
        Where the folder is to be; what is there is kept until the new one is whole and on the disk.
    what : str
        For the text of an error, such as ``the model to ``.

    Yields
    ------
    Path
        An empty folder beside the target.

    Raises
    ------
    ResourceError
        If it cannot be written; nothing is left behind.
    """
    with writing(f"{what}{target}"), new_folder(target) as temporary:
        yield temporary


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give a path to write a file to, and put it in the place of another when it is written and on the disk.

    Parameters
    ----------
    target : Path
        Where the file is to be; its folder is made. What is there stays if anything fails.

    Yields
    ------
    Path
        An empty file beside it.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    make_folder(target.parent)
    sweep(target)
    temporary = _beside(target)
    try:
        with _held(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR):
            yield temporary
            sync(temporary)
            temporary.replace(target)
        sync(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write into, and exchange it for another when all of it is written and on the disk.

    Parameters
    ----------
    target : Path
        Where the folder is to be, all of it ours. What is there stays until the new one is whole.

    Yields
    ------
    Path
        An empty folder beside it.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    make_folder(target.parent)
    sweep(target)
    temporary = _beside(target)
    whole = temporary.with_suffix(WHOLE)
    try:
        temporary.mkdir()
        with _held(temporary, os.O_RDONLY):
            yield temporary
            sync_tree(temporary)
            temporary.rename(whole)  # from here on it may be brought to its place by whoever comes next
            exchange(whole, target)
        sync(target.parent)
    finally:
        for left in (temporary, whole):
            _remove(left)


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, each on the disk: one whose name is not is lost with all that is in it."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in made:
        sync(place.parent)


def exchange(new: Path, target: Path) -> None:
    """Put a whole folder in the place of another, which is then under the name of the new one; in one step where there is such.

    Raises
    ------
    OSError
        If it cannot be done; the old one stays.
    """
    if not target.exists():
        new.rename(target)
        return
    try:
        _swap(new, target)
        return
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    former = new.with_suffix(FORMER)  # two steps, and `sweep` knows what to do between them
    target.rename(former)
    try:
        new.rename(target)
    except OSError:
        former.rename(target)
        raise
    shutil.rmtree(former, ignore_errors=True)


def sweep(target: Path) -> None:
    """Remove what writers that were killed left beside a place; one that was killed between two steps is finished first."""
    left = [path for path in _left(target) if _is_dead(path)]
    if not target.exists():
        for suffix in (WHOLE, FORMER):
            waiting = sorted(path for path in left if path.suffix == suffix and path.is_dir())
            if waiting:
                with contextlib.suppress(OSError):
                    waiting[-1].rename(target)
                break
    for path in left:
        _remove(path)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; Windows has no such wait for a folder."""
    if not _POSIX and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if _POSIX else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until a folder and all that is in it are on the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            sync(Path(place) / name)
        sync(Path(place))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{WRITING}")


def _left(target: Path) -> list[Path]:
    start = f".{target.name}."
    try:
        return sorted(
            path for path in target.parent.iterdir()
            if path.name.startswith(start) and path.suffix in (WRITING, WHOLE, FORMER)
            and all(part.isalnum() or part in "-." for part in path.name[len(start) :])
        )  # fmt: skip
    except OSError:
        return []


@contextmanager
def _held(path: Path, flags: int) -> Iterator[None]:
    """Hold a lock on what is being written, by which others see that its writer lives; Windows has no such lock."""
    if not _POSIX:
        if flags & os.O_CREAT:
            os.close(os.open(path, flags, 0o666))
        yield
        return
    descriptor = os.open(path, flags, 0o666)
    try:
        with contextlib.suppress(OSError):
            lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _is_dead(path: Path) -> bool:
    """Return whether nobody writes there any more; False where that cannot be known."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _swap(first: Path, second: Path) -> None:
    """Exchange two names in one step."""
    import ctypes

    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError) as error:
        raise OSError(errno.ENOSYS, "there is no exchange of two names here") from error
    if rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(second))
