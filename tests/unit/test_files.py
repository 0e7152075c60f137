"""Files and folders are replaced whole or not at all, on systems with POSIX calls and without them."""

import errno
import os

import pytest

from dualnet import files as module
from dualnet.errors import ResourceError
from dualnet.files import write_text


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "a.md"
    write_text(path, "one")
    assert write_text(path, "two é").read_text(encoding="utf-8") == "two é"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.md"]


def test_what_cannot_be_written_leaves_the_former_file(tmp_path, monkeypatch):
    path = write_text(tmp_path / "a.md", "one")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Path, "replace", full)
    with pytest.raises(ResourceError, match=r"cannot write .*a.md: No space left on device; choose another --out"):
        write_text(path, "two", "choose another --out")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


class WindowsCalls:
    """The calls of `os` as Windows has them: it opens no folder, and writes to the disk only what is open for writing."""

    def __init__(self):
        self.opened = {}

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, mode=0o777):
        if path.is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        descriptor = os.open(path, flags, mode)
        self.opened[descriptor] = (str(path), flags)
        return descriptor

    def close(self, descriptor):
        del self.opened[descriptor]
        os.close(descriptor)

    def fsync(self, descriptor):
        if not self.opened[descriptor][1] & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EBADF, "Bad file descriptor")
        os.fsync(descriptor)

    def refuse_open(self, path):
        if any(name.startswith(str(path)) for name, _ in self.opened.values()):
            raise PermissionError(errno.EACCES, "The process cannot access the file because it is being used", str(path))


@pytest.fixture
def windows(monkeypatch):
    calls = WindowsCalls()

    def guarded(rename):
        def renamed(path, target):
            calls.refuse_open(path)
            return rename(path, target)

        return renamed

    def without_locks(descriptor, *, wait=False):
        raise module.NoLocksError(errno.ENOSYS, "the system has no file locks")

    def no_exchange(first, second):
        raise OSError(errno.ENOSYS, "there is no exchange of two names here")

    monkeypatch.setattr(module, "os", calls)
    monkeypatch.setattr(module, "_POSIX", False)
    monkeypatch.setattr(module, "lock", without_locks)
    monkeypatch.setattr(module, "_swap", no_exchange)
    for name in ("rename", "replace"):
        monkeypatch.setattr(module.Path, name, guarded(getattr(module.Path, name)))
    return calls


def test_windows_replaces_files_and_folders(windows, tmp_path):
    for text in ("one", "two"):
        assert write_text(tmp_path / "new" / "a.md", text).read_text() == text
        with module.replaced_folder(tmp_path / "model", "the model to ") as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "a.txt").write_text(text)
    assert (tmp_path / "model" / "inner" / "a.txt").read_text() == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.md"]
    assert not windows.opened


def test_windows_keeps_what_was_there_if_writing_fails(windows, tmp_path):
    path = write_text(tmp_path / "a.md", "one")

    def half():
        with module.new_file(path) as new:
            new.write_text("half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        half()
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.md", "one")]
