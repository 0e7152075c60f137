"""Memory of a server process: freed memory is returned to the system, long-lived objects are not searched for garbage."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Return the memory of a version that nobody holds any more to the system.

    What is left stays: the garbage collector is told to pass it by. Looking through a catalogue now and then took a quarter of
    the time of small answers, and looking through the HTTP side's modules 20 ms at a time.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):  # another C library; it has its own ways
            return
