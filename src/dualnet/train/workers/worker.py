"""What one worker of a fit does: the same fit as in one process, with its share of the work, and word of how far it is."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...distributed.collectives import Collectives, LostPeerError, ProcessGroup
from ...errors import DualNetWarning, memory_told
from ..options import RunOptions
from .conductor import Failure

SECONDS_BETWEEN_WORDS = 1.0
COMPUTES = 0.01  # share of a processor from which on a thread computes, on a busy machine too; one that waits takes nothing
WAIT_FOR_THE_END = 30.0  # seconds in which the process that started the fit ends a worker that has failed
PASSING = (LostPeerError, RuntimeError, OSError)
"""Errors that another start may not meet: a peer, a connection, a device. All others would come again."""


def work(config: Mapping[str, Any]) -> None:
    """Fit as one of several workers; Ray Train calls it in each.

    Parameters
    ----------
    config : mapping
        ``conductor``, the actor to report to; ``job``, the reference of model, training set, validation and options; ``limit``, the
        seconds that a worker waits for the others in one call.
    """
    import ray

    group = ProcessGroup(limit=config["limit"])
    conductor = config["conductor"]
    ray.get(conductor.join.remote(group.rank, group.size, ray.util.get_current_placement_group()))
    relay = WorkerRelay(conductor, group)
    with relay.talking(), _remarks(relay):
        try:
            model, train, validation, run = ray.get(config["job"][0])
            with memory_told(f"fitting {type(model).__name__}"):
                model._fit_now(train, validation, options_of_worker(run, group, relay))
            if group.rank == 0:
                ray.get(conductor.finish.remote(model.__getstate__()))
        except PASSING:
            raise
        except Exception as error:
            ray.get(conductor.fail.remote(Failure.of(error)))
            time.sleep(WAIT_FOR_THE_END)


def options_of_worker(run: RunOptions, group: Collectives, relay: WorkerRelay | None = None) -> RunOptions:
    """Return the options of one of several processes that share a fit: the first alone writes and reports."""
    first = group.rank == 0
    return replace(
        run,
        workers=None,
        address=None,
        collectives=group,
        relay=relay,
        log=run.log if first else None,
        trackers=run.trackers if first else (),
        progress=run.progress if first else False,
        after_epoch=(run.after_epoch if relay is None else relay.epoch) if first else None,
    )


class WorkerRelay:
    """Word of one worker to the conductor, every second, and the signal to stop in answer.

    Parameters
    ----------
    conductor : ray.actor.ActorHandle
        Whom to tell.
    group : ProcessGroup
        The workers; their calls are signs of life.
    """

    def __init__(self, conductor: Any, group: ProcessGroup) -> None:
        self._conductor, self._group = conductor, group
        self._progress: tuple[str, int, int, str] | None = None
        self._steps = self._busy = 0
        self._signal: int | None = None
        self._ended = threading.Event()

    def step(self, label: str, total: int, done: int, text: str) -> None:
        """Note the state after one step."""
        self._steps += 1
        self._progress = (label, total, done, text)

    def stop_asked(self) -> int | None:
        """Return the signal by which somebody has asked to stop."""
        return self._signal

    def epoch(self, figures: Mapping[str, float]) -> None:
        """Tell the figures of an epoch that has ended."""
        self._conductor.epoch.remote("" if self._progress is None else self._progress[0], dict(figures))

    def remark(self, text: str) -> None:
        """Tell a warning."""
        self._conductor.remark.remote(text)

    @property
    def moves(self) -> float:
        """Signs of life so far: steps, calls of the other workers, and seconds in which it computed."""
        calls = sum(traffic.calls for traffic in dict(self._group.traffic).values())
        return self._steps + calls + self._busy

    @contextmanager
    def talking(self) -> Iterator[None]:
        """Tell how far the worker is while the block runs."""
        teller = threading.Thread(target=self._tell, args=(_clock_of_this_thread(),), daemon=True)
        teller.start()
        try:
            yield
        finally:
            self._ended.set()
            teller.join(2 * SECONDS_BETWEEN_WORDS)

    def _tell(self, clock: Callable[[], float]) -> None:
        import ray

        computed, told_at = clock(), time.monotonic()
        while not self._ended.wait(SECONDS_BETWEEN_WORDS):
            since, told_at = time.monotonic() - told_at, time.monotonic()
            spent, computed = -computed, clock()
            self._busy += computed + spent > COMPUTES * since
            try:
                told = self._conductor.tell.remote(
                    self._group.rank, self.moves, self._progress if self._group.rank == 0 else None
                )
                self._signal = ray.get(told, timeout=10) or self._signal
            except ray.exceptions.GetTimeoutError:  # the machine is busy
                continue
            except Exception:  # the conductor is gone, and the worker soon
                return


def _clock_of_this_thread() -> Callable[[], float]:
    """Return a function that gives the seconds of a processor that this thread has had; of the process where threads have none."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    own = time.pthread_getcpuclockid(threading.get_ident())
    return lambda: time.clock_gettime(own)


@contextmanager
def _remarks(relay: WorkerRelay) -> Iterator[None]:
    """Send warnings of ours to the user, who does not see the standard error of a worker; of all alike the first tells them."""
    shown = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, DualNetWarning):
            relay.remark(str(message))
        else:
            shown(message, category, *rest, **named)

    with warnings.catch_warnings():
        if relay._group.rank == 0:
            warnings.showwarning = tell
        yield
