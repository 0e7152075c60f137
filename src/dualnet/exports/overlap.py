"""How much of a ranking the embedding alone keeps: what a store that knows dense vectors only would answer."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ..models.base import Recommender
from ..retrieval.topk import top_k
from ..retrieval.vectors import JoinedVectors
from ..rng import generator

USERS = 200


def embedding_overlap(model: Recommender, *, k: int = 10, users: int = USERS, seed: int = 0) -> float | None:
    """Return the mean share of the exact top k that ranking by the embedding alone also puts into the top k.

    Parameters
    ----------
    model : Recommender
        Fitted.
    k : int
        Length of the lists; clipped to the catalogue.
    users : int
        At most this many users seen in training are asked, drawn once.
    seed : int
        Of the draw.

    Returns
    -------
    float or None
        Between 0 and 1; None for a model whose vectors are of one piece, so that nothing is lost.
    """
    space = model.catalogue_
    items = model.encode_items(space)
    if not isinstance(items, JoinedVectors) or not len(model.users_):
        return None
    chosen = np.sort(generator(seed, "overlap").permutation(len(model.users_))[:users])
    stored = csr_array(model.histories_[chosen])
    history = csr_array((stored.data, stored.indices, stored.indptr), shape=(len(chosen), len(space)))
    asked = model.encode_users(history, space, None if model.user_features_ is None else model.user_features_[chosen])
    k = min(k, len(space))
    exact = top_k(asked, items, k, exclude=history).rows
    alone = top_k(asked.dense, items.dense, k, exclude=history).rows
    shares = [len(set(a[a >= 0]) & set(b[b >= 0])) / max(int((a >= 0).sum()), 1) for a, b in zip(exact, alone, strict=True)]
    return float(np.mean(shares))
