"""From the user's tables to a `Dataset`, and back."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from scipy.sparse import issparse

from ..errors import CapabilityError, DataError, DualNetWarning, UsageError
from ..ids import IdMap, Key
from ..typed_values import path_of
from .content import Content, ContentSpec
from .content_tables import beside, content_of_table, covering, one_kind_of_ids, with_empty_rows
from .dataset import Dataset
from .delimited import STANDARD, TableForm
from .event_types import event_codes_of
from .features import Featurizer
from .featurizers.words import stop_words_of, tokenizer_name
from .frames import to_arrow
from .id_columns import ids_of
from .interactions import Duplicates, Interactions
from .kinds import RowNames
from .lone_arguments import refuse_alone, refuse_form, refuse_unread
from .other_events import EVENT_TYPES, LIKE
from .read_table import LoadedTable, load_table, read_table
from .ready_vectors import ready_rows
from .table_values import numbers_of
from .times import check_time_format, times_of
from .write_table import write_table

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

__all__ = ["dataset_from_tables", "dataset_tables", "new_items", "read_new_items", "read_table", "to_arrow", "write_table"]

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
    likes: Names = (),
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
    refuse_alone(locals())
    if missing_content not in ("error", "zero", "drop"):
        raise UsageError(f"missing_content must be 'error', 'zero' or 'drop', got {missing_content!r}")
    if (rating is None) != (threshold is None):
        raise UsageError(
            "a rating column needs a threshold (ratings from there on are positives), and a threshold a rating column; give rating= and"
            " threshold="
        )
    if threshold is not None and not (isinstance(threshold, int | float | np.number) and np.isfinite(threshold)):
        raise UsageError(f"threshold must be a finite number, got {threshold!r}")
    check_time_format(time_format)
    form = TableForm(separator, encoding, comment)
    user, item = str(user), str(item)
    if user == item:
        raise UsageError(f"user and item name the same column '{user}'; name the column of each (--user-column, --item-column)")
    loaded = load_source(events, "the events table", replace(form, columns=_names(column_names)))
    user_keys, item_keys = ids_of(loaded, user, "user"), ids_of(loaded, item, "item")
    kinds = event_codes_of(loaded, rating, threshold, event, unrated, _names(likes), need_likes)
    liked = kinds == LIKE
    if need_likes and not liked.any():
        if event is not None:
            raise DataError(f"{loaded.name}: no event in column '{event}' is a like; nothing can be learned without any")
        raise DataError(f"{loaded.name}: no rating in column '{rating}' reaches the threshold {threshold:g}; lower it")
    keep = np.ones(len(user_keys), bool)
    weights = None if weight is None else numbers_of(loaded, weight, largest=float(np.finfo(np.float32).max))
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
        listed = load_source(items, "the items table", replace(form, columns=_names(item_column_names)))
        content = _content(listed, item, spec, ready)
        if isinstance(items, str | os.PathLike):
            content = beside(content, path_of(items, "items").parent)
        item_keys, content = one_kind_of_ids(item_keys, content)
        present = content.ids.find(item_keys) >= 0
        lost = liked & ~present
        if lost.any() and missing_content == "drop":
            dropped = int(lost.sum())
            warnings.warn(f"{dropped:,} events of items without a content row were left out", DualNetWarning, stacklevel=3)
        elif lost.any() and missing_content == "zero":
            content = with_empty_rows(content, item_keys[lost].tolist())
            present = content.ids.find(item_keys) >= 0
        # an item that nobody likes and that has no row cannot be listed anyway
        keep = present if missing_content == "drop" else present | liked
    elif any((text, tags, categories, numbers, vectors, bags, images)):
        raise UsageError("content columns were named, but no items table was given; pass items= (--items on the command line)")
    profile: Content | None = None
    if users is not None:
        user_spec = ContentSpec(categories=_names(user_categories), numbers=_names(user_numbers))
        known = load_source(users, "the users table", replace(form, columns=_names(user_column_names)))
        if not user_spec.columns:
            others = ", ".join(name for name in known.table.column_names if name != user)
            remedy = f"say which of {others} count, with user_categories= or user_numbers=" if others else "leave it out"
            raise UsageError(f"no column of {known.name} {'was named' if others else 'says anything of users'}; {remedy}")
        profile = _content(known, user, user_spec)
        user_keys, profile = one_kind_of_ids(user_keys, profile)
        present = profile.ids.find(user_keys) >= 0
        if missing_content == "drop" and not present[keep].all():
            dropped = int((keep & ~present).sum())
            warnings.warn(f"{dropped:,} events of users without a row were left out", DualNetWarning, stacklevel=3)
            keep &= present
        elif missing_content == "zero" and not present.all():
            profile = with_empty_rows(profile, user_keys[~present].tolist())
    read = [loaded, *([] if items is None else [listed]), *([] if users is None else [known])]
    refuse_form({"separator": separator, "comment": comment, "encoding": encoding}, read)
    if not keep.all():
        user_keys, item_keys = user_keys[keep], item_keys[keep]
    interactions = Interactions.from_pairs(
        user_keys,
        item_keys,
        weights=None if weights is None else weights[keep],
        times=None if times is None else times[keep],
        item_ids=None if content is None else covering(content, item_keys),
        types=kinds[keep],
        duplicates=duplicates,
    )
    if content is not None:
        content = content.align(interactions.items)
    if profile is not None:
        profile = profile.align(interactions.users, "user")
    return Dataset(interactions, content, profile, name)


def dataset_tables(data: Dataset) -> dict[str, pa.Table]:
    """Return a data set as tables ``events`` (user_id, item_id, weight, time) and, where they are known, ``items`` and ``users``.

    Where there are events that are not likes, ``events`` has a column ``type`` (see `Dataset.from_tables`, `event`). Ready
    vectors become a list column; ready bags of words are left out. What users wrote about items (`pair_texts`) stands with
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
    for name, key, content in (("items", "item_id", data.items), ("users", "user_id", data.users)):
        if content is not None:
            table = content.table.drop_columns([text for text in data.pair_texts if text in content.table.column_names])
            for block in sorted(set(content.spec.vectors) & set(content.matrices) - set(table.column_names)):
                matrix = content.matrices[block]
                rows = np.asarray(matrix.toarray() if issparse(matrix) else matrix)
                table = table.append_column(block, pa.array(list(rows)))
            tables[name] = table.add_column(0, key, pa.array(content.ids.keys))
    return tables


