"""Parts of a piece of work, given to workers by Ray Data; answers come as they are ready, warnings are said here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from inspect import signature
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from ..distributed.cluster import cluster
from ..errors import DualNetError, DualNetWarning, warn
from .parts import Part

TRIES_AGAIN = 5  # of a part whose worker is lost


class PartJob(Protocol):
    """What each worker does: it is sent to the workers once, and asked for one part after another."""

    def answer(self, part: Part) -> Any:
        """Do the work of a part; it may be done again after a loss, and gives the same."""


def answers(job: PartJob, parts: Sequence[Part], workers: int, address: str | None, purpose: str) -> Iterator[tuple[Part, Any]]:
    """Yield parts with the answers of a job, as they are ready, each once.

    Parameters
    ----------
    job : PartJob
        Sent to each worker.
    parts : sequence of Part
        What to do.
    workers : int
        Processes that work at a time.
    address : str, optional
        Of an existing cluster; see `dualnet.distributed.cluster.cluster`.
    purpose : str
        Subject of the text where Ray is missing.

    Raises
    ------
    DualNetError
        What a worker raised, or what `cluster` says.
    """
    if not parts:
        return
    with cluster(address, workers, purpose=purpose) as ray:
        import ray.data as data

        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = [{"number": part.number, "start": part.start, "stop": part.stop} for part in parts]
        pool = data.ActorPoolStrategy(size=min(workers, len(parts)))
        # the only way to say it in this version, which announces that there will be none
        limits = (
            {"ray_remote_args_fn": _limits} if "ray_remote_args_fn" in signature(data.Dataset.map_batches).parameters else {}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            done = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Worker, fn_constructor_args=([ray.put(job)], _blas_threads()), batch_size=1, batch_format="numpy",
                compute=pool, num_cpus=1, **limits,
            )  # fmt: skip
        said: set[str] = set()
        for row in done.iter_rows():
            answer, told = row["answer"]
            for text in told:
                if text not in said:
                    said.add(text)
                    warn(text)
            if isinstance(answer, DualNetError):
                raise answer
            yield Part(int(row["number"]), int(row["start"]), int(row["stop"])), answer


def _limits() -> dict[str, int]:
    """Return how often a part is tried again; by itself Ray would do so without end."""
    return {"max_restarts": -1, "max_task_retries": TRIES_AGAIN}


def _blas_threads() -> int:
    """Return how many threads a matrix product has in this process."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


class _Worker:
    """A process of the pool, with the job that it holds."""

    def __init__(self, sent: list[Any], threads: int) -> None:
        import ray

        self._job: PartJob = ray.get(sent[0])
        threadpool_limits(threads, user_api="blas")  # on which rounding depends; Ray would set one

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        part = Part(*(int(batch[name][0]) for name in ("number", "start", "stop")))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                answer = self._job.answer(part)
            except DualNetError as error:  # as an answer, for what Ray Data raises does not hold it any more
                answer = error
        told = [str(entry.message) for entry in caught if issubclass(entry.category, DualNetWarning)]
        column = np.empty(1, object)
        column[0] = (answer, told)
        return {**{name: batch[name] for name in ("number", "start", "stop")}, "answer": column}
