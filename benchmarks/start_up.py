"""How long the command and the import take, and how much memory training on citeulike-a does."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import record

TRAIN = """
import json, time, warnings
warnings.simplefilter("ignore")
from dualnet import DualNet, RunOptions, splits
from dualnet.data.sources import registry
from dualnet.experiments.bench import peak_rss_mb
split = splits.citeulike2(registry.load("citeulike-a").with_content(("title",)), seed=0)
model = DualNet(factors=0, levels=(200, 200, 50))
started = time.perf_counter()
model.fit(split.train, split.validation, run=RunOptions(progress=False))
print(json.dumps({"seconds": time.perf_counter() - started, "peak MB": peak_rss_mb()}))
"""


def run() -> None:
    """Measure and write results/start_up.jsonl."""
    command = str(Path(sys.executable).with_name("dualnet"))
    bare = _seconds([sys.executable, "-c", "pass"])
    rows: list[dict[str, Any]] = [
        {"what": "python -c pass", "seconds": bare},
        {"what": "dualnet --help", "seconds": _seconds([command, "--help"])},
        {"what": "import dualnet (beyond python itself)", "seconds": _seconds([sys.executable, "-c", "import dualnet"]) - bare},
    ]
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True)
    rows.append({"what": "fit on citeulike-a (citeulike2, titles), validated every epoch", **json.loads(done.stdout)})
    record.write("start_up", rows)


def _seconds(command: list[str], repeats: int = 11) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


if __name__ == "__main__":
    run()
