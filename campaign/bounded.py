"""Work in a forked child with bounds: what it returned, raised or died of, and what it cost."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPU_SECONDS = 20
WALL_SECONDS = 1200  # for what waits and uses no processor; a busy machine must not reach it
MORE_MEMORY = 2**31  # bytes of address space beyond what the process has
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Outcome:
    """How work in a child ended.

    Parameters
    ----------
    result : object
        What it returned, if it did; of the kinds that JSON has.
    fault : str
        The text of what it raised, or how the process died; empty if all went well.
    died : bool
        Whether the process was ended by a signal.
    seconds : float
        Processor time.
    megabytes : float
        Peak of resident memory beyond that at the start.
    """

    result: Any
    fault: str
    died: bool
    seconds: float
    megabytes: float


def bounded(work: Callable[[], Any], *, cpu_seconds: int = CPU_SECONDS, more_memory: int = MORE_MEMORY) -> Outcome:
    """Run work in a forked child with bounds of processor time, of wall time (for what waits) and of memory.

    Parameters
    ----------
    work : callable
        Its result must be JSON; an exception of it is a fault.
    cpu_seconds : int
        Processor seconds, after which the child is ended.
    more_memory : int
        Bytes of address space beyond what this process has.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work_in_child(work, writer, cpu_seconds, more_memory)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status, usage = os.wait4(child, 0)
    found = json.loads(told) if told else {}
    died = os.WIFSIGNALED(status)
    fault = found.get("fault", "")
    if died:
        fault = f"the process died of {signal.Signals(os.WTERMSIG(status)).name}"
    elif not told:
        fault = f"the process ended with {os.waitstatus_to_exitcode(status)} and told nothing"
    return Outcome(found.get("result"), fault, died, usage.ru_utime + usage.ru_stime, found.get("megabytes", 0.0))


def _work_in_child(work: Callable[[], Any], writer: int, cpu_seconds: int, more_memory: int) -> None:
    code = 1
    try:
        size, resident = (int(part) * _PAGE for part in Path("/proc/self/statm").read_text().split()[:2])
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        resource.setrlimit(resource.RLIMIT_AS, (size + more_memory,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(WALL_SECONDS)
        told: dict[str, Any] = {}
        try:
            told["result"] = work()
        except BaseException:
            told["fault"] = traceback.format_exc()
        told["megabytes"] = max(0.0, (_peak() - resident) / 2**20)
        data = json.dumps(told).encode()
        while data:
            data = data[os.write(writer, data) :]
        code = 0
    finally:
        os._exit(code)


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
