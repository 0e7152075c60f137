"""Interruption of a command by a signal: one line on standard error, an exit code, and nothing half written."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by(*signals: signal.Signals, remark: str = "") -> Iterator[None]:
    """Let signals end the work with exit code 128 + n, so that whatever it holds is given back on the way out.

    Parameters
    ----------
    *signals : signal.Signals
        Such as SIGINT and SIGTERM; outside the main thread none is caught.
    remark : str
        What else to say than that the command was interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        sys.stderr.write(f"dualnet: interrupted{remark}\n")
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
