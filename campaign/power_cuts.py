"""A power cut after every change that a command makes: the old or the new is on the disk, whole, and what was said to be done is done."""

from __future__ import annotations

import time

from .commands import COMMANDS, Stage
from .disk import Fault, Mode
from .forks import forked
from .ledger import Ledger, Row
from .replay import Cut, Disk, cuts_of, read_trace

LONG_FIT = "fit, killed again and again"  # the same changes as `fit`, more often
MENDED_OF_A_COMMAND = 6  # states, drawn evenly, from which the same command is given again


def run(ledger: Ledger, stage: Stage) -> None:
    """Cut the power of each command."""
    for name in COMMANDS:
        if name != LONG_FIT:
            ledger.case(f"{name}, power cut", lambda name=name: one_command(stage, name))  # type: ignore[misc]


def one_command(stage: Stage, name: str, mended: int = MENDED_OF_A_COMMAND) -> Row:
    """Record what a command does to the disk, and look at every state that a power cut can leave."""
    began, faults = time.perf_counter(), []
    stage.learn_once(name)
    stage.prepare(name)
    before, trace = Disk.of(stage.place), stage.world / "trace"
    ended = forked(stage.work(COMMANDS[name].arguments), stage.place, Fault(Mode.TRACE), trace=trace)
    changes = read_trace(trace)
    if ended.code != 0:
        return {"states": 0, "seconds": 0.0, "faults": [f"ends with {ended.code}: {ended.told[-300:]}"]}
    if before.after(changes, Cut(len(changes), len(changes), data=True)).contents() != Disk.of(stage.place).contents():
        return {"states": 0, "seconds": 0.0, "faults": ["the record does not give what is there"]}
    seen: dict[bytes, Cut] = {}
    for cut in cuts_of(changes):
        disk = before.after(changes, cut)
        key = disk.contents()
        last = cut.changes == len(changes)  # the command has said that it is done
        if key in seen and not last:
            continue
        seen.setdefault(key, cut)
        disk.write(stage.place)
        where = f"cut after change {cut.changes} of {len(changes)}, names as after {cut.names}, {'with' if cut.data else 'without'} data"
        wrong = stage.faults_of(name)
        if last and not wrong:
            new = stage.known[name][1]
            wrong = [
                f"{product} {value}, though it was said to be done"
                for product, value in stage.state(name).items()
                if value != new[product]
            ]
        faults += [f"{where}: {fault}" for fault in wrong]
    cuts = list(seen.values())
    for cut in cuts[:: max(1, len(cuts) // mended)] if mended else []:
        before.after(changes, cut).write(stage.place)
        faults += [f"cut {cut}: {fault}" for fault in stage.mend(name)[1]]
    return {"states": len(seen), "changes": len(changes), "seconds": time.perf_counter() - began, "faults": faults}
