"""Updates of a fitted model: new pairs, users and items are merged with the known ones, and the model learns on from there."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from ..data.content import Content, Matrix
from ..data.dataset import Dataset
from ..data.interactions import Interactions
from ..data.other_events import OtherEvents, count_kinds
from ..data.recency import aged, faded_pairs, fading
from ..data.space import ItemSpace
from ..data.times import compact_times
from ..errors import CapabilityError, DataError, UsageError, listing
from ..ids import IdMap, Rows
from ..retrieval.vectors import stack_vectors
from ..train.options import RunOptions
from ..train.tracking.guard import tracked
from ..typed_values import plain
from .core import Core, Prepared
from .known_zeros import learned_dislikes
from .one_writer import one_writer
from .question_content import as_content, as_user_content


class Updates(Core):
    """Updates of a model with new rows, for every model that has `_update`."""

    def update(
        self,
        new: Interactions | Dataset | None = None,
        *,
        items: Content | Any = None,
        users: Content | Any | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        run: RunOptions | None = None,
    ) -> Self:
        """Continue the training with new rows, starting from the fitted model; it takes a part of the time of a fit.

        New users and new items become known ones; pairs that were known are merged. The vocabulary and the weights of content stay as
        they were fitted: unknown words are left out and counted in ``info_["update"]``. The model changes only when all
        is done: an update that fails or is interrupted leaves it as it was.

        Parameters
        ----------
        new : Interactions or Dataset, optional
            New pairs; of a data set also the content of its items. Without any, new items only join the catalogue.
        items : Content or data frame, optional
            Content of new items (as in `add_items`); needed for those that are not in the catalogue yet.
        users : Content or data frame, optional
            User columns, for models fitted with such; a data frame has the id column ``user_id``.
        epochs : int, optional
            Passes over all pairs, old and new; the model's own default otherwise, and none at 0.
        learning_rate : float, optional
            Peak rate, for models with a rate.
        run : RunOptions, optional
            Progress, log, threads.

        Returns
        -------
        Recommender
            The model itself; ``info_["update"]`` says what was added, how it was trained, and which saved model it grew from.

        Raises
        ------
        CapabilityError
            If this kind of model has to be fitted anew.
        DataError
            If the new rows cannot be used.
        UsageError
            For a value out of its range, or options that ask for workers.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> new = dualnet.Interactions.from_pairs(["ann", "ann"], ["i0-0", "i0-1"])
        >>> model.update(new).users_.row("ann")
        40
        """
        self._require_fitted()
        if isinstance(run, RunOptions) and run.on_cluster:
            raise UsageError("an update runs in one process; leave workers out, or fit again with them")
        with one_writer(self):
            self._update_now(new, items, users, epochs, learning_rate, run)
        return self

    def _update_now(
        self,
        new: Interactions | Dataset | None,
        items: Content | Any,
        users: Content | None,
        epochs: int | None,
        learning_rate: float | None,
        run: RunOptions | None,
    ) -> None:
        """Update with nobody else writing; arguments and errors as `update`."""
        epochs, learning_rate, weights = plain(epochs), plain(learning_rate), dict[str, float]()
        self._check_update(new, items, epochs, learning_rate)
        started = time.perf_counter()
        if isinstance(new, Dataset):
            items = new.items if items is None else items
            users = new.users if users is None else users
            weights, new = dict(new.event_weights), new.interactions
        grown = grow(
            self,
            new,
            None if items is None else as_content(items, self),
            None if users is None else as_user_content(users, self),
        )
        updated, data = self._grown(grown), grown.prepared.data
        updated.event_weights_, updated.newest_ = {**self.event_weights_, **weights}, grown.newest
        number, fingerprint = int(self.info_.get("update", {}).get("number", 0)) + 1, data.fingerprint()
        described = {"model": self.name, "data": self.info_["data"], "fingerprint": fingerprint, "update": number}
        described |= self._written_params()
        with tracked(run or RunOptions(), described) as options:
            trained = updated._update(
                updated._to_learn(grown.prepared), number, len(self.items_),
                epochs=0 if self._is_idle(grown) else epochs, learning_rate=learning_rate, run=options,
            )  # fmt: skip
        updated.info_ = {
            **self.info_,
            "fingerprint": fingerprint,
            "users": len(updated.users_),
            "items": len(updated.items_),
            "pairs": data.interactions.n_pairs,
            **count_kinds(grown.seen),
            "update": {
                "number": number,
                "parent": getattr(self, "manifest_", None),
                **grown.added,
                **trained,
                "seconds": round(time.perf_counter() - started, 3),
            },
        }
        vars(updated).pop("manifest_", None)
        self.__dict__ = dict(vars(updated))  # at once: nobody who asks meanwhile finds half a model

    def _check_update(self, new: Any, items: Any, epochs: int | None, learning_rate: float | None) -> None:
        """Refuse an update that cannot be made; raises `CapabilityError` and `UsageError`."""
        if not self.capabilities.updates:
            raise CapabilityError(
                f"model '{self.name}' cannot be updated; fit it again on all data, which gives the same and is as fast"
            )
        if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0):
            raise UsageError(f"epochs={epochs!r} must be a whole number of at least 0")
        if learning_rate is not None and not learning_rate > 0:
            raise UsageError(f"learning_rate={learning_rate!r} must be above 0")
        if new is None and items is None:
            raise UsageError("there is nothing to update from: give new pairs, new items or both")

    def _grown(self, grown: Growth) -> Self:
        """Return a copy that knows the new rows and has not learned from them."""
        updated = copy.copy(self)
        data = grown.prepared.data.interactions
        updated.users_, updated.items_, updated.histories_ = data.users, data.items, self._stored(data.matrix)
        updated.weights_ = None if (data.matrix.data == 1).all() else data.matrix.data
        updated.times_ = grown.times
        updated.popularity_ = np.bincount(data.matrix.indices, minlength=len(data.items)).astype(np.float32)
        updated.catalogue_, updated.seen_ = grown.catalogue, grown.seen
        updated.user_features_ = grown.prepared.user_features
        return updated

    def _is_idle(self, grown: Growth) -> bool:
        """Return whether there is nothing to learn: no pair is new, none is heavier, and no dislike that counts is new."""
        data = grown.prepared.data.interactions
        weights = np.ones(self.histories_.nnz, np.float32) if self.weights_ is None else self.weights_
        dislikes = learned_dislikes(self, self.seen_, len(self.items_)), learned_dislikes(self, grown.seen, len(data.items))
        return grown.added["pairs"] == 0 and np.array_equal(data.matrix.data, weights) and dislikes[0] == dislikes[1]

    def _update(
        self, known: Prepared, number: int, n_old: int, *, epochs: int | None, learning_rate: float | None, run: RunOptions
    ) -> dict[str, Any]:
        """Learn from old and new pairs, starting from the learned state; return what is worth recording.

        Parameters
        ----------
        known : Prepared
            Old and new users and items with pairs; old ones first, in their order.
        number : int
            Of this update, from 1.
        n_old : int
            Items that were trained before.
        epochs, learning_rate, run
            As in `update`.
        """
        raise CapabilityError("this model cannot be updated; fit it again on all data")


@dataclass(frozen=True, eq=False)
class Growth:
    """Old and new rows together: old users and items first, in their order.

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
    newest : int
        Time of the newest event, where events count by their age.
    times : ndarray of whole numbers, shape (n_pairs,), optional
        When each pair happened, 0 where that is not known.
    """

    prepared: Prepared
    catalogue: ItemSpace
    added: dict[str, int]
    seen: csr_array | None
    newest: int = 0
    times: NDArray[Any] | None = None


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
    pairs, newest = _aged(model, pairs)
    active = np.flatnonzero(np.bincount(pairs.matrix.indices, minlength=pairs.n_items))
    user_rows = np.flatnonzero(np.diff(pairs.matrix.indptr))
    all_users = _extended(model.users_, pairs.users.subset(user_rows), "user")
    space, n_terms, n_unknown = _with_content(model, pairs.items.subset(active), items)
    all_items = _extended(model.items_, pairs.items.subset(active), "item")
    order = np.concatenate([space.ids.rows(all_items.keys, "item"), np.flatnonzero(all_items.find(space.ids.keys) < 0)])
    catalogue = _ordered(space, order, len(all_items))
    matrix, repeated = _merged(model, pairs, all_users, all_items, newest)
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
    times = _merged_times(model, pairs, all_users, all_items, matrix)
    return Growth(Prepared(data, features, _columns(model, all_users, users), data), catalogue, added, seen, newest, times)


def _aged(model: Core, new: Interactions) -> tuple[Interactions, int]:
    """Return new pairs with the weights that they have by their age, and the time of the newest event of old and new ones."""
    if model.half_life_ is None or not new.n_pairs:
        return new, model.newest_
    if new.times is None:
        raise UsageError(
            "the model was fitted with a half-life, so that new events need a time each; name the column with time= (--time)"
        )
    newest = max(model.newest_, int(new.times.max()))
    return faded_pairs(new, newest, model.half_life_), newest


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
    features = stack_vectors(space.features, fresh)
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


def _merged(model: Core, new: Interactions, users: IdMap, items: IdMap, newest: int) -> tuple[csr_array, int]:
    """Return old and new pairs with their weights at a time, and how many new pairs were known."""
    old = model.histories_
    weights = np.ones(old.nnz, np.float32) if model.weights_ is None else model.weights_
    if model.half_life_ is not None and newest > model.newest_:
        weights = aged(weights, fading(np.array([model.newest_]), newest, model.half_life_))
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


def _merged_times(model: Core, new: Interactions, users: IdMap, items: IdMap, matrix: csr_array) -> NDArray[Any] | None:
    """Return when each old or new pair happened, the later time of a pair that happened twice; None where no time is known."""
    if model.times_ is None and (new.times is None or not new.n_pairs):
        return None
    keys = _places(matrix, np.arange(len(users)), np.arange(len(items)), len(items))
    unknown = np.iinfo(np.int64).min  # before any time, also those before 1970
    found = np.full(matrix.nnz, unknown)
    if model.times_ is not None:
        old = model.histories_
        found[np.searchsorted(keys, _places(old, np.arange(old.shape[0]), np.arange(old.shape[1]), len(items)))] = np.where(
            model.times_ == 0, unknown, model.times_.astype(np.int64)
        )
    if new.times is not None:
        at = _places(new.matrix, users.find(new.users.keys), items.find(new.items.keys), len(items))
        np.maximum.at(found, np.searchsorted(keys, at), new.times)
    return compact_times(np.where(found == unknown, 0, found))


def _places(pairs: csr_array, users: Rows, items: Rows, n_items: int) -> Rows:
    """Return the place of each stored pair in a matrix of all users and items, row by row."""
    return np.asarray(np.repeat(users, np.diff(pairs.indptr)) * np.int64(n_items) + items[pairs.indices], np.int64)


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
    both = stack_vectors(stored, fresh)
    source = np.where(np.arange(len(users)) < len(model.users_), np.arange(len(users)), -1)
    source[rows] = len(model.users_) + np.arange(len(rows))
    there = np.flatnonzero(source >= 0)
    place = csr_array((np.ones(len(there), np.float32), (there, source[there])), shape=(len(users), both.shape[0]))
    whole = place @ both
    return csr_array(whole) if issparse(whole) else np.asarray(whole, np.float32)
