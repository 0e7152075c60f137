"""What the events that a run was fitted on say of a user that its model does not know."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..errors import DualNetError, DualNetWarning
from ..ids import Key
from .folder import EventColumns, read_data, read_event_columns

LARGEST = 200_000_000  # bytes of a file that is read again for one user


def events_of_user(run: Path, user: Key) -> tuple[str, int, int] | None:
    """Return the file that a run was fitted on, the events of a user in it, and how many of them are likes.

    Parameters
    ----------
    run : Path
        The folder of a run, or the folder `model` in it.
    user : str or int
        An id.

    Returns
    -------
    (str, int, int) or None
        Name of the file, events, likes; None where the run names no file, or one that cannot be read so any more, or that is long.
    """
    try:
        path = read_data(run)
        if path is None or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DualNetWarning)
            return path.name, *_counts(path, read_event_columns(run), user)
    except (DualNetError, OSError):
        return None


def like_condition(columns: EventColumns) -> str:
    """Return which events are likes, as far as a sentence needs it: ``"4 or more in 'rating'"``; empty where all are."""
    if columns.rating is not None and columns.threshold is not None:
        return f"{columns.threshold:g} or more in '{columns.rating}'"
    return "" if columns.event is None else f"a like by '{columns.event}'"


def _counts(path: Path, columns: EventColumns, user: Key) -> tuple[int, int]:
    import numpy as np
    import pyarrow as pa

    from ..data.delimited import TableForm
    from ..data.event_types import event_codes_of
    from ..data.event_weights import LIKE, event_weights_of
    from ..data.id_columns import ids_of
    from ..data.read_table import LoadedTable, load_table

    form = TableForm(columns.separator, columns.encoding, columns.comment, columns.column_names, decimal=columns.decimal)
    loaded = load_table(path, form)
    rows = np.flatnonzero([str(key) == str(user) for key in ids_of(loaded, columns.user, "user").tolist()])
    own = LoadedTable(loaded.table.take(pa.array(rows)), loaded.name, decimal=loaded.decimal)
    if not len(rows):
        return 0, 0
    weights = event_weights_of(columns.event_weights)
    codes = event_codes_of(
        own, columns.rating, columns.threshold, columns.event, columns.unrated, columns.likes, need_all=False, weights=weights
    )
    return len(rows), int((codes == LIKE).sum())
