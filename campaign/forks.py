"""A process for each case, forked from one that has imported everything: a case costs its work and no start of Python."""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .disk import Call, Fault, calls_so_far

UNCAUGHT = 99
LONGEST = 600.0  # seconds; a case that takes longer hangs


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Parameters
    ----------
    code : int
        Exit code; minus the signal that killed it.
    told : str
        What it wrote on its outputs.
    hit : str
        Path of the call at which its fault happened, "" if none did.
    hit_call : Call
        Kind of that call.
    calls : int
        Calls that were counted, of a process that was not killed.
    seconds : float
        How long it ran.
    """

    code: int
    told: str
    hit: str
    hit_call: Call
    calls: int
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether it was ended by SIGKILL."""
        return self.code == -signal.SIGKILL


class Running:
    """A process that was forked to do something, with a fault.

    Parameters
    ----------
    work : callable
        Returns the exit code.
    folder : Path
        Under which calls count.
    fault : Fault, optional
        None counts only.
    trace : Path, optional
        File for the trace, with `Mode.TRACE`.
    """

    def __init__(self, work: Callable[[], int], folder: Path, fault: Fault | None = None, trace: Path | None = None) -> None:
        self._told, self._hits, self._numbers = (os.memfd_create(name) for name in ("told", "hits", "numbers"))
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_TRUNC
        self._report = self._hits if trace is None else os.open(trace, flags, 0o600)
        self._began = time.perf_counter()
        self.child = os.fork()
        if self.child == 0:
            _child(work, folder, fault or Fault(), (self._told, self._report, self._numbers))

    def kill(self) -> None:
        """Kill it, if it still runs."""
        os.kill(self.child, signal.SIGKILL)

    def end(self, kill_after: float = 0.0) -> Ended:
        """Wait for its end, or kill it after so many seconds."""
        code = _end_of(self.child, kill_after)
        seconds = time.perf_counter() - self._began
        hit, count = _text(self._hits), _text(self._numbers)
        call = Call(int(hit.split(" ")[0])) if hit else Call(0)
        ended = Ended(code, _text(self._told), hit.partition(" ")[2].strip(), call, int(count or 0), seconds)
        for descriptor in {self._told, self._hits, self._numbers, self._report}:
            os.close(descriptor)
        return ended


def forked(
    work: Callable[[], int], folder: Path, fault: Fault | None = None, *, kill_after: float = 0.0, trace: Path | None = None
) -> Ended:
    """Run something in a process of its own, with a fault, to its end; killed after some seconds where `kill_after` says so."""
    return Running(work, folder, fault, trace).end(kill_after)


def warm(*works: Callable[[], int]) -> None:
    """Import here whatever a piece of work imports, found out in a process of its own."""
    for work in works:
        before = set(sys.modules)

        def listing(work: Callable[[], int] = work, before: set[str] = before) -> int:
            code = work()
            os.write(1, b"\n#" + json.dumps([name for name in sys.modules if name not in before]).encode())
            return code

        ended = forked(listing, Path("/nowhere"))
        if ended.code != 0:
            raise SystemExit(f"what should go well without a fault ended with {ended.code}:\n{ended.told}")
        for name in json.loads(ended.told.rpartition("\n#")[2]):
            with suppress(Exception):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each child looks through all that was imported, and copies its pages


def _child(work: Callable[[], int], folder: Path, fault: Fault, outputs: tuple[int, int, int]) -> None:
    told, report, numbers = outputs
    code = UNCAUGHT
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.dup2(told, 1)
        os.dup2(told, 2)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the rest of this process
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        fault.arm(folder, report)
        code = work()
    except BaseException:
        sys.stderr.write(traceback.format_exc())
    finally:
        count = calls_so_far()
        Fault().arm(Path("/nowhere"), -1)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os.write(numbers, str(count).encode())
        os._exit(code)


def _end_of(child: int, kill_after: float) -> int:
    descriptor = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([descriptor], [], [], kill_after or LONGEST)
        if not ended:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(descriptor)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if not ended and not kill_after:
        raise SystemExit(f"a process did not end within {LONGEST:.0f} s")
    return code


def _text(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace") if size else ""
