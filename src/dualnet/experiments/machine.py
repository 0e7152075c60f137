"""The machine that a measurement ran on, and the speed it reaches at plain work, for plans and benchmarks."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..train.plan import Machine

PACKAGES = ("numpy", "scipy", "torch", "scikit-learn")
PRODUCT_SIDE = 1536
COPY_FLOATS = 2**24


def measure_machine(repeats: int = 5) -> Machine:
    """Measure a large float32 matrix product and a large copy; takes about a second.

    Parameters
    ----------
    repeats : int
        The median of so many counts.

    Returns
    -------
    Machine
        A copy counts each byte twice: it is read and written.
    """
    left = np.ones((PRODUCT_SIDE, PRODUCT_SIDE), np.float32)
    out = np.empty_like(left)
    product = median_seconds(lambda: np.matmul(left, left, out=out), repeats)
    source = np.ones(COPY_FLOATS, np.float32)
    target = np.empty_like(source)
    copy = median_seconds(lambda: np.copyto(target, source), repeats)
    return Machine(2.0 * PRODUCT_SIDE**3 / product, 2.0 * source.nbytes / copy)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of some work over several calls, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, system and Python of this process, for records."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def package_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the commit of this code, where it lies in a checkout, and the versions of packages.

    Parameters
    ----------
    packages : sequence of str
        Distribution names.
    """
    found = {"commit": _commit()}
    for package in ("dualnet", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _commit() -> str:
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():  # installed: the version says all
        return "none"
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    except OSError:  # no git
        return "unknown"
    return done.stdout.strip() or "unknown"
