"""citeulike-a and citeulike-t: readers of papers, with titles, tags and bags of words."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import DataError
from ...ids import IdMap
from ..content import Content, Matrix
from ..content_spec import ContentSpec
from ..dataset import Dataset
from ..interactions import Interactions
from .raw import SourceFolder, assert_totals


def load_citeulike_a(folder: SourceFolder) -> Dataset:
    """Read citeulike-a (Wang & Blei 2011): 5,551 readers, 16,980 papers, 204,986 pairs.

    Content columns: ``title`` and ``tags``; ``words`` (bag of words of title and abstract) and ``abstract`` where the
    user has ``mult.dat`` and ``raw-data.csv``. Ids are the original 0-based numbers.

    Raises
    ------
    DataError
        If totals differ from the published ones (the original README says 204,987 pairs; the file has 204,986).
    """
    interactions = _readers(folder, 16_980)
    titles = folder.lines("citeutitles.txt")
    names = folder.lines("tags.dat")
    tagged = folder.counted_lists("item-tag.dat")
    assert_totals(
        "citeulike-a",
        {
            "users": interactions.n_users,
            "pairs": interactions.n_pairs,
            "titles": len(titles),
            "tags": len(names),
            "tag lists": len(tagged),
        },
        {"users": 5_551, "pairs": 204_986, "titles": 16_980, "tags": 46_391, "tag lists": 16_980},
    )
    columns: dict[str, list[object]] = {"title": list(titles), "tags": [[names[tag] for tag in row] for row in tagged]}
    text, matrices = ["title"], {}
    if folder.has("mult.dat"):
        matrices["words"] = folder.bag_of_words("mult.dat", len(folder.lines("vocabulary.dat")))
        assert_totals("citeulike-a", {"documents": matrices["words"].shape[0]}, {"documents": 16_980})
    if folder.has("raw-data.csv"):
        columns["abstract"] = list(_abstracts(folder, 16_980))
        text.append("abstract")
    spec = ContentSpec(text=tuple(text), tags=("tags",), bags=tuple(matrices), title="title")
    return Dataset(interactions, Content(interactions.items, pa.table(columns), spec, matrices), name="citeulike-a")


def load_citeulike_t(folder: SourceFolder) -> Dataset:
    """Read citeulike-t (Wang, Chen & Li 2013): 7,947 readers, 25,975 papers (391 without a reader), 134,860 pairs.

    Content columns: ``words`` (bag of 20,000 words) and ``tags``.

    Raises
    ------
    DataError
        If totals differ from the published ones.
    """
    interactions = _readers(folder, 25_975)
    names = folder.lines("tags.dat")
    tags: list[list[str]] = [[] for _ in range(25_975)]
    for name, items in zip(names, folder.counted_lists("tag-item.dat"), strict=True):
        for item in items:
            tags[item].append(name)
    words = folder.bag_of_words("mult.dat", len(folder.lines("vocabulary.dat")))
    assert_totals(
        "citeulike-t",
        {
            "users": interactions.n_users, "pairs": interactions.n_pairs, "documents": words.shape[0],
            "words": words.shape[1], "word entries": words.nnz, "tags": len(names),
        },
        {"users": 7_947, "pairs": 134_860, "documents": 25_975, "words": 20_000, "word entries": 490_708, "tags": 52_946},
    )  # fmt: skip
    matrices: dict[str, Matrix] = {"words": words}
    spec = ContentSpec(bags=("words",), tags=("tags",))
    return Dataset(interactions, Content(interactions.items, pa.table({"tags": tags}), spec, matrices), name="citeulike-t")


def _readers(folder: SourceFolder, n_items: int) -> Interactions:
    lists = folder.counted_lists("users.dat")
    users = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
    items: NDArray[np.int64] = np.concatenate(lists)
    if len(items) and not 0 <= items.min() <= items.max() < n_items:
        raise DataError(
            f"{folder.path / 'users.dat'}: item {items.max()} is not one of {n_items:,}; the file is not the original"
        )
    return Interactions.from_rows(IdMap(np.arange(len(lists))), IdMap(np.arange(n_items)), users, items)


def _abstracts(folder: SourceFolder, n_items: int) -> list[str]:
    """Return the abstracts of raw-data.csv, whose document ids count from 1."""
    data = folder.read("raw-data.csv")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # how the file was first published
    abstracts = [""] * n_items
    filled = 0
    for row in csv.DictReader(io.StringIO(text)):
        try:
            place = int(row["doc.id"]) - 1
            abstracts[place] = row["raw.abstract"] or ""
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise DataError(
                f"{folder.path / 'raw-data.csv'}: row {filled + 2} has no usable doc.id and raw.abstract ({error})"
            ) from error
        filled += 1
    if filled != n_items:
        raise DataError(
            f"{folder.path / 'raw-data.csv'} has {filled:,} papers, the original {n_items:,}; a part with renumbered ids cannot be matched"
        )
    return abstracts
