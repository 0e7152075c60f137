"""Texts that users wrote about items, such as reviews: content that trains only where its pair trains."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from ..errors import DataError
from .content import Content
from .interactions import Interactions

Texts: TypeAlias = Mapping[str, Any]  # pyarrow large_string arrays by column name, one text (or null) for each pair


def as_texts(values: Any, name: str, n_pairs: int) -> Any:
    """Return texts as an Arrow array, after making sure that each pair has its own.

    Parameters
    ----------
    values : sequence of str or None, length n_pairs
        In the order of `Interactions.matrix`.
    name : str
        Column, for the error text.
    n_pairs : int
        How many pairs there are.

    Raises
    ------
    DataError
        If the lengths differ.
    """
    array = values.cast(pa.large_string()) if isinstance(values, pa.Array) else pa.array(values, pa.large_string())
    if len(array) != n_pairs:
        raise DataError(f"{len(array):,} texts '{name}' for {n_pairs:,} pairs; each pair needs its own (or None)")
    return array


def content_of_pairs(items: Content, interactions: Interactions, texts: Texts) -> Content:
    """Return content whose text columns hold what the given pairs say, and nothing else.

    Parameters
    ----------
    items : Content
        Other content of the items; columns of the same names are replaced.
    interactions : Interactions
        The pairs.
    texts : mapping of str to array
        One text for each pair, by column.

    Returns
    -------
    Content
        The texts of an item's pairs joined in the order of the users; None for an item without any.
    """
    order = np.argsort(interactions.matrix.indices, kind="stable")
    bounds = np.searchsorted(interactions.matrix.indices[order], np.arange(interactions.n_items + 1))
    table = items.table
    for name, values in texts.items():
        written = values.take(pa.array(order)).to_pylist()
        joined = [" ".join(text for text in written[start:end] if text) or None for start, end in pairwise(bounds.tolist())]
        column = pa.array(joined, pa.string())
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column) if table.num_columns else pa.table({name: column})
    return Content(items.ids, table, items.spec, items.matrices)


def align_texts(texts: Texts, source: Interactions, target: Interactions) -> dict[str, Any]:
    """Return the texts of other pairs over any ids; None where `source` does not have the pair.

    Parameters
    ----------
    texts : mapping of str to array
        One text for each pair of `source`, by column.
    source, target : Interactions
        Pairs that have texts, and pairs that need some.
    """
    if not texts:
        return {}
    users, items = target.pairs()
    user, item = source.users.find(target.users)[users], source.items.find(target.items)[items]
    wanted = user * np.int64(source.n_items) + item
    rows, columns = source.pairs()
    present = rows * np.int64(source.n_items) + columns  # ascending, as the matrix is
    place = np.searchsorted(present, wanted)
    found = (user >= 0) & (item >= 0) & (place < len(present))
    found[found] = present[place[found]] == wanted[found]
    taken = pa.array(np.where(found, place, 0), mask=~found)
    return {name: values.take(taken) for name, values in texts.items()}


def fingerprint_texts(texts: Texts) -> str:
    """Return a SHA-256 over names and texts, as hexadecimal text."""
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(name.encode())
        for text in texts[name].to_pylist():
            digest.update(repr(text).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
