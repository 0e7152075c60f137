"""Content that a question brings: new items, and columns of users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ..data.content import Content, Matrix
from ..data.delimited import STANDARD, TableForm
from ..data.features import Featurizer
from ..data.frames import table_of
from ..data.kinds import RowNames, cast_table
from ..data.values import is_missing
from ..errors import CapabilityError, DataError, UsageError, nearest
from ..ids import IdMap, Key
from .core import Core

SHOWN = 80  # characters of a value in an error text


def cannot_score_new(model: Core) -> str:
    """Return one sentence for a model that is asked about items it did not see in training."""
    return f"model '{model.name}' cannot score items that it did not see in training; use one that reads content"


def as_content(
    content: Content | Any, model: Core, item: str = "item_id", form: TableForm = STANDARD, *, named: bool = False
) -> Content:
    """Return new items as content with the model's columns, each cast to the kind it was fitted with.

    Parameters
    ----------
    content : Content, table in memory, or path
        A table (as `Dataset.from_tables` takes it) has the id column ``item_id``.
    model : Core
    item, form, named
        How a table is read; see `new_tables.new_items`.

    Raises
    ------
    CapabilityError
        If the model reads no content.
    DataError
        If a column is missing, or a value does not fit the kind of its column.
    """
    if model.featurizer_ is None:
        if isinstance(content, Content):
            return content
        raise CapabilityError(cannot_score_new(model))
    fitted = model.catalogue_.content
    if isinstance(content, Content):
        return model.featurizer_.cast(content, fitted)
    from .new_tables import new_items

    return new_items(content, model.catalogue_.ids, model.featurizer_, fitted, item, form, named=named)


def as_user_content(users: Content | Any, model: Core) -> Content:
    """Return columns of users as content; arguments and errors as in `as_content`, with the id column ``user_id``."""
    if isinstance(users, Content):
        return users
    from .new_tables import read_new_users

    return read_new_users(users, model.users_, _reads_columns(model).spec)


def user_row(model: Core, columns: Any) -> Matrix:
    """Return the features of the columns of one user, shape (1, n_user_features).

    Parameters
    ----------
    model : Core
    columns : mapping, csr_array or ndarray
        Column to value, or features already.

    Raises
    ------
    CapabilityError
        If the model was fitted without user columns.
    DataError
        For a column that the model does not have, a value that does not fit it, or no value at all.
    """
    if isinstance(columns, np.ndarray) or issparse(columns):
        featurizer = _reads_columns(model)
        if columns.shape != (1, featurizer.n_features):
            raise DataError(
                f"features of user columns have shape {columns.shape}, expected {(1, featurizer.n_features)}; give a mapping of"
                " column to value"
            )
        return columns
    if not isinstance(columns, Mapping):
        raise UsageError(f"user_columns must be a mapping of column to value, got a {type(columns).__name__}")
    return user_rows(model, [columns])


def user_rows(model: Core, columns: Any, users: Sequence[Key] | None = None) -> Matrix:
    """Return the features of the columns of several users, shape (n, n_user_features).

    Parameters
    ----------
    model : Core
    columns : sequence of mapping, or data frame
        One row each: column to value; a data frame (pandas, Polars, Arrow) may have the id column ``user_id``.
    users : sequence of str or int, optional
        Whose rows they are, where there is an id column; rows in another order are put in this one.

    Raises
    ------
    CapabilityError, DataError
        As `user_row`; also for a user without a row.
    """
    featurizer = _reads_columns(model)
    if isinstance(columns, Mapping):
        raise UsageError("user_columns of several users must be a table or a list of mappings, a row for each; got one mapping")
    if not isinstance(columns, Sequence) or isinstance(columns, str):
        columns = _table_rows(columns, users)
    known = featurizer.spec.columns
    for row in columns:
        if not isinstance(row, Mapping):
            raise UsageError(f"user_columns must have a mapping of column to value for each user, got a {type(row).__name__}")
        for name in row:
            if name not in known:
                raise DataError(
                    f"there is no user column {str(name)[:SHOWN]!r} in this model.{nearest(str(name)[:SHOWN], known)}"
                )
        if all(is_missing(row.get(name)) for name in known):
            raise DataError(f"no user column has a value; give at least one of {', '.join(known)}")
    return featurizer.transform(_content(featurizer, columns), quiet=True)  # an unknown label is the caller's choice


def _reads_columns(model: Core) -> Featurizer:
    """Return what reads the columns of users; raises `CapabilityError` where the model has nothing of the kind."""
    if model.user_featurizer_ is None:
        raise CapabilityError(f"model '{model.name}' was fitted without user columns; it cannot take account of any")
    return model.user_featurizer_


def _table_rows(table: Any, users: Sequence[Key] | None) -> list[dict[str, Any]]:
    from ..data.frames import rows_of, to_arrow

    rows = rows_of(to_arrow(table))
    if users is None or not rows or "user_id" not in rows[0]:
        return [{name: value for name, value in row.items() if name != "user_id"} for row in rows]
    place: dict[Key, dict[str, Any]] = {}
    for row in rows:
        user = row.pop("user_id")
        if user in place:
            raise DataError(f"user {str(user)[:SHOWN]!r} has more than one row in user_columns; keep one")
        place[user] = row
    missing = [user for user in users if user not in place]
    if missing:
        raise DataError(f"user {str(missing[0])[:SHOWN]!r} has no row in user_columns; add the row")
    return [place[user] for user in users]


def _content(featurizer: Featurizer, rows: Sequence[Mapping[str, Any]]) -> Content:
    table = table_of({name: [row.get(name) for row in rows] for name in featurizer.spec.columns})
    table = cast_table(table, featurizer.kinds, RowNames(what="user column"))
    return Content(IdMap(np.arange(len(rows))), table, featurizer.spec)
