"""Commands that read a database: the same figures as from tables, one sentence for a mistake, no password anywhere."""

import json
import re
import sqlite3

import pytest

from dualnet.cli import main
from dualnet.data.synthetic import blocks_world
from dualnet.data.tables import dataset_tables, write_table

EVENTS = "SELECT user_id, item_id\nFROM events\nWHERE user_id <> :nobody\n"
ITEMS = "SELECT item_id, title FROM items;\n"
QUICK = ["--model", "content-profile"]


@pytest.fixture(scope="module")
def world():
    return dataset_tables(blocks_world())


@pytest.fixture
def folder(tmp_path, world, monkeypatch):
    """A working folder with queries and an SQLite file; its URL is in LIBRARY_URL."""
    (tmp_path / "events.sql").write_text(EVENTS)
    (tmp_path / "items.sql").write_text(ITEMS)
    connection = sqlite3.connect(tmp_path / "library.db")
    fill(connection, world, "?")
    connection.commit()
    connection.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIBRARY_URL", "sqlite:///library.db")
    return tmp_path


def fill(cursor, world, mark):
    for name, columns in (("events", ("user_id", "item_id")), ("items", ("item_id", "title"))):
        cursor.execute(f"CREATE TABLE {name} ({columns[0]} TEXT, {columns[1]} TEXT)")
        rows = [tuple(row[column] for column in columns) for row in world[name].to_pylist()]
        cursor.executemany(f"INSERT INTO {name} VALUES ({mark}, {mark})", rows)


SQL = ["--sql", "events.sql", "--items-sql", "items.sql", "--text", "title", "--database-url-env", "LIBRARY_URL",
       "--sql-param", "nobody=x"]  # fmt: skip


def call(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return code, captured.out, captured.err


def as_json(capsys, *arguments):
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_database_gives_the_figures_of_the_tables(capsys, folder, world):
    for name, table in world.items():
        write_table(table.drop_columns(["weight"]) if name == "events" else table, folder / f"{name}.csv")
    tables = ["events.csv", "--items", "items.csv", "--text", "title"]
    options = ["--protocol", "four-quadrants", "--seed", 1]
    made = [as_json(capsys, "split", *data, *options, "--out", folder / f"s{k}") for k, data in enumerate((tables, SQL))]
    assert made[0]["split"] == made[1]["split"]
    records = [
        as_json(capsys, "bench", *data, "--models", "popularity,content-profile", "--at", "5", "--protocol", "citeulike2")
        for data in (tables, SQL)
    ]
    assert [r["metrics"] for r in records[0]] == [r["metrics"] for r in records[1]]
    assert {r["dataset"] for r in records[1]} == {"events.sql"}
    checked = [as_json(capsys, "data", "check", *data) for data in (tables, SQL)]
    assert checked[0]["command"].startswith("dualnet fit events.csv")  # tables have a guide, a query has none
    guided = {"found", "command", "measured_command"}
    assert {name: value for name, value in checked[0].items() if name not in {"name", *guided}} == {
        name: value for name, value in checked[1].items() if name != "name"
    }
    assert set(as_json(capsys, "data", "convert", *SQL, "--out", "parquet")) == {"events", "items"}


def test_fit_from_a_configuration(capsys, folder):
    sub = folder / "sub"
    sub.mkdir()
    (sub / "c.toml").write_text(
        '[data]\nevents_sql = "../events.sql"\nitems_sql = "../items.sql"\ndatabase_url_env = "LIBRARY_URL"\ntext = ["title"]\n'
        'sql_params = {nobody = "x"}\nsql_timeout = 60\n[model]\nname = "content-profile"\n'
    )
    assert as_json(capsys, "fit", sub / "c.toml", "--out", "run")["info"]["users"] == 40
    assert as_json(capsys, "recommend", "run", "--user", "u1-1", "-k", 2)["resolved"] == "known"
    for line, text in [
        ("sql_timeout = '5'", "sql_timeout = '5' should be a number"),
        ("sql_params = 'nobody=x'", "sql_params must be a table"),
        ("source = 'demo'", "give either tables"),
        ("event_sql = 'x'", "Did you mean 'events_sql'"),
    ]:
        (folder / "bad.toml").write_text(f'[data]\nevents_sql = "events.sql"\ndatabase_url_env = "LIBRARY_URL"\n{line}\n')
        code, _, err = call(capsys, "fit", "bad.toml", *QUICK, "--out", "bad")
        assert (code, text in err) == (2, True), err


def test_tune_writes_a_configuration_that_fits(capsys, folder):
    code, _, err = call(
        capsys, "tune", *SQL, "--model", "item-knn", "--grid", "neighbours=[5, 9]", "--at", 5, "--out", "tuned"
    )  # fmt: skip
    assert code == 0, err
    text = (folder / "tuned" / "best.toml").read_text()
    assert 'database_url_env = "LIBRARY_URL"' in text
    assert "sqlite:" not in text
    assert call(capsys, "fit", "tuned/best.toml", "--out", "best")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "name the data: a table of events, a data set (see `dualnet data list`), or a query with --sql"),
        (["--sql", "events.sql"], 2, "--sql needs --database-url-env NAME"),
        (["--items-sql", "items.sql", "--database-url-env", "LIBRARY_URL"], 2, "no query for events; add --sql"),
        (["demo", *SQL], 2, "give either tables (DATA, --items, --users) or queries"),
        ([*SQL, "--users", "users.csv"], 2, "give either tables"),
        (["--sql", "events.sql", "--database-url-env", "NO_SUCH"], 2, "the environment variable NO_SUCH is not set"),
        (["--sql", "events.sql", "--database-url-env", "sqlite:///library.db"], 2, "by the name of an environment variable"),
        ([*SQL, "--sql-param", "nobody"], 2, "--sql-param wants NAME=VALUE, got 'nobody'"),
        ([*SQL, "--sql-param", "nobody=y"], 2, "--sql-param nobody is given more than once"),
        ([*SQL, "--sql-param", "nobdy=y"], 2, "no query has a parameter :nobdy. Did you mean 'nobody'?"),
        (["--sql", "events.sql", "--database-url-env", "LIBRARY_URL"], 2, "events.sql needs a value for :nobody"),
        ([*SQL, "--sql-timeout", "-1"], 2, "above 0"),
        (["--sql", "missing.sql", "--database-url-env", "LIBRARY_URL"], 3, "missing.sql cannot be read"),
        ([*SQL, "--text", "titel"], 3, "items.sql has no content column 'titel'"),
    ],
)
def test_mistakes_get_one_sentence_and_a_code(capsys, folder, arguments, code, text):
    found, out, err = call(capsys, "fit", *arguments, *QUICK, "--out", "run")
    assert (found, out) == (code, ""), err
    assert text in err
    assert err.count("\n") == 1
    assert not (folder / "run").exists()


