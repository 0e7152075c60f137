"""Growth with users, items and pairs: 20 pairs a user, ten users an item, from 10^5 to 2 x 10^7 pairs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from dualnet.train.plan import Workload, plan

from . import record, scale_peers
from .training_step import fastest

SIZES = ((5_000, 500), (50_000, 5_000), (200_000, 20_000), (1_000_000, 100_000))
PAIRS_PER_USER = 20


def run() -> None:
    """Measure and write results/scale.jsonl, then results/scale_peers.jsonl."""
    machine = fastest()
    rows = []
    for users, items in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            sizes = ["--users", str(users), "--items", str(items), "--pairs-per-user", str(PAIRS_PER_USER)]
            _child("write", folder, *sizes)
            found = _child("train", folder, "--epochs", "3")
        vocabulary = max(2000, items // 2)
        planned = plan(Workload(users, items, users * PAIRS_PER_USER, 50, vocabulary, factors=0), machine)
        seconds = statistics.median(epoch["seconds"] for epoch in found["epochs"])
        rows.append({
            "users": users, "items": items, "pairs": found["pairs"], "seconds an epoch": seconds,
            "microseconds a pair": 1e6 * seconds / found["pairs"], "planned seconds": planned.seconds,
            "peak MB": found["peak_rss_mb"], "planned MB": planned.peak / 2**20, "read seconds": found["read_seconds"],
            "fit seconds": found["fit_seconds"],
            "recall@100 by epoch": [round(epoch["recall@100"], 4) for epoch in found["epochs"]],
            "half-width": [round(epoch["half-width"], 4) for epoch in found["epochs"]],
        })  # fmt: skip
    for row in rows:
        row["growth"] = row["microseconds a pair"] / rows[0]["microseconds a pair"]
    record.write("scale", rows)
    scale_peers.run()


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale_child", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
    return found


if __name__ == "__main__":
    run()
