"""Review texts of the ratings that they belong to."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import DataError
from ...ids import Key
from ..dataset import Dataset
from ..read_table import load_table
from .raw import SourceFolder

REVIEWS = ("reviews.tsv", "reviews.csv")


def with_reviews(data: Dataset, texts: Mapping[tuple[Key, Key], str]) -> Dataset:
    """Return the data with the content column ``reviews``: the reviews of an item's positives, joined.

    A review belongs to its rating. Held-out ones never become content (see `Dataset.with_pair_texts`); reviews of ratings
    that are not positives are left out too, so that one rule holds for every division: what does not train is not read.

    Parameters
    ----------
    data : Dataset
        Positives.
    texts : mapping of (user id, item id) to str
        Reviews; those of other pairs are not used.
    """
    users, items = data.interactions.pairs()
    pairs = zip(data.interactions.users.take(users), data.interactions.items.take(items), strict=True)
    return data.with_pair_texts("reviews", [texts.get(pair) for pair in pairs])


def read_reviews(folder: SourceFolder) -> dict[tuple[Key, Key], str] | None:
    """Return the texts of ``reviews.tsv`` or ``reviews.csv`` in a folder, or None where there is neither.

    The file (plain or gzip) has a header with the columns ``user``, ``item`` (whole numbers, the ids of the ratings) and
    ``text``; texts of the same pair are joined.

    Raises
    ------
    DataError
        If a column is missing or an id is not a whole number; the text names file and line.
    """
    name = next((name for name in REVIEWS if folder.has(name)), None)
    if name is None:
        return None
    loaded = load_table(folder.locate(name))
    for column in ("user", "item", "text"):
        if column not in loaded.table.column_names:
            raise DataError(f"{loaded.name} has no column '{column}'; reviews need a header with user, item and text")
    texts: dict[tuple[Key, Key], str] = {}
    for row, (user, item, text) in enumerate(
        zip(*(loaded.table.column(column).to_pylist() for column in ("user", "item", "text")), strict=True)
    ):
        if not (user.isdecimal() and item.isdecimal()):
            raise DataError(f"{loaded.place(row)}: user {user!r} and item {item!r} must be whole numbers, as in the ratings")
        pair = (int(user), int(item))
        texts[pair] = f"{texts[pair]} {text}" if pair in texts else text
    return texts
