"""Recommendations for every stored user, streamed to Parquet in bounded memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from ..errors import ResourceError
from ..retrieval.topk import WORKERS, block_rows, top_k

if TYPE_CHECKING:
    from .base import Recommender


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


def write_tables(tables: Iterator[pa.Table], target: Path) -> int:
    """Write tables of one schema as one Parquet file, whole or not at all, and return the number of rows.

    Raises
    ------
    ResourceError
        If the file cannot be written; nothing is left behind.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    written = 0
    writer: pq.ParquetWriter | None = None
    try:
        try:
            for table in tables:
                writer = writer or pq.ParquetWriter(temporary, table.schema)
                writer.write_table(table)
                written += table.num_rows
        finally:
            if writer is not None:
                writer.close()
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ResourceError(f"cannot write {target}: {error.strerror or error}; choose another place") from error
    return written
