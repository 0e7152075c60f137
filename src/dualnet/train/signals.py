"""Stopping on SIGTERM or SIGINT at the next step instead of in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from ..distributed.collectives import Alone, Collectives
from .options import Relay


class StoppedError(Exception):
    """A block was left because somebody asked to stop; for whoever called it, who saves the state before the block."""


class StopRequest:
    """Context in which the first SIGTERM or SIGINT is noted, not acted on; a second SIGINT acts at once.

    Parameters
    ----------
    enabled : bool
        Without a checkpoint folder there is nothing to save, and signals keep their usual effect.
    group : Collectives
        The processes that share the fit: they stop at the same step.
    relay : Relay, optional
        Of a worker: the signal is heard by the process that started the run, which passes it on.
    """

    def __init__(self, *, enabled: bool, group: Collectives | None = None, relay: Relay | None = None) -> None:
        self.signal: int | None = None
        self._group, self._relay = Alone() if group is None else group, relay if enabled else None
        self._enabled = enabled and threading.current_thread() is threading.main_thread()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if self._enabled:
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def asked(self) -> int | None:
        """Return the signal by which somebody has asked to stop, None where nobody has; all ranks call it at the same step."""
        if self.signal is None and self._relay is not None:
            self.signal = self._relay.stop_asked()
        if self._group.size > 1:
            heard = np.zeros(signal.NSIG, np.int32)
            heard[self.signal or 0] = 1  # no signal has the number 0
            heard_by_some = np.flatnonzero(self._group.all_reduce(heard)[1:]) + 1
            self.signal = int(heard_by_some[0]) if len(heard_by_some) else None
        return self.signal

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
