"""A disk in memory that is given back what was recorded of a command, and forgets at a power cut what was never synchronised.

Data of a file is safe once the file was synchronised after it was written; a name is safe once its folder was synchronised after it
was given. What is not safe may be there or not: a disk keeps the order of changes of names (as journalling file systems do), data of
different files in any order.
"""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

HEAD = struct.Struct("<8sQqQQQ")
NAMES = "cmrxu"  # created, folder made, renamed, exchanged, removed


@dataclass(frozen=True)
class Change:
    """One line of a trace: what was done, to which inode, where, with which paths or data; as ``disk.c`` writes it."""

    what: str
    inode: int
    offset: int
    first: str
    second: str
    data: bytes


@dataclass(eq=False)
class Node:
    """A file with its data, or a folder with its names."""

    data: bytes = b""
    names: dict[str, Node] | None = None


@dataclass(frozen=True)
class Cut:
    """What a power cut leaves of the first changes.

    Parameters
    ----------
    changes : int
        How many changes were made before.
    names : int
        How many changes were made when the names were as they are now: not synchronised ones after that are lost.
    data : bool
        Whether data that was not synchronised is there.
    """

    changes: int
    names: int
    data: bool


def read_trace(path: Path) -> list[Change]:
    """Return the changes that a traced process has made, in order."""
    content, place, changes = path.read_bytes(), 0, []
    while place < len(content):
        what, inode, offset, first, second, length = HEAD.unpack_from(content, place)
        parts = []
        place += HEAD.size
        for size in (first, second, length):
            parts.append(content[place : place + size])
            place += size
        changes.append(Change(what[:1].decode(), inode, offset, os.fsdecode(parts[0]), os.fsdecode(parts[1]), parts[2]))
    return changes


def cuts_of(changes: list[Change]) -> Iterator[Cut]:
    """Return every point at which the power can go, each with what may be lost then."""
    safe = 0
    for count in range(len(changes) + 1):
        if count and changes[count - 1].what == "s":
            safe = _names_safe(changes[:count])
        renames = {place for place in range(safe, count) if changes[place].what in NAMES}
        for names in sorted({safe, count, *renames}):
            for data in (False, True):
                yield Cut(count, names, data)


def _names_safe(changes: list[Change]) -> int:
    """Return how many changes of names are safe: up to the last that a synchronisation of its folder followed.

    In a journalling file system all changes of names before one that is safe are safe too.
    """
    waiting: dict[str, int] = {}
    safe = 0
    for place, change in enumerate(changes):
        if change.what in NAMES:
            for path in (change.first, change.second):
                if path:
                    waiting[str(PurePosixPath(path).parent)] = place + 1
        elif change.what == "s":
            safe = max(safe, waiting.pop(change.first, 0))
    return safe


@dataclass(eq=False)
class Disk:
    """What is on a disk.

    Parameters
    ----------
    place : Path
        The folder that it holds.
    """

    place: Path
    root: Node = field(default_factory=lambda: Node(names={}))
    inodes: dict[int, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Path) -> Disk:
        """Return the disk as it is now, all of it safe."""
        disk = cls(place)
        disk.root = disk._read(place)
        return disk

    def _read(self, path: Path) -> Node:
        node = (
            Node(names={entry.name: self._read(entry) for entry in path.iterdir()})
            if path.is_dir()
            else Node(path.read_bytes())
        )
        self.inodes[path.stat().st_ino] = node
        return node

    def after(self, changes: list[Change], cut: Cut) -> Disk:
        """Return this disk with the changes, as far as a power cut leaves them."""
        disk = copy.deepcopy(self)
        disk._make(changes, cut)
        return disk

    def contents(self) -> str:
        """Return what tells one content of a disk from others."""
        return hashlib.sha256(repr(_listed(self.root)).encode()).hexdigest()

    def _make(self, changes: list[Change], cut: Cut) -> None:
        synced = _synced_data(changes[: cut.changes])
        for place, change in enumerate(changes[: cut.changes]):
            if change.what in NAMES and place < cut.names:
                self._name(change)
            elif change.what == "c":  # the file is there, though no name leads to it
                self.inodes[change.inode] = Node()
            elif change.what == "m":
                self.inodes[change.inode] = Node(names={})
            elif change.what in "wt" and change.inode in self.inodes and (cut.data or place in synced):
                node = self.inodes[change.inode]
                end = change.offset + len(change.data)
                node.data = (
                    node.data[: change.offset].ljust(change.offset, b"\0")
                    + change.data
                    + (node.data[end:] if change.what == "w" else b"")
                )

    def write(self, place: Path) -> None:
        """Write all of it to a folder, in the place of what is there."""
        shutil.rmtree(place, ignore_errors=True)
        _write(self.root, place)

    def _name(self, change: Change) -> None:
        folder, name = self._folder(change.first)
        if folder is None:
            return
        if change.what in "cm":
            self.inodes[change.inode] = folder[name] = Node(names={} if change.what == "m" else None)
        elif change.what == "u":
            folder.pop(name, None)
        else:
            target, new = self._folder(change.second)
            if target is not None and name in folder:
                moved = folder.pop(name)
                if change.what == "x":
                    folder[name] = target[new]
                target[new] = moved

    def _folder(self, path: str) -> tuple[dict[str, Node] | None, str]:
        parts = PurePosixPath(path).relative_to(self.place).parts
        node: Node | None = self.root
        for part in parts[:-1]:
            node = None if node is None or node.names is None else node.names.get(part)
        return (None if node is None else node.names), parts[-1]


def _synced_data(changes: list[Change]) -> set[int]:
    """Return the places of the writes that a synchronisation of their file followed."""
    safe: set[int] = set()
    waiting: dict[int, list[int]] = {}
    for place, change in enumerate(changes):
        if change.what in "wt":
            waiting.setdefault(change.inode, []).append(place)
        elif change.what == "s":
            safe.update(waiting.pop(change.inode, []))
        elif change.what == "c":
            waiting.pop(change.inode, None)
    return safe


def _listed(node: Node) -> object:
    return node.data if node.names is None else sorted((name, _listed(inner)) for name, inner in node.names.items())


def _write(node: Node, path: Path) -> None:
    if node.names is None:
        path.write_bytes(node.data)
        return
    path.mkdir()
    for name, inner in node.names.items():
        _write(inner, path / name)
