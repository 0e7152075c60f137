"""Tables of a `Dataset`, and the functions that read and write tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import issparse

from .dataset import Dataset
from .event_weights import EVENT_TYPES
from .frames import to_arrow
from .read_table import read_table
from .write_table import write_table

__all__ = ["dataset_tables", "read_table", "to_arrow", "write_table"]


def dataset_tables(data: Dataset) -> dict[str, pa.Table]:
    """Return a data set as tables ``events`` (user_id, item_id, weight, time) and, where they are known, ``items`` and ``users``.

    Where there are events that are not likes, ``events`` has a column ``type`` (see `Dataset.from_tables`, `event`). Ready
    vectors become a list column; ready bags of words are left out. What users wrote about items (`pair_texts`) stands with
    the events it belongs to.
    """
    interactions, others = data.interactions, data.interactions.others
    user_rows, item_rows = interactions.pairs()
    weights, times = interactions.matrix.data, interactions.times
    types, no_text = None, 0
    if others is not None:
        other_users, other_items = others.pairs()
        user_rows, item_rows = np.concatenate([user_rows, other_users]), np.concatenate([item_rows, other_items])
        weights = np.concatenate([weights, np.ones(len(others), np.float32)])
        if times is not None:
            times = None if others.times is None else np.concatenate([times, others.times])
        names = np.array(list(EVENT_TYPES))
        types = names[np.concatenate([np.zeros(interactions.n_pairs, np.uint8), others.kinds.data])]
        no_text = len(others)
    columns: dict[str, Any] = {
        "user_id": interactions.users.take(user_rows), "item_id": interactions.items.take(item_rows), "weight": weights
    }  # fmt: skip
    if times is not None:
        columns["time"] = times
    if types is not None:
        columns["type"] = types
    columns |= {
        name: pa.concat_arrays([texts, pa.nulls(no_text, texts.type)]) if no_text else texts
        for name, texts in data.pair_texts.items()
    }
    tables = {"events": pa.table(columns)}
    for name, key, content in (("items", "item_id", data.items), ("users", "user_id", data.users)):
        if content is not None:
            table = content.table.drop_columns([text for text in data.pair_texts if text in content.table.column_names])
            for block in sorted(set(content.spec.vectors) & set(content.matrices) - set(table.column_names)):
                matrix = content.matrices[block]
                rows = np.asarray(matrix.toarray() if issparse(matrix) else matrix)
                table = table.append_column(block, pa.array(list(rows)))
            tables[name] = table.add_column(0, key, pa.array(content.ids.keys))
    return tables
