"""Several processes of this machine: an epoch on citeulike-a in 1 and 2, and whole fits on movielens-100k in 1 to 3.

The epoch gives seconds, bytes sent by call, and the plan's bytes; the fits give the recall of each seed. Each process has one thread.
Where all of them share the cores of one machine with other work, seconds say little; the seconds of CPU of each process say what the
division saves and what it adds.
"""

from __future__ import annotations

import datetime
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from dualnet import Dataset, DualNet, RunOptions, evaluate, splits
from dualnet.data.features import Featurizer
from dualnet.data.sources import registry
from dualnet.distributed.collectives import Alone, ProcessGroup
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatches, choose_blocks
from dualnet.train.device import keep_freed_memory
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.plan import Machine, Workload, plan
from dualnet.train.shared_plan import share

from . import record

LEVELS = (450, 200, 50)
SIZES = (1, 2)
WARM_UP = 2  # steps, before those that are measured
FIT_SIZES, SEEDS = (1, 2, 3), (0, 1, 2)
LIMIT = 600.0
Figures = dict[str, Any]
Measure = Callable[[Alone | ProcessGroup], Figures]


def run() -> None:
    """Measure and write results/workers.jsonl."""
    torch.set_num_threads(1)
    data = registry.load("citeulike-a").with_content(("title",))
    assert data.items is not None
    features, matrix = Featurizer.fit(data.items).transform(data.items), data.interactions.matrix
    rows = [row for size in SIZES for row in in_processes(size, lambda group: epoch(group, matrix, features))]
    films = registry.load("movielens-100k")
    for seed, size in product(SEEDS, FIT_SIZES):
        rows += in_processes(size, partial(fit, data=films, seed=seed))[:1]  # all ranks have the same
    record.write("workers", rows)


def in_processes(size: int, measure: Measure) -> list[Figures]:
    """Return what each of several processes measures, in rank order; what they read is that of this process."""
    context = get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        queue = context.Queue()
        processes = [context.Process(target=_worker, args=(rank, size, folder, queue, measure)) for rank in range(size)]
        for process in processes:
            process.start()
        found = sorted((queue.get(timeout=LIMIT) for _ in processes), key=lambda row: row["rank"])
        for process in processes:
            process.join()
    return found


def _worker(rank: int, size: int, folder: str, queue: Any, measure: Measure) -> None:
    torch.set_num_threads(1)
    group: Alone | ProcessGroup = Alone()
    if size > 1:
        limit = datetime.timedelta(seconds=LIMIT)
        dist.init_process_group(
            "gloo", init_method=f"file://{Path(folder) / 'store'}", rank=rank, world_size=size, timeout=limit
        )
        group = ProcessGroup(limit=LIMIT)
    queue.put({"rank": rank, "workers": size, **measure(group)})
    if size > 1:
        dist.destroy_process_group()


def fit(group: Alone | ProcessGroup, data: Dataset, seed: int) -> Figures:
    """Return recall of the readers' known films after a whole fit, networks and solved levels, with choices on validation."""
    split = splits.citeulike2(data, seed=seed)
    model = DualNet(levels=(64, 32), factors=64, trials=4, random_state=seed)
    started = time.process_time()
    model.fit(split.train, split.validation, run=RunOptions(progress=False, collectives=group))
    spent = time.process_time() - started
    found = evaluate(model, split).results[0]
    return {"seed": seed, "CPU seconds": spent, **{f"recall@{k}": found.mean(f"recall@{k}") for k in (50, 100, 200)}}


def epoch(group: Alone | ProcessGroup, matrix: Any, features: Any) -> Figures:
    """Return what an epoch costs a process: seconds, seconds of CPU and in calls, bytes sent by call, planned bytes."""
    users, items = matrix.shape
    keep_freed_memory()
    shape = DualShape(items, features.shape[1], 0, LEVELS, "branching", "tanh", "batch", 0.1, False, "shared", True, 0.1)
    objective = DualObjective(
        DualNetwork(shape, torch.Generator().manual_seed(0)), matrix, features, None, np.ones(1, np.float32),
        InputSettings("none", 0.3, 0.5, 0.5, 0.5, 0), LossSettings(0.01, zeros="exact"), group=group,
    )  # fmt: skip
    user_batch, item_batch = choose_blocks(users, items, None, None)
    batches = DualBatches(matrix, user_batch=user_batch, item_batch=item_batch, seed=0)
    optimizer = torch.optim.AdamW(objective.network.parameters(), lr=1e-4, fused=True)
    objective.tables.divide()
    objective.network.train()

    def go(steps: range) -> None:
        for number in steps:
            optimizer.zero_grad(set_to_none=True)
            objective.backward(batches.batch(0, number))
            optimizer.step()

    steps = len(batches)
    go(range(WARM_UP))
    traffic = {} if isinstance(group, Alone) else group.traffic
    traffic.clear()
    group.barrier()
    started, cpu = time.perf_counter(), time.process_time()
    go(range(steps))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    work = Workload(users, items, matrix.nnz, round(features.nnz / items), features.shape[1], LEVELS, user_batch, item_batch)
    machine = Machine(1e11, 1e10)
    planned = share(work, plan(work, machine), machine, group.size, 1e9).sent
    sent = {kind: found.sent for kind, found in traffic.items()}
    return {
        "steps": steps, "seconds": seconds, "CPU seconds": cpu,
        "seconds in calls": sum(found.seconds for found in traffic.values()),
        "calls": sum(found.calls for found in traffic.values()), "sent": sent, "MB sent": sum(sent.values()) / 1e6,
        "planned": planned, "MB planned": sum(planned.values()) / 1e6,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }  # fmt: skip


if __name__ == "__main__":
    run()
