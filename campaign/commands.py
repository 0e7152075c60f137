"""The commands that write, on a world so small that each takes a fraction of a second, and what each leaves on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .forks import Ended, forked, warm
from .states import (
    Digest,
    State,
    digest_of_archive,
    digest_of_file,
    digest_of_folder,
    digest_of_json,
    digest_of_model,
    names_in,
    state_of,
)

Arguments = list[str]
FIT = ["--items", "{world}/items.csv", "--text", "title", "--threads", "1", "--set", "levels=[8,4]", "--set", "factors=0"]
MINE = {"out/state/journal.jsonl": "acknowledged\n", "out/notes.txt": "mine\n"}  # what others keep in a run
RUN: dict[str, Digest] = {
    "out/model": digest_of_model,
    "out/run.json": digest_of_json,
    **dict.fromkeys(MINE, digest_of_file),
}


@dataclass(frozen=True)
class Command:
    """A command that writes below a place of its own.

    Parameters
    ----------
    arguments : list of str
        With ``{world}`` for the tables and runs that it reads, ``{place}`` for where it writes.
    products : dict of str to callable
        What it writes, by path in the place, and how each is compared.
    before : list of str, optional
        Arguments that make what is there when it starts; nothing is there by default.
    mends : tuple of str
        Options of which one may be needed to do the same again after a kill, as the message of the command says.
    mine : dict of str to str
        Files of others that have to stay.
    adds : bool
        Whether the command done twice is not the command done once, as for an update.
    """

    arguments: Arguments
    products: dict[str, Digest]
    before: Arguments | None = None
    mends: tuple[str, ...] = ()
    mine: dict[str, str] = field(default_factory=dict)
    adds: bool = False


def _fit(seed: int, *more: str) -> Arguments:
    return [
        "fit",
        "{world}/events.csv",
        *FIT,
        "--set",
        "epochs=2",
        "--set",
        f"random_state={seed}",
        "--out",
        "{place}/out",
        *more,
    ]


def _file(command: str, name: str, digest: Digest, *options: str) -> Command:
    """Return a command that writes one thing over what it wrote before from another model."""
    arguments = [command, "{world}/new", *options, "--out", f"{{place}}/{name}", "--overwrite"]
    before = [command, "{world}/old", *options, "--out", f"{{place}}/{name}"]
    return Command(arguments, {name: digest}, before)


def _wmf(factors: int, *more: str) -> Arguments:
    given = ["--model", "wmf", "--set", f"factors={factors}", "--set", "iterations=2", "--threads", "1"]
    return ["fit", "{world}/events.csv", *given, "--out", "{place}/out", *more]


UPDATE = ["--events", "{world}/more.csv", "--threads", "1", "--epochs", "1"]
COMMANDS = {
    "fit, killed again and again": Command([*_fit(0), "--set", "epochs=8"], {"out/model": digest_of_model}),
    "fit": Command(_fit(0), {"out/model": digest_of_model}, mends=("--resume", "--overwrite")),
    "fit --overwrite": Command(_fit(0, "--overwrite"), RUN, _fit(1), mine=MINE),
    "fit wmf": Command(_wmf(3), {"out/model": digest_of_model}, mends=("--resume", "--overwrite")),
    "fit wmf --overwrite": Command(_wmf(3, "--overwrite"), RUN, _wmf(2), mine=MINE),
    "update --overwrite": Command(["update", "{place}/out", *UPDATE, "--overwrite"], RUN, _fit(0), mine=MINE, adds=True),
    "update --out": Command(
        ["update", "{world}/new", *UPDATE, "--out", "{place}/out"], {"out/model": digest_of_model}, mends=("--overwrite",)
    ),
    "split": Command(
        ["split", "{world}/events.csv", "--protocol", "citeulike2", "--seed", "0", "--out", "{place}/out"],
        {"out": digest_of_folder},
        ["split", "{world}/events.csv", "--protocol", "citeulike2", "--seed", "1", "--out", "{place}/out"],
        mends=("--overwrite",),
    ),
    "data convert": Command(
        ["data", "convert", "{world}/events.csv", "--items", "{world}/items.csv", "--text", "title", "--out", "{place}/out"],
        {"out/events.parquet": digest_of_file, "out/items.parquet": digest_of_file},
        mends=("--overwrite",),
    ),
    "recommend --all": _file("recommend", "lists.parquet", digest_of_file, "--all"),
    "encode": _file("encode", "vectors.parquet", digest_of_file),
    "export parquet": _file("export", "vectors.parquet", digest_of_file, "--to", "parquet"),
    "export npz": _file("export", "vectors.npz", digest_of_archive, "--to", "npz"),
    "export onnx": _file("export", "encoders", digest_of_folder, "--to", "onnx"),
}


class Stage:
    """Where cases are played: a world that is only read, and a place that is made anew for each.

    Parameters
    ----------
    folder : Path
        An empty folder; all lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self.world, self.place, self._before = folder / "world", folder / "place", folder / "before"
        self.spoil: Callable[[], None] = lambda: None  # in each process before its work: a control puts a fault back there
        self.known: dict[str, tuple[State, State, set[str]]] = {}
        self._calls: dict[str, int] = {}
        self.world.mkdir(parents=True)
        build_command_line()
        _write_tables(self.world)
        for name, seed in (("old", 1), ("new", 0)):
            arguments = [part.replace("{place}/out", f"{{world}}/{name}") for part in _fit(seed)]
            warm(lambda arguments=arguments: _main(self.filled(arguments)))  # type: ignore[misc]

    def filled(self, arguments: Arguments) -> Arguments:
        """Return arguments with the places in them."""
        return [part.replace("{world}", str(self.world)).replace("{place}", str(self.place)) for part in arguments]

    def work(self, arguments: Arguments) -> Callable[[], int]:
        """Return what runs a command, for a process of its own."""
        filled = self.filled(arguments)

        def work() -> int:
            self.spoil()
            return _main(filled)

        return work

    def empty(self) -> None:
        """Make the place an empty folder."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()

    def prepare(self, name: str) -> None:
        """Make the place as it is before a command."""
        kept = self._before / name
        if kept.is_dir():
            shutil.rmtree(self.place, ignore_errors=True)
            shutil.copytree(kept, self.place)
            return
        self.empty()
        command = COMMANDS[name]
        if command.before is not None:
            warm(self.work(command.before))
        for path, text in command.mine.items():
            (self.place / path).parent.mkdir(exist_ok=True)
            (self.place / path).write_text(text)
        shutil.copytree(self.place, kept)

    def learn_once(self, name: str) -> int:
        """Return what `learn` returns, learnt at the first call."""
        if name not in self._calls:
            self._calls[name] = self.learn(name)
        return self._calls[name]

    def learn(self, name: str) -> int:
        """Find out the old and the new state of a command and the names that it leaves; return how many calls it makes."""
        command = COMMANDS[name]
        self.prepare(name)
        old = self.state(name)
        warm(self.work(command.arguments))
        self.prepare(name)
        ended = forked(self.work(command.arguments), self.place)
        if ended.code != 0:
            raise SystemExit(f"{name} ended with {ended.code} without a fault:\n{ended.told}")
        self.known[name] = old, self.state(name), names_in(self.place)
        return ended.calls

    def state(self, name: str) -> State:
        """Return the state of the products of a command."""
        return state_of(self.place, COMMANDS[name].products)

    def names(self) -> set[str]:
        """Return all names in the place."""
        return names_in(self.place)

    def names_before(self, name: str) -> set[str]:
        """Return all names in the place as they are before a command."""
        return names_in(self._before / name)

    def faults_of(self, name: str) -> list[str]:
        """Return what of the place is neither as before the command nor as after it."""
        old, new, _ = self.known[name]
        return [f"{key} {value}" for key, value in self.state(name).items() if value not in (old[key], new[key])]

    def mend(self, name: str) -> tuple[Ended, list[str]]:
        """Give the same command again, as its message says; return how it ended and what is not as it should be then."""
        command = COMMANDS[name]
        done = command.adds and self.state(name) == self.known[name][1]
        for more in ((), *((option,) for option in command.mends)):
            ended = forked(self.work([*command.arguments, *more]), self.place)
            if ended.code == 0:
                break
        else:
            return ended, [f"the same command ends with {ended.code}: {ended.told.strip()[-300:]}"]
        return ended, self.differences(name, whole=done)

    def differences(self, name: str, *, whole: bool = False) -> list[str]:
        """Return what is not as a command leaves it, a name that it does not leave among that; with `whole`, what is not whole."""
        _, new, names = self.known[name]
        after = self.state(name)
        bad = [key for key, value in after.items() if ("broken" in value if whole else value != new[key])]
        return [f"{key} {after[key]} in the end" for key in bad] + [
            f"{left} is left in the end" for left in sorted(names_in(self.place) - names)
        ]


def build_command_line() -> None:
    """Build the parser of the command line once, here: it takes longer than most of the commands on so small a world."""
    from dualnet.cli.spelling import command_tree

    command_tree()


def _main(arguments: Arguments) -> int:
    from dualnet.cli import main

    return main(arguments)


def _write_tables(world: Path) -> None:
    """Write the tables in a process of its own: threads of Arrow would not survive a fork."""

    def write() -> int:
        from dualnet.data.synthetic import blocks_world
        from dualnet.data.tables import dataset_tables, write_table

        for kind, table in dataset_tables(blocks_world()).items():
            write_table(table, world / f"{kind}.csv")
        (world / "more.csv").write_text("user_id,item_id\nnobody,i0-0\nnobody,i0-1\n")
        return 0

    warm(write)
