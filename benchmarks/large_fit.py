"""Training on a folder of `large_world`, opened as a user would: seconds, memory and recall of each epoch against the plan.

`python -m benchmarks.large_world /tmp/world`, then `python -m benchmarks.large_fit /tmp/world --settings '{"levels": [100, 100, 50], "factors": 0}'`;
writes results/large_fit.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from dualnet import Dataset, DualNet, RunOptions
from dualnet.data.tasks import RankingTask, Validation
from dualnet.experiments.bench import peak_rss_mb
from dualnet.train.plan import Machine, Workload, plan

from . import record


def validation_of(data: Dataset, folder: Path, sample: int) -> Validation:
    """Return the held-out pairs of some users, whose other items are ranked against all."""
    held = pq.read_table(folder / "held_out.parquet")
    who, what = (held.column(name).to_numpy() for name in ("user_id", "item_id"))
    users, items = data.interactions.users, data.interactions.items
    kept = who < sample
    rows, columns = who[kept], items.find(what[kept])
    rows, columns = rows[columns >= 0], columns[columns >= 0]
    sampled = users.rows(np.arange(sample), "user")
    history = csr_array(data.interactions.matrix[sampled])
    truth = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=history.shape)
    truth.sort_indices()
    task = RankingTask(
        "known-known", users.subset(sampled), items, history, history, np.arange(len(items)), truth, content=data.items
    )
    return Validation(data, (task,))


def fit(folder: Path, cache: Path | None, settings: dict[str, Any], sample: int, text: str | None) -> dict[str, Any]:
    """Open, fit and return figures."""
    started, used = time.perf_counter(), time.process_time()
    data = Dataset.open(folder, cache=cache, **({} if text is None else {"text": text}))
    read = {
        "read seconds": time.perf_counter() - started,
        "read CPU seconds": time.process_time() - used,
        "read MB": peak_rss_mb(),
    }
    model = DualNet(**settings)
    log = folder / "log.jsonl"
    log.unlink(missing_ok=True)
    used = time.process_time()
    model.fit(
        data, validation_of(data, folder, sample), run=RunOptions(progress=False, log=log, patience=100, monitor="recall@100")
    )
    work = Workload(
        *data.interactions.matrix.shape, data.interactions.n_pairs, 0, 0, model.levels, factors=settings.get("factors", 300)
    )
    planned = plan(work, Machine(100e9, 20e9))
    return {
        "users": data.interactions.n_users, "items": data.interactions.n_items, "pairs": data.interactions.n_pairs, **read,
        "fit seconds": model.info_["fit_seconds"], "fit CPU seconds": time.process_time() - used, "peak MB": peak_rss_mb(),
        "planned MB": planned.peak / 2**20, "epochs": [json.loads(line) for line in log.read_text().splitlines()],
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--text")
    given = parser.parse_args()
    record.append("large_fit", fit(given.folder, given.cache, given.settings, given.sample, given.text))
