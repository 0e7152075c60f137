"""Registry of the named data sets: their files, their place, and how to get them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import ResourceError, UsageError, nearest
from ...typed_values import path_of
from ..cache import cache_folder
from ..dataset import Dataset
from ..filters import CIAO, MOVIELENS, NONE, CountFilter
from .amazon import ORIGINAL, load_amazon_reviews
from .ciao import load_ciao, load_ciao_dvd
from .citeulike import load_citeulike_a, load_citeulike_t
from .fetch import fetch_file
from .movielens import load_movielens_100k, load_movielens_latest_small
from .movielens_1m import load_movielens_1m_posters
from .movielens_20m import load_movielens_20m
from .raw import SourceFolder

FOLDER_VARIABLE = "DUALNET_DATA"
MIRROR_VARIABLE = "DUALNET_MIRROR"

CITEULIKE = "https://raw.githubusercontent.com/js05212/{name}/master"
TITLES = "https://raw.githubusercontent.com/ericproffitt/TopicModelsVB.jl/master/datasets/citeu"
GROUPLENS = "https://files.grouplens.org/datasets/movielens"
GITHUB = "https://raw.githubusercontent.com"
MELU = f"{GITHUB}/hoyeoplee/MeLU/f70c8ff91471193cd598bc241c6b0f22665f6375/movielens/ml-1m"
CIAO_FILES = (
    f"{GITHUB}/yushundong/Graph-Mining-Fairness-Data/2bd4b5cd9a09d87e93c8efc490773cbfa0a7984e/dataset/Epinion%26Ciao/ciao"
)
CIAO_DVD = f"{GITHUB}/npxiaoying/Social-Recommendation/2d91842555aa25ab8a5d539e1334a63d9829610f/dataset/CiaoDVD"


@dataclass(frozen=True)
class SourceFile:
    """One needed file of a data set.

    Parameters
    ----------
    sha256 : str
        Of the unpacked file (or of the archive itself).
    url : str, optional
        Where its authors or keepers publish it; without one, the user has to put it there.
    """

    sha256: str
    url: str | None


@dataclass(frozen=True, repr=False)
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
        From a folder (and, where there is a `preset`, the filter to use or None) to a `Dataset`.
    files : dict of str to SourceFile
        Needed files by name.
    preset : CountFilter, optional
        The filter by default, the paper's.
    by_hand : str
        Where files without an address come from.
    """

    name: str
    folder: str
    about: str
    reader: Callable[..., Dataset]
    files: dict[str, SourceFile]
    preset: CountFilter | None = None
    by_hand: str = ""

    def __repr__(self) -> str:
        return f"SourceInfo({self.name!r})"


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
    "movielens-1m-posters": SourceInfo(
        "movielens-1m-posters",
        "movielens-1m-posters",
        "a stand-in for the paper's MovieLens-20M with posters: the 226,310 five-star pairs of MovieLens-1M with 3,731 real"
        " posters, plots; filtered 4,813 users x 3,195 films, 219,304 pairs",
        load_movielens_1m_posters,
        _files(MELU, {"movies_extrainfos.dat": "18432b1713b66a5262c11f6d929801a6e6f414d861cd2adf191dfba61e45c74d"})
        | {
            "five_star_pairs.csv": SourceFile("db03f4ed241414cb38d1bbf5edaacdf128d4bc92257dda6a1a44e937e00d554f", None),
            "movies.dat": SourceFile("0140fc2356357c1a851d0f52e893a1e4d3696df632c4141cea8d5bc3d621f0b9", None),
            "posters_128.tar": SourceFile("fcc72694f5ed7aa8bfecc42ebcdc02dc8f05b279b8743e7e795f505c30d9705b", None),
        },
        MOVIELENS,
        "movies.dat is that of GroupLens' ml-1m.zip, the pairs and the posters were derived from published files",
    ),
    "movielens-20m": SourceInfo(
        "movielens-20m",
        "movielens-20m",
        "the paper's: 20,000,263 ratings, 138,493 users, 27,278 films (GroupLens 2015), beside posters or vectors of your own",
        load_movielens_20m,
        _files(GROUPLENS, {"ml-20m.zip": "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3"}),
        MOVIELENS,
    ),
    "ciao": SourceInfo(
        "ciao",
        "ciao",
        "284,086 ratings, 7,375 users, 105,114 products, categories (Tang, Gao & Liu 2012), review texts if you have them;"
        " filtered 3,841 x 11,208",
        load_ciao,
        _files(
            CIAO_FILES,
            {"rating_with_timestamp.mat": "488e9aa5f60e6a52a972795b6402f922fc0d9d273152f4d124a5c5bdefb86a71"},
        ),
        CIAO,
    ),
    "ciao-dvd": SourceInfo(
        "ciao-dvd",
        "ciao/CiaoDVD",
        "72,665 ratings, 17,615 users, 16,121 films, genres (Guo et al. 2014), review texts if you have them",
        load_ciao_dvd,
        _files(CIAO_DVD, {"movie-ratings.txt": "f29bbacaab826da85445757e2b0c45c293864dc9efc9d3cd27e604ba09a7cf6e"}),
        CIAO,
    ),
    "amazon-reviews": SourceInfo(
        "amazon-reviews",
        "amazon-musical-instruments-5core",
        "10,261 reviews, 1,429 users, 900 musical instruments (McAuley 2014), a stand-in for Ciao with its texts; or any file"
        " of this format",
        load_amazon_reviews,
        {ORIGINAL: SourceFile("8e1aaab451ba61484dfe393f53d11886246bc426c7046b180b62352580f68c1d", None)},
        NONE,
        "unpack reviews_Musical_Instruments_5.json.gz of J. McAuley's Amazon product data",
    ),
}


