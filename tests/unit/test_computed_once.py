"""An attribute that is computed once: kept by its instance, without a lock that threads or forked children would wait for."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import dualnet
from dualnet.computed_once import ComputedOnce, computed_once


@dataclass(frozen=True, eq=False)
class Slow:
    """Computes when it may."""

    may: threading.Event
    begun: threading.Event

    @computed_once
    def value(self):
        """A value."""
        self.begun.set()
        self.may.wait(900)  # longer than anybody below waits for it
        return object()


def slow(*, may=True):
    made = Slow(threading.Event(), threading.Event())
    if may:
        made.may.set()
    return made


def test_it_is_computed_once_for_each_instance():
    first, second = slow(), slow()
    assert first.value is first.value
    assert first.value is not second.value
    assert Slow.value.__doc__ == "A value."
    assert isinstance(Slow.value, ComputedOnce)


def test_no_instance_waits_for_another():
    held, free = slow(may=False), slow()
    thread = threading.Thread(target=lambda: held.value, daemon=True)
    thread.start()
    held.begun.wait(300)
    other = threading.Thread(target=lambda: free.value, daemon=True)
    other.start()
    other.join(300)
    assert not other.is_alive()
    held.may.set()
    thread.join(300)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_is_forked_meanwhile_does_not_wait_for_a_thread_that_it_has_not():
    held, free = slow(may=False), slow()
    thread = threading.Thread(target=lambda: held.value, daemon=True)
    thread.start()
    held.begun.wait(300)
    child = os.fork()
    if child == 0:
        os._exit(7 if free.value is not None else 1)
    end = time.monotonic() + 300
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        held.may.wait(0.01)
    held.may.set()
    if found[0] == 0:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(found[1]) == 7
    thread.join(300)


def test_nothing_in_the_house_has_such_a_lock():
    house = Path(dualnet.__file__).parent
    users = [path.name for path in house.rglob("*.py") if "@cached_property" in path.read_text(encoding="utf-8")]
    assert users == []
