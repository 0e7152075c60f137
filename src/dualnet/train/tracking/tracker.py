"""The protocol of a tracker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Protocol

Status = Literal["finished", "failed", "interrupted"]


class Tracker(Protocol):
    """Anything that wants to know of a fit: once what is fitted, then figures as they come, then how it ended."""

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Open a run; parameters are the constructor's arguments, the model's name and the data's name and fingerprint."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take figures, named such as ``train/optimise/loss``, of one epoch of one phase."""

    def finish(self, status: Status) -> None:
        """Close the run."""


def as_text(value: object) -> str:
    """Return a parameter as one line of text, the same in every tracker."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
