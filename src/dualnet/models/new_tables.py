"""Tables of what is new since a model was fitted, with ids of the model's own kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.content import Content
from ..data.content_spec import ContentSpec
from ..data.content_tables import beside
from ..data.dataset_parts import read_parts
from ..data.decimal_commas import with_points
from ..data.delimited import STANDARD, TableForm
from ..data.dependent_arguments import refuse_unread
from ..data.features import Featurizer
from ..data.id_columns import ids_of
from ..data.interactions import Interactions
from ..data.kinds import RowNames, cast_table, shown_kinds
from ..data.read_table import load_source
from ..data.ready_vectors import ready_rows
from ..data.table_spec import TableSpec
from ..errors import DataError
from ..ids import IdMap, Key
from ..typed_values import path_of


def read_new_pairs(
    path: Path,
    users: IdMap,
    items: IdMap,
    *,
    user: str = "user_id",
    item: str = "item_id",
    rating: str | None = None,
    threshold: float | None = None,
    event: str | None = None,
    weight: str | None = None,
    unrated: float | None = None,
    form: TableForm = STANDARD,
    likes: Sequence[str] = (),
    event_weights: Sequence[str] = (),
    time: str | None = None,
    time_format: str | None = None,
) -> Interactions:
    """Read a table of new events.

    Parameters
    ----------
    path : Path
        Table as for `Dataset.from_tables`.
    users, items : IdMap
        The model's ids: where those are integers, text of a CSV file becomes integers, and the other way round.
    user, item, rating, threshold, event, weight, unrated
        As in `Dataset.from_tables`, but the table may have no like; of repeated pairs the largest weight counts.
    form : TableForm
        How a text table is written.
    likes : sequence of str
        Types of events that are likes, of which not all need occur.
    event_weights : sequence of str
        Weights of types instead, such as ``"buy=4"``.
    time, time_format : str, optional
        Column of times, which are kept where it is given.

    Raises
    ------
    DataError
        For a file, row or value that cannot be used.
    """
    loaded = load_source(path, "the events table", form)
    refuse_unread(form, loaded)
    spec = TableSpec(
        user=user, item=item, rating=rating, threshold=threshold, event=event, weight=weight, duplicates="max",
        unrated=unrated, likes=likes, event_weights=event_weights,
        time=time, time_format=time_format or "auto",
    )  # fmt: skip
    read = read_parts(loaded, None, None, spec, need_likes=False).interactions
    own_users, own_items = of_kind(read.users, users, path, user), of_kind(read.items, items, path, item)
    return Interactions(own_users, own_items, read.matrix, read.times, read.others)


def read_new_users(
    source: Any, users: IdMap, spec: ContentSpec, *, user: str = "user_id", form: TableForm = STANDARD
) -> Content:
    """Return a table of user columns, each stored as its kind has it.

    Parameters
    ----------
    source : path, or table in memory
        With a row for each user.
    users : IdMap
        The model's users, for the kind of the ids.
    spec : ContentSpec
        What the model was fitted with.
    user : str
        Id column.
    form : TableForm
        How a text table is written.

    Raises
    ------
    DataError
        If a column is missing, an id comes twice, or a value does not fit the kind of its column.
    """
    loaded = load_source(source, "the users table", form)
    refuse_unread(form, loaded)
    if user not in loaded.table.column_names:
        raise DataError(f"{loaded.name} has no user column '{user}'; found {', '.join(loaded.table.column_names)}")
    loaded = with_points(loaded, [name for name in loaded.table.column_names if spec.kinds.get(name) == "number"])
    found = of_kind(IdMap(ids_of(loaded, user, "user")), users, loaded.name, user)
    table = cast_table(loaded.table.drop_columns([user]), spec.kinds, RowNames(found.key, loaded.place))
    return Content(found, table, spec)


def of_kind(found: IdMap, known: IdMap, path: Path | str, column: str) -> IdMap:
    """Return ids as integers or text, as those of a model are.

    Raises
    ------
    DataError
        If the model's ids are integers and one of these is not.
    """
    if found.is_integer == known.is_integer or not len(known) or not len(found):
        return found
    if not known.is_integer:
        return IdMap([str(key) for key in found])
    parsed = [known.parse(str(key)) for key in found]
    wrong = next((key for key in parsed if isinstance(key, str)), None)
    if wrong is not None:
        raise DataError(f"{path}: id {wrong!r} in column '{column}' is text, and the ids of the model are integers")
    return IdMap(parsed)


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
    kinds = {**({} if fitted is None else shown_kinds(fitted.table)), **featurizer.spec.kinds}
    loaded = with_points(loaded, [name for name in found if kinds.get(name) == "number" and name != item])
    table, ready = loaded.table.drop_columns([item]), {}
    for name, matrix in {} if fitted is None else fitted.matrices.items():
        if name in table.column_names:
            ready[name] = ready_rows(table, name, matrix, RowNames(keys.__getitem__, loaded.place))
            table = table.drop_columns([name])
    content = Content(IdMap(keys), table, featurizer.spec, ready)
    content = featurizer.cast(content, fitted, loaded.place)
    return beside(content, path_of(source, "items").parent) if isinstance(source, str | os.PathLike) else content
