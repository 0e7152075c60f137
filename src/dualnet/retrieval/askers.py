"""Who asks: a stored history or one given with the question, and items that come with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, UsageError, listing
from ..ids import Key, Rows
from .catalogue import Brought, Catalogue
from .questions import Asker
from .recommendations import UserPath


@dataclass(frozen=True, eq=False)
class Asked:
    """A resolved asker.

    Parameters
    ----------
    rows : ndarray of int64
        The history, ascending; rows from the size of the catalogue on are of `extra`.
    resolved : {"known", "history"}
    readable : bool
        Whether the model can make something of the history; otherwise popularity answers.
    ignored : list
        Entries that the model cannot take account of.
    extra : Brought, optional
        Items for this question only.
    seen : ndarray of int64
        What a stored user saw or disliked and did not like, ascending.
    """

    rows: Rows
    resolved: UserPath
    readable: bool
    ignored: list[Key]
    extra: Brought | None
    seen: Rows

    @property
    def barred(self) -> Rows:
        """What is not listed unless asked: the history, and what the user saw or disliked."""
        return np.union1d(self.rows, self.seen) if len(self.seen) else self.rows

    @property
    def why_unreadable(self) -> str:
        """One sentence for a question that popularity may not answer."""
        why = "the history is empty" if len(self.rows) == 0 else "no item of the history is known"
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
        For both or neither of user and history.
    UnknownIdError
        For a user or item that is not known.
    DataError, CapabilityError
        For new items that do not fit, or that the model cannot score.
    """
    if (asker.user is None) == (asker.history is None):
        raise UsageError("give either user (someone with a stored history) or history (what someone did)")
    if extra is None and len(asker.new_items):
        extra = bring(catalogue, asker)
    seen = np.empty(0, np.int64)
    if asker.history is None:
        assert asker.user is not None
        rows, resolved, seen = catalogue.history(asker.user), "known", catalogue.seen(asker.user)
    else:
        if isinstance(asker.history, str):
            raise UsageError(f"history must be a list of item ids, got the text {asker.history[:80]!r}")
        found = _find(catalogue, extra, asker.history, "item in the history")
        rows, resolved = np.array(sorted(set(found.tolist())), np.int64), "history"  # for a few rows faster than np.unique
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
    return Asked(rows, "known" if resolved == "known" else "history", readable, ignored, extra, seen)


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
