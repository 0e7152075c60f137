"""Options of a run: device, threads, checks on validation, progress, logs, checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from ..distributed.collectives import Alone, Collectives
from ..errors import UsageError, nearest, shown
from ..representations import ShowsChanges
from ..typed_values import IN_PYTHON, Form, check_type, named_fields, path_of, plain
from . import forks  # noqa: F401  # it has to be there when a process forks
from .steps import FitSteps
from .tracking.tracker import Tracker

CUTS = (50, 100, 200)
FIGURES = ("recall@auto", *(f"recall@{cut}" for cut in CUTS))
CHOICES = ("device", "monitor", "patience", "validate_every", "validation_users")
"""Options that bear on what comes out; models had them as parameters once."""

TYPES: dict[str, Any] = {
    "device": str, "monitor": str, "patience": int | None, "validate_every": int | None, "validation_users": int | None,
    "progress": bool | None, "resume": bool, "threads": int | None, "checkpoint_every": int,
}  # fmt: skip
KNOWN = {"device": ("auto", "cpu", "cuda"), "monitor": FIGURES}
WORKERS = ("workers", "address")
"""Options that say on what processes a fit runs; what comes out is the same but for rounding."""
MOST_WORKERS = 10_000


class Relay(Protocol):
    """What a worker tells the process that started the run: how far it is, and the figures of each epoch."""

    def step(self, label: str, total: int, done: int, text: str) -> None:
        """Tell the state after one step."""

    def stop_asked(self) -> int | None:
        """Return the signal by which somebody has asked to stop, None where nobody has."""


def check_values(values: Mapping[str, Any], place: str, form: Form) -> dict[str, Any]:
    """Return options of a run as plain values.

    Parameters
    ----------
    values : mapping
        Some of the options in `TYPES`, by name.
    place : str
        Where they came from, such as ``"dualnet.toml: [run] "``, for the text.
    form : Form
        How the text puts a name and its value.

    Raises
    ------
    UsageError
        For a value of another type, one that is not known, or a count below 1.
    """
    found: dict[str, Any] = {}
    for name, given in values.items():
        if name in WORKERS:
            found[name] = (
                _workers(given, f"{place}{name}", form) if name == "workers" else _address(given, f"{place}{name}", form)
            )
            continue
        value = found[name] = check_type(plain(given), TYPES[name], f"{place}{name}", form)
        if name in KNOWN and value not in KNOWN[name]:
            raise UsageError(f"{place}{name}{form.equals}{value!r} is not known.{nearest(value, KNOWN[name])}")
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            raise UsageError(f"{place}{name}{form.equals}{value} {form.verb} be at least 1")
    return found


def _workers(given: Any, place: str, form: Form) -> int | tuple[int, int] | None:
    """Return a number of workers, or the least and the most."""
    value = plain(given)
    if value is None:
        return None
    told = f"{place}{form.equals}{shown(value)}"
    counts = list(value) if isinstance(value, list | tuple) else [value]
    if not all(isinstance(count, int) and not isinstance(count, bool) for count in counts) or len(counts) > 2 or not counts:
        raise UsageError(f"{told} {form.verb} be a number of workers, such as 4, or the least and the most, such as (2, 8)")
    if not 1 <= min(counts) <= max(counts) <= MOST_WORKERS:
        raise UsageError(f"{told} {form.verb} be between 1 and {MOST_WORKERS:,}")
    if counts[0] > counts[-1]:
        raise UsageError(f"{told}: the least comes first, such as {(counts[1], counts[0])}")
    return counts[0] if counts[0] == counts[-1] else (counts[0], counts[1])


def _address(given: Any, place: str, form: Form) -> str | None:
    if given is None or (isinstance(given, str) and given.strip() and given == given.strip()):
        return given
    raise UsageError(
        f"{place}{form.equals}{shown(given)} {form.verb} be the address of a Ray cluster, such as 10.0.0.5:6379 or auto"
    )


@named_fields
@dataclass(frozen=True, repr=False)
class RunOptions(ShowsChanges):
    """Options of a run: the device, the checks on validation and early stopping, progress, log and checkpoints.

    Without a validation none of them changes the result of a fit that comes to its end, except for rounding on another device
    or with another number of threads.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Where networks train; by default on the GPU where torch sees one.
    monitor : str
        Validation figure that decides, as mean over the tasks: ``"recall@50"``, ``"recall@100"``, ``"recall@200"`` or
        ``"recall@auto"``, which is recall@100, or at a tenth of the candidates where those are fewer than 1,000: in a
        small catalogue nearly everything is among the first hundred, and the figure would choose nothing.
    patience : int, optional
        Validations without improvement before training stops early; by default as the model has it (DualNet 10, BPR 2).
    validate_every : int, optional
        Epochs between validations; by default as the model has it (DualNet 1, BPR 10).
    validation_users : int, optional
        At most this many users (drawn once) of each validation task are ranked at a validation; by default as the model has it (DualNet and
        CDL 2,000, BPR 1,000).
    progress : bool, optional
        Show a progress bar on standard error. By default only when standard error is a terminal; elsewhere a long training
        writes a line every half minute.
    log : str or os.PathLike, optional
        File that gets one JSON line for every epoch; ``~`` is the home folder, as for `checkpoint`.
    checkpoint : str or os.PathLike, optional
        Folder for checkpoints; without it a killed run starts again from nothing.
    resume : bool
        Go on from the newest verified checkpoint in `checkpoint`, if there is one.
    threads : int, optional
        Threads for matrix products; by default what the machine offers, and one in a process that was forked from one with
        torch (`train.forks`).
    checkpoint_every : int
        Epochs between two checkpoints.
    trackers : tuple of Tracker
        Trackers that receive the figures of every epoch, such as MLflow (`dualnet.train.tracking`). A tracker that fails is
        left out with a warning. With workers the first of them has a copy of each, and calls that.
    after_epoch : callable, optional
        Called with the figures of each epoch (of a fit in stages: of the last one; of networks of several seeds: of
        the first), once they are logged and saved; what it raises ends the fit. Models that do not train in epochs never call it. With workers it is called in the process that
        started the fit, while they go on.
    workers : int or tuple of (int, int), optional
        Worker processes of a Ray cluster that share the fit (docs/how-to/more-than-one-machine.md), or the least and the most of
        them: then as many as the cluster has room for. By default the fit runs in this process, or in the process group that
        torchrun has made; so it does with 1 where no `address` is given.
    address : str, optional
        Of the Ray cluster that the workers run on, such as ``"10.0.0.5:6379"``; by default a cluster on this machine, which starts
        and ends with the fit.
    collectives : Collectives, optional
        Set by dualnet in a worker: how it talks to the others.
    relay : Relay, optional
        Set by dualnet in a worker: where it tells how far it is.
    steps : FitSteps
        Set by dualnet: the steps of the fit in words, for those who watch it.

    Raises
    ------
    UsageError
        For a value of another type or out of its range, before anything is trained.

    Examples
    --------
    >>> import dualnet
    >>> run = dualnet.RunOptions(progress=False, log="epochs.jsonl", threads=1)
    >>> model = dualnet.WMF(factors=4).fit(dualnet.synthetic.blocks_world(), run=run)
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    monitor: str = "recall@auto"
    patience: int | None = None
    validate_every: int | None = None
    validation_users: int | None = None
    progress: bool | None = None
    log: str | os.PathLike[str] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool = False
    threads: int | None = None
    checkpoint_every: int = 1
    trackers: tuple[Tracker, ...] = ()
    after_epoch: Callable[[Mapping[str, float]], None] | None = None
    workers: int | tuple[int, int] | None = None
    address: str | None = None
    collectives: Collectives | None = field(default=None, repr=False, compare=False)
    relay: Relay | None = field(default=None, repr=False, compare=False)
    steps: FitSteps = field(default_factory=FitSteps, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("log", "checkpoint"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, path_of(getattr(self, name), name))
        if self.log_path is not None and self.log_path.is_dir():
            raise UsageError(f"log={str(self.log)!r} is a folder; name a file in it, such as log.jsonl")
        if self.checkpoint_path is not None and self.checkpoint_path.exists() and not self.checkpoint_path.is_dir():
            raise UsageError(f"checkpoint={str(self.checkpoint)!r} is a file; name a folder")
        self._check_values()
        if not isinstance(self.trackers, list | tuple):
            raise UsageError(f"trackers must be a tuple of trackers, got {shown(self.trackers)}; write trackers=(one,)")
        object.__setattr__(self, "trackers", tuple(self.trackers))
        if self.after_epoch is not None and not callable(self.after_epoch):
            raise UsageError(f"after_epoch must be a function of the figures of an epoch, got {shown(self.after_epoch)}")

    def _check_values(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in check_values({name: given[name] for name in (*TYPES, *WORKERS)}, "", IN_PYTHON).items():
            object.__setattr__(self, name, value)
        if self.address is not None and self.workers is None:
            raise UsageError(f"address={self.address!r} means nothing without workers; say how many, such as workers=2")

    @property
    def on_cluster(self) -> bool:
        """Whether workers of a Ray cluster do the fit; one of them without an address is this process.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.RunOptions(workers=2).on_cluster, dualnet.RunOptions(workers=1).on_cluster
        (True, False)
        """
        return self.workers is not None and (self.workers != 1 or self.address is not None)

    def with_defaults(self, *, patience: int, validate_every: int, validation_users: int) -> Self:
        """Return these options with the defaults of a model in place of options that are None.

        Examples
        --------
        >>> import dualnet
        >>> run = dualnet.RunOptions(patience=3)
        >>> full = run.with_defaults(patience=10, validate_every=1, validation_users=2000)
        >>> full.patience, full.validate_every
        (3, 1)
        """
        return replace(
            self,
            patience=self.patience or patience,
            validate_every=self.validate_every or validate_every,
            validation_users=self.validation_users or validation_users,
        )

    @property
    def choices(self) -> dict[str, Any]:
        """Options that can change the result of a fit (`CHOICES`), by name."""
        return {name: getattr(self, name) for name in CHOICES}

    @property
    def changed_choices(self) -> dict[str, Any]:
        """Options of `choices` that differ from their defaults."""
        return {
            field.name: value for field in fields(self) if (value := self.choices.get(field.name)) not in (None, field.default)
        }

    @property
    def group(self) -> Collectives:
        """The processes that share this fit; this one alone by default."""
        return Alone() if self.collectives is None else self.collectives

    @property
    def log_path(self) -> Path | None:
        """The file that `log` names, None where there is none."""
        return None if self.log is None else Path(self.log)

    @property
    def checkpoint_path(self) -> Path | None:
        """The folder that `checkpoint` names, None where there is none."""
        return None if self.checkpoint is None else Path(self.checkpoint)
