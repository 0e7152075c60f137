"""From queries to a `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..dataset import Dataset
from ..tables import dataset_from_tables
from .address import Address
from .driver import Value
from .lists import with_lists
from .query import Query
from .read import read_queries


def dataset_from_sql(
    address: Address,
    events: str | Path,
    items: str | Path | None = None,
    *,
    users: str | Path | None = None,
    parameters: Mapping[str, Value] | None = None,
    timeout: float | None = None,
    **columns: Any,
) -> Dataset:
    """Build a data set from queries; see `Dataset.from_sql`."""
    given = {"events": events, "items": items, "users": users}
    queries = {name: Query.of(source, name) for name, source in given.items() if source is not None}
    loaded = read_queries(address, queries, parameters or {}, timeout)
    if "items" in loaded:
        loaded["items"] = with_lists(loaded["items"], _names(columns.get("tags", ())), _names(columns.get("vectors", ())))
    columns.setdefault("name", queries["events"].place if isinstance(events, Path) else address.kind)
    return dataset_from_tables(loaded["events"], loaded.get("items"), users=loaded.get("users"), **columns)


def _names(names: Any) -> tuple[str, ...]:
    return ((names,) if names else ()) if isinstance(names, str) else tuple(names)
