"""The server under load beside a bare echo: throughput, latency, errors, reloads, memory."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from . import record
from .load import digest_of

READERS, PAPERS, PAIRS, HISTORY, BODIES = 5_551, 16_980, 37, 20, 500
CONNECTIONS, ROUNDS, SECONDS = 64, 3, 10.0
MANY = 100_000
RELOADS, RELOADS_FOR_MEMORY = 8, 50


def run() -> None:
    """Measure and write results/serving.jsonl."""
    with tempfile.TemporaryDirectory(prefix="dualnet-serving-") as name:
        folder = Path(name)
        expected = _prepare(folder)
        rows = [*_throughput(folder), *_reloads(folder, expected), _with_content(folder)]
    record.write("serving", rows)


def _prepare(folder: Path) -> dict[str, list[str]]:
    """Fit two versions (450 numbers, content in the embeddings alone) and one with the content level; write the questions."""
    from dualnet import DualNet, RunOptions
    from dualnet.data.synthetic import library

    warnings.simplefilter("ignore")
    data = library(n_readers=READERS, n_papers=PAPERS, pairs_per_reader=PAIRS)
    rng = np.random.default_rng(0)
    ids = data.interactions.items
    bodies = [{"history": ids.take(rng.choice(PAPERS, HISTORY, replace=False)), "k": 10} for _ in range(BODIES)]
    (folder / "bodies.json").write_text(json.dumps(bodies), encoding="utf-8")
    expected: dict[str, list[str]] = {}
    for version, weight in (("a", 0.0), ("b", 0.0), ("content", 0.3)):
        seed = 1 if version == "b" else 0
        model = DualNet(levels=(200, 200, 50), epochs=1, content_weight=weight, random_state=seed)
        model.fit(data, run=RunOptions(progress=False))
        model.save(folder / version)
        expected[version] = [digest_of([str(key) for key in model.recommend(**body).ids]) for body in bodies]
    return expected


def _throughput(folder: Path) -> list[dict[str, Any]]:
    """Echo and server in turn at 64 connections, then at a tenth of the server's rate, then many requests."""
    shutil.copytree(folder / "a", folder / "run" / "model")
    echoes: dict[str, list[dict[str, Any]]] = {"echo, h11 and asyncio": [], "echo, httptools and uvloop": []}
    ours: list[dict[str, Any]] = []
    apart: list[dict[str, Any]] = []
    for _ in range(ROUNDS):
        for (_, runs), option in zip(echoes.items(), ([], ["fast"]), strict=True):
            with ready_process([sys.executable, "-m", "benchmarks.echo", "8191", *option], 8191, "/openapi.json"):
                loaded(8191, folder, seconds=2)
                runs.append(loaded(8191, folder, seconds=SECONDS))
        with _server(folder):
            loaded(8192, folder, seconds=2)
            ours.append(loaded(8192, folder, seconds=SECONDS))
        with _server(folder, "--model-process"):
            loaded(8192, folder, seconds=2)
            apart.append(loaded(8192, folder, seconds=SECONDS))
    usual = statistics.median(run["per_second"] for run in ours)
    what = f"{CONNECTIONS} connections"
    rows = [
        {"what": what, "by": "dualnet", **median_run(ours)},
        {"what": what, "by": "dualnet --model-process", **median_run(apart)},
    ]
    for name, echo in echoes.items():
        rate = [a["per_second"] / b["per_second"] for a, b in zip(ours, echo, strict=True)]
        late = [a["p99_ms"] / b["p99_ms"] for a, b in zip(ours, echo, strict=True)]
        row = {"what": what, "by": name, **median_run(echo)}
        rows.append({**row, "dualnet's rate / this": statistics.median(rate), "dualnet's p99 / this": statistics.median(late)})
    with _server(folder):
        loaded(8192, folder, seconds=2)
        tenth = loaded(8192, folder, rate=usual / 10, seconds=2 * SECONDS)
        rows.append({"what": "open loop at a tenth of that rate", "by": "dualnet", **figures(tenth)})
        many = loaded(8192, folder, requests=MANY, seconds=600)
        rows.append({"what": f"{MANY:,} requests", "by": "dualnet", **figures(many)})
    return rows


