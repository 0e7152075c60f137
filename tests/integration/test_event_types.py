"""Likes, dislikes and views through commands and SQL: counted, kept in the run, learned by an update, never listed."""

import json
import sqlite3

import pytest

from dualnet import Dataset, load
from dualnet.cli import main
from dualnet.data.synthetic import blocks_world

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
WORLD = blocks_world()
TYPES = {5: "like", 1: "dislike", None: "seen"}


def rows():
    """Return (user, item, stars): likes have five, some other pairs one star or none at all."""
    liked = WORLD.interactions.matrix.toarray()
    users, items = WORLD.interactions.users, WORLD.interactions.items
    found = []
    for user in range(0, 40, 2):
        for item in range(48):
            stars = 5 if liked[user, item] else 1 if (user + item) % 7 == 0 else None if (user + item) % 7 == 1 else 0
            if stars != 0:
                found.append((users.key(user), items.key(item), stars))
    return found


ROWS = rows()
COUNTS = {stars: sum(row[2] == stars for row in ROWS) for stars in TYPES}


@pytest.fixture
def folder(tmp_path):
    rated = "".join(f"{user},{item},{'' if stars is None else stars}\n" for user, item, stars in ROWS)
    (tmp_path / "rated.csv").write_text("user_id,item_id,stars\n" + rated)
    typed = "".join(f"{user},{item},{TYPES[stars]}\n" for user, item, stars in ROWS)
    (tmp_path / "typed.csv").write_text("user_id,item_id,what\n" + typed)
    return tmp_path


def run(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out, said.err


def sentence(low):
    return f"{COUNTS[5]:,} likes; beside them {COUNTS[1]:,} dislikes{low} and {COUNTS[None]:,} views"


@pytest.mark.parametrize(
    ("table", "options", "low"),
    [
        ("rated.csv", ["--rating", "stars", "--threshold", 4], " (ratings below 4)"),
        ("typed.csv", ["--event-column", "what"], ""),
    ],
)
def test_check_fit_update_and_recommend(capsys, folder, table, options, low):
    out, _ = run(capsys, "data", "check", folder / table, *options)
    assert sentence(low) in out
    out, _ = run(capsys, "data", "check", folder / table, *options, "--json")
    assert json.loads(out)["totals"]["disliked pairs"] == COUNTS[1]
    _, err = run(capsys, "fit", folder / table, *options, "--model", "wmf", "--set", "factors=4", "--out", folder / "run")
    assert sentence(low) in err
    user = ROWS[0][0]
    others = {item for who, item, stars in ROWS if who == user and stars != 5}
    out, _ = run(capsys, "recommend", folder / "run", "--user", user, "-k", 40, "--json")
    listed = [entry["item"] for entry in json.loads(out)["items"]]
    assert listed
    assert not set(listed) & others
    # an update reads the events as the fit did; a file of dislikes alone takes effect
    header = (folder / table).read_text().splitlines()[0]
    value = "1" if "stars" in header else "dislike"
    (folder / "new.csv").write_text(f"{header}\n{user},{listed[0]},{value}\n")
    _, err = run(capsys, "update", folder / "run", "--events", folder / "new.csv", "--out", folder / "next")
    assert "1 new pairs of what users saw or disliked" in err
    assert listed[0] not in load(folder / "next" / "model").recommend(user, k=40).ids


def test_an_update_may_read_another_column_than_the_fit(capsys, folder):
    options = ["--rating", "stars", "--threshold", 4, "--model", "wmf", "--set", "factors=4"]
    run(capsys, "fit", folder / "rated.csv", *options, "--out", folder / "run")
    _, err = run(
        capsys, "update", folder / "run", "--events", folder / "typed.csv", "--event-column", "what", "--out", folder / "next"
    )
    assert "event types in 'what'" in err
    assert "0 new pairs (" in err


def test_convert_and_split_keep_what_an_event_is(capsys, folder):
    options = ["--event-column", "what"]
    run(capsys, "data", "convert", folder / "typed.csv", *options, "--out", folder / "kept")
    read = Dataset.from_tables(folder / "typed.csv", event="what")
    again = Dataset.from_tables(folder / "kept" / "events.parquet", event="type")
    assert again.interactions.fingerprint() == read.interactions.fingerprint()
    run(capsys, "split", folder / "typed.csv", *options, "--protocol", "citeulike2", "--out", folder / "split")
    out, _ = run(capsys, "data", "check", folder / "split")
    assert "error" not in out


def test_a_query_says_what_an_event_is(folder):
    connection = sqlite3.connect(folder / "shop.db")
    connection.execute("CREATE TABLE happened (who TEXT, what TEXT, stars INTEGER)")
    connection.executemany("INSERT INTO happened VALUES (?, ?, ?)", ROWS)
    connection.commit()
    connection.close()
    url = f"sqlite:///{folder / 'shop.db'}"
    names = "SELECT who AS user_id, what AS item_id"
    rated = Dataset.from_sql(url, f"{names}, stars FROM happened", rating="stars", threshold=4)
    kind = "CASE WHEN stars = 5 THEN 'like' WHEN stars = 1 THEN 'dislike' ELSE 'seen' END AS type"
    typed = Dataset.from_sql(url, f"{names}, {kind} FROM happened", event="type")
    assert rated.fingerprint() == typed.fingerprint()
    assert (rated.interactions.others.n_disliked, rated.interactions.others.n_seen) == (COUNTS[1], COUNTS[None])
