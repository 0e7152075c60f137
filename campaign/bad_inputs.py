"""The 84 bad inputs, each case in a process of its own: what was wrong, seconds of the processor, megabytes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .bad_cases import ALL
from .bad_cases.doors import faults_of_row, make_model, warm_up
from .bounded import bounded


def run(arguments: Sequence[str] = ()) -> bool:
    """Bring every case to every door and write results/campaign_bad_inputs.jsonl, a line a row; whether one was wrong.

    Parameters
    ----------
    arguments : sequence of str
        Numbers of rows; all by default.
    """
    from benchmarks import record

    warm_up()
    rows = sorted({int(text) for text in arguments} or {case.row for case in ALL})
    with tempfile.TemporaryDirectory(prefix="dualnet-bad-") as folder:
        model = make_model(Path(folder) / "model")
        found = [_row(number, Path(folder), model) for number in rows]
    record.write("campaign_bad_inputs", found)
    return any(row["faults"] for row in found)


def _row(number: int, folder: Path, model: Path) -> dict[str, Any]:
    cases = [case for case in ALL if case.row == number]
    place = folder / str(number)
    place.mkdir()
    outcome = bounded(lambda: faults_of_row(cases, place, model))
    faults = [outcome.fault] if outcome.fault else list(outcome.result)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return {
        "row": number, "what": cases[0].what, "cases": len(cases), "faults": len(faults), "CPU seconds of a case": outcome.seconds / len(cases),
        "peak MB": outcome.megabytes,
    }  # fmt: skip
