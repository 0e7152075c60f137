"""Run parts of the campaign, those named or all; what is done already is not done again. Then write its table."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from .disk import forget_library, start_again

SHORT = "short"  # for the tests; keeps nothing
ON_A_FAULTY_DISK = ("kills", "server_kills", "disk_faults", "power_cuts", "controls")
OTHERS = ("bad_inputs", "fuzz", "soak", "guided")  # each has options of its own
ON_REQUEST = ("guided",)  # needs a package that nothing else needs


def main() -> int:
    """Play one part after another; returns 1 if one of them found a fault."""
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    known = (*ON_A_FAULTY_DISK, *OTHERS)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all but {', '.join(ON_REQUEST)} by default"
    )
    parser.add_argument("--table", action="store_true", help="play nothing, only write the table")
    parser.add_argument("--only", default="", metavar="TEXT", help="play the cases whose name begins so")
    given, options = parser.parse_known_args()
    unknown = sorted(set(given.names) - {*known, SHORT})
    if unknown:
        parser.error(f"there is no part '{unknown[0]}'; choose from {', '.join(known)}")
    names = () if given.table else given.names or [name for name in known if name not in ON_REQUEST]
    if options and not set(names) & set(OTHERS):
        parser.error(f"'{options[0]}' is an option of none of {', '.join(names)}")
    on_disk = [name for name in names if name in (*ON_A_FAULTY_DISK, SHORT)]
    failed = False
    if on_disk:
        start_again()
        _play_on_disk(on_disk, given.only)
    for name in names:
        if name in OTHERS:
            failed |= bool(importlib.import_module(f"campaign.{name}").run(options))
    if names != [SHORT]:
        from .table import write_table

        write_table(ON_A_FAULTY_DISK)
    return int(failed)


def _play_on_disk(names: list[str], only: str) -> None:
    """Play parts in a folder of their own, which is removed at the end."""
    from .commands import Stage
    from .ledger import Ledger

    with tempfile.TemporaryDirectory(prefix="dualnet-campaign-") as folder:
        for name in names:
            sys.stderr.write(f"{name} ...\n")
            ledger = Ledger(None if name == SHORT else name, only)
            importlib.import_module(f"campaign.{name}").run(ledger, Stage(Path(folder) / name))
    forget_library()


if __name__ == "__main__":
    sys.exit(main())
