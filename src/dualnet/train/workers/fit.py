"""A fit on workers, seen from the process that asked for it: start, progress, watchdog, stop, and another start after a loss."""

from __future__ import annotations

import copy
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ...distributed.cluster import STORE, cluster
from ...distributed.collectives import LIMIT
from ...errors import DualNetError, ResourceError, TrainingInterruptedError, counted, warn
from ..checkpoint import discard_checkpoints, sole_writer
from ..options import RunOptions
from ..progress import EpochProgress, begin_log, writing_log
from ..signals import StopRequest
from .conductor import THREADS, Conductor, News
from .worker import work

QUIET = 15.0  # seconds without a step, after which the user is told for how long
SILENT = 60.0  # seconds without a sign of life of any worker, after which all are ended and started again
RESTART_WITHIN = 240.0  # seconds in which Ray Train must have replaced workers that say nothing at all
START_WITHIN = 600.0  # seconds in which a cluster must have found room for the workers
STOP_WITHIN = 60.0  # seconds that workers have to save their state when they are asked to stop
LOSSES = 8  # of workers that Ray Train makes good by itself, each from the last checkpoint
STARTS = 5  # without a new step in between; then the cause is not chance


class LostError(Exception):
    """The workers of this start are lost; another start goes on from the last checkpoint."""


def fit_on_workers(model: Any, train: Any, validation: Any, run: RunOptions) -> dict[str, Any]:
    """Fit a model on workers of a Ray cluster, and return what it has learned.

    Each worker runs the same fit as one process would, with its share of the work. A worker, a node or a cluster of our own that is
    lost is replaced, and the fit goes on from the newest checkpoint that verifies.

    Parameters
    ----------
    model : Recommender
        Parameters are settled here, so that all workers, and workers of another start, have the same seed.
    train : Dataset
        Goes through the object store of the cluster: one copy a machine, which its workers read where it lies.
    validation : Validation, optional
        The same.
    run : RunOptions
        With `workers`.

    Returns
    -------
    dict of str to object
        Attributes of the fitted model.

    Raises
    ------
    DualNetError
        Whatever the fit raised on a worker.
    ResourceError
        If there is no room for the workers, or they are lost again and again without a new step.
    TrainingInterruptedError
        If a signal asked to stop; the state was saved first.
    """
    model._settle()
    seeded = {"random_state": model.seed_} if "random_state" in model.parameter_names() else {}
    with ExitStack() as stack:
        options = stack.enter_context(_options_of_workers(run))
        stop = stack.enter_context(StopRequest(enabled=run.checkpoint_path is not None))
        watch = Watch(run, stop)
        job = (model._twin(**seeded), train, validation, options)
        while True:
            try:
                with cluster(run.address, _processors(run), purpose="fitting on workers", store=_store(train)) as ray:
                    return _one_start(ray, job, run, watch, str(options.checkpoint_path))
            except LostError as error:
                watch.lost(str(error))


