"""Division of events that are not likes: each user has the same shares of them as of likes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...rng import generator
from ..dataset import Dataset


def visible_others(data: Dataset, train: NDArray[np.bool_], seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which other events a division shows.

    A user whose likes are shown to three fifths shows three fifths of what he or she saw or disliked, so that a test does not
    exclude what its user will dislike later. Nothing is shown of an item that plays the new one. What fewer likes show is a
    part of what more likes show, so that choosing never looks at what the final training set may not see.

    Parameters
    ----------
    data : Dataset
        Everything.
    train : ndarray of bool, shape (n_pairs,)
        Which pairs train; an item that has likes, but none here, is new.
    seen : ndarray of bool, shape (n_pairs,)
        Which pairs of the users are shown.

    Returns
    -------
    ndarray of bool, shape (len(data.interactions.others),)
        Empty where there are none.
    """
    others = data.interactions.others
    if others is None:
        return np.empty(0, bool)
    n_users, n_items = data.interactions.n_users, data.interactions.n_items
    users, items = data.interactions.pairs()
    trains = np.bincount(items[train], minlength=n_items) > 0
    new = (np.bincount(items, minlength=n_items) > 0) & ~trains
    share = np.bincount(users[seen], minlength=n_users) / np.maximum(np.bincount(users, minlength=n_users), 1)
    other_users, other_items = others.pairs()
    draw = generator(0, "other-events").random(len(others))
    return np.asarray((draw < share[other_users]) & ~new[other_items])
