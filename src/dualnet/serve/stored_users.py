"""Vectors of everybody with a stored history: made when someone first asks for the users of an item, then kept up."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from ..errors import UnknownIdError, listing
from ..ids import Key, Rows
from ..models.base import Recommender
from ..models.catalogue import stored_vectors
from ..retrieval.catalogue import ScoredUsers, Weights
from ..retrieval.topk import inner_products
from ..retrieval.vectors import Vectors, stack_vectors
from .append_only import GrowingVectors
from .catalogue import Lineage, LiveCatalogue

MOST_STALE = 0.5  # share of outdated rows at which the vectors of changed histories are made anew


@dataclass(frozen=True)
class _Grown:
    """Position of the vector of a grown history, and the objects it was computed from, compared by identity."""

    row: int  # -1 for a history that the model can make nothing of
    trained: int  # the user's own row in the model, with columns; -1 for somebody new, also under the id of who was forgotten
    history: bytes
    lineage: Lineage
    events: tuple[int, ...]
    gone: frozenset[int] | None
    moved: Mapping[int, int]

    def is_of(self, catalogue: LiveCatalogue, key: Key) -> bool:
        """Whether nothing that the history depends on has changed."""
        same = self.events is catalogue.events[key] and self.gone is catalogue.gone.get(key)
        return same and self.lineage is catalogue.lineage and self.moved is catalogue.moved

    def reads_as(self, other: _Grown) -> bool:
        """Whether another history gives the same vector: the same items of the same person."""
        return self.lineage is other.lineage and self.history == other.history and self.trained == other.trained


class StoredUsers:
    """Vectors of the users a model was trained on, and of those whose histories have grown since.

    Parameters
    ----------
    model : Recommender
        The served model.
    """

    def __init__(self, model: Recommender) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._base: Vectors = None
        self._by_item: csr_array | None = None
        self._seen_by_item: csr_array | None = None
        self._grown: dict[Key, _Grown] = {}
        self._vectors: GrowingVectors | None = None
        self._used = 0

    def scores(self, catalogue: LiveCatalogue, item: Vectors, row: int | None) -> ScoredUsers:
        """Return the scores of an item, shape (1, width), for everybody, and who read, saw or disliked it, if it has a row."""
        with self._lock:
            self._encode_base()
            self._encode_grown(catalogue)
            users, n_base, stored_row = self._model.users_, len(self._model.users_), catalogue.trained_row
            scores = [inner_products(self._base, item)[:, 0]]
            later = {key: kept.row for key in catalogue.events if (kept := self._grown[key]).row >= 0}
            if later and self._vectors is not None:
                grown = inner_products(self._vectors.view(self._used), item)[:, 0]
                for key, kept_at in later.items():
                    if (at := stored_row(key)) >= 0:
                        scores[0][at] = grown[kept_at]
                new = [key for key in later if stored_row(key) < 0]
                scores.append(grown[[later[key] for key in new]])
            else:
                new = []
            readers = [] if row is None else [*self._readers(catalogue, row, new), *self._seen_by(catalogue, row, new)]

        everybody = np.concatenate(scores)
        away = [*users.find(list(catalogue.forgotten)).tolist(), *self._silent(catalogue)]
        there = np.delete(np.arange(len(everybody)), away)  # places that may be listed
        place_of = np.full(len(everybody) + 1, -1)  # the last stands for nobody
        place_of[there] = np.arange(len(there))

        def keys(places: Rows) -> list[Key]:
            return [users.key(row) if row < n_base else new[row - n_base] for row in there[places].tolist()]

        def find(wanted: Sequence[Key]) -> Rows:
            later_on = {key: n_base + at for at, key in enumerate(new)}
            rows = [later_on.get(catalogue.user_key(key), stored_row(key)) for key in wanted]
            unknown = [key for key, row in zip(wanted, rows, strict=True) if row < 0 and not catalogue.has_user(key)]
            if unknown:
                raise UnknownIdError(f"unknown user {listing(unknown)}")
            places = place_of[rows]  # of some users nothing can be read: they have no place
            return places[places >= 0]

        found = place_of[np.array(readers, np.int64)]
        return ScoredUsers(everybody[there], found[found >= 0], keys, find)

    def _encode_base(self) -> None:
        if self._base is not None:
            return
        self._base = stack_vectors(*stored_vectors(self._model))
        self._by_item = csr_array(self._model.histories_.T)
        self._seen_by_item = None if self._model.seen_ is None else csr_array(self._model.seen_.T)

    def _encode_grown(self, catalogue: LiveCatalogue) -> None:
        """Encode anew whoever has another history than when last encoded; nobody of whose history nothing can be read."""
        for key in self._grown.keys() - catalogue.events.keys():  # forgotten, or in a later view alone
            del self._grown[key]
        changed: dict[Key, _Grown] = {}
        histories: list[Rows] = []
        weights: list[Weights] = []
        for key, events in catalogue.events.items():
            kept = self._grown.get(key)
            if kept is not None and kept.is_of(catalogue, key):
                continue
            rows = catalogue.history(key)
            counts = catalogue.history_weights(key, rows)
            readable = len(rows) > 0 if catalogue.reads_new else bool((catalogue.known[rows] >= 0).any())
            made = _Grown(
                -1,
                catalogue.trained_row(key),
                rows.tobytes() + (b"" if counts is None else counts.tobytes()),
                catalogue.lineage,
                events,
                catalogue.gone.get(key),
                catalogue.moved,
            )
            row = kept.row if kept is not None and kept.reads_as(made) else -1
            made = replace(made, row=row)
            if row < 0 and readable:
                changed[key] = made
                histories.append(rows)
                weights.append(counts)
            else:
                self._grown[key] = made
        if not changed:
            return
        if self._used > 64 and (self._used - len(self._grown)) > MOST_STALE * self._used:
            self._grown, self._vectors, self._used = {}, None, 0
            self._encode_grown(catalogue)
            return
        fresh = catalogue.encode_histories(histories, None, [catalogue.stored_columns(key) for key in changed], weights)
        if self._vectors is None:
            self._vectors = GrowingVectors(fresh)
        else:
            self._vectors.write(self._used, fresh)
        for place, (key, made) in enumerate(changed.items()):
            self._grown[key] = replace(made, row=self._used + place)
        self._used += len(changed)

    def _silent(self, catalogue: LiveCatalogue) -> list[int]:
        """Return the places of users of the model of whom so much was taken back that nothing can be read any more."""
        places = [catalogue.trained_row(key) for key in catalogue.gone if self._grown[key].row < 0]
        return [place for place in places if place >= 0]

    def _readers(self, catalogue: LiveCatalogue, row: int, new: list[Key]) -> list[int]:
        """Return places of users whose history holds the item of a row."""
        readers: list[int] = []
        known = int(catalogue.known[row])
        if known >= 0:
            assert self._by_item is not None
            stored = self._by_item.indices[self._by_item.indptr[known] : self._by_item.indptr[known + 1]]
            readers += self._without_gone(catalogue, row, stored).tolist()
        place = {key: len(self._model.users_) + at for at, key in enumerate(new)}
        for key, events in catalogue.events.items():
            if any(catalogue.now_at(event) == row for event in events):
                at = place[key] if key in place else catalogue.trained_row(key)
                if at >= 0:  # a new user of whom nothing can be read is in no list
                    readers.append(at)
        return readers

    def _seen_by(self, catalogue: LiveCatalogue, row: int, new: list[Key]) -> set[int]:
        """Return places of users who saw or disliked the item of a row."""
        place = {key: len(self._model.users_) + at for at, key in enumerate(new)}
        found: set[int] = set()
        base = int(self._model.catalogue_.ids.find([catalogue.lineage.ids[row]])[0])
        by_item = self._seen_by_item
        if by_item is not None and 0 <= base < by_item.shape[0]:
            stored = by_item.indices[by_item.indptr[base] : by_item.indptr[base + 1]]
            found.update(self._without_gone(catalogue, row, stored).tolist())
        for key, others in catalogue.others.items():
            at = place[key] if key in place else catalogue.trained_row(key)
            if at < 0:  # in no list
                continue
            for told, kind in others.items():
                if catalogue.now_at(told) == row:
                    (found.discard if kind == "none" else found.add)(at)
        return found

    def _without_gone(self, catalogue: LiveCatalogue, row: int, places: Rows) -> Rows:
        """Return the places of users of the model of whom the item of a row was not taken back."""
        back = [key for key, rows in catalogue.gone.items() if row in rows]
        return np.setdiff1d(places, self._model.users_.find(back)) if back else places
