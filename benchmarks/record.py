"""What every measurement is written down with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dualnet.experiments.machine import describe_machine, package_versions

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "torch", "implicit", "faiss-cpu", "usearch")


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows of one measurement as JSON lines, each with machine, versions and date; older rows are replaced."""
    RESULTS.mkdir(exist_ok=True)
    about = {
        "measurement": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "versions": package_versions(PACKAGES),
    }
    lines = [json.dumps({**about, **{key: _short(value) for key, value in row.items()}}) + "\n" for row in rows]
    (RESULTS / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
