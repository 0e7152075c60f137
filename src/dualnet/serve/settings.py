"""Limits of a service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceSettings:
    """Limits of a service.

    Parameters
    ----------
    batch : int
        Questions answered at once.
    waiting : int
        Questions that may wait; more are refused with `BusyError`.
    threads : int
        Batches answered at a time where service and front share a process.
    """

    batch: int = 32
    waiting: int = 1024
    threads: int = 2
