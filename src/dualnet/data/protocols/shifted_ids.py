"""Published files whose ids count from 1 beside content that counts from 0: what one user took tells whether they are shifted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, issparse

from ..content import Content
from ..features import Featurizer
from ..interactions import Interactions

USERS = 2_000  # who are looked at
FEWEST = 20  # with two items or more
CERTAIN = 4.0  # standard errors


def counts_from_one(train: Interactions, content: Content) -> bool:
    """Whether items, read as they stand, fit their content clearly better when 1 is taken off their ids.

    What one user took is more alike than what chance brings together. So the mean likeness of the content of a user's items is
    compared, user by user, for the ids as they are and for those less 1; a file that is shorter than the table shows it too.

    Parameters
    ----------
    train : Interactions
        Pairs with whole numbers as ids of items.
    content : Content
        With such ids, from 0.
    """
    ids = np.array(train.items.keys)
    if not len(ids) or not train.items.is_integer or int(ids.min()) < 1:
        return False
    as_is, less_one = content.ids.find(ids), content.ids.find(ids - 1)
    if (as_is < 0).any():
        return bool((less_one >= 0).all())
    features = Featurizer.fit(content).transform(content)
    rows = csr_array(features if issparse(features) else np.asarray(features))
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    rows = csr_array(diags_array(np.where(lengths > 0, 1 / np.maximum(lengths, 1e-12), 0.0)) @ rows)
    taken = train.pattern()
    users = np.flatnonzero(np.diff(taken.indptr) > 1)
    users = users[np.linspace(0, len(users) - 1, min(USERS, len(users))).astype(np.int64)] if len(users) else users
    if len(users) < FEWEST:
        return False
    chosen = csr_array(taken[users])
    gain = _likeness(chosen, csr_array(rows[less_one])) - _likeness(chosen, csr_array(rows[as_is]))
    return float(gain.mean()) > CERTAIN * float(gain.std()) / len(gain) ** 0.5


def _likeness(taken: csr_array, rows: csr_array) -> NDArray[np.float64]:
    """Return the mean cosine of two different items of each user, shape (n_users,)."""
    counts = np.diff(taken.indptr).astype(np.float64)
    sums = csr_array(taken @ rows)
    own = csr_array(taken @ csr_array(rows.multiply(rows)))
    inner = np.asarray(sums.multiply(sums).sum(axis=1)).ravel() - np.asarray(own.sum(axis=1)).ravel()
    return np.asarray(inner / (counts * (counts - 1)), np.float64)
