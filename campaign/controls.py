"""Negative controls: a fault that was mended is put back, and the check that watches over it has to find it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import disk_faults, kills, power_cuts, server_kills
from .commands import Stage
from .disk import ALL, Mode
from .ledger import Ledger, Row


def run(ledger: Ledger, stage: Stage) -> None:
    """Put each fault back, in the processes of one check."""
    server_kills.warm_up(stage)
    for name in CONTROLS:
        ledger.case(name, lambda name=name: played(stage, name))  # type: ignore[misc]


def played(stage: Stage, name: str) -> Row:
    """Play a check with its fault put back; it is a fault of ours if the check finds none."""
    began, control = time.perf_counter(), CONTROLS[name]
    if control.command:
        stage.learn_once(control.command)
    stage.spoil = control.spoil
    try:
        found = control.check(stage)["faults"]
    finally:
        stage.spoil = lambda: None
    missed = [] if found else ["the fault that was put back was not found"]
    return {"found": len(found), "seconds": time.perf_counter() - began, "faults": missed}


@dataclass(frozen=True)
class Control:
    """A fault and the check that has to find it.

    Parameters
    ----------
    spoil : callable
        Puts the fault back, in the process of a case.
    check : callable
        Plays the check.
    command : str
        Of which it is, "" for a server.
    """

    spoil: Callable[[], None]
    check: Callable[[Stage], Row]
    command: str


def _no_sync() -> None:
    """No synchronisation before a rename: a power cut leaves names of empty files."""
    from dualnet import files

    vars(files).update(sync=lambda path: None, sync_tree=lambda path: None)


def _no_sync_of_names() -> None:
    """What was written is synchronised, but the names are not: what was said to be done is lost."""
    from dualnet import files

    real = files.sync
    vars(files)["sync"] = lambda path: None if Path(path).is_dir() else real(path)


def _in_place() -> None:
    """Files are written where they are, and folders made anew where they are."""
    from dualnet import files
    from dualnet.data import write_table
    from dualnet.train import checkpoint

    @contextmanager
    def file(target: Path) -> Iterator[Path]:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target

    @contextmanager
    def folder(target: Path) -> Iterator[Path]:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        yield target

    for module in (files, write_table, checkpoint):
        for name, writer in (("new_file", file), ("new_folder", folder)):
            if name in vars(module):
                vars(module)[name] = writer


def _never_swept() -> None:
    """What a killed writer left stays for ever."""
    from dualnet import files

    vars(files)["sweep"] = lambda target: None


def _raw_errors() -> None:
    """What the system says goes up as it is."""
    from dualnet.data import write_table

    vars(write_table)["writing"] = lambda target: nullcontext()


def _swallowed() -> None:
    """A table that could not be written is no error."""
    from dualnet import files
    from dualnet.data import write_table

    real = files.new_file

    @contextmanager
    def file(target: Path) -> Iterator[Path]:
        try:
            with real(target) as temporary:
                yield temporary
        except OSError:
            return

    vars(write_table)["new_file"] = file


def _confirmed_before_written() -> None:
    """The journal keeps a change in memory until the next one comes."""
    from dualnet.serve.journal import Journal

    real = Journal._write

    def write(self: Any, record: Any) -> None:
        waiting = vars(self).get("waiting")
        vars(self)["waiting"] = record
        if waiting is not None:
            real(self, waiting)

    Journal._write = write  # type: ignore[method-assign]


def _killed(command: str, mode: Mode = Mode.KILL_BEFORE) -> Callable[[Stage], Row]:
    return lambda stage: kills.at_each_call(stage, command, mode, ALL)


CONTROLS = {
    "kills: folders are written in place": Control(_in_place, _killed("split"), "split"),
    "kills: files are written in place": Control(_in_place, _killed("encode"), "encode"),
    "kills: what is left is not swept": Control(_never_swept, _killed("encode"), "encode"),
    "server kills: a change is confirmed before it is written": Control(
        _confirmed_before_written, lambda stage: server_kills.one_state(stage, 0, kills=3), ""
    ),
    "disk faults: the system's error goes up as it is": Control(
        _raw_errors, lambda stage: disk_faults.at_each_call(stage, "encode", "full once"), "encode"
    ),
    "disk faults: a failed write is no error": Control(
        _swallowed, lambda stage: disk_faults.at_each_call(stage, "encode", "full once"), "encode"
    ),
    "disk faults: files are written in place": Control(
        _in_place, lambda stage: disk_faults.at_each_call(stage, "encode", "full from there on"), "encode"
    ),
    "power cuts: no synchronisation before a rename": Control(
        _no_sync, lambda stage: power_cuts.one_command(stage, "encode", mended=0), "encode"
    ),
    "power cuts: names are not synchronised": Control(
        _no_sync_of_names, lambda stage: power_cuts.one_command(stage, "split", mended=0), "split"
    ),
    "power cuts: files are written in place": Control(
        _in_place, lambda stage: power_cuts.one_command(stage, "encode", mended=0), "encode"
    ),
}
