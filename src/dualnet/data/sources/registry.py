"""Which data sets there are, where they lie, and how to get them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import ResourceError, UsageError, nearest
from ..cache import cache_folder
from ..dataset import Dataset
from .citeulike import load_citeulike_a, load_citeulike_t
from .fetch import fetch_file
from .movielens import load_movielens_100k, load_movielens_latest_small
from .raw import SourceFolder

FOLDER_VARIABLE = "DUALNET_DATA"
MIRROR_VARIABLE = "DUALNET_MIRROR"

CITEULIKE = "https://raw.githubusercontent.com/js05212/{name}/master"
TITLES = "https://raw.githubusercontent.com/ericproffitt/TopicModelsVB.jl/master/datasets/citeu"
GROUPLENS = "https://files.grouplens.org/datasets/movielens"


@dataclass(frozen=True)
class SourceFile:
    """One needed file of a data set.

    Parameters
    ----------
    sha256 : str
        Of the unpacked file (or of the archive itself).
    url : str
        Where its authors or keepers publish it.
    """

    sha256: str
    url: str


@dataclass(frozen=True)
class SourceInfo:
    """A named data set.

    Parameters
    ----------
    name : str
        What the command line calls it.
    folder : str
        Its folder under ``DUALNET_DATA`` or the cache.
    about : str
        One line: what it is.
    reader : callable
        From a folder to a `Dataset`.
    files : dict of str to SourceFile
        Needed files by name.
    """

    name: str
    folder: str
    about: str
    reader: Callable[[SourceFolder], Dataset]
    files: dict[str, SourceFile]


def _files(base: str, sums: dict[str, str]) -> dict[str, SourceFile]:
    return {name: SourceFile(sha256, f"{base}/{name}") for name, sha256 in sums.items()}


SOURCES: dict[str, SourceInfo] = {
    "citeulike-a": SourceInfo(
        "citeulike-a",
        "citeulike-a",
        "5,551 readers x 16,980 papers; titles, tags (Wang & Blei 2011; Wang, Chen & Li 2013)",
        load_citeulike_a,
        _files(
            CITEULIKE.format(name="citeulike-a"),
            {
                "users.dat": "53211d82c14ff261e595634d285ed9fbf8049cf81dcb751d924d695b9612a02c",
                "item-tag.dat": "0f7b432796a5038ed2631c02b99d70e636123673afc11bf9e051de5b49467890",
                "tags.dat": "c02b3e5ee1a57f88f3a598b2040018bb198f54cd0c11116fa7a0db905b6f60e3",
                "vocabulary.dat": "f3ffa75f7524a9ff2ecc2a0cb1a0f29f4d46e32f17bc8e2f8472a1c7c814f319",
            },
        )
        | _files(TITLES, {"citeutitles.txt": "bd4a62711f732185595348c06e6a5baa470e1ee4f61b981f13b25e1822d1e7ed"}),
    ),
    "citeulike-t": SourceInfo(
        "citeulike-t",
        "citeulike-t",
        "7,947 readers x 25,975 papers; bag of words, tags (Wang, Chen & Li 2013)",
        load_citeulike_t,
        _files(
            CITEULIKE.format(name="citeulike-t"),
            {
                "users.dat": "02d5d429b2c0362e0ed79f6ef204666b4092563d21493abf4dfb521e8a7078bf",
                "mult.dat": "5ed81e6fdbf8d475122d4a18d622202571ac80f27be017e194a1957da585283d",
                "vocabulary.dat": "d58f0e6ce40da9e57c7ad6bbb2d0f1351730e3ecfcbbdf14eec07d493ce539e1",
                "tags.dat": "2f1e6dd94fe216a4453caf67e337c45f73938373b21d2aa3b6d2696387449e76",
                "tag-item.dat": "e2b80fc0e023780b63c00a397a2d0934eff6dbaf8a1b918778698361dae7ce6b",
            },
        ),
    ),
    "movielens-100k": SourceInfo(
        "movielens-100k",
        "movielens-small/ml-100k",
        "943 users x 1,682 films, 100,000 ratings; titles, genres, user columns (GroupLens)",
        load_movielens_100k,
        _files(
            f"{GROUPLENS}/ml-100k",
            {
                "u.data": "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
                "u.item": "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
                "u.genre": "9757e0d3e6b298159a80dd48eaf938114690e911e39af97a76949ef1663610bb",
                "u.user": "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
            },
        ),
    ),
    "movielens-latest-small": SourceInfo(
        "movielens-latest-small",
        "movielens-small",
        "610 users x 9,724 films, 100,836 ratings; titles, genres, tags (GroupLens 2018)",
        load_movielens_latest_small,
        _files(GROUPLENS, {"ml-latest-small.zip": "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"}),
    ),
}


def known() -> dict[str, SourceInfo]:
    """Return the named data sets."""
    return dict(SOURCES)


def find(name: str) -> SourceInfo:
    """Return one named data set.

    Raises
    ------
    UsageError
        If there is none; the text names the nearest.
    """
    if name not in SOURCES:
        raise UsageError(f"there is no data set '{name}'.{nearest(name, SOURCES)}")
    return SOURCES[name]


def load(name: str, *, folder: str | Path | None = None) -> Dataset:
    """Return a named data set.

    Looked for in `folder`, else under the folder that ``DUALNET_DATA`` names, else in the user's cache; what is missing
    there is fetched into the cache from its publishers (or from the mirror that ``DUALNET_MIRROR`` names), verified by
    SHA-256.

    Parameters
    ----------
    name : str
        Such as ``"citeulike-a"``; see `known`.
    folder : str or Path, optional
        The data set's own folder.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If there is no such data set.
    ResourceError
        If a file is neither there nor to be had; the text says where to put it.
    DataError
        If totals differ from the published ones.
    """
    info = find(name)
    if folder is not None:
        return info.reader(SourceFolder(Path(folder)))
    given = os.environ.get(FOLDER_VARIABLE)
    if given and (Path(given) / info.folder).is_dir():
        return info.reader(SourceFolder(Path(given) / info.folder))
    cache = cache_folder() / info.folder
    return info.reader(SourceFolder(cache, lambda file: fetch(name, file)))


def fetch(name: str, file: str | None = None, *, progress: bool | None = None) -> Path:
    """Fetch one needed file of a data set into the cache, or all of them.

    Returns
    -------
    Path
        The file, or the data set's folder.

    Raises
    ------
    ResourceError
        If it cannot be fetched; the text says where to put it by hand.
    """
    info = find(name)
    mirror = os.environ.get(MIRROR_VARIABLE)
    cache = cache_folder() / info.folder
    if file is not None and file not in info.files:
        raise ResourceError(f"data set '{name}' has no file '{file}' that could be fetched")
    for needed in info.files if file is None else (file,):
        if file is None and SourceFolder(cache).has(needed):
            continue
        source = info.files[needed]
        url = f"{mirror.rstrip('/')}/{info.folder}/{needed}" if mirror else source.url
        try:
            fetch_file(url, cache / needed, sha256=source.sha256, progress=progress)
        except ResourceError as error:
            raise ResourceError(
                f"data set '{name}': {error}; or set {FOLDER_VARIABLE} to a folder that holds {info.folder}/{needed}"
            ) from error
    return cache if file is None else cache / file
