"""Rows 50 to 62: archives, model folders and things that are no files."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .case import EVENTS, ITEMS, Case, File, folder, question, table


def zipped(members: dict[str, bytes], many: int = 0) -> bytes:
    """Return a zip archive of some members, and of many empty ones."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        for number in range(many):
            archive.writestr(f"e{number}", b"")
    return out.getvalue()


def bomb(path: Path) -> None:
    """Write 80 MB of zeros as gzip, in pieces."""
    with gzip.open(path, "wb", 9) as file:
        for _ in range(80):
            file.write(bytes(10**6))


def tarred(path: Path) -> None:
    """Write a tar archive with a member that leads outside, and a link."""
    import tarfile

    with tarfile.open(path, "w:gz") as archive:
        for name in ("../../outside.csv", "/tmp/outside.csv"):
            member = tarfile.TarInfo(name)
            member.size = len(EVENTS)
            archive.addfile(member, io.BytesIO(EVENTS.encode()))
        link = tarfile.TarInfo("link.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


def array(write: Callable[[Any], object]) -> File:
    """Return a ``.npy`` file that is made by hand."""
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def header(shape: tuple[int, ...]) -> bytes:
    """Return the head of an array file that claims a shape, with nothing behind it."""
    import numpy as np

    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue()


def objects() -> bytes:
    """Return an array file of Python objects."""
    import numpy as np

    out = io.BytesIO()
    np.save(out, np.array([[{}]], object), allow_pickle=True)
    return out.getvalue()


def vector_file(row: int, what: str, told: str, data: bytes, name: str = "v.npy") -> Case:
    """Return a case of ready vectors beside the items."""

    def library() -> object:
        from dualnet import Dataset

        return Dataset.from_tables("events.csv", "items.csv", text="title", vectors={"v": name})

    command = ["fit", "events.csv", "--items", "items.csv", "--text", "title", "--vectors", f"v={name}", "--out", "run"]
    return Case(row, what, "refused", told, {"events.csv": EVENTS, "items.csv": ITEMS, name: data}, library, command)


def tensors(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Return what alters the bytes of the arrays of a model."""

    def alter(path: Path) -> None:
        file = path / "tensors.safetensors"
        file.write_bytes(change(file.read_bytes()))

    return alter


def told_as(name: str, change: Callable[[Any], object]) -> Callable[[Path], object]:
    """Return what alters a JSON file of a model folder."""

    def alter(path: Path) -> None:
        told = json.loads((path / name).read_text())
        change(told)
        (path / name).write_text(json.dumps(told))

    return alter


def arrays(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Return what alters the arrays of a model by name."""

    def alter(path: Path) -> None:
        from safetensors.numpy import load_file, save_file

        loaded = load_file(path / "tensors.safetensors")
        change(loaded)
        save_file(loaded, path / "tensors.safetensors")

    return alter


def with_head(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Return what alters the head of the file of arrays."""

    def changed(data: bytes) -> bytes:
        (length,) = struct.unpack("<Q", data[:8])
        head = json.loads(data[8 : 8 + length])
        change(head)
        made = json.dumps(head).encode()
        return struct.pack("<Q", len(made)) + made + data[8 + length :]

    return tensors(changed)


def first(head: dict[str, Any]) -> Any:
    """Return the entry of the first array."""
    return next(entry for name, entry in head.items() if name != "__metadata__")


def nan(loaded: dict[str, Any]) -> None:
    """Put a NaN into the first array of decimals."""
    name = next(name for name, value in loaded.items() if value.dtype.kind == "f" and value.size)
    loaded[name] = loaded[name].copy()
    loaded[name].flat[0] = float("nan")


def other_training(path: Path) -> None:
    """Put the arrays of another training into a model folder."""
    import numpy as np

    arrays(lambda loaded: loaded.update({name: np.flip(value).copy() for name, value in loaded.items()}))(path)


ARCHIVES = [
    table(51, "a gzip bomb", "refused", "unpacks", events=bomb, suffix=".csv.gz"),
    table(51, "a zip bomb", "refused", "unpacks", events=lambda path: path.write_bytes(zipped({"e.csv": bytes(8 * 10**7)})), suffix=".csv.zip"),
    table(51, "a bomb by another name", "refused", "unpacks", events=bomb, suffix=".csv"),
    table(52, "an archive in an archive", "refused", "", events=zipped({"e.zip": zipped({"e.csv": EVENTS.encode()})}), suffix=".zip"),
    table(52, "an archive of 20,000 entries", "refused", "files", events=zipped({}, 20_000), suffix=".zip"),
    *(table(53, f"{name} in a zip", "refused", "", events=zipped({name: EVENTS.encode(), "b.csv": b"x"}), suffix=".zip") for name in ("../../e.csv", "/tmp/e.csv", "C:\\e.csv")),
    table(53, "a tar with paths that lead outside", "refused", "", events=tarred, suffix=".tar.gz"),
    *(table(54, f"a pickle named {suffix}", "refused", "pickle|never opened", events=b"cos\nsystem\n(S'touch RAN'\ntR.", suffix=suffix) for suffix in (".pkl", ".pt", ".joblib", ".pth")),
    *(Case(54, f"a pickle named {name} as model", "refused", "", {name: b"cos\nsystem\n(S'touch RAN'\ntR."}, lambda n=name: __import__("dualnet").load(n), ["inspect", name]) for name in ("m.pkl", "m.pt")),
    vector_file(55, "an array of objects", "object|pickle", objects()),
    vector_file(56, "an array that claims 3.6 TiB", "", header((10**6, 10**6))),
    vector_file(56, "an array that claims 2^70 numbers", "", header((2**35, 2**35))),
    vector_file(56, "an array below 0", "", header((-3, 4))),
    vector_file(56, "an array of no shape", "", header(())),
    vector_file(56, "no array at all", "", b"not an array"),
    vector_file(56, "an empty file", "", b""),
]  # fmt: skip

FOLDERS = [
    *(folder(57, f"arrays: {what}", "", alter, signed=signed) for signed in (False, True) for what, alter in (
        (f"a head of 2^62 bytes{', signed' * signed}", tensors(lambda data: struct.pack("<Q", 2**62) + data[8:])),
        (f"cut short{', signed' * signed}", tensors(lambda data: data[: len(data) // 2])),
        (f"empty{', signed' * signed}", tensors(lambda data: b"")),
        (f"offsets that overlap{', signed' * signed}", with_head(lambda head: first(head).update(data_offsets=[0, 8]))),
        (f"a head of lists{', signed' * signed}", tensors(lambda data: struct.pack("<Q", 10**5) + b"[" * 10**5)),
    )),
    folder(58, "an array that is missing", "", arrays(lambda loaded: loaded.pop(next(iter(loaded)))), signed=True),
    folder(58, "arrays by other names", "", arrays(lambda loaded: loaded.update(x=loaded.pop(next(iter(loaded))))), signed=True),
    folder(58, "arrays of another shape", "", arrays(lambda loaded: loaded.update({name: value[..., None] for name, value in loaded.items()})), signed=True),
    folder(59, "a NaN in the weights", "", arrays(nan), signed=True),
    *(folder(60, f"format {value!r}", "", told_as("manifest.json", lambda told, value=value: told.update(format_version=value))) for value in (9, -1, "9", None, 1e300, [])),
    folder(61, "arrays of another training", "", other_training),
    *(folder(61, f"no {name}", "", lambda path, name=name: (path / name).unlink()) for name in ("ids.json", "state.json", "tensors.safetensors", "content.arrow", "manifest.json")),
]  # fmt: skip


def unreadable(kind: str) -> Callable[[Path], object]:
    """Return what makes something that is no file."""

    def make(path: Path) -> None:
        import os

        if kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a folder with nothing":
            path.mkdir()
        else:
            path.symlink_to({"a device": "/dev/zero", "a loop": path.name, "a link to nothing": "nowhere"}[kind])

    return make


NO_FILES = [
    *(table(62, f"{kind} as {suffix}", "refused", "", events=unreadable(kind), suffix=suffix) for kind in ("a pipe", "a folder with nothing", "a device", "a loop", "a link to nothing") for suffix in (".csv", ".parquet", ".jsonl", ".npy")),
    *(Case(62, f"{kind} as model", "refused", "", {"m": unreadable(kind)}, lambda: __import__("dualnet").load("m"), ["recommend", "m", "--user", "u01"]) for kind in ("a pipe", "a folder with nothing", "a device", "a loop", "a link to nothing")),
    *(Case(62, f"{kind} as configuration", "refused", "", {"c.toml": unreadable(kind)}, None, ["fit", "c.toml", "--out", "run"]) for kind in ("a pipe", "a folder with nothing", "a device", "a loop", "a link to nothing")),
    *(question(62, f"{kind} as new items", "refused", "", files={"new.csv": unreadable(kind)}, command=["recommend", "model", "--user", "u01", "--new-items", "new.csv"]) for kind in ("a pipe", "a device", "a loop")),
    Case(62, "a name of 5,000 characters", "refused", "", {}, lambda: __import__("dualnet").Dataset.from_tables("x" * 5000 + ".csv"), ["fit", "x" * 5000 + ".csv", "--out", "run"]),
    *(Case(62, f"a name of 5,000 characters for {command[0]}", "refused", "", {}, None, command) for command in (["inspect", "x" * 5000], ["recommend", "x" * 5000, "--user", "u"], ["fit", "x" * 5000, "--out", "run"], ["evaluate", "model", "x" * 5000], ["serve", "x" * 5000, "--port", "0"])),
    Case(62, "a model by a name of 5,000 characters", "refused", "", {}, lambda: __import__("dualnet").load("x" * 5000)),
    Case(62, "a name with a NUL", "refused", "", {}, lambda: __import__("dualnet").Dataset.from_tables("a\0.csv"), ["fit", "a\0.csv", "--out", "run"]),
    *(Case(62, f"{what} as place of the run", "refused", "", {"events.csv": EVENTS, "run": made}, None, ["fit", "events.csv", "--model", "popularity", "--out", "run"]) for what, made in (("a file", "x"), ("a loop", unreadable("a loop")), ("a device", unreadable("a device")))),
]  # fmt: skip

CASES: list[Case] = ARCHIVES + FOLDERS + NO_FILES
