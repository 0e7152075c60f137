"""Positive pairs from ratings: filters, repeated ratings, a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...ids import IdMap, Key
from ..filters import CountFilter
from ..interactions import Interactions


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings as they were given, one row each.

    Parameters
    ----------
    users, items : sequence of str or int, shape (n_ratings,)
        External ids.
    stars : ndarray, shape (n_ratings,)
        The ratings.
    times : ndarray of int64, shape (n_ratings,)
        Seconds since 1970.
    """

    users: Sequence[Key] | NDArray[Any]
    items: Sequence[Key] | NDArray[Any]
    stars: NDArray[Any]
    times: NDArray[np.int64]

    def totals(self, items: str) -> dict[str, int]:
        """Return numbers of ratings, distinct users and distinct items.

        Parameters
        ----------
        items : str
            What the items are called.
        """
        return {"ratings": len(self.stars), "users": len(set(self.users)), items: len(set(self.items))}

    def liked(self, threshold: float, chosen: CountFilter) -> Interactions:
        """Return the high ratings as positive pairs.

        The filter counts all ratings, high and low. Of several ratings of one pair the latest counts (of equally late
        ones the last in the file), with its time. Users and items that pass the filter stay, also without a high rating.

        Parameters
        ----------
        threshold : float
            Ratings from here on are positives.
        chosen : CountFilter
            Which ratings are left out.

        Raises
        ------
        DataError
            If no positive is left.
        """
        user_ids, user = IdMap.from_values(self.users)
        item_ids, item = IdMap.from_values(self.items)
        kept = chosen.mask(user, item)
        order = np.lexsort((self.times, item, user))
        last = np.append((np.diff(user[order]) != 0) | (np.diff(item[order]) != 0), True)
        counts = np.zeros(len(user), bool)
        counts[order[last]] = True
        liked = kept & counts & (self.stars >= threshold)
        if not liked.any():
            raise DataError(f"no rating of {threshold:g} or more is left after the filter {chosen}; ask for fewer events")
        users, items = np.unique(user[kept]), np.unique(item[kept])
        return Interactions.from_rows(
            user_ids.subset(users), item_ids.subset(items), np.searchsorted(users, user[liked]),
            np.searchsorted(items, item[liked]), times=self.times[liked],
        )  # fmt: skip
