"""Fits on several nodes of one machine while workers, nodes, the head and the driver are killed: each ends, with the same bits.

`python -m benchmarks.worker_kills --kind worker --count 30`; kinds: worker, checkpoint (a worker in the middle of a save), node, head,
driver; grow and shrink change the number of nodes, and so of workers, within a fit. What is written down already is not done again. Needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from .record import append, read

NAME = "worker_kills"
KINDS = ("worker", "checkpoint", "node", "head", "driver", "grow", "shrink")
ELASTIC = ("grow", "shrink")
WORKERS = 2
EPOCHS = 60
KILLS_OF_A_FIT = 8
LONGEST = 900.0  # seconds of one fit
LIVE = {"head", "driver"}  # what takes the process that asked for the fit with it: the same command is given again


def run(kind: str, count: int) -> None:
    """Kill so many of a kind, in as many fits as that takes."""
    done = sum(row["kills"] for row in read(NAME) if row["kind"] == kind)
    while done < count:
        row = one_fit(kind, min(count - done, 1 if kind in ("head", *ELASTIC) else KILLS_OF_A_FIT), random.Random(done))
        append(NAME, row)
        sys.stderr.write(f"{kind}: {row}\n")
        if not row["kills"]:
            return
        done += row["kills"]


def one_fit(kind: str, kills: int, draw: random.Random) -> dict[str, Any]:
    """Return what became of a fit in which so many were killed."""
    os.environ.update({"RAY_worker_niceness": "0", "RAY_DISABLE_IMPORT_WARNING": "1"})
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dualnet-kills-") as folder:
        stage = Stage(Path(folder), kind)
        try:
            stage.play(kills, draw)
        finally:
            stage.close()
        return {
            "kind": kind,
            "kills": stage.kills,
            "finished": stage.code == 0,
            "same bits": stage.digest == alone() if kind not in ELASTIC else None,
            "went on with workers": [int(count) for line in stage.said for count in re.findall(r"changed; (\d+) go on", line)],
            "longest silence": stage.silence,
            "seconds": time.monotonic() - began,
            "said": stage.said[-1] if stage.code else "",
        }


class Stage:
    """A cluster of several nodes on this machine, a fit on it, and somebody who kills.

    Parameters
    ----------
    folder : Path
        Of checkpoints and log.
    kind : str
        What is killed.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.kills, self.silence, self.said = 0, 0.0, [""]
        self.code: int | None = None
        self.digest = ""
        self.cluster: Any = None
        self.start_cluster()

    def start_cluster(self) -> None:
        """Start a head without room, and a node for each worker."""
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80 * 2**20}
        )
        self.nodes = [self.add_node() for _ in range(WORKERS + (self.kind == "shrink"))]

    def add_node(self) -> Any:
        """Start a node with room for one worker."""
        return self.cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)

    def play(self, kills: int, draw: random.Random) -> None:
        """Let the fit run, kill, and wait for its end."""
        last = time.monotonic() + LONGEST
        while self.code != 0 and time.monotonic() < last:
            driver = self.start_driver()
            while driver.poll() is None and time.monotonic() < last:
                if self.kills < kills and self.wait_for_work(driver):
                    time.sleep(draw.uniform(0.1, 1.5))
                    self.kills += self.kill(driver, draw)
                time.sleep(0.2)
            if driver.poll() is None:
                driver.kill()
            self.code = driver.wait()
            if self.code and self.kind not in LIVE:
                return

    def start_driver(self) -> subprocess.Popen[str]:
        """Start the process that asks for the fit; what it says is timed."""
        workers = "1:3" if self.kind in ELASTIC else str(WORKERS)
        command = [
            sys.executable,
            "-m",
            "benchmarks.worker_kills",
            "--fit",
            str(self.folder),
            "--workers",
            workers,
            "--address",
            self.cluster.address,
        ]
        driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self._listen, args=(driver,), daemon=True).start()
        return driver

    def _listen(self, driver: subprocess.Popen[str]) -> None:
        heard = time.monotonic()
        assert driver.stdout is not None
        for line in driver.stdout:
            self.silence, heard = max(self.silence, time.monotonic() - heard), time.monotonic()
            self.said.append(line.strip())
            if found := re.match(r"digest (\w+)", line):
                self.digest = found[1]

    def wait_for_work(self, driver: subprocess.Popen[str]) -> bool:
        """Wait until there is a checkpoint that was not there at the last kill."""
        before = self.newest()
        while driver.poll() is None:
            if self.newest() > before and self.first() is not None:
                return True
            time.sleep(0.05)
        return False

    def newest(self) -> str:
        """Return the name of the newest checkpoint."""
        return max((path.name for path in self.folder.glob("checkpoints/*/*/step-*")), default="")

    def first(self) -> int | None:
        """Return the process of the first worker: it holds the lock of the checkpoints."""
        for process in _workers():
            try:
                links = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()]
            except OSError:
                continue
            if any(link.startswith(str(self.folder)) and link.endswith(".lock") for link in links):
                return process
        return None

    def kill(self, driver: subprocess.Popen[str], draw: random.Random) -> int:
        """Kill one, and return whether there was one."""
        first = self.first()
        others = [process for process in _workers() if process != first]
        if self.kind == "driver":
            driver.kill()
        elif self.kind == "head":
            self.cluster.shutdown()
            driver.wait(LONGEST)
            self.start_cluster()
        elif self.kind == "node":
            node = self.nodes.pop(draw.randrange(len(self.nodes)))
            self.cluster.remove_node(node, allow_graceful=False)
            self.nodes.append(self.add_node())
        elif self.kind == "grow":
            self.nodes.append(self.add_node())
        elif self.kind == "shrink":
            self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)
        elif self.kind == "checkpoint":
            while driver.poll() is None and not any(self.folder.glob("checkpoints/*/*/.*step-*")):
                pass
            return _kill(self.first())
        else:
            return _kill(first if self.kills % 2 == 0 or not others else others[-1])
        return 1

    def close(self) -> None:
        """End the cluster."""
        self.cluster.shutdown()


