"""Reasons of the dual networks: levels as they are summed, history and content by integrated gradients, raw content as a sum."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

import numpy as np
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..ids import Rows
from .explain.path_integral import content_cut, integrate
from .explain.reasons import Cut, Reasons
from .levels import Levels
from .runtime import DualRuntime


def dualnet_reasons(levels: Levels, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix | None = None) -> Reasons:
    """Return why one person gets some items: the reasons of all levels together.

    Parameters
    ----------
    levels : Levels
        Of a fitted model.
    history : csr_array, shape (1, len(space))
        What the person did.
    space : ItemSpace
        Items of the history and those to explain.
    rows : ndarray of int64, shape (M,)
        Which to explain.
    columns : csr_array or ndarray, shape (1, n_user_features), optional
        Features of the person's columns; what they are worth is part of the base.
    """
    parts: list[Reasons] = []
    if levels.solved is not None:
        parts.append(levels.solved.reasons(history, space, rows))
    if levels.weights.content:
        parts.append(levels.profile_reasons(history, space, rows))
    if levels.networks:
        parts.append(_averaged([network_reasons(*pair, history, space, rows, columns) for pair in levels.networks]))
    return levels.standing(reduce(add, parts), space, rows)


def _averaged(each: list[Reasons]) -> Reasons:
    """Return the reasons of the networks of all seeds: a level is the sum of the same level of each."""
    whole = reduce(add, each)
    levels = tuple(
        (name, np.sum([own.levels[place][1] for own in each], axis=0)) for place, (name, _) in enumerate(each[0].levels)
    )
    return Reasons(levels, whole.history, whole.content, whole.method)


def network_reasons(
    runtime: DualRuntime, weight: float, history: csr_array, space: ItemSpace, rows: Rows, columns: Matrix | None
) -> Reasons:
    """Return why the networks give some items to one person.

    The line of the history goes from no item (but with the person's columns) to all of them, at the length that the whole
    history has. The line of the content goes from an empty description to the item's; its learned residual is there from the
    start.

    Parameters
    ----------
    runtime : DualRuntime
        The networks.
    weight : float
        Of their score.
    history, space, rows, columns
        As for `dualnet_reasons`.
    """
    taken = history.indices
    users, items = runtime.differentiable("user"), runtime.differentiable("item")
    table = runtime.history_table(None if space.features is None else space.features[taken], space.known[taken])
    shares = table.astype(np.float64) / math.sqrt(max(len(taken), 1))
    content = None if space.features is None else space.features[rows]
    vectors = items.forward(runtime.item_table(content, space.known[rows]).astype(np.float64))
    start = np.zeros((1, runtime.levels[0]))
    if columns is not None and "user.columns" in runtime.tensors:
        start += np.asarray(columns @ runtime.tensors["user.columns"], np.float64)
    user = users.forward(start + shares.sum(axis=0)[None])
    products = np.split(vectors * user, np.cumsum(runtime.widths)[:-1], axis=1)
    levels = tuple((f"level {level + 1}", p.sum(axis=1)) for level, p in zip(items.spec.matched, products, strict=True))
    base, gradient = integrate(users, start, shares.sum(axis=0)[None], vectors)
    by_feature = None
    if content is not None and "item.content" in runtime.tensors:
        residual = runtime.item_table(None, space.known[rows]).astype(np.float64)
        by_feature = content_cut(items, runtime.tensors["item.content"], content, residual, user)
    found = Reasons(levels, Cut(base[:, 0], gradient[:, 0] @ shares.T), by_feature)
    return found if weight == 1 else found.scaled(weight)
