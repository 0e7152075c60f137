"""Who asks: a stored history or one given with the question, and items that come with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.space import ItemSpace
from ..errors import DataError, UsageError, listing
from ..ids import Key, Rows
from ..models.recommendations import UserPath
from ..retrieval.vectors import Vectors
from .catalogue import LiveCatalogue, check_finite
from .new_content import new_rows
from .questions import Asker


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
    extra : ItemSpace, optional
        Items for this question only.
    extra_vectors : Vectors, optional
        Their vectors.
    """

    rows: Rows
    resolved: UserPath
    readable: bool
    ignored: list[Key]
    extra: ItemSpace | None
    extra_vectors: Vectors | None

    @property
    def why_unreadable(self) -> str:
        """One sentence for a question that popularity may not answer."""
        why = "the history is empty" if len(self.rows) == 0 else "no item of the history is known"
        return f"nothing is known of this user: {why}"

    def find(self, catalogue: LiveCatalogue, keys: Sequence[Key], what: str) -> Rows:
        """Return the rows of items of the catalogue or of `extra`; raises `UnknownIdError` for others."""
        return _find(catalogue, self.extra, keys, what)


def resolve(catalogue: LiveCatalogue, asker: Asker) -> Asked:
    """Look up who asks.

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
    extra = vectors = None
    if asker.new_items:
        present = [item.id for item in asker.new_items if catalogue.find(item.id) >= 0]
        if present:
            raise DataError(f"item {listing(present)} is already in the catalogue; give a new item a new id")
        extra = new_rows(catalogue.model, asker.new_items)
        vectors = catalogue.model.encode_items(extra)
        check_finite(vectors, "vectors of new items")
    if asker.history is None:
        assert asker.user is not None
        rows, resolved = catalogue.history(asker.user), "known"
    else:
        if isinstance(asker.history, str):
            raise UsageError(f"history must be a list of item ids, got the text {asker.history[:80]!r}")
        found = _find(catalogue, extra, asker.history, "item in the history")
        rows, resolved = np.array(sorted(set(found.tolist())), np.int64), "history"  # for a few rows faster than np.unique
    reads_new = catalogue.reads_new
    ignored: list[Key] = []
    if reads_new:
        readable = len(rows) > 0
    else:
        own = rows[rows < catalogue.size]
        is_known = catalogue.known[own] >= 0
        readable = bool(is_known.any())
        ignored = catalogue.keys(own[~is_known].tolist())
        if extra is not None:
            ignored += extra.ids.take(rows[rows >= catalogue.size] - catalogue.size)
    return Asked(rows, "known" if resolved == "known" else "history", readable, ignored, extra, vectors)


def _find(catalogue: LiveCatalogue, extra: ItemSpace | None, keys: Sequence[Key], what: str) -> Rows:
    if extra is None:
        return catalogue.rows(keys, what)
    behind = {key: catalogue.size + place for place, key in enumerate(extra.ids)}
    missing = [key for key in keys if key not in behind]
    own = dict(zip(missing, catalogue.rows(missing, what).tolist(), strict=True))
    return np.array([behind[key] if key in behind else own[key] for key in keys], np.int64)
