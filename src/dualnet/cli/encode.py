"""`dualnet encode`: vectors of items or histories, for a vector store or another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .evaluate import model_folder
from .output import JsonFlag, print_json, say


def encode(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write: id, vector.")],
    items: Annotated[
        Path | None,
        typer.Option("--items", help="Table of items (column item_id and content); without it the whole catalogue."),
    ] = None,
    histories: Annotated[
        Path | None, typer.Option("--histories", help="Table of events (columns user_id, item_id): one vector a user.")
    ] = None,
    users: Annotated[bool, typer.Option("--users", help="One vector for each user seen in training.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write item or user vectors to a Parquet file.

    The score of a pair is the inner product of its vectors. Where content is matched as it is, its part of the vector
    stands in two more columns, `content_index` and `content_value`: the non-zeros of a long sparse vector, whose inner
    product adds to that of `vector`.

    Examples
    --------
      dualnet encode run --out items.parquet
      dualnet encode run --histories events.csv --out users.parquet
    """
    import numpy as np
    import pyarrow as pa
    from scipy.sparse import csr_array

    from ..data.interactions import Interactions
    from ..data.tables import read_new_items, read_table, write_table
    from ..errors import DataError, UsageError
    from ..models.artifact import load
    from ..retrieval.vectors import JoinedVectors, to_dense

    if sum([items is not None, histories is not None, users]) > 1:
        raise UsageError("give one of --items, --histories and --users")
    model = load(model_folder(run))
    if histories is not None or users:
        if histories is not None:
            table = read_table(histories, strings=("user_id", "item_id"))
            missing = [name for name in ("user_id", "item_id") if name not in table.column_names]
            if missing:
                raise DataError(f"{histories} has no column '{missing[0]}'; found {', '.join(table.column_names)}")
            keys = [model.catalogue_.ids.parse(str(key)) for key in table.column("item_id").to_pylist()]
            events = Interactions.from_pairs(table.column("user_id").to_pylist(), keys, item_ids=model.catalogue_.ids)
            ids, matrix, space = events.users.keys, events.pattern(), model.catalogue_
        else:
            ids, space = model.users_.keys, model.space(model.items_)
            matrix = csr_array(model.histories_)
        vectors = model.encode_users(matrix, space)
    elif items is not None:
        content = read_new_items(items, model)
        ids, vectors = content.ids.keys, model.encode_items(model.space(content.ids, content))
    else:
        ids, vectors = model.catalogue_.ids.keys, model.encode_items(model.catalogue_)
    joined = isinstance(vectors, JoinedVectors)
    dense = vectors.dense if joined else to_dense(vectors)
    columns = {"id": pa.array(ids), "vector": pa.FixedSizeListArray.from_arrays(pa.array(dense.ravel()), dense.shape[1])}
    if joined:  # thousands of numbers a row, nearly all zero
        places = pa.array(vectors.sparse.indptr.astype(np.int32))
        columns["content_index"] = pa.ListArray.from_arrays(places, pa.array(vectors.sparse.indices.astype(np.int32)))
        columns["content_value"] = pa.ListArray.from_arrays(places, pa.array(vectors.sparse.data))
    write_table(pa.table(columns), out)
    if as_json:
        print_json({"file": str(out), "vectors": len(ids), "width": int(dense.shape[1])})
    else:
        say(f"wrote {len(ids):,} vectors of {dense.shape[1]} numbers to {out}")