@dataclass
class Watch:
    """What the process that asked for a fit knows of it, over all starts.

    Parameters
    ----------
    run : RunOptions
        Progress, log, and `after_epoch`.
    stop : StopRequest
        Hears signals.
    """

    run: RunOptions
    stop: StopRequest
    starts: int = 0
    attempt: int = 0
    furthest: dict[str, int] = field(default_factory=dict)
    _epochs: set[tuple[str, float]] = field(default_factory=set)
    _view: EpochProgress | None = None
    _label: str = ""
    _last: tuple[str, int, int] = ("workers", 1, 0)
    _said: float = field(default_factory=time.perf_counter)

    def take(self, news: News) -> None:
        """Show the news to the user; raises what a worker has raised, and whatever `after_epoch` raises."""
        for text in news.remarks:
            warn(text)
        if news.attempt > max(self.attempt, 1):
            self.say(f"workers were lost or their number changed; {news.size} go on from the last checkpoint")
        self.attempt = news.attempt
        if news.progress is not None:
            self._last = news.progress[:3]
            self._show(*news.progress)
        for phase, figures in news.figures:
            epoch = (phase, figures["epoch"])
            if epoch not in self._epochs and self.run.after_epoch is not None:
                self.run.after_epoch(figures)
            self._epochs.add(epoch)
        if news.failure is not None:
            raise news.failure.error()

    def lost(self, why: str) -> None:
        """Note that a start has failed; raises `ResourceError` after several without a new step."""
        self.attempt, self.starts = 0, self.starts + 1
        if self.stop.signal is not None:
            raise TrainingInterruptedError(self.stop.signal, str(self.run.checkpoint_path))
        if self.starts >= STARTS:
            kept = "" if self.run.checkpoint_path is None else f"; the last state is kept in {self.run.checkpoint_path}"
            raise ResourceError(f"the workers were started {STARTS} times without a new step: {why}{kept}")
        self.say(f"{why}; the workers are started again, from the last checkpoint")

    def say(self, text: str) -> None:
        """Say what has happened, on standard error and in the log."""
        warn(text)
        if self.run.log_path is not None:
            with writing_log(self.run.log_path), self.run.log_path.open("a", encoding="utf-8") as log:
                log.write(json.dumps({"phase": "workers", "epoch": 0, "event": text}) + "\n")

    def close(self) -> None:
        """Take the progress bar away."""
        if self._view is not None:
            self._view.__exit__(None, None, None)
            self._view = None

    def waiting(self, text: str) -> None:
        """Show that the workers are not there yet."""
        self._show("workers", 1, 0, text)

    def quiet(self, seconds: float) -> None:
        """Show for how long there was no step, so that nobody has to wonder about workers that are lost, or are being replaced."""
        self._show(*self._last, f"no step for {seconds:.0f} s; waiting for the workers")

    def _show(self, label: str, total: int, done: int, text: str) -> None:
        if self._view is None or label != self._label:
            self.close()
            self._view = EpochProgress(
                self.run.progress, label, total, done, said=self._said, announced=self.run.steps.announced
            )
            self._label = label
            self._view.__enter__()
        if done > self.furthest.get(label, 0):
            self.furthest[label], self.starts = done, 0
        self._view.say(done, text)
        self._said = self._view.said


def _one_start(ray: ModuleType, job: Any, run: RunOptions, watch: Watch, storage: str) -> dict[str, Any]:
    """Let workers fit until they are done; raises `LostError` where another start may do better."""
    assert run.workers is not None
    conductor = None
    try:
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        kind = ray.remote(Conductor).options(num_cpus=0, max_concurrency=THREADS, scheduling_strategy=here)
        conductor = kind.remote([ray.put(job)], LIMIT)
        training = conductor.train.remote(work, conductor, run.workers, _on_gpus(ray, run), f"{storage}/.ray", LOSSES)
        _wait(ray, conductor, training, run, watch)
        state = ray.get(conductor.result.remote(), timeout=STOP_WITHIN)
        if state is None:
            raise LostError("the first worker ended without a result")
        return copy.deepcopy(state)  # out of the memory of a store that ends with the cluster
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise LostError(_cause(error)) from error
    finally:
        watch.close()
        if conductor is not None:
            _end(ray, conductor)


def _end(ray: ModuleType, conductor: Any) -> None:
    """End the conductor and all that it started, so that their room in the cluster is free for another fit of this process."""
    room = None
    with suppress(Exception):  # of a cluster that is gone
        room = ray.get(conductor.room.remote(), timeout=STOP_WITHIN)
    with suppress(Exception):
        ray.kill(conductor)
        if room is not None:
            ray.util.remove_placement_group(room)