def _workers() -> list[int]:
    """Return the processes of workers of Ray Train that this process has begotten."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "RayTrainWorker" in line]


def _kill(process: int | None) -> int:
    if process is None:
        return 0
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def fit(folder: Path, workers: str, address: str) -> None:
    """Ask for the fit, as a user would, and go on with what is there."""
    from dualnet import RunOptions

    counts = tuple(int(part) for part in workers.split(":"))
    options = RunOptions(
        workers=counts if len(counts) > 1 else counts[0], address=address, checkpoint=folder / "checkpoints", log=folder / "log.jsonl",
        resume=True,
    )  # fmt: skip
    sys.stdout.write(f"digest {_digest(options)}\n")


def alone() -> str:
    """Return the digest of the same fit on as many workers of a cluster that nobody kills; kept beside the results."""
    kept = next((row["digest"] for row in read(NAME) if row["kind"] == "none"), None)
    if kept is None:
        from dualnet import RunOptions

        kept = _digest(RunOptions(workers=WORKERS, progress=False))
        append(NAME, {"kind": "none", "kills": 0, "finished": True, "digest": kept})
    return str(kept)


def _digest(options: Any) -> str:
    from dualnet import DualNet
    from dualnet.data.synthetic import blocks_world

    model = DualNet(
        levels=(8, 4), factors=0, epochs=EPOCHS, user_batch=20, item_batch=24, content_weight=0.0, network_weight=1.0
    )
    model.fit(blocks_world(), run=options)
    digest = hashlib.sha256()
    for name, value in sorted(model.levels_.runtime.tensors.items()):
        digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()[:16]


def main() -> None:
    """Kill, or fit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker_kills", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--fit", type=Path)
    parser.add_argument("--workers")
    parser.add_argument("--address")
    given = parser.parse_args()
    if given.fit is not None:
        fit(given.fit, given.workers, given.address)
        return
    alone()
    for kind in given.kind or KINDS:
        run(kind, given.count)


if __name__ == "__main__":
    main()