def _with_content(folder: Path) -> dict[str, Any]:
    """The same with content matched as it is: 450 numbers and a long sparse vector an item."""
    _replace(folder, "content")
    with _server(folder):
        loaded(8192, folder, seconds=2)
        found = loaded(8192, folder, seconds=SECONDS)
    return {"what": f"{CONNECTIONS} connections, content level too", "by": "dualnet", **figures(found)}


def _reloads(folder: Path, expected: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Swap two models under load; every answer must be one of them whole. Then memory over many reloads."""
    with _server(folder) as server:
        versions = {_version(): "a"}
        load = _start_load(8192, folder, seconds=20.0, keep=True)
        for number in range(RELOADS):
            time.sleep(2.0)
            name = "ba"[number % 2]
            _replace(folder, name)
            versions[_reload()] = name
        found = json.loads(load.communicate()[0])
        wrong = sum(
            count for number, version, digest, count in found["answers"] if expected[versions[version]][number] != digest
        )
        rows = [{"what": f"{RELOADS} reloads in 20 s at {CONNECTIONS} connections", "by": "dualnet", **figures(found),
                 "versions seen": len({entry[1] for entry in found["answers"]}), "mixed or wrong": wrong}]  # fmt: skip
        memory = []
        for number in range(RELOADS_FOR_MEMORY):
            _replace(folder, "ab"[number % 2])
            _reload()
            memory.append(resident_mb(server.pid))
        rows.append({"what": f"memory after {RELOADS_FOR_MEMORY} reloads", "by": "dualnet", "after first MB": memory[0],
                     "after last MB": memory[-1], "ratio": memory[-1] / memory[0]})  # fmt: skip
    return rows


def median_run(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the run with the median rate, and errors of all."""
    middle = sorted(runs, key=lambda run: run["per_second"])[len(runs) // 2]
    return {**figures(middle), "errors": sum(_errors(run) for run in runs)}


def figures(run: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one load for a row of results."""
    return {
        "requests/s": run["per_second"], "p50 ms": run["p50_ms"], "p99 ms": run["p99_ms"], "p99.9 ms": run["p999_ms"],
        "requests": run["requests"], "errors": _errors(run),
    }  # fmt: skip


def _errors(run: dict[str, Any]) -> int:
    return int(run["broken"]) + sum(count for code, count in run["statuses"].items() if code != "200")


@contextmanager
def _server(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(Path(sys.executable).with_name("dualnet")), "serve", str(folder / "run"), "--port", "8192"]
    with ready_process([*command, "--state", str(folder / "state"), *options], 8192, "/readyz") as server:
        yield server


@contextmanager
def ready_process(command: list[str], port: int, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until its address answers, and end it afterwards."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait(process, f"http://127.0.0.1:{port}{ready}")
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the server stopped with code {process.returncode} before {address} answered")
        try:
            with urllib.request.urlopen(address):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"{address} did not answer in a minute")


def _start_load(port: int, folder: Path, *, seconds: float, rate: float = 0, requests: int = 0, keep: bool = False) -> Any:
    command = [sys.executable, "-m", "benchmarks.load", "--port", str(port), "--bodies", str(folder / "bodies.json")]
    command += ["--connections", str(CONNECTIONS), "--seconds", str(seconds), "--rate", str(rate)]
    command += ["--requests", str(requests)] if requests else []
    return subprocess.Popen(command + (["--keep-answers"] if keep else []), stdout=subprocess.PIPE)


def loaded(port: int, folder: Path, **how: Any) -> dict[str, Any]:
    """Return what a load came to; `how` as options of `benchmarks.load`, the questions in the folder's bodies.json."""
    return json.loads(_start_load(port, folder, **how).communicate()[0])


def _replace(folder: Path, version: str) -> None:
    """Put another model where the server reads it."""
    fresh = folder / "run" / ".fresh"
    shutil.copytree(folder / version, fresh)
    shutil.rmtree(folder / "run" / "model")
    fresh.rename(folder / "run" / "model")


def _call(path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:8192{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def _version() -> str:
    return _call("/v1/model")["model"]["version"]


def _reload() -> str:
    return _call("/v1/model:reload", {})["model"]["version"]


def resident_mb(pid: int) -> float:
    """Return the memory that a process and those it started hold."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024 + sum(resident_mb(int(child)) for child in started)


if __name__ == "__main__":
    run()
