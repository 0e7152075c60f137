"""Finding items by title and users by id, for a person who types."""

from __future__ import annotations

import threading
import unicodedata
from typing import Any, Literal

import numpy as np

from ..data.title_search import TitleIndex
from .cards import card
from .catalogue import LiveCatalogue
from .replies import LONGEST_PAGE

UserOrder = Literal["longest", "typical"]


class TitleSearch:
    """Titles of one model's items, as `TitleIndex` finds them; a live item costs its own title."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index = TitleIndex()
        self._lineage: Any = None

    def find(self, catalogue: LiveCatalogue, query: str, *, limit: int = 20, offset: int = 0) -> dict[str, Any]:
        """Return ``{"items": [cards], "total": n, "mended": bool}``, the most popular first; an empty query finds everything."""
        with self._lock:  # its words must not grow while they are looked through
            titles = self._titles(catalogue).find(query, catalogue.size)
        gone = catalogue.dead | catalogue.hidden
        found = np.array([row for row in titles.rows if row not in gone], np.int64)
        order = found[np.argsort(-catalogue.popularity[found], kind="stable")]
        page = order[max(offset, 0) : max(offset, 0) + min(max(limit, 0), LONGEST_PAGE)]
        return {
            "items": [card(catalogue, row) for row in page.tolist()],
            "total": len(found),
            "mended": titles.mended and len(found) > 0,
        }

    def _titles(self, catalogue: LiveCatalogue) -> TitleIndex:
        """Return the titles; those of rows that another view has taken over are made anew."""
        if self._lineage is not catalogue.lineage:
            self._lineage, self._index = catalogue.lineage, TitleIndex()
        if len(self._index) < catalogue.size:
            self._index.extend(catalogue.lineage.titles[len(self._index) : catalogue.size])
        return self._index


def find_users(catalogue: LiveCatalogue, query: str, *, limit: int = 20, order: UserOrder = "longest") -> dict[str, Any]:
    """Return ``{"users": [{"user","events"}], "total": n}``: ids that contain the text.

    The longest histories come first; in the order "typical", those whose length is nearest to the median of all that hold
    something.
    """
    model, wanted = catalogue.model, unicodedata.normalize("NFC", query.strip()).casefold()
    rows = np.delete(np.arange(len(model.users_)), model.users_.find(list(catalogue.forgotten)))
    users = [*model.users_.take(rows), *catalogue.new_users]
    lengths = np.concatenate([np.diff(model.histories_.indptr)[rows], np.zeros(len(catalogue.new_users), np.int64)])
    place = {user: at for at, user in enumerate(users)} if catalogue.events else {}
    for user, events in catalogue.events.items():
        lengths[place[user]] = len(catalogue.history(user)) if user in catalogue.gone else lengths[place[user]] + len(events)
    found = np.array([at for at, user in enumerate(users) if wanted in str(user).casefold()], np.int64)
    taken = lengths[lengths > 0]
    rank = -lengths if order == "longest" or not len(taken) else np.abs(lengths - np.median(taken))
    first = found[np.argsort(rank[found], kind="stable")][: min(max(limit, 0), LONGEST_PAGE)]
    return {"users": [{"user": users[at], "events": int(lengths[at])} for at in first.tolist()], "total": len(found)}
