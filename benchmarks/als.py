"""Ours beside implicit's ALS on a large world, by turns; and what an alternation costs on citeulike-a, exact and by steps.

The world is that of `scale` with 200,000 users, 20,000 items and 4 million pairs. implicit weighs zeros 1 and positives alpha; divided
by alpha that is our zero_weight = 1 / alpha, and regularization / alpha. Each takes as many threads as there are cores, as either does
when it is installed. The solved levels and DualNet read the words of the items too, and are given their numbers as ALS is: nothing is
searched for, all pairs are trained on, and what the networks weigh is chosen on the validation users. Seconds are those of a clock,
beside those of the process: where others use the machine too, the latter are the steadier; ratios are taken between neighbours in
time, and their median is told. The load (processes that wanted a core, over five minutes) says how busy it was.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from dualnet import Content, ContentSpec, Dataset, DualNet, IdMap, Interactions, RunOptions, Solved, Validation
from dualnet.data.sources import registry
from dualnet.data.tasks import RankingTask
from dualnet.evaluation import quick_recall
from dualnet.models.als import SortedRows, half_step
from dualnet.models.wmf import WMF, start_factors

from . import record
from .world import make_world

USERS, ITEMS, PAIRS_PER_USER = 200_000, 20_000, 20
FACTORS, ITERATIONS, ALPHA, PENALTY = 64, 8, 100.0, 100.0
WIDER = 200  # factors of the ALS that levels are compared with
LEVELS = {  # given, so that nothing is searched for
    "factors": 100, "factor_zero_weight": 0.008, "regularization": 16.0, "relation": 0.0, "prior": float("inf"), "content_scale": 1.0,
    "content_weight": 0.0, "new_scale": 1.0, "unliked_scale": 1.0,
}  # fmt: skip
NETWORKS = {"levels": (200, 50), "epochs": 1}
WIDTH = 300  # of an alternation on citeulike-a
TURNS = 5
Model = Callable[[], tuple[Any, Any]]  # vectors of users and items


def run(turns: int = TURNS) -> None:
    """Measure and write results/als.jsonl."""
    record.write("als", [*beside_implicit(turns), *alternation(turns)])


def beside_implicit(turns: int) -> list[dict[str, Any]]:
    """Return a row for each model: median seconds, recall of the validation users, ratio of the seconds to the ALS beside it."""
    data, task = _world()
    threads = len(os.sched_getaffinity(0))
    run, validation = RunOptions(progress=False, threads=threads), Validation(data, (task,))

    def als(factors: int) -> Model:
        with threadpool_limits(1, "blas"):  # as implicit advises: its own threads do the work
            peer = AlternatingLeastSquares(
                factors=factors, alpha=ALPHA, regularization=PENALTY, iterations=ITERATIONS, num_threads=threads, random_state=0
            )
            peer.fit(csr_matrix(data.interactions.matrix), show_progress=False)
        return lambda: (peer.user_factors[: len(task.users)], peer.item_factors)

    def fitted(model: Any, *given: Any) -> Model:
        model.fit(data, *given, run=run)

        def vectors() -> tuple[Any, Any]:
            space = model.space(task.items, task.content)
            return model.encode_users(task.history, space), model.encode_items(space)

        return vectors

    def wmf() -> Model:
        return fitted(WMF(factors=FACTORS, iterations=ITERATIONS, zero_weight=1 / ALPHA, regularization=PENALTY / ALPHA))

    rows = []
    for peer, others in (
        (FACTORS, {f"WMF, {FACTORS} factors": wmf}),
        (
            WIDER,
            {
                "solved levels, 100 factors": lambda: fitted(Solved(**LEVELS)),
                "DualNet, 100 factors, one epoch": lambda: fitted(DualNet(**LEVELS, **NETWORKS), validation),
            },
        ),
    ):
        name = f"implicit, {peer} factors"
        fits: dict[str, Callable[[], Model]] = {**others, name: partial(als, peer)}
        spent: dict[str, list[tuple[float, float]]] = {by: [] for by in fits}
        for turn in range(turns):
            for by, fit in fits.items():
                spent[by].append(_seconds(fit, last := []))
                if turn == turns - 1:
                    recall = quick_recall(*last[0](), task, [100])[100].mean
                    rows.append(
                        {"what": "fit, large world", "by": by, "threads": threads, **_medians(spent[by]), "recall@100": recall}
                    )
        for row in rows:
            if row["by"] in others:
                row |= _ratios(spent[row["by"]], spent[name], "implicit")
    return rows


def _world() -> tuple[Dataset, RankingTask]:
    """Return the large world with the words of its items, and the question of its validation users, who come first."""
    world = make_world(USERS, ITEMS, PAIRS_PER_USER, words=50, vocabulary=ITEMS // 2)
    users, items = IdMap(list(range(USERS))), IdMap(list(range(ITEMS)))
    content = Content(items, pa.table({}), ContentSpec(bags=("words",)), {"words": world.content})
    data = Dataset(Interactions(users, items, world.matrix), content)
    asked = np.arange(world.held_out.shape[0])
    history = csr_array(world.matrix[asked])
    task = RankingTask(
        "known-known", users.subset(asked), items, history, history, np.arange(ITEMS), world.held_out, content=data.items
    )
    return data, task


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


def _seconds(work: Callable[[], Any], found: list[Any] | None = None) -> tuple[float, float]:
    """Return seconds of the clock and of the process; what the work returns is put into a list."""
    clock, process = time.perf_counter(), time.process_time()
    result = work()
    if found is not None:
        found.append(result)
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
