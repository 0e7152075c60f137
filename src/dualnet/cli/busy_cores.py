"""Whether the threads that a fit would take by itself are too many here: other programs use the cores, or a container has fewer."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # who set one of them has chosen
BUSY = 0.75  # load for each core from which on another thread waits for its core


def crowded(threads: int | None, groups: Path = Path("/sys/fs/cgroup")) -> str:
    """Return one sentence that says why fewer threads are faster here; the empty text where they are not, or somebody chose.

    By default as many threads compute as there are cores. They wait for each other after every product, so that one of them
    whose core is taken holds up all. Results differ in their last bits between numbers of threads, so none is chosen here.

    Parameters
    ----------
    threads : int, optional
        What ``--threads`` says.
    groups : Path
        Where Linux says how much of the cores a container may use.
    """
    cores = usable_cores()
    if threads is not None or cores == 1 or any(os.environ.get(name) for name in VARIABLES):
        return ""
    quota = _quota(groups)
    if quota is not None and quota < cores:
        return f"this container may use {quota:g} of {cores} cores; --threads {max(1, int(quota))} may be faster than the {cores} threads of the default"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    every = os.cpu_count() or cores
    if load >= BUSY * every:
        return f"other programs use the cores (load {load:.1f} on {every} cores); --threads 1 may be faster than the {cores} threads of the default"
    return ""


def usable_cores() -> int:
    """Return on how many cores this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(groups: Path) -> float | None:
    """Return how many cores a container may use at once, of either version of control groups; None for no limit."""
    try:
        if (groups / "cpu.max").exists():
            share, period = (groups / "cpu.max").read_text().split()
        else:
            share, period = ((groups / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return None if share.strip() == "max" or float(share) <= 0 else float(share) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # another system, or one that says it in another way
        return None
