"""Time until DualNet ranks as well as a well-tuned ALS, on citeulike2 with titles and tags, in one run.

Both are judged on the test pairs, all users, at 100. DualNet's settings are its defaults except for the number of epochs,
which sets the schedule: the shortest that reaches ALS is reported, so every length is shown.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from dualnet import DualNet, RunOptions, splits
from dualnet.data.sources import registry
from dualnet.data.tasks import RankingTask
from dualnet.evaluation import quick_recall

from . import record

CUTS = [50, 100, 200]
EPOCHS = (1, 2, 3, 4, 10)


def run(seed: int = 0) -> None:
    """Measure and write results/recall_time.jsonl."""
    data = registry.load("citeulike-a").with_content(("title", "tags"))
    split = splits.citeulike2(data, seed=seed)
    task = split.tasks[0]
    rows: list[dict[str, Any]] = [als(split.train.interactions.matrix, split, task)]
    for epochs in EPOCHS:
        rows.append(dualnet(split, task, epochs))
        rows[-1]["times ALS"] = rows[-1]["seconds"] / rows[0]["seconds"]
        rows[-1]["reaches ALS"] = rows[-1]["recall@100"] >= rows[0]["recall@100"]
    record.write("recall_time", rows)


def als(matrix: Any, split: Any, task: RankingTask) -> dict[str, Any]:
    """Fit implicit's ALS, and rank with its own factors."""
    model = AlternatingLeastSquares(factors=200, alpha=100, regularization=100, iterations=15, random_state=0)
    started = time.perf_counter()
    with threadpool_limits(1, "blas"):  # as implicit advises: its own threads do the work
        model.fit(csr_matrix(matrix), show_progress=False)
    seconds = time.perf_counter() - started
    items = np.zeros((len(task.items), 200), np.float32)
    items[task.items.rows(split.train.interactions.items.keys)] = model.item_factors
    users = model.user_factors[split.train.interactions.users.rows(task.users.keys)]
    return {"what": "ALS (implicit)", "seconds": seconds, **_recall(users, items, task)}


def dualnet(split: Any, task: RankingTask, epochs: int) -> dict[str, Any]:
    """Fit DualNet for some epochs without validation: everything from features to the last step counts."""
    importlib.import_module("dualnet.models.descent")  # importing torch is not training
    # the paper's levels: half the time of ours
    model = DualNet(factors=0, levels=(200, 200, 50), residual_dropout=0.5, epochs=epochs)
    started = time.perf_counter()
    model.fit(split.train, run=RunOptions(progress=False))
    seconds = time.perf_counter() - started
    space = model.space(task.items, task.content)
    users = model.encode_users(task.history, space)
    return {"what": "DualNet", "epochs": epochs, "seconds": seconds, **_recall(users, model.encode_items(space), task)}


def _recall(users: Any, items: Any, task: RankingTask) -> dict[str, float]:
    found = quick_recall(users, items, task, CUTS)
    return {f"recall@{cut}": found[cut].mean for cut in CUTS}


if __name__ == "__main__":
    run()
