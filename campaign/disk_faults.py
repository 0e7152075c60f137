"""A full disk, an I/O error and short writes at the n-th call, n = 1, 2, ... until a command gets through: one sentence, old state."""

from __future__ import annotations

import errno
import time
import traceback
from dataclasses import dataclass

from .commands import COMMANDS, Stage
from .disk import ALL, SPACE, Call, Fault, Mode
from .forks import Ended, forked
from .ledger import Ledger, Row

RESOURCE = 6  # exit code for what is outside
LONG_FIT = "fit, killed again and again"  # the same calls as `fit`, more often


@dataclass(frozen=True)
class Scenario:
    """A way in which a disk fails.

    Parameters
    ----------
    mode : Mode
        Once, from there on, or with a part of a write.
    calls : Call
        Which calls it meets.
    error : int
        Its number.
    """

    mode: Mode
    calls: Call
    error: int


SCENARIOS = {
    "full once": Scenario(Mode.FAIL_ONCE, SPACE, errno.ENOSPC),
    "full from there on": Scenario(Mode.FAIL_ON, SPACE, errno.ENOSPC),
    "input/output error": Scenario(Mode.FAIL_ONCE, ALL, errno.EIO),
    "short write": Scenario(Mode.SHORT_ONCE, Call.WRITE, 0),
    "short write and then full": Scenario(Mode.SHORT_THEN_FULL, Call.WRITE, errno.ENOSPC),
}


def run(ledger: Ledger, stage: Stage) -> None:
    """Let each command meet each kind of fault at each of its calls."""
    for name in COMMANDS:
        for kind in SCENARIOS if name != LONG_FIT else ():
            ledger.case(f"{name}, {kind}", lambda name=name, kind=kind: at_each_call(stage, name, kind))  # type: ignore[misc]


def at_each_call(stage: Stage, name: str, kind: str) -> Row:
    """Let the first call of a command fail, then the second, ... until it gets through."""
    began, tried, faults, scenario = time.perf_counter(), 0, [], SCENARIOS[kind]
    stage.learn_once(name)
    command = stage.work(COMMANDS[name].arguments)

    def work() -> int:
        _tell_foreign_errors()
        return command()

    for at in range(1, 10_000):
        stage.prepare(name)
        ended = forked(work, stage.place, Fault(scenario.mode, at, scenario.calls, scenario.error))
        if not ended.hit:
            faults += [] if ended.code == 0 else [f"ends with {ended.code} without a fault: {ended.told[-300:]}"]
            break
        tried += 1
        where = f"call {at}, {ended.hit_call.name} of {ended.hit.removeprefix(str(stage.place))}"
        faults += [f"{where}: {fault}" for fault in after_fault(stage, name, ended, removes=not ended.hit_call & Call.REMOVE)]
    return {"faults tried": tried, "seconds": time.perf_counter() - began, "faults": faults}


def after_fault(stage: Stage, name: str, ended: Ended, *, removes: bool) -> list[str]:
    """Return what is wrong after a fault: with what was said, what is on the disk, and what is left beside it.

    Parameters
    ----------
    stage, name : Stage, str
        Which command, and where.
    ended : Ended
        How it ended.
    removes : bool
        Whether the disk still removes, so that nothing may be left.
    """
    _, new, names = stage.known[name]
    state = stage.state(name)
    wrong = stage.faults_of(name)
    if ended.code == 0:
        wrong += [f"{key} {value}, and exit code 0" for key, value in state.items() if value != new[key]]
    elif ended.code != RESOURCE or not _is_one_sentence(ended.told):
        wrong.append(f"exit code {ended.code}: {ended.told.strip()[-400:]}")
    left = sorted(stage.names() - stage.names_before(name) - names)
    if removes:
        wrong += [f"{path} is left" for path in left]
    elif left:
        wrong += stage.mend(name)[1]
    return wrong


def _is_one_sentence(told: str) -> bool:
    lines = [line for line in told.splitlines() if line.startswith("dualnet: ") and not line.startswith("dualnet: warning: ")]
    return (
        len(lines) == 1
        and "; " in lines[0]
        and "Traceback" not in told
        and not any(word in told for word in (FOREIGN, "should not have"))
    )


FOREIGN = "is no error of ours"


def _tell_foreign_errors() -> None:
    """Let the command line say where an error comes from that it had to catch for want of one of ours."""
    import dualnet.cli

    def outside(error: BaseException) -> str:
        places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        return f"{error!r} {FOREIGN}: {' '.join(places[-6:])}"

    vars(dualnet.cli)["_outside"] = outside
