"""One table of what the campaign found."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.record import RESULTS, read

from .ledger import Row

HEADING = """# Campaign

Written by `python -m campaign --table`; each case is a line of `campaign_NAME.jsonl`. A *fault* is anything but the old or the new
state, whole, and the same command mending the rest; of a control, a fault that was put back has to be found. Seconds are of a machine
with other work on it.

| part | what | cases | faults | seconds |
|---|---|---|---|---|
"""
ABOUT = ("case", "faults", "told", "seconds", "measurement", "date", "machine", "versions")


def write_table(parts: Sequence[str]) -> None:
    """Write ``campaign.md`` from the lines of all parts."""
    lines = [line for part in parts for line in _lines(part)]
    (RESULTS / "campaign.md").write_text(HEADING + "".join(lines), encoding="utf-8")


def _lines(part: str) -> list[str]:
    groups: dict[str, list[Row]] = {}
    for row in read(f"campaign_{part}"):
        groups.setdefault(row["case"].rpartition(", ")[0] or row["case"], []).append(row)
    return [_line(part, what, rows) for what, rows in groups.items()]


def _line(part: str, what: str, rows: list[Row]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        for key, value in row.items():
            if key not in ABOUT:
                counts[key] = counts.get(key, 0) + value
    told = ", ".join(f"{value:,} {key}" for key, value in counts.items())
    return f"| {part} | {what} | {told} | {sum(row['faults'] for row in rows)} | {sum(row['seconds'] for row in rows):,.0f} |\n"
