"""Ciao and CiaoDVD: ratings of product reviews with categories, and review texts where the user has them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import DataError
from ..content import Content
from ..content_spec import ContentSpec
from ..dataset import Dataset
from ..filters import CIAO, NONE, CountFilter
from ..interactions import Interactions
from .ratings import Ratings
from .raw import SourceFolder, assert_totals
from .reviews import read_reviews, with_reviews

POSITIVE = 4  # of 5; the paper's crawl has 0 to 50, and 40 or more are positive (section 5)

PUBLISHED = {"ratings": 284_086, "users": 7_375, "products": 105_114}
PUBLISHED_DVD = {"ratings": 72_665, "users": 17_615, "films": 16_121}

GENRES = (
    "Action & Adventure", "Comedy", "Family", "Drama", "Horror", "Science Fiction & Fantasy", "Thriller & Mystery",
    "Martial Arts", "Musicals & Music Films", "War", "Westerns", "Documentaries & Biographies", "Special Interest", "Sports",
    "World Cinema", "TV Series", "Anime",
)  # fmt: skip
"""The 17 genres of CiaoDVD's readme.txt, by genreID from 1."""


def load_ciao(folder: SourceFolder, chosen: CountFilter | None = CIAO, *, published: Mapping[str, int] = PUBLISHED) -> Dataset:
    """Read Ciao (Tang, Gao & Liu 2012): 284,086 ratings of 7,375 users and 105,114 products, with times.

    Content columns: ``category`` (28 numbers; a hundred products have two), and ``reviews`` where the user has them as
    ``reviews.tsv`` (or ``.csv``) beside ``rating_with_timestamp.mat``: columns user, item, text, with the ids of the
    ratings. Ratings of 4 and 5 are positives; of repeated ratings of a pair the latest counts.

    Parameters
    ----------
    folder : SourceFolder
        Where the files are.
    chosen : CountFilter, optional
        Section 5: items with fewer than 5 ratings are left out, then users with fewer than 10, counting every rating. That
        leaves 3,841 users and 11,208 products; users first 5,737 and 10,726; repeated 3,656 and 9,415; the paper's own
        crawl 4,663 and 12,083. None keeps everything.
    published : mapping of str to int
        Totals to assert.

    Raises
    ------
    DataError
        If totals differ, or a file is not as described.
    """
    rows = _matrix(folder)
    ratings = Ratings(rows[:, 0], rows[:, 1], rows[:, 3], rows[:, 5])
    totals = ratings.totals("products")
    assert_totals("ciao", totals, dict(published))
    interactions = ratings.liked(POSITIVE, NONE if chosen is None else chosen)
    categories: dict[int, list[str]] = {}
    for product, category in np.unique(rows[:, 1:3], axis=0).tolist():
        categories.setdefault(product, []).append(str(category))
    labels = [categories[key] for key in interactions.items.keys]  # type: ignore[index]
    spec = ContentSpec(tags=("category",), title="product")
    return _dataset("ciao", folder, interactions, {"category": labels}, spec, totals)


def load_ciao_dvd(
    folder: SourceFolder, chosen: CountFilter | None = CIAO, *, published: Mapping[str, int] = PUBLISHED_DVD
) -> Dataset:
    """Read CiaoDVD (Guo et al. 2014): 72,665 ratings of 17,615 users and 16,121 films, with days.

    Content columns: ``genre`` (one of 17), and ``reviews`` as in `load_ciao`. Ratings of 4 and 5 are positives; of
    repeated ratings of a pair the latest counts.

    Parameters
    ----------
    folder : SourceFolder
        Where ``movie-ratings.txt`` (userID, movieID, genreID, reviewID, movieRating, date) is.
    chosen : CountFilter, optional
        Ciao's filter of section 5. None keeps everything.
    published : mapping of str to int
        Totals to assert.

    Raises
    ------
    DataError
        If totals differ, or a line is not as described.
    """
    numbers, days = [], []
    for number, line in enumerate(folder.lines("movie-ratings.txt"), 1):
        fields = line.split(",")
        try:
            numbers.append([int(field) for field in fields[:5]])
            days.append(int(datetime.strptime(fields[5], "%Y-%m-%d").replace(tzinfo=UTC).timestamp()))
        except (ValueError, IndexError):
            raise DataError(
                f"{folder.path / 'movie-ratings.txt'}, line {number}: {line[:60]!r} is not user,film,genre,review,rating,date"
            ) from None
    rows = np.array(numbers, np.int64).reshape(-1, 5)
    ratings = Ratings(rows[:, 0], rows[:, 1], rows[:, 4], np.array(days, np.int64))
    totals = ratings.totals("films")
    assert_totals("ciao-dvd", totals, dict(published))
    interactions = ratings.liked(POSITIVE, NONE if chosen is None else chosen)
    genre = {film: GENRES[place - 1] if 1 <= place <= len(GENRES) else str(place) for film, place in rows[:, 1:3].tolist()}
    labels = [genre[key] for key in interactions.items.keys]
    spec = ContentSpec(categories=("genre",), title="product")
    return _dataset("ciao-dvd", folder, interactions, {"genre": labels}, spec, totals)


def _dataset(
    name: str,
    folder: SourceFolder,
    interactions: Interactions,
    columns: dict[str, Any],
    spec: ContentSpec,
    totals: dict[str, int],
) -> Dataset:
    table = pa.table({"product": [str(key) for key in interactions.items], **columns})
    origin = {f"published {what}": total for what, total in totals.items()}
    data = Dataset(interactions, Content(interactions.items, table, spec), name=name, origin=origin)
    texts = read_reviews(folder)
    return data if texts is None else with_reviews(data, texts)


def _matrix(folder: SourceFolder) -> Any:
    """Return Tang's six columns (user, product, category, rating, helpfulness, time) as int64."""
    from scipy.io import loadmat

    name = "rating_with_timestamp.mat"
    try:
        rows = loadmat(io.BytesIO(folder.read(name)), variable_names=["rating"])["rating"]
    except (ValueError, KeyError, TypeError, NotImplementedError, OSError) as error:
        raise DataError(f"{folder.path / name} is not the MATLAB file it should be ({error}); get the file again") from error
    if rows.ndim != 2 or rows.shape[1] != 6 or rows.dtype.kind not in "iuf":
        raise DataError(f"{folder.path / name}: 'rating' has shape {rows.shape}, expected 6 columns of numbers")
    return rows.astype(np.int64)
