"""The filters of section 5 of the paper: items with few ratings and users with few ratings are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..ids import Rows
from .dataset import Dataset


@dataclass(frozen=True)
class CountFilter:
    """Leave out items with few events and users with few events.

    Removing one side changes the counts of the other, so the order matters, and only a filter that is repeated until
    nothing changes keeps both promises.

    Parameters
    ----------
    item_events : int
        An item needs at least this many events.
    user_events : int
        A user needs at least this many events.
    first : {"items", "users"}
        Which side is filtered first; the other is counted on what is left.
    repeat : bool
        Go on until both hold at once (the k-core).

    Raises
    ------
    UsageError
        If a count is negative or the order unknown.
    """

    item_events: int = 0
    user_events: int = 0
    first: Literal["items", "users"] = "items"
    repeat: bool = False

    def __post_init__(self) -> None:
        if min(self.item_events, self.user_events) < 0:
            raise UsageError(f"counts must be 0 or more, got items {self.item_events} and users {self.user_events}")
        if self.first not in ("items", "users"):
            raise UsageError(f"first must be 'items' or 'users', got {self.first!r}")

    def mask(self, users: Rows, items: Rows) -> NDArray[np.bool_]:
        """Return which events stay.

        Parameters
        ----------
        users, items : ndarray of int64, shape (n_events,)
            Row numbers of each event; a pair that occurs twice counts twice.

        Returns
        -------
        ndarray of bool, shape (n_events,)
        """
        sides = [(items, self.item_events), (users, self.user_events)]
        kept = np.ones(len(users), bool)
        while True:
            before = int(kept.sum())
            for rows, least in sides if self.first == "items" else reversed(sides):
                counts = np.bincount(rows[kept], minlength=int(rows.max(initial=-1)) + 1)
                kept &= counts[rows] >= least
            if not self.repeat or int(kept.sum()) == before:
                return kept

    def apply(self, data: Dataset) -> Dataset:
        """Return a data set with only the pairs that stay, and only the users and items that have one.

        Parameters
        ----------
        data : Dataset
            Its pairs are counted.

        Raises
        ------
        DataError
            If nothing is left.
        """
        kept = self.mask(*data.interactions.pairs())
        if not kept.any():
            raise DataError(
                f"no pair of data set '{data.name}' is left of items with {self.item_events} and users with"
                f" {self.user_events} events; ask for fewer"
            )
        return data.only(kept)


NONE = CountFilter()
MOVIELENS = CountFilter(user_events=10)
CIAO = CountFilter(item_events=5, user_events=10)
"""Section 5: MovieLens (users with fewer than 10 positives; the readers leave out films without a poster) and Ciao (items
with fewer than 5 ratings, then users with fewer than 10, in the order of the paper's sentence)."""
