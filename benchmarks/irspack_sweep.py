"""irspack's feature-aware iALS with our own features: a small sweep on validation pairs, then the test pairs, citeulike2.

Its items are regularised towards a linear map of their features (`item_features`). One parameter at a time is chosen by
recall@100 on the validation pairs, at most eight fits; the best is ranked on the test pairs with `dualnet.evaluate`. Every fit is
one line of results/irspack_sweep.jsonl, and a fit that has its line is not run again; delete the file to start afresh.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from irspack import IALSRecommender
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from dualnet import evaluate, splits
from dualnet.data.content import Content
from dualnet.data.features import Featurizer
from dualnet.data.sources import registry
from dualnet.data.space import ItemSpace
from dualnet.data.tasks import RankingTask, Split
from dualnet.errors import DualNetWarning
from dualnet.ids import IdMap, Rows

from . import record

CUTS = (50, 100, 200)
MIN_ITEMS = 10  # an item feature occurs in at least so many items: irspack factorises a features x features matrix
START = {"n_components": 200, "alpha0": 0.01, "reg": 0.005, "lambda_item_feature": 1.0}
SWEEP = {"lambda_item_feature": (0.3, 3.0), "reg": (0.003, 0.01), "alpha0": (0.005, 0.02), "n_components": (400,)}
FIXED = {"train_epochs": 16, "nu": 1.0, "solver_type": "CG", "random_seed": 0, "n_threads": 1}


class Fitted:
    """irspack's factors with the encoders that `evaluate` asks for; users are its own, by folding in their histories."""

    def __init__(self, model: IALSRecommender, items: IdMap) -> None:
        self.model, self.items = model, items

    def space(self, ids: IdMap, content: Content | None) -> ItemSpace:
        """Find the model's own rows."""
        return ItemSpace(ids, self.items.find(ids))

    def scorable(self, space: ItemSpace) -> Any:
        """Return which items it has factors for."""
        return space.is_known

    def encode_items(self, space: ItemSpace, rows: Rows | None = None) -> Any:
        """Return item factors."""
        return space.known_rows(self.model.get_item_embedding(), np.arange(len(space)) if rows is None else rows)

    def encode_users(self, history: csr_array, space: ItemSpace, user_content: Content | None = None) -> Any:
        """Return users folded in."""
        return self.model.compute_user_embedding(csr_matrix(space.to_known(history, len(self.items))))


def run(seed: int = 0) -> None:
    """Sweep, choose, test; go on where a former run stopped."""
    warnings.simplefilter("ignore", DualNetWarning)
    data = registry.load("citeulike-a").with_content(("title", "tags"))
    split = splits.citeulike2(data, seed=seed)
    assert split.validation is not None
    best, top = dict(START), _measure(split, START, split.validation.tasks[0], "validation")
    for name, values in SWEEP.items():
        centre = dict(best)
        for value in values:
            tried = {**centre, name: value}
            found = _measure(split, tried, split.validation.tasks[0], "validation")
            if found > top:
                best, top = tried, found
    _measure(split, best, split.tasks[0], "test")


def _measure(split: Split, parameters: dict[str, Any], task: RankingTask, on: str) -> float:
    """Return recall@100 on a task, from the line of a former fit or a new one."""
    key = {"on": on, **parameters}
    for row in record.read("irspack_sweep"):
        if all(row.get(name) == value for name, value in key.items()):
            return float(row["recall@100"])
    model, seconds, width = _fit(split, parameters)
    result = evaluate(Fitted(model, split.train.interactions.items), task, at=CUTS).results[0]
    row = {"what": "irspack iALS with features", **key, "features": width, "CPU seconds": seconds}
    for cut in CUTS:
        row[f"recall@{cut}"] = result.mean(f"recall@{cut}")
        row[f"interval@{cut}"] = [round(end, 4) for end in result.intervals[f"recall@{cut}"]]
    record.append("irspack_sweep", row)
    return float(f"{row['recall@100']:.4g}")


def _fit(split: Split, parameters: dict[str, Any]) -> tuple[IALSRecommender, float, int]:
    content = split.train.items
    assert content is not None
    content = content.with_spec(replace(content.spec, min_df=MIN_ITEMS))
    features = csr_matrix(Featurizer.fit(content).transform(content))
    started = time.process_time()
    with threadpool_limits(1):
        model = IALSRecommender(csr_matrix(split.train.interactions.pattern()), item_features=features, **FIXED, **parameters)
        model.learn()
    return model, time.process_time() - started, features.shape[1]


if __name__ == "__main__":
    run()
