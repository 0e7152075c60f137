"""Estimated cost of a training that several workers share: memory of each, bytes that each sends, seconds, and what limits them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .plan import FLOAT, IN_A_STEP, TABLE_COPIES, Machine, Plan, Workload

NETWORK, GPU_NETWORK = 1.25e9, 50e9  # bytes a second of a worker: 10-gigabit Ethernet; NVLink and InfiniBand between GPUs
CALL = 1e-3  # seconds of a call of collectives beside its bytes, in a local network; measured with gloo
CALLS = 12  # of a step
WHOLE = "tables of all items for validation"  # which are divided otherwise
DIVIDED = ("activations of a part",)
"""Parts of the memory of one process of which each worker has its share; the tables have a rule of their own."""


@dataclass(frozen=True)
class SharedPlan:
    """The cost of a training that workers share, for each of them.

    Parameters
    ----------
    workers : int
        How many.
    memory : dict of str to float
        Bytes of a worker by purpose while networks are trained; one machine's workers have one copy of pairs, ids and content.
    sent : dict of str to float
        Bytes that a worker sends in an epoch, by purpose.
    seconds : float
        An epoch, as expected.
    parts : dict of str to float
        Seconds of it by resource.
    bottleneck : {"arithmetic", "memory traffic", "network"}
        The resource that takes longest.
    """

    workers: int
    memory: dict[str, float]
    sent: dict[str, float]
    seconds: float
    parts: dict[str, float]
    bottleneck: Literal["arithmetic", "memory traffic", "network"]

    @property
    def peak(self) -> float:
        """Bytes of a worker while networks are trained: what is there in a step only, or at a validation only, counts by the larger."""
        step = sum(self.memory[name] for name in IN_A_STEP)
        vectors = sum(self.memory.get(name, 0.0) for name in ("item vectors for validation", WHOLE))
        return sum(self.memory.values()) - min(step, vectors)


def share(work: Workload, made: Plan, machine: Machine, workers: int, network: float) -> SharedPlan:
    """Return what each of several workers does of a training.

    Users and rows of item tables are divided; embeddings of a block's items and what items add to histories are gathered, their
    gradients scattered back; weights of the content and of the towers are replicated, their gradients summed, as are the Gram matrices.
    Sending to W-1 others costs (W-1)/W of what is gathered or scattered, and twice that of what is summed.

    Parameters
    ----------
    work : Workload
        Sizes.
    made : Plan
        Of one process on a machine like that of a worker.
    machine : Machine
        Rates of a worker.
    workers : int
        How many.
    network : float
        Bytes a second that a worker sends.

    Returns
    -------
    SharedPlan
    """
    first, width = work.levels[0], sum(work.levels)
    towers = sum(below * above for below, above in pairwise(work.levels)) + sum(size * size for size in work.levels[:-1])
    replicated = 2 * work.vocabulary * first + 2 * towers
    part = FLOAT * (workers - 1) / workers * made.steps
    sent = {
        "embeddings of items and their gradients": 2 * part * min(made.item_batch, work.items) * width,
        "what items add to histories, and its gradients": 2 * part * work.items * first,
        "gradients of replicated weights": 2 * part * replicated,
        "Gram matrices": 2 * 2 * part * width**2,
    }
    tables = TABLE_COPIES * FLOAT * 2.0 * first
    memory = {
        name: size / workers if name in DIVIDED else size
        for name, size in made.memory.items()
        if name not in ("reading", "solving")
    }
    memory["weights, gradients, optimiser"] = tables * (work.vocabulary + work.items / workers)
    if workers > 1:
        memory[WHOLE] = FLOAT * 2.0 * first * work.items
    divided = 1 / workers / machine.fraction
    calls = CALLS * CALL * made.steps if workers > 1 else 0.0
    parts: dict[Literal["arithmetic", "memory traffic", "network"], float] = {
        "arithmetic": sum(made.flop.values()) / machine.flops * divided,
        "memory traffic": sum(made.traffic.values()) / machine.bandwidth * divided,
        "network": sum(sent.values()) / network + calls,
    }
    slowest = max(parts, key=lambda name: parts[name])
    return SharedPlan(workers, memory, sent, sum(parts.values()), {str(name): part for name, part in parts.items()}, slowest)
