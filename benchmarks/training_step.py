"""A training step and the whole gradient on citeulike-a, against the time that their arithmetic or their bytes must take."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch

from dualnet.data.features import Featurizer
from dualnet.data.sources import registry
from dualnet.experiments.machine import measure_machine, median_seconds
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatches, choose_blocks
from dualnet.train.device import keep_freed_memory
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings, Zeros
from dualnet.train.plan import Machine, Workload, plan

from . import record

LEVELS = (200, 200, 50)


def run() -> None:
    """Measure and write results/training_step.jsonl."""
    data = registry.load("citeulike-a").with_content(("title",))
    assert data.items is not None
    features, matrix = Featurizer.fit(data.items).transform(data.items), data.interactions.matrix
    users, items = matrix.shape
    keep_freed_memory()
    machine = fastest()
    rule = choose_blocks(users, items, None, None)
    rows: list[dict[str, Any]] = []
    for what, (user_batch, item_batch), zeros in (
        ("step at the rule's sizes", rule, "auto"),
        ("step of 512 users x all items", (512, items), "auto"),
        ("gradient of the whole matrix, Gram form", (users, items), "exact"),
        ("gradient of the whole matrix, dense form", (users, items), "dense"),
    ):
        work = Workload(
            users, items, matrix.nnz, round(features.nnz / items), features.shape[1], LEVELS, user_batch, item_batch
        )
        cost = plan(work, machine)
        floor = cost.seconds_floor / cost.steps
        seconds = measure(matrix, features, user_batch, item_batch, zeros, with_optimizer="step" in what)
        rows.append({"what": what, "users": user_batch, "items": item_batch, "seconds": seconds, "floor": floor,
                     "times the floor": seconds / floor, "GFLOP": sum(cost.flop.values()) / cost.steps / 1e9,
                     "GFLOP/s": machine.flops / 1e9, "GB/s": machine.bandwidth / 1e9})  # fmt: skip
    rows[-1]["dense / Gram"] = rows[-1]["seconds"] / rows[-2]["seconds"]
    record.write("training_step", rows)


def measure(matrix: Any, features: Any, user_batch: int, item_batch: int, zeros: Zeros, *, with_optimizer: bool) -> float:
    """Return the median seconds of a block's backward pass, with the optimiser's step or without."""
    shape = DualShape(
        matrix.shape[1], features.shape[1], 0, LEVELS, "branching", "tanh", "batch", 0.1, False, "shared", True, 0.1
    )
    network = DualNetwork(shape, torch.Generator().manual_seed(0))
    objective = DualObjective(
        network,
        matrix,
        features,
        None,
        np.ones(1, np.float32),
        InputSettings("none", 0.3, 0.5, 0.5, 0.5, 0),
        LossSettings(0.01, zeros=zeros),
    )
    batches = DualBatches(matrix, user_batch=user_batch, item_batch=item_batch, seed=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    network.train()

    def step(number: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        objective.backward(batches.batch(0, number % len(batches)))
        if with_optimizer:
            optimizer.step()

    times = []
    for number in range(12 if len(batches) > 1 else 6):
        started = time.perf_counter()
        step(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times[2:])


def fastest() -> Machine:
    """Return the machine's rates; of the two libraries in use the product of the faster one counts."""
    numpy_rates = measure_machine()
    left = torch.ones(2048, 2048)
    torch_flops = 2 * 2048**3 / median_seconds(lambda: left @ left, 5)
    return Machine(max(numpy_rates.flops, torch_flops), numpy_rates.bandwidth)


if __name__ == "__main__":
    run()
