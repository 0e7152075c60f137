"""Who reaches which recall when, on the world of `scale`: implicit's ALS, irspack's iALS, and DualNet, in one run.

Each contender has a process of its own, and fits on the same matrix in memory. After each step (an alternation; for a whole fit the end)
the clock stops, and recall@100 of the validation users is taken. Weight of zeros and penalty are the same for all: irspack's penalty grows
with the data of a row, and is given so that a row of mean length gets the same. DualNet comes as the solved levels, step by step: factors
alone, as the others have them, and with the content of the items at a fixed weight; as `Solved` fits them; and whole, with networks. The
last two choose the weights of the levels on validation users of their own. Processor time is the steadier figure where others use the machine.

    python -m benchmarks.scale_peers --users 200000 --items 20000

measures one world and prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, load_npz, save_npz
from threadpoolctl import threadpool_limits

from dualnet import Content, ContentSpec, Dataset, DualNet, IdMap, Interactions, RunOptions, Solved, Validation
from dualnet.data.featurizers.base import unit_rows
from dualnet.data.space import ItemSpace
from dualnet.data.tasks import RankingTask
from dualnet.evaluation import quick_recall
from dualnet.models.solved.choice import Training
from dualnet.models.solved.content import FEW_FEATURES
from dualnet.models.solved.factors import FactorSettings, ItemFactors
from dualnet.models.solved.levels import SolvedChoice
from dualnet.models.solved.ridge import ContentAxes

from . import record
from .world import make_world

PAIRS_PER_USER = 20
ASKED = 2000  # users, and as many others for choices
WIDTHS, STEPS = (32, 64, 128), 8
DENSITIES = 10.0  # weight of zeros, as a multiple of the density
PENALTY = 1.0
AXES, CONTENT_SCALE = 200, 1.0
GIVEN = {
    "relation": 0.0, "prior": float("inf"), "content_weight": 0.0, "new_scale": 1.0, "unliked_scale": 1.0,
}  # fmt: skip
NETWORKS = {"levels": (200, 50), "epochs": 1}
LEVELS = (0.5, 0.75, 0.9, 0.95, 0.98, 1.0)  # of the best recall of any peer


class Clock:
    """Seconds, and those of the processor, while it runs."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start[0]
        self.processor += time.process_time() - self._start[1]


class World:
    """The world of a folder, the question that all contenders are asked, and one for choices, about other users."""

    def __init__(self, folder: Path) -> None:
        self.matrix, self.content, held = (
            csr_array(load_npz(folder / f"{name}.npz")) for name in ("matrix", "content", "held")
        )
        n_users, n_items = self.matrix.shape
        users, items = IdMap(list(range(n_users))), IdMap(list(range(n_items)))
        bags = Content(items, pa.table({}), ContentSpec(bags=("words",)), {"words": self.content})
        self.data = Dataset(Interactions(users, items, self.matrix), bags)
        self.task, self.choosing = (
            self._task(users, items, held, asked) for asked in np.array_split(np.arange(held.shape[0]), 2)
        )
        self.zero_weight = DENSITIES * self.matrix.nnz / (n_users * n_items)

    def _task(self, users: IdMap, items: IdMap, held: csr_array, asked: NDArray[np.int64]) -> RankingTask:
        history = csr_array(self.matrix[asked])
        return RankingTask(
            "known-known", users.subset(asked), items, history, history, np.arange(len(items)), csr_array(held[asked]),
            content=self.data.items,
        )  # fmt: skip

    def tell(self, clock: Clock, step: int, users: Any, items: Any) -> None:
        """Print one point."""
        recall = quick_recall(users, items, self.task, [100])[100].mean
        point = {"step": step, "seconds": clock.seconds, "CPU seconds": clock.processor, "recall@100": recall}
        sys.stdout.write(json.dumps(point) + "\n")
        sys.stdout.flush()


def implicit(world: World, width: int, steps: int, threads: int) -> None:
    """implicit's ALS."""
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=width, alpha=1 / world.zero_weight, regularization=PENALTY / world.zero_weight, iterations=steps,
        num_threads=threads, random_state=0,
    )  # fmt: skip
    n_asked, clock = len(world.task.users), Clock()

    def after(step: int, *_: Any) -> None:
        clock.__exit__()
        world.tell(clock, step + 1, model.user_factors[:n_asked], model.item_factors)
        clock.__enter__()

    with threadpool_limits(1, "blas"):  # as implicit advises: its own threads do the work
        clock.__enter__()
        model.fit(csr_matrix(world.matrix), show_progress=False, callback=after)


def irspack(world: World, width: int, steps: int, threads: int) -> None:
    """irspack's iALS."""
    from irspack import IALSRecommender

    n_asked, clock = len(world.task.users), Clock()
    with clock:
        model = IALSRecommender(
            csr_matrix(world.matrix), n_components=width, alpha0=world.zero_weight, nu=1.0, solver_type="CG", n_threads=threads,
            reg=PENALTY / (PAIRS_PER_USER + world.zero_weight * world.matrix.shape[1]), random_seed=0,
        )  # fmt: skip
        model.start_learning()
    for step in range(1, steps + 1):
        with clock:
            model.run_epoch()
        world.tell(clock, step, model.get_user_embedding()[:n_asked], model.get_item_embedding())


def solved_factors(world: World, width: int, steps: int, threads: int) -> None:
    """Solved levels without content, step by step; users are solved for exactly, as in every answer."""
    _by_steps(world, width, steps, threads, None)