def _wait(ray: ModuleType, conductor: Any, training: Any, run: RunOptions, watch: Watch) -> None:
    """Wait for the end of the training, and pass on what happens in between."""
    alive = heard_of = time.monotonic()
    asked, news, last = 0.0, News(), News()
    look = conductor.look.remote()
    while True:
        done, _ = ray.wait([training], timeout=1.0)
        heard, _ = ray.wait([look], timeout=SILENT if done else 0)
        if heard:
            news = ray.get(look)
            watch.take(news)
            look = conductor.look.remote()
        if done:
            ray.get(training)
            watch.take(ray.get(look, timeout=SILENT))  # what was said between the last look and the end
            return
        now = time.monotonic()
        if watch.stop.signal is not None and not asked:
            asked = now
            conductor.stop.remote(watch.stop.signal)
        if asked and (not news.attempt or now - asked > STOP_WITHIN):
            raise TrainingInterruptedError(watch.stop.signal or 0, str(run.checkpoint_path))
        if news.moves > last.moves or news.attempt > last.attempt:
            alive = now
        if news.words > last.words:
            heard_of = now
        last = news
        if news.attempt and now - alive > QUIET:
            watch.quiet(now - alive)
        if news.attempt and now - alive > (SILENT if now - heard_of < SILENT / 2 else RESTART_WITHIN):
            raise LostError(f"no step for {now - alive:.0f} s")
        if not news.attempt:
            room = ray.cluster_resources().get("CPU", 0)
            watch.waiting(f"waiting for {_told(run)} on a cluster of {counted(int(room), '{processor|processors}')}")
            if now - alive > START_WITHIN:
                raise ResourceError(
                    f"the Ray cluster found no room for {_told(run)} in {START_WITHIN:g} s: it has {counted(int(room), '{processor|processors}')}; ask for fewer"
                )


def _told(run: RunOptions) -> str:
    counts = run.workers if isinstance(run.workers, tuple) else (run.workers,)
    return f"{' to '.join(str(count) for count in counts)} worker{'s' if counts[-1] != 1 else ''}"


def _cause(error: BaseException) -> str:
    """Return in one line why a start has failed: the words of the worker where it could still speak."""
    failures = getattr(getattr(error, "cause", error), "worker_failures", {})
    for failure in failures.values():
        if isinstance(failure, DualNetError):
            return str(failure).splitlines()[0]
    for failure in failures.values():
        return f"a worker was lost ({(str(failure).strip().splitlines() or [type(failure).__name__])[0][:200]})"
    return f"the cluster, or its conductor, was lost ({type(error).__name__})"


def _on_gpus(ray: ModuleType, run: RunOptions) -> bool:
    most = run.workers[1] if isinstance(run.workers, tuple) else run.workers
    there = ray.cluster_resources().get("GPU", 0)
    if run.device == "cuda" and there < 1:
        raise ResourceError("device='cuda', but the Ray cluster has no GPU; use device='auto', or a cluster with GPUs")
    return run.device == "cuda" or (run.device == "auto" and there >= (most or 1))


def _processors(run: RunOptions) -> int:
    """Return how many processors a cluster must have: one for each worker; one of our own as many of an elastic number as there are."""
    if isinstance(run.workers, tuple):
        least, most = run.workers
        return least if run.address is not None else max(least, min(most, os.cpu_count() or 1))
    return run.workers or 1


def _store(train: Any) -> int:
    """Return the size of the object store for a data set; memory is taken as it is used."""
    return STORE + 100 * int(train.interactions.n_pairs) + 4000 * int(train.interactions.n_items)


@contextmanager
def _options_of_workers(run: RunOptions) -> Iterator[RunOptions]:
    """Give the options that workers go by: every start resumes, so a fresh fit removes first what a former one has left.

    Without a folder for checkpoints the workers of a cluster on this machine get a temporary one.
    """
    folder, temporary = run.checkpoint_path, None
    if folder is None and run.address is None:
        folder = temporary = Path(tempfile.mkdtemp(prefix="dualnet-workers-"))
    try:
        if folder is not None:
            folder = folder.expanduser().absolute()
            with sole_writer(folder):
                if not run.resume:
                    for checkpoint in {found.parent for found in folder.rglob("step-*")}:
                        discard_checkpoints(checkpoint)
        if not run.resume:
            begin_log(run.log_path)
        yield replace(
            run,
            workers=None,
            address=None,
            checkpoint=folder,
            log=None if run.log_path is None else run.log_path.absolute(),
            resume=folder is not None,
            after_epoch=None,
        )
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        elif folder is not None:
            shutil.rmtree(folder / ".ray", ignore_errors=True)
