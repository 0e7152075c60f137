"""Run parts of the campaign, those named or all; what is done already is not done again. Then write its table."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from .disk import forget_library, start_again

SHORT = "short"  # for the tests; keeps nothing
PARTS = ("kills", "server_kills", "disk_faults", "power_cuts", "controls")


def main() -> None:
    """Play one part after another in a folder of its own, which is removed at the end."""
    from .commands import Stage
    from .ledger import Ledger
    from .table import write_table

    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--table", action="store_true", help="play nothing, only write the table")
    parser.add_argument("--only", default="", metavar="TEXT", help="play the cases whose name begins so")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - {*PARTS, SHORT})
    if unknown:
        parser.error(f"there is no part '{unknown[0]}'; choose from {', '.join(PARTS)}")
    names = () if given.table else given.names or PARTS
    with tempfile.TemporaryDirectory(prefix="dualnet-campaign-") as folder:
        for name in names:
            sys.stderr.write(f"{name} ...\n")
            ledger = Ledger(None if name == SHORT else name, given.only)
            importlib.import_module(f"campaign.{name}").run(ledger, Stage(Path(folder) / name))
    if names != [SHORT]:
        write_table(PARTS)
    forget_library()


if __name__ == "__main__":
    start_again()
    main()
