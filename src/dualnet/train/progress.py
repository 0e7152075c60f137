"""Progress of a running training, for people (progress bar) and programs (JSON lines)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ..errors import ResourceError
from ..files import write_text
from .batches import DualBatch
from .options import Relay, RunOptions
from .steps import in_words
from .tracking.tracker import Tracker

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_CHANGES = 0.5  # of the line in a notebook
BAR, SHORT_BAR = 24, 12  # characters of a bar in a notebook, and on a terminal, which may have 80 in all


def notebook_line() -> Callable[[str], None] | None:
    """Return what shows a text in the output of the running cell, in place of the one before; None outside of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):  # none, or IPython in a terminal
        return None
    display = import_module("IPython.display").display
    handles: list[Any] = []

    def show(text: str) -> None:
        plain = {"text/plain": text}
        if handles:
            handles[0].update(plain, raw=True)
        else:
            handles.append(display(plain, raw=True, display_id=True))

    return show


def _as_bar(label: str, share: float, text: str) -> str:
    full = round(BAR * min(max(share, 0.0), 1.0))
    return f"{label} {'█' * full}{'░' * (BAR - full)} {share:.0%}  {text}"


class EpochProgress:
    """Progress of one step of a training on standard error: how far it is, how long it takes yet, loss, validation figures.

    A title and a bar where standard error is a terminal, and a line that changes in a notebook. Elsewhere (a log, a scheduler) a plain
    line every half minute, so that a short training says nothing and nobody has to wonder about a long one; a title before them where
    that is asked for.

    Parameters
    ----------
    show : bool, optional
        True for a bar, False for nothing; by default what standard error is made for.
    label : str
        What is being done, such as `FitSteps.title`.
    total, done : int
        Steps in all and before this start.
    relay : Relay, optional
        Of a worker: gets the state of each step instead of standard error.
    said : float, optional
        When the last line was written, as `time.perf_counter` tells; by default now.
    announced : bool
        Whether a log gets the title too.
    """

    def __init__(
        self,
        show: bool | None,
        label: str,
        total: int,
        done: int,
        relay: Relay | None = None,
        said: float | None = None,
        *,
        announced: bool = False,
    ) -> None:
        self._relay = relay
        self._notebook = None if relay is not None or show is False else notebook_line()
        self._show = relay is None and self._notebook is None and (sys.stderr.isatty() if show is None else show)
        self._lines = relay is None and show is None and not self._show and self._notebook is None
        self._label, self._total, self._start = label, total, done
        self._began, self._validation = time.perf_counter(), ""
        self._changed, self._announced = self._began, announced
        self.said = self._began if said is None else said
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> EpochProgress:
        if self._lines and self._announced:
            self._write(self._label)
        if self._show:
            console = Console(stderr=True)
            console.print(self._label, markup=False, highlight=False)
            columns = (
                BarColumn(bar_width=SHORT_BAR),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Progress(*columns, console=console, transient=False)
            self._bar.start()
            self._task = self._bar.add_task(self._label, total=self._total, completed=self._start, text="")
        return self

    @classmethod
    def of(cls, run: RunOptions, phase: str, total: int, done: int = 0) -> EpochProgress:
        """Return the progress of a phase of a fit, with its title.

        Parameters
        ----------
        run : RunOptions
        phase : str
            As the log names it.
        total, done : int
            Steps in all and before this start.
        """
        return cls(run.progress, run.steps.title(phase), total, done, run.relay, announced=run.steps.announced)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None and self._task is not None:
            if kind is None:
                took = f"took {time.perf_counter() - self._began:.0f} s"
                self._bar.update(self._task, completed=self._total, text=took)
            self._bar.stop()
        if self._notebook is not None and self._changed > self._began:
            self._notebook(f"{self._label}: {'stopped' if kind else 'done'} after {time.perf_counter() - self._began:.0f} s")

    def step(self, batch: DualBatch, loss: float, done: int, passes: int) -> None:
        """Show the state after one block of so many passes; `loss` is the error of this one for each positive pair, as its blocks tell."""
        if not self._show and not self._lines and self._relay is None and self._notebook is None:
            return
        self.say(done, f"pass {batch.epoch + 1} of {passes}{self._left(done)}, loss {loss:.4f}{self._validation}")

    def round(self, figures: Mapping[str, float], done: int, what: str = "round", *, about: bool = False) -> None:
        """Show the figures of one round of a training that has no blocks, such as an alternation; `about`: there may be fewer, or more."""
        shown = "".join(f", {name} {value:.4g}" for name, value in figures.items() if name != "epoch")
        count = f"{'about ' if about else ''}{max(self._total, done):,}"
        self.say(done, f"{what} {done} of {count}{self._left(done)}{shown}")

    def _left(self, done: int) -> str:
        """Return how long this step takes yet, by what was measured of it; empty before anything was, and at the end."""
        if not self._start < done < self._total:
            return ""
        passed = time.perf_counter() - self._began
        return f", {in_words(passed * (self._total - done) / (done - self._start))} left"

    def figures(self, figures: dict[str, float], done: int) -> None:
        """Note the validation figures of a finished epoch; `done` counts blocks skipped at its end too."""
        recall = next((value for name, value in figures.items() if name not in ("epoch", "loss")), None)
        self._validation = self._validation if recall is None else f", recall {recall:.3f}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def say(self, done: int, text: str) -> None:
        """Show the state after some steps, in words."""
        if self._relay is not None:
            self._relay.step(self._label, self._total, done, text)
        elif self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, text=text)
        elif self._notebook is not None:
            if (now := time.perf_counter()) - self._changed >= SECONDS_BETWEEN_CHANGES:
                self._changed = now
                self._notebook(_as_bar(self._label, done / max(self._total, 1), text))
        elif self._lines and time.perf_counter() - self.said >= SECONDS_BETWEEN_LINES:
            self.said = time.perf_counter()
            self._write(f"{self._label}: {text}")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@contextmanager
