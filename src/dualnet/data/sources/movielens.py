"""MovieLens-100k and ml-latest-small: film ratings with genres, titles and times."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa

from ...ids import IdMap
from ..content import Content
from ..content_spec import ContentSpec
from ..dataset import Dataset
from ..interactions import Interactions
from .raw import SourceFolder, assert_totals

POSITIVE = 4.0  # ratings from here on count as liked


def load_movielens_100k(folder: SourceFolder) -> Dataset:
    """Read MovieLens-100k: 943 users, 1,682 films, 100,000 ratings; four and five stars are positives.

    Content columns: ``title`` (text) and ``genres`` (tags); user columns ``age``, ``gender``, ``occupation``.

    Raises
    ------
    DataError
        If totals differ from the published ones.
    """
    ratings = np.array([line.split("\t") for line in folder.lines("u.data")], dtype=np.int64)
    genres = [line.split("|")[0] for line in folder.lines("u.genre") if line]
    films = [line.split("|") for line in folder.read("u.item").decode("latin-1").splitlines()]
    people = [line.split("|") for line in folder.lines("u.user")]
    assert_totals(
        "movielens-100k",
        {"users": len(people), "films": len(films), "ratings": len(ratings)},
        {"users": 943, "films": 1_682, "ratings": 100_000},
    )
    items = IdMap([int(film[0]) for film in films])
    users = IdMap([int(person[0]) for person in people])
    liked = ratings[ratings[:, 2] >= POSITIVE]
    interactions = Interactions.from_pairs(liked[:, 0], liked[:, 1], times=liked[:, 3], user_ids=users, item_ids=items)
    table = pa.table(
        {
            "title": [film[1] for film in films],
            "genres": [[genre for genre, flag in zip(genres, film[5:], strict=True) if flag == "1"] for film in films],
        }
    )
    columns = pa.table(
        {
            "age": [int(person[1]) for person in people],
            "gender": [person[2] for person in people],
            "occupation": [person[3] for person in people],
        }
    )
    content = Content(items, table, ContentSpec(text=("title",), tags=("genres",), title="title"))
    profile = Content(users, columns, ContentSpec(numbers=("age",), categories=("gender", "occupation")))
    origin = {"published users": len(people), "published films": len(films), "published ratings": len(ratings)}
    return Dataset(interactions, content, profile, name="movielens-100k", origin=origin)


def load_movielens_latest_small(folder: SourceFolder) -> Dataset:
    """Read ml-latest-small (2018): 610 users, 9,724 rated films, 100,836 ratings; four stars and more are positives.

    Content columns: ``title`` (text), ``genres`` and ``tags`` (tags; the latter given by users, so report them apart).

    Raises
    ------
    DataError
        If totals differ from the published ones.
    """
    archive = "ml-latest-small.zip"

    def table(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(folder.member(archive, f"ml-latest-small/{name}.csv")))

    ratings, films, tags = table("ratings"), table("movies"), table("tags")
    user = np.array([row["userId"] for row in ratings], dtype=np.int64)
    film = np.array([row["movieId"] for row in ratings], dtype=np.int64)
    stars = np.array([row["rating"] for row in ratings], dtype=np.float64)
    times = np.array([row["timestamp"] for row in ratings], dtype=np.int64)
    assert_totals(
        "movielens-latest-small",
        {"users": len(np.unique(user)), "rated films": len(np.unique(film)), "ratings": len(ratings)},
        {"users": 610, "rated films": 9_724, "ratings": 100_836},
    )
    items = IdMap([int(row["movieId"]) for row in films])
    given: dict[int, list[str]] = {}
    for row in tags:
        given.setdefault(int(row["movieId"]), []).append(row["tag"].lower())
    liked = stars >= POSITIVE
    interactions = Interactions.from_pairs(
        user[liked], film[liked], times=times[liked], user_ids=IdMap(np.unique(user)), item_ids=items
    )
    columns = pa.table(
        {
            "title": [row["title"] for row in films],
            "genres": [[] if row["genres"].startswith("(") else row["genres"].split("|") for row in films],
            "tags": [given.get(key, []) for key in items],  # type: ignore[arg-type]
        }
    )
    spec = ContentSpec(text=("title",), tags=("genres", "tags"), title="title")
    origin = {
        "published users": len(np.unique(user)),
        "published rated films": len(np.unique(film)),
        "published ratings": len(ratings),
    }
    return Dataset(interactions, Content(items, columns, spec), name="movielens-latest-small", origin=origin)
