"""Text files are replaced whole or not at all."""

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