def writing_log(path: Path) -> Iterator[None]:
    """Turn what the system says of a log into an error of ours.

    Raises
    ------
    ResourceError
        If the log cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"cannot write the log {path}: {error.strerror or error}; free space or choose another place"
        ) from error


def begin_log(path: Path | None) -> None:
    """Remove the log of a former run.

    Raises
    ------
    ResourceError
        If it cannot be removed.
    """
    if path is not None:
        with writing_log(path):
            path.unlink(missing_ok=True)


class EpochLog:
    """One JSON line for each epoch, flushed at once; a resumed run rewrites the lines it inherits.

    Parameters
    ----------
    path : Path, optional
        The file; none for no log.
    phase : str
        Recorded in each line.
    history : list of dict
        Epochs done before this start; lines of later epochs of the same phase are dropped.
    trackers : sequence of Tracker
        Who else gets the figures, under names that start with the phase.
    """

    def __init__(
        self, path: Path | None, phase: str, history: list[dict[str, float]], trackers: Sequence[Tracker] = ()
    ) -> None:
        self._path, self._phase, self._done = path, phase, len(history)
        self._trackers = trackers
        self._handle: IO[bytes] | None = None

    def __enter__(self) -> EpochLog:
        if self._path is not None:
            with writing_log(self._path):
                there = self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""
                kept = "".join(f"{line}\n" for line in self._inherited(there))
                if kept != there:
                    write_text(self._path, kept)
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._handle is not None:
            self._handle.close()

    def write(self, figures: dict[str, float], seconds: float) -> None:
        """Append one epoch."""
        if self._handle is not None and self._path is not None:
            line = json.dumps({"phase": self._phase, **figures, "seconds": round(seconds, 3)}).encode() + b"\n"
            with writing_log(self._path):
                while line:  # a disk that is nearly full takes a part, and says so at the next
                    line = line[self._handle.write(line) or 0 :]
        numbers = {f"{self._phase}/{name}": float(value) for name, value in figures.items() if name != "epoch"}
        for tracker in self._trackers:
            tracker.log({**numbers, f"{self._phase}/seconds": seconds}, int(figures["epoch"]))

    def _inherited(self, there: str) -> list[str]:
        """Return the lines of earlier phases, and of this phase's epochs that are not run again."""
        kept = []
        for line in there.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a killed run may be cut short
            if entry["phase"] != self._phase or entry["epoch"] <= self._done:
                kept.append(line)
        return kept
