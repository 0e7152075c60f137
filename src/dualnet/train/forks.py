"""Processes that were forked from one in which torch was at work: more than one thread would wait there for ever."""

from __future__ import annotations

import os
import sys

_forked: list[bool] = []


def _remember() -> None:
    if "torch" in sys.modules:
        _forked.append(True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_remember)


def forked_from_torch() -> bool:
    """Whether this process was forked from one that had loaded torch.

    The threads of its pools (OpenMP) stayed with the parent, and the child would wait for them: it has to compute in one thread.
    """
    return bool(_forked)
