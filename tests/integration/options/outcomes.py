"""What a command leads to, made comparable: its exit code, what it prints, what it writes, which threads it asks for."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dualnet.cli import main
from dualnet.cli.spelling import command_tree

TEXTS = {".json", ".jsonl", ".toml", ".html", ".md", ".txt", ".csv", ""}
ECHOES = {"run.json", "best.toml", ".lock", ".search.lock"}  # they repeat what was given, and would differ where it is dropped
TIMES = re.compile(r'"[a-z_]*seconds": ?[\d.e-]+|\b\d[\d.,]* (?:s|minutes|hours)\b|\d+(?:\.\d+)? it/s')


@dataclass(frozen=True)
class Shown:
    """An option that changes something: with it and without it the outcome differs, and both end well.

    Parameters
    ----------
    given : str
        The option with its value.
    beside : str
        Words beside it, in both commands, in place of the usual ones.
    instead : str, optional
        What stands in its place where there has to be something; nothing by default.
    alone : str, optional
        What the command without it is refused with, for an option that cannot be left out.
    needs : str, optional
        A package of an extra; without it the case is skipped.
    before : str, optional
        A command that makes what both commands find.
    kept : bool
        Whether it counts that the option is kept in a file that a later command obeys.
    """

    given: str
    beside: str | None = None
    instead: str = ""
    alone: str | None = None
    needs: str | None = None
    before: str | None = None
    kept: bool = False


@dataclass(frozen=True)
class Spared:
    """An option that is not tried, and why."""

    why: str


@dataclass(frozen=True)
class Refused:
    """An option that means nothing where it stands: the command ends with one sentence that says so, and writes nothing.

    Parameters
    ----------
    given : str
        The option with its value.
    says : str
        A pattern in the sentence.
    beside : str, optional
        As for `Shown`.
    code : int
        The exit code.
    """

    given: str
    says: str
    beside: str | None = None
    code: int = 2


@dataclass(frozen=True)
class Outcome:
    """What one command led to."""

    code: int
    out: str
    err: str
    files: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict, compare=False)
    told: tuple[Any, ...] = ()


def walk() -> Iterator[tuple[str, list[str]]]:
    """Yield each command of the real tree, and all its options (the longest spelling of each) and its optional arguments."""

    def below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
        names = [max(parameter.opts, key=len) for parameter in command.params if parameter.param_type_name == "option"]
        yield " ".join(path), [name for name in names if name != "--help"]
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, (*path, name))

    yield from below(command_tree(), ())


class Player:
    """Runs commands in one process, in a world that is only read; each writes to a folder of its own.

    Parameters
    ----------
    world : Path
        Where the tables are.
    folder : Path
        Where the outcomes are written.
    """

    def __init__(self, world: Path, folder: Path) -> None:
        self.world, self.folder, self._number = world, folder, 0
        self.told: list[Any] = []  # filled by spies with what a command hands on and nothing else shows
        self._known: dict[tuple[str, str | None], Outcome] = {}

    def play(self, words: str, capsys: pytest.CaptureFixture[str], before: str | None = None) -> Outcome:
        """Run a command, once; ``{out}`` in its words is a folder of its own."""
        if (words, before) in self._known:
            return self._known[words, before]
        self._number += 1
        place = self.folder / f"{self._number}"
        place.mkdir()
        if before is not None:
            assert main(shlex.split(before.replace("{out}", str(place)))) == 0, before
        capsys.readouterr()
        self.told.clear()
        code = main(shlex.split(words.replace("{out}", str(place))))
        printed = capsys.readouterr()
        out, err = (TIMES.sub("T", text.replace(str(place), "OUT")) for text in (printed.out, printed.err))
        self._known[words, before] = Outcome(code, out, err, digests(place), digests(place, kept=True), tuple(self.told))
        return self._known[words, before]


def digests(place: Path, *, kept: bool = False) -> dict[str, str]:
    """Return what is in a folder, file by file, without times; with `kept` the files that repeat the words of the command."""
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_file() and (path.name in ECHOES) == kept:
            data = path.read_bytes()
            if path.suffix in TEXTS:
                data = TIMES.sub("T", data.decode(errors="replace").replace(str(place), "OUT")).encode()
            found[str(path.relative_to(place))] = hashlib.sha256(data).hexdigest()
    return found
