"""The ids of one side of the matrix: those that were counted, brought together with the rows of its content."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import counted, warn
from ...ids import IdMap
from ..content import Content
from ..content_tables import covering, one_kind_of_ids, with_empty_rows
from ..id_columns import IdColumn
from ..table_spec import MissingContent
from .vocabulary import Keys


class Side(NamedTuple):
    """Ids of the users or the items of the matrix.

    `known` maps the counted ids to places, `rows` gives the row of each place, -1 where its events are left out (None: place and row are
    one); `ids` has the rows.
    """

    known: IdMap
    rows: NDArray[np.int64] | None
    ids: IdMap
    content: Content | None

    def row_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of some places."""
        return places if self.rows is None else self.rows[places]


def item_side(keys: Keys, counts: NDArray[np.int64], content: Content | None, missing: MissingContent) -> Side:
    """Return the items; events of those without a content row go by `missing_content`, as in `Dataset.from_tables`.

    Parameters
    ----------
    keys : ndarray of int64 or pyarrow.Array
        All item ids of the events.
    counts : ndarray of int64, shape (2, n_items)
        Likes and other events of each.
    content : Content, optional
        Of the items table.
    missing : {"error", "zero", "drop"}
        What happens to items without a row.

    Raises
    ------
    DataError
        If a liked item has no row and that is an error.
    """
    known = IdMap(keys)
    if content is None:
        return Side(known, None, known, None)
    column, content = one_kind_of_ids(_column(known), content)
    liked, present = counts[0] > 0, column.rows_in(content.ids) >= 0
    if missing == "drop" and (liked & ~present).any():
        warn(counted(int(counts[0][~present].sum()), "{event|events} of items without a content row {was|were} left out"))
    if missing == "zero" and (liked & ~present).any():
        content = with_empty_rows(content, column.take(liked & ~present).distinct())
        present = column.rows_in(content.ids) >= 0
    ids = covering(content, column.take(present if missing == "drop" else present | liked))
    return Side(known, column.rows_in(ids), ids, content.align(ids))


def user_side(keys: Keys, counts: NDArray[np.int64], profile: Content | None, missing: MissingContent) -> Side:
    """Return the users; arguments as of `item_side`, and `profile` has the columns of the users.

    Raises
    ------
    DataError
        If a user has no row and that is an error.
    """
    known = IdMap(keys)
    if profile is None:
        return Side(known, None, known, None)
    column, profile = one_kind_of_ids(_column(known), profile)
    absent = column.rows_in(profile.ids) < 0
    if missing == "drop" and absent.any():
        warn(counted(int(counts[:, absent].sum()), "{event|events} of users without a row {was|were} left out"))
        column = column.take(~absent)
    elif missing == "zero" and absent.any():
        profile = with_empty_rows(profile, column.take(absent).distinct())
    ids, _ = column.id_map()
    return Side(known, IdColumn(column.keys, np.arange(len(column.keys))).rows_in(ids), ids, profile)


def _column(ids: IdMap) -> IdColumn:
    return IdColumn(np.asarray(ids.arrow().to_numpy(zero_copy_only=False)), np.arange(len(ids)))
