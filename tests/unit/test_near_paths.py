"""A mistyped path is told with the name that is near to it in its folder, whichever command or function it was given to."""

import pytest

from dualnet import Dataset, DualNetError, load
from dualnet.cli import main
from dualnet.errors import near_path


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ratings.csv").write_text("user_id,item_id\na,x\nb,y\n")
    (tmp_path / "query.sql").write_text("SELECT 1")
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "split").mkdir()
    (tmp_path / "run").mkdir()
    return tmp_path


def test_the_nearest_name_of_the_folder(here):
    assert near_path("ratngs.csv") == ". Did you mean 'ratings.csv'?"
    assert near_path(here / "rum") == f". Did you mean {str(here / 'run')!r}?"
    assert near_path(f"{here}/splitt/") == f". Did you mean '{here}/split'?"
    for far in ("zzz", "nowhere/ratings.csv", "", "x" * 5000, "a\0b", "/"):
        assert near_path(far) == ""


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["fit", "ratngs.csv", "--out", "x"], "ratings.csv"),
        (["fit", "confg.toml", "--out", "x"], "config.toml"),
        (["fit", "splitt", "--out", "x"], "split"),
        (["fit", "ratings.csv", "--items", "rating.csv", "--text", "t", "--out", "x"], "ratings.csv"),
        (["bench", "ratngs.csv"], "ratings.csv"),
        (["data", "check", "ratngs.csv"], "ratings.csv"),
        (["split", "ratings.csv", "--protocol", "files", "--train", "ratings.cs", "--test", "ratings.csv", "--out", "x"], "ratings.csv"),
        (["recommend", "rum", "--user", "a"], "run"),
        (["evaluate", "rum"], "run"),
        (["inspect", "rum"], "run"),
        (["data", "check", "--sql", "qery.sql", "--database-url-env", "NO"], "query.sql"),
    ],
)  # fmt: skip
def test_commands(here, monkeypatch, capsys, words, near):
    monkeypatch.setenv("NO", "sqlite:///no.db")
    assert main(words) in (2, 3, 5)
    assert f"Did you mean '{near}'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "call", [lambda: load("rum"), lambda: Dataset.from_tables("ratngs.csv"), lambda: Dataset.open("splitt")]
)
def test_python(here, call):
    with pytest.raises(DualNetError, match=r"Did you mean '.*(run|ratings\.csv|split)'\?"):
        call()
