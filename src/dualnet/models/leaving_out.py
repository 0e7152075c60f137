"""What a score loses when one item of the history, or one content term, is left out: plain, and true of any model."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..ids import IdMap, Rows
from ..retrieval.topk import inner_products
from ..retrieval.vectors import stack_vectors
from .core import Core
from .reasons import Cut, Reasons

ROUNDING = 1e-6  # of the scores; smaller losses are none
MOST_TERMS = 100  # of an item, the heaviest; each is one more encoding


def leave_one_out(model: Core, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix | None = None) -> Reasons:
    """Return reasons by leaving one thing out at a time.

    Such losses need not sum to the score: two like items each lose little while the other is there. The difference is the base.

    Parameters
    ----------
    model : Core
        Fitted.
    history : csr_array, shape (1, len(space))
        What the person did.
    space : ItemSpace
        Items of the history and those to explain.
    rows : ndarray of int64, shape (M,)
        Which to explain.
    columns : csr_array or ndarray, shape (1, n_user_features), optional
        Features of the person's columns, which are never left out.
    """
    taken = history.indices
    without = np.ones((1 + len(taken), len(taken)), np.float32)
    without[1 + np.arange(len(taken)), np.arange(len(taken))] = 0
    place = csr_array((np.ones(len(taken), np.float32), (np.arange(len(taken)), taken)), shape=(len(taken), len(space)))
    histories = csr_array(csr_array(without) @ place)
    known = None if columns is None else stack_vectors(*[columns] * (1 + len(taken)))
    users, items = model.encode_users(histories, space, known), model.encode_items(space, rows)
    scores = inner_products(users, items).astype(np.float64)
    lost = (scores[0] - scores[1:]).T
    by_item = Cut(scores[0] - lost.sum(axis=1), lost)
    return Reasons((("score", scores[0]),), by_item, _by_feature(model, users[:1], space, rows, scores[0]), "leave-one-out")


def _by_feature(model: Core, user: Any, space: ItemSpace, rows: Rows, scores: Any) -> Cut | None:
    """Return what each content term (of a dense block, all of it) of each item is worth; known items whose vectors were learned have no parts."""
    if not model.uses_content or space.features is None or model.featurizer_ is None:
        return None
    columns, places, values = [], [], []
    for place, row in enumerate(rows):
        own = csr_array(space.features[[row]])
        groups, of_group = np.unique(model.featurizer_.labels.groups(own.indices), return_inverse=True)
        heaviest = np.argsort(-np.bincount(of_group, np.square(own.data)), kind="stable")[:MOST_TERMS]
        if not len(heaviest):
            continue
        dense = np.repeat(own.toarray(), len(heaviest), axis=0)
        for trial, group in zip(dense, heaviest, strict=True):
            trial[own.indices[of_group == group]] = 0
        features = csr_array(dense) if issparse(space.features) else dense
        trials = ItemSpace(IdMap(list(range(len(heaviest)))), np.repeat(space.known[row], len(heaviest)), features)
        columns.append(groups[heaviest])
        places.append(np.full(len(heaviest), place))
        lost = scores[place] - inner_products(user, model.encode_items(trials))[0].astype(np.float64)
        values.append(np.where(np.abs(lost) > ROUNDING * np.abs(scores).max(initial=1), lost, 0))
    shape = (len(rows), space.features.shape[1])
    if not columns:
        return Cut(scores, csr_array(shape, dtype=np.float64))
    parts = csr_array((np.concatenate(values), (np.concatenate(places), np.concatenate(columns))), shape=shape)
    return Cut(scores - parts.sum(axis=1), parts)
