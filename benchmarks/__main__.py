"""Run all measurements, or those named, and write results/README.md from everything that lies there."""

from __future__ import annotations

import argparse
import importlib
import sys

from .record import RESULTS, read

NAMES = (
    "training_step",
    "recall_time",
    "peers",
    "als",
    "irspack_sweep",
    "answers",
    "start_up",
    "scale",
    "nightly",
    "serving",
    "hostile",
    "api_fuzz",
    "shared_state",
    "replicas",
)

WRITTEN_ALONG = ("scale_peers", "rules", "serving_rules")  # by another measurement, or by itself


def main() -> None:
    """Measure one after another: nothing else should run on the machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--table", action="store_true", help="measure nothing, only write the table")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no measurement '{unknown[0]}'; choose from {', '.join(NAMES)}")
    for name in () if given.table else given.names or NAMES:
        sys.stderr.write(f"{name} ...\n")
        importlib.import_module(f"benchmarks.{name}").run()
    (RESULTS / "README.md").write_text(tables(), encoding="utf-8")


def tables() -> str:
    """Return all results as Markdown, one table a measurement, each with its machine and versions."""
    parts = [
        "# Results\n\nWritten by `python -m benchmarks --table`; the same figures, and more digits, are in the JSON lines.\n"
        "What attacks met before and after: [attacks](attacks.md).\n"
    ]
    for name in (*NAMES, *WRITTEN_ALONG):
        rows = read(name)
        if not rows:
            continue
        machine, versions = rows[0]["machine"], rows[0]["versions"]
        columns = list(
            dict.fromkeys(key for row in rows for key in row if key not in ("measurement", "date", "machine", "versions"))
        )
        lines = [
            f"## {name}\n",
            f"{rows[0]['date']}, {machine['processor']}, {machine['cores']} cores, Python {machine['python']}; "
            + ", ".join(f"{package} {version}" for package, version in versions.items())
            + "\n",
            "| " + " | ".join(columns) + " |",
            "|" + "---|" * len(columns),
            *("| " + " | ".join(_cell(row.get(column, "")) for column in columns) + " |" for row in rows),
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_cell(entry) for entry in value)
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
