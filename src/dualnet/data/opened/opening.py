"""A folder of Parquet parts as interactions and content: ids are counted part by part, then each event goes to its user."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import DataError, DualNetWarning, UsageError, listing, warn
from ...files import replaced_folder
from ..content import Content
from ..content_tables import beside, content_of_table
from ..dataset_parts import Parts, keys_of
from ..dates import EDGES
from ..event_types import event_codes_of, event_weights_in, types_by_name
from ..event_weights import LIKE
from ..interactions import Interactions
from ..read_table import LoadedTable, load_source
from ..table_spec import TableSpec
from ..table_values import chunks_of, numbers_of
from ..times import BANDS, REMEDY, times_of
from .batches import Batch, batches, columns_of, refuse_other_schemas, whole
from .content_sides import Side, item_side, user_side
from .layout import Part, layout_of
from .mapped import MappedFolder, is_kept, kept_folder, reading_kept, temporary_folder, write_about
from .matrix import EventFiles, EventRows, read_interactions
from .places import place_of
from .tasks import Task, in_order, tasks_of
from .vocabulary import Counts, Keys, coded_ids

VERSION = 1  # of the files of a cache
_NUMBER = re.compile(r"\d[\d,]*")


class Ranks(Protocol):
    """One of several processes, each of which holds some of the users, such as a `Collectives`."""

    @property
    def rank(self) -> int:
        """Which process, from 0."""

    @property
    def size(self) -> int:
        """How many processes."""


@dataclass(frozen=True)
class One:
    """The only process."""

    rank: int = 0
    size: int = 1


@dataclass(frozen=True, eq=False)
class _Events:
    """The parts of the events, and how they are read; `told` has the kinds of warnings that were given."""

    name: str
    parts: Sequence[Part]
    spec: TableSpec
    workers: int
    told: set[str] = field(default_factory=set)

    @property
    def columns(self) -> list[str]:
        """Columns that are read."""
        spec = self.spec
        return [name for name in (spec.user, spec.item, spec.rating, spec.event, spec.weight, spec.time) if name is not None]

    def kinds(self, rows: LoadedTable) -> Any:
        """Return the kind of each event."""
        spec = self.spec
        likes, weights = tuple(spec.likes), spec.weights_of_types
        return event_codes_of(rows, spec.rating, spec.threshold, spec.event, spec.unrated, likes, False, weights)


def open_parts(
    source: str | Path, items: Any, users: Any, spec: TableSpec, *, cache: Path | None, workers: int, ranks: Ranks | None
) -> Parts:
    """Return interactions and content of a folder of Parquet parts; see `Dataset.open`."""
    _check(spec, workers)
    place = place_of(source)
    layout = layout_of(place)
    given = {"items": layout.items, "users": layout.users} | {
        name: table for name, table in (("items", items), ("users", users)) if table is not None
    }
    events = _Events(place.name, layout.events, spec, workers)
    _check_columns(events)
    content = _content(given["items"], spec, place.name)
    profile = _profile(given["users"], spec, place.name)
    ranks = ranks or One()
    with _folder_of(events, content, profile, cache, ranks) as (folder, is_there):
        if not is_there:
            return _read(events, content, profile, folder, ranks)
        with reading_kept(folder.folder):
            interactions = read_interactions(folder)
    return _aligned(
        interactions, _sides((interactions.items.arrow(), interactions.users.arrow()), None, content, profile, spec)
    )


def _sides(
    keys: tuple[Keys, Keys], counts: tuple[Any, Any] | None, content: Content | None, profile: Content | None, spec: TableSpec
) -> tuple[Side, Side]:
    """Return the sides of items and of users; without counts every id has a like, and a row."""
    items, users = (np.ones((2, len(some)), np.int64) for some in keys) if counts is None else counts
    return item_side(keys[0], items, content, spec.missing_content), user_side(keys[1], users, profile, spec.missing_content)


def _aligned(interactions: Interactions, sides: tuple[Side, Side]) -> Parts:
    profile = sides[1].content
    return Parts(interactions, sides[0].content, None if profile is None else profile.align(interactions.users, "user"))


def _check(spec: TableSpec, workers: int) -> None:
    spec.check()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"workers must be a whole number of at least 1, got {workers!r}")
    said = {
        "separator": spec.separator, "encoding": spec.encoding, "comment": spec.comment, "decimal": spec.decimal, "column_names": spec.column_names,
        "item_column_names": spec.item_column_names, "user_column_names": spec.user_column_names,
    }  # fmt: skip
    for name, value in said.items():
        if value:
            raise UsageError(
                f"{name}= says how text tables are written, and parts are Parquet, which says it itself; leave it out"
            )


def _check_columns(events: _Events) -> None:
    """Refuse a column that no part has, and parts of another schema, before anything is counted."""
    spec, first = events.spec, events.parts[0]
    named = LoadedTable(pa.table({name: pa.nulls(0) for name in columns_of(first)}), first.name)
    for what in ("user", "item", "rating", "event", "weight", "time"):
        column = getattr(spec, what)
        if column is not None:
            chunks_of(named, column, what)
    refuse_other_schemas(events.parts, events.columns, "events")


def _content(table: Any, spec: TableSpec, name: str) -> Content | None:
    """Return the content of the items, None where no column of theirs was named."""
    if not spec.names_content:
        _say_unused(table, "items", name, "text=, tags=, categories= or numbers=", spec.item)
        return None
    if isinstance(table, tuple) and not table:
        raise UsageError(
            f"content columns were named, but {name} has no items; write items.parquet there, or pass items= (--items on the command line)"
        )
    loaded = _loaded(table, "items")
    content = content_of_table(loaded, spec.item, keys_of(loaded, spec.item), spec.content, spec.ready)
    if isinstance(table, str | os.PathLike):
        return beside(content, Path(table).parent)
    local = isinstance(table, tuple) and not table[0].place.scheme
    return beside(content, Path(table[0].file.path).parent) if local else content


def _profile(table: Any, spec: TableSpec, name: str) -> Content | None:
    """Return the columns of the users, None where none was named."""
    if not spec.user_content.columns:
        _say_unused(table, "users", name, "user_categories= or user_numbers=", spec.user)
        return None
    if isinstance(table, tuple) and not table:
        raise UsageError(
            f"columns of users were named, but {name} has no users; write users.parquet there, or pass users= (--users)"
        )
    loaded = _loaded(table, "users")
    return content_of_table(loaded, spec.user, keys_of(loaded, spec.user), spec.user_content)


def _loaded(table: Any, what: str) -> LoadedTable:
    if isinstance(table, tuple):
        refuse_other_schemas(table, list(columns_of(table[0])), what)
        return whole(table)
    return load_source(table, f"the {what} table")


def _say_unused(table: Any, what: str, name: str, how: str, key: str) -> None:
    """Say that a table of the folder is not read; one that was given is an error."""
    if not isinstance(table, tuple):
        raise UsageError(f"no column of the {what} table was named; say which count, with {how}")
    names = [column for column in columns_of(table[0]) if column != key] if table else []
    if names:
        warn(
            f"the {what} of {name} are not read, as no column of theirs was named; say which of {listing(names, 6)} count, with {how}"
        )


@contextmanager
def _folder_of(
    events: _Events, content: Content | None, profile: Content | None, cache: Path | None, ranks: Ranks
) -> Iterator[tuple[MappedFolder, bool]]:
    """Give the folder of the mapped files, and whether they are there already.

    Without a cache the files have no name any more once they are mapped: the disk has their room again when the process ends.
    """
    if cache is None:
        folder = temporary_folder()
        try:
            yield MappedFolder(folder), False
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # Windows removes it at the end of the process
        return
    about = _about(events, content, profile, ranks)
    kept = kept_folder(cache, hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24])
    if is_kept(kept, about):
        yield MappedFolder(kept), True
        return
    with replaced_folder(kept, "what was read to ") as folder:
        yield MappedFolder(folder), False
        write_about(folder, about)


def _about(events: _Events, content: Content | None, profile: Content | None, ranks: Ranks) -> dict[str, Any]:
    """Return what decides the files of a cache."""
    names = (
        "user", "item", "rating", "threshold", "unrated", "event", "likes", "weight", "time", "time_format", "duplicates",
        "missing_content",
    )  # fmt: skip
    return {
        "version": VERSION,
        "parts": [[part.name, part.file.size, part.file.changed] for part in events.parts],
        "columns": {name: getattr(events.spec, name) for name in names}
        | ({"event_weights": by_type} if (by_type := events.spec.weights_of_types) else {}),
        "items": None if content is None else content.ids.fingerprint(),
        "users": None if profile is None else profile.ids.fingerprint(),
        "rank": [ranks.rank, ranks.size],
    }


def _read(events: _Events, content: Content | None, profile: Content | None, folder: MappedFolder, ranks: Ranks) -> Parts:
    """Read the events twice: to count the ids, and to write each event to its user."""
    spec, tasks = events.spec, tasks_of(events.parts)
    with _SummedWarnings(events.told):
        users, items, mixed = _count(events, tasks)
    merged = items.merged(), users.merged()
    item, user = _sides((merged[0][0], merged[1][0]), (merged[0][1], merged[1][1]), content, profile, spec)
    low, high = (len(user.ids) * rank // ranks.size for rank in (ranks.rank, ranks.rank + 1))
    counts = np.zeros(len(user.ids) + 1, np.int64)
    np.add.at(counts, user.row_of(np.arange(len(user.known))), merged[1][1].sum(axis=0))  # the last: events left out
    files = EventFiles(
        folder,
        counts[low:high],
        len(item.ids),
        with_kinds=mixed,
        with_weights=spec.weight is not None or bool(spec.weights_of_types),
        with_times=spec.time is not None,
    )

    def work(task: Task) -> list[EventRows]:
        found = (
            _rows(events, rows, user, item, low, high) for rows in batches(task.part, events.columns, task.groups, task.start)
        )
        return [rows for rows in found if len(rows.users)]

    with _SummedWarnings(events.told):
        for some in in_order(events.workers, work, tasks):
            for rows in some:
                files.put(rows)
        own = user.ids if ranks.size == 1 else user.ids.subset(np.arange(low, high))
        interactions = files.finish(own, item.ids, spec.repeated)
    if ranks.size == 1 and not interactions.n_users:
        raise DataError(
            f"{events.name}: no event is left, for no item or user of them has a row; add the rows, or pass missing_content='zero'"
        )
    return _aligned(interactions, (item, user))


def _count(events: _Events, tasks: Sequence[Task]) -> tuple[Counts, Counts, bool]:
    """Return the ids of users and items with their counts, and whether there are events that are no likes."""
    spec, users, items = events.spec, Counts("user"), Counts("item")
    words: dict[Any, None] = {}
    bands: dict[int, str] = {}

    def work(task: Task) -> list[tuple[Any, ...]]:
        found = []
        for rows in batches(task.part, events.columns, task.groups, task.start):
            words.update(
                dict.fromkeys(pc.unique(rows.table.column(spec.event)).to_pylist() if spec.event and spec.likes else ())
            )
            if spec.time is not None and spec.time_format == "auto":
                _check_band(rows, spec.time, bands)
            ids = (coded_ids(rows, spec.user, "user"), coded_ids(rows, spec.item, "item"))
            found.append((*ids, events.kinds(rows) == LIKE))
        return found

    liked = total = 0
    for some in in_order(events.workers, work, tasks):
        for user, item, likes in some:
            users.add(user, likes)
            items.add(item, likes)
            liked, total = liked + int(likes.sum()), total + len(likes)
    if not total:
        raise DataError(f"{events.name} has no events; an empty table cannot be used")
    if spec.event is not None and spec.likes:
        types_by_name(list(words), tuple(spec.likes), spec.event, events.name)
    if not liked:
        what = f"event in column '{spec.event}' is a like; nothing can be learned without any"
        rated = f"rating in column '{spec.rating}' reaches the threshold {spec.threshold}; lower it"
        raise DataError(f"{events.name}: no {what if spec.event is not None else rated}")
    return users, items, liked < total


def _check_band(rows: Batch, column: str, bands: dict[int, str]) -> None:
    """Refuse times of two units in different rows: each batch alone would be read by its own."""
    cells = rows.table.column(column)
    if not (pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)) or cells.null_count:
        return
    size = np.abs(cells.to_numpy().astype(np.float64))
    size = size[size > 0]
    if not len(size):
        return
    least, largest = np.searchsorted(EDGES, [size.min(), size.max()], side="right").tolist()
    first = next(iter(bands), least)
    if least == largest != first:
        raise DataError(
            f"{rows.place(0)}: times in column '{column}' look like {BANDS[least]}, and in {bands[first]} like {BANDS[first]}; bring them to"
            f" one unit, or {REMEDY}"
        )
    if least == largest:
        bands.setdefault(least, rows.name)


def _rows(events: _Events, rows: Batch, user: Side, item: Side, low: int, high: int) -> EventRows:
    """Return the events of some rows that belong to the users from `low` to `high`."""
    spec = events.spec
    found = []
    for side, column, what in ((user, spec.user, "user"), (item, spec.item, "item")):
        coded = coded_ids(rows, column, what)
        found.append(side.row_of(side.known.find(coded.keys))[coded.places])
    users, items = found
    kept = (users >= low) & (users < high) & (users >= 0) & (items >= 0)
    weights = None if spec.weight is None else numbers_of(rows, spec.weight, largest=float(np.finfo(np.float32).max))
    weights = event_weights_in(rows, spec.event, spec.weights_of_types, weights)
    times = None if spec.time is None else times_of(rows, spec.time, spec.time_format)
    return EventRows(
        users[kept] - low, items[kept], events.kinds(rows)[kept], None if weights is None else weights[kept],
        None if times is None else times[kept],
    )  # fmt: skip


class _SummedWarnings:
    """Gathers the warnings of many parts, and gives each kind once when all went well.

    Parameters
    ----------
    told : set of str
        Kinds that were given before and are not given again; those of now are added.
    """

    def __init__(self, told: set[str]) -> None:
        self.told = told
        self._catching = warnings.catch_warnings(record=True)

    def __enter__(self) -> None:
        self._found = self._catching.__enter__()
        warnings.simplefilter("always")

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self._catching.__exit__(kind, *error)
        if kind is None:
            self._give()

    def _give(self) -> None:
        first: dict[str, tuple[str, int]] = {}
        for one in self._found or ():
            if not issubclass(one.category, DualNetWarning):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
                continue
            text = str(one.message)
            before, total = first.get(_kind(text), (text, 0))
            first[_kind(text)] = (before, total + _leading(text))
        for name, (text, total) in first.items():
            if name not in self.told:
                number = _NUMBER.match(text)
                warn(text if number is None else f"{total:,}{text[number.end() :]}")
            self.told.add(name)


def _kind(text: str) -> str:
    """Return a warning without its numbers and examples."""
    return _NUMBER.sub("#", re.sub(r"such as .*?(?=;|\)|$)", "", text))


def _leading(text: str) -> int:
    found = _NUMBER.match(text)
    return int(found[0].replace(",", "")) if found else 0