def known() -> dict[str, SourceInfo]:
    """Return the named data sets.

    Examples
    --------
    >>> import dualnet
    >>> "citeulike-a" in dualnet.sources.known()
    True
    """
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


def load(name: str, *, folder: str | Path | None = None, filtered: bool | CountFilter = True) -> Dataset:
    """Return a named data set, with the paper's filter where it has one.

    The data set is looked for in `folder`, else under the folder that ``DUALNET_DATA`` names (in the data set's own folder there,
    or all its files beside each other; a zip archive may be unpacked), else in the user's cache; what
    is missing there is fetched into the cache from its publishers (or from the mirror that ``DUALNET_MIRROR`` names), and
    verified by SHA-256.

    Parameters
    ----------
    name : str
        Such as ``"citeulike-a"``; see `known`.
    folder : str or Path, optional
        The data set's own folder.
    filtered : bool or CountFilter
        True for the data set's own filter (section 5; see its reader in `dualnet.data.sources`), False for everything, or
        a filter of your own.

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

    Examples
    --------
    >>> import dualnet
    >>> from pathlib import Path
    >>> Path("reviews").mkdir()
    >>> line = '{"reviewerID": "ann", "asin": "tea", "overall": 5, "reviewText": "Good.", "unixReviewTime": 1400000000}'
    >>> _ = Path("reviews", "reviews.json").write_text(line)
    >>> data = dualnet.sources.load("amazon-reviews", folder="reviews")
    >>> data.interactions.n_pairs
    1
    """
    info = find(name)
    own = _own_folder(info)
    if folder is not None:
        source = SourceFolder(path_of(folder, "folder"))
    elif own is not None:
        source = SourceFolder(own)
    else:
        source = SourceFolder(cache_folder() / info.folder, lambda file: fetch(name, file))
    if info.preset is None:
        data = info.reader(source)
        return filtered.apply(data) if isinstance(filtered, CountFilter) else data
    return info.reader(source, filtered if isinstance(filtered, CountFilter) else info.preset if filtered else None)


def _own_folder(info: SourceInfo) -> Path | None:
    """Return the folder of a data set under ``DUALNET_DATA``, or that folder itself where it holds all the files."""
    given = os.environ.get(FOLDER_VARIABLE)
    if not given:
        return None
    place = Path(given).expanduser()
    if (place / info.folder).is_dir():
        return place / info.folder
    return place if all(SourceFolder(place).has(name) for name in info.files) else None


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
    wanted = [needed for needed in info.files if not SourceFolder(cache).has(needed)] if file is None else [file]
    lost = [needed for needed in wanted if info.files[needed].url is None and not mirror]
    if lost:
        raise ResourceError(
            f"data set '{name}': {', '.join(lost)} cannot be fetched ({info.by_hand}); put {'them' if len(lost) > 1 else 'it'}"
            f" into {cache}, or set {FOLDER_VARIABLE} to a folder that holds {info.folder}/{lost[0]}"
        )
    for needed in wanted:
        source = info.files[needed]
        url = f"{mirror.rstrip('/')}/{info.folder}/{needed}" if mirror else str(source.url)
        try:
            fetch_file(url, cache / needed, sha256=source.sha256, progress=progress)
        except ResourceError as error:
            raise ResourceError(
                f"data set '{name}': {error}; or set {FOLDER_VARIABLE} to a folder that holds {info.folder}/{needed}"
            ) from error
    return cache if file is None else cache / file
