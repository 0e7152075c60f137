"""Regions of the map of items: where they lie, what they are called, and the colours of a chosen column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..data.featurizers.words import Words, folded
from ..data.featurizers.written_words import WrittenWords
from ..errors import UsageError, nearest
from ..ids import Rows
from .catalogue import LiveCatalogue
from .facets import label_columns, labels_of
from .new_content import content_columns

MOST_REGIONS = 9
FEWEST_ITEMS = 12  # of a region with a name
ROUNDS = 25  # of k-means
COLOURS = 6  # labels of a column that get a colour of their own
SHARE = 0.12  # of a region's items that a name must fit, where there are few labels
FEW_LABELS = 200
WORD_LIFT = 1.5  # the same of one word among many
LIFT = 1.15  # how much more frequent a label is in a region than elsewhere
SHORTEST_WORD = 4  # letters of a word of a title that may name a region

Places = NDArray[np.float64]
Labels = Sequence[Mapping[str, str]]  # of each item of a group: a label as it is compared, and as the item has it


def regions(catalogue: LiveCatalogue, rows: Rows, x: list[float], y: list[float]) -> list[dict[str, Any]]:
    """Return ``[{"name", "x", "y", "items"}]``: groups of points of the plane, each named by the label that sets it apart.

    Labels are tags and categories, else columns that are only shown and have few labels; where there are none, words of titles. A label
    is in one name only. A region without a label that sets it apart has no name and is left out.
    """
    places = np.column_stack([x, y]) if len(x) else np.empty((0, 2))
    count = min(MOST_REGIONS, len(places) // FEWEST_ITEMS)
    if count < 2:
        return []
    group = _grouped(places, count)
    names = label_columns(catalogue)
    featurizer = catalogue.model.featurizer_
    words = Words() if featurizer is None else featurizer.spec.words
    labels = [_labels(catalogue, row, names, words) for row in rows.tolist()]
    everywhere = Counter(label for each in labels for label in each)
    members = [np.flatnonzero(group == number) for number in range(count)]
    large = [rows for rows in sorted(members, key=len, reverse=True) if len(rows) >= FEWEST_ITEMS]
    found: list[dict[str, Any]] = []
    of_large = [[labels[at] for at in rows.tolist()] for rows in large]
    for rows_of, members_of, name in zip(large, of_large, _names(of_large, everywhere, len(labels)), strict=True):
        if name:
            middle = np.median(places[rows_of], axis=0)
            shown = ", ".join(_as_written(label, members_of) for label in name)
            found.append({"name": shown, "x": float(middle[0]), "y": float(middle[1]), "items": len(rows_of)})
    return found


def colours(catalogue: LiveCatalogue, rows: Rows, column: str) -> dict[str, Any]:
    """Return ``{"column", "names", "of"}``: the most frequent labels of a column, and which of them each item has, -1 for none.

    Numbers and dates have no labels: they are cut into ranges of as many items each.

    Raises
    ------
    UsageError
        If there is no such column, or it has nothing to be coloured by.
    """
    kinds = content_columns(catalogue.model)
    if column not in kinds:
        raise UsageError(f"there is no column '{column}'.{nearest(column, kinds)}")
    values = [catalogue.content(row, [column]).get(column) for row in rows.tolist()]
    cells = pa.chunked_array([pa.array(values)]) if values else pa.chunked_array([pa.array([], pa.string())])
    if (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)) and kinds[column] != "vectors":
        return {"column": column, **_ranges(np.array([np.nan if one is None else one for one in values], np.float64))}
    if labels_of(cells) is None or kinds[column] in ("text", "images"):
        raise UsageError(f"the map cannot be coloured by '{column}', which is no label and no number")
    each = [[] if one is None else one if isinstance(one, list) else [one] for one in values]
    names = [
        str(label)
        for label, _ in Counter(label for some in each for label in some if label not in (None, "")).most_common(COLOURS)
    ]
    place = {name: at for at, name in enumerate(names)}
    # of several labels the rarest says most
    return {
        "column": column,
        "names": names,
        "of": [max((place.get(str(label), -1) for label in some), default=-1) for some in each],
    }


def _ranges(numbers: Places) -> dict[str, Any]:
    known = numbers[np.isfinite(numbers)]
    ends = np.unique(np.quantile(known, np.linspace(0, 1, COLOURS + 1))) if len(known) else np.empty(0)
    if len(ends) < 2:
        return {"names": [], "of": [-1] * len(numbers)}
    of = np.clip(np.searchsorted(ends, numbers, side="right") - 1, 0, len(ends) - 2)
    of[~np.isfinite(numbers)] = -1
    return {"names": [f"{low:g} to {high:g}" for low, high in pairwise(ends)], "of": of.tolist()}


def _grouped(places: Places, count: int) -> NDArray[np.int64]:
    """Return the group of each point by k-means from points far from each other: the same points give the same groups."""
    spread = places.std(axis=0)
    points = (places - places.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    points = np.sign(points) * np.sqrt(np.abs(points))  # far ones count less: a crowd is divided too
    middles = points[[int(np.abs(points).sum(axis=1).argmin())]]
    while len(middles) < count:
        away = np.min(((points[:, None] - middles[None]) ** 2).sum(axis=2), axis=1)
        middles = np.vstack([middles, points[int(np.argsort(away, kind="stable")[int(0.99 * (len(away) - 1))])]])
    for _ in range(ROUNDS):
        group = ((points[:, None] - middles[None]) ** 2).sum(axis=2).argmin(axis=1)
        middles = np.vstack([points[group == k].mean(axis=0) if (group == k).any() else middles[k] for k in range(count)])
    return np.asarray(group, np.int64)


def _labels(catalogue: LiveCatalogue, row: int, names: list[str], words: Words) -> dict[str, str]:
    """Return the labels of an item as they are compared and as it has them: tags and categories in columns `names`, or words of its title."""
    if not names:
        title = catalogue.lineage.titles[row]
        written = WrittenWords(title, words)
        telling = (word for word in dict.fromkeys(words(title)) if not word.isdigit())
        return {word: written(word) for word in telling if len(word) >= SHORTEST_WORD or not word.isascii()}
    found = catalogue.content(row, names)
    values = [found.get(name) for name in names]
    each = [str(label) for value in values if value for label in (value if isinstance(value, list) else [value])]
    return {label: label for label in each if label}


def _as_written(label: str, members: Labels) -> str:
    """Return a label as most items of a group have it."""
    return Counter(labels[label] for labels in members if label in labels).most_common(1)[0][0]


def _names(groups: Sequence[Labels], everywhere: Counter[str], total: int) -> list[list[str]]:
    """Return for each group the one or two labels that set it apart, empty where there are none; no label is in two names.

    Every group gets its first label before any gets a second one; labels that differ in case alone are one.
    """
    best = [_telling(members, everywhere, total) for members in groups]
    names: list[list[str]] = [[] for _ in groups]
    taken: set[str] = set()
    for _ in range(2):
        for name, labels in zip(names, best, strict=True):
            free = next((label for label in labels if folded(label) not in taken), None)
            if free is not None:
                name.append(free)
                taken.add(folded(free))
    return names


def _telling(members: Labels, everywhere: Counter[str], total: int) -> list[str]:
    """Return the labels that are more frequent in a group than elsewhere, those that set it apart most first.

    Of few labels, which most items have, the frequent ones say most; of many words those that occur elsewhere least.
    """
    few = len(everywhere) < FEW_LABELS
    least, lift = (max(2.0, SHARE * len(members)), LIFT) if few else (3.0, WORD_LIFT)
    inside = Counter(label for labels in members for label in labels)
    gains: dict[str, float] = {}
    for label, count in inside.items():
        times = (count / len(members)) / (everywhere[label] / total)
        if count >= least and times >= lift:
            gains[label] = float((count if few else np.sqrt(count)) * np.log(times))
    return sorted(gains, key=lambda label: (-gains[label], label))
