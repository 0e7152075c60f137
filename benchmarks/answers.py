"""Lists for everyone and for one person: against implicit, faiss and the bare product; the graph index against the exact search."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from implicit.cpu.topk import topk as implicit_topk
from scipy.sparse import csr_array

from dualnet.models.runtime import DualRuntime
from dualnet.retrieval.hnsw import HnswIndex
from dualnet.retrieval.topk import top_k

from . import record

USERS, ITEMS, WIDTH, K, HISTORY = 5551, 16980, 450, 100, 37
LARGE = 200_000


def run() -> None:
    """Measure and write results/answers.jsonl."""
    rng = np.random.default_rng(0)
    users, items = _vectors(rng, USERS), _vectors(rng, ITEMS)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(items)
    work: dict[str, Callable[[], Any]] = {
        "dualnet": lambda: top_k(users, items, K),
        "product and partition": lambda: _bare(users, items),
        "implicit": lambda: implicit_topk(items, users, K, num_threads=0),
        "faiss exact": lambda: index.search(users, K),
    }
    times = _in_turn(work, repeats=5)
    rows = [
        {"what": f"top-{K} of {ITEMS:,} for {USERS:,} users", "by": name, "seconds": seconds,
         "dualnet / this": times["dualnet"] / seconds} for name, seconds in times.items()
    ]  # fmt: skip
    rows.append(_one_person(rng))
    rows += _graph(rng)
    record.write("answers", rows)


def _vectors(rng: np.random.Generator, count: int) -> Any:
    return rng.normal(size=(count, WIDTH)).astype(np.float32)


def _bare(users: Any, items: Any) -> None:
    for start in range(0, len(users), 512):
        np.partition(users[start : start + 512] @ items.T, ITEMS - K, axis=1)


def _in_turn(work: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each, run one after another in every round, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for number in range(repeats + 1):
        for name, call in work.items():
            started = time.perf_counter()
            call()
            if number:
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def _one_person(rng: np.random.Generator) -> dict[str, Any]:
    import torch

    from dualnet.nn.dual import DualNetwork, DualShape
    from dualnet.nn.export import export_network

    shape = DualShape(ITEMS, 8000, 0, (200, 200, 50), "branching", "tanh", "batch", 0.1, False, "shared", True, 0.1)
    runtime = DualRuntime(*export_network(DualNetwork(shape, torch.Generator().manual_seed(0)).eval()))
    table = rng.normal(size=(ITEMS, 200)).astype(np.float32)
    chosen = np.sort(rng.choice(ITEMS, HISTORY, replace=False)).astype(np.int32)
    history = csr_array((np.ones(HISTORY, np.float32), chosen, np.array([0, HISTORY])), shape=(1, ITEMS))
    times = []
    for _ in range(5000):
        started = time.perf_counter()
        runtime.user_vectors(history, table)
        times.append(time.perf_counter() - started)
    return {"what": f"one user encoded from {HISTORY} items", "by": "dualnet", "seconds": statistics.median(times),
            "99th percentile": float(np.percentile(times, 99))}  # fmt: skip


def _graph(rng: np.random.Generator) -> list[dict[str, Any]]:
    centres = rng.normal(size=(500, 64))

    def clustered(count: int) -> Any:
        return (centres[rng.integers(500, size=count)] + 0.5 * rng.normal(size=(count, 64))).astype(np.float32)

    items, sample, users = clustered(LARGE), clustered(200), clustered(256)
    started = time.perf_counter()
    index = HnswIndex.build(items, sample, k=K)
    built = time.perf_counter() - started
    times = _in_turn(
        {
            "exact": lambda: [top_k(u[None], items, K) for u in users],
            "graph": lambda: [index.search(u[None], K) for u in users],
        },
        3,
    )
    what = f"top-{K} of {LARGE:,} (64 wide) for one user at a time"
    return [
        {"what": what, "by": "exact", "seconds": times["exact"] / len(users)},
        {"what": what, "by": "graph", "seconds": times["graph"] / len(users), "recall": index.recall, "build": built},
    ]


if __name__ == "__main__":
    run()