def new_items(
    source: Any,
    ids: IdMap,
    featurizer: Featurizer,
    fitted: Content | None,
    item: str = "item_id",
    form: TableForm = STANDARD,
    *,
    named: bool = False,
) -> Content:
    """Return a table of new items as content whose columns have the kinds that were fitted, whatever type they come in.

    Parameters
    ----------
    source : path, or table in memory
        With an id column and the fitted content columns; ready vectors that were fitted may be a list column here.
    ids : IdMap
        Of the items there are: new ids become text or integers as those are.
    featurizer : Featurizer
        What reads the content.
    fitted : Content, optional
        The content there is, for columns that are no content.
    item : str
        The id column; ``item_id`` is taken too.
    form : TableForm
        How a text table is written.
    named : bool
        Whether that column was named for this very table: no other one is taken then.

    Raises
    ------
    DataError
        If a column is missing, or a value does not fit the kind of its column.
    """
    loaded = load_source(source, "the new items", form)
    refuse_unread(form, loaded)
    found = loaded.table.column_names
    if item not in found and (named or "item_id" not in found):
        remedy = "Name the one with the ids" if named else "Call the column with the ids item_id"
        raise DataError(f"{loaded.name} need an id column '{item}'; found {', '.join(found)}. {remedy}")
    item = item if item in found else "item_id"
    keys: list[Key] = ids_of(loaded, item, "item").tolist()
    if not ids.is_integer and len(ids):
        keys = [str(key) for key in keys]
    elif all(isinstance(key, str) for key in keys):
        keys = [ids.parse(str(key)) for key in keys]
    table, ready = loaded.table.drop_columns([item]), {}
    for name, matrix in {} if fitted is None else fitted.matrices.items():
        if name in table.column_names:
            ready[name] = ready_rows(table, name, matrix, RowNames(keys.__getitem__, loaded.place))
            table = table.drop_columns([name])
    content = Content(IdMap(keys), table, featurizer.spec, ready)
    content = featurizer.cast(content, fitted, loaded.place)
    return beside(content, path_of(source, "items").parent) if isinstance(source, str | os.PathLike) else content


def read_new_items(
    path: Path, model: Any, item: str = "item_id", form: TableForm = STANDARD, *, named: bool = False
) -> Content:
    """Return a file of new items as content for a fitted model; see `new_items`.

    Raises
    ------
    CapabilityError
        If the model reads no content.
    """
    if model.featurizer_ is None:
        raise CapabilityError(
            f"model '{model.name}' cannot score items that it did not see in training; use one that reads content"
        )
    return new_items(path, model.catalogue_.ids, model.featurizer_, model.catalogue_.content, item, form, named=named)


def _content(loaded: LoadedTable, column: str, spec: ContentSpec, ready: Ready | None = None) -> Content:
    return content_of_table(loaded, column, ids_of(loaded, column, "id").tolist(), spec, ready)


def load_source(source: Any, name: str, form: TableForm = STANDARD) -> LoadedTable:
    """Return a table from a file or from memory.

    Parameters
    ----------
    source : path, LoadedTable, or table in memory
        As `frames.to_arrow` takes it.
    name : str
        What a table in memory is called in error texts.
    form : TableForm
        How a text table is written, where that does not show.

    Raises
    ------
    DataError
        If there is no such file or table, or it has no rows.
    """
    if isinstance(source, str | os.PathLike):
        return load_table(path_of(source, name), form) if isinstance(source, os.PathLike) else load_table(source, form)
    if form.columns and not form.hinted:
        raise UsageError(f"{name} carries the names of its columns, so that names given would change nothing; leave them out")
    if isinstance(source, LoadedTable):
        return source
    table = to_arrow(source)
    if table.num_rows == 0:
        raise DataError(f"{name} has no rows")
    return LoadedTable(table, name)


def _names(names: Names) -> tuple[str, ...]:
    if isinstance(names, str | int):  # a data frame without names of its own counts its columns
        return (str(names),) if names != "" else ()
    return tuple(str(name) for name in names)
