"""One training run on a large synthetic world, in a process of its own so that its peak memory is its own.

`write` makes the tables as Parquet files; `train` reads them as a user's would be read, and trains.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array, load_npz, save_npz

from dualnet import Dataset, DualNet, RunOptions
from dualnet.data.tasks import RankingTask, Validation
from dualnet.experiments.bench import peak_rss_mb

from .world import make_world


def write(folder: Path, users: int, items: int, pairs_per_user: int) -> None:
    """Write events.parquet, items.parquet and the held-out pairs of the validation users."""
    world = make_world(users, items, pairs_per_user, words=50, vocabulary=max(2000, items // 2))
    folder.mkdir(parents=True, exist_ok=True)
    writer = pq.ParquetWriter(folder / "events.parquet", pa.schema([("user_id", pa.int64()), ("item_id", pa.int64())]))
    for start in range(0, users, 100_000):
        part = csr_array(world.matrix[start : start + 100_000])
        who = np.repeat(np.arange(start, start + part.shape[0]), np.diff(part.indptr))
        writer.write_table(pa.table({"user_id": who, "item_id": part.indices.astype(np.int64)}))
    writer.close()
    words = np.char.add("w", np.arange(world.content.shape[1]).astype(str)).astype(object)
    texts = [" ".join(row) for row in words[world.content.indices.reshape(items, -1)]]
    pq.write_table(pa.table({"item_id": np.arange(items), "text": texts}), folder / "items.parquet")
    save_npz(folder / "held_out.npz", world.held_out)


def train(folder: Path, epochs: int, settings: dict[str, object]) -> dict[str, object]:
    """Fit on the tables and return figures."""
    started = time.perf_counter()
    data = Dataset.from_tables(folder / "events.parquet", folder / "items.parquet", text="text")
    read_seconds, read_mb = time.perf_counter() - started, peak_rss_mb()
    held = csr_array(load_npz(folder / "held_out.npz"))
    users, items = data.interactions.users, data.interactions.items
    sample = users.rows(list(range(held.shape[0])), "user")
    columns = items.rows(list(range(held.shape[1])), "item")
    history = csr_array(data.interactions.pattern()[sample])
    truth = csr_array((held.data, columns[held.indices].astype(np.int32), held.indptr), shape=history.shape)
    truth.sort_indices()
    task = RankingTask(
        "known-known", users.subset(sample), items, history, history, np.arange(len(items)), truth, content=data.items
    )
    own = {"levels": (200, 200, 50), "residual_dropout": 0.5, "epochs": epochs}
    model = DualNet(**{"factors": 0, **own, **settings})
    model.fit(
        data,
        Validation(data, (task,)),
        run=RunOptions(progress=False, log=folder / "log.jsonl", patience=epochs, monitor="recall@100"),
    )
    logged = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    lines = [
        line for line in logged if "recall@100" in line
    ]  # epochs of the networks; those of the solved levels are beside them
    return {
        "users": len(users), "items": len(items), "pairs": data.interactions.n_pairs, "read_seconds": read_seconds,
        "read_mb": read_mb, "fit_seconds": model.info_["fit_seconds"], "epochs": lines,
        "solved": [line for line in logged if line not in lines], "peak_rss_mb": peak_rss_mb(),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("write", "train"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--pairs-per-user", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--settings", type=json.loads, default={})
    given = parser.parse_args()
    if given.what == "write":
        write(given.folder, given.users, given.items, given.pairs_per_user)
    else:
        print(json.dumps(train(given.folder, given.epochs, given.settings)))
