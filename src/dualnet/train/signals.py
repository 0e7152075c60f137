"""Stopping on SIGTERM or SIGINT at the next step instead of in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StoppedError(Exception):
    """A block was left because somebody asked to stop; for whoever called it, who saves the state before the block."""


class StopRequest:
    """Context in which the first SIGTERM or SIGINT is noted, not acted on; a second SIGINT acts at once.

    Parameters
    ----------
    enabled : bool
        Without a checkpoint folder there is nothing to save, and signals keep their usual effect.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.signal: int | None = None
        self._enabled = enabled and threading.current_thread() is threading.main_thread()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if self._enabled:
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
