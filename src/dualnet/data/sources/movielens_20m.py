"""The paper's MovieLens-20M, beside posters or vectors of the user's own."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from numpy.typing import NDArray
from scipy.sparse import issparse

from ...errors import DataError, ResourceError
from ...ids import IdMap
from ..content import Content, Matrix
from ..content_spec import ContentSpec
from ..dataset import Dataset
from ..filters import MOVIELENS, CountFilter
from ..interactions import Interactions
from ..ready_vectors import read_matrix
from .posters import posters_in
from .raw import SourceFolder, assert_totals

FIVE_STARS = 5.0  # "all 5 ratings are considered as positive matchings" (section 5)
BLOCK = 16 * 2**20  # bytes of ratings read at a time
TWENTY_MILLION = {"ratings": 20_000_263, "users": 138_493, "films": 27_278}


def load_movielens_20m(
    folder: SourceFolder, chosen: CountFilter | None = MOVIELENS, *, published: Mapping[str, int] = TWENTY_MILLION
) -> Dataset:
    """Read the original MovieLens-20M archive (Harper & Konstan 2015) beside pictures of the user's own.

    The folder holds ``ml-20m.zip`` as GroupLens publishes it, and one of (or both)

    - ``posters/<movieId>.jpg`` (or ``.jpeg``, ``.png``): one picture for each film, such as TMDb's;
    - ``vectors.npy`` (or ``.npz``), shape (n, width), with ``vectors_ids.txt``, whose line k is the movieId of row k:
      ready vectors, such as a network's.

    All ratings of five stars are positives, with their times. Content columns: ``title`` (text), ``genres`` (tags),
    ``poster`` (pictures) and ``vectors`` where they are there. The 20 million lines are read in blocks; only positives
    stay in memory.

    Parameters
    ----------
    folder : SourceFolder
        Where the files are.
    chosen : CountFilter, optional
        Section 5: films without a poster (or vector) are left out, then users with fewer than 10 positives. None keeps
        everything, and needs no pictures.
    published : mapping of str to int
        Totals to assert.

    Raises
    ------
    DataError
        If totals differ, or a file is not as described.
    ResourceError
        If the archive is missing, or there are no pictures for the filter.
    """
    if chosen is not None and not (folder.path / "posters").is_dir() and _vector_file(folder) is None:
        if not folder.has("ml-20m.zip"):  # 200 MB are not fetched for a data set that could not be used then
            raise ResourceError(
                f"data set 'movielens-20m' is not here: put ml-20m.zip, as GroupLens publishes it, into {folder.path}; its filter"
                " also needs pictures: posters/<movieId>.jpg, or vectors.npy with vectors_ids.txt, in the same folder"
            )
        raise ResourceError(
            f"data set 'movielens-20m' has no pictures for its filter; put posters into {folder.path / 'posters'} as"
            " <movieId>.jpg, or vectors.npy with vectors_ids.txt beside that folder, or load it with filtered=False"
        )
    five = _five_stars(folder)
    keys, columns = _films(folder)
    found = {"ratings": five.n_ratings, "users": len(five.everybody), "films": len(keys)}
    assert_totals("movielens-20m", found, dict(published))
    items = IdMap(keys)
    shown = np.zeros(len(items), bool)
    images: tuple[str, ...] = ()
    if (folder.path / "posters").is_dir():
        posters = posters_in(folder.path / "posters")
        columns["poster"] = pa.array([posters.get(int(key)) for key in items], pa.string())
        shown |= np.array([key in posters for key in items], bool)
        images = ("poster",)
    matrices = _vectors(folder, items, shown)
    spec = ContentSpec(text=("title",), tags=("genres",), vectors=tuple(matrices), images=images, title="title")
    interactions = Interactions.from_pairs(
        five.users, five.films, times=five.times, user_ids=IdMap(five.everybody), item_ids=items
    )
    origin = {f"published {what}": total for what, total in found.items()}
    content = Content(items, pa.table(columns), spec, matrices)
    data = Dataset(interactions, content, name="movielens-20m", origin=origin)
    if chosen is None:
        return data
    return chosen.apply(data.select(items=np.flatnonzero(shown)))


def _films(folder: SourceFolder) -> tuple[list[int], dict[str, Any]]:
    """Return the ids of all films, and their titles and genres."""
    keys: list[int] = []
    titles: list[str] = []
    genres: list[list[str]] = []
    for number, row in enumerate(csv.DictReader(folder.member("ml-20m.zip", "ml-20m/movies.csv")), 2):
        try:
            keys.append(int(row["movieId"]))
            titles.append(row["title"])
            genres.append([] if row["genres"].startswith("(") else row["genres"].split("|"))
        except (KeyError, ValueError, TypeError, AttributeError):
            raise DataError(
                f"{folder.path / 'ml-20m.zip'}: ml-20m/movies.csv, line {number} is not movieId,title,genres; get the file again"
            ) from None
    return keys, {"title": titles, "genres": genres}


class _FiveStars(NamedTuple):
    """User, film and time of each positive; everybody who rated, ascending; the number of all ratings."""

    users: NDArray[np.int64]
    films: NDArray[np.int64]
    times: NDArray[np.int64]
    everybody: NDArray[np.int64]
    n_ratings: int


def _five_stars(folder: SourceFolder) -> _FiveStars:
    names = ("userId", "movieId", "rating", "timestamp")
    types = dict(zip(names, (pa.int64(), pa.int64(), pa.float64(), pa.int64()), strict=True))
    parts: list[list[NDArray[np.int64]]] = []
    seen, total = np.empty(0, np.int64), 0
    with folder.open_member("ml-20m.zip", "ml-20m/ratings.csv") as stream:
        try:
            reader = pc.open_csv(
                stream,
                read_options=pc.ReadOptions(block_size=BLOCK, use_threads=False),
                convert_options=pc.ConvertOptions(column_types=types, include_columns=list(names)),
            )
            for batch in reader:
                user, film, stars, time = (batch.column(place).to_numpy() for place in range(4))
                liked = stars >= FIVE_STARS
                parts.append([user[liked], film[liked], time[liked]])
                seen = np.union1d(seen, user)
                total += len(user)
        except (pa.ArrowException, KeyError) as error:
            raise DataError(
                f"{folder.path / 'ml-20m.zip'}: ml-20m/ratings.csv is not as published ({str(error).splitlines()[0]}); get the file again"
            ) from error
    nothing = [np.empty(0, np.int64)] * 3
    users, films, times = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    return _FiveStars(users, films, times, seen, total)


def _vector_file(folder: SourceFolder) -> Path | None:
    return next((path for kind in ("npy", "npz") if (path := folder.path / f"vectors.{kind}").is_file()), None)


def _vectors(folder: SourceFolder, items: IdMap, shown: NDArray[np.bool_]) -> dict[str, Matrix]:
    """Return ready vectors by film, zero where there is none, and mark the films that have one."""
    file = _vector_file(folder)
    if file is None:
        return {}
    lines = folder.lines("vectors_ids.txt")
    try:
        rows = items.find(np.array(lines, np.int64))
    except ValueError:
        bad = next(place for place, line in enumerate(lines) if not line.strip().isdecimal())
        raise DataError(f"{folder.path / 'vectors_ids.txt'}, line {bad + 1}: {lines[bad][:40]!r} is not a movieId") from None
    usable = rows >= 0
    usable[np.setdiff1d(np.arange(len(rows)), np.unique(rows, return_index=True)[1])] = False  # repeated
    if not usable.all():
        bad = int(np.flatnonzero(~usable)[0])
        raise DataError(
            f"{folder.path / 'vectors_ids.txt'}, line {bad + 1}: {lines[bad]} is not a film of movies.csv, or occurs twice"
        )
    ready = read_matrix(file, "vectors", len(lines))
    vectors = np.zeros((len(items), ready.shape[1]), np.float32)
    vectors[rows] = ready.toarray() if issparse(ready) else ready
    shown[rows] = True
    return {"vectors": vectors}
