"""Detection of a shift between the ids of published files and the ids of the content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from ...errors import DualNetError
from ...ids import IdMap
from ..content import Content
from ..features import Featurizer
from ..interactions import Interactions

USERS = 2_000  # who are looked at
FEWEST = 20  # with two items or more
CERTAIN = 4.0  # standard errors over users, and deviations of the likeness at shifts that nobody makes
CONTROLS = (-7, -6, -5, -4, -3, -2, 2, 3, 4, 5, 6, 7)


def shift_of(train: Interactions, content: Content, every: IdMap | None = None) -> int:
    """Return what added to the ids of items makes them clearly fit their content: -1 or 1, or 0 where they fit as they stand.

    Where an item has no row as it stands and all have one with the shift, that decides. Else the content does: what one user took
    is more alike than what chance brings together. So the mean likeness of the content of a user's items is compared, user by
    user, for the ids as they are and for the shifted ones; and as a few popular items can make many users agree by chance, the
    likeness must also stand out from that at shifts of 2 to 7, which nobody makes. Files that are shorter than the table show it
    too.

    Parameters
    ----------
    train : Interactions
        Training pairs.
    content : Content
        Of the items.
    every : IdMap, optional
        All items of the files; those of `train` where left out.

    Returns
    -------
    int
        0 also where the ids are no whole numbers, or where the content says too little.
    """
    shifted = _shifter(train.items, content.ids)
    everything = shifted if every is None else _shifter(every, content.ids)
    if shifted is None or everything is None:
        return 0
    missing = {by: int((everything(by) < 0).sum()) for by in (-1, 0, 1)}
    if missing[0]:
        return next((by for by in (-1, 1) if not missing[by]), 0)
    rows = _unit_rows(content)
    users = np.flatnonzero(np.diff(train.matrix.indptr) > 1)
    if rows is None or len(users) < FEWEST:
        return 0
    users = users[np.linspace(0, len(users) - 1, min(USERS, len(users))).astype(np.int64)]
    taken = csr_array(train.pattern()[users])

    def likeness(by: int) -> NDArray[np.float64]:
        return _likeness(taken, rows, shifted(by))

    controls = np.array([likeness(by).mean() for by in CONTROLS])
    as_is = likeness(0)
    for by in (-1, 1):
        found = likeness(by)
        gain = found - as_is
        over_users = float(gain.mean()) > CERTAIN * float(gain.std()) / len(gain) ** 0.5
        if over_users and float(found.mean() - controls.mean()) > CERTAIN * float(controls.std()):
            return by
    return 0


def _shifter(ids: IdMap, known: IdMap) -> Callable[[int], NDArray[np.int64]] | None:
    """Return a function from a shift to the rows of ids in another map, -1 where there is none; None for ids that are no numbers."""
    if not len(ids) or not len(known):
        return None
    if ids.is_integer:
        numbers = np.array(ids.keys, np.int64)
    else:
        keys = [str(key) for key in ids]
        if not all(key.isascii() and key.isdecimal() and len(key) < 18 and str(int(key)) == key for key in keys):
            return None
        numbers = np.array([int(key) for key in keys], np.int64)
    if known.is_integer:
        return lambda by: known.find(numbers + by)
    return lambda by: known.find([str(number) for number in (numbers + by).tolist()])


def _unit_rows(content: Content) -> csr_array | None:
    """Return cheap features of content at unit length; None where there are none, or they cannot be computed here."""
    spec = content.spec
    cheap = tuple(name for name in spec.columns if name not in spec.images)
    if not cheap:
        return None
    narrow = content.with_spec(replace(spec.only(cheap), text_encoder="tfidf"))
    try:
        rows: Any = csr_array(Featurizer.fit(narrow).transform(narrow))
    except DualNetError:
        return None
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return csr_array(diags_array(np.where(lengths > 0, 1 / np.maximum(lengths, 1e-12), 0.0)) @ rows)


def _likeness(taken: csr_array, content: csr_array, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean cosine of two different items of each user, shape (n_users,); items without a row are like nothing."""
    found = np.flatnonzero(places >= 0)
    select = csr_array((np.ones(len(found)), (found, places[found])), shape=(len(places), content.shape[0]))
    rows = csr_array(select @ content)
    counts = np.diff(taken.indptr).astype(np.float64)
    sums = csr_array(taken @ rows)
    own = csr_array(taken @ csr_array(rows.multiply(rows)))
    inner = np.asarray(sums.multiply(sums).sum(axis=1)).ravel() - np.asarray(own.sum(axis=1)).ravel()
    return np.asarray(inner / (counts * (counts - 1)), np.float64)
