"""MovieLens-1M with real posters: a stand-in for the paper's MovieLens-20M with posters."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from ...errors import DataError
from ...ids import IdMap
from ..content import Content
from ..content_spec import ContentSpec
from ..dataset import Dataset
from ..filters import MOVIELENS, CountFilter
from ..interactions import Interactions
from .posters import posters_of_archive
from .raw import SourceFolder, assert_totals

ONE_MILLION = {
    "five-star pairs": 226_310,
    "users with five stars": 6_014,
    "films with five stars": 3_232,
    "films": 3_883,
    "posters": 3_731,
}
ONE_MILLION_FILTERED = {"users": 4_813, "films": 3_195, "pairs": 219_304}


def load_movielens_1m_posters(
    folder: SourceFolder,
    chosen: CountFilter | None = MOVIELENS,
    *,
    published: Mapping[str, int] = ONE_MILLION,
    filtered: Mapping[str, int] = ONE_MILLION_FILTERED,
) -> Dataset:
    """Read the five-star pairs of MovieLens-1M with real posters and plots: a stand-in for MovieLens-20M with posters.

    Files: ``five_star_pairs.csv`` (user_id, movie_id), ``movies.dat`` and ``movies_extrainfos.dat`` (fields separated by
    ``::``), ``posters_128.tar`` (``posters_128/<movie_id>.jpg``, unpacked once into the user's cache). Content columns:
    ``poster`` (pictures), ``title`` and ``plot`` (text), ``genres``, ``director`` and ``actors`` (tags).

    Parameters
    ----------
    folder : SourceFolder
        Where the files are.
    chosen : CountFilter, optional
        Section 5: films without a poster are left out, then users with fewer than 10 positives. None keeps everything.
    published, filtered : mapping of str to int
        Totals to assert, before the filter and after the paper's own.

    Raises
    ------
    DataError
        If totals differ, or a file is not as described.
    """
    pairs = _table(folder, "five_star_pairs.csv", ("user_id", "movie_id"))
    user, film = (pairs.column(name).to_numpy() for name in ("user_id", "movie_id"))
    films = _fields(folder, "movies.dat", 3)
    posters = posters_of_archive(folder.locate("posters_128.tar"))
    found = {
        "five-star pairs": len(user), "users with five stars": len(np.unique(user)),
        "films with five stars": len(np.unique(film)), "films": len(films), "posters": len(posters),
    }  # fmt: skip
    assert_totals("movielens-1m-posters", found, dict(published))
    told = {fields[0]: fields for fields in _fields(folder, "movies_extrainfos.dat", 11)}
    items = IdMap([int(fields[0]) for fields in films])

    def more(place: int) -> list[str | None]:
        cells = [told.get(fields[0], [""] * 11)[place] for fields in films]
        return [None if cell in ("", "N/A") else cell for cell in cells]

    def names(cell: str | None) -> list[str]:
        return [name for part in (cell or "").split(",") if (name := part.strip())]

    table = pa.table(
        {
            "title": [fields[1] for fields in films],
            "plot": more(9),
            "genres": [fields[2].split("|") for fields in films],
            "director": [names(cell) for cell in more(6)],
            "actors": [names(cell) for cell in more(8)],
            "poster": pa.array([posters.get(int(fields[0])) for fields in films], pa.string()),
        }
    )
    spec = ContentSpec(text=("title", "plot"), tags=("genres", "director", "actors"), images=("poster",), title="title")
    interactions = Interactions.from_pairs(user, film, item_ids=items)
    origin = {f"published {what}": total for what, total in found.items()}
    data = Dataset(interactions, Content(items, table, spec), name="movielens-1m-posters", origin=origin)
    if chosen is None:
        return data
    data = chosen.apply(data.select(items=np.flatnonzero([key in posters for key in items])))
    if chosen == MOVIELENS:
        left = data.interactions
        totals = {"users": left.n_users, "films": left.n_items, "pairs": left.n_pairs}
        assert_totals("movielens-1m-posters, filtered", totals, dict(filtered))
    return data


def _fields(folder: SourceFolder, name: str, count: int) -> list[list[str]]:
    """Return the ``::``-separated fields of each line; MovieLens-1M is Latin-1, the plots are UTF-8."""
    data = folder.read(name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    rows = [line.split("::") for line in text.split("\n") if line.strip()]
    for number, fields in enumerate(rows, 1):
        if len(fields) != count or not fields[0].isdecimal():
            raise DataError(
                f"{folder.path / name}, line {number}: expected {count} fields separated by '::', a film's number first"
            )
    return rows


def _table(folder: SourceFolder, name: str, columns: tuple[str, ...]) -> pa.Table:
    """Return integer columns of a CSV file."""
    options = pc.ConvertOptions(column_types={column: pa.int64() for column in columns}, include_columns=list(columns))
    try:
        return pc.read_csv(io.BytesIO(folder.read(name)), convert_options=options)
    except (pa.ArrowException, KeyError) as error:
        raise DataError(
            f"{folder.path / name} is not a table with whole numbers in {' and '.join(columns)} ({str(error).splitlines()[0]})"
        ) from error
