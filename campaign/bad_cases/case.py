"""One bad input: the files it is made of, the doors it comes to, and what must be said there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Policy = Literal["refused", "warned", "accepted"]
File = str | bytes | Callable[[Path], object]
EVENTS = "user_id,item_id\nu1,i1\nu1,i2\nu2,i1\nu2,i3\nu3,i2\n"
ITEMS = "item_id,title\ni1,red fish\ni2,red bird\ni3,blue bird\n"
OPTIONS = {"user": "--user-column", "item": "--item-column", "event": "--event-column"}


@dataclass(frozen=True)
class Case:
    """A bad input.

    Parameters
    ----------
    row : int
        1 to 64 of the first table, 65 to 84 of the second.
    what : str
        In a few words.
    policy : {"refused", "warned", "accepted"}
        What must become of it: an error of ours, a warning, or nothing.
    told : str
        Regular expression for the sentence of the error or warning.
    files : mapping of str to text, bytes or callable
        Made in an empty folder, which is the working folder of all that follows; a callable gets the path.
    library : callable, optional
        Meets it by the library.
    command : sequence of str, optional
        Meets it by the command line.
    request : tuple of (method, path, body), optional
        Meets it by HTTP, at a server of the small model in the folder ``model``; a body that is not bytes becomes JSON.
    served : str, optional
        Folder of the model that the request is sent to.
    """

    row: int
    what: str
    policy: Policy
    told: str = ""
    files: Mapping[str, File] = field(default_factory=dict)
    library: Callable[[], object] | None = None
    command: Sequence[str] | None = None
    request: tuple[str, str, Any] | None = None
    served: str = "model"

    @property
    def name(self) -> str:
        """Row and words, for tests and results."""
        return f"{self.row:02d} {self.what}"


def table(
    row: int, what: str, policy: Policy, told: str = "", *, events: File = EVENTS, items: File | None = None,
    suffix: str = ".csv", model: str | None = None, check: bool = False, **columns: Any,
) -> Case:  # fmt: skip
    """Return a case of tables: read and fitted by the library and by ``dualnet fit``.

    Parameters
    ----------
    row, what, policy, told
        As in `Case`.
    events, items : file
        The tables.
    suffix : str
        Of the table that is bad: the items if there are any, else the events.
    model : str, optional
        What is fitted: a model that reads content where there are items.
    check : bool
        Meet it by ``dualnet data check`` and its findings instead.
    **columns
        As for `Dataset.from_tables`.
    """
    names = {"events": "events.csv" if items is not None else f"events{suffix}", "items": f"items{suffix}"}
    files = {names["events"]: events} | ({} if items is None else {names["items"]: items})
    model = model or ("popularity" if items is None else "content-profile")

    def library() -> object:
        from dualnet import Dataset, create
        from dualnet.data.check import check_dataset

        data = Dataset.from_tables(names["events"], None if items is None else names["items"], **columns)
        return str(check_dataset(data)) if check else create(model).fit(data)

    options = [] if items is None else ["--items", names["items"]]
    for name, value in columns.items():
        text = value if isinstance(value, str) else ",".join(value) if isinstance(value, tuple) else str(value)
        options.append(f"{OPTIONS.get(name, '--' + name.replace('_', '-'))}={text}")
    command = ["data", "check", names["events"], *options]
    if not check:
        command = ["fit", names["events"], *options, "--model", model, "--out", "run"]
    return Case(row, what, policy, told, files, library, command)


def question(
    row: int, what: str, policy: Policy, told: str = "", *, ask: Callable[[Any], object] | None = None,
    command: Sequence[str] | None = None, request: tuple[str, str, Any] | None = None, files: Mapping[str, File] | None = None,
) -> Case:  # fmt: skip
    """Return a case of a question to the small model, by the library (`ask` gets the model), command line and HTTP."""

    def library() -> object:
        import dualnet

        assert ask is not None
        return ask(dualnet.load("model"))

    return Case(row, what, policy, told, files or {}, None if ask is None else library, command, request)


def folder(row: int, what: str, told: str, alter: Callable[[Path], object], *, signed: bool = False) -> Case:
    """Return a case of a model folder that was altered: loaded, inspected and served; refused by all three.

    Parameters
    ----------
    row, what, told
        As in `Case`.
    alter : callable
        Gets the folder, a copy of the small model.
    signed : bool
        Whether the sums of the files are written again afterwards, as whoever alters a folder can do.
    """

    def made(path: Path) -> None:
        import shutil

        shutil.copytree(path.parent / "model", path)
        alter(path)
        if signed:
            sign(path)

    def library() -> object:
        import dualnet

        return dualnet.load("altered")

    command = ["recommend", "altered", "--user", "u01"]
    return Case(row, what, "refused", told, {"altered": made}, library, command, ("GET", "/readyz", None), "altered")


def sign(path: Path) -> None:
    """Write the sums of the files as they are now into the manifest of a model folder."""
    import hashlib

    manifest = json.loads((path / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (path / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (path / "manifest.json").write_text(json.dumps(manifest))


def config(row: int, what: str, told: str, text: str | bytes) -> Case:
    """Return a case of a configuration file that is refused."""

    return Case(row, what, "refused", told, {"c.toml": text, "events.csv": EVENTS}, None, ["fit", "c.toml", "--out", "run"])
