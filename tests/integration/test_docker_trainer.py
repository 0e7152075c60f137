"""What compose.yaml has the database and the trainer do, done without Docker: schema, rows, queries, a model."""

from pathlib import Path

import psycopg
import yaml

from dualnet import load, synthetic
from dualnet.cli import main
from dualnet.data.tables import dataset_tables

ROOT = Path(__file__).parents[2]


def test_the_trainer_fits_what_the_schema_holds(postgresql, tmp_path, monkeypatch, capsys):
    world = dataset_tables(synthetic.library(n_readers=60, n_papers=80))
    with psycopg.connect(postgresql) as database:
        database.execute((ROOT / "docker" / "schema.sql").read_text())
        for table, columns, rows in (
            (
                "papers",
                ("paper_id", "title", "abstract"),
                [(r["item_id"], r["title"], r["abstract"]) for r in world["items"].to_pylist()],
            ),
            ("readings", ("reader_id", "paper_id"), [(r["user_id"], r["item_id"]) for r in world["events"].to_pylist()]),
        ):
            marks = ", ".join(["%s"] * len(columns))
            database.cursor().executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    monkeypatch.setenv("DATABASE_URL", postgresql)
    command = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["trainer"]["command"]
    command = [word.replace("/queries", str(ROOT / "docker")).replace("/models", str(tmp_path)) for word in command]
    quick = ["--set", "levels=[8]", "--set", "epochs=1"]
    assert main([*command, *quick]) == 0
    assert main([*command, *quick]) == 0, "once more, as every night"
    capsys.readouterr()
    assert len(load(tmp_path / "run" / "model").recommend(history=[world["items"]["item_id"][0].as_py()], k=3).ids) == 3
