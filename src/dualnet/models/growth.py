"""What a fitted model knows, grown by new pairs, users and items; nothing is learned here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array, issparse

from ..data.content import Content, Matrix
from ..data.dataset import Dataset
from ..data.interactions import Interactions
from ..data.other_events import OtherEvents
from ..data.space import ItemSpace
from ..errors import DataError, listing
from ..ids import IdMap, Rows
from .core import Core, Prepared


@dataclass(frozen=True, eq=False)
class Growth:
    """Old and new together: old users and items first, in their order.

    Parameters
    ----------
    prepared : Prepared
        What the model trains on from now on.
    catalogue : ItemSpace
        Items with pairs, then all others.
    added : dict of str to int
        ``users``, ``items`` (with pairs), ``pairs``, ``repeated`` (new rows that say what was known), ``catalogue`` (items that
        were not there before, with pairs or without), ``terms`` and ``unknown_terms`` of the new content, ``other_events``
        (pairs that are newly known as seen or disliked).
    seen : csr_array of uint8, shape (n_users, len(catalogue)), optional
        What users saw or disliked and did not like.
    """

    prepared: Prepared
    catalogue: ItemSpace
    added: dict[str, int]
    seen: csr_array | None


def grow(model: Core, new: Interactions | None, items: Content | None, users: Content | None) -> Growth:
    """Put new pairs beside the old ones of a fitted model, whose own state stays as it is.

    Parameters
    ----------
    model : Core
        Fitted.
    new : Interactions, optional
        New pairs; known ones among them are merged, of two weights the larger counts. Other events of users or items that
        the model does not know otherwise are left aside.
    items : Content, optional
        Content of new items; rows of items that the catalogue has are left aside.
    users : Content, optional
        User columns, for models that read them; users without a row train by their history alone.

    Raises
    ------
    DataError
        If the model reads content and a new item has none, or ids are of another kind than the model's.
    """
    pairs = Interactions(*_nobody(model)) if new is None else new
    active = np.flatnonzero(np.bincount(pairs.matrix.indices, minlength=pairs.n_items))
    user_rows = np.flatnonzero(np.diff(pairs.matrix.indptr))
    all_users = _extended(model.users_, pairs.users.subset(user_rows), "user")
    space, n_terms, n_unknown = _with_content(model, pairs.items.subset(active), items)
    all_items = _extended(model.items_, pairs.items.subset(active), "item")
    order = np.concatenate([space.ids.rows(all_items.keys, "item"), np.flatnonzero(all_items.find(space.ids.keys) < 0)])
    catalogue = _ordered(space, order, len(all_items))
    matrix, repeated = _merged(model, pairs, all_users, all_items)
    seen = _seen(model, pairs, all_users, catalogue.ids, matrix)
    features = None if catalogue.features is None else catalogue.features[: len(all_items)]
    added = {
        "users": len(all_users) - len(model.users_),
        "items": len(all_items) - len(model.items_),
        "pairs": matrix.nnz - model.histories_.nnz,
        "repeated": repeated,
        "catalogue": len(catalogue) - len(model.catalogue_),
        "terms": n_terms,
        "unknown_terms": n_unknown,
        "other_events": 0 if seen is None else max(seen.nnz - (0 if model.seen_ is None else model.seen_.nnz), 0),
    }
    others = None if seen is None else OtherEvents(seen).select(items=np.arange(len(all_items)))
    data = Dataset(Interactions(all_users, all_items, matrix, None, others), name=model.info_["data"])
    return Growth(Prepared(data, features, _columns(model, all_users, users), data), catalogue, added, seen)


def _nobody(model: Core) -> tuple[IdMap, IdMap, csr_array]:
    return model.users_.subset(np.arange(0)), model.items_.subset(np.arange(0)), csr_array((0, 0), dtype=np.float32)


def _extended(known: IdMap, found: IdMap, what: str) -> IdMap:
    """Return a map with the ids that are not in it yet after its own."""
    if len(found) and len(known) and found.is_integer != known.is_integer:
        kinds = ("integers", "text") if known.is_integer else ("text", "integers")
        raise DataError(f"the {what} ids of the model are {kinds[0]}, the new ones {kinds[1]}, such as {found.key(0)!r}")
    fresh = np.flatnonzero(known.find(found.keys) < 0)
    return known.extend(found.take(fresh)) if len(fresh) else known


def _with_content(model: Core, taken: IdMap, items: Content | None) -> tuple[ItemSpace, int, int]:
    """Return the catalogue with new items behind it, the number of distinct terms of their content, and of unknown ones."""
    space = model.catalogue_
    if items is not None:
        _extended(space.ids, items.ids, "item")  # complain of ids of another kind
        items = items.take(np.flatnonzero(space.ids.find(items.ids.keys) < 0))
    lost = taken.take(np.flatnonzero(space.ids.find(taken.keys) < 0))
    if items is not None:
        lost = [key for key in lost if key not in items.ids]
    if space.features is not None and lost:
        raise DataError(
            f"item {listing(lost)} of the new events is not in the catalogue and has no row among the new items; add the rows"
        )
    if model.featurizer_ is None:  # nothing is known of an item but its pairs
        space = _without_features(space, _extended(space.ids, taken, "item"), items)
        return space, 0, 0
    if items is None or not len(items):
        return space, 0, 0
    fresh = model.featurizer_.transform(items, quiet=True)  # rows without a known word: the counts below say more
    features = _stacked(space.features, fresh)
    raw = None if space.content is None else space.content.append(items)
    known = np.concatenate([space.known, np.full(len(items), -1)])
    n_terms, n_unknown = model.featurizer_.unknown_terms(items)
    return ItemSpace(space.ids.extend(items.ids), known, features, raw), n_terms, n_unknown


def _without_features(space: ItemSpace, ids: IdMap, items: Content | None) -> ItemSpace:
    """Return a catalogue of a model without content, with what there is to show of the new items."""
    known = np.concatenate([space.known, np.full(len(ids) - len(space.ids), -1)])
    raw = space.content
    if raw is not None and len(ids) > len(raw):
        fresh = ids.subset(np.arange(len(raw), len(ids)))
        rows = None if items is None else items.ids.find(fresh.keys)
        if raw.matrices:
            raw = None  # ready vectors cannot be made up
        elif items is not None and rows is not None and (rows >= 0).all():
            raw = raw.append(items.take(rows))
        else:
            empty = pa.table([pa.nulls(len(fresh), column.type) for column in raw.table.schema], schema=raw.table.schema)
            raw = raw.append(Content(fresh, empty, raw.spec))
    return ItemSpace(ids, known, None, raw)


def _ordered(space: ItemSpace, order: Rows, n_known: int) -> ItemSpace:
    """Return a space in another order, whose first items are the known ones."""
    rows = np.arange(len(order))
    known = np.where(rows < n_known, rows, -1)
    if np.array_equal(order, rows):
        return ItemSpace(space.ids, known, space.features, space.content)
    features = None if space.features is None else space.features[order]
    features = csr_array(features) if issparse(features) else features
    return ItemSpace(space.ids.subset(order), known, features, None if space.content is None else space.content.take(order))


def _merged(model: Core, new: Interactions, users: IdMap, items: IdMap) -> tuple[csr_array, int]:
    """Return old and new pairs with their weights, and how many new pairs were known."""
    old = model.histories_
    weights = np.ones(old.nnz, np.float32) if model.weights_ is None else model.weights_
    found_users, found_items = users.find(new.users.keys), items.find(new.items.keys)
    rows, columns = new.pairs()
    shape = (len(users), len(items))
    before = csr_array(
        (weights, old.indices, np.concatenate([old.indptr, np.full(shape[0] - old.shape[0], old.nnz, old.indptr.dtype)])),
        shape=shape,
    )
    after = csr_array((new.matrix.data, (found_users[rows], found_items[columns])), shape=shape)
    merged = csr_array(before.maximum(after))
    merged.sort_indices()
    return merged.astype(np.float32), old.nnz + new.n_pairs - merged.nnz


def _seen(model: Core, new: Interactions, users: IdMap, items: IdMap, likes: csr_array) -> csr_array | None:
    """Return what users saw or disliked, then and now; a pair that is liked meanwhile is no longer among it."""
    shape = (len(users), len(items))
    rows, columns, kinds = [], [], []
    if model.seen_ is not None:
        before = OtherEvents(model.seen_).pairs()
        rows.append(before[0])
        columns.append(items.find(model.catalogue_.ids.keys)[before[1]])
        kinds.append(model.seen_.data)
    now = new.seen_over(users, items)
    if now is not None:
        after = OtherEvents(now).pairs()
        rows.append(after[0])
        columns.append(after[1])
        kinds.append(now.data)
    if not rows:
        return None
    user, item, kind = np.concatenate(rows), np.concatenate(columns), np.concatenate(kinds)
    liked_users, liked_items = likes.tocoo().coords
    liked = np.isin(user * np.int64(shape[1]) + item, liked_users * np.int64(shape[1]) + liked_items)
    found = OtherEvents.from_rows(shape, user[~liked], item[~liked], kind[~liked], None)
    return found.kinds if len(found) else None


def _columns(model: Core, users: IdMap, given: Content | None) -> Matrix | None:
    """Return the features of the columns of all users: the given ones, else those stored, else zeros."""
    if model.user_featurizer_ is None:
        return None
    stored: Any = model.user_features_
    if stored is None:
        stored = csr_array((len(model.users_), model.user_featurizer_.n_features), dtype=np.float32)
    rows = np.empty(0, np.int64) if given is None else users.find(given.ids.keys)
    fresh: Any = stored[:0] if given is None else model.user_featurizer_.transform(given)[rows >= 0]
    rows = rows[rows >= 0]
    if issparse(stored) != issparse(fresh):
        stored, fresh = csr_array(stored), csr_array(fresh)
    both = _stacked(stored, fresh)
    source = np.where(np.arange(len(users)) < len(model.users_), np.arange(len(users)), -1)
    source[rows] = len(model.users_) + np.arange(len(rows))
    there = np.flatnonzero(source >= 0)
    place = csr_array((np.ones(len(there), np.float32), (there, source[there])), shape=(len(users), both.shape[0]))
    whole = place @ both
    return csr_array(whole) if issparse(whole) else np.asarray(whole, np.float32)


def _stacked(upper: Any, lower: Any) -> Any:
    from scipy.sparse import vstack

    return csr_array(vstack([upper, lower], format="csr")) if issparse(upper) else np.concatenate([upper, lower])
