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
PACKAGES = ("numpy", "scipy", "torch", "implicit", "irspack", "faiss-cpu", "usearch")


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows of one measurement as JSON lines, each with machine, versions and date; older rows are replaced."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.jsonl").write_text("".join(_line(name, row) for row in rows), encoding="utf-8")


def append(name: str, row: dict[str, Any]) -> None:
    """Add one row to a measurement that is made in parts."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(_line(name, row))


def read(name: str) -> list[dict[str, Any]]:
    """Return the rows of a measurement so far."""
    path = RESULTS / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _line(name: str, row: dict[str, Any]) -> str:
    about = {"measurement": name, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": machine(), "versions": versions()}
    return json.dumps({**about, **{key: _short(value) for key, value in row.items()}}) + "\n"


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
