"""Content that arrives as JSON, turned into rows of the model's own columns; a request can never name a file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ..data.content import Content
from ..data.frames import table_of
from ..data.kinds import RowNames, cast_table, shown_kinds
from ..data.space import ItemSpace
from ..errors import CapabilityError, DataError, nearest, shown
from ..ids import IdMap, Key
from ..models.base import Recommender
from ..retrieval.questions import Columns, NewItem

SHOWN = 80  # characters of a value in an error text


def new_rows(model: Recommender, items: Sequence[NewItem]) -> ItemSpace:
    """Return new items as the model sees them: raw content and features, nothing of them known.

    Parameters
    ----------
    model : Recommender
        One that reads content.
    items : sequence of NewItem
        With distinct ids.

    Raises
    ------
    CapabilityError
        If the model cannot score new items.
    DataError
        For a column that does not exist, none at all, or a value that does not fit its column; the text names it.
    """
    if not model.capabilities.new_items or model.featurizer_ is None:
        raise CapabilityError(
            f"model '{model.name}' cannot score items that it did not see in training; serve one that reads content"
        )
    content = _content(model, items)
    features = model.featurizer_.transform(content, quiet=True)  # a row without a known word is the caller's choice
    return ItemSpace(content.ids, np.full(len(items), -1, np.int64), features, content)


def content_columns(model: Recommender) -> dict[str, str]:
    """Return the columns that content may have, each with its kind: text, tags, ..., dates, or plain for those only shown."""
    spec = None if model.featurizer_ is None else model.featurizer_.spec
    kinds: dict[str, str] = {}
    for kind in ("text", "tags", "categories", "numbers", "vectors", "bags", "images"):
        kinds |= dict.fromkeys(() if spec is None else getattr(spec, kind), kind)
    fitted = {} if model.featurizer_ is None else model.featurizer_.kinds
    kinds |= {name: "dates" for name, kind in fitted.items() if kind == "date"}
    raw = model.catalogue_.content
    for name in () if raw is None else raw.table.column_names:
        kinds.setdefault(name, "plain")
    return kinds


def tag_separators(model: Recommender) -> dict[str, str]:
    """Return what divided the tags of each column where they were text when the model was fitted."""
    known = {} if model.featurizer_ is None else model.featurizer_.known_tags
    return {name: tags.separators for name, tags in known.items() if tags.separators}


def user_columns(model: Recommender) -> dict[str, str]:
    """Return the columns of users that the model takes account of, each with its kind: categories or numbers."""
    spec = None if model.user_featurizer_ is None else model.user_featurizer_.spec
    return {} if spec is None else {name: kind for kind in ("categories", "numbers") for name in getattr(spec, kind)}


def new_ids(keys: Sequence[Key], like: IdMap, what: str) -> IdMap:
    """Return ids that came with a request; raises `DataError` if one is not of the kind of those that are there."""
    for key in keys:
        if isinstance(key, bool) or (len(like) and isinstance(key, int) != like.is_integer):
            raise DataError(
                f"{what} ids of this model are {'whole numbers' if like.is_integer else 'text'}, got {shown(key, 80)}"
            )
    return IdMap(list(keys))


def _content(model: Recommender, items: Sequence[NewItem]) -> Content:
    assert model.featurizer_ is not None
    spec, raw = model.featurizer_.spec, model.catalogue_.content
    known = content_columns(model)
    ids = new_ids([item.id for item in items], model.catalogue_.ids, "item")
    for item in items:
        for name in item.content:
            if name not in known:
                raise DataError(f"item {shown(item.id, 80)} has the content column {shown(name, 80)}, which this model has not."
                                f"{nearest(name[:SHOWN], known)}")  # fmt: skip
        if not any(item.content.get(name) is not None for name in spec.columns):
            raise DataError(f"item {shown(item.id, 80)} has no content; give at least one of {', '.join(spec.columns)}")
    matrices = {} if raw is None else raw.matrices
    columns: dict[str, list[Any]] = {}
    for name in known:
        if name not in matrices:
            columns[name] = [item.content.get(name) for item in items]
            if name in spec.images:
                columns[name] = [_picture(value, item) for value, item in zip(columns[name], items, strict=True)]
    # a request names its columns, so that a value that does not fit is refused even where nothing is learned from it
    kinds = shown_kinds(None if raw is None else raw.table) | model.featurizer_.kinds
    table = cast_table(table_of(columns), kinds, RowNames(ids.key, what="content"), model.featurizer_.known_tags)
    ready = {name: _matrix(name, matrix, items) for name, matrix in matrices.items()}
    return model.featurizer_.cast(Content(ids, table, spec, ready), raw)


def stored_contents(content: Content, items: Sequence[NewItem]) -> list[Columns]:
    """Return what is kept of new items: each column that was sent, as its kind has it, pictures in base64 as they came."""
    kept = {name for name in content.table.column_names if name not in content.spec.images}
    rows = content.table.select([name for name in content.table.column_names if name in kept]).to_pylist()
    return [
        {name: row[name] if name in kept else value for name, value in item.content.items()}
        for item, row in zip(items, rows or [{}] * len(items), strict=True)
    ]


def _matrix(name: str, like: Any, items: Sequence[NewItem]) -> Any:
    rows = np.zeros((len(items), like.shape[1]), np.float32)
    for row, item in enumerate(items):
        value = item.content.get(name)
        if value is None:
            continue
        if not isinstance(value, list) or len(value) != like.shape[1] or not all(_is_number(entry) for entry in value):
            raise DataError(f"content '{name}' of item {shown(item.id, 80)} must be a list of {like.shape[1]} numbers")
        rows[row] = value
    return csr_array(rows) if issparse(like) else rows


def _picture(value: Any, item: NewItem) -> bytes | None:
    if value is None or value == "":
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise DataError(f"the picture of item {shown(item.id, 80)} must be the bytes of a file in base64") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
