"""URLs: known schemes, paths, and nothing secret in any text."""

from pathlib import Path

import pytest

from dualnet.data.sql.address import Address
from dualnet.errors import UsageError

SECRET = "hunter2-q"


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.db").touch()
    assert Address.parse("sqlite:///here.db").path == Path("here.db")
    assert Address.parse(f"sqlite:///{tmp_path}/here.db").path == tmp_path / "here.db"
    assert Address.parse(f"sqlite://{tmp_path}/here.db").path == tmp_path / "here.db"  # three slashes, no such file here
    assert Address.parse("duckdb:///a%20b.db").path == Path("a b.db")
    for url in ("sqlite://", "sqlite:///", "duckdb://host/x"):
        with pytest.raises(UsageError, match="names no file"):
            _ = Address.parse(url).path
    with pytest.raises(UsageError, match="no options"):
        _ = Address.parse("sqlite:///x.db?mode=rw").path


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"mysql://u:{SECRET}@h/d", "no reader for the database scheme 'mysql://'"),
        (f"u:{SECRET}@h/d", "no scheme"),
        (f"{SECRET}:{SECRET}://", r"scheme '\.\.\.://'"),
    ],
)
def test_what_is_no_url_is_refused_and_not_repeated(url, text):
    with pytest.raises(UsageError, match=text) as caught:
        Address.parse(url)
    assert SECRET not in str(caught.value)


def test_the_environment(monkeypatch):
    monkeypatch.delenv("LIBRARY_URL", raising=False)
    with pytest.raises(UsageError, match="variable LIBRARY_URL is not set"):
        Address.from_environment("LIBRARY_URL")
    with pytest.raises(UsageError, match="by the name of an environment variable") as caught:
        Address.from_environment(f"postgresql://u:{SECRET}@h/d")
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("LIBRARY_URL", f"postgres://u:{SECRET}@h/d\n")
    address = Address.from_environment("LIBRARY_URL")
    assert address.kind == "postgresql"
    assert SECRET not in repr(address) + str(address)
