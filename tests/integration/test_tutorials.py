"""The tutorials on files are run as they are printed: on the real data where they are, and on a made file of the same form anywhere."""

import os
import re
import runpy
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dualnet.cli import main

PAGES = Path(__file__).parents[2] / "docs" / "tutorial"
QUICK = ["--set", "levels=[8, 4]", "--set", "epochs=1", "--set", "factors=0"]


def blocks(page):
    """Return (language, text) of the blocks of a page."""
    return re.findall(r"^```(\w+)\n(.*?)^```", (PAGES / page).read_text(), flags=re.S | re.M)


def walk(page, capsys, *, quick):
    """Run the page's Python and commands in order, but a server; return what each command printed, by its words."""
    printed = {}
    for language, text in blocks(page):
        if language == "python":
            Path("block.py").write_text(text)
            runpy.run_path("block.py")
        for line in text.splitlines() if language == "console" else ():
            words = shlex.split(line)[1:]
            if words[0] == "serve":
                continue
            code = main([*words, *(QUICK if words[0] == "fit" and quick else ())])
            out, err = capsys.readouterr()
            assert code == 0, f"{line}: {err}"
            printed[line] = out
    return printed


def made_films(folder):
    """Ratings and films in the form of ml-latest-small, made up: 60 people with a favourite genre, 80 films."""
    rng = np.random.default_rng(0)
    genres = ["Drama", "Comedy", "Adventure|Animation", "(no genres listed)"]
    films = [1, 3114, 2355, *range(4, 81)]
    rows = [f'{film},"Film, The {film} (19{50 + k % 50})",{genres[k % 4]}' for k, film in enumerate(films)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *rows]) + "\n")
    ratings = [
        f"{user},{films[k]},{rng.integers(8 if k % 4 == user % 4 else 1, 11) / 2},{964982703 + 1000 * user + k}"
        for user in range(1, 61)
        for k in sorted(rng.choice(80, 25, replace=False).tolist())
    ]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *ratings]) + "\n")


def suggested(page):
    """Return the last line of the page's printed check: the command that it suggests."""
    (text,) = (text for language, text in blocks(page) if language == "text" and "a fit with these columns" in text)
    return text.splitlines()[-1].strip()


def test_your_own_ratings_on_a_file_of_the_same_form(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_films(tmp_path)
    printed = walk("your-own-ratings.md", capsys, quick=True)
    check = printed["dualnet data check ratings.csv --items movies.csv"].splitlines()[-1].strip()
    assert suggested("your-own-ratings.md").startswith(
        check.removesuffix(" --out run")
    )  # with fewer people it keeps nothing back
    lists = [out for line, out in printed.items() if line.startswith("dualnet recommend")]
    assert [len(re.findall(r"^ +\d+\. ", out, flags=re.M)) for out in lists] == [5, 5, 3]
    assert "Film, The" in lists[0]


def test_an_order_log(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = walk("order-log.md", capsys, quick=True)
    check = printed["dualnet data check orders.csv --items products.csv"]
    assert check.splitlines()[-1].strip() == suggested("order-log.md")
    (shown,) = (text for language, text in blocks("order-log.md") if language == "text" and text.startswith("order_line"))
    assert Path("orders.csv").read_text().startswith(shown)
    for sentence in re.findall(r"^found: .*", check, flags=re.M):
        assert any(sentence in text for _, text in blocks("order-log.md")), sentence


@pytest.mark.data
def test_the_check_of_the_real_films_prints_what_the_page_shows(capsys, tmp_path, monkeypatch, data_folder):
    archive = data_folder / "movielens-small" / "ml-latest-small.zip"
    if not archive.exists():
        pytest.skip(f"{archive} is missing")
    with zipfile.ZipFile(archive) as packed:
        for name in ("ratings.csv", "movies.csv"):
            (tmp_path / name).write_bytes(packed.read(f"ml-latest-small/{name}"))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "ratings.csv", "--items", "movies.csv"]) == 0
    out = capsys.readouterr().out
    (shown,) = (text for language, text in blocks("your-own-ratings.md") if language == "text" and text.startswith("found:"))
    for line in shown.replace("...\n", "").splitlines():
        assert line in out, line


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(
    "DUALNET_WHOLE_TUTORIAL" not in os.environ, reason="fits twice on MovieLens, for minutes; set DUALNET_WHOLE_TUTORIAL"
)
def test_the_lists_of_the_real_films_are_those_of_the_page(capsys, tmp_path, monkeypatch, data_folder):
    with zipfile.ZipFile(data_folder / "movielens-small" / "ml-latest-small.zip") as packed:
        for name in ("ratings.csv", "movies.csv"):
            (tmp_path / name).write_bytes(packed.read(f"ml-latest-small/{name}"))
    monkeypatch.chdir(tmp_path)
    check_lists("your-own-ratings.md", walk("your-own-ratings.md", capsys, quick=False))


@pytest.mark.slow
@pytest.mark.skipif("DUALNET_WHOLE_TUTORIAL" not in os.environ, reason="fits twice; set DUALNET_WHOLE_TUTORIAL")
def test_the_lists_of_the_order_log_are_those_of_the_page(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_lists("order-log.md", walk("order-log.md", capsys, quick=False))


def check_lists(page, printed):
    """Check that every list that the page shows is printed, place by place; scores differ between machines in their last digits."""
    lists = "".join(re.sub(r" +\d\.\d{4} +", " ", out) for out in printed.values())
    shown = [
        re.sub(r" +\d\.\d{4} +", " ", line)
        for language, text in blocks(page)
        if language == "text"
        for line in text.splitlines()
        if re.match(r" +\d+\. ", line)
    ]
    assert len(shown) >= 9
    assert [line for line in shown if line not in lists] == []
