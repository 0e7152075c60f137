"""WMF beside implicit's ALS on a large world, by turns; and what an alternation costs on citeulike-a, exact and by steps.

The world is that of `scale` with 200,000 users, 20,000 items and 4 million pairs. implicit weighs zeros 1 and positives alpha; divided
by alpha that is our zero_weight = 1 / alpha, and regularization / alpha. Each takes as many threads as there are cores, as either does
when it is installed. Seconds are those of a clock, beside those of the process: where others use the machine too, the latter are the
steadier; ratios are taken between neighbours in time, and their median is told. The load (processes that wanted a core, over five
minutes) says how busy it was.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from dualnet import Dataset, IdMap, Interactions, RunOptions
from dualnet.data.sources import registry
from dualnet.data.tasks import RankingTask
from dualnet.evaluation import quick_recall
from dualnet.models.als import half_step
from dualnet.models.als_rows import SortedRows
from dualnet.models.wmf import WMF, start_factors

from . import record
from .world import make_world

USERS, ITEMS, PAIRS_PER_USER = 200_000, 20_000, 20
FACTORS, ITERATIONS, ALPHA, PENALTY = 64, 8, 100.0, 100.0
WIDTH = 300  # of an alternation on citeulike-a
TURNS = 5


def run(turns: int = TURNS) -> None:
    """Measure and write results/als.jsonl."""
    record.write("als", [*beside_implicit(turns), *alternation(turns)])


def beside_implicit(turns: int) -> list[dict[str, Any]]:
    """Return a row of ours and one of implicit's: median seconds, recall of the validation users, ratio of the seconds."""
    world = make_world(USERS, ITEMS, PAIRS_PER_USER, words=50, vocabulary=ITEMS // 2)
    users, items = IdMap(list(range(USERS))), IdMap(list(range(ITEMS)))
    data, threads = Dataset(Interactions(users, items, world.matrix)), len(os.sched_getaffinity(0))
    asked = np.arange(world.held_out.shape[0])
    history = csr_array(world.matrix[asked])
    task = RankingTask(
        "known-known", users.subset(asked), items, history, history, np.arange(ITEMS), world.held_out, content=None
    )
    spent: dict[str, list[tuple[float, float]]] = {"WMF": [], "implicit": []}
    recalls: dict[str, float] = {}
    for _ in range(turns):
        ours = WMF(factors=FACTORS, iterations=ITERATIONS, zero_weight=1 / ALPHA, regularization=PENALTY / ALPHA)
        spent["WMF"].append(_seconds(partial(ours.fit, data, run=RunOptions(progress=False, threads=threads))))
        space = ours.space(items)
        recalls["WMF"] = quick_recall(ours.encode_users(history, space), ours.encode_items(space), task, [100])[100].mean
        with threadpool_limits(1, "blas"):  # as implicit advises: its own threads do the work
            peer = AlternatingLeastSquares(
                factors=FACTORS, alpha=ALPHA, regularization=PENALTY, iterations=ITERATIONS, num_threads=threads, random_state=0
            )
            spent["implicit"].append(_seconds(partial(peer.fit, csr_matrix(world.matrix), show_progress=False)))
        recalls["implicit"] = quick_recall(peer.user_factors[asked], peer.item_factors, task, [100])[100].mean
    rows = [
        {"what": f"fit, {FACTORS} factors", "by": by, "threads": threads, **_medians(spent[by]), "recall@100": recalls[by]}
        for by in spent
    ]
    rows[0] |= _ratios(spent["WMF"], spent["implicit"], "implicit")
    return rows


def alternation(turns: int) -> list[dict[str, Any]]:
    """Return the seconds of a half-step over users and one over items, drawn to a prior, on all pairs; one thread."""
    matrix = registry.load("citeulike-a").interactions.matrix
    rows, columns = SortedRows.of(matrix), SortedRows.of(csr_array(matrix.T))
    items = start_factors(matrix.shape[1], WIDTH, 0)
    with threadpool_limits(1):
        for _ in range(2):
            users = half_step(items, rows, 0.01, 1.0)
            items = half_step(users, columns, 0.01, 1.0, prior=items)
        spent: dict[str, list[tuple[float, float]]] = {"exact": [], "by steps": []}
        for _ in range(turns):
            for how, starts in (("exact", (None, None)), ("by steps", (users, items))):
                spent[how].append(_seconds(partial(_both, items, rows, columns, *starts)))
    found = [
        {"what": f"alternation, citeulike-a, {WIDTH} factors", "by": how, "threads": 1, **_medians(spent[how])} for how in spent
    ]
    found[1] |= _ratios(spent["by steps"], spent["exact"], "exact")
    return found


def _both(items: Any, rows: SortedRows, columns: SortedRows, user_start: Any, item_start: Any) -> None:
    users = half_step(items, rows, 0.01, 1.0, start=user_start)
    half_step(users, columns, 0.01, 1.0, prior=items, start=item_start)


def _seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds of the clock and of the process."""
    clock, process = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - process


def _medians(spent: list[tuple[float, float]]) -> dict[str, float]:
    clock, process = (statistics.median(values) for values in zip(*spent, strict=True))
    return {"seconds": clock, "CPU seconds": process, "load of the machine": os.getloadavg()[1]}


def _ratios(ours: list[tuple[float, float]], theirs: list[tuple[float, float]], name: str) -> dict[str, float]:
    pairs = list(zip(ours, theirs, strict=True))
    return {
        f"seconds / {name}": statistics.median(mine[0] / other[0] for mine, other in pairs),
        f"CPU / {name}": statistics.median(mine[1] / other[1] for mine, other in pairs),
    }


if __name__ == "__main__":
    run()