def test_numbers_and_text_of_the_command_line(capsys, folder):
    (folder / "events.sql").write_text(
        "SELECT user_id, item_id FROM events WHERE typeof(:a) = 'integer' AND typeof(:b) = 'real' AND typeof(:c) = 'text' AND :c = '007'"
    )
    command = ["data", "check", "--sql", "events.sql", "--database-url-env", "LIBRARY_URL"]
    assert call(capsys, *command, "--sql-param", "a=-5", "--sql-param", "b=2.50", "--sql-param", "c=007")[0] == 0


def test_the_password_is_in_no_output_and_no_file(capsys, folder, postgresql, world, monkeypatch):
    import psycopg

    with psycopg.connect(postgresql) as connection, connection.cursor() as cursor:
        fill(cursor, world, "%s")
    secret = re.search(r":([^:@]+)@", postgresql)[1]
    monkeypatch.setenv("LIBRARY_URL", postgresql)
    fit = ["fit", *SQL, "--set", "levels=[8, 4]", "--set", "epochs=1", "--set", "user_batch=20", "--out", "run"]
    code, *shown = call(capsys, *fit)
    assert code == 0, shown
    (folder / "events.sql").write_text("SELECT user_id FORM events WHERE user_id <> :nobody")
    for out, url in [
        ("bad", postgresql),
        ("bad", postgresql.replace("?host=", "?host=/nowhere")),
        ("bad", f"mysql://a:{secret}@h/d"),
    ]:
        monkeypatch.setenv("LIBRARY_URL", url)
        code, *more = call(capsys, *fit[:-1], out)
        assert code in (2, 3, 6)
        shown += more
    assert secret not in "".join(shown)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"run.json", "log.jsonl", "manifest.json"} <= {path.name for path in files}
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
        assert b"postgresql://" not in path.read_bytes(), path
