"""Recommendations for every stored user, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from ..retrieval.topk import WORKERS, block_rows, top_k

if TYPE_CHECKING:
    from .core import Core as Recommender


def rank_everyone(model: Recommender, k: int, filter_seen: bool, block: int | None = None) -> Iterator[pa.Table]:
    """Yield tables of user, rank, item, score for one block of stored users after another.

    Parameters
    ----------
    model : Recommender
        Fitted.
    k : int
        Length of each list.
    filter_seen : bool
        Do not list items of the stored history.
    block : int, optional
        Users a block.
    """
    space = model.catalogue_
    items, scorable = model.encode_items(space), model.scorable(space)
    stored = model.histories_
    histories = csr_array((stored.data, stored.indices, stored.indptr), shape=(len(model.users_), len(space)))
    step = block_rows(len(space), block) * (1 if block is not None else WORKERS)  # a block for each worker
    for start in range(0, len(model.users_), step):
        rows = np.arange(start, min(start + step, len(model.users_)))
        history = csr_array(histories[rows])
        best = top_k(model.encode_users(history, space), items, k, exclude=history if filter_seen else None, scorable=scorable)
        at, place = np.nonzero(best.rows >= 0)
        yield pa.table(
            {
                "user": model.users_.take(rows[at]),
                "rank": place + 1,
                "item": space.ids.take(best.rows[at, place]),
                "score": best.scores[at, place],
            }
        )
