"""The lock of a model, which one writer at a time holds; neither a copy, nor a pickle, nor a forked process has it."""

from __future__ import annotations

import os
import threading
from weakref import WeakKeyDictionary

_locks: WeakKeyDictionary[object, threading.RLock] = WeakKeyDictionary()
_guard = threading.Lock()


def one_writer(model: object) -> threading.RLock:
    """Return the lock that is held by whatever changes a model, so that of several threads one comes after the other."""
    with _guard:
        return _locks.setdefault(model, threading.RLock())


def _anew() -> None:
    """Forget all locks: a forked child would wait for ever for a thread that only its parent has."""
    global _locks, _guard
    _locks, _guard = WeakKeyDictionary(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_anew)
