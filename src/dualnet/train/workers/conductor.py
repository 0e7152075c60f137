"""The conductor of a fit on workers: an actor that lets Ray Train run them, and through which they and their user hear of each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import DualNetError

THREADS = 64  # calls that the actor serves at once; the training is one of them
SOONER = {  # how soon Ray Train sees what has happened to a worker
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "1",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "120",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # paths are those of the user
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}


@dataclass(frozen=True)
class Failure:
    """An error of a worker in parts, for errors with constructors of their own do not survive a copy.

    Parameters
    ----------
    kind : type
        Class of the error.
    text : str
        What it says.
    state : mapping
        Its attributes, such as the exit code.
    """

    kind: type[BaseException]
    text: str
    state: Mapping[str, Any]

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return an error in parts."""
        return cls(type(error), str(error), dict(vars(error)))

    def error(self) -> BaseException:
        """Return the error again."""
        made = self.kind.__new__(self.kind, self.text)
        Exception.__init__(made, self.text)
        vars(made).update(self.state)
        return made


@dataclass
class News:
    """What has happened on the workers since the last look.

    Parameters
    ----------
    moves : int
        Signs of life of all workers so far: steps, calls of collectives, seconds in which they computed.
    words : int
        How often workers have told so far.
    attempt, size : int
        How often workers have been started, and how many there are.
    progress : tuple of (str, int, int, str), optional
        What runs, steps in all, steps done, and their figures in words.
    figures : list of (str, dict)
        Phases and figures of epochs that have ended.
    remarks : list of str
        Warnings of the first worker.
    failure : Failure, optional
        Why the fit cannot go on.
    """

    moves: float = 0
    words: int = 0
    attempt: int = 0
    size: int = 0
    progress: tuple[str, int, int, str] | None = None
    figures: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    failure: Failure | None = None


class Conductor:
    """Run the workers of one fit, and keep what they say until it is asked for; as an actor of Ray.

    Parameters
    ----------
    job : object
        Reference of model, data and options in the store of Ray.
    limit : float
        Seconds that a worker waits for the others.
    """

    def __init__(self, job: list[Any], limit: float) -> None:
        self._job, self._limit = job, limit
        self._lock = threading.Lock()
        self._news = News()
        self._moves: dict[int, float] = {}
        self._words = 0
        self._before = 0.0  # moves of workers that are no more
        self._stop: int | None = None
        self._result: Any = None
        self._room: Any = None

    def train(
        self,
        work: Callable[[Mapping[str, Any]], None],
        handle: Any,
        workers: int | tuple[int, int],
        gpu: bool,
        storage: str,
        failures: int,
    ) -> None:
        """Let Ray Train start the workers, and start them again when one is lost; return when all have ended well."""
        os.environ.update(SOONER)
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
        from ray.train.v2.api.config import LoggingConfig

        trainer = TorchTrainer(
            work,
            train_loop_config={"conductor": handle, "job": self._job, "limit": self._limit},
            torch_config=TorchConfig(timeout_s=int(self._limit)),
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpu, elastic_resize_monitor_interval_s=20.0),
            run_config=RunConfig(
                name="dualnet",
                storage_path=storage,
                failure_config=FailureConfig(max_failures=failures),
                logging_config=LoggingConfig(log_level="ERROR"),
            ),
        )
        trainer.fit()

    def join(self, rank: int, size: int, room: Any = None) -> None:
        """Note that a worker is there, and in which placement group: the room that Ray holds for all of them."""
        with self._lock:
            self._room = room
            if rank == 0:
                self._before += sum(self._moves.values())
                self._moves = {}
                self._news.attempt, self._news.size = self._news.attempt + 1, size

    def tell(self, rank: int, moves: float, progress: tuple[str, int, int, str] | None) -> int | None:
        """Note how far a worker is; return the signal by which somebody has asked to stop."""
        with self._lock:
            self._words += 1
            self._moves[rank] = moves
            if progress is not None:
                self._news.progress = progress
        return self._stop

    def epoch(self, phase: str, figures: dict[str, float]) -> None:
        """Note the figures of an epoch of a phase that has ended and been saved."""
        with self._lock:
            self._news.figures.append((phase, figures))

    def remark(self, text: str) -> None:
        """Note a warning of the first worker."""
        with self._lock:
            self._news.remarks.append(text)

    def fail(self, failure: Failure) -> None:
        """Note why the fit cannot go on; of several workers that say so the first that has an error of its own counts."""
        with self._lock:
            if self._news.failure is None or not issubclass(self._news.failure.kind, DualNetError):
                self._news.failure = failure

    def finish(self, state: dict[str, Any]) -> None:
        """Keep what the fit has learned."""
        self._result = state

    def result(self) -> dict[str, Any] | None:
        """Return what the fit has learned."""
        found: dict[str, Any] | None = self._result
        return found

    def room(self) -> Any:
        """Return the placement group of the workers, which stays when the conductor ends before them."""
        return self._room

    def stop(self, number: int) -> None:
        """Ask the workers to save their state and end, as a signal would."""
        self._stop = number

    def look(self) -> News:
        """Return the news since the last look."""
        with self._lock:
            found = self._news
            found.words = self._words
            found.moves = self._before + sum(self._moves.values())
            self._news = News(attempt=found.attempt, size=found.size, failure=found.failure)
        return found
