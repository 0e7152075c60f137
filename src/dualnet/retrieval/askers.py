"""The user that a question is about: a stored history or one that is given, and the items that come with the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..errors import DataError, UsageError, counted, listing, shown
from ..ids import Key, Rows
from .catalogue import Brought, Catalogue, Weights
from .questions import Asker
from .recommendations import UserPath
from .unknown_ids import HISTORY, OTHERS, check_id, check_list, check_unknown, find_known
from .vectors import Matrix

NONE: Rows = np.empty(0, np.int64)
LATEST = 2**33  # seconds; larger numbers are milliseconds


@dataclass(frozen=True, eq=False)
class Asked:
    """A user as the catalogue knows it: rows of the history, columns, and items that came with the question.

    Parameters
    ----------
    rows : ndarray of int64
        The history, ascending; rows from the size of the catalogue on are of `extra`.
    resolved : {"known", "history", "columns"}
    readable : bool
        Whether the model can make something of the history or the columns; otherwise popularity answers.
    ignored : list
        Entries that the model cannot take account of, and ids that are not in the catalogue (`retrieval.unknown_ids`).
    extra : Brought, optional
        Items for this question only.
    seen : ndarray of int64
        What the user saw or disliked and did not like.
    columns : csr_array or ndarray, shape (1, n_user_features), optional
        Features of the columns.
    weights : ndarray of float32, optional
        What each row of the history counts; None where all count alike.
    """

    rows: Rows
    resolved: UserPath
    readable: bool
    ignored: list[Key]
    extra: Brought | None
    seen: Rows
    columns: Matrix | None
    weights: Weights = None

    @property
    def barred(self) -> Rows:
        """Items that are not listed by default: the history, and items that the user saw or disliked."""
        return np.union1d(self.rows, self.seen) if len(self.seen) else self.rows

    @property
    def why_unreadable(self) -> str:
        """One sentence for a question that popularity may not answer."""
        why = "no item of the history is known" if len(self.rows) or self.ignored else "the history is empty"
        return f"nothing is known of this user: {why}"

    def find(self, catalogue: Catalogue, keys: Sequence[Key], what: str) -> Rows:
        """Return the rows of items of the catalogue or of `extra`; raises `UnknownIdError` for others."""
        return _find(catalogue, self.extra, keys, what)


def resolve(catalogue: Catalogue, asker: Asker, extra: Brought | None = None) -> Asked:
    """Look up who asks.

    Parameters
    ----------
    catalogue : Catalogue
    asker : Asker
    extra : Brought, optional
        The items that come with the question, where they were brought before (`bring`).

    Raises
    ------
    UsageError
        For both or neither of user and history (columns alone stand for an empty history).
    UnknownIdError
        For a user or item that is not known.
    DataError, CapabilityError
        For new items that do not fit, or that the model cannot score.
    """
    alone = asker.user is None and asker.history is None and asker.user_columns is not None
    if (asker.user is None) == (asker.history is None) and not alone:
        raise UsageError("give either user (someone with a stored history) or history (what someone did)")
    if extra is None and len(asker.new_items):
        extra = bring(catalogue, asker)
    resolved: UserPath = "history"
    columns = None if asker.user_columns is None else catalogue.read_columns(asker.user_columns)
    check_unknown(asker.unknown)
    check_list(asker.seen, "seen")
    missing: list[Key] = []
    seen, weights = NONE, None
    if asker.times is not None and asker.history is None:
        raise UsageError("times= says when each item of history= happened; give it with a history")
    if len(asker.seen):
        seen = find_known(partial(_find, catalogue, extra, what="seen item"), asker.seen, asker.unknown or OTHERS, missing)
    if asker.user is not None:
        check_id(asker.user, "user", "; give several with users=[...]")
        rows, resolved = catalogue.history(asker.user), "known"
        weights = catalogue.history_weights(asker.user, rows)
        columns = catalogue.stored_columns(asker.user) if columns is None else columns
        stored = catalogue.seen(asker.user)
        seen = np.concatenate([seen, stored]) if len(stored) else seen
    elif asker.history is None:
        rows = NONE
    else:
        check_list(asker.history, "history")
        found = find_known(
            partial(_find, catalogue, extra, what="item in the history"), asker.history, asker.unknown or HISTORY, missing,
            "; give its content with new_items, or leave such ids out with unknown='ignore'",
        )  # fmt: skip
        rows = np.array(sorted(set(found.tolist())), np.int64)  # for a few rows faster than np.unique
        if asker.times is not None:
            weights = _weights(catalogue, extra, asker, rows)
    ignored: list[Key] = []
    if catalogue.reads_new:
        readable = len(rows) > 0
    else:
        own = rows[rows < catalogue.size]
        is_known = catalogue.known[own] >= 0
        readable = bool(is_known.any())
        ignored = catalogue.keys(own[~is_known].tolist())
        if extra is not None:
            ignored += extra.ids.take(rows[rows >= catalogue.size] - catalogue.size)
    if not readable and columns is not None and abs(columns).sum() > 0:
        readable, resolved = True, "columns"
    return Asked(rows, resolved, readable, [*ignored, *missing], extra, seen, columns, weights)


def _weights(catalogue: Catalogue, extra: Brought | None, asker: Asker, rows: Rows) -> Weights:
    """Return what the items of a given history count by their times; of an item that comes twice the later time counts."""
    history = list(asker.history or ())
    latest: dict[int, int] = {}
    for key, time in zip(history, check_times(asker.times, history), strict=True):
        row = -1 if extra is None else int(extra.ids.find([key])[0])
        row = catalogue.size + row if row >= 0 else catalogue.find(key)
        latest[row] = max(latest.get(row, 0), time)
    return catalogue.fading(np.array([latest[row] for row in rows.tolist()], np.int64))


def check_times(times: Any, history: Sequence[Key]) -> list[int]:
    """Return the times of the items of a history in whole seconds since 1970.

    Raises
    ------
    UsageError
        If there is not one for each item.
    DataError
        For one that is none.
    """
    if isinstance(times, str | bytes) or not hasattr(times, "__len__"):
        raise UsageError(f"times must be a list of seconds since 1970, one for each item of the history; got {shown(times)}")
    if len(times) != len(history):
        raise UsageError(
            f"times has {counted(len(times), '{entry|entries}')} for {counted(len(history), '{item|items}')} of the history;"
            " give one for each"
        )
    for value in times:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < LATEST:
            raise DataError(f"times: {shown(value)} is no time in seconds since 1970")
    return [int(value) for value in times]


def check_one_asker(*given: object) -> None:
    """Refuse a question of nobody or of several, of whom all but one must be None; raises `UsageError`."""
    if sum(who is not None for who in given) != 1:
        several = "; users= or histories= for many" if len(given) > 2 else ""
        raise UsageError(f"give either user= (someone seen in training) or history= (what someone did){several}")


def bring(catalogue: Catalogue, asker: Asker) -> Brought:
    """Return the items that come with a question, encoded.

    Raises
    ------
    DataError, CapabilityError
        As `Catalogue.bring`; also for an item that is in the catalogue already.
    """
    extra = catalogue.bring(asker.new_items)
    present = [key for key in extra.ids if catalogue.find(key) >= 0]
    if present:
        raise DataError(f"item {listing(present)} is already in the catalogue; give a new item a new id")
    return extra


def _find(catalogue: Catalogue, extra: Brought | None, keys: Sequence[Key], what: str) -> Rows:
    if extra is None:
        return catalogue.rows(keys, what)
    behind = extra.ids.find(keys)
    missing = [key for key, row in zip(keys, behind.tolist(), strict=True) if row < 0]
    found = behind + catalogue.size
    found[behind < 0] = catalogue.rows(missing, what)
    return found
