"""What is on the disk, as a short digest that is the same for the same result, or a sentence that says what is broken."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

State = dict[str, str]  # of each product: "none", a digest, or "broken: ..."
ABSENT = "none"
Digest = Callable[[Path], str]


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return _short(path.read_bytes())


def digest_of_folder(path: Path) -> str:
    """Return a digest of all names and contents of a folder."""
    return _short(b"".join(f"{name.relative_to(path)} {digest_of_file(name)}\n".encode() for name in _files(path)))


def digest_of_model(path: Path) -> str:
    """Return a digest of the files of a model, each compared with its manifest; how long the fit took is no part of it."""
    manifest = json.loads((path / "manifest.json").read_bytes())
    for name, told in manifest["files"].items():
        if hashlib.sha256((path / name).read_bytes()).hexdigest() != told["sha256"]:
            raise ValueError(f"{name} is not as the manifest says")
    return _short(json.dumps([manifest["files"], manifest["metrics"]], sort_keys=True).encode())


def digest_of_archive(path: Path) -> str:
    """Return a digest of the members of a zip archive, without their times."""
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("a member is damaged")
        return _short(repr([(member.filename, member.CRC, member.file_size) for member in archive.infolist()]).encode())


def digest_of_json(path: Path) -> str:
    """Return a digest of a JSON file but for the model that it names, which is written later than the model itself."""
    told = json.loads(path.read_bytes())
    return _short(json.dumps({key: value for key, value in told.items() if key != "model"}, sort_keys=True).encode())


def state_of(place: Path, products: dict[str, Digest]) -> State:
    """Return the digest of each product of a command.

    Parameters
    ----------
    place : Path
        Folder that the products lie in.
    products : dict of str to callable
        How each is read, by its path in the folder.
    """
    found: State = {}
    for name, digest in products.items():
        path = place / name
        try:
            found[name] = digest(path) if path.exists() else ABSENT
        except Exception as error:
            found[name] = f"broken: {type(error).__name__}: {error}"
    return found


def names_in(place: Path) -> set[str]:
    """Return all names under a folder."""
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def _files(path: Path) -> list[Path]:
    return sorted(name for name in path.rglob("*") if name.is_file())


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
