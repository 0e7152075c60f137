"""Run one part of the campaign, or all: `python -m campaign NAME`."""

from __future__ import annotations

import argparse
import importlib
import sys

PARTS = {
    "bad_inputs": "the 84 bad inputs, each in a process of its own with bounds of time and memory",
    "fuzz": "mutated bytes for every parser, until the budget is spent",
    "soak": "mixed requests against a real server, with reloads and kills of the model process",
}


def main() -> None:
    """Run the parts that are named; whatever they find is in their result lines, and the exit code is 1."""
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument("name", choices=[*PARTS, "all"], help="; ".join(f"{name}: {what}" for name, what in PARTS.items()))
    given, rest = parser.parse_known_args()
    failed = False
    for name in PARTS if given.name == "all" else [given.name]:
        failed |= bool(importlib.import_module(f"campaign.{name}").run(rest))
    sys.exit(failed)


if __name__ == "__main__":
    main()
