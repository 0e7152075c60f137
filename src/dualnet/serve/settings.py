"""Limits of a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Allowance:
    """Limits of what one API key may add; all clients without a key share one allowance.

    Parameters
    ----------
    items, events, bytes : int
        Of what is kept at a time; what is deleted makes room.
    """

    items: int = 100_000
    events: int = 1_000_000
    bytes: int = 256 * 2**20


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
        Batches answered at a time where one process does all.
    allowance : Allowance
        What each key may add.
    """

    batch: int = 32
    waiting: int = 1024
    threads: int = 2
    allowance: Allowance = field(default_factory=Allowance)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return the settings of such fields as `dataclasses.asdict` gives."""
        return cls(**{**fields, "allowance": Allowance(**fields["allowance"])})