def solved_levels(world: World, width: int, steps: int, threads: int) -> None:
    """Solved levels with the content as it is, step by step."""
    _by_steps(world, width, steps, threads, world.content)


def _by_steps(world: World, width: int, steps: int, threads: int, features: csr_array | None) -> None:
    clock, n_items = Clock(), world.matrix.shape[1]
    settings = FactorSettings(width, world.zero_weight, PENALTY, iterations=steps, threads=threads)
    choice = SolvedChoice(world.zero_weight, PENALTY, 0.0, None, 0.0 if features is None else CONTENT_SCALE)
    space, told = ItemSpace(world.task.items, np.arange(n_items), features), count()

    def after(_: Any, items: Any) -> None:
        levels = training.join(ItemFactors(items), choice)
        clock.__exit__()
        world.tell(
            clock,
            next(told) + 1,
            levels.user_vectors(world.task.history, space),
            levels.item_vectors(space, world.task.candidates),
        )
        clock.__enter__()

    clock.__enter__()
    with threadpool_limits(threads):
        content = None if features is None else unit_rows(features)
        axes = None if content is None or content.shape[1] <= FEW_FEATURES else ContentAxes.of(content, AXES, 0)
        training = Training(world.matrix, content, axes, settings, told=after)
        training.factors(choice)


def solved(world: World, width: int, steps: int, threads: int) -> None:
    """`Solved`, as a user fits it."""
    _fitted(world, Solved(factors=width, factor_zero_weight=world.zero_weight, regularization=PENALTY, **GIVEN), threads)


def whole(world: World, width: int, steps: int, threads: int) -> None:
    """`DualNet`: solved levels and networks."""
    model = DualNet(factors=width, factor_zero_weight=world.zero_weight, regularization=PENALTY, **GIVEN, **NETWORKS)
    _fitted(world, model, threads)


def _fitted(world: World, model: Any, threads: int) -> None:
    clock = Clock()
    with clock:
        model.fit(world.data, Validation(world.data, (world.choosing,)), run=RunOptions(progress=False, threads=threads))
    space = model.space(world.task.items, world.task.content)
    world.tell(clock, 0, model.encode_users(world.task.history, space), model.encode_items(space))


CONTENDERS: dict[str, Callable[[World, int, int, int], None]] = {
    "implicit": implicit, "irspack": irspack, "solved factors": solved_factors, "solved levels": solved_levels, "Solved": solved,
    "DualNet": whole,
}  # fmt: skip
PEERS = ("implicit", "irspack")


def measure(
    users: int, items: int, widths: Sequence[int], steps: int, names: Sequence[str], seed: int = 0
) -> list[dict[str, Any]]:
    """Return a row for each point of each contender."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        write_world(Path(folder), users, items, seed)
        for width in widths:
            for name in names:
                given = ["--folder", folder, "--contender", name, "--width", str(width), "--steps", str(steps)]
                command = [sys.executable, "-m", "benchmarks.scale_peers", *given]
                done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
                if done.returncode:
                    rows.append({"users": users, "items": items, "by": name, "factors": width, "failed": done.stderr[-300:]})
                    continue
                load = os.getloadavg()[1]
                for line in done.stdout.splitlines():
                    rows.append(
                        {
                            "users": users,
                            "items": items,
                            "seed": seed,
                            "by": name,
                            "factors": width,
                            **json.loads(line),
                            "load": load,
                        }
                    )
                    sys.stderr.write(f"{rows[-1]}\n")
    return rows


def write_world(folder: Path, users: int, items: int, seed: int) -> None:
    """Draw the world of `scale` and write it."""
    world = make_world(
        users, items, PAIRS_PER_USER, words=50, vocabulary=max(2000, items // 2), n_validation=2 * ASKED, seed=seed
    )
    for name, matrix in (("matrix", world.matrix), ("content", world.content), ("held", world.held_out)):
        save_npz(folder / f"{name}.npz", matrix, compressed=False)


def first_to_reach(rows: list[dict[str, Any]], unit: str = "CPU seconds") -> list[dict[str, Any]]:
    """Return for shares of the best recall of the peers how long each contender took to it, at its best width."""
    points = [row for row in rows if "recall@100" in row]
    best = max(row["recall@100"] for row in points if row["by"] in PEERS)
    found = []
    for share in LEVELS:
        line: dict[str, Any] = {"recall@100 of at least": round(share * best, 4)}
        for name in dict.fromkeys(row["by"] for row in points):
            times = [row[unit] for row in points if row["by"] == name and row["recall@100"] >= round(share * best, 4) - 5e-5]
            line[f"{unit}, {name}"] = min(times) if times else "not reached"
        found.append(line)
    return found


def run(users: int = 1_000_000, items: int = 100_000, widths: Sequence[int] = WIDTHS, seed: int = 0) -> None:
    """Measure and write results/scale_peers.jsonl."""
    rows = measure(users, items, widths, STEPS, tuple(CONTENDERS), seed)
    record.write("scale_peers", [*first_to_reach(rows), *first_to_reach(rows, "seconds"), *rows])


def main() -> None:
    """Measure one contender in this process, or one world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--contender", choices=tuple(CONTENDERS))
    parser.add_argument("--width", type=int, action="append", help="factors; several times for several widths")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    if given.contender:
        for width in given.width or WIDTHS:
            CONTENDERS[given.contender](World(given.folder), width, given.steps, len(os.sched_getaffinity(0)))
    else:
        run(given.users, given.items, given.width or WIDTHS, given.seed)


if __name__ == "__main__":
    main()
