"""What every measurement is written down with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dualnet.experiments.machine import describe_machine, package_versions

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
    about = {
        "measurement": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "versions": package_versions(PACKAGES),
    }
    return json.dumps({**about, **{key: _short(value) for key, value in row.items()}}) + "\n"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
