"""SIGKILL at every call and at random times: the old or the new is on the disk, whole, and the same command mends the rest."""

from __future__ import annotations

import random
import time
from pathlib import Path

from .commands import COMMANDS, Stage
from .disk import ALL, Call, Fault, Mode
from .forks import Ended, forked
from .ledger import Ledger, Row

LIVES = 60  # of one run; each is killed on average in the middle of what is left
RANDOM_TIMES = 15  # kills of a command besides those at its calls
LONG_FIT = "fit, killed again and again"


def run(ledger: Ledger, stage: Stage, kills_of_fits: int = 1_000) -> None:
    """Kill all commands at each of their calls and at random times, and fits until that many kills.

    Parameters
    ----------
    ledger : Ledger
        Where it is written down.
    stage : Stage
        Where it is played.
    kills_of_fits : int
        Kills of the fits that have to end with the same bits; at least a tenth of them in the save of the model.
    """
    number = killed = in_saves = 0
    while killed < kills_of_fits or in_saves < kills_of_fits // 10:
        row = ledger.case(f"{LONG_FIT}, run {number}", lambda number=number: long_fit(stage, number))  # type: ignore[misc]
        row = row or next(row for row in ledger.rows if row["case"].endswith(f"run {number}"))
        killed, in_saves, number = killed + row["kills"], in_saves + row["in model saves"], number + 1
    for name in COMMANDS:
        if name != LONG_FIT:
            for mode, calls in ((Mode.KILL_BEFORE, ALL), (Mode.KILL_HALF, Call.WRITE)):
                ledger.case(f"{name}, {told_of(mode)}", lambda: at_each_call(stage, name, mode, calls))  # noqa: B023 - at once
            ledger.case(f"{name}, at random times", lambda: at_random_times(stage, name))  # noqa: B023


def told_of(mode: Mode) -> str:
    """Return the words for a way of killing."""
    return {Mode.KILL_BEFORE: "before each call", Mode.KILL_HALF: "in the middle of each write"}[mode]


def at_each_call(stage: Stage, name: str, mode: Mode, calls: Call) -> Row:
    """Kill a command at its first call, at its second, ... until it is through."""
    began, kills, faults = time.perf_counter(), 0, []
    stage.learn_once(name)
    for at in range(1, 10_000):
        stage.prepare(name)
        ended = forked(stage.work(COMMANDS[name].arguments), stage.place, Fault(mode, at, calls))
        if not ended.killed:
            faults += [] if ended.code == 0 else [f"ends with {ended.code} without a kill: {ended.told[-300:]}"]
            break
        kills += 1
        where = f"killed at call {at}, {ended.hit_call.name} of {ended.hit.removeprefix(str(stage.place))}"
        faults += [f"{where}: {fault}" for fault in after_kill(stage, name)]
    return {"kills": kills, "seconds": time.perf_counter() - began, "faults": faults}


def at_random_times(stage: Stage, name: str, kills: int = RANDOM_TIMES) -> Row:
    """Kill a command at moments drawn evenly over the time that it takes."""
    began, draw, faults, done = time.perf_counter(), random.Random(name), [], 0
    stage.learn_once(name)
    stage.prepare(name)
    usual = forked(stage.work(COMMANDS[name].arguments), stage.place).seconds
    for _ in range(10 * kills):
        stage.prepare(name)
        after = draw.uniform(0.002, usual)
        if forked(stage.work(COMMANDS[name].arguments), stage.place, kill_after=after).killed:
            done += 1
            faults += [f"killed after {after:.3f} s: {fault}" for fault in after_kill(stage, name)]
        if done == kills:
            break
    return {"kills": done, "seconds": time.perf_counter() - began, "faults": faults}


def after_kill(stage: Stage, name: str) -> list[str]:
    """Return what is wrong after a kill, and after the same command again."""
    wrong = stage.faults_of(name)
    _, left = stage.mend(name)
    return wrong + left


def long_fit(stage: Stage, number: int, random_times: float = 0.3) -> Row:
    """Kill a fit with many checkpoints until it gets through, and compare its bits with those of a fit that was never killed.

    A share `random_times` of the kills is at random times; a machine that is fast enough may be through before the first of them.
    """
    began, draw, faults = time.perf_counter(), random.Random(number), []
    counts = dict.fromkeys(("kills", "in checkpoints", "in model saves", "at random times"), 0)
    usual = stage.learn_once(LONG_FIT)
    stage.prepare(LONG_FIT)
    command = stage.work([*COMMANDS[LONG_FIT].arguments, "--resume"])
    for _ in range(LIVES):
        at_random = draw.random() < random_times
        fault = Fault(draw.choice((Mode.KILL_BEFORE, Mode.KILL_AFTER, Mode.KILL_HALF)), draw.randint(1, usual // 2))
        ended = forked(
            command, stage.place, None if at_random else fault, kill_after=draw.uniform(0.01, 0.6) if at_random else 0.0
        )
        if not ended.killed:
            break
        counts["kills"] += 1
        counts["at random times"] += at_random
        inside = _inside(stage.place, ended)
        counts["in checkpoints"] += inside == ".step-"
        counts["in model saves"] += inside == ".model."
        faults += stage.faults_of(LONG_FIT)
    ended = ended if ended.code == 0 else forked(command, stage.place)
    faults += [] if ended.code == 0 else [f"does not go on: {ended.code} {ended.told[-300:]}"]
    return {**counts, "seconds": time.perf_counter() - began, "faults": faults + stage.differences(LONG_FIT)}


def _inside(place: Path, ended: Ended) -> str:
    """Return of which write a kill was in the middle, by the start of its temporary's name; "" for none."""
    for start in (".step-", ".model."):
        if f"/{start}" in ended.hit or (not ended.hit and any(place.rglob(f"{start}*"))):
            return start
    return ""
