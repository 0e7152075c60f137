"""The campaign in short, for the tests: a case of each kind and a control of each check, printed as JSON lines."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable

from . import controls, disk_faults, kills, power_cuts, server_kills
from .commands import Stage
from .disk import Call, Mode
from .ledger import Ledger, Row

SHORT_CONTROLS = (
    "kills: files are written in place",
    "server kills: a change is confirmed before it is written",
    "disk faults: the system's error goes up as it is",
    "disk faults: a failed write is no error",
    "power cuts: no synchronisation before a rename",
    "power cuts: names are not synchronised",
)


CASES: dict[str, Callable[[Stage], Row]] = {
    "kills: a fit": lambda stage: kills.long_fit(
        stage, 3, random_times=0.0
    ),  # else a fast machine may be through before the first kill
    "kills: a file": lambda stage: kills.at_each_call(stage, "encode", Mode.KILL_BEFORE, Call.RENAME | Call.SYNC | Call.REMOVE),
    "kills: a folder": lambda stage: kills.at_each_call(
        stage, "split", Mode.KILL_BEFORE, Call.RENAME | Call.SYNC | Call.REMOVE
    ),
    "server kills": lambda stage: server_kills.one_state(stage, 1, kills=3),
    "disk faults: full once": lambda stage: disk_faults.at_each_call(stage, "encode", "full once"),
    "disk faults: short write and then full": lambda stage: disk_faults.at_each_call(
        stage, "split", "short write and then full"
    ),
    "disk faults: full from there on": lambda stage: disk_faults.at_each_call(stage, "fit wmf", "full from there on"),
    "power cuts: a file": lambda stage: power_cuts.one_command(stage, "encode", mended=1),
    "power cuts: a fit": lambda stage: power_cuts.one_command(stage, "fit wmf", mended=1),
    "power cuts: a folder": lambda stage: power_cuts.one_command(stage, "split", mended=1),
    **{f"control, {name}": lambda stage, name=name: controls.played(stage, name) for name in SHORT_CONTROLS},  # type: ignore[misc]
}


def run(_: Ledger, stage: Stage) -> None:
    """Play the short form, and write its rows to standard output."""
    ledger = Ledger(None)
    server_kills.warm_up(stage)
    for name, play in CASES.items():
        ledger.case(name, lambda play=play: _played(play, stage))  # type: ignore[misc]
    sys.stdout.write("".join(json.dumps(row) + "\n" for row in ledger.rows))


def _played(play: Callable[[Stage], Row], stage: Stage) -> Row:
    """Return the row of a case; one that does not come to its end is a fault of its own, and the others are played."""
    try:
        return play(stage)
    except (Exception, SystemExit):
        return {"faults": [traceback.format_exc()[-3_000:]]}
