"""The disk between a process and its files: counted, failing or cut off at the n-th call; see ``disk.c``."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

SOURCE = Path(__file__).with_name("disk.c")


class Call(IntFlag):
    """Kinds of calls that change a disk."""

    OPEN = 1
    WRITE = 2
    SYNC = 4
    RENAME = 8
    REMOVE = 16
    MAKE = 32


ALL = Call(63)
SPACE = Call.OPEN | Call.WRITE | Call.SYNC | Call.RENAME | Call.MAKE  # what a full disk refuses; it still removes


class Mode(IntEnum):
    """What happens at the n-th call."""

    COUNT = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    KILL_HALF = 3  # half of a write is done
    FAIL_ONCE = 4
    FAIL_ON = 5  # from there on
    SHORT_ONCE = 6
    SHORT_THEN_FULL = 7
    TRACE = 8


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in a process.

    Parameters
    ----------
    mode : Mode
        What.
    at : int
        At which call under the folder, from 1.
    calls : Call
        Which calls count.
    error : int
        The number that a call fails with.
    """

    mode: Mode = Mode.COUNT
    at: int = 0
    calls: Call = ALL
    error: int = 0

    def arm(self, folder: Path, report: int) -> None:
        """Let it happen in this process, to what lies under a folder; a line about the call that is hit goes to `report`."""
        _library().disk_arm(os.fsencode(folder), int(self.mode), int(self.calls), self.at, self.error, report)


def calls_so_far() -> int:
    """Return how many calls were counted since the fault was armed."""
    return int(_library().disk_count())


def why_not() -> str | None:
    """Return why nothing can stand between here; None where it can."""
    if sys.platform != "linux":
        return "needs Linux"
    return None if shutil.which("cc") else "needs a C compiler named cc"


def start_again() -> None:
    """Compile the library and begin this program anew with it, unless it is there already."""
    if "DUALNET_CAMPAIGN_DISK" in os.environ:
        return
    reason = why_not()
    if reason is not None:
        raise SystemExit(f"the campaign {reason}")
    library = Path(tempfile.mkdtemp(prefix="dualnet-campaign-")) / "disk.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"], check=True, timeout=120
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "LD_PRELOAD": str(library), "DUALNET_CAMPAIGN_DISK": str(library)}
    os.execve(sys.executable, [sys.executable, "-m", "campaign", *sys.argv[1:]], environment)


def forget_library() -> None:
    """Remove the compiled library; this process keeps what it has loaded."""
    shutil.rmtree(Path(os.environ["DUALNET_CAMPAIGN_DISK"]).parent, ignore_errors=True)


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.disk_arm.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_int]
    library.disk_arm.restype = None
    library.disk_count.restype = ctypes.c_long
    return library
