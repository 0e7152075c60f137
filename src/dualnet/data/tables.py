"""From the user's tables to a `Dataset`, and back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import DataError, DualNetWarning, UsageError, nearest
from ..ids import IdMap, Key
from .content import Content, ContentSpec
from .dataset import Dataset
from .delimited import STANDARD, TableForm
from .event_types import event_codes_of
from .featurizers.words import stop_words_of, tokenizer_name
from .id_columns import ids_of
from .interactions import Duplicates, Interactions
from .other_events import EVENT_TYPES, LIKE
from .read_table import LoadedTable, load_table, read_table
from .ready_vectors import read_matrix
from .table_values import numbers_of
from .times import check_time_format, times_of
from .write_table import write_table

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

__all__ = ["dataset_from_tables", "dataset_tables", "read_new_items", "read_table", "to_arrow", "write_table"]

Names = str | Sequence[str]
Ready = Mapping[str, Any]


def dataset_from_tables(
    events: IntoDataFrame | LoadedTable | str | Path,
    items: IntoDataFrame | LoadedTable | str | Path | None = None,
    *,
    user: str = "user_id",
    item: str = "item_id",
    text: Names = (),
    tags: Names = (),
    categories: Names = (),
    numbers: Names = (),
    vectors: Names | Ready = (),
    bags: Ready | None = None,
    images: Names = (),
    image_model: str | None = None,
    text_encoder: str = "tfidf",
    tokenizer: str | Callable[[str], Sequence[str]] = "unicode",
    stop_words: str | Path | Sequence[str] = "english",
    token_pattern: str | None = None,
    title: str | None = None,
    rating: str | None = None,
    threshold: float | None = None,
    unrated: float | None = None,
    event: str | None = None,
    weight: str | None = None,
    time: str | None = None,
    time_format: str = "auto",
    users: IntoDataFrame | LoadedTable | str | Path | None = None,
    user_categories: Names = (),
    user_numbers: Names = (),
    duplicates: Duplicates = "error",
    missing_content: Literal["error", "zero", "drop"] = "error",
    separator: str | None = None,
    encoding: str | None = None,
    comment: str | None = None,
    column_names: Names = (),
    item_column_names: Names = (),
    user_column_names: Names = (),
    name: str = "data",
    need_likes: bool = True,
) -> Dataset:
    """Build a data set from two tables; see `Dataset.from_tables`. Without `need_likes` other events are enough."""
    if missing_content not in ("error", "zero", "drop"):
        raise UsageError(f"missing_content must be 'error', 'zero' or 'drop', got {missing_content!r}")
    if (rating is None) != (threshold is None):
        raise UsageError(
            "a rating column needs a threshold (ratings from there on are positives), and a threshold a rating column"
        )
    check_time_format(time_format)
    form = TableForm(separator, encoding, comment)
    loaded = _load(events, "the events table", replace(form, columns=_names(column_names)))
    user_keys, item_keys = ids_of(loaded, user, "user"), ids_of(loaded, item, "item")
    kinds = event_codes_of(loaded, rating, threshold, event, unrated)
    likes = kinds == LIKE
    if need_likes and not likes.any():
        if event is not None:
            raise DataError(f"{loaded.name}: no event in column '{event}' is a like; nothing can be learned without any")
        raise DataError(f"{loaded.name}: no rating in column '{rating}' reaches the threshold {threshold:g}; lower it")
    keep = np.ones(len(user_keys), bool)
    weights = None if weight is None else numbers_of(loaded, weight)
    times = None if time is None else times_of(loaded, time, time_format)
    content: Content | None = None
    if items is not None:
        spec = ContentSpec(
            text=_names(text), tags=_names(tags), categories=_names(categories), numbers=_names(numbers), vectors=tuple(vectors) if isinstance(vectors, Mapping) else _names(vectors),
            bags=tuple(bags or ()), images=_names(images), image_model=image_model, text_encoder=text_encoder,
            tokenizer=tokenizer_name(tokenizer), stop_words=stop_words_of(stop_words), token_pattern=token_pattern, title=title,
        )  # fmt: skip
        given = {**(vectors if isinstance(vectors, Mapping) else {}), **(bags or {})}
        ready = {block: source for block, source in given.items() if source is not None}  # None: a list column of the table
        content = _content(_load(items, "the items table", replace(form, columns=_names(item_column_names))), item, spec, ready)
        if isinstance(items, str | Path):
            content = _beside(content, Path(items).expanduser().parent)
        item_keys, content = _one_kind(item_keys, content)
        present = content.ids.find(item_keys) >= 0
        lost = likes & ~present
        if lost.any() and missing_content == "drop":
            dropped = int(lost.sum())
            warnings.warn(f"{dropped:,} events of items without a content row were left out", DualNetWarning, stacklevel=3)
        elif lost.any() and missing_content == "zero":
            content = _with_empty_rows(content, item_keys[lost].tolist())
            present = content.ids.find(item_keys) >= 0
        # an item that nobody likes and that has no row cannot be listed anyway
        keep = present if missing_content == "drop" else present | likes
    elif any((text, tags, categories, numbers, vectors, bags, images)):
        raise UsageError("content columns were named, but no items table was given; pass items= (--items on the command line)")
    profile: Content | None = None
    if users is not None:
        user_spec = ContentSpec(categories=_names(user_categories), numbers=_names(user_numbers))
        profile = _content(_load(users, "the users table", replace(form, columns=_names(user_column_names))), user, user_spec)
        present = profile.ids.find(user_keys) >= 0
        if missing_content == "drop" and not present[keep].all():
            dropped = int((keep & ~present).sum())
            warnings.warn(f"{dropped:,} events of users without a row were left out", DualNetWarning, stacklevel=3)
            keep &= present
        elif missing_content == "zero" and not present.all():
            profile = _with_empty_rows(profile, user_keys[~present].tolist())
    if not keep.all():
        user_keys, item_keys = user_keys[keep], item_keys[keep]
    interactions = Interactions.from_pairs(
        user_keys,
        item_keys,
        weights=None if weights is None else weights[keep],
        times=None if times is None else times[keep],
        item_ids=None if content is None else _covering(content, item_keys),
        types=kinds[keep],
        duplicates=duplicates,
    )
    if content is not None:
        content = content.align(interactions.items)
    if profile is not None:
        profile = profile.align(interactions.users, "user")
    return Dataset(interactions, content, profile, name)


def dataset_tables(data: Dataset) -> dict[str, pa.Table]:
    """Return a data set as tables ``events`` (user_id, item_id, weight, time) and, with content, ``items``.

    Where there are events that are not likes, ``events`` has a column ``type`` (see `Dataset.from_tables`, `event`). Ready
    matrices that are not table columns (bags of words) are left out. What users wrote about items (`pair_texts`) stands with
    the events it belongs to.
    """
    interactions, others = data.interactions, data.interactions.others
    user_rows, item_rows = interactions.pairs()
    weights, times = interactions.matrix.data, interactions.times
    types, no_text = None, 0
    if others is not None:
        other_users, other_items = others.pairs()
        user_rows, item_rows = np.concatenate([user_rows, other_users]), np.concatenate([item_rows, other_items])
        weights = np.concatenate([weights, np.ones(len(others), np.float32)])
        if times is not None:
            times = None if others.times is None else np.concatenate([times, others.times])
        names = np.array(list(EVENT_TYPES))
        types = names[np.concatenate([np.zeros(interactions.n_pairs, np.uint8), others.kinds.data])]
        no_text = len(others)
    columns: dict[str, Any] = {
        "user_id": interactions.users.take(user_rows), "item_id": interactions.items.take(item_rows), "weight": weights
    }  # fmt: skip
    if times is not None:
        columns["time"] = times
    if types is not None:
        columns["type"] = types
    columns |= {
        name: pa.concat_arrays([texts, pa.nulls(no_text, texts.type)]) if no_text else texts
        for name, texts in data.pair_texts.items()
    }
    tables = {"events": pa.table(columns)}
    if data.items is not None:
        tables["items"] = data.items.table.drop_columns(list(data.pair_texts)).add_column(
            0, "item_id", pa.array(data.items.ids.keys)
        )
    return tables


def read_new_items(path: Path, model: Any, item: str = "item_id") -> Content:
    """Read a table of new items with an id column and the content columns of a fitted model.

    Parameters
    ----------
    path : Path
        The table.
    model : Recommender
        One that reads content.
    item : str
        The id column; ``item_id`` is taken too.

    Raises
    ------
    DataError
        If a column is missing.
    CapabilityError
        If the model reads no content.
    """
    from ..errors import CapabilityError

    if model.featurizer_ is None:
        raise CapabilityError(
            f"model '{model.name}' cannot score items that it did not see in training; use one that reads content"
        )
    loaded = load_table(path)
    if item not in loaded.table.column_names and "item_id" in loaded.table.column_names:
        item = "item_id"
    elif item not in loaded.table.column_names:
        found = ", ".join(loaded.table.column_names)
        raise DataError(f"{path} has no item column '{item}'; found {found}. Call the column with the ids item_id")
    keys: list[Key] = ids_of(loaded, item, "item").tolist()
    if model.catalogue_.ids.is_integer and all(isinstance(key, str) for key in keys):
        keys = [model.catalogue_.ids.parse(str(key)) for key in keys]
    elif not model.catalogue_.ids.is_integer:
        keys = [str(key) for key in keys]
    return _beside(Content(IdMap(keys), loaded.table.drop_columns([item]), model.featurizer_.spec), path.parent)


def to_arrow(frame: Any) -> pa.Table:
    """Return a pandas, Polars or Arrow data frame as an Arrow table.

    Raises
    ------
    DataError
        If it is none of these.
    """
    if isinstance(frame, pa.Table):
        return frame
    import narwhals as nw

    try:
        eager = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise DataError(f"expected a pandas, Polars or Arrow table or a file path, got {type(frame).__name__}") from error
    table = eager.to_arrow()
    return table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])


def _load(source: Any, name: str, form: TableForm = STANDARD) -> LoadedTable:
    if isinstance(source, LoadedTable):
        return source
    if isinstance(source, str | Path):
        return load_table(source, form)
    table = to_arrow(source)
    if table.num_rows == 0:
        raise DataError(f"{name} has no rows")
    return LoadedTable(table, name)


def _array(values: list[Key]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _content(loaded: LoadedTable, column: str, spec: ContentSpec, ready: Ready | None = None) -> Content:
    keys: list[Key] = ids_of(loaded, column, "id").tolist()
    matrices = {name: read_matrix(source, name, len(keys)) for name, source in (ready or {}).items()}
    first: dict[Key, int] = {}
    table = loaded.table.drop_columns([column])
    keep = []
    for row, key in enumerate(keys):
        if key not in first:
            first[key] = row
            keep.append(row)
        elif table.slice(row, 1).to_pylist() != table.slice(first[key], 1).to_pylist():
            raise DataError(f"{loaded.place(row)}: id {key!r} occurs again with other content; keep one row for each id")
    if len(keep) < len(keys):
        warnings.warn(
            f"{loaded.name}: {len(keys) - len(keep):,} repeated rows of the same id were dropped", DualNetWarning, stacklevel=4
        )
        table = table.take(pa.array(keep))
        matrices = {name: matrix[keep] for name, matrix in matrices.items()}
    for name in spec.columns:
        if name not in table.column_names and name not in matrices:
            raise DataError(
                f"{loaded.name} has no content column '{name}'; found {', '.join(table.column_names)}.{nearest(name, table.column_names)}"
            )
    if not spec.columns:
        raise UsageError(
            f"no content column of {loaded.name} was named; say which of {', '.join(table.column_names)} are text, tags, categories or numbers"
        )
    return Content(IdMap([keys[row] for row in keep]), table, spec, matrices)


def _beside(content: Content, folder: Path) -> Content:
    """Look for pictures with a relative path in the folder of the table that names them."""
    table = content.table
    for name in content.spec.images:
        cells = table.column(name).to_pylist()
        found = [str(folder / cell) if isinstance(cell, str) and cell else cell for cell in cells]
        table = table.set_column(table.column_names.index(name), name, pa.array(found))
    return replace(content, table=table)


def _one_kind(item_keys: NDArray[Any], content: Content) -> tuple[NDArray[Any], Content]:
    """Make ids text on both sides where one file has text and the other integers; 7 becomes '7', never '007'."""
    events_are_text = isinstance(item_keys[0], str)
    if events_are_text and content.ids.is_integer:
        content = Content(IdMap([str(key) for key in content.ids]), content.table, content.spec, content.matrices)
    elif not events_are_text and not content.ids.is_integer:
        item_keys = _array([str(key) for key in item_keys.tolist()])
    return item_keys, content


def _covering(content: Content, keys: NDArray[Any]) -> IdMap:
    """Return the sorted ids of the content, after making sure that every event's item is among them."""
    ids, _ = IdMap.from_values(content.ids.keys)
    missing = sorted(set(keys[ids.find(keys) < 0].tolist()))
    if missing:
        raise DataError(
            f"{len(missing):,} items of the events have no row in the items table, such as {missing[0]!r}; add the rows, or pass"
            " missing_content='zero' (empty content) or missing_content='drop' (leave their events out); on the command line"
            " --missing-content"
        )
    return ids


def _with_empty_rows(content: Content, keys: list[Key]) -> Content:
    fresh = sorted(set(keys))
    if content.matrices:
        raise UsageError("missing_content='zero' cannot invent ready vectors; add the rows, or pass missing_content='drop'")
    empty = pa.table({field.name: pa.nulls(len(fresh), field.type) for field in content.table.schema})
    return Content(content.ids.extend(fresh), pa.concat_tables([content.table, empty]), content.spec, content.matrices)


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) and names else tuple(names)
