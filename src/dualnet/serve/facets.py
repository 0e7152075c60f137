"""What the columns of a catalogue hold, so that a person can choose from it: labels with their counts, ranges of numbers."""

from __future__ import annotations

import math
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..data.values import date_text
from .catalogue import LiveCatalogue
from .new_content import content_columns

MOST_VALUES = 40  # labels of a column, the most frequent first
LABELS, RANGES = ("tags", "categories", "plain"), ("numbers", "dates", "plain")
_DATED = re.compile(  # a name of a column that says when an item is from; as in web/kind-and-year.js
    r"(?<![a-z])(?:year(?!ly)|date|publish(?!er)|publication|releas|issued)|year$|(?<!up)(?<!candi)(?<!man)(?<!vali)date$",
    re.IGNORECASE,
)
FLAGS = {"true", "false", "yes", "no", "y", "n"}  # labels of a column that says yes or no of an item, not what it is
FEW = 200  # distinct labels of a column that is only shown; one with more is no choice but a text


def facets(catalogue: LiveCatalogue) -> dict[str, Any]:
    """Return ``{"columns": [{"name", "kind", "values"} or {"name", "kind", "min", "max"}]}`` of what one may filter by.

    Columns without a choice (running text, vectors, pictures, a single label) are left out. Items that were added since the
    model was fitted are not counted.
    """
    content = catalogue.model.catalogue_.content
    spec = None if content is None else content.spec
    shown = () if spec is None else (spec.title, spec.picture, spec.link)
    columns = []
    for name, kind in content_columns(catalogue.model).items():
        if content is None or name not in content.table.column_names or name in shown:
            continue
        found = _facet(content.table.column(name), kind)
        if found:
            columns.append({"name": name, "kind": kind, **found})
    return {"columns": columns}


def dated_column(catalogue: LiveCatalogue) -> str | None:
    """Return the column by which newer items can be lifted: one of dates, else numbers whose name says when; None without one."""
    content = catalogue.model.catalogue_.content
    if content is None:
        return None
    found: list[tuple[bool, bool, int, str]] = []
    for name, kind in content_columns(catalogue.model).items():
        if kind in RANGES and name in content.table.column_names:
            cells = content.table.column(name)
            is_date = pa.types.is_temporal(cells.type)
            is_number = pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)  # text and flags are no scale
            if (is_date or (is_number and _DATED.search(name))) and _range(cells):
                found.append((not is_date, _DATED.search(name) is None, len(found), name))
    return min(found)[-1] if found else None


def label_columns(catalogue: LiveCatalogue) -> list[str]:
    """Return the columns whose labels say what an item is: tags and categories; without any, those only shown that have few labels."""
    values = {
        one["name"]: {value["value"].casefold() for value in one.get("values", ())} for one in facets(catalogue)["columns"]
    }
    kinds = {
        name: kind for name, kind in content_columns(catalogue.model).items() if name not in values or not values[name] <= FLAGS
    }
    found = [name for name, kind in kinds.items() if kind in ("tags", "categories")]
    return found or [name for name, kind in kinds.items() if kind == "plain" and name in values]


def labels_of(cells: pa.ChunkedArray) -> tuple[pa.Array, Any] | None:
    """Return the labels of a column one below the other, and the row of each; None for a column of another kind."""
    cells = cells.combine_chunks()
    rows = None
    if pa.types.is_list(cells.type) or pa.types.is_large_list(cells.type):
        cells, rows = pc.list_flatten(cells), pc.list_parent_indices(cells).to_numpy()
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_boolean(cells.type):
        cells = cells.cast(pa.string())
    return (cells, rows) if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type) else None


def _facet(cells: pa.ChunkedArray, kind: str) -> dict[str, Any] | None:
    """Return what can be chosen of one column; None where there is no choice."""
    if kind in LABELS and (labels := labels_of(cells)) is not None:
        return _values(labels[0], kind)
    if kind in RANGES and (
        pa.types.is_temporal(cells.type) or pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)
    ):
        return _range(cells)
    return None


def _values(labels: pa.Array, kind: str) -> dict[str, Any] | None:
    counted = pc.value_counts(labels.drop_null())
    if not len(counted) > 1 or (kind == "plain" and len(counted) > FEW):
        return None
    counts = sorted((-one["counts"].as_py(), one["values"].as_py()) for one in counted)[:MOST_VALUES]
    return {"values": [{"value": value, "items": -count} for count, value in counts if value]}


def _range(cells: pa.ChunkedArray) -> dict[str, Any] | None:
    if pa.types.is_floating(cells.type):
        cells = pc.if_else(pc.is_finite(cells), cells, None)
    ends = pc.min_max(cells).as_py()
    low, high = ends["min"], ends["max"]
    if low is None or low == high:
        return None
    if isinstance(low, int | float):
        return {"min": low, "max": high} if math.isfinite(low) and math.isfinite(high) else None
    return {"min": date_text(low), "max": date_text(high)} if hasattr(low, "year") else None
