"""What every measurement is written down with."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "torch", "implicit", "faiss-cpu", "usearch")


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows of one measurement as JSON lines, each with machine, versions and date; older rows are replaced."""
    RESULTS.mkdir(exist_ok=True)
    about = {"measurement": name, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), "versions": versions()}
    lines = [json.dumps({**about, **{key: _short(value) for key, value in row.items()}}) + "\n" for row in rows]
    (RESULTS / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def machine() -> dict[str, Any]:
    """Return processor, cores and system."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model,
        "cores": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what is measured and compared."""
    found = {"commit": _commit()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return done.stdout.strip() or "unknown"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
