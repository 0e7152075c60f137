"""WMF, exact and as it is fitted, beside implicit's ALS from the same start, and BPR beside implicit's, on the training pairs of citeulike2.

implicit weighs zeros 1 and positives alpha; divided by alpha that is weight 1 for positives, zero_weight = 1 / alpha, and
regularization / alpha. The objective is equation 1 in our units, in double precision, for both. One thread each; seconds are of
the process (CPU), so that a busy machine does not decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from dualnet import splits
from dualnet.data.sources import registry
from dualnet.data.tasks import RankingTask, Split
from dualnet.evaluation import quick_recall
from dualnet.models.als import SortedRows, half_step, weighted_error
from dualnet.models.bpr import BPR
from dualnet.models.wmf import WMF, start_factors

from . import record

CUTS = [50, 100, 200]


def run(seed: int = 0) -> None:
    """Measure and write results/peers.jsonl."""
    split = splits.citeulike2(registry.load("citeulike-a"), seed=seed)
    with threadpool_limits(1):
        rows = wmf(split)
        rows += bpr(split)
    record.write("peers", rows)


def wmf(split: Split) -> list[dict[str, Any]]:
    """Return the row of ours and, against it, of implicit with its exact solver and with conjugate gradients."""
    ours = WMF()
    seconds = _seconds(lambda: ours.fit(split.train))
    matrix = ours.histories_
    users = half_step(ours.item_factors_, matrix, ours.zero_weight, ours.regularization)
    fitted = _row("WMF", "dualnet", seconds, split, users, ours.item_factors_, ours)
    seconds = _seconds(lambda: _solve_exactly(ours))
    users = half_step(ours.item_factors_, matrix, ours.zero_weight, ours.regularization)
    rows = [_row("WMF", "dualnet, exact half-steps", seconds, split, users, ours.item_factors_, ours), fitted]
    for how, use_cg in (("implicit, exact", False), ("implicit, conjugate gradients", True)):
        peer = AlternatingLeastSquares(
            factors=ours.factors, alpha=1 / ours.zero_weight, regularization=ours.regularization / ours.zero_weight,
            iterations=ours.iterations, use_cg=use_cg, num_threads=1,
        )  # fmt: skip
        peer.item_factors = start_factors(matrix.shape[1], ours.factors, ours.random_state)
        peer.user_factors = np.zeros((matrix.shape[0], ours.factors), np.float32)
        seconds = _seconds(lambda peer=peer: peer.fit(csr_matrix(matrix), show_progress=False))
        users = half_step(peer.item_factors, matrix, ours.zero_weight, ours.regularization)
        rows.append(_row("WMF", how, seconds, split, users, peer.item_factors, ours))
        rows[-1]["dualnet / this"] = rows[0]["CPU seconds"] / seconds
        rows[-1]["objective / dualnet"] = rows[-1]["objective"] / rows[0]["objective"]
        between = ours.item_factors_ - peer.item_factors
        rows[-1]["distance of item factors"] = float(np.linalg.norm(between) / np.linalg.norm(ours.item_factors_))
    return rows


def _solve_exactly(model: WMF) -> None:
    """Give a fitted model the item factors that exact half-steps from its start lead to."""
    matrix, columns = SortedRows.of(model.histories_), SortedRows.of(csr_array(model.histories_.T))
    items = start_factors(len(model.items_), model.factors, model.random_state)
    for _ in range(model.iterations):
        users = half_step(items, matrix, model.zero_weight, model.regularization)
        items = half_step(users, columns, model.zero_weight, model.regularization)
    model.item_factors_ = items


def bpr(split: Split) -> list[dict[str, Any]]:
    """Return the row of ours, with users folded in, and of implicit's BPR with the users of its training."""
    ours = BPR()
    seconds = _seconds(lambda: ours.fit(split.train, split.validation))
    task = _task(split)
    space = ours.space(task.items, task.content)
    users = ours.encode_users(task.history, space)
    rows = [{"what": "BPR", "by": "dualnet", "CPU seconds": seconds, **_recall(users, ours.encode_items(space), task)}]
    peer = BayesianPersonalizedRanking(
        factors=200, learning_rate=0.05, regularization=0.01, iterations=100, num_threads=1, random_state=0
    )
    seconds = _seconds(lambda: peer.fit(csr_matrix(ours.histories_), show_progress=False))
    known = split.train.interactions.users.rows(task.users.keys)
    items = space.known_rows(np.asarray(peer.item_factors), np.arange(len(space)))
    rows.append(
        {
            "what": "BPR",
            "by": "implicit, rate .05, penalty .01, not tuned",
            "CPU seconds": seconds,
            **_recall(peer.user_factors[known], items, task),
        }
    )
    return rows


def _row(what: str, by: str, seconds: float, split: Split, users: Any, items: Any, model: WMF) -> dict[str, Any]:
    task = _task(split)
    space = model.space(task.items, task.content)
    known = model.users_.rows(task.users.keys)
    l2 = model.regularization
    return {
        "what": what,
        "by": by,
        "CPU seconds": seconds,
        "objective": weighted_error(users, items, model.histories_, model.zero_weight, l2, l2),
        **_recall(users[known], space.known_rows(items, np.arange(len(space))), task),
    }


def _task(split: Split) -> RankingTask:
    assert split.validation is not None
    return split.validation.tasks[0]


def _recall(users: Any, items: Any, task: RankingTask) -> dict[str, Any]:
    found = quick_recall(users, items, task, CUTS)
    return {f"validation recall@{cut}": found[cut].mean for cut in CUTS} | {"half-width@100": found[100].half_width}


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    run()
