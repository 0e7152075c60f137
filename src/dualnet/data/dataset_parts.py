"""Interactions, item content and user content read from tables: the parts that a `Dataset` is put together from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, counted, warn
from ..ids import Key
from ..typed_values import path_of
from .content import Content
from .content_tables import beside, content_of_table, covering, one_kind_of_ids, with_empty_rows
from .dependent_arguments import refuse_alone, refuse_form
from .event_types import event_codes_of, event_weights_in
from .event_weights import LIKE
from .id_columns import IdColumn, id_column_of
from .interactions import Interactions
from .read_table import LoadedTable, load_source
from .table_spec import TableSpec
from .table_values import numbers_of
from .times import times_of


class Parts(NamedTuple):
    """Parts of a `Dataset`; content has the ids of the interactions, in their order."""

    interactions: Interactions
    items: Content | None
    users: Content | None


@dataclass(frozen=True, eq=False)
class _Events:
    """Columns of a table of events; `kinds` says which of them are likes."""

    users: IdColumn
    items: IdColumn
    kinds: NDArray[np.uint8]
    weights: NDArray[np.float64] | None
    times: NDArray[np.int64] | None

    def keep(self, mask: NDArray[np.bool_]) -> _Events:
        """Return some of the events."""
        if mask.all():
            return self
        weights = None if self.weights is None else self.weights[mask]
        times = None if self.times is None else self.times[mask]
        return _Events(self.users.take(mask), self.items.take(mask), self.kinds[mask], weights, times)


def read_parts(events: Any, items: Any, users: Any, spec: TableSpec, *, need_likes: bool = True) -> Parts:
    """Return interactions and content of tables; see `Dataset.from_tables`.

    Parameters
    ----------
    events, items, users : path, LoadedTable, table in memory, or None
        Tables; without items or users there is no such content.
    spec : TableSpec
        What their columns mean.
    need_likes : bool
        Whether there must be a like; else other events are enough.

    Raises
    ------
    UsageError
        For arguments that do not go together.
    DataError
        For a file, row or value that cannot be used.
    """
    refuse_alone({**vars(spec), "items": items, "users": users})
    spec.check()
    tables = [load_source(events, "the events table", spec.form(spec.column_names))]
    found = _events(tables[0], spec, need_likes)
    content = profile = None
    if items is not None:
        tables.append(load_source(items, "the items table", spec.form(spec.item_column_names)))
        content = content_of_table(tables[-1], spec.item, keys_of(tables[-1], spec.item), spec.content, spec.ready)
        if isinstance(items, str | os.PathLike):
            content = beside(content, path_of(items, "items").parent)
        found, content = _with_items(found, content, spec)
    elif spec.names_content:
        raise UsageError("content columns were named, but no items table was given; pass items= (--items on the command line)")
    if users is not None:
        tables.append(load_source(users, "the users table", spec.form(spec.user_column_names)))
        found, profile = _with_users(found, tables[-1], spec)
    refuse_form(
        {"separator": spec.separator, "comment": spec.comment, "encoding": spec.encoding, "decimal": spec.decimal}, tables
    )
    tables.clear()  # the text of millions of rows makes room
    return _joined(found, content, profile, spec)


def _events(loaded: LoadedTable, spec: TableSpec, need_likes: bool) -> _Events:
    users, items = id_column_of(loaded, spec.user, "user"), id_column_of(loaded, spec.item, "item")
    by_type = spec.weights_of_types
    kinds = event_codes_of(
        loaded, spec.rating, spec.threshold, spec.event, spec.unrated, tuple(spec.likes), need_likes, by_type
    )  # fmt: skip
    if need_likes and not (kinds == LIKE).any():
        if spec.event is not None:
            raise DataError(f"{loaded.name}: no event in column '{spec.event}' is a like; nothing can be learned without any")
        raise DataError(
            f"{loaded.name}: no rating in column '{spec.rating}' reaches the threshold {spec.threshold:g}; lower it"
        )
    largest = float(np.finfo(np.float32).max)
    weights = None if spec.weight is None else numbers_of(loaded, spec.weight, largest=largest)
    weights = event_weights_in(loaded, spec.event, by_type, weights)
    times = None if spec.time is None else times_of(loaded, spec.time, spec.time_format)
    return _Events(users, items, kinds, weights, times)


def _with_items(events: _Events, content: Content, spec: TableSpec) -> tuple[_Events, Content]:
    """Return the events whose items have content, and content of the ids' kind, by `missing_content`."""
    items, content = one_kind_of_ids(events.items, content)
    events = _Events(events.users, items, events.kinds, events.weights, events.times)
    liked, present = events.kinds == LIKE, items.rows_in(content.ids) >= 0
    lost = liked & ~present
    if spec.missing_content == "drop":
        if lost.any():
            warn(counted(int(lost.sum()), "{event|events} of items without a content row {was|were} left out"))
        return events.keep(present), content
    if lost.any() and spec.missing_content == "zero":
        content = with_empty_rows(content, items.take(lost).distinct())
        present = items.rows_in(content.ids) >= 0
    return events.keep(present | liked), content  # an item that nobody likes and that has no row cannot be listed anyway


def _with_users(events: _Events, known: LoadedTable, spec: TableSpec) -> tuple[_Events, Content]:
    """Return the events whose users have a row, and the columns of the users, by `missing_content`."""
    columns = spec.user_content
    if not columns.columns:
        others = ", ".join(name for name in known.table.column_names if name != spec.user)
        remedy = f"say which of {others} count, with user_categories= or user_numbers=" if others else "leave it out"
        raise UsageError(f"no column of {known.name} {'was named' if others else 'says anything of users'}; {remedy}")
    content = content_of_table(known, spec.user, keys_of(known, spec.user), columns)
    users, content = one_kind_of_ids(events.users, content)
    events = _Events(users, events.items, events.kinds, events.weights, events.times)
    present = users.rows_in(content.ids) >= 0
    if spec.missing_content == "drop" and not present.all():
        warn(counted(int((~present).sum()), "{event|events} of users without a row {was|were} left out"))
        events = events.keep(present)
    elif spec.missing_content == "zero" and not present.all():
        content = with_empty_rows(content, users.take(~present).distinct())
    return events, content


def keys_of(loaded: LoadedTable, column: str) -> list[Key]:
    """Return the ids of a table of items or users, one for each row."""
    return id_column_of(loaded, column, "id").values().tolist()


def _joined(events: _Events, content: Content | None, profile: Content | None, spec: TableSpec) -> Parts:
    if not len(events.kinds):
        raise DataError("there are no pairs; an empty table cannot be used")
    users, user_rows = events.users.id_map()
    if content is None:
        items, item_rows = events.items.id_map()
    else:
        items = covering(content, events.items)
        item_rows = events.items.rows_in(items)
    interactions = Interactions.from_rows(
        users, items, user_rows, item_rows,
        weights=events.weights, times=events.times, kinds=events.kinds, duplicates=spec.repeated,
    )  # fmt: skip
    return Parts(
        interactions,
        None if content is None else content.align(interactions.items),
        None if profile is None else profile.align(interactions.users, "user"),
    )
