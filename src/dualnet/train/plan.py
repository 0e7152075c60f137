"""Estimated cost of a training run, before it starts: bytes, FLOP, seconds, and the limiting resource."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .batches import choose_blocks
from .solving_plan import Solving, solving

FLOAT = 4
INTERPRETER = 580e6  # Python with torch, SciPy, Arrow and scikit-learn loaded, and small change
READ_PAIR, KEEP_PAIR, ID = 105, 12, 150  # bytes of a pair while tables are read, of a pair and an id for good
CONTENT_ENTRY = 28  # content by rows and by columns
TABLE_COPIES = 6  # weight, gradient, two moments of Adam, best epoch so far, export
IN_A_STEP = (
    "what items add to histories",
    "item vectors of a block",
    "gradients that wait",
    "activations of a part",
)  # gone when vectors are validated
ACTIVATIONS = 14  # arrays of level width that one row keeps for its backward pass
USERS_AT_ONCE, ITEMS_AT_ONCE, ITEMS_KEPT = 4096, 4096, 65536  # as in `train.objective`
ROWS_AT_ONCE = 32768  # as in `nn.sparse`

CPU_FRACTION, GPU_FRACTION = 0.8, 0.3  # of the rates that a plain product and a plain copy reach, sustained over a step
GPU_FLOPS, GPU_BANDWIDTH = 60e12, 3e12  # one H100: TF32 products at these shapes, memory


@dataclass(frozen=True)
class Workload:
    """The sizes that decide what training costs.

    Parameters
    ----------
    users, items, pairs : int
        Of the training matrix.
    terms : int
        Non-zeros of an item's content; 0 for none.
    vocabulary : int
        Width of the content; 0 for none.
    levels : sequence of int
        Widths of the embedding levels.
    user_batch, item_batch : int, optional
        Of a dual mini-batch; by the rule of `train.batches` otherwise.
    epochs : int
        Length of training.
    factors : int
        Width of the solved levels beneath the networks; 0 for none.
    ensemble : int
        Pairs of networks that are trained, one after the other.
    """

    users: int
    items: int
    pairs: int
    terms: int = 50
    vocabulary: int = 50_000
    levels: Sequence[int] = (450, 200, 50)
    user_batch: int | None = None
    item_batch: int | None = None
    epochs: int = 10
    factors: int = 300
    ensemble: int = 1


@dataclass(frozen=True)
class Machine:
    """Measured speed of the machine at simple operations.

    Parameters
    ----------
    flops : float
        Floating-point operations a second of a large matrix product.
    bandwidth : float
        Bytes a second that a large copy reads and writes.
    fraction : float
        Share of both that a training step sustains.
    gpus : int
        0 for a CPU.
    """

    flops: float
    bandwidth: float
    fraction: float = CPU_FRACTION
    gpus: int = 0

    @classmethod
    def of_gpus(cls, count: int) -> Machine:
        """Return the rates assumed for a number of H100 GPUs."""
        return cls(GPU_FLOPS * count, GPU_BANDWIDTH * count, GPU_FRACTION, count)


@dataclass(frozen=True)
class Plan:
    """The cost of training.

    Parameters
    ----------
    user_batch, item_batch, steps : int
        Dual mini-batch, and how many make an epoch.
    memory : dict of str to float
        Bytes by purpose; the peak is the largest of ``reading``, ``solving`` with what is there then, and training, which is all others
        but the smaller of what a step needs and what a validation needs.
    flop : dict of str to float
        Operations of an epoch by purpose.
    traffic : dict of str to float
        Bytes moved in an epoch by purpose.
    seconds_floor, seconds : float
        An epoch at the machine's own rates, and as expected.
    solve_seconds, search_seconds : float
        The solved levels once, and the search for their numbers, as expected.
    bottleneck : {"arithmetic", "memory traffic"}
        Which of the two takes longer.
    """

    user_batch: int
    item_batch: int
    steps: int
    memory: dict[str, float]
    flop: dict[str, float]
    traffic: dict[str, float]
    seconds_floor: float
    seconds: float
    bottleneck: Literal["arithmetic", "memory traffic"]
    solve_seconds: float = 0.0
    search_seconds: float = 0.0

    @property
    def training(self) -> float:
        """Bytes while the networks are trained."""
        step, vectors = sum(self.memory[name] for name in IN_A_STEP), self.memory["item vectors for validation"]
        whole = sum(self.memory.values()) - self.memory["reading"] - self.memory["solving"]
        return whole - min(step, vectors)

    @property
    def solving(self) -> float:
        """Bytes while the solved levels are solved: the networks are not there yet."""
        return self.memory["solving"] + sum(self.memory[name] for name in ("interpreter", "pairs and ids", "content"))

    @property
    def peak(self) -> float:
        """Bytes at the peak."""
        return max(self.memory["reading"], self.solving, self.training)


def plan(work: Workload, machine: Machine) -> Plan:
    """Return what training with shared user input and the branching design will cost.

    Parameters
    ----------
    work : Workload
        Sizes.
    machine : Machine
        Rates.

    Returns
    -------
    Plan
        Source: the formulas of docs/explanation/speed.md.
    """
    user_batch, item_batch = choose_blocks(work.users, work.items, work.user_batch, work.item_batch)
    user_blocks, item_blocks = math.ceil(work.users / user_batch), math.ceil(work.items / item_batch)
    first, width = work.levels[0], sum(work.levels)
    tower = sum(below * above for below, above in pairwise(work.levels)) + sum(size * size for size in work.levels[:-1])
    terms = work.items * work.terms
    user_rows, item_rows = work.users * item_blocks, work.items * user_blocks
    # a block with more items than are kept passes them through the tower a second time, forward only
    item_passes = 4 / 3 if item_batch > ITEMS_KEPT else 1
    tables = (2 * work.vocabulary + 2 * work.items) * first
    steps = user_blocks * item_blocks
    flop = {
        "towers": 6.0 * tower * (user_rows + item_rows * item_passes),
        "histories": 4.0 * first * work.pairs * item_blocks,
        "content": 4.0 * first * terms * (user_blocks + steps),
        "zeros": 4.0 * width**2 * (user_rows + item_rows),
        "positives": 6.0 * width * work.pairs,
    }
    row = 2 * ACTIVATIONS * FLOAT * first + 6 * FLOAT * width
    traffic = {
        "activations": row * (user_rows + item_rows * item_passes),
        "histories": 2.0 * FLOAT * first * work.pairs * item_blocks,
        "content": 2.0 * FLOAT * first * terms * (user_blocks + steps),
        "positives": 3.0 * FLOAT * width * work.pairs,
        "tables": 9.0 * FLOAT * tables * steps,
    }
    times = {
        "arithmetic": sum(flop.values()) / machine.flops,
        "memory traffic": sum(traffic.values()) / machine.bandwidth,
    }
    floor = max(times.values())
    slowest: Literal["arithmetic", "memory traffic"] = "arithmetic" if times["arithmetic"] == floor else "memory traffic"
    solved = solving(work.users, work.items, work.pairs, work.terms, work.vocabulary, work.factors)
    return Plan(
        user_batch,
        item_batch,
        steps,
        _memory(work, user_batch, item_batch, tables, solved),
        flop,
        traffic,
        floor,
        sum(times.values()) / machine.fraction,
        slowest,
        (solved.flop / machine.flops + solved.traffic / machine.bandwidth) / machine.fraction,
        (solved.search_flop / machine.flops + solved.search_traffic / machine.bandwidth) / machine.fraction,
    )


def _memory(work: Workload, user_batch: int, item_batch: int, tables: int, solved: Solving) -> dict[str, float]:
    first, width = work.levels[0], sum(work.levels)
    row = ACTIVATIONS * FLOAT * first
    ids = ID * (work.users + work.items)
    return {
        "reading": INTERPRETER / 3 + READ_PAIR * work.pairs + ids,
        "solving": solved.peak,
        "interpreter": INTERPRETER,
        "pairs and ids": KEEP_PAIR * work.pairs + ids,
        "content": CONTENT_ENTRY * work.items * work.terms,
        "solved levels": solved.kept,
        "weights, gradients, optimiser": TABLE_COPIES * FLOAT * tables,
        "what items add to histories": (3 if work.terms else 1) * FLOAT * work.items * first,
        "item vectors of a block": 3 * FLOAT * item_batch * (width + first),
        "gradients that wait": 2 * FLOAT * min(user_batch, ROWS_AT_ONCE) * (width + first),
        "activations of a part": row
        * (min(user_batch, USERS_AT_ONCE) + (item_batch if item_batch <= ITEMS_KEPT else ITEMS_AT_ONCE)),
        "item vectors for validation": FLOAT * work.items * (width + first),
        **({"networks of other seeds": FLOAT * tables * (work.ensemble - 1.0)} if work.ensemble > 1 else {}),
    }
