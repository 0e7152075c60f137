"""Time until we rank as well as a well-tuned ALS, on citeulike2 with titles and tags, in one run.

All are judged on the test pairs, all users, at 100. The numbers of the solved levels are given, as those of ALS are: they are near
what `Solved` chooses on validation there, and nothing is searched for. The networks stand alone, with the paper's levels, for several
numbers of epochs, which set the schedule. The first that reaches ALS counts, so every size and length is shown. Seconds are those of
a clock, beside those of the process, which are the steadier where others use the machine too.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from dualnet import DualNet, RunOptions, Solved, splits
from dualnet.data.sources import registry
from dualnet.data.tasks import RankingTask
from dualnet.evaluation import quick_recall

from . import record

CUTS = [50, 100, 200]
EPOCHS = (1, 2, 3, 4, 10)
FACTORS = (32, 50, 64, 100, 200)
GIVEN = {
    "factor_zero_weight": 0.01, "regularization": 2.0, "relation": 0.0, "prior": float("inf"), "content_scale": 1.5,
    "content_weight": 0.0, "new_scale": 1.0, "unliked_scale": 1.0,
}  # fmt: skip


def run(seed: int = 0) -> None:
    """Measure and write results/recall_time.jsonl."""
    data = registry.load("citeulike-a").with_content(("title", "tags"))
    split = splits.citeulike2(data, seed=seed)
    task = split.tasks[0]
    rows: list[dict[str, Any]] = [als(split.train.interactions.matrix, split, task)]
    rows += [solved(split, task, factors) for factors in FACTORS]
    rows += [networks(split, task, epochs) for epochs in EPOCHS]
    for row in rows[1:]:
        row["times ALS"] = row["seconds"] / rows[0]["seconds"]
        row["cpu times ALS"] = row["cpu seconds"] / rows[0]["cpu seconds"]
        row["reaches ALS"] = row["recall@100"] >= rows[0]["recall@100"]
    record.write("recall_time", rows)


def als(matrix: Any, split: Any, task: RankingTask) -> dict[str, Any]:
    """Fit implicit's ALS, and rank with its own factors."""
    model = AlternatingLeastSquares(factors=200, alpha=100, regularization=100, iterations=15, random_state=0)

    def fit() -> None:
        with threadpool_limits(1, "blas"):  # as implicit advises: its own threads do the work
            model.fit(csr_matrix(matrix), show_progress=False)

    spent = _seconds(fit)
    items = np.zeros((len(task.items), 200), np.float32)
    items[task.items.rows(split.train.interactions.items.keys)] = model.item_factors
    users = model.user_factors[split.train.interactions.users.rows(task.users.keys)]
    return {"what": "ALS (implicit)", "factors": 200, **spent, **_recall(users, items, task)}


def solved(split: Any, task: RankingTask, factors: int) -> dict[str, Any]:
    """Fit solved levels of a width."""
    importlib.import_module("sklearn.feature_extraction.text")  # importing a package is not training
    return {"what": "solved levels", "factors": factors, **_fitted(Solved(factors=factors, **GIVEN), split, task)}


def networks(split: Any, task: RankingTask, epochs: int) -> dict[str, Any]:
    """Fit the networks for some epochs."""
    importlib.import_module("dualnet.models.dualnet_training")  # importing torch is not training
    # the paper's levels: half the time of ours
    model = DualNet(factors=0, levels=(200, 200, 50), residual_dropout=0.5, epochs=epochs)
    return {"what": "networks of DualNet", "epochs": epochs, **_fitted(model, split, task)}


def _fitted(model: Any, split: Any, task: RankingTask) -> dict[str, float]:
    """Fit without validation, and rank: everything from features to the last step counts as time."""
    spent = _seconds(lambda: model.fit(split.train, run=RunOptions(progress=False)))
    space = model.space(task.items, task.content)
    return {**spent, **_recall(model.encode_users(task.history, space), model.encode_items(space), task)}


def _seconds(work: Callable[[], Any]) -> dict[str, float]:
    clock, process = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - clock, "cpu seconds": time.process_time() - process}


def _recall(users: Any, items: Any, task: RankingTask) -> dict[str, float]:
    found = quick_recall(users, items, task, CUTS)
    return {f"recall@{cut}": found[cut].mean for cut in CUTS}


if __name__ == "__main__":
    run()
